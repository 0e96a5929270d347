"""The counts of one tick, which merge by addition: what owners of partitions report to each other."""

from dataclasses import dataclass, field

import numpy as np

from understudy.drift.bet import BINS, Ints

Name = tuple[str, str, str]
"""lane, slice, metric."""

SCORED, MISSING, SHED, CLUSTERS = BINS, BINS + 1, BINS + 2, BINS + 3
CHANNELS = BINS + 4
"""A cell's counts: votes per bin, then pairs scored, missing and shed, and clusters never seen before."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The counts of one tick: sparse rows (name, partition, channel, count), sorted."""

    tick: int
    names: tuple[Name, ...]
    rows: Ints
    """Shape (n, 4): index into names, partition, channel, count."""
    markers: tuple[tuple[str, str], ...] = ()
    """(lane, marker name) announced by this tick's rows."""
    scouted: Ints = field(default_factory=lambda: np.zeros((0, 5), dtype=np.int64))
    """Votes in intersections that are no cells, shape (n, 5): indices into names of both slices, in order, then
    partition, bin, count."""

    def merge(self, other: "Tally") -> "Tally":
        """Both reports of the same tick: the maximum per partition, then what either alone has."""
        if self.tick != other.tick:
            raise ValueError(f"tallies of ticks {self.tick} and {other.tick} do not merge")
        names = tuple(sorted({*self.names, *other.names}))
        where = {name: i for i, name in enumerate(names)}
        rows: list[Ints] = []
        scouted: list[Ints] = []
        for tally in (self, other):
            moved = np.array([where[name] for name in tally.names], dtype=np.int64)
            for table, indices, into in ((tally.rows, 1, rows), (tally.scouted, 2, scouted)):
                made = table.copy()
                made[:, :indices] = moved[table[:, :indices]]
                into.append(made)
        markers = tuple(sorted({*self.markers, *other.markers}))
        return Tally(self.tick, names, _largest(rows), markers, _largest(scouted))

    def total(self) -> tuple[Ints, Ints, Ints]:
        """Sum over partitions: (name index, channel, count), sorted by name then channel."""
        key = self.rows[:, 0] * CHANNELS + self.rows[:, 2]
        order = np.argsort(key, kind="stable")  # fast where they are nearly in order, as these are
        key, counts = key[order], self.rows[order, 3]
        starts = np.flatnonzero(np.diff(key, prepend=-1))
        if len(starts) < len(key):
            key, counts = key[starts], np.add.reduceat(counts, starts)
        return key // CHANNELS, key % CHANNELS, counts

    def crossed(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Sum of `scouted` over partitions: (name index, name index, bin, count), sorted."""
        span = max(1, len(self.names))
        key = (self.scouted[:, 0] * span + self.scouted[:, 1]) * BINS + self.scouted[:, 3]
        unique, inverse = np.unique(key, return_inverse=True)
        counts = np.bincount(inverse, self.scouted[:, 4], len(unique)).astype(np.int64)
        return unique // BINS // span, unique // BINS % span, unique % BINS, counts


def used(tally: Tally) -> Tally:
    """Without names that no row speaks of: both slices of an intersection may have rows, and no pair in common."""
    used = np.unique(np.concatenate([tally.rows[:, 0], tally.scouted[:, :2].ravel()]))
    if len(used) == len(tally.names):
        return tally
    moved = np.zeros(len(tally.names), dtype=np.int64)
    moved[used] = np.arange(len(used))
    rows, scouted = tally.rows.copy(), tally.scouted.copy()
    rows[:, 0], scouted[:, :2] = moved[rows[:, 0]], moved[scouted[:, :2]]
    return Tally(tally.tick, tuple(tally.names[i] for i in used.tolist()), rows, tally.markers, scouted)


def _largest(tables: list[Ints]) -> Ints:
    """The rows of all, sorted; of those that differ in nothing but their count, that with the largest."""
    rows = np.concatenate(tables)
    rows = rows[np.lexsort(rows.T[::-1])]
    if len(rows):
        rows = rows[np.append((rows[1:, :-1] != rows[:-1, :-1]).any(axis=1), True)]
    return rows
