"""What is written down and told of changes, alerts and decisions: files, the audit record, whoever watches."""

import asyncio
import errno
import json
import logging
import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from understudy.alert import Alert
from understudy.app.troubles import Troubles
from understudy.audit import AuditLog
from understudy.config import Config
from understudy.drift.verdict import Change
from understudy.errors import UnderstudyError
from understudy.pipeline.evidence import Switch
from understudy.rollback import Signal
from understudy.service import convert
from understudy.service.signals import SignalServicer
from understudy.v1.signals_pb2 import SignalEvent
from understudy.votes import lines
from understudy.votes.record import Record

log = logging.getLogger(__name__)

RECENT = 500
"""Changes kept for the status."""
UNWRITTEN = 10_000
"""Lines that may wait for a disk that refuses them."""
BLOCK = 1 << 20
"""Bytes of verdicts.jsonl that are read back at one time."""
_IDENTITY = ("lane", "slice", "metric", "tick", "from", "to", "from_tier", "tier")
"""Which change a line tells of; an upgrade may compute the last digit of its numbers otherwise."""


class Chronicle:
    """verdicts.jsonl, audit.jsonl and SignalService.

    verdicts.jsonl follows from the votes alone, line for line: a line is written once, also when the process was
    killed before it had written it and the journal brings the change back.
    """

    def __init__(self, directory: Path, troubles: Troubles, tick_s: float) -> None:
        """`tick_s` is the length of a tick: a line's time is the end of its tick."""
        self._verdicts = directory / "verdicts.jsonl"
        self._tick_s = tick_s
        self._unwritten: deque[bytes] = deque(maxlen=UNWRITTEN)
        self._audit = AuditLog(directory / "audit.jsonl", time.time_ns())
        self._auditing = asyncio.Lock()
        self._troubles = troubles
        self.service = SignalServicer()
        with troubles.tried("verdicts.jsonl"):
            _cut(self._verdicts)
        self.changes: deque[dict[str, Any]] = deque(_newest(self._verdicts), maxlen=RECENT)

    def restored(self, changes: Sequence[Change]) -> None:
        """Record what the journal brought back, less what was recorded before the restart."""
        if changes:
            known = _since(self._verdicts, min(change.tick for change in changes))
            for change in changes:
                if _identity(lines.changed(change, self._tick_s)) not in known:
                    self.record(change)

    def record(self, change: Change) -> None:
        """Write a change of verdict down and tell it."""
        now = time.time_ns()
        told = lines.changed(change, self._tick_s)
        self.changes.append(told | {"told_ns": now})
        self._unwritten.append(lines.text(told).encode())
        self._write()
        self.service.publish(SignalEvent(ns=now, verdict=convert.verdict_to_proto(change.verdict)))

    def _write(self) -> None:
        with self._troubles.tried("verdicts.jsonl"):
            _append(self._verdicts, b"".join(self._unwritten))
            self._unwritten.clear()

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

    async def switched(self, switch: Switch | None) -> None:
        """Say what evidence is measured by now, where it was measured by something else before."""
        if switch is None:
            return
        for what, (before, now) in (("tolerances", switch.tolerances), ("analyzers", switch.analyzers)):
            if before != now:
                told = (what, before, now, switch.lanes)
                log.warning(
                    "%s changed from %s to %s: %d lanes of evidence are closed, and begin anew", *told
                )
        data = {"tolerances": list(switch.tolerances), "analyzers": list(switch.analyzers)}
        await self.audit("rules", {**data, "lanes_closed": switch.lanes})

    async def audit(self, kind: str, data: Mapping[str, Any]) -> None:
        """Append to the hash chain, which has one writer; what cannot be written is at least logged."""
        try:
            async with self._auditing:
                await asyncio.to_thread(self._audit.append, kind, data, time.time_ns())
        except UnderstudyError as error:
            log.error("not in the audit record: %s %s: %s", kind, data, error)

    def close(self) -> None:
        """Write the end down."""
        if self._unwritten:
            self._write()
        with suppress(UnderstudyError):
            self._audit.append("stopped", {}, time.time_ns())
        self._audit.close()


def recorder(config: Config) -> Record | None:
    """Where the votes of a deployment are kept; None = nowhere.

    Raises:
        ConfigError: the directory cannot be made or written.
    """
    capture = config.capture
    if capture is None or not capture.votes:
        return None
    directory = Path(config.state_dir) / "votes"
    return Record(directory, keep_days=capture.keep_days, max_bytes=capture.max_bytes)


def _append(path: Path, data: bytes) -> None:
    """Add all of it or nothing: half a line would spoil the next.

    Raises:
        OSError: the disk refuses.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(handle).st_size
        if os.write(handle, data) != len(data):  # a full disk takes a part without an error
            os.ftruncate(handle, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(handle)


def _cut(path: Path) -> None:
    """See that the file is there, for its owner alone, and ends with a whole line.

    Raises:
        OSError: it cannot be written.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.fchmod(handle, 0o600)  # it may be there already, open to others
        size = os.fstat(handle).st_size
        start = max(0, size - BLOCK)
        end = os.pread(handle, BLOCK, start).rfind(b"\n") + 1
        if start + end < size and (end or not start):
            log.warning("%s: %d bytes of a half-written line cut off", path, size - start - end)
            os.ftruncate(handle, start + end)
    finally:
        os.close(handle)


def _read(path: Path, size: int) -> list[dict[str, Any]]:
    """Whole lines of the file's last bytes, those of this form."""
    found: list[dict[str, Any]] = []
    with suppress(OSError), path.open("rb") as file:
        begin = max(0, path.stat().st_size - size)
        file.seek(begin)
        for line in file.read().split(b"\n")[1 if begin else 0 :]:
            with suppress(ValueError):
                told = json.loads(line)
                if isinstance(told, dict) and "to" in told and "tick" in told:
                    found.append(told)
    return found


def _newest(path: Path) -> list[dict[str, Any]]:
    """The newest changes written by an earlier controller."""
    return _read(path, BLOCK)[-RECENT:]


def _identity(told: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple([str(told.get(name)) for name in _IDENTITY])


def _since(path: Path, tick: int) -> set[tuple[str, ...]]:
    """The changes told of in this tick and later ones; lines are in order of their ticks."""
    size = BLOCK
    while True:
        told = _read(path, size)
        try:
            whole = size >= path.stat().st_size
        except OSError:
            whole = True
        if whole or (told and told[0]["tick"] < tick):
            return {_identity(one) for one in told if one["tick"] >= tick}
        size *= 2
