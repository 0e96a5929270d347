"""Writes pairs so that no crash loses one: a journal line each, sealed into small Parquet parts.

    open-NAME.jsonl     the journal of the part being filled: one row a line, locked by its writer
    pairs-NAME.parquet  a sealed part: written under a temporary name, synced, renamed; never half a file

A pair whose `write` returned survives kill -9: its journal is sealed by the next writer, and readers read
journals as well. Only a power cut can take the journal's last unsynced seconds. Files are 0600, the directory
is 0700. A full disk stops the capture, never the product: see `Status`.
"""

import fcntl
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from understudy.capture import retention
from understudy.capture.redact import Redaction, Redactor, Withheld, compiled, redact
from understudy.capture.row import Row, from_json, schema, to_json, to_row
from understudy.errors import ConfigError
from understudy.pair import Pair
from understudy.score import Score

log = logging.getLogger(__name__)

SWEEP_S = 60.0
"""Pause between sweeps when no part is sealed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The [capture] section."""

    directory: str = "captures"
    """Where the parts lie; relative to the state directory."""
    content: bool = False
    """Keep texts and raw requests. False keeps counts and scores only."""
    votes: bool = False
    """Keep the votes too, in `votes` below the state directory: `understudy drift` judges them again."""
    redactions: tuple[Redaction, ...] = ()
    """Applied in order to every text before it reaches disk."""
    hash_key: str = ""
    """Key of the hash redactor; empty: a fresh one at every start."""
    part_pairs: int = 1_000
    """Pairs in one Parquet part."""
    part_s: float = 60.0
    """Seconds after which a part is sealed however few pairs it holds."""
    part_bytes: int = 32 << 20
    """Journal bytes after which a part is sealed."""
    keep_days: float = 7.0
    """Parts older than this are deleted."""
    max_bytes: int = 10 << 30
    """The oldest parts are deleted until the rest fits."""
    retry_s: float = 30.0
    """After a failed write the capture stops this long before it tries again."""

    def __post_init__(self) -> None:
        for name in ("part_pairs", "part_s", "part_bytes", "keep_days", "max_bytes", "retry_s"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"capture.{name} is {getattr(self, name)}; give a value above 0")


class State(StrEnum):
    """Whether pairs reach the disk."""

    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Status:
    """What became of the pairs handed in; counts since this writer started."""

    state: State
    reason: str
    """Why it stopped; empty while it runs."""
    written: int
    dropped: int
    """Pairs that came while it was stopped."""
    withheld: int
    """Pairs whose texts a redactor dropped; their counts and scores were kept."""
    redaction_errors: int
    """Pairs whose texts were withheld because a redactor failed."""
    recovered: int
    """Pairs sealed from the journals of writers that died."""
    parts: int
    expired: int
    """Parts deleted by age or size."""


