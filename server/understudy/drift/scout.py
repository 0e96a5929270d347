"""The scout: which intersections of two slices look bad, out of all there are. It proposes and never judges.

For each intersection and metric a CUSUM of one middling bet is kept, S = max(S, 0) + l, and while S > 0 what was
counted since it last was not: the histogram of the intersection, and the votes its two slices had elsewhere. Where
S <= 0 nothing is known that would be missed, so nothing is kept: what is held are the intersections under suspicion,
a few of the very many there may be, and of these the most suspect where they are too many.

What an intersection says beyond its slices is n KL_inf(histogram, level), the logarithm of what the best bet would
have won against a mean of `level`: the tolerance, or the mean of either slice's other votes and its standard error
where that is higher. A harm that all German has explains the harm in German mathematics, and nothing is proposed.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from understudy.drift.bet import BINS, STEPS, Floats, Ints, kl_inf, shares
from understudy.drift.family import Bools, Family

HELD = 4096
"""Intersections with a metric under suspicion at one time: 2 MB."""
ASKED = 64
"""Of these, how many are looked at closely in a tick, the most suspect first."""
LEAST = 3.0
"""Nats beyond its slices that an intersection must show: by chance, one in twenty does at some time."""
BARELY = LEAST / 4
"""The middling bet has won as much at least by then, be the harm small or large."""
PRIOR = 20.0
"""Votes at the tolerance that a slice's other votes are taken together with: three of them say little."""
OWN = 4
"""Its slices must have a quarter as many votes elsewhere; else the slice itself shows nearly the same."""
_SHIFT = 32


@dataclass(frozen=True, slots=True)
class Proposal:
    """An intersection that is worth a place."""

    low: int
    """Cell of its first slice."""
    high: int
    score: float
    """Nats beyond what its slices explain."""


