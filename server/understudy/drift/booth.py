"""The polling booth: turns votes into integer counts per tick that merge by addition.

A booth owns some partitions (partition = hash(cluster) mod P). It sorts a tick's votes by admission, drops
duplicates of a pair, lets every cluster vote once per cell and 24 h, rounds D to a dithered integer, and
hands out one `Tally`. Tallies of replicas merge by the maximum, partitions by the sum: idempotent and
commutative. What counts in two slices of a pair counts in their intersection too (`cross.py`).
"""

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from understudy.drift import cross
from understudy.drift.bet import BINS, STEPS, Floats, Ints
from understudy.drift.digest import Hashes, digest, digests, mix
from understudy.drift.seen import Seen
from understudy.drift.tally import CHANNELS, CLUSTERS, SCORED, Name, Tally, used
from understudy.drift.tolerance import OTHER
from understudy.drift.verdict import same
from understudy.drift.vote import ALL, EVERY, Resolution, Vote

DAY_S = 86_400.0
LATEST_S = 1e15
"""A time beyond it, on either side, is none."""
_CODES = {
    Resolution.SCORED: 0,
    Resolution.FAILED: 0,
    Resolution.TIMED_OUT: 0,
    Resolution.UNSCORED: 1,
    Resolution.LOST: 1,
    Resolution.SHED: 2,
}


def _met(crossed: Iterable[Name], names: Collection[Name]) -> list[Name]:
    """Of cells of intersections, and of rows about every cell of them, those both of whose slices have rows."""
    wanted = {one for name in crossed for one in (name, (name[0], name[1], EVERY))}
    return sorted(
        name
        for name in wanted
        if all((name[0], side, name[2]) in names for side in cross.parts(name[1]) or ("",))
    )


@dataclass(slots=True)
class _Open:
    """A tick's columns so far; names are interned per tick, so that a cell explosion ends with its tick."""

    names: dict[Name, int]
    parts: list[tuple[Floats, Ints, Hashes, Hashes, Floats, Ints]]
    markers: set[tuple[str, str]]


