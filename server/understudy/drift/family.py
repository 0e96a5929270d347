"""The detectors of many cells at once: Shiryaev-Roberts e-detectors and certificates on arrays.

One family holds every cell (lane, slice, metric) that shares a false-alarm budget: the comparison of
candidate with baseline is one, the instrument check (control with baseline) another. Per cell and detector it
keeps the wealth M_k of each bet of the grid:

    M_k(T) = (M_k(T-1) + w(T)) * exp(l_k(T)),   M = mean_k M_k            (Shin, Ramdas & Rinaldo, 2203.03532)

kept in the linear domain: wealth is capped above, and below it rests on a floor that is itself a start of no
account (1e-290), so nothing over- or underflows. Start weights of silent ticks wait in `pending`, so that a
tick costs only the cells that have a vote in it.

Cells that discovery proposed stand on *places*, and places carry budget: a share r of every start weight is split
evenly over the K places, cells with a name of their own share the rest. What a place is given goes to the cell that
stands on it at that moment, and is spent: a cell that leaves loses its wealth, and the next one begins with what is
sown from then on. So the weights of a month still sum to at most 1, whoever stands where, as long as that is decided
before the tick. What a marker gives a place is kept for it until the month ends, and whoever stands on it or comes to
it draws half of what is left.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy.drift.bet import BINS, GRID, STEPS, Floats, Ints, increments
from understudy.drift.cross import parts
from understudy.drift.tally import CLUSTERS, SCORED, SHED, Name
from understudy.drift.tolerance import Tolerances

Bools = npt.NDArray[np.bool_]
LARGE = 650.0
"""Bound on one tick's |log factor|: e^650 is still finite."""
FLOOR = 1e-290
NOWHERE = -1
"""The place of a discovered cell that stands on none: what is latched stays, and no start weight comes to it."""


@dataclass(frozen=True, slots=True)
class Detector:
    """One detector of a family."""

    name: str
    multiple: float = 1.0
    """Tests E[D] against this multiple of tau."""
    sign: int = 1
    """+1 tests D, -1 tests -D (instrument check)."""
    certificate: bool = False
    """Bets that the mean is *below* tau, starts at 1 and takes whole start weights."""
    budget: float = 1.0
    """x, for the bound x * v <= .05 on a cell's start weight."""
    cap: float = 0.0
    """Wealth is scaled back to this after the test; 0 = no cap."""


_FIELDS: Mapping[str, tuple[type, float]] = {
    "scored": (np.int64, 0),
    "missing": (np.int64, 0),
    "shed": (np.int64, 0),
    "clusters": (np.int64, 0),
    "since_scored": (np.int64, 0),
    "since_missing": (np.int64, 0),
    "since_shed": (np.int64, 0),
    "recent_scored": (np.float64, 0),
    "recent_missing": (np.float64, 0),
    "last": (np.int64, -(2**62)),
    "low_ticks": (np.int64, 0),
    "started": (np.float64, 0),
    "opening": (np.float64, 0),
    "cusum": (np.float64, 0),
    "change_votes": (np.int64, 0),
    "change_sum": (np.int64, 0),
    "breach": (np.bool_, 0),
    "tier": (np.int8, 0),
    "severity": (np.int8, 0),
    "blocked": (np.int8, 0),
    "state": (np.int8, 0),
    "shown_tier": (np.int8, 0),
}
"""Per-cell arrays: name -> (type, first value). `since_*` count from the certificate's start."""

_BLOCKS = ("wealth", "value", "pending", "histogram")


@dataclass(frozen=True, slots=True)
class Unknown:
    """Pairs of a tick of which nothing is known but their number, and what became of them."""

    cells: Ints
    """The cells of their slice."""
    channel: int
    """MISSING or SHED."""
    count: int


