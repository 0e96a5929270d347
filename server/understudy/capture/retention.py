"""Which capture files have to go: a pure decision, and the edge that carries it out."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Why(StrEnum):
    """Why a file expired."""

    AGE = "age"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Part:
    """One finished capture file."""

    path: Path
    bytes: int
    newest_ns: int
    """Wall clock of its last write."""


def expired(
    parts: Sequence[Part], now_ns: int, *, keep_days: float, max_bytes: int
) -> tuple[tuple[Part, Why], ...]:
    """The parts to delete, oldest first: past the age, or until the rest fits `max_bytes`."""
    oldest_ns = now_ns - int(keep_days * 86_400e9)
    gone: list[tuple[Part, Why]] = []
    kept: list[Part] = []
    for part in sorted(parts, key=lambda part: (part.newest_ns, part.path.name)):
        if part.newest_ns < oldest_ns:
            gone.append((part, Why.AGE))
        else:
            kept.append(part)
    total = sum(part.bytes for part in kept)
    for part in kept:
        if total <= max_bytes:
            break
        gone.append((part, Why.BYTES))
        total -= part.bytes
    return tuple(gone)


def parts(directory: Path) -> tuple[Part, ...]:
    """The finished parts of a capture directory, in order of name, which is order of time."""
    found = []
    for path in sorted(directory.glob("pairs-*.parquet")):
        try:
            stat = path.stat()
        except FileNotFoundError:  # another sweep was faster
            continue
        found.append(Part(path, stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def sweep(directory: Path, now_ns: int, *, keep_days: float, max_bytes: int) -> dict[str, int]:
    """Delete what has expired. Returns reason -> files deleted."""
    counts: dict[str, int] = {}
    for part, why in expired(parts(directory), now_ns, keep_days=keep_days, max_bytes=max_bytes):
        part.path.unlink(missing_ok=True)
        counts[why] = counts.get(why, 0) + 1
    return counts
