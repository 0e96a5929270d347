"""Alerts over a restart: what was told is neither told again as new nor forgotten."""

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from understudy.alert import Alert, Notice, Severity, State

log = logging.getLogger(__name__)


def save(path: Path, alerts: Sequence[Alert]) -> None:
    """Write the alerts, whole or not at all."""
    scratch = path.with_suffix(".tmp")
    with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump([asdict(alert) for alert in alerts], file)
        file.flush()
        os.fsync(file.fileno())
    scratch.rename(path)


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
