"""Keeps a live run's votes, so that `understudy drift` can come to the very same verdicts.

    votes-NUMBER.parquet   rows of closed ticks, written under a scratch name, synced, renamed; never half a file

A tick's rows are taken over when it is closed, so what came too late is not among them. What was not yet written
when the process died comes back when its journal is read again; what was written is known by the last part's head
and not written twice. The directory is 0700, files are 0600; there are no texts in votes, only hashes and names.
"""

import logging
import math
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from understudy import durable
from understudy.capture.retention import Part, expired
from understudy.drift.tolerance import Tolerances
from understudy.drift.vote import ALL, EVERY, Vote
from understudy.errors import ConfigError, DataError, traced
from understudy.votes.form import CARRIES, CODES, COLUMNS, DECLARED, HEAD, Head, schema
from understudy.votes.part import head_of

if TYPE_CHECKING:
    import polars as pl

log = logging.getLogger(__name__)

PART_ROWS = 200_000
"""Rows after which a part is worth writing before its time."""
WAITING_ROWS = 1_000_000
"""Rows that may wait for a disk that refuses them; beyond it they are let go, and the parts show the gap."""


@dataclass(frozen=True, slots=True)
class _Missing:
    """Pairs of which only the number is known."""

    lane: str
    tick: int
    outcome: str
    count: int

    def __len__(self) -> int:
        return self.count


_Rows = Sequence[Vote] | _Missing
"""As they came: what columns cost is paid by the thread that writes them."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A part to be written."""

    held: list[_Rows]
    rows: int
    era: int
    new: bool
    after: int
    closed: int
    tolerances: Tolerances
    analyzers: str


