"""What can be said of a few thousand runs: shares, rates and quantiles, each with an exact 95 % interval.

An interval that is wider than need be never decides a target falsely: shares have Clopper and Pearson's (1934),
counts per time Garwood's (1936), quantiles the order statistics that the binomial gives, whatever the distribution.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bench.stats import Estimate

Floats = npt.NDArray[np.float64]
TAIL = 0.025
RESAMPLES = 2000


def share(count: int, runs: int) -> Estimate:
    """A share of runs with its interval (Clopper & Pearson)."""
    low = 0.0 if count == 0 else _solve(lambda p: 1.0 - binomial(count - 1, runs, p) - TAIL, 0.0, 1.0)
    high = 1.0 if count == runs else _solve(lambda p: TAIL - binomial(count, runs, p), 0.0, 1.0)
    return Estimate(count / runs, low, high, runs)


def rate(count: int, exposure: float, runs: int) -> Estimate:
    """Events per unit of exposure with their interval, exact for a Poisson count (Garwood)."""
    most = 4.0 * count + 40.0
    low = 0.0 if count == 0 else _solve(lambda m: 1.0 - poisson(count - 1, m) - TAIL, 0.0, most)
    high = _solve(lambda m: TAIL - poisson(count, m), 0.0, most)
    return Estimate(count / exposure, low / exposure, high / exposure, runs)


def quantile(values: Floats, q: float) -> Estimate | None:
    """A quantile and the order statistics around it that hold it with 95 %; None at an infinite end.

    Runs that never got there are infinite: the quantile is finite while fewer than 1 - q of them are.
    """
    kept = np.sort(values)
    n = len(kept)
    if not n:
        return None
    middle = float(kept[min(n - 1, math.ceil(q * n) - 1)])
    if not math.isfinite(middle):
        return None
    # P(X_(j) <= the quantile) is P(at least j of n lie below it).
    places = np.cumsum(_binomial_terms(n, n, q))
    low = int(np.searchsorted(places, TAIL, side="right"))
    high = int(np.searchsorted(places, 1.0 - TAIL))
    ends = (kept[low - 1] if low else -math.inf, kept[high] if high < n else math.inf)
    lower, upper = (float(end) if math.isfinite(end) else None for end in ends)
    return Estimate(middle, lower, upper, n)


def mean(values: Floats) -> Estimate:
    """A mean with its normal interval; for the large samples it is used on."""
    centre = float(values.mean())
    half = 1.96 * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Estimate(centre, centre - half, centre + half, len(values))


def ratio(values: Floats, base: Floats, rng: np.random.Generator) -> Estimate | None:
    """The ratio of two samples' medians, with a percentile bootstrap interval (Efron 1979)."""
    if not len(values) or not len(base):
        return None

    def medians(sample: Floats) -> Floats:
        drawn = rng.integers(0, len(sample), (RESAMPLES, len(sample)))
        found: Floats = np.sort(sample[drawn], axis=1)[:, (len(sample) - 1) // 2]
        return found

    with np.errstate(invalid="ignore", divide="ignore"):
        centre = float(np.sort(values)[(len(values) - 1) // 2] / np.sort(base)[(len(base) - 1) // 2])
        low, high = np.percentile(np.nan_to_num(medians(values) / medians(base), nan=math.inf), [2.5, 97.5])
    if not math.isfinite(centre):
        return None
    return Estimate(centre, float(low), float(high) if math.isfinite(high) else None, len(values))


def apart(found: Estimate | None) -> Estimate | None:
    """How far a ratio lies from 1, either way."""
    if found is None:
        return None
    ends = [math.inf if end is None else abs(end - 1.0) for end in (found.low, found.high)]
    inside = (found.low or 0.0) <= 1.0 <= (math.inf if found.high is None else found.high)
    most = max(ends)
    low = 0.0 if inside else min(ends)
    return Estimate(abs(found.value - 1.0), low, most if math.isfinite(most) else None, found.rounds)


def scaled(found: Estimate | None, by: float, shift: float = 0.0) -> Estimate | None:
    """The same on another scale: by * value + shift; `by` is positive."""
    if found is None:
        return None
    low, high = (None if end is None else by * end + shift for end in (found.low, found.high))
    return Estimate(by * found.value + shift, low, high, found.rounds)


def binomial(k: int, n: int, p: float) -> float:
    """P(X <= k) of n trials with chance p."""
    if k < 0:
        return 0.0
    return float(min(1.0, _binomial_terms(k, n, p).sum()))


def poisson(k: int, expected: float) -> float:
    """P(X <= k) of a Poisson count."""
    if k < 0 or expected <= 0:
        return float(k >= 0)
    i = np.arange(1, k + 1)
    logs = np.concatenate([[0.0], np.cumsum(math.log(expected) - np.log(i))]) - expected
    return float(min(1.0, np.exp(logs).sum()))


def _binomial_terms(k: int, n: int, p: float) -> Floats:
    """P(X = 0 .. k)."""
    if p <= 0.0 or p >= 1.0:
        made = np.zeros(k + 1)
        made[0 if p <= 0.0 else k] = 1.0 if p <= 0.0 or k == n else 0.0
        return made
    i = np.arange(1, k + 1)
    steps = np.log((n - i + 1) / i) + math.log(p) - math.log1p(-p)
    terms: Floats = np.exp(np.concatenate([[0.0], np.cumsum(steps)]) + n * math.log1p(-p))
    return terms


def _solve(rising: Callable[[float], float], low: float, high: float) -> float:
    """Where a rising function crosses zero."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2