class Family:
    """Cells that share one budget, and their detectors."""

    def __init__(
        self, detectors: Sequence[Detector], tolerances: Tolerances, *, reserved: float = 0.0, places: int = 0
    ) -> None:
        """No cells yet; `reserved` is the share of start weights that the places have together."""
        self.detectors = tuple(detectors)
        self.at = {detector.name: j for j, detector in enumerate(self.detectors)}
        self.names: list[Name] = []
        self.index: dict[Name, int] = {}
        self.pools: list[tuple[str, float]] = []
        """(lane or "", weight left): what announced changes keep for cells not seen yet."""
        self.found: dict[Name, int] = {}
        """Cells that were discovered, and the place each stands on; NOWHERE: on none any more."""
        self.kept: list[tuple[str, list[float]]] = []
        """(lane or "", weight left of each place): the same for places."""
        self.reserved = reserved
        self.places = places
        self.wealth: Floats = np.zeros((0, len(self.detectors), GRID))
        self.pending: Floats = np.zeros((0, len(self.detectors)))
        self.histogram: Ints = np.zeros((0, BINS), dtype=np.int64)
        self.cells: dict[str, npt.NDArray[Any]] = {
            name: np.zeros(0, dtype=kind) for name, (kind, _) in _FIELDS.items()
        }
        self.tau: Floats = np.zeros(0)
        self.weight: Floats = np.zeros(0)
        self.judged: Bools = np.zeros(0, dtype=bool)
        self.value: Floats = np.zeros((0, len(self.detectors)))
        """M per cell and detector after its last vote and cap, pending starts left out."""
        self._tolerances = tolerances
        self._table: Floats = np.zeros((0, BINS, len(self.detectors), GRID))
        self._taus: dict[float, int] = {}
        self._row: Ints = np.zeros(0, dtype=np.int64)
        self.lanes: list[str] = []
        """Lanes with cells, sorted."""
        self.lane: Ints = np.zeros(0, dtype=np.int64)
        """Index into `lanes` per cell."""
        self.crossed: list[Name] = []
        """Cells of intersections, discovered or named."""
        self._stands: Ints = np.zeros(0, dtype=np.int64)
        """Cells that stand on a place."""
        self._mid = GRID // 2

    def __len__(self) -> int:
        return len(self.names)

    def where(self, names: Sequence[Name]) -> Ints:
        """The cell of each name; -1 where there is none."""
        return np.fromiter(map(self.index.get, names, repeat(-1)), dtype=np.int64, count=len(names))

    # -- cells ---------------------------------------------------------------------------------------------

    def find(self, names: Mapping[Name, int]) -> None:
        """Add discovered cells, each on a place that nobody stands on."""
        self.found |= names
        self.declare(names)
        for name, place in names.items():
            self._draw_kept(self.index[name], place)

    def unseat(self, names: Iterable[Name]) -> None:
        """These give their places up and stay cells."""
        self.found |= dict.fromkeys(names, NOWHERE)
        self._places()

    def adopt(self, names: Collection[Name]) -> None:
        """Discovered cells that somebody named: they share the start weights of named ones from now on."""
        if names:
            self.found = {name: place for name, place in self.found.items() if name not in names}
            self._rules()

    def declare(self, names: Iterable[Name]) -> None:
        """Add cells; they count votes from the next tick on and draw their share of past markers."""
        new = [name for name in dict.fromkeys(names) if name not in self.index]
        if not new:
            return
        n, old = len(new), len(self.names)
        self.names += new
        self.index.update((name, old + i) for i, name in enumerate(new))
        width = len(self.detectors)
        for name, (kind, first) in _FIELDS.items():
            self.cells[name] = np.concatenate([self.cells[name], np.full(n, first, dtype=kind)])
        fresh = np.zeros((n, width, GRID))
        for j, detector in enumerate(self.detectors):
            if detector.certificate:
                fresh[:, j] = 1.0
        self.wealth = np.concatenate([self.wealth, fresh])
        self.value = np.concatenate([self.value, fresh.mean(axis=-1)])
        self.pending = np.concatenate([self.pending, np.zeros((n, width))])
        self.histogram = np.concatenate([self.histogram, np.zeros((n, BINS), dtype=np.int64)])
        self._rules(old)
        positions = np.arange(old, old + n)
        left = []
        for lane, weight in self.pools:
            # Half of what is left at most: cells that come later find something too.
            left.append((lane, weight - self._draw(positions, lane, weight, reserve=2.0)))
        self.pools = left

    def _rules(self, old: int = 0) -> None:
        """tau, weight, judged and bets of the cells from `old` on, from the tolerances; lanes of all."""
        t, new = self._tolerances, self.names[old:]
        tau = np.array([t.tau(slice_, metric) for _, slice_, metric in new], dtype=np.float64)
        judged = np.array([t.limit(metric).judged for _, _, metric in new], dtype=bool)
        named = np.array([name not in self.found for name in new], dtype=bool)
        weight = np.array([t.weight(slice_) for _, slice_, _ in new], dtype=np.float64)
        for level in dict.fromkeys(tau.tolist()):
            if level not in self._taus:
                self._taus[level] = len(self._taus)
                self._table = np.concatenate([self._table, self._bets(level)[None]])
        row = np.array([self._taus[level] for level in tau.tolist()], dtype=np.int64)
        self.tau = np.concatenate([self.tau[:old], tau])
        self.judged = np.concatenate([self.judged[:old], judged])
        self.weight = np.concatenate([self.weight[:old], np.where(judged & named, weight, 0.0)])
        self._row = np.concatenate([self._row[:old], row])
        self._places()

    def _places(self) -> None:
        """What follows from the names alone."""
        self.lanes = sorted({lane for lane, _, _ in self.names})
        where = {lane: i for i, lane in enumerate(self.lanes)}
        self.lane = np.array([where[lane] for lane, _, _ in self.names], dtype=np.int64)
        self.crossed = [name for name in self.names if parts(name[1]) is not None]
        self._stands = np.array(
            [
                self.index[name]
                for name, place in self.found.items()
                if place != NOWHERE and name in self.index
            ],
            dtype=np.int64,
        )

    def _bets(self, tau: float) -> Floats:
        made = np.zeros((BINS, len(self.detectors), GRID))
        for j, d in enumerate(self.detectors):
            level = tau * d.multiple
            if level >= 1.0:
                made[:, j] = -np.inf  # nothing can exceed it: wealth stays 0
                continue
            logs = increments(level, -1 if d.certificate else 1)
            made[:, j] = logs[::-1] if d.sign < 0 else logs
        return np.maximum(made, -1e9)

    def retain(self, chosen: Bools) -> None:
        """Drop the cells not chosen."""
        self.names = [name for name, kept in zip(self.names, chosen.tolist(), strict=True) if kept]
        self.index = {name: i for i, name in enumerate(self.names)}
        self.found = {name: place for name, place in self.found.items() if name in self.index}
        for name, array in self.cells.items():
            self.cells[name] = array[chosen]
        for name in (*_BLOCKS, "tau", "judged", "weight", "_row"):
            setattr(self, name, getattr(self, name)[chosen])
        self._places()

    # -- start weights -------------------------------------------------------------------------------------

    def mark(self, weight: float, lane: str = "") -> None:
        """An announced change: its weight goes to the cells (of one lane), the rest waits for new ones."""
        positions = np.array([i for i, n in enumerate(self.names) if lane in ("", n[0])], dtype=np.int64)
        if self.places:
            self.kept.append((lane, [weight * self.reserved / self.places] * self.places))
            for name, place in self.found.items():
                if place != NOWHERE:
                    self._draw_kept(self.index[name], place, newest=True)
            self.kept = [entry for entry in self.kept if max(entry[1]) > 1e-9][-64:]
        weight *= 1.0 - self.reserved
        self.pools.append((lane, weight - self._draw(positions, lane, weight, reserve=1.0)))
        self.pools = [(name, left) for name, left in self.pools if left > 1e-6][-64:]

    def _draw_kept(self, cell: int, place: int, *, newest: bool = False) -> None:
        """Half of what markers left for the place, or of what the newest one did."""
        drawn = 0.0
        for lane, left in self.kept[-1:] if newest else self.kept:
            if lane in ("", self.names[cell][0]):
                left[place] /= 2
                drawn += left[place]
        self._start(np.array([cell]), np.array([drawn]), 1.0, certificate=False)

    def _draw(self, positions: Ints, lane: str, weight: float, reserve: float) -> float:
        """Give cells their share of a marker's weight; returns what was given."""
        if lane:
            positions = np.array([i for i in positions.tolist() if self.names[i][0] == lane], dtype=np.int64)
        total = float(self.weight[positions].sum())
        if not len(positions) or total <= 0:
            return 0.0
        share = self.weight[positions] / max(self._tolerances.expected_cells, reserve * total)
        self._start(positions, share, weight, certificate=False)
        return weight * float(share.sum())

    def sow(self, weight: float) -> None:
        """A tick's start weight, split over the cells; certificates take it whole."""
        total = float(self.weight.sum())
        if len(self) and total > 0:
            share = self.weight / total * (1.0 - self.reserved)
            share[self._stands] = self.reserved / self.places if self.places else 0.0
            self._start(np.arange(len(self)), share, weight, certificate=True)

    def _start(self, positions: Ints, share: Floats, weight: float, *, certificate: bool) -> None:
        for j, d in enumerate(self.detectors):
            if d.certificate:
                if certificate:
                    self.pending[positions, j] += weight * self.judged[positions]
            else:
                self.pending[positions, j] += np.minimum(share, 0.05 / d.budget) * weight
        self.cells["started"][positions] += share * weight
        quiet = self.cells["scored"][positions] == 0
        self.cells["opening"][positions[quiet]] += (share * weight)[quiet]

    # -- votes ---------------------------------------------------------------------------------------------

    def count(
        self, cell: Ints, channel: Ints, number: Ints, tick: int, unknown: Sequence[Unknown] = ()
    ) -> Ints:
        """Take one tick's counts; returns the cells that have a vote, their M in `value`.

        Rows are sorted by cell and channel, each there once; `unknown` pairs come on top of them.
        """
        c = self.cells
        rows = channel == CLUSTERS
        # More than the minimum is not said: it would depend on how the partitions' clusters fell.
        most = self._tolerances.minimum_clusters
        c["clusters"][cell[rows]] = np.minimum(c["clusters"][cell[rows]] + number[rows], most)
        self._coverage(cell, channel, number, unknown)

        rows = channel < BINS
        cell, channel, number = cell[rows], channel[rows], number[rows]
        if not len(cell):
            return cell
        self.histogram[cell, channel] += number
        starts = np.flatnonzero(np.append(True, cell[1:] != cell[:-1]))
        active = cell[starts]
        c["last"][active] = tick
        factor, middling = self._gains(self._row[cell] * BINS + channel, number, starts)
        self._since_change(active, middling, cell, channel, number, starts)
        # Where every cell has a vote, nothing is copied there and back.
        at = slice(None) if len(active) == len(self) else active
        held = self.wealth[at]
        held += self.pending[at][:, :, None]
        self.pending[at] = 0.0
        held *= factor
        np.maximum(held, FLOOR, out=held)
        self.wealth[at] = held
        self.value[at] = held.mean(axis=-1)
        return active

    def _gains(self, bets: Ints, number: Ints, starts: Ints) -> tuple[Floats, Floats]:
        """What each cell's wealth is multiplied by, and the log of that for one middling bet of the first detector.

        Most cells of a tick have votes in one bin alone. Few of those differ, and each kind is worked out once.

        Args:
            bets: the row of the table of bets, per row of counts.
            number: votes, likewise.
            starts: where each cell's rows begin.
        """
        table = self._table.reshape(-1, len(self.detectors), GRID)
        size = np.diff(starts, append=len(bets))
        alone = size == 1
        one = starts[alone]
        kinds, which = np.unique(number[one] * len(table) + bets[one], return_inverse=True)
        kind = table[kinds % len(table)] * (kinds // len(table))[:, None, None]
        rest = np.repeat(~alone, size)
        logs = table[bets[rest]]
        logs *= number[rest][:, None, None]
        heads = np.cumsum(size[~alone]) - size[~alone]
        more = np.add.reduceat(logs, heads, axis=0) if len(heads) else logs
        factor = np.empty((len(starts), *table.shape[1:]))
        middling = np.empty(len(starts))
        for cells, gained, of in ((alone, kind, which), (~alone, more, slice(None))):
            middling[cells] = gained[of, 0, self._mid]
            np.clip(gained, -LARGE, LARGE, out=gained)
            factor[cells] = np.exp(gained, out=gained)[of]
        return factor, middling

    def bet(self, cell: Ints, channel: Ints) -> Floats:
        """What a vote in a bin gains one middling bet of the first detector, per row."""
        made: Floats = self._table[self._row[cell], channel, 0, self._mid]
        return made

    def _coverage(self, cell: Ints, channel: Ints, number: Ints, unknown: Sequence[Unknown]) -> None:
        """Pairs by what became of them, with a fading memory too (4 / (tau / 2) pairs); ticks in a row under the floor.

        Unknown pairs count in every cell of their slice, since each may have had a bad reply there. But whether scores
        are wanting is asked of the metrics that have the most pairs only: others apply to few, and want none.
        """
        c = self.cells
        pairs = np.zeros((len(self), 3), dtype=np.int64)
        rows = (channel >= SCORED) & (channel <= SHED)
        pairs[cell[rows], channel[rows] - SCORED] = number[rows]
        own, seen = pairs.sum(axis=1), pairs.copy()
        for one in unknown:
            whole = one.cells[own[one.cells] == own[one.cells].max()]
            seen[whole, one.channel - SCORED] += one.count
            pairs[one.cells, one.channel - SCORED] += one.count
        for j, name in enumerate(("scored", "missing", "shed")):
            c[name] += pairs[:, j]
            c["since_" + name] += pairs[:, j]
        total = pairs.sum(axis=1)
        here = np.flatnonzero(total)
        fade = np.exp(-total[here] * self.tau[here] / 8.0)
        c["recent_scored"][here] = c["recent_scored"][here] * fade + pairs[here, 0]
        c["recent_missing"][here] = c["recent_missing"][here] * fade + pairs[here, 1]
        total = seen.sum(axis=1)
        here = np.flatnonzero(total)
        poor = seen[here, 0] < self._tolerances.coverage * total[here]
        c["low_ticks"][here] = np.where(poor, c["low_ticks"][here] + 1, 0)

    def _since_change(
        self, active: Ints, gained: Floats, cell: Ints, channel: Ints, number: Ints, starts: Ints
    ) -> None:
        """CUSUM of one middling bet: its last return to zero estimates when the change began."""
        c = self.cells
        path = np.maximum(c["cusum"][active], 0.0) + gained
        votes = np.add.reduceat(number, starts)
        total = np.add.reduceat(number * (channel - STEPS), starts)
        fresh = c["cusum"][active] <= 0
        c["change_votes"][active] = np.where(fresh, 0, c["change_votes"][active]) + votes
        c["change_sum"][active] = np.where(fresh, 0, c["change_sum"][active]) + total
        c["cusum"][active] = path

    def cap(self, active: Ints) -> None:
        """After the test: scale wealth beyond a detector's cap back to it, bet by bet alike."""
        for j, d in enumerate(self.detectors):
            if d.cap:
                value = self.value[active, j]
                over = value > d.cap
                rows = active[over]
                self.wealth[rows, j] *= (d.cap / value[over])[:, None]
                self.value[rows, j] = d.cap

    def reset(self, cells: Ints, *detectors: str) -> None:
        """Wealth of these detectors := 0."""
        for name in detectors:
            j = self.at[name]
            self.wealth[cells, j] = 0.0
            self.value[cells, j] = 0.0
            self.pending[cells, j] = 0.0

    def recertify(self, cells: Ints) -> None:
        """The certificate starts anew: so do the counts its coverage rests on."""
        for name in ("since_scored", "since_missing", "since_shed"):
            self.cells[name][cells] = 0

    def new_month(self) -> None:
        """Budget months: e-BH looks at starts of the present one only, and what was kept is not spent later."""
        self.pools, self.kept = [], []
        if "month" in self.at:
            self.reset(np.arange(len(self)), "month")
        self.cells["started"][:] = 0.0

    # -- state ---------------------------------------------------------------------------------------------

    def head(self) -> dict[str, object]:
        """What of the state is not an array."""
        made: dict[str, object] = {
            "names": [list(name) for name in self.names],
            "pools": [list(pool) for pool in self.pools],
        }
        if self.places:
            made["found"] = [[*name, place] for name, place in sorted(self.found.items())]
            made["kept"] = [[lane, list(left)] for lane, left in self.kept]
        return made

    def dump(self) -> dict[str, npt.NDArray[np.generic]]:
        """The state's arrays; verdict bytes follow from them alone."""
        made: dict[str, npt.NDArray[np.generic]] = {f"cell.{name}": a for name, a in self.cells.items()}
        for name in _BLOCKS:
            made[name] = getattr(self, name)
        return made

    def load(
        self, head: Mapping[str, Sequence[Sequence[object]]], arrays: Mapping[str, npt.NDArray[Any]]
    ) -> None:
        """Replace the state by what `head` and `dump` gave."""
        self.names = [(str(lane), str(slice_), str(metric)) for lane, slice_, metric in head["names"]]
        self.index = {name: i for i, name in enumerate(self.names)}
        self.pools = [(str(lane), float(str(weight))) for lane, weight in head["pools"]]
        told: Any = head
        self.found = {(lane, slice_, metric): place for lane, slice_, metric, place in told.get("found", ())}
        # Under other tolerances there may be fewer places now, or more: to those nothing was given.
        self.kept = [
            (lane, [*left, *[0.0] * self.places][: self.places])
            for lane, left in told.get("kept", ())
            if self.places
        ]
        for name in self.cells:
            self.cells[name] = arrays[f"cell.{name}"]
        for name in _BLOCKS:
            setattr(self, name, arrays[name])
        self._rules()