class Scout:
    """Intersections under suspicion. Cells are positions in the family of the comparison."""

    def __init__(self, minimum: int) -> None:
        self._minimum = minimum
        self.key: Ints = np.zeros(0, dtype=np.int64)
        """Both cells, sorted: low << 32 | high."""
        self.path: Floats = np.zeros(0)
        """The CUSUM, above 0."""
        self.counts: Ints = np.zeros((0, BINS), dtype=np.int64)
        """Votes per bin since it was not."""
        self.rest: Ints = np.zeros((0, 2, 2), dtype=np.int64)
        """Of either slice, (votes, sum of b) elsewhere since then."""

    def __len__(self) -> int:
        return len(self.key)

    def take(self, family: Family, crossed: tuple[Ints, Ints, Ints, Ints], told: tuple[Ints, Ints]) -> None:
        """Count a tick.

        Args:
            family: the cells.
            crossed: (cell, cell, bin, count) of the votes in intersections, those of one beside each other.
            told: votes and sum of b of every cell in this tick.
        """
        low, high, bins, number = crossed
        slices: Ints = np.stack(told, axis=1)
        self.rest += slices[_cells(self.key)]
        kept = family.judged[low] & family.judged[high]
        low, high, bins, number = low[kept], high[kept], bins[kept], number[kept]
        if not len(low):
            return
        new = np.append(True, (low[1:] != low[:-1]) | (high[1:] != high[:-1]))
        index = np.cumsum(new) - 1
        low, high = low[new], high[new]
        key, count = (low << _SHIFT) | high, len(low)
        gained = np.bincount(index, family.bet(_laxer(family, low, high)[index], bins) * number, count)
        path: Floats = gained.astype(np.float64)
        at: Ints = np.minimum(np.searchsorted(self.key, key), max(0, len(self.key) - 1))
        old = np.flatnonzero(self.key[at] == key) if len(self.key) else at[:0]
        at = at[old]
        path[old] = path[old] + self.path[at]

        # Most intersections had no bad vote: only those whose path is above 0 are looked at any further.
        fresh = np.flatnonzero(path > 0)
        place = np.full(count, -1, dtype=np.int64)
        place[fresh] = np.arange(len(fresh))
        mine = place[index] >= 0
        counts = np.zeros((len(fresh), BINS), dtype=np.int64)
        counts[place[index[mine]], bins[mine]] = number[mine]
        own = np.stack([counts.sum(axis=1), counts @ (np.arange(BINS) - STEPS)], axis=1)
        rest = slices[_cells(key[fresh])]
        above = place[old] >= 0
        known = place[old[above]]
        counts[known] += self.counts[at[above]]
        rest[known] = self.rest[at[above]]
        rest -= own[:, None, :]
        stays = np.ones(len(self.key), dtype=bool)
        stays[at] = False
        self._set(
            np.concatenate([self.key[stays], key[fresh]]),
            np.concatenate([self.path[stays], path[fresh]]),
            np.concatenate([self.counts[stays], counts]),
            np.concatenate([self.rest[stays], rest]),
        )

    def _set(self, key: Ints, path: Floats, counts: Ints, rest: Ints) -> None:
        """Keep these, sorted, and of too many those with the highest path; of equals the first."""
        if len(key) > HELD:
            chosen = np.lexsort((key, -path))[:HELD]
            key, path, counts, rest = key[chosen], path[chosen], counts[chosen], rest[chosen]
        order = np.argsort(key)
        self.key, self.path, self.counts, self.rest = key[order], path[order], counts[order], rest[order]

    def proposals(self, family: Family) -> list[Proposal]:
        """What is worth a place, the most telling first."""
        votes = self.counts.sum(axis=1)
        elsewhere = self.rest[:, :, 0].min(axis=1) if len(self) else votes
        able = np.flatnonzero((self.path >= BARELY) & (votes >= self._minimum) & (elsewhere * OWN >= votes))
        able = able[np.lexsort((self.key[able], -self.path[able]))[:ASKED]]
        if not len(able):
            return []
        cells, counts, rest = _cells(self.key[able]), self.counts[able], self.rest[able]
        tau = family.tau[cells].max(axis=1)
        elsewhere = rest[:, :, 0] + PRIOR
        means = np.clip((rest[:, :, 1] / STEPS + PRIOR * tau[:, None]) / elsewhere, 0.0, 1.0)
        means += np.sqrt(means * (1.0 - means) / elsewhere)
        level = np.clip(np.maximum(means.max(axis=1), tau), 0.0, 0.999)
        score = votes[able] * kl_inf(shares(counts), level)
        order = np.lexsort((self.key[able], -score))
        return [
            Proposal(int(cells[i, 0]), int(cells[i, 1]), float(score[i]))
            for i in order.tolist()
            if score[i] >= LEAST
        ]

    def drop(self, low: int, high: int) -> None:
        """Forget one: it has a place now, and what spoke for it is spent."""
        self._keep(~np.isin(self.key, (low << _SHIFT) | high))

    def retain(self, chosen: Bools) -> None:
        """The family keeps these of its cells: intersections of others are forgotten."""
        if not len(self):
            return
        moved = np.cumsum(chosen) - 1
        cells = _cells(self.key)
        self._keep(np.asarray(chosen[cells].all(axis=1)))
        cells = moved[_cells(self.key)]
        self.key = (cells[:, 0] << _SHIFT) | cells[:, 1]

    def _keep(self, chosen: Bools) -> None:
        self.key, self.path = self.key[chosen], self.path[chosen]
        self.counts, self.rest = self.counts[chosen], self.rest[chosen]

    def dump(self) -> dict[str, npt.NDArray[np.generic]]:
        """The state's arrays."""
        return {
            "scout.key": self.key,
            "scout.path": self.path,
            "scout.counts": self.counts,
            "scout.rest": self.rest,
        }

    def load(self, arrays: dict[str, npt.NDArray[np.generic]]) -> None:
        """Replace the state by what `dump` gave; nothing of it: empty."""
        arrays = arrays or Scout(self._minimum).dump()
        self.key = arrays["scout.key"].astype(np.int64)
        self.path = arrays["scout.path"].astype(np.float64)
        self.counts = arrays["scout.counts"].astype(np.int64)
        self.rest = arrays["scout.rest"].astype(np.int64)


def _cells(key: Ints) -> Ints:
    """Both cells, shape (n, 2)."""
    return np.stack([key >> _SHIFT, key & ((1 << _SHIFT) - 1)], axis=1)


def _laxer(family: Family, low: Ints, high: Ints) -> Ints:
    """The one of two cells whose tolerance is the larger: an intersection has that."""
    return np.where(family.tau[low] >= family.tau[high], low, high)
