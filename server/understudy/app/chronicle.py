"""What is written down and told of changes, alerts and decisions: files, the audit record, whoever watches."""

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from understudy.alert import Alert
from understudy.analysis.outputs import plain
from understudy.app.troubles import Troubles
from understudy.audit import AuditLog
from understudy.drift.verdict import Change
from understudy.errors import UnderstudyError
from understudy.rollback import Signal
from understudy.service import convert
from understudy.service.signals import SignalServicer
from understudy.v1.signals_pb2 import SignalEvent

log = logging.getLogger(__name__)

RECENT = 500
"""Changes kept for the status."""


class Chronicle:
    """verdicts.jsonl, audit.jsonl and SignalService."""

    def __init__(self, directory: Path, troubles: Troubles) -> None:
        self._verdicts = directory / "verdicts.jsonl"
        self._audit = AuditLog(directory / "audit.jsonl", time.time_ns())
        self._auditing = asyncio.Lock()
        self._troubles = troubles
        self.service = SignalServicer()
        self.changes: deque[dict[str, Any]] = deque(_tail(self._verdicts), maxlen=RECENT)

    def restored(self, changes: Sequence[Change]) -> None:
        """Record what the journal brought back, less what was recorded before the restart."""
        known = {_key(one) for one in self.changes}
        for change in changes:
            if _key({"was": str(change.was), **plain(change.verdict)}) not in known:
                self.record(change)

    def record(self, change: Change) -> None:
        """Write a change of verdict down and tell it."""
        now = time.time_ns()
        told = {
            "ts": now / 1e9,
            "was": str(change.was),
            "was_tier": str(change.was_tier),
            **plain(change.verdict),
        }
        self.changes.append(told)
        with self._troubles.tried("verdicts.jsonl"):
            self._verdicts.touch(mode=0o600)
            with self._verdicts.open("a") as file:
                file.write(json.dumps(told) + "\n")
        self.service.publish(SignalEvent(ns=now, verdict=convert.verdict_to_proto(change.verdict)))

    def tell(self, alerts: Sequence[Alert], signal: Signal | None) -> None:
        """Tell those who watch."""
        now = time.time_ns()
        for alert in alerts:
            self.service.publish(SignalEvent(ns=now, alert=convert.alert_to_proto(alert)))
        if signal is not None:
            self.service.publish(SignalEvent(ns=now, signal=convert.signal_to_proto(signal)))

    async def decided(self, signal: Signal, blocked: Sequence[str]) -> None:
        """Put a decision into the audit record."""
        told = {
            "action": signal.action.value,
            "reason": signal.reason.value,
            "alerts": list(signal.alerts),
            "detail": signal.detail,
            "blocked_by": list(blocked),
        }
        await self.audit("decision", told)

    async def audit(self, kind: str, data: Mapping[str, Any]) -> None:
        """Append to the hash chain, which has one writer; what cannot be written is at least logged."""
        try:
            async with self._auditing:
                await asyncio.to_thread(self._audit.append, kind, data, time.time_ns())
        except UnderstudyError as error:
            log.error("not in the audit record: %s %s: %s", kind, data, error)

    def close(self) -> None:
        """Write the end down."""
        with suppress(UnderstudyError):
            self._audit.append("stopped", {}, time.time_ns())
        self._audit.close()


def _key(told: Mapping[str, Any]) -> tuple[Any, ...]:
    lane = told["lane"]
    names = ("tick", "slice", "metric", "was", "state", "tier")
    return (lane["baseline"], lane["candidate"], *(told[name] for name in names))


def _tail(path: Path) -> list[dict[str, Any]]:
    """The newest changes written by an earlier controller; a half-written line is passed over."""
    told: list[dict[str, Any]] = []
    with suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (1 << 20)))
        for line in file.read().splitlines()[-RECENT:]:
            with suppress(ValueError):
                told.append(json.loads(line))
    return [one for one in told if isinstance(one, dict) and "lane" in one]