class Booth:
    """Collects votes of open ticks and closes them into tallies."""

    def __init__(
        self,
        tick_s: float,
        partitions: int,
        owned: Collection[int] | None = None,
        *,
        minimum_clusters: int = 30,
        run: bool = False,
    ) -> None:
        self.counters: Counter[str] = Counter()
        """late, rejected, duplicate, repeat, overflow: rows not counted as votes, by reason."""
        self.seen = Seen()
        self.closed: int | None = None
        """The last closed tick; votes for it or an earlier one are late."""
        self.newcomers: dict[Name, dict[int, set[int]]] = {}
        """Clusters per cell and partition, the minimum of each, to count distinct ones exactly up to it."""
        self.settled: frozenset[Name] = frozenset()
        """Cells that have the minimum, all owners taken together: theirs are not counted any more."""
        self._tick_s = tick_s
        self._partitions = partitions
        self._owned = None if owned is None else np.array(sorted(owned), dtype=np.uint64)
        self._minimum = minimum_clusters
        self._run = run
        self._open: dict[int, _Open] = {}
        self._kinds: dict[Name, tuple[int, int]] = {}

    @property
    def open_ticks(self) -> list[int]:
        """Ticks that hold rows, ascending."""
        return sorted(self._open)

    def tick_of(self, ts: float) -> int:
        """The tick of a time: floor(ts / length), as of arrays of them; `ts // length` may differ by one."""
        return math.floor(ts / self._tick_s)

    def add(self, votes: Iterable[Vote]) -> None:
        """Take rows of any order and any open tick."""
        rest = iter(votes)
        while chunk := list(islice(rest, 65_536)):
            self._add(chunk)

    def _add(self, votes: Sequence[Vote]) -> None:
        names = [(v.lane, v.slice, v.metric) for v in votes]
        codes = np.array([_CODES.get(v.outcome, 3) for v in votes])  # type: ignore[call-overload]
        self.columns(
            np.array([v.ts for v in votes], dtype=np.float64),
            names,
            digests([v.cluster for v in votes]),
            digests([v.pair_id or f"{v.cluster}\n{v.ts!r}" for v in votes]),
            np.array([v.d for v in votes], dtype=np.float64),
            codes,
            {(v.ts, v.lane, v.marker) for v in votes if v.marker},
        )

    def columns(
        self,
        ts: Floats,
        names: Sequence[Name],
        clusters: Hashes,
        pairs: Hashes,
        d: Floats,
        codes: Ints,
        markers: Iterable[tuple[float, str, str]] = (),
    ) -> None:
        """The array path: one row per vote; codes 0 = carries d, 1 = missing, 2 = shed.

        A d that is NaN, infinite or out of range, and an unknown code, are counted `rejected` and as missing;
        a row without a usable time is refused.
        """
        timed = np.isfinite(ts) & (np.abs(ts) < LATEST_S)
        ticks = np.floor(np.where(timed, ts, 0.0) / self._tick_s).astype(np.int64)
        with np.errstate(invalid="ignore"):
            wrong = (codes > 2) | ((codes == 0) & ~(np.abs(d) <= 1.0))
        self.counters["rejected"] += int((wrong | ~timed).sum())
        codes = np.where(wrong, 1, codes)
        keep = timed
        if self.closed is not None:
            late = timed & (ticks <= self.closed)
            self.counters["late"] += int(late.sum())
            keep = timed & ~late
        if self._owned is not None:
            keep &= np.isin(clusters % np.uint64(self._partitions), self._owned)
        for number in np.unique(ticks[keep]).tolist():
            chosen = np.flatnonzero(keep & (ticks == number))
            tick = self._open.setdefault(number, _Open({}, [], set()))
            table = tick.names
            ids = np.array([table.setdefault(names[i], len(table)) for i in chosen.tolist()], dtype=np.int64)
            tick.parts.append((ts[chosen], ids, clusters[chosen], pairs[chosen], d[chosen], codes[chosen]))
        for at, lane, name in markers:
            if abs(at) < LATEST_S and (number := self.tick_of(at)) in self._open:
                self._open[number].markers.add((lane, name))

    def miss(self, lane: str, tick: int, outcome: Resolution, count: int) -> None:
        """Rows about every cell of slice `all` for pairs without a name; once per lane, tick and outcome."""
        ids = mix(
            np.full(count, digest(f"{outcome}-{tick}"), dtype=np.uint64), np.arange(count, dtype=np.uint64)
        )
        times = np.full(count, (tick + 0.5) * self._tick_s)
        codes = np.full(count, _CODES[outcome], dtype=np.int64)
        self.columns(times, [(lane, ALL, EVERY)] * count, ids, ids, np.zeros(count), codes)

    def newest(self, tick: int, known: Collection[Name]) -> list[Name]:
        """The cells a tick names that are not known yet, sorted."""
        held = self._open.get(tick)
        names = held.names if held is not None else ()
        return sorted(name for name in names if name not in known and name[2] != EVERY)

    def close(
        self, tick: int, known: Collection[Name], crossed: Collection[Name] = (), *, scouting: bool = False
    ) -> Tally:
        """Count a tick and forget its rows; cells not in `known` go to the slice `other` of their lane.

        `crossed` are the cells there are of intersections: what counts in both slices counts in them. With
        `scouting`, votes in all other intersections are `scouted`.
        """
        held = self._open.pop(tick, None)
        self.closed = tick if self.closed is None else max(self.closed, tick)
        if held is None:
            return Tally(tick, (), np.zeros((0, 4), dtype=np.int64))
        spelled = [
            name if name in known or name[2] == EVERY else (name[0], OTHER, name[2]) for name in held.names
        ]
        met = _met(crossed, set(spelled))
        names = tuple(sorted({*spelled, *met}))
        where = {name: i for i, name in enumerate(names)}
        local = np.array([where[name] for name in spelled], dtype=np.int64)
        moved = np.array([a != b for a, b in zip(spelled, held.names, strict=True)])
        ts, ids, clusters, pairs, d, codes = (np.concatenate(c) for c in zip(*held.parts, strict=True))
        self.counters["overflow"] += int(moved[ids].sum())
        ids = local[ids]
        order = np.lexsort((d, codes, pairs, ts))
        ts, ids, clusters, pairs, d, codes = (c[order] for c in (ts, ids, clusters, pairs, d, codes))
        cell = np.array([digest("\n".join(name)) for name in names], dtype=np.uint64)[ids]

        # Within its partition: what one owner counts must not depend on what another one has seen.
        parts = (clusters % np.uint64(self._partitions)).astype(np.int64)
        whose = mix(pairs, parts.astype(np.uint64))
        one = mix(cell, whose)
        first = np.sort(np.unique(one, return_index=True)[1])
        self.counters["duplicate"] += len(ts) - len(first)
        ids, codes, parts = ids[first], codes[first], parts[first]
        clusters, d, cell = clusters[first], d[first], cell[first]
        span = self._partitions
        rows = [(ids * span + parts) * CHANNELS + SCORED + codes]

        voting = np.flatnonzero(codes == 0)
        keys = mix(cell[voting], clusters[voting])
        once = np.sort(np.unique(keys, return_index=True)[1])
        day = 0 if self._run else int(tick * self._tick_s // DAY_S)
        fresh = once[~self.seen.known(day, keys[once])]
        self.counters["repeat"] += len(voting) - len(fresh)
        self.seen.add(day, keys[fresh])
        chosen = voting[fresh]
        bins = dither(d[chosen], clusters[chosen], ids[chosen], names, day)
        rows.append((ids[chosen] * span + parts[chosen]) * CHANNELS + bins)
        new = chosen[self._distinct(names, ids[chosen], parts[chosen], clusters[chosen])]
        rows.append((ids[new] * span + parts[new]) * CHANNELS + CLUSTERS)
        scouted = np.zeros((0, 5), dtype=np.int64)
        if scouting or met:
            voted = np.full(len(ids), -1, dtype=np.int64)
            voted[chosen] = bins
            counted = _Counted(names, ids, codes, parts, clusters, whose[first], one[first], voted)
            more, told = self._cross(counted, met, day)
            rows += more
            scouted = told if scouting else scouted

        unique, counts = np.unique(np.concatenate(rows), return_counts=True)
        place, channel = np.divmod(unique, CHANNELS)
        table = np.stack([place // span, place % span, channel, counts], axis=1).astype(np.int64)
        tally = Tally(tick, names, table, tuple(sorted(held.markers)), scouted)
        return used(tally) if met else tally

    def _cross(self, rows: "_Counted", met: Sequence[Name], day: int) -> tuple[list[Ints], Ints]:
        """What a tick's rows say of intersections: rows of the cells in `met`, and those of `Tally.scouted`.

        A vote counts in an intersection when it counts in both slices. So a cluster that was heard there, as a cell or
        by the scout, is not heard there again for a day: votes that made an intersection suspect do not judge it,
        however long their conversation lasts. Where a pair's D differs between its slices, that of the first counts.
        """
        span, names = self._partitions, rows.names
        where = {name: i for i, name in enumerate(names)}
        group, kind = self._kind(names)
        left, right = cross.meetings(
            mix(group[rows.ids], mix(rows.whose, rows.clusters)), kind[rows.ids], rows.ids
        )
        # Which comes first is said by the names, so that any owner and any order of rows counts alike.
        turned = rows.ids[left] > rows.ids[right]
        left, right = np.where(turned, right, left), np.where(turned, left, right)
        low, high = rows.ids[left], rows.ids[right]
        outcome = np.maximum(rows.codes[left], rows.codes[right])
        bins = np.where(rows.voted[right] >= 0, rows.voted[left], -1)
        free = bins >= 0
        made: list[Ints] = []
        for name in met:
            one, other = (where[name[0], side, name[2]] for side in cross.parts(name[1]) or ())
            at = np.flatnonzero((low == one) & (high == other))
            at = at[np.argsort(left[at])]  # as admitted: whose cluster is among the first is said by that
            free[at] = False
            cell = np.uint64(digest("\n".join(name)))
            key = mix(np.full(len(at), cell, dtype=np.uint64), rows.whose[left[at]])
            given = np.isin(key, rows.keys)  # a file that names the intersection itself is taken at its word
            self.counters["duplicate"] += int(given.sum())
            at = at[~given]
            base = where[name] * span
            made.append((base + rows.parts[left[at]]) * CHANNELS + SCORED + outcome[at])
            at = at[bins[at] >= 0]
            # Heard by a row of the intersection's own, a cluster may still be new to both slices, and the other way.
            keys = mix(np.full(len(at), cell, dtype=np.uint64), rows.clusters[left[at]])
            known = self.seen.known(day, keys)
            self.counters["repeat"] += int(known.sum())
            self.seen.add(day, keys[~known])
            at = at[~known]
            made.append((base + rows.parts[left[at]]) * CHANNELS + bins[at])
            ids = np.full(len(at), where[name])
            at = at[self._distinct(names, ids, rows.parts[left[at]], rows.clusters[left[at]])]
            made.append((base + rows.parts[left[at]]) * CHANNELS + CLUSTERS)
        place = (low[free] * len(names) + high[free]) * span + rows.parts[left[free]]
        unique, counts = np.unique(place * BINS + bins[free], return_counts=True)
        place, bin_ = np.divmod(unique, BINS)
        pair, part = np.divmod(place, span)
        first, second = np.divmod(pair, len(names))
        return made, np.stack([first, second, part, bin_, counts], axis=1).astype(np.int64)

    def _kind(self, names: Sequence[Name]) -> tuple[Hashes, Ints]:
        """Per name a hash of what rows must share to meet, and one of whose slice it is (0: no one's)."""
        memory = self._kinds
        if len(memory) > 65_536:
            memory.clear()
        for name in names:
            if name not in memory:
                owner = "" if same(name[0]) else cross.categorizer(name[1])
                memory[name] = digest(json.dumps(name[::2])), digest(owner) >> 1 if owner else 0
        told = [memory[name] for name in names]
        return np.array([g for g, _ in told], dtype=np.uint64), np.array([k for _, k in told], dtype=np.int64)

    def renew(self, names: Iterable[Name]) -> None:
        """These cells begin anew: whoever was heard in them before may be counted again."""
        gone = frozenset(names)
        if not gone:  # as nearly always
            return
        self.settled -= gone
        for name in gone:
            self.newcomers.pop(name, None)

    def forget(self, lane: str) -> None:
        """Drop what is kept by cell of a closed lane."""
        self.settled = frozenset(name for name in self.settled if name[0] != lane)
        self.newcomers = {name: members for name, members in self.newcomers.items() if name[0] != lane}

    def dump(self) -> dict[str, npt.NDArray[np.generic]]:
        """Who voted, as arrays."""
        made: dict[str, npt.NDArray[np.generic]] = {
            f"seen.{day}": keys for day, keys in self.seen.dump().items()
        }
        for name, members in self.newcomers.items():
            everyone = sorted(cluster for part in members.values() for cluster in part)
            made["new." + json.dumps(name)] = np.array(everyone, dtype=np.uint64)
        return made

    def load(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Replace who voted by what `dump` gave; other arrays are ignored."""
        days, self.newcomers = {}, {}
        for key, array in arrays.items():
            kind, _, rest = key.partition(".")
            if kind == "seen":
                days[int(rest)] = array.astype(np.uint64)
            elif kind == "new":
                # Older snapshots parted the three by line breaks, which a name may hold.
                lane, slice_, metric = json.loads(rest) if rest.startswith('["') else rest.split("\n")
                members = self.newcomers.setdefault((lane, slice_, metric), {})
                for cluster in array.astype(np.uint64).tolist():
                    members.setdefault(cluster % self._partitions, set()).add(cluster)
        self.seen.load(days)

    def _distinct(self, names: Sequence[Name], ids: Ints, parts: Ints, clusters: Hashes) -> Ints:
        """Positions of votes from clusters new to their cell, until its partition has the minimum.

        By partition, because what one owner counts must not depend on what another one has seen.
        """
        few = np.array([name not in self.settled for name in names], dtype=bool)
        chosen = np.flatnonzero(few[ids])
        ids, parts, clusters = ids[chosen], parts[chosen], clusters[chosen]
        places, where = np.unique(ids * self._partitions + parts, return_inverse=True)
        held: list[set[int]] = []
        for place in places.tolist():
            cell, part = divmod(place, self._partitions)
            held.append(self.newcomers.setdefault(names[cell], {}).setdefault(part, set()))
        found = []
        for position, (place, cluster) in enumerate(zip(where.tolist(), clusters.tolist(), strict=True)):
            members = held[place]
            if len(members) < self._minimum and cluster not in members:
                members.add(cluster)
                found.append(position)
        return chosen[np.array(found, dtype=np.int64)]

    def settle(self, names: Iterable[Name]) -> None:
        """Say which cells have the minimum of clusters."""
        self.settled = frozenset(names)
        self.newcomers = {name: held for name, held in self.newcomers.items() if name not in self.settled}


@dataclass(frozen=True, slots=True)
class _Counted:
    """A tick's rows without duplicates."""

    names: tuple[Name, ...]
    ids: Ints
    """Index into names."""
    codes: Ints
    parts: Ints
    clusters: Hashes
    whose: Hashes
    """Hash of pair and partition."""
    keys: Hashes
    """Hash of cell, pair and partition."""
    voted: Ints
    """Bin of those that are votes; -1: the others."""


def dither(d: Floats, clusters: Hashes, ids: Ints, names: Sequence[Name], day: int) -> Ints:
    """Bins of D: floor(32 D + u) + 32 with u uniform in [0, 1) from (cluster, lane, metric, 24-h number).

    E[b] = 32 D, so the guarantee holds; rounding would be biased. -1, 0 and 1 stay exact: u has 42 bits, so that
    32 + u < 33 in floating point too.
    """
    salt = np.array([digest(f"{lane}\n{metric}\n{day}") for lane, _, metric in names], dtype=np.uint64)
    u = (mix(clusters, salt[ids]) >> np.uint64(22)).astype(np.float64) * 2.0**-42
    return np.floor(STEPS * d + u).astype(np.int64) + STEPS
