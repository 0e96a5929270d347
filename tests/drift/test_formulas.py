"""The arrays against the text of the specification, written out in plain loops of logarithms."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.drift.bet import BINS, STEPS, detectable, interval, kl_inf, shares
from understudy.drift.engine import Drift

from tests.drift.streams import LANE, cell, differences, drive, started, tolerances, votes

GRID = [0.02 * (0.95 / 0.02) ** (k / 15) for k in range(16)]
MONTH = 30 * 86_400


def logaddexp(a: float, b: float) -> float:
    top = max(a, b)
    return top if top == -math.inf else top + math.log(math.exp(a - top) + math.exp(b - top))


def log_mean(logs: list[float]) -> float:
    top = max(logs)
    return top if top == -math.inf else top + math.log(sum(math.exp(x - top) for x in logs) / len(logs))


def reference(
    ticks: list[list[int]], weights: list[float], whole: list[float], tau: float, x: float, top: float
) -> tuple[float, float, list[tuple[str, int]]]:
    """ln M, ln V and the (event, tick)s of one cell; votes are b in -32..32."""
    m = [-math.inf] * 16
    v = [0.0] * 16
    breach, events = False, []
    for t, bs in enumerate(ticks):
        if weights[t] > 0:
            m = [logaddexp(a, math.log(weights[t])) for a in m]
        if whole[t] > 0:
            v = [logaddexp(a, math.log(whole[t])) for a in v]
        if not bs:
            continue
        for k, rho in enumerate(GRID):
            m[k] += sum(math.log(1 + rho / (1 + tau) * (b / 32 - tau)) for b in bs)
            v[k] += sum(math.log(1 + rho / (1 - tau) * (tau - b / 32)) for b in bs)
        if log_mean(m) >= math.log(1 / x) and not breach:
            breach = True
            events.append(("breach", t))
            v = [-math.inf] * 16
        elif log_mean(v) >= math.log(20) and breach:
            breach = False
            events.append(("clear", t))
            m = [-math.inf] * 16
        excess = log_mean(m) - (top + 3)
        if excess > 0:
            m = [a - excess for a in m]
        excess = log_mean(v) - (math.log(20) + 6)
        if excess > 0:
            v = [a - excess for a in v]
    return log_mean(m), log_mean(v), events


@pytest.mark.parametrize("seed", range(6))
def test_the_detectors_follow_the_specification(seed: int) -> None:
    rng = random.Random(seed)
    tau, cells = rng.choice([0.01, 0.02, 0.05]), 30
    drift = started(tolerances(tau), [f"s{i}" for i in range(cells)])
    ticks, rows = [], []
    for t in range(400):
        delta = 0.3 if 60 <= t < 150 else 0.0
        n = rng.choice([0, 1, 7])
        d = [1.0 if rng.random() < 0.02 + delta else -1.0 if rng.random() < 0.02 else 0.0 for _ in range(n)]
        ticks.append([int(32 * x) for x in d])
        rows += votes(d, slice_="s0", per_tick=50, first=t)
        rows += votes([0.0], slice_="s1", first=t, prefix="other")  # a tick passes by its votes, of any cell
    changes = [c for c in drive(drift, rows) if c.verdict.slice == "s0"]
    share = min(1 / cells, 0.05 / 0.5)
    per_tick = 10 / MONTH / 2
    weights = [0.125 / 60] + [share * per_tick] * 399
    whole = [0.0] + [per_tick] * 399
    m, v, events = reference(ticks, weights, whole, tau, 0.8 * 0.5, math.log(100))
    verdict = cell(drift, "s0")
    assert verdict.votes == sum(map(len, ticks))
    assert verdict.effect == pytest.approx(sum(map(sum, ticks)) / 32 / verdict.votes)
    # `evidence` counts the start weights that wait for the cell's next vote; the reference took them already.
    assert verdict.evidence == pytest.approx(m, abs=1e-9)
    assert verdict.certificate == pytest.approx(v, abs=1e-9)
    seen = [("breach" if c.verdict.state == "BREACH" else "clear", c.tick) for c in changes]
    states = [
        (kind, t) for (kind, t), c in zip(seen, changes, strict=True) if "BREACH" in (c.was, c.verdict.state)
    ]
    entered = [(k, t) for i, (k, t) in enumerate(states) if i == 0 or states[i - 1][0] != k]
    assert entered == events and events


def test_a_months_weights_sum_to_at_most_one() -> None:
    drift = Drift(tolerances())
    drift.declare(LANE, [f"s{i}" for i in range(200)], ["m"])
    for k in range(12):
        drift.announce(f"change {k}", tick=k)
    spent = 0.0
    rows = votes([0.0] * 40, slice_="s0", per_tick=1)
    family = drift._cells
    for row in rows:
        before = family.pending[:, 0].sum()
        drive(drift, [row])
        spent += max(0.0, family.pending[:, 0].sum() - before)
    markers = 3 / 8 + sum(1 / 16 / 2**k for k in range(9))
    assert spent <= markers + 40 * 10 / MONTH / 2 < 1
    assert spent > 0.9 * markers  # all 200 cells but the one that voted hold theirs still


def test_a_marker_is_shared_over_cells_seen_later_without_overspending() -> None:
    drift = Drift(tolerances())
    drift.announce("start")
    for t in range(30):
        drift.add(votes([0.0] * 20, slice_=f"s{t}", per_tick=20, first=t))
        drift.close(t)
    opening = drift._cells.cells["opening"]
    assert opening.sum() <= 0.125 + 30 * 10 / MONTH / 2
    assert opening.min() > 0.125 / 60 / 2


def test_kl_inf_is_the_best_rate_of_growth() -> None:
    counts = np.zeros((1, BINS))
    counts[0, [0, STEPS, 2 * STEPS]] = 1, 90, 9
    got = float(kl_inf(shares(counts), np.array([0.02]))[0])
    best = max(
        sum(p * math.log(1 + lam * (d - 0.02)) for p, d in ((0.01, -1), (0.9, 0), (0.09, 1)))
        for lam in np.linspace(0, 0.98, 5000)
    )
    assert got == pytest.approx(best, rel=1e-5)
    assert kl_inf(shares(counts), np.array([0.2]))[0] == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 200))
def test_the_interval_is_where_neither_mixture_rejects(bad: int, same: int, good: int) -> None:
    counts = np.zeros((1, BINS), dtype=np.int64)
    counts[0, [0, STEPS, 2 * STEPS]] = good, same, bad
    low, high = (float(end[0]) for end in interval(counts))
    if not bad + same + good:
        assert (low, high) == (-1.0, 1.0)
        return
    assert -1 <= low <= (bad - good) / (bad + same + good) <= high <= 1

    def rejected(m: float) -> bool:
        up = [
            sum(n * math.log1p(r / (1 + m) * (d - m)) for n, d in ((bad, 1), (same, 0), (good, -1)))
            for r in GRID
        ]
        down = [
            sum(n * math.log1p(r / (1 - m) * (m - d)) for n, d in ((bad, 1), (same, 0), (good, -1)))
            for r in GRID
        ]
        return max(log_mean(up), log_mean(down)) >= math.log(40)

    for m in (low + 1e-6, high - 1e-6):
        if -1 < m < 1 and low < m < high:
            assert not rejected(m)
    for m in (low - 1e-6, high + 1e-6):
        if -1 < m < 1:
            assert rejected(m)


def test_the_interval_holds_at_every_look() -> None:
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(100):
        counts = np.zeros((1, BINS), dtype=np.int64)
        for block in np.split(differences(rng, 1000, 0.05), 25):
            counts[0] += np.bincount((32 * block).astype(int) + STEPS, minlength=BINS)
            low, high = interval(counts)
            if not low[0] <= 0.05 <= high[0]:
                wrong += 1
                break
    assert wrong <= 8


def test_the_smallest_detectable_effect_is_what_the_engine_detects() -> None:
    counts = np.zeros((1, BINS), dtype=np.int64)
    counts[0, [0, STEPS, 2 * STEPS]] = 4, 392, 4
    needed = math.log(1 / 0.4 / (0.125 / 60))
    effect = float(detectable(counts, np.array([0.02]), np.array([needed]))[0])
    assert 0.06 < effect < 0.10  # 392 votes find +8 points in half of all runs
    assert np.isnan(detectable(counts // 100, np.array([0.02]), np.array([needed]))[0])
