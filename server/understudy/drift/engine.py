"""The drift engine: votes in, changes of verdict out. The same code live and offline.

    drift = Drift(Tolerances.default())
    drift.declare("base..cand", ["all", "task=math"], ["failure", "format"])
    drift.announce("rollout 42")
    drift.add(votes)                 # any order, any open tick
    changes = drift.close(tick)      # the watermark passed the tick: it is final
    drift.verdicts()

No clock and no I/O: time is the votes' own, and the caller says when a tick is closed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from understudy.drift import judge, reading
from understudy.drift.bet import Floats, Ints
from understudy.drift.booth import Booth
from understudy.drift.digest import Hashes
from understudy.drift.family import Bools, Family, Unknown
from understudy.drift.judge import STATES, Thresholds
from understudy.drift.search import Search
from understudy.drift.snapshot import Array, pack, unpack
from understudy.drift.spread import Spread
from understudy.drift.tally import CHANNELS, MISSING, SCORED, SHED, Name, Tally
from understudy.drift.tolerance import OTHER, Tier, Tolerances
from understudy.drift.verdict import Change, EvidenceStalled, State, Verdict, Why, lane_of, same
from understudy.drift.vote import EVERY, Resolution, Vote
from understudy.errors import DataError

MONTH_S = 30 * 86_400.0
OTHERS = 256
"""Cells of slice `other` beyond the most cells there may be."""
NEVER = 2**60
"""A time to live, in ticks, that does not end."""


class Drift:
    """Evidence about every cell, and the verdicts on it.

    Args:
        tolerances: fixed for the life of this object.
        analyzers: names and versions of what scored; a change opens new lanes, like a change of tolerances.
        partitions: votes are split by hash(cluster) mod this.
        owned: partitions counted here; None = all.
        run: an offline run without a calendar: one announced start of weight 1, budgets per run, no expiry.
        tick_s: overrides the tolerances' tick (offline: 50 with `ts` = the input's row number).
    """

    def __init__(
        self,
        tolerances: Tolerances,
        *,
        analyzers: str = "",
        partitions: int = 8,
        owned: Collection[int] | None = None,
        run: bool = False,
        tick_s: float | None = None,
    ) -> None:
        self.tolerances = tolerances
        self.analyzers = analyzers
        self.thresholds = Thresholds.of(tolerances)
        self._hash = tolerances.hash()
        self._run = run
        self._tick_s = tick_s if tick_s is not None else tolerances.tick_s
        self._ttl = NEVER if run else int(tolerances.ttl_s // self._tick_s)
        minimum = tolerances.minimum_clusters
        self._booth = Booth(self._tick_s, partitions, owned, minimum_clusters=minimum, run=run)
        self._cells = judge.comparison(tolerances)
        self._control = judge.instrument(tolerances)
        self._spread = Spread(self.thresholds.spread)
        self._search = Search(tolerances.discovery)
        self._first: int | None = None
        self._tick = -NEVER
        self._month = 0
        self._marked = 0
        self._announced: list[tuple[int, str, str]] = []
        self._markers: dict[tuple[str, str], None] = {}
        self._lanes: dict[str, int] = {}

    # -- votes in ------------------------------------------------------------------------------------------

    @property
    def counters(self) -> Mapping[str, int]:
        """Rows that did not become votes so far: late, rejected, duplicate, repeat, overflow.

        And `crowded`: intersections that were to be watched, had there been room for another cell.
        """
        return self._booth.counters

    @property
    def tick_s(self) -> float:
        """Length of a tick, seconds."""
        return self._tick_s

    @property
    def lanes(self) -> list[str]:
        """Keys of the live lanes, instrument checks left out."""
        return [lane for lane in sorted(self._lanes) if not same(lane)]

    @property
    def current(self) -> list[str]:
        """Of these, the ones that pairs came from lately: what became of a pair nobody knows concerns them."""
        lanes = self.lanes
        last = max((self._lanes[lane] for lane in lanes), default=0)
        return [lane for lane in lanes if self._lanes[lane] >= last - self.tolerances.stalled_ticks]

    @property
    def discovered(self) -> list[Name]:
        """Cells of intersections that nobody named, those there are now."""
        return sorted(self._search.stands)

    def tick_of(self, ts: float) -> int:
        """The tick of an admission time."""
        return self._booth.tick_of(ts)

    def declare(self, lane: str, slices: Iterable[str], metrics: Iterable[str]) -> None:
        """Name cells before their first vote, so that this vote counts.

        A cell met unawares counts from the tick after its first. One that was discovered already is a named one from
        now on, with what it has: its place is free.
        """
        metrics = list(metrics)
        names = [(lane, slice_, metric) for slice_ in slices for metric in metrics]
        self._cells.adopt(self._search.adopted(names))
        self._declare(names, self._tick)

    def announce(self, marker: str, *, lane: str = "", tick: int = -NEVER) -> None:
        """An announced change: from that tick (default: the next one counted) its start weight is at work."""
        if (lane, marker) not in self._markers:
            self._announced.append((tick, lane, marker))

    def add(self, votes: Iterable[Vote]) -> None:
        """Take votes of any open tick, in any order."""
        self._booth.add(votes)

    def miss(self, lane: str, tick: int, outcome: Resolution, count: int) -> None:
        """Take pairs of which nothing but their number is known: shed or lost, in slice `all`."""
        self._booth.miss(lane, tick, outcome, count)

    def add_columns(
        self, ts: Floats, names: list[Name], clusters: Hashes, pairs: Hashes, d: Floats, codes: Ints
    ) -> None:
        """The array path of `add`, with hashes of clusters and pair ids; see `Booth.columns`."""
        self._booth.columns(ts, names, clusters, pairs, d, codes)

    def close(self, tick: int) -> list[Change]:
        """Everything up to this tick is final: count it and return what changed, in order."""
        changes: list[Change] = []
        for number in self._booth.open_ticks:
            if number <= tick:
                changes += self.fold(self.tally(number))
        changes += self._expire(tick)
        self._booth.closed = tick if self._booth.closed is None else max(tick, self._booth.closed)
        self._tick = max(self._tick, tick)
        return changes

    def tally(self, tick: int) -> Tally:
        """Close one tick of the owned partitions into counts, to be merged with other owners' and folded."""
        known = self._cells.index.keys() | self._control.index.keys()
        # Every owner knows whether there is room; for which of a tick's new cells, only `fold`, which sees them all.
        room = len(self._cells) < self.tolerances.maximum_cells
        new = {name for name in self._booth.newest(tick, known) if room or same(name[0])}
        return self._booth.close(tick, known | new, self._cells.crossed, scouting=self._search.on)

    # -- evidence ------------------------------------------------------------------------------------------

    def fold(self, tally: Tally) -> list[Change]:
        """Take the merged counts of the next tick, in ascending order; one folded already is ignored."""
        tick = tally.tick
        if self._first is not None and tick <= self._tick:
            self._booth.counters["late"] += 1
            return []
        changes = self._expire(tick - 1)
        if not tally.names:  # as `close`: time in which nothing was counted adds nothing
            self._tick = tick
            return changes + self._expire(tick)
        self._sow(tick, tally.markers)
        self._tick = tick
        total = tally.total()
        where = self._cells.where(tally.names)
        if self._search.on:
            self._search.take(self._cells, tally, where, total)
        rest = np.flatnonzero(where < 0)
        checks = np.full(len(where), -1)
        checks[rest] = self._control.where([tally.names[i] for i in rest.tolist()])
        rest = rest[checks[rest] < 0]
        strange = [tally.names[i] for i in rest.tolist()]
        every = [(i, tally.names[i]) for i in rest.tolist() if tally.names[i][2] == EVERY]
        cells = self._count(self._cells, where, total, every)
        control = self._count(self._control, checks, total, every)
        self._settle_clusters()
        judge.check(self._control, control, self.thresholds)
        healthy = judge.healthy(self._cells, self._control)
        judge.compare(self._cells, cells, self.thresholds, self.tolerances, healthy=healthy)
        self._cells.cap(cells)
        self._control.cap(control)
        # Pairs of which nothing is known are given to lanes that may have ended: those do not keep one alive.
        met = {name[0] for name in strange if name[2] != EVERY}
        for family, found in ((self._cells, where), (self._control, checks)):
            met |= {family.lanes[i] for i in np.unique(family.lane[found[found >= 0]]).tolist()}
        for lane in met:
            self._lanes[lane] = tick
        changes += self._settle(tick)
        spread = self._spread.test(self._cells, cells, tick, self._hash, self.thresholds)
        changes += spread
        left = self._declare(strange, tick)
        refused = [i for i in rest.tolist() if tally.names[i] in left]
        index, channel, number = total
        pairs = np.isin(index, refused) & (channel >= SCORED) & (channel <= SHED)
        self._booth.counters["overflow"] += int(number[pairs].sum())
        changes += self._bound_lanes()
        if self._search.on:
            changes += self._discover(tick)
        return changes

    def _sow(self, tick: int, markers: Iterable[tuple[str, str]]) -> None:
        """Start weights, fixed before the tick's votes: half of a month's over ticks, half for markers."""
        families = (self._cells, self._control)
        if self._first is None:
            self._first = tick
            if self._run:
                for family in families:
                    family.mark(1.0)
        elif not self._run:
            month = int((tick - self._first) * self._tick_s // MONTH_S)
            if month != self._month:
                self._month, self._marked = month, 0
                for family in families:
                    family.new_month()
            for family in families:
                family.sow(self._tick_s / MONTH_S / 2.0)
        due = sorted((lane, name) for at, lane, name in self._announced if at <= tick)
        self._announced = [entry for entry in self._announced if entry[0] > tick]
        for lane, name in [*due, *markers]:
            if (lane, name) in self._markers:
                continue
            self._markers[lane, name] = None
            if len(self._markers) > 4096:
                del self._markers[next(iter(self._markers))]
            if not self._run:
                weight = 0.125 * 0.5 ** max(0, self._marked - 2)
                self._marked += 1
                self._cells.mark(weight, lane)
                self._control.mark(weight)

    def _count(
        self,
        family: Family,
        where: Ints,
        total: tuple[Ints, Ints, Ints],
        every: Sequence[tuple[int, Name]],
    ) -> Ints:
        """Give a family its rows, and to every cell of a slice the pairs of which no more is known than that.

        `where` is the cell of each of the tally's names (-1: none), `total` its counts, `every` its names that stand
        for every cell of their slice.
        """
        index, channel, number = total
        cell = where[index]
        own = cell >= 0
        unknown: list[Unknown] = []
        for i, (lane, slice_, _) in every:
            mine = np.array(
                [j for j, name in enumerate(family.names) if name[:2] == (lane, slice_)], dtype=np.int64
            )
            rows = (index == i) & ((channel == MISSING) | (channel == SHED))
            if len(mine):
                unknown += [
                    Unknown(mine, *row)
                    for row in zip(channel[rows].tolist(), number[rows].tolist(), strict=True)
                ]
        cell, channel, number = cell[own], channel[own], number[own]
        order = np.argsort(cell * CHANNELS + channel, kind="stable")
        return family.count(cell[order], channel[order], number[order], self._tick, unknown)

    def _declare(self, names: Iterable[Name], tick: int) -> set[Name]:
        """Admit new cells as far as there is room; return the rest.

        Their votes go to `other` from now on, one cell per lane and metric, for which there is room of its own; where
        that is taken too, and for instrument checks, there is nowhere to go.
        """
        cells, control = self._cells.index, self._control.index
        new = [name for name in names if name not in cells and name not in control and name[2] != EVERY]
        if not new:
            return set()
        most = self.tolerances.maximum_cells
        checks = [name for name in new if same(name[0])]
        room = [name for name in new if not same(name[0]) and name[1] != OTHER][: max(0, most - len(cells))]
        left = set(new) - {*room, *checks}
        others = sorted({(name[0], OTHER, name[2]) for name in left} - cells.keys())
        room += others[: max(0, most + OTHERS - len(cells) - len(room))]
        checks = checks[: max(0, most - len(control))]
        self._cells.declare(room)
        self._control.declare(checks)
        for name in (*room, *checks):
            self._lanes.setdefault(name[0], tick)
        self._booth.renew(
            [*room, *checks]
        )  # their votes so far were not counted, so neither are their clusters
        return set(new) - {*room, *checks}

    def _discover(self, tick: int) -> list[Change]:
        """Intersections leave and take the places there are for them, by what closed ticks said."""
        room = self.tolerances.maximum_cells - len(self._cells)
        left, come = self._search.moves(self._cells, self._lanes, tick, self._ttl, room)
        self._booth.counters["crowded"] += self._search.refused
        changes: list[Change] = []
        if left:
            gone = set(left)
            changes = self._end(np.array([name in gone for name in self._cells.names]), Why.RETIRED)
        if come:
            self._cells.find(come)
        self._booth.renew([*left, *come])
        return changes

    def _settle_clusters(self) -> None:
        """Tell the booth which cells have their minimum of clusters: merged counts, so every owner is told alike."""
        full = [f.cells["clusters"] >= self.tolerances.minimum_clusters for f in (self._cells, self._control)]
        if sum(int(cells.sum()) for cells in full) != len(self._booth.settled):
            families = zip((self._cells, self._control), full, strict=True)
            self._booth.settle(f.names[i] for f, cells in families for i in np.flatnonzero(cells).tolist())

    def _bound_lanes(self) -> list[Change]:
        """Close the lanes silent longest beyond the limit."""
        changes: list[Change] = []
        for alike in (False, True):
            lanes = sorted((tick, lane) for lane, tick in self._lanes.items() if same(lane) is alike)
            for _, lane in lanes[: max(0, len(lanes) - self.tolerances.maximum_lanes)]:
                changes += self.close_lane(lane)
                self._booth.counters["closed"] += 1
        return changes

    def close_lane(self, lane: str) -> list[Change]:
        """Forget a lane; what it had latched changes to NOT_ENOUGH_EVIDENCE with reason lane_closed."""
        changes = self._end(
            np.array([name[0] == lane for name in self._cells.names], dtype=bool), Why.LANE_CLOSED
        )
        changes += self._spread.close(lane, self._tick, self._hash)
        self._control.retain(np.array([name[0] != lane for name in self._control.names], dtype=bool))
        self._booth.forget(lane)
        self._lanes.pop(lane, None)
        return changes

    def _end(self, chosen: Bools, why: Why) -> list[Change]:
        """Forget cells; what was shown of them changes to NOT_ENOUGH_EVIDENCE."""
        c, changes = self._cells.cells, []
        shown = (c["state"] != STATES.index(State.NOT_ENOUGH_EVIDENCE)) | (c["shown_tier"] > 0)
        told = np.flatnonzero(chosen & shown)
        for i, verdict in zip(told.tolist(), self._read(told), strict=True):
            over = replace(verdict, state=State.NOT_ENOUGH_EVIDENCE, reason=why, tier=Tier.NONE)
            changes.append(Change(STATES[c["state"][i]], Tier(int(c["shown_tier"][i])), over))
        self._cells.retain(~chosen)
        self._search.retain(self._cells, ~chosen)
        return changes

    # -- verdicts out --------------------------------------------------------------------------------------

    def verdicts(self) -> list[Verdict]:
        """Every cell of the comparison after the last closed tick, and lanes whose small harms add up."""
        return [*self._read(np.arange(len(self._cells))), *self._spread.verdicts()]

    def affected(self) -> list[Name]:
        """An incident's list of (lane, slice, metric): cells in BREACH, then e-BH discoveries at q = .05."""
        breached = [self._cells.names[i] for i in np.flatnonzero(self._cells.cells["breach"]).tolist()]
        return list(dict.fromkeys([*breached, *judge.discoveries(self._cells)]))

    def instrument_faults(self) -> list[Name]:
        """Cells in which the control differs from the baseline beyond tau."""
        return [self._control.names[i] for i in np.flatnonzero(self._control.cells["breach"]).tolist()]

    def stalled(self) -> list[EvidenceStalled]:
        """Cells whose coverage was under its floor for too many ticks in a row; of a mere suspicion nobody is told."""
        c, made = self._cells.cells, []
        suspected = self._search.suspected
        for i in np.flatnonzero(c["low_ticks"] >= self.tolerances.stalled_ticks).tolist():
            lane, slice_, metric = name = self._cells.names[i]
            if name in suspected:
                continue
            pairs = int(c["since_scored"][i] + c["since_missing"][i] + c["since_shed"][i])
            share = int(c["since_scored"][i]) / pairs if pairs else 1.0
            made.append(EvidenceStalled(lane_of(lane), slice_, metric, int(c["low_ticks"][i]), share))
        return made

    def _read(self, cells: Ints) -> list[Verdict]:
        fault = judge.faulted(self._cells, self._control)
        codes = judge.states(self._cells, fault, self._tick, self._ttl, self.thresholds)
        return reading.read(
            self._cells, cells, codes, fault, self._tick, self._ttl, self.thresholds, self._hash
        )

    def _settle(self, tick: int) -> list[Change]:
        """Compare every cell's state and tier with what was last shown."""
        self._tick = max(self._tick, tick)
        c = self._cells.cells
        fault = judge.faulted(self._cells, self._control)
        codes = judge.states(self._cells, fault, tick, self._ttl, self.thresholds)
        changed = np.flatnonzero((codes != c["state"]) | (c["tier"] != c["shown_tier"]))
        verdicts = reading.read(
            self._cells, changed, codes, fault, tick, self._ttl, self.thresholds, self._hash
        )
        made = [
            Change(STATES[c["state"][i]], Tier(int(c["shown_tier"][i])), verdict)
            for i, verdict in zip(changed.tolist(), verdicts, strict=True)
        ]
        c["state"] = codes.astype(np.int8)
        c["shown_tier"] = c["tier"].copy()
        return made

    def _expire(self, tick: int) -> list[Change]:
        """Certificates that outlived their time, each at its own tick, however often anyone looks."""
        changes: list[Change] = []
        c = self._cells.cells
        within = c["state"] == STATES.index(State.WITHIN)
        ends = c["last"][within] + self._ttl + 1
        for end in np.unique(ends[ends <= tick]).tolist():
            changes += self._settle(end)
        return changes

    # -- state ---------------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """The state after the last closed tick; rows of open ticks are the log's business."""
        head: dict[str, object] = {
            "tolerances": self._hash,
            "analyzers": self.analyzers,
            "tick_s": self._tick_s,
            "run": self._run,
            "first": self._first,
            "tick": self._tick,
            "month": self._month,
            "marked": self._marked,
            "announced": [list(entry) for entry in sorted(self._announced)],
            "markers": [list(entry) for entry in self._markers],
            "lanes": self._lanes,
            "spread": self._spread.dump(),
            "closed": self._booth.closed,
            "cells": self._cells.head(),
            "control": self._control.head(),
        }
        arrays: dict[str, Array] = {}
        for name, family in (("cells", self._cells), ("control", self._control)):
            arrays.update((f"{name}.{key}", array) for key, array in family.dump().items())
        arrays.update(self._booth.dump())
        if self._search.on:
            head["search"] = self._search.head()
            arrays.update(self._search.dump())
        return pack(head, arrays)

    def restore(self, data: bytes) -> list[Change]:
        """Replace the state by a snapshot's.

        Under other tolerances or analyzers every lane is closed and starts anew; the calendar and the spent
        markers stay. Returns the changes of that.

        Raises:
            DataError: damaged, of another version, or with another tick length.
        """
        head, arrays = unpack(data)
        if head["tick_s"] != self._tick_s or head["run"] != self._run:
            raise DataError(
                f"drift snapshot: made with ticks of {head['tick_s']} s (run: {head['run']}), this engine "
                f"has {self._tick_s} s (run: {self._run}); set tick_s back or start a new state directory"
            )
        self._first, self._tick = head["first"], head["tick"]
        self._month, self._marked = head["month"], head["marked"]
        self._announced = [(at, lane, name) for at, lane, name in head["announced"]]
        self._markers = {(lane, name): None for lane, name in head["markers"]}
        self._lanes = dict(head["lanes"])
        self._booth.closed = head["closed"]
        self._spread.load(head["spread"])
        for name, family in (("cells", self._cells), ("control", self._control)):
            family.load(
                head[name], {k.partition(".")[2]: a for k, a in arrays.items() if k.startswith(name + ".")}
            )
        self._booth.load(arrays)
        self._search.load(head.get("search", ()), arrays)
        self._settle_clusters()
        changes: list[Change] = []
        if head["tolerances"] != self._hash or head["analyzers"] != self.analyzers:
            for lane in sorted(self._lanes):
                changes += self.close_lane(lane)
            self._booth.load({})
        return changes
