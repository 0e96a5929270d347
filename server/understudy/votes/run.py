"""`understudy drift`'s work: votes from files through the engine, tick by tick, with bounded memory."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from understudy.drift.engine import Drift
from understudy.drift.tolerance import Tolerances
from understudy.drift.verdict import Change
from understudy.drift.vote import EVERY
from understudy.errors import ConfigError, DataError
from understudy.votes.clock import MILLISECONDS, Clock
from understudy.votes.course import Course
from understudy.votes.form import CARRIES, DECLARED, MISSING, UNKNOWN, Head
from understudy.votes.inputs import Source, sources
from understudy.votes.intake import Declared, Intake, Taken
from understudy.votes.outcome import Mode, Outcome, made
from understudy.votes.remarks import gap, remarks, warned

if TYPE_CHECKING:
    import polars as pl

TICK_PAIRS = 50
"""Pairs in a tick when rows have no time."""
SLACK_S = 60.0
"""How much later than its place in the file a row may be, by default, seconds."""
SLACKEST_S = 31_536_000.0
"""A year: more slack than any file has."""
SHORTEST_S, LONGEST_S = 0.1, 86_400.0
"""Of ticks that are asked for."""

Progress = Callable[[int, int], None]
"""(bytes read, bytes in all)."""
Tell = Callable[[Change, float], None]
"""Takes a change and the length of its tick."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to judge; what is None is taken from the parts of a live run, or is the default."""

    tolerances: Tolerances | None = None
    tick_s: float | None = None
    budget: Mapping[str, float] = field(default_factory=dict)
    """Tier -> expected false alarms, in place of the tolerances'."""
    run: bool = False
    """The input is one announced start with its budgets, and not months of a calendar."""
    analyzers: str | None = None
    slack_s: float = SLACK_S
    """How much later than its place in the file a row may be, seconds."""

    def __post_init__(self) -> None:
        """Refuse what no time can be counted by.

        Raises:
            ConfigError: naming the option and its range.
        """
        if not 0.0 <= self.slack_s <= SLACKEST_S:
            raise ConfigError(f"--slack-s: is {self.slack_s:g}; write seconds from 0 to {SLACKEST_S:g}")
        if self.tick_s is not None and not SHORTEST_S <= self.tick_s <= LONGEST_S:
            raise ConfigError(
                f"--tick-s: is {self.tick_s:g}; write seconds from {SHORTEST_S:g} to {LONGEST_S:g}"
            )

    @property
    def overrides(self) -> bool:
        """Whether something stands in place of what a live run's parts say of themselves."""
        return self.tolerances is not None or self.tick_s is not None or bool(self.budget) or self.run


def judge(
    paths: Sequence[str | Path],
    settings: Settings | None = None,
    *,
    tell: Tell = lambda change, tick_s: None,
    progress: Progress = lambda done, total: None,
) -> Outcome:
    """Judge the votes; `tell` takes every change of verdict in order.

    Raises:
        DataError: an input is broken: the text names the file, the place and the mend.
        ConfigError: the settings do not go with the input.
    """
    run = _Run(sources(paths), settings or Settings(), tell, progress)
    run.go()
    return run.outcome()


