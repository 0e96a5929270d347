"""A whole run at once: the engine's recursion as a prefix scan, to explore what was counted.

A tick takes a bet's wealth from M to (M + w) exp(l): an affine map. Affine maps compose associatively, so the maps
of any stretch of ticks reduce to one, and all prefixes come out of log2(ticks) array operations instead of a
loop over ticks. That makes it cheap to ask what another tolerance or budget says of the same counts.

The answers are the engine's: the same turns at the same ticks, ln M to 1e-9. Verdict logs, which must be equal
byte for byte, come from the sequential recursion alone. And an answer against a tolerance that was chosen after the
counts were seen is an exploration, not evidence.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from understudy.drift.bet import GRID, Floats, Ints, increments
from understudy.drift.judge import Thresholds

Bools = npt.NDArray[np.bool_]
NONE: Floats = np.full(GRID, -np.inf)
"""ln of no wealth at all."""


@dataclass(frozen=True, slots=True)
class Maps:
    """Affine maps of wealth, M -> exp(a) M + exp(b), per tick and bet: arrays of shape (ticks, grid)."""

    a: Floats
    b: Floats

    @classmethod
    def of(cls, counts: Ints, starts: Floats, tau: float, sign: int = 1) -> "Maps":
        """One map per tick; for `counts` (ticks, bins) and `starts` (ticks,), and `sign` as in `increments`."""
        logs: Floats = counts.astype(np.float64) @ increments(tau, sign)
        with np.errstate(divide="ignore"):
            return cls(logs, logs + np.log(starts)[:, None])

    def cut(self, first: int, last: int | None = None) -> "Maps":
        """The maps of some ticks."""
        return Maps(self.a[first:last], self.b[first:last])

    def then(self, later: "Maps") -> "Maps":
        """These maps followed by others, tick by tick: the associative composition."""
        return Maps(self.a + later.a, np.logaddexp(later.a + self.b, later.b))

    def prefixes(self) -> "Maps":
        """The composition of the first 1, 2, 3, ... maps, by doubling."""
        made, reach = self, 1
        while reach < len(made.a):
            joined = made.cut(0, -reach).then(made.cut(reach))
            made = Maps(
                np.concatenate([made.a[:reach], joined.a]), np.concatenate([made.b[:reach], joined.b])
            )
            reach *= 2
        return made


@dataclass(frozen=True, slots=True)
class Scan:
    """What one cell went through; every array has an entry per tick."""

    evidence: Floats
    """ln M."""
    certificate: Floats
    """ln V."""
    breach: Bools
    """Latched after the tick."""
    certified: Bools
    """V was over its threshold at the last vote; WITHIN asks for coverage and a fresh vote besides."""

    @property
    def turns(self) -> list[tuple[int, bool]]:
        """(tick, True) where a breach began, (tick, False) where one was cleared."""
        changed = np.flatnonzero(np.diff(self.breach, prepend=False))
        return [(int(tick), bool(self.breach[tick])) for tick in changed]


def level(logs: Floats) -> Floats:
    """Ln of the mean wealth over the bets (last axis); no wealth gives minus infinity."""
    total: Floats = np.logaddexp.reduce(logs, axis=-1)
    return total - math.log(GRID)


def scan(counts: Ints, starts: Floats, tau: float, at: Thresholds, whole: Floats | None = None) -> Scan:
    """Run the detector and the certificate over a cell's counts.

    Args:
        counts: votes per tick and bin, shape (ticks, bins); rows of zeros are ticks without a vote.
        starts: the cell's start weights, v_cell * w, per tick.
        tau: the tolerance.
        at: the thresholds, `Thresholds.of(tolerances)`.
        whole: the certificate's start weights, w, per tick; its first, of 1, is not among them. None: no others.
    """
    ticks = len(counts)
    voted: Bools = np.asarray(counts.any(axis=1))
    alarm, within = math.log(at.page), math.log(at.within)
    top, ceiling = math.log(max(at.page, at.rollback)) + 3.0, within + 6.0
    rising = Maps.of(counts, starts, tau)
    falling = Maps.of(counts, np.zeros(ticks) if whole is None else whole, tau, -1)
    m, v = NONE, np.zeros(GRID)
    wealth, proof = np.empty((ticks, GRID)), np.empty((ticks, GRID))
    breach, latched, first = np.zeros(ticks, dtype=bool), False, 0
    while first < ticks:
        if latched:
            vs = _follow(falling.cut(first), v, voted[first:], ceiling, within)
            last = first + len(vs)
            ms = _follow(rising.cut(first, last), m, voted[first:last], top)
        else:
            ms = _follow(rising.cut(first), m, voted[first:], top, alarm)
            last = first + len(ms)
            vs = _follow(falling.cut(first, last), v, voted[first:last], ceiling)
        breach[first:last] = latched
        reached = level(vs[-1:]) >= within if latched else level(ms[-1:]) >= alarm
        if reached[0] and voted[last - 1]:
            latched = not latched
            breach[last - 1] = latched
            (vs if latched else ms)[-1] = -np.inf
        wealth[first:last], proof[first:last] = ms, vs
        m, v, first = ms[-1], vs[-1], last
    certificate = level(proof)
    latest = np.maximum.accumulate(np.where(voted, np.arange(ticks), -1))
    certified = (latest >= 0) & (certificate[latest] >= within)
    return Scan(level(wealth), certificate, breach, certified)


def _follow(maps: Maps, state: Floats, voted: Bools, cap: float, until: float = math.inf) -> Floats:
    """Ln wealth after every tick, shape (ticks, grid), from `state` on.

    Where the mean passes `cap` it is scaled back to it, which is no affine map: the scan starts anew there. It ends
    with the first tick whose mean reaches `until`. Both happen only on ticks with a vote.
    """
    made, at, width = [], 0, 64
    while at < len(maps.a):
        part = maps.cut(at, at + width).prefixes()
        logs = np.logaddexp(part.a + state, part.b)
        means = np.where(voted[at : at + width], level(logs), -np.inf)
        events = np.flatnonzero((means > cap) | (means >= until))
        if not len(events):
            made.append(logs)
            width *= 2
        else:
            here = int(events[0])
            logs = logs[: here + 1]
            logs[here] -= max(0.0, float(means[here]) - cap)
            made.append(logs)
            width = 8
        at += len(logs)
        state = logs[-1]
        if len(events) and means[here] >= until:
            break
    return np.concatenate(made) if made else np.empty((0, GRID))
