"""What the evidence rests on, kept so that kill -9 at any moment loses no vote and counts none twice.

A generation N is a snapshot of the drift engine and the log of everything given to it since. Starting reads
the newest good snapshot and gives the engine the same entries in the same order, so it comes out the same.
The log goes to the kernel entry by entry (safe against our own death) and to the disk at every closed tick
(safe against the machine's).
"""

import errno
import logging
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from io import FileIO
from pathlib import Path

from understudy import durable
from understudy.errors import DataError

log = logging.getLogger(__name__)

HEAD = struct.Struct("!BII")
"""Kind, payload length, CRC-32 of the payload."""

KEPT = 2
"""Generations on disk: the newest snapshot could be the damaged one."""


class Kind(IntEnum):
    """What an entry holds."""

    SCORED = 1
    """A pair without its texts, and its scores: understudy.v1 PairScores behind a Pair, see pipeline.evidence."""
    CLOSED = 2
    """The number of a tick that was closed, as decimal text."""
    ANNOUNCED = 3
    """The name of an announced change."""
    DECLARED = 5
    """Cells named before their first vote: JSON [lane, [slices], [metrics]]."""
    RULES = 6
    """What evidence is measured by from here on, as JSON: the tolerances and the analyzers, see pipeline.evidence."""
    MISSING = 4
    """Pairs that were shed or lost: `tick outcome count` as text."""


KINDS = frozenset(kind.value for kind in Kind)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing given to the drift engine."""

    kind: Kind
    payload: bytes


class Journal:
    """Snapshots and logs in one directory (0700, files 0600)."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._generation = max((_number(p) for p in directory.glob("votes.*.log")), default=0)
        self._file = self._open(self._generation)

    def start(self) -> tuple[bytes | None, Iterator[Entry]]:
        """Return the newest good snapshot (None: from nothing) and every entry since it.

        Raises:
            DataError: snapshots exist and none is good while the logs before them are gone.
        """
        generations = sorted((_number(p) for p in self._directory.glob("votes.*.log")), reverse=True)
        for generation in generations:
            snapshot = self._snapshot(generation)
            if snapshot is not None or generation == 0:
                later = sorted(g for g in generations if g >= generation)
                return snapshot, (entry for g in later for entry in self._read(g))
        raise DataError(
            f"{self._directory}: no readable snapshot; restore the directory from a backup, or "
            "move it away to start the evidence anew"
        )

    def append(self, entry: Entry) -> None:
        """Hand an entry to the kernel.

        Raises:
            OSError: the disk did not take it; the log is as before.
        """
        _write(self._file, _packed(entry))

    def syncing(self) -> Callable[[], None]:
        """Return what waits, in any thread, until the disk has every entry there is now; call it once."""
        return partial(_sync, os.dup(self._file.fileno()))  # its own: a compaction may close ours meanwhile

    def compact(self, snapshot: bytes, entries: Iterable[Entry] = ()) -> None:
        """Begin a generation from this snapshot and these entries; forget those before the last.

        Raises:
            OSError: the disk did not take it; the generation before goes on.
        """
        generation = self._generation + 1
        path = self._directory / f"drift.{generation}.snapshot"
        later = self._directory / f"votes.{generation}.log"
        scratch, begun = path.with_suffix(".tmp"), later.with_suffix(".tmp")
        for target, data in (
            (scratch, struct.pack("!I", zlib.crc32(snapshot)) + snapshot),
            (begun, b"".join(map(_packed, entries))),
        ):
            with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        scratch.rename(path)
        durable.sync(self._directory)
        begun.rename(later)  # the generation is there once its log is: a snapshot without one is not read
        durable.sync(self._directory)
        following = self._open(generation)
        self._file.close()
        self._file, self._generation = following, generation
        for old in self._directory.glob("*.*.*"):
            if _number(old) <= generation - KEPT:
                old.unlink()

    def close(self) -> None:
        """Sync and close."""
        os.fsync(self._file.fileno())
        self._file.close()

    def _open(self, generation: int) -> FileIO:
        """Open a log for appending, cut after its last whole entry: a half one would hide what follows it."""
        path = self._directory / f"votes.{generation}.log"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        data = path.read_bytes()
        end = max((ends for _, _, ends in _entries(data)), default=0)
        if end < len(data):
            log.warning("%s: %d bytes of a half-written entry cut off", path, len(data) - end)
            os.ftruncate(handle, end)
        return FileIO(handle, "ab")

    def _snapshot(self, generation: int) -> bytes | None:
        try:
            data = (self._directory / f"drift.{generation}.snapshot").read_bytes()
        except FileNotFoundError:
            return None
        if len(data) >= 4 and struct.unpack("!I", data[:4])[0] == zlib.crc32(data[4:]):
            return data[4:]
        log.warning("snapshot %d of %s is damaged: using the one before it", generation, self._directory)
        return None

    def _read(self, generation: int) -> Iterator[Entry]:
        data = (self._directory / f"votes.{generation}.log").read_bytes()
        for kind, payload, _ in _entries(data):
            yield Entry(kind, payload)


def _packed(entry: Entry) -> bytes:
    return HEAD.pack(entry.kind, len(entry.payload), zlib.crc32(entry.payload)) + entry.payload


def _sync(handle: int) -> None:
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(file: FileIO, data: bytes) -> None:
    """Write all of it or nothing."""
    size = os.fstat(file.fileno()).st_size
    try:
        if file.write(data) != len(data):  # a full disk takes a part without an error
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        with suppress(OSError):
            os.ftruncate(file.fileno(), size)  # half an entry would hide those after it
        raise


def _number(path: Path) -> int:
    part = path.name.split(".")[1]
    return int(part) if part.isdecimal() else -1


def _entries(data: bytes) -> Iterator[tuple[Kind, bytes, int]]:
    """Whole, undamaged entries and where each ends; stops at the first that is not."""
    at = 0
    while at + HEAD.size <= len(data):
        kind, size, check = HEAD.unpack_from(data, at)
        payload = data[at + HEAD.size : at + HEAD.size + size]
        if len(payload) < size or zlib.crc32(payload) != check or kind not in KINDS:
            return
        at += HEAD.size + size
        yield Kind(kind), payload, at