class _Run:
    """One pass over the votes."""

    def __init__(self, found: Sequence[Source], settings: Settings, tell: Tell, progress: Progress) -> None:
        self.sources, self.settings = found, settings
        self._tell, self._progress = tell, progress
        self.kept = found[0].head is not None
        self.timed = found[0].timed
        self.calendar = self.timed and not settings.run
        if not self.timed and settings.tick_s is not None:
            raise ConfigError(
                f"--tick-s: {found[0].path.name} has no column 'ts', so a tick is {TICK_PAIRS} pairs: leave it out"
            )
        self.changes = self.rows = 0
        self.breached: dict[tuple[str, str, str], int] = {}
        """Votes of a cell when it first breached."""
        self.span: tuple[float, float] | None = None
        self.metrics: set[str] = set()
        self.slices: set[str] = set()
        self.expected: set[str] = set()
        """Slices that rows named before they had a pair."""
        self.gaps: list[str] = []
        self.spent: Counter[str] = Counter()
        """Counters of engines that were succeeded."""
        self.late = 0
        """Rows that came when their tick was closed, which count as missing in a later one."""
        self.rejected: list[str] = []
        """The first rejected rows, told."""
        self.bytes = max(1, sum(source.bytes for source in found))
        self.course = Course(self._engine(found[0].head))
        self._low = -math.inf

    def _engine(self, head: Head | None) -> Drift:
        chosen = self.settings.tolerances or (head.tolerances if head is not None else Tolerances.default())
        analyzers = self.settings.analyzers
        if analyzers is None:
            analyzers = head.analyzers if head is not None else ""
        return Drift(
            _changed(chosen, self.settings),
            analyzers=analyzers,
            run=not self.calendar,
            tick_s=None if self.timed else float(TICK_PAIRS),
        )

    def go(self) -> None:
        """Read everything."""
        if self.kept:
            self._kept()
            return
        if not self.calendar:
            self._declare_all()
        if self.timed:
            self._merged()
        else:
            self._ordered()

    def _take(self, taken: Taken) -> None:
        self.rows += len(taken.ts)
        for saying in taken.sayings:
            if isinstance(saying, Declared):
                self.expected.update(slice_ for slice_, _ in saying.cells)
        self.metrics.update(metric for _, _, metric in taken.names)
        self.slices.update(slice_ for _, slice_, _ in taken.names)
        if len(taken.ts):
            low, high = float(taken.ts.min()), float(taken.ts.max())
            self.span = (
                (low, high) if self.span is None else (min(low, self.span[0]), max(high, self.span[1]))
            )
        self.course.take(taken)
        self._progress(sum(source.read for source in self.sources), self.bytes)

    def _note(self, changes: Sequence[Change]) -> None:
        for change in changes:
            v = change.verdict
            self.changes += 1
            if v.state == "BREACH" and v.metric != EVERY:  # whose votes are those of all cells
                self.breached.setdefault((str(v.lane), v.slice, v.metric), v.votes)
            self._tell(change, self.course.drift.tick_s)

    # -- the three kinds of stream -------------------------------------------------------------------------

    def _kept(self) -> None:
        """Parts of a live run: each says what was closed when it was written, and which rules held."""
        intake = Intake(by_order=False, rejected=self.rejected)
        before: Head | None = None
        for source in self.sources:
            head = source.head
            assert head is not None  # a run's parts stand alone
            succeeds = before is not None and head.era != before.era
            if succeeds and not self.settings.overrides:
                self._succeed(head)
            expected = -1 if before is None or (succeeds and head.new) else before.closed
            if head.after != expected:
                self.gaps.append(gap(source.path.name, expected, head.after))
            for frame in source.frames():
                self._take(intake.take(frame, source.path.name))
            closed = self._closed(head)
            if closed >= 0:
                self._note(self.course.close(closed))
            self.course.say(closed + 1)
            before = head
        if self.settings.overrides:  # another tick may hold rows beyond the last one that the live run closed
            self._note(self.course.finish())

    def _closed(self, head: Head) -> int:
        """The last tick that was closed with a part, by the tick that holds here."""
        kept, here = head.tolerances.tick_s, self.course.drift.tick_s
        return head.closed if kept == here else math.floor((head.closed + 1) * kept / here) - 1

    def _succeed(self, head: Head) -> None:
        """Tolerances or analyzers changed: every lane is closed, the calendar goes on, as in the live run."""
        old = self.course
        self.spent.update(old.counters)
        drift = self._engine(head)
        if head.new:
            self.course = Course(drift)
            return
        changes = drift.restore(old.drift.snapshot())
        self.course = Course(drift, old.closed)
        self._note(changes)

    def _ordered(self) -> None:
        """No time: in order, a tick after every 50 pairs."""
        intake = Intake(by_order=True, rejected=self.rejected)
        for source in self.sources:
            for frame in source.frames():
                self._take(intake.take(frame, source.path.name))
                # The last pair may go on in the next frame.
                self._note(self.course.close((intake.pairs - 1) // TICK_PAIRS - 1))
        self._note(self.course.finish())

    def _declare_all(self) -> None:
        """A run's cells lie there before anything is measured: a first pass names them, so that each counts at once."""
        import polars as pl

        room = self.course.drift.tolerances.maximum_cells
        cells: dict[tuple[str, str, str], None] = {}
        for source in self.sources:
            for frame in source.frames():
                votes = frame.filter(pl.col("outcome").fill_null("") != DECLARED)
                names = votes.select(pl.col("lane").fill_null(""), "slice", "metric").drop_nulls()
                cells |= dict.fromkeys(
                    names.filter(pl.col("metric") != EVERY).unique(maintain_order=True).iter_rows()
                )
                if len(cells) > room:
                    break
            source.read = 0
        lanes: dict[str, list[tuple[str, str]]] = {}
        for lane, slice_, metric in cells:
            lanes.setdefault(lane, []).append((slice_, metric))
        for lane, named in lanes.items():
            self.course.declare(Declared(0.0, lane, tuple(named)))

    def _merged(self) -> None:
        """By time: files side by side; a tick is closed once no file can hold a row of it any more."""
        tick_s = self.course.drift.tick_s
        for stream, frame in self._side_by_side():
            self._take(self._punctual(stream.intake.take(frame, stream.source.path.name)))
            low = min(self._low, stream.high)
            if math.isfinite(low):
                self._note(self.course.close(math.floor((low - self.settings.slack_s) / tick_s) - 1))
        self._note(self.course.finish())

    def _punctual(self, taken: Taken) -> Taken:
        """A row of a closed tick is no vote any more: it is a missing pair of the tick that is open."""
        closed = self.course.closed
        if closed is None or not len(taken.ts):
            return taken
        tick_s = self.course.drift.tick_s
        late = np.floor(taken.ts / tick_s) <= closed
        self.late += int((late & (taken.codes != UNKNOWN)).sum())
        return replace(
            taken,
            ts=np.where(late, (closed + 1) * tick_s, taken.ts),
            d=np.where(late, 0.0, taken.d),
            codes=np.where(late & (taken.codes == CARRIES), MISSING, taken.codes),
        )

    def _side_by_side(self) -> "Iterator[tuple[_Stream, pl.DataFrame]]":
        """The next frame of the file that is furthest behind; files are opened when their time comes."""
        waiting = sorted(
            (_Stream(source, self.rejected, self.settings.slack_s) for source in self.sources),
            key=lambda stream: -stream.first,
        )
        live: list[_Stream] = []
        while waiting or live:
            while waiting and (not live or waiting[-1].first <= min(stream.high for stream in live)):
                live.append(waiting.pop())
            stream = min(live, key=lambda one: one.high)
            frame = next(stream.frames, None)
            if frame is None:
                live.remove(stream)
                continue
            others = [one.high for one in live if one is not stream] + [one.first for one in waiting[-1:]]
            self._low = min(others, default=math.inf)
            yield stream, frame

    # -- the end -------------------------------------------------------------------------------------------

    def outcome(self) -> Outcome:
        """Everything, once."""
        drift = self.course.drift
        counters = Counter(self.spent)
        counters.update(drift.counters)
        rejected = counters["rejected"]
        if not self.kept and rejected and rejected == self.rows:
            first = self.rejected[0] if self.rejected else f"all {rejected:,} rows were rejected"
            raise DataError(f"no row is a vote: {first}")
        counters["late"] += self.late
        mode = Mode.KEPT if self.kept else Mode.TIMED if self.timed else Mode.ORDERED
        warnings = warned(counters, self.rows, drift.tolerances.coverage)
        told = remarks(
            drift,
            mode,
            counters,
            calendar=self.calendar,
            slack_s=self.settings.slack_s,
            named=bool(self.expected),
            metrics=self.metrics - {EVERY},
            silent=self.expected - self.slices,
            ignored={name for source in self.sources for name in source.ignored},
            rejected=self.rejected,
            overrides=self.settings.overrides,
        )
        return made(
            drift,
            inputs=tuple(str(source.path) for source in self.sources),
            mode=mode,
            calendar=self.calendar,
            rows=self.rows,
            changes=self.changes,
            span=self.span if self.timed else None,
            counters=counters,
            breached=self.breached,
            warnings=tuple(warnings),
            notes=(*self.gaps, *told),
        )


class _Stream:
    """A file that is read beside others."""

    def __init__(self, source: Source, rejected: list[str], slack_s: float) -> None:
        """Look at the first rows.

        Raises:
            DataError: their times are in no seconds.
        """
        self.source = source
        self.intake = Intake(by_order=False, rejected=rejected)
        self.first = source.begin()
        if self.first > MILLISECONDS:
            raise DataError(
                f"{source.path}: 'ts' is {self.first:g}, no time in seconds; divide it by 1000 (milliseconds) or 1e9 "
                "(nanoseconds)"
            )
        self._clock = Clock(slack_s)
        self.frames = self._believed()

    @property
    def high(self) -> float:
        """The latest time that is believed."""
        return self._clock.now

    def _believed(self) -> "Iterator[pl.DataFrame]":
        for frame in self.source.frames():
            yield self._clock.take(frame)
        rest = self._clock.rest()
        if rest is not None:
            yield rest


def _changed(tolerances: Tolerances, settings: Settings) -> Tolerances:
    """With the budgets and the tick of the settings, validated as those of a file are."""
    told: dict[str, object] = {}
    if settings.budget:
        told["budget"] = asdict(tolerances.budget) | dict(settings.budget)
    if settings.tick_s is not None:
        told["tick_s"] = settings.tick_s
    return Tolerances.from_dict(tolerances.to_dict() | told) if told else tolerances