class ParquetCapture:
    """A capture directory's writer; several may share one. Blocking, for one thread at a time."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        clock: Callable[[], int] = time.time_ns,
        redactors: Sequence[Redactor] | None = None,
    ) -> None:
        """Open the directory, and seal what dead writers left.

        `redactors` stand in for those of the settings (third parties, tests).

        Raises:
            ConfigError: the directory cannot be made or written.
        """
        self.settings = settings or Settings()
        self.directory = Path(self.settings.directory)
        self._clock = clock
        key = (self.settings.hash_key or secrets.token_hex()).encode()
        self._redactors = compiled(self.settings.redactions, key) if redactors is None else tuple(redactors)
        self._rows: list[Row] = []
        self._journal: int | None = None
        self._journal_bytes = 0
        self._name = ""
        self._opened_ns = 0
        self._sequence = 0
        self._stopped = ""
        self._stopped_ns = 0
        self._swept_ns = 0
        self._written = self._dropped = self._withheld = self._errors = 0
        self._recovered = self._parts = self._expired = 0
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.directory.chmod(0o700)
            self._recover()
        except OSError as error:
            raise ConfigError(
                f"capture.directory {self.directory}: {error.strerror}; give a directory that can be written"
            ) from None

    @property
    def status(self) -> Status:
        """Counts and whether pairs reach the disk."""
        return Status(
            state=State.STOPPED if self._stopped else State.RUNNING,
            reason=self._stopped,
            written=self._written,
            dropped=self._dropped,
            withheld=self._withheld,
            redaction_errors=self._errors,
            recovered=self._recovered,
            parts=self._parts,
            expired=self._expired,
        )

    def write(self, pairs: Iterable[tuple[Pair, Sequence[Score]]] = ()) -> int:
        """Keep the pairs; returns how many. Never raises for the disk: see `status`.

        Call it without pairs now and then, so that a quiet part is sealed in time.
        """
        now = self._clock()
        if self._stopped and now - self._stopped_ns < self.settings.retry_s * 1e9:
            self._dropped += sum(1 for _ in pairs)
            return 0
        kept = 0
        for pair, scores in pairs:
            row = self._row(pair, scores)
            with self._disk(now):
                self._append(row, now)
                kept += 1
                continue
            self._dropped += 1
        self._written += kept
        full = len(self._rows) >= self.settings.part_pairs or self._journal_bytes >= self.settings.part_bytes
        if self._rows and (full or now - self._opened_ns >= self.settings.part_s * 1e9):
            self.seal()
        elif abs(now - self._swept_ns) >= SWEEP_S * 1e9:  # what is too old goes without traffic as well
            with self._disk(now):
                self._sweep(now)
        return kept

    def seal(self) -> None:
        """Turn the open journal into a Parquet part, then let retention sweep."""
        now = self._clock()
        with self._disk(now):
            if self._rows:
                _seal(self.directory, self._name, self._rows)
                self._parts += 1
            self._forget()
            self._sweep(now)

    def close(self) -> None:
        """Seal and release; the writer may be used again."""
        self.seal()
        if self._journal is not None:  # the seal failed: the journal stays for the next writer
            os.close(self._journal)
            self._journal = None
            self._rows = []

    def _sweep(self, now: int) -> None:
        self._swept_ns = now
        swept = retention.sweep(
            self.directory, now, keep_days=self.settings.keep_days, max_bytes=self.settings.max_bytes
        )
        self._expired += sum(swept.values())

    def _row(self, pair: Pair, scores: Sequence[Score]) -> Row:
        content = self.settings.content
        if content:
            try:
                pair, scores = redact(pair, scores, self._redactors)
            except Withheld as withheld:
                content = False
                self._withheld += 1
                self._errors += withheld.failed
                if withheld.failed:
                    log.warning("a redactor failed on a pair; its texts are withheld", exc_info=True)
        return to_row(pair, scores, content=content)

    def _append(self, row: Row, now: int) -> None:
        line = json.dumps(to_json(row), separators=(",", ":")).encode() + b"\n"
        if self._journal is None:
            self._sequence += 1
            self._name = f"{now:020d}-{os.getpid()}-{self._sequence:06d}"
            path = _journal(self.directory, self._name)
            self._journal = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            fcntl.flock(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._opened_ns, self._journal_bytes = now, 0
        try:
            done = os.write(self._journal, line)
            while done < len(line):
                done += os.write(self._journal, line[done:])
        except OSError:
            os.ftruncate(self._journal, self._journal_bytes)  # half a line must not precede a whole one
            raise
        self._journal_bytes += len(line)
        self._rows.append(row)

    def _forget(self) -> None:
        if self._journal is not None:
            _journal(self.directory, self._name).unlink(missing_ok=True)
            os.close(self._journal)
            self._journal = None
        self._rows, self._journal_bytes = [], 0

    @contextmanager
    def _disk(self, now: int) -> Iterator[None]:
        """Any failure of the disk inside stops the capture for a while; a success lets it run again."""
        try:
            yield
        except Exception as error:  # polars maps some OSErrors to its own
            why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            if not self._stopped:
                log.error("capture stopped: %s: %s", self.directory, why)
            self._stopped, self._stopped_ns = why or type(error).__name__, now
        else:
            if self._stopped:
                log.info("capture runs again: %s", self.directory)
            self._stopped = ""

    def _recover(self) -> None:
        """Seal the journals of writers that died; a live writer holds the lock of its own."""
        for path in sorted(self.directory.glob("open-*.jsonl")):
            name = path.name.removeprefix("open-").removesuffix(".jsonl")
            try:
                journal = os.open(path, os.O_RDWR)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
                rows = [] if _part(self.directory, name).exists() else _whole(path)
                if rows:
                    _seal(self.directory, name, rows)
                    self._recovered += len(rows)
                    self._parts += 1
                path.unlink(missing_ok=True)
            except BlockingIOError:
                continue
            finally:
                os.close(journal)
        for stale in self.directory.glob(".pairs-*.tmp"):
            name = stale.name.removeprefix(".pairs-").removesuffix(".parquet.tmp")
            if not _journal(self.directory, name).exists():
                stale.unlink(missing_ok=True)


def _whole(path: Path) -> list[Row]:
    """The rows before the first damaged one: a power cut may leave anything in the unsynced end."""
    rows: list[Row] = []
    try:
        rows.extend(journal_rows(path))
    except (ValueError, KeyError, TypeError) as error:
        log.warning("%s: damaged after %d rows: the rest is lost (%s)", path, len(rows), type(error).__name__)
    return rows


def journal_rows(path: Path) -> Iterator[Row]:
    """The whole rows of a journal. A last line without its end is a write that never returned: left out."""
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                yield from_json(json.loads(line))


def _journal(directory: Path, name: str) -> Path:
    return directory / f"open-{name}.jsonl"


def _part(directory: Path, name: str) -> Path:
    return directory / f"pairs-{name}.parquet"


def _seal(directory: Path, name: str, rows: Sequence[Row]) -> None:
    import polars as pl

    frame = pl.DataFrame(list(rows), schema=schema(), orient="row")
    temporary = directory / f".pairs-{name}.parquet.tmp"
    handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        frame.write_parquet(file)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(_part(directory, name))
    folder = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