class Record:
    """One writer of one directory. Everything but what `writing` returns is for the event loop's thread."""

    def __init__(
        self,
        directory: Path,
        *,
        keep_days: float = 7.0,
        max_bytes: int = 10 << 30,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """Open the directory and see what is written already.

        Raises:
            ConfigError: it cannot be made or written.
        """
        self.directory = directory
        self.rows = 0
        """Rows of closed ticks that no part was begun for."""
        self._keep_days, self._max_bytes, self._clock = keep_days, max_bytes, clock
        self._ready: list[_Rows] = []
        self._open: dict[int, list[_Rows]] = {}
        self._gap: list[list[Vote]] = []
        self._queue: deque[_Job] = deque()
        self._lock = Lock()
        self._refused = False
        self._era: tuple[int, bool, Tolerances, str] | None = None
        self._closed = self._after = -1
        self._muted = False
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
            for stale in directory.glob(".votes-*.tmp"):
                stale.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(
                f"capture.votes: {directory}: {error.strerror}; give a state_dir that can be written"
            ) from None
        self._last = _newest(directory)
        self._said = None if self._last is None else self._last.era
        """Era of the newest part."""
        self._number = max((_number(path) for path in directory.glob("votes-*.parquet")), default=0)

    @property
    def next_era(self) -> int:
        """The era of an engine that begins from nothing."""
        return 0 if self._last is None else self._last.era + 1

    @property
    def waiting(self) -> bool:
        """Whether a part waits for a disk that refused it: until it is written, the journal alone has its votes."""
        return bool(self._queue)

    # -- what the engine is given --------------------------------------------------------------------------

    def begin(self, era: int, tolerances: Tolerances, analyzers: str, closed: int, *, new: bool) -> None:
        """From here on these rules hold; `closed` is the last tick closed before (-1: none)."""
        if self._era is not None:
            self._cut()
        self._era = (era, new, tolerances, analyzers)
        self._open, self._gap, self._closed = {}, [], closed
        last = self._last
        self._muted = last is not None and era < last.era
        self._after = closed if last is None or era > last.era else max(closed, last.closed)

    def declared(self, lane: str, slices: Sequence[str], metrics: Sequence[str]) -> None:
        """Cells were named; the whole call is one declaration, because its cells share weights."""
        number = f"declaration {len(self._gap)}"
        self._gap.append(
            [
                Vote(0.0, slice_, metric, "", lane=lane, outcome=DECLARED, pair_id=number)
                for slice_ in slices
                for metric in metrics
            ]
        )

    def announced(self, marker: str) -> None:
        """A change was announced."""
        self._gap.append([Vote(0.0, "", "", "", marker=marker, outcome=DECLARED)])

    def votes(self, votes: Sequence[Vote]) -> None:
        """A pair's votes; those of a closed tick are late for the engine too, and left out."""
        if votes and (tick := math.floor(votes[0].ts / self._tick_s)) > self._closed:
            self._open.setdefault(tick, []).append(votes)

    def missing(self, lane: str, tick: int, outcome: str, count: int) -> None:
        """Pairs of which only the number is known, as `Drift.miss` takes them."""
        if count and tick > self._closed:
            self._open.setdefault(tick, []).append(_Missing(lane, tick, outcome, count))

    def closed(self, tick: int) -> None:
        """Every tick up to this one is final."""
        ticks = sorted(number for number in self._open if number <= tick)
        final: list[_Rows] = []
        if self._gap:
            # Named between two ticks: given again before the second. Before any tick: before the first there is.
            at = self._closed + 1 if self._closed >= 0 else min([*ticks, tick])
            final += self._named(at) if at > self._after else []
        for number in ticks:
            held = self._open.pop(number)
            if number > self._after:
                final += held
        if not self._muted:
            self._ready += final
            self.rows += sum(map(len, final))
        self._gap = []
        self._closed = max(self._closed, tick)

    # -- to the disk ---------------------------------------------------------------------------------------

    def writing(self, *, whole: bool = False) -> Callable[[], None]:
        """Take what is ready and return what writes it, in any thread; it never raises.

        `whole`: also a part without rows, so that the last closed tick and the present rules are known.
        """
        if self._ready or (whole and not self._muted and self._unsaid()):
            self._enqueue(self._ready)
        return self._drain

    @property
    def _tick_s(self) -> float:
        assert self._era is not None  # begun before anything is given
        return self._era[2].tick_s

    def _unsaid(self) -> bool:
        """Whether a part without rows would say something: ticks that were closed, or rules that changed."""
        assert self._era is not None
        return self._closed > self._after or (self._said is not None and self._era[0] > self._said)

    def _cut(self) -> None:
        """The rules change: what was given under the old ones is a part of its own, cells just named included."""
        if self._muted:
            self._ready, self.rows = [], 0
            return
        held = [*self._ready, *self._named(self._closed + 1)]
        if held or self._unsaid():
            self._enqueue(held)
        self._drain()

    def _enqueue(self, held: list[_Rows]) -> None:
        assert self._era is not None
        era, new, tolerances, analyzers = self._era
        job = _Job(held, sum(map(len, held)), era, new, self._after, self._closed, tolerances, analyzers)
        self._queue.append(job)
        self._ready, self.rows, self._said = [], 0, era
        self._after = max(self._after, self._closed)

    def _named(self, tick: int) -> list[_Rows]:
        """What was named and announced in the gap before a tick: rows at its beginning."""
        return [[replace(row, ts=tick * self._tick_s) for row in call] for call in self._gap]

    def _drain(self) -> None:
        with self._lock:
            while self._queue:
                job = self._queue[0]
                try:
                    path = self._write(job)
                except Exception as error:  # polars maps some OSErrors to its own
                    self._refuse(error)
                    return
                self._queue.popleft()
                if self._refused:
                    log.warning("%s: votes are written again", self.directory)
                self._refused = False
                self._sweep(path)

    def _write(self, job: _Job) -> Path:
        import polars as pl

        head = Head(self._number + 1, job.era, job.new, job.after, job.closed, job.tolerances, job.analyzers)
        rows = pl.concat(_frames(job))
        path = self.directory / f"votes-{head.number:08d}.parquet"
        scratch = self.directory / f".{path.stem}.tmp"
        handle = os.open(scratch, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            rows.write_parquet(file, metadata={HEAD: head.packed()})
            file.flush()
            os.fsync(file.fileno())
        scratch.rename(path)
        durable.sync(self.directory)
        self._number, self._last = head.number, head
        return path

    def _sweep(self, newest: Path) -> None:
        """Let what is too old or too much go; the newest part stays, because it says where to go on."""
        parts = []
        try:
            for path in self.directory.glob("votes-*.parquet"):
                if path != newest:
                    stat = path.stat()
                    parts.append(Part(path, stat.st_size, stat.st_mtime_ns))
            gone = expired(parts, self._clock(), keep_days=self._keep_days, max_bytes=self._max_bytes)
            for part, _ in gone:
                part.path.unlink(missing_ok=True)
        except OSError as error:  # the part is written: what is too old goes with the next one
            log.error("%s: old votes cannot be removed (%s)", self.directory, error.strerror or error)

    def _refuse(self, error: Exception) -> None:
        if not self._refused:
            why = error.strerror if isinstance(error, OSError) and error.strerror else traced(error)
            log.error("votes cannot be kept in %s (%s): they wait: make room", self.directory, why)
        self._refused = True
        waiting = sum(job.rows for job in self._queue)
        if waiting > WAITING_ROWS:
            log.error("%s: %d rows of votes are let go", self.directory, waiting)
            self._queue.clear()


def _frames(job: _Job) -> "list[pl.DataFrame]":
    """The rows as columns, in order."""
    frames, votes = [], list[Vote]()
    for rows in job.held:
        if isinstance(rows, _Missing):
            frames += [_frame(votes), _missing(rows, job.tolerances.tick_s)]
            votes = []
        else:
            votes += rows
    return [*frames, _frame(votes)]


def _frame(votes: Sequence[Vote]) -> "pl.DataFrame":
    import polars as pl

    columns = {name: [getattr(vote, name) for vote in votes] for name in COLUMNS}
    columns["outcome"] = [str(vote.outcome) for vote in votes]
    columns["d"] = [vote.d if CODES.get(vote.outcome) == CARRIES else None for vote in votes]
    return pl.DataFrame(columns, schema=schema())


def _missing(rows: _Missing, tick_s: float) -> "pl.DataFrame":
    """A row for each: told again they are the same rows, as they are the same votes for the engine."""
    import polars as pl

    ids = [f"{rows.outcome}-{rows.tick}-{number}" for number in range(rows.count)]
    same = {
        "ts": (rows.tick + 0.5) * tick_s,
        "slice": ALL,
        "metric": EVERY,
        "lane": rows.lane,
        "outcome": rows.outcome,
        "d": None,
    }
    columns = {name: [same.get(name, "")] * rows.count for name in COLUMNS}
    return pl.DataFrame(columns | {"cluster": ids, "pair_id": ids}, schema=schema())


def _newest(directory: Path) -> Head | None:
    """The head of the last part that can be read."""
    for path in sorted(directory.glob("votes-*.parquet"), reverse=True):
        try:
            if (head := head_of(path)) is not None:
                return head
        except DataError as error:
            log.warning("votes already kept: %s", error)
    return None


def _number(path: Path) -> int:
    number = path.stem.removeprefix("votes-")
    return int(number) if number.isdecimal() else 0
