"""One engine's course over a stream of rows: what is given to it, and in which order, as a live run gives it.

Live, cells are named and changes announced between the closing of two ticks. Here such a row has a time: it is
given once every tick that ended by then is closed, and before a vote of the tick that begins is counted.
"""

import math
from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from understudy.drift.engine import Drift
from understudy.drift.verdict import Change
from understudy.votes.intake import Announced, Declared, Saying, Taken, grid

SPAN = 16
"""Ticks of rows given at one time: the booth sorts rows into ticks one tick after another."""


class Course:
    """Gives rows to an engine and closes its ticks."""

    def __init__(self, drift: Drift, closed: int | None = None) -> None:
        """`closed`: what was closed already when the engine was restored."""
        self.drift = drift
        self.closed = closed
        self._first: int | None = None
        self._last: int | None = None
        self._before: dict[int, list[Saying]] = {}

    @property
    def counters(self) -> Mapping[str, int]:
        """As the engine's."""
        return self.drift.counters

    def take(self, taken: Taken) -> None:
        """Take rows of any open tick, in any order."""
        for ts, lane, marker in taken.markers:
            self.drift.announce(marker, lane=lane, tick=self._tick(ts))
        for saying in taken.sayings:
            # From the next tick that begins: a cell counts only what came after it was named.
            tick = self._tick(saying.ts)
            tick += tick * self.drift.tick_s != saying.ts
            if self.closed is not None:
                tick = max(tick, self.closed + 1)
            self._before.setdefault(tick, []).append(saying)
            self._last = tick if self._last is None else max(self._last, tick)
        if len(taken.ts):
            self._votes(taken)

    def _votes(self, taken: Taken) -> None:
        ticks = np.floor(taken.ts / self.drift.tick_s).astype(np.int64)
        lowest, highest = int(ticks.min()), int(ticks.max())
        self._first = lowest if self._first is None else min(self._first, lowest)
        self._last = highest if self._last is None else max(self._last, highest)
        order = np.argsort(ticks, kind="stable")
        begins = np.flatnonzero(np.append(True, np.diff(ticks[order]) > 0))
        edges = [*begins[::SPAN].tolist(), len(order)]
        names = taken.names
        for start, end in pairwise(edges):
            rows = order[start:end]
            self.drift.add_columns(
                taken.ts[rows],
                [names[i] for i in taken.ids[rows].tolist()],
                taken.clusters[rows],
                taken.pairs[rows],
                taken.d[rows],
                taken.codes[rows],
            )

    def close(self, tick: int) -> list[Change]:
        """Everything up to this tick is final."""
        changes: list[Change] = []
        for at in sorted(number for number in self._before if number <= tick):
            if self.closed is not None or (self._first is not None and self._first < at):
                changes += self._close(at - 1)
            self.say(at)
        return changes + self._close(tick)

    def say(self, tick: int) -> None:
        """Give the engine what was named and announced before this tick."""
        for saying in self._before.pop(tick, ()):
            if isinstance(saying, Announced):
                self.drift.announce(saying.marker, lane=saying.lane)
            else:
                self.declare(saying)

    def finish(self) -> list[Change]:
        """Close every tick that holds rows."""
        return [] if self._last is None or self._last == self.closed else self.close(self._last)

    def _close(self, tick: int) -> list[Change]:
        self.closed = tick if self.closed is None else max(tick, self.closed)
        return self.drift.close(tick)

    def declare(self, saying: Declared) -> None:
        """Name cells now."""
        whole = grid(saying.cells)
        if whole is not None:
            self.drift.declare(saying.lane, *whole)
            return
        metrics: dict[str, list[str]] = {}
        for slice_, metric in saying.cells:
            metrics.setdefault(slice_, []).append(metric)
        for slice_, chosen in metrics.items():
            self.drift.declare(saying.lane, [slice_], chosen)

    def _tick(self, ts: float) -> int:
        return math.floor(ts / self.drift.tick_s)
