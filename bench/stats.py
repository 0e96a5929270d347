"""From rounds to a verdict: medians of paired ratios, their bootstrap interval, and whether a target is met."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

FEWEST = 6
"""Rounds below which no interval is given: of five, even the range holds the median with 94 % only."""
RESAMPLES = 4000
SEED = 7


class Limit(StrEnum):
    """Which side of a target is good."""

    MOST = "at most"
    LEAST = "at least"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median over rounds and its 95 % interval, None with too few rounds."""

    value: float
    low: float | None
    high: float | None
    rounds: int


def estimate(values: Sequence[float]) -> Estimate | None:
    """The median of one value a round, with a percentile bootstrap interval (Efron 1979)."""
    if not values:
        return None
    if len(values) < FEWEST:
        return Estimate(median(values), None, None, len(values))
    draw = random.Random(SEED)
    medians = sorted(median(draw.choices(values, k=len(values))) for _ in range(RESAMPLES))
    tail = round(RESAMPLES * 0.025)
    return Estimate(median(values), medians[tail], medians[-1 - tail], len(values))


def ratios(ours: Sequence[float | None], theirs: Sequence[float | None]) -> list[float]:
    """Ours by theirs, round by round; rounds that either lacks, or in which theirs is 0, are left out."""
    return [a / b for a, b in zip(ours, theirs, strict=False) if a is not None and b]


def met(found: Estimate | None, target: float, limit: Limit) -> bool | None:
    """True or False when the whole interval says so; None when it straddles the target or there is none."""
    if found is None or found.low is None or found.high is None:
        return None
    if limit is Limit.MOST:
        return True if found.high <= target else False if found.low > target else None
    return True if found.low >= target else False if found.high < target else None


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Least squares: change of the second per one of the first."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
