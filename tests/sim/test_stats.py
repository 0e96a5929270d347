"""Intervals are those of the tables, and hold what they say."""

import math

import numpy as np
import pytest

from bench.stats import Estimate
from sim.stats import apart, mean, quantile, rate, ratio, scaled, share


@pytest.mark.parametrize(
    ("count", "runs", "low", "high"),
    [(0, 10, 0.0, 0.3085), (5, 10, 0.1871, 0.8129), (10, 10, 0.6915, 1.0), (68, 2000, 0.02648, 0.04293)],
)
def test_a_share_has_the_interval_of_clopper_and_pearson(
    count: int, runs: int, low: float, high: float
) -> None:
    found = share(count, runs)
    assert (found.value, found.rounds) == (count / runs, runs)
    assert found.low == pytest.approx(low, abs=6e-5)
    assert found.high == pytest.approx(high, abs=6e-5)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(0, 0.0, 3.6889), (1, 0.02532, 5.5716), (10, 4.7954, 18.3904), (100, 81.364, 121.627)],
)
def test_a_count_has_the_interval_of_garwood(count: int, low: float, high: float) -> None:
    found = rate(count, 2.0, 7)
    assert found.low == pytest.approx(low / 2, abs=1e-3)
    assert found.high == pytest.approx(high / 2, abs=1e-3)


def test_a_median_lies_between_order_statistics_that_hold_it_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        found = quantile(rng.exponential(size=40), 0.5)
        assert found is not None and found.low is not None and found.high is not None
        assert found.low <= found.value <= found.high
        held += found.low <= math.log(2) <= found.high
    assert 0.93 <= held / 400 <= 1.0


def test_runs_that_never_got_there_count_as_the_longest() -> None:
    values = np.array([1.0, 2.0, 3.0, math.inf, math.inf])
    found = quantile(values, 0.5)
    assert found is not None and (found.value, found.high) == (3.0, None)
    assert quantile(values, 0.9) is None and quantile(np.array([]), 0.5) is None
    assert ratio(np.full(9, math.inf), np.ones(9), np.random.default_rng(1)) is None


def test_a_ratio_of_medians_and_its_distance_from_one() -> None:
    rng = np.random.default_rng(2)
    found = ratio(rng.normal(110, 5, 400), rng.normal(100, 5, 400), rng)
    assert found is not None and found.value == pytest.approx(1.1, abs=0.02)
    away = apart(found)
    assert away is not None and away.value == pytest.approx(found.value - 1.0)
    around = apart(Estimate(0.75, 0.5, 1.125, 3))
    assert around == Estimate(0.25, 0.0, 0.5, 3)
    assert apart(Estimate(0.75, 0.5, None, 3)) == Estimate(0.25, 0.0, None, 3)
    assert apart(Estimate(1.5, 1.25, 2.0, 3)) == Estimate(0.5, 0.25, 1.0, 3)


def test_scaling_keeps_an_open_end_open() -> None:
    assert scaled(Estimate(2.0, 1.0, None, 5), 10.0, 0.5) == Estimate(20.5, 10.5, None, 5)
    assert scaled(None, 2.0) is None
    assert mean(np.array([1.0, 2.0, 3.0])).value == 2.0
