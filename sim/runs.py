"""Many runs at once: each is a cell of one of the product's families, its votes drawn as counts per tick.

Nothing of the engine is written here again. A run's counts go through `Family.count`, its decisions through
`judge.compare`, its cap through `Family.cap`. Only the start weights are handed out here, because every run stands for
one cell of a deployment of its own, not for a share of this family.
"""

import numpy as np
import numpy.typing as npt
from understudy.drift import judge
from understudy.drift.bet import BINS, STEPS, Floats, Ints, kl_inf
from understudy.drift.family import Bools, Detector, Family
from understudy.drift.judge import Thresholds
from understudy.drift.tally import CLUSTERS, SCORED, Tally
from understudy.drift.tolerance import Tolerances

from sim.plan import MONTH_TICKS, TAU

LANE = "base..cand"
METRIC = "m"
CHANNELS = np.array([0, STEPS, 2 * STEPS, SCORED, CLUSTERS])
"""Where the counts of D = -1, 0, +1 go, then their sum, twice: pairs scored, and clusters never seen before."""
TICK_WEIGHT = 0.5 / MONTH_TICKS
"""Start weight of a tick of 10 s; a certificate takes it whole."""
_FOUND = Tolerances.default().discovery
NAMED = 1.0 - _FOUND.share if _FOUND.on else 1.0
"""Share of the start weights that cells with a name of their own have; slices that are discovered have the rest."""
CELL_WEIGHT = NAMED * TICK_WEIGHT
"""Start weight of a tick of 10 s over all named cells, for the detectors of a breach."""


def tolerances(tau: float = TAU, **more: object) -> Tolerances:
    """The shipped tolerances, with the simulated metric's tau."""
    return Tolerances.from_dict({"metrics": {METRIC: {"tau": tau}}, **more})


def mix(p01: float, delta: float) -> Floats:
    """Chances of D = -1, 0, +1: P(D = -1) = p01 and a mean of delta; of an improvement P(D = +1) = p01."""
    minus, plus = p01 + max(0.0, -delta), p01 + max(0.0, delta)
    return np.array([minus, 1.0 - minus - plus, plus])


def fastest(chances: Floats, tau: float = TAU, sign: int = 1) -> float:
    """KL_inf of a mix: nats that the best bet gains from a vote; sign -1: against a mean above tau."""
    p = np.zeros((1, BINS))
    p[0, CHANNELS[:3]] = chances
    return float(kl_inf(p, np.array([tau]), sign)[0])


def tally(tick: int, names: tuple[tuple[str, str, str], ...], counts: Ints) -> Tally:
    """Counts (cells, 3) of D = -1, 0, +1 as a tick's report; names are sorted."""
    whole = _whole(counts)
    cell, place = np.nonzero(whole)
    rows = np.stack([cell, np.zeros_like(cell), CHANNELS[place], whole[cell, place]], axis=1)
    return Tally(tick, names, rows.astype(np.int64))


def _whole(counts: Ints) -> Ints:
    total = counts.sum(axis=1, keepdims=True)
    return np.concatenate([counts, total, total], axis=1)


class Runs:
    """Independent runs of the comparison's detectors.

    Args:
        runs: how many.
        tau: the tolerance of all.
        alpha: None = the shipped detectors, tiers and certificate; else the breach detector alone at threshold
            1 / alpha, whose alarm starts it anew.
    """

    def __init__(self, runs: int, tau: float = TAU, alpha: float | None = None) -> None:
        self._tolerances = tolerances(tau)
        self._at = Thresholds.of(self._tolerances)
        self.alpha = alpha
        self.family = (
            judge.comparison(self._tolerances)
            if alpha is None
            else Family([Detector("page", budget=alpha)], self._tolerances)
        )
        self.family.declare((LANE, f"run{i}", METRIC) for i in range(runs))
        self.number = 0
        self.alarms: Ints = np.zeros(runs, dtype=np.int64)
        """With alpha: alarms of each run so far."""

    def __len__(self) -> int:
        return len(self.family)

    @property
    def breach(self) -> Bools:
        """Whether each run is in BREACH."""
        latched: Bools = self.family.cells["breach"]
        return latched

    @property
    def certified(self) -> Bools:
        """Whether each run is WITHIN."""
        certificate = self.family.value[:, self.family.at["certificate"]]
        poor, hidden = judge.missing_share(self.family)
        within: Bools = (certificate >= self._at.within) & ~poor & ~hidden & ~self.breach
        return within

    def value(self, detector: str = "page") -> Floats:
        """M, or V, of each run after its last vote."""
        return self.family.value[:, self.family.at[detector]]

    def sow(self, weight: float | Floats, certificate: float = 0.0) -> None:
        """Start weight of each run before a tick's votes; the certificate takes its own."""
        for j, detector in enumerate(self.family.detectors):
            self.family.pending[:, j] += certificate if detector.certificate else weight

    def count(self, counts: Ints) -> Ints:
        """A tick's votes, shape (runs, 3); returns the runs that have one. Nothing is decided yet."""
        whole = _whole(counts)
        cell, place = np.nonzero(whole)
        self.number += 1
        return self.family.count(cell, CHANNELS[place], whole[cell, place], self.number)

    def tick(self, counts: Ints) -> None:
        """A tick's votes, and what the product decides on them."""
        self._decide(self.count(counts))

    def take(self, report: Tally) -> None:
        """The same from a booth's report."""
        index, channel, number = report.total()
        cell = np.array([self.family.index[name] for name in report.names], dtype=np.int64)[index]
        order = np.lexsort((channel, cell))
        self.number += 1
        self._decide(self.family.count(cell[order], channel[order], number[order], self.number))

    def _decide(self, active: Ints) -> None:
        if self.alpha is None:
            healthy = np.ones(len(self.family.lanes), dtype=bool)
            judge.compare(self.family, active, self._at, self._tolerances, healthy=healthy)
            self.family.cap(active)
        else:
            over = active[self.value()[active] >= 1.0 / self.alpha]
            self.alarms[over] += 1
            self.family.reset(over, "page")

    def keep(self, chosen: Bools) -> None:
        """Go on with these runs alone."""
        self.family.retain(chosen)
        self.alarms = self.alarms[chosen]

    def latch(self) -> None:
        """Put every run into BREACH, as an alarm does."""
        everyone = np.arange(len(self))
        self.family.cells["breach"][:] = True
        self.family.reset(everyone, "certificate")
        self.family.recertify(everyone)


def draw(rng: np.random.Generator, votes: int, chances: Floats, runs: int) -> Ints:
    """Counts of D = -1, 0, +1 in a tick of so many votes, shape (runs, 3)."""
    drawn: npt.NDArray[np.int64] = rng.multinomial(votes, chances, size=runs)
    return drawn
