"""The engine against a slow reading of the specification: every number and every turn, to 1e-9."""

import math
import random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from understudy.drift.bet import BINS, STEPS, Ints, interval, kl_inf, shares
from understudy.drift.verdict import Why

from tests.drift.slow import MONTH_S, Slow, ends, mean, rate
from tests.drift.streams import cell, drive, started, tolerances, votes

TICK = 10 / MONTH_S / 2
FLOOR = math.log(1e-290)
"""Wealth rests on this: lower is shown as this."""

taus = st.sampled_from([0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4])
histograms = st.dictionaries(st.integers(-STEPS, STEPS), st.integers(1, 3000), min_size=1, max_size=12)
phases = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.01, 0.05, 0.15, 0.4, 0.95]),
        st.integers(1, 30),
        st.integers(0, 12),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)
"""(share of bad votes, ticks, most votes in a tick, graded instead of binary)."""


def stream(chosen: list[tuple[float, int, int, bool]], seed: int) -> list[list[int]]:
    """Votes b of every tick."""
    rng = random.Random(seed)
    ticks = []
    for bad, length, most, graded in chosen:
        for _ in range(length):
            n = rng.randint(0, most)
            size = [rng.randint(1, STEPS) if graded else STEPS for _ in range(n)]
            ticks.append([b if rng.random() < bad else -b if rng.random() < 0.02 else 0 for b in size])
    return ticks


@settings(max_examples=25)
@given(phases, taus, st.integers(0, 2**32))
def test_every_number_and_every_turn_is_the_slow_readings(
    chosen: list[tuple[float, int, int, bool]], tau: float, seed: int
) -> None:
    drift = started(tolerances(tau), ["s", "other"])
    slow = Slow(tau, 2)
    for t, bs in enumerate(stream(chosen, seed)):
        # Of any cell: a tick passes by its votes.
        drive(
            drift, votes([0.0], slice_="other", first=t) + votes([b / 32 for b in bs], per_tick=99, first=t)
        )
        slow.tick(0.125 if t == 0 else 0.0, TICK if t else 0.0, bs)
        got = cell(drift)
        assert got.evidence == pytest.approx(max(FLOOR, mean(slow.m[1])), abs=1e-9)
        assert got.certificate == pytest.approx(max(FLOOR, mean(slow.v)), abs=1e-9)
        assert (str(got.state), str(got.tier)) == (slow.state, slow.tier)
        assert got.severity == slow.severity
        assert (got.reason is Why.BLOCKED_CLUSTERS) == slow.blocked


def arrays(histogram: dict[int, int]) -> Ints:
    counts = np.zeros((1, BINS), dtype=np.int64)
    for b, n in histogram.items():
        counts[0, b + STEPS] = n
    return counts


@given(histograms, taus, st.sampled_from([1, -1]))
def test_the_rate_of_growth_is_the_best_bets(histogram: dict[int, int], tau: float, sign: int) -> None:
    got = float(kl_inf(shares(arrays(histogram)), np.array([tau]), sign)[0])
    average = sum(b * n for b, n in histogram.items()) / 32 / sum(histogram.values())
    if sign * (average - tau) <= 0:
        assert got == 0
    else:
        assert got == pytest.approx(rate(histogram, tau, sign), abs=1e-9, rel=1e-7)


@settings(max_examples=60)
@given(histograms)
def test_the_interval_is_the_confidence_sequence_of_the_specification(histogram: dict[int, int]) -> None:
    low, high = (float(end[0]) for end in interval(arrays(histogram)))
    expected = ends(histogram)
    assume(max(map(abs, expected)) < 1)
    assert low == pytest.approx(expected[0], abs=4e-9)
    assert high == pytest.approx(expected[1], abs=4e-9)
