"""An append-only, hash-chained record of decisions, as JSON Lines.

Each line is {"seq", "ns", "kind", "data", "prev", "hash"}; `hash` is the SHA-256 of the line's canonical JSON
without it, `prev` the hash before. Changing, inserting or removing a line breaks the chain where it happened;
cutting whole lines off the end is seen only by who kept the last hash. A line torn by a crash stays in the file
and is followed by a `torn` record that names its length and digest, so a repair is never silent.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.errors import DataError

GENESIS = "0" * 64
TORN = "torn"
"""Kind of the record that marks a half-written line before it."""
DAMAGED = "damaged"
"""Kind of the record that says the chain was found broken when the file was opened."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What reading the whole chain showed."""

    ok: bool
    records: int
    """Records that chain, up to the first break."""
    head: str
    """Hash of the last record that chains."""
    line: int = 0
    """Line of the first break, from 1; 0: none."""
    reason: str = ""
    torn: int = 0
    """Half-written lines, each marked by the record after it."""


class AuditLog:
    """One writer of one file; a second one is refused. Mode 0600, every record on disk before `append` returns.

    Appending blocks for an fsync, so an event loop calls it in a thread.
    """

    def __init__(self, path: Path, ns: int) -> None:
        self.path = path
        self._fd = -1
        self._open(ns)

    def append(self, kind: str, data: Mapping[str, Any], ns: int) -> str:
        """Write a record and return its hash. Raises DataError when it could not be made durable."""
        if self._fd < 0:
            # The last write failed half-way: look at the file anew and mark what is torn.
            self._open(ns)
        return self._append(kind, data, ns)

    def close(self) -> None:
        """Give the file back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self, ns: int) -> None:
        try:
            new = not self.path.exists()
            self._fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.fchmod(self._fd, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if new:
                # The name itself must survive a power cut.
                folder = os.open(self.path.parent, os.O_RDONLY)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
            content = self.path.read_bytes()
        except BlockingIOError:
            self.close()
            raise DataError(
                f"audit log {self.path}: another process writes it; stop that one first"
            ) from None
        except OSError as error:
            self.close()
            raise DataError(f"audit log {self.path}: {error.strerror}") from None
        found = _verify(content)
        self._prev, self._seq = _tail(content, found)
        if content and not content.endswith(b"\n"):
            self._write(b"\n")
        if found.reason == _UNMARKED:
            self._append(TORN, _marks(content.rstrip(b"\n").split(b"\n")[found.line - 1 :]), ns)
        if found.line and found.reason != _UNMARKED:
            self._append(DAMAGED, {"line": found.line, "reason": found.reason}, ns)

    def _append(self, kind: str, data: Mapping[str, Any], ns: int) -> str:
        body = {"seq": self._seq, "ns": ns, "kind": kind, "data": dict(data), "prev": self._prev}
        try:
            digest = _digest(body)
        except (TypeError, ValueError) as error:
            raise DataError(f"audit record {kind!r} is not JSON: {error}") from None
        self._write(_canonical({**body, "hash": digest}) + b"\n")
        self._prev, self._seq = digest, self._seq + 1
        return digest

    def _write(self, line: bytes) -> None:
        try:
            view = memoryview(line)
            while view:
                view = view[os.write(self._fd, view) :]
            os.fsync(self._fd)
        except OSError as error:
            self.close()
            raise DataError(f"audit log {self.path}: cannot write: {error.strerror}") from None


def verify(path: Path, head: str = "") -> Verification:
    """Read the chain and say whether it is whole, or where it first breaks.

    `head`, when given, is a hash kept elsewhere that must occur: it shows lines cut off the end.
    Raises DataError when the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"audit log {path}: {error.strerror}") from None
    found = _verify(content)
    if found.ok and head and f'"{head}"'.encode() not in content:
        lines = content.count(b"\n")
        return Verification(False, found.records, found.head, lines + 1, "the expected head is missing")
    return found


_UNMARKED = "half-written line without a mark"


def _verify(content: bytes) -> Verification:
    prev, records, torn = GENESIS, 0, 0
    pending: list[bytes] = []
    """Lines that are no records, until a record marks them (several: a crash may also tear the mark)."""
    lines = content.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        record = _record(line)
        if record is None:
            pending.append(line)
            continue
        if pending:
            if record["kind"] != TORN or record["data"] != _marks(pending):
                return Verification(False, records, prev, number - len(pending), "not a record", torn)
            torn += len(pending)
            pending = []
        if record["prev"] != prev:
            return Verification(False, records, prev, number, "does not follow the line before", torn)
        if record["seq"] != records:
            return Verification(False, records, prev, number, "wrong sequence number", torn)
        prev, records = record["hash"], records + 1
    if pending:
        return Verification(False, records, prev, len(lines) - len(pending) + 1, _UNMARKED, torn)
    return Verification(True, records, prev, torn=torn)


def _marks(lines: list[bytes]) -> dict[str, Any]:
    """What the mark of half-written lines says: their lengths in bytes and their digests."""
    return {"lines": [[len(line), hashlib.sha256(line).hexdigest()] for line in lines]}


def _tail(content: bytes, found: Verification) -> tuple[str, int]:
    """Where a new record joins on: after a break, behind the last line that is a record at all."""
    if found.line and found.reason != _UNMARKED:
        for line in reversed(content[: content.rfind(b"\n") + 1].split(b"\n")):
            record = _record(line)
            if record is not None:
                return record["hash"], record["seq"] + 1
    return found.head, found.records


def _record(line: bytes) -> dict[str, Any] | None:
    """Return the record a line holds, or None when it is none or does not match its own hash."""
    try:
        record = json.loads(line)
        if not isinstance(record, dict) or set(record) != {"seq", "ns", "kind", "data", "prev", "hash"}:
            return None
        body = {key: record[key] for key in ("seq", "ns", "kind", "data", "prev")}
        if line != _canonical(record) or _digest(body) != record["hash"]:
            return None
        return record
    except (ValueError, RecursionError):
        return None


def _canonical(record: Mapping[str, Any]) -> bytes:
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode()


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(body)).hexdigest()
