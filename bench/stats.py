"""From rounds to a verdict: medians of paired ratios, their bootstrap interval, and whether a target is met."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf
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


class Bound(StrEnum):
    """What a ratio is where a limit was not found."""

    FLOOR = "at least"
    """Ours has no known limit."""
    CEILING = "at most"
    """Theirs has none."""
    UNKNOWN = "not known"
    """Neither has, or the rounds do not agree."""


def bounded(
    ours: Sequence[float | None],
    theirs: Sequence[float | None],
    ours_capped: Sequence[bool],
    theirs_capped: Sequence[bool],
) -> tuple[Estimate | None, Bound | None]:
    """The median ratio where ours, or theirs, is in some rounds only the least that it can be.

    The interval reaches from the low end for the smallest ratios that the rounds allow to the high end for the largest;
    None at an end that nothing bounds.
    """
    rounds = [
        (a / b, over, under)
        for a, b, over, under in zip(ours, theirs, ours_capped, theirs_capped, strict=False)
        if a is not None and b
    ]
    plain = estimate([ratio for ratio, _, _ in rounds])
    least = estimate([0.0 if under else ratio for ratio, _, under in rounds])
    most = estimate([inf if over else ratio for ratio, over, _ in rounds])
    if plain is None or least is None or most is None:
        return None, None
    low = least.low or None
    high = None if most.high == inf else most.high
    if least.value == most.value:
        bound = None
    elif least.value == plain.value:
        bound = Bound.FLOOR
    else:
        bound = Bound.CEILING if most.value == plain.value else Bound.UNKNOWN
    return Estimate(plain.value, low, high, plain.rounds), bound


def met(found: Estimate | None, target: float, limit: Limit) -> bool | None:
    """True or False when the whole interval says so; None when it straddles the target or there is none.

    An end of it that is None is open: nothing bounds the ratio there.
    """
    if found is None:
        return None
    low, high = found.low, found.high
    if limit is Limit.MOST:
        return (
            True
            if high is not None and high <= target
            else False
            if low is not None and low > target
            else None
        )
    return (
        True if low is not None and low >= target else False if high is not None and high < target else None
    )


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Least squares: change of the second per one of the first."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
