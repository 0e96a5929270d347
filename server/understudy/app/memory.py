"""Alerts over a restart: what was told is neither told again as new nor forgotten."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from understudy import durable
from understudy.alert import Alert, Notice, Severity, State

log = logging.getLogger(__name__)


def save(path: Path, alerts: Sequence[Alert]) -> None:
    """Write the alerts, whole or not at all."""
    durable.write(path, json.dumps([asdict(alert) for alert in alerts]).encode())


def load(path: Path) -> list[Alert]:
    """Read what was saved; a damaged file costs a repeated message, never the start."""
    try:
        return [
            Alert(
                one["labels"],
                one["annotations"],
                State(one["state"]),
                Severity(one["severity"]),
                one["starts_ns"],
                one["ends_ns"],
                Notice(one["notice"]),
            )
            for one in json.loads(path.read_text())
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s cannot be read (%s): alerts that still hold are told again", path, error)
        return []
