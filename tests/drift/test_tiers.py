"""Warn, page and rollback are levels of evidence; the last has conditions besides, each named when it is not met."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from understudy.drift.engine import Drift
from understudy.drift.tolerance import Tier
from understudy.drift.verdict import Change, State, Why
from understudy.drift.vote import Resolution, Vote

from tests.drift.slow import MONTH_S, Slow, mean
from tests.drift.streams import cell, differences, drive, started, tolerances, votes

SAME = "base..base"
CELLS = 60
SLICES = [f"s{i:02}" for i in range(CELLS)]
TICK = 10 / MONTH_S / 2


def firsts(changes: Sequence[Change]) -> dict[Tier, Change]:
    """The first change to each tier."""
    found: dict[Tier, Change] = {}
    for change in changes:
        found.setdefault(change.verdict.tier, change)
    return found


@pytest.mark.parametrize(
    ("warn", "page", "rollback"), [(2.0, 0.5, 0.01), (1.0, 0.05, 0.001), (0.4, 0.4, 0.4)]
)
def test_each_tier_is_reached_when_its_own_budget_allows_it(
    warn: float, page: float, rollback: float
) -> None:
    table = {"warn": warn, "page": page, "rollback": rollback}
    found = firsts(drive(started(tolerances(budget=table)), votes(np.ones(80), per_tick=1)))
    for tier, x, tau in (
        (Tier.WARN, warn, 0.01),
        (Tier.PAGE, 0.8 * page, 0.02),  # a fifth of it belongs to the sum over cells
        (Tier.ROLLBACK, rollback, 0.02),
    ):
        if tier not in found:  # passed over: the next one was reached with the same vote
            assert tier is Tier.WARN and warn < 0.8
            continue
        verdict = found[tier].verdict
        # The money starts as an eighth over 60 cells and 16 bets; the largest bet grows fastest.
        growth = math.log(1 + 0.95 * (1 - tau) / (1 + tau))
        least = (math.log(CELLS / 0.125) - math.log(x)) / growth
        most = least + math.log(16) / growth + 1
        clusters = 30 if tier is Tier.ROLLBACK else 0
        assert max(clusters, least) <= verdict.votes <= max(clusters, most)
        assert tier is Tier.WARN or verdict.evidence >= -math.log(x)
        assert (verdict.state is State.BREACH) == (tier is not Tier.WARN)


def test_harm_between_half_the_tolerance_and_the_tolerance_is_a_ticket_and_no_breach() -> None:
    rng = np.random.default_rng(30)
    drift = started(tolerances(0.1))
    changes = drive(drift, votes(differences(rng, 6000, 0.075, 0.002), per_tick=40))
    assert max(c.verdict.tier for c in changes) is Tier.WARN
    assert (cell(drift).tier, cell(drift).state) == (Tier.WARN, State.WITHIN)
    drive(drift, votes(np.zeros(4000), per_tick=40, first=200, prefix="later"))
    assert cell(drift).tier is Tier.NONE


def test_a_rollback_waits_for_coverage_and_comes_once_it_is_there() -> None:
    drift = started(tolerances())
    rows = votes(np.ones(200))
    shed = [replace(v, outcome=Resolution.SHED) if n % 10 == 0 else v for n, v in enumerate(rows)]
    assert max(firsts(drive(drift, shed))) is Tier.PAGE
    assert cell(drift).reason is Why.BLOCKED_COVERAGE and cell(drift).coverage == pytest.approx(0.9)
    assert max(firsts(drive(drift, votes(np.ones(400), first=20, prefix="later")))) is Tier.ROLLBACK
    assert cell(drift).reason is Why.EXCEEDED and cell(drift).coverage >= 0.95


def test_a_fault_of_the_instrument_elsewhere_in_the_lane_blocks_a_rollback_until_it_is_mended() -> None:
    rng = np.random.default_rng(32)
    drift = started(tolerances(), ["s"], ["m", "n"])
    drift.declare(SAME, ["s"], ["n"])
    drive(drift, votes(differences(rng, 200, 0.4), metric="n", lane=SAME))
    assert drift.instrument_faults() == [(SAME, "s", "n")]
    drive(drift, votes(np.ones(100), first=20))
    assert (cell(drift).state, cell(drift).tier) == (State.BREACH, Tier.PAGE)
    assert cell(drift).reason is Why.BLOCKED_INSTRUMENT
    mended = votes(differences(rng, 4000, 0.0), metric="n", lane=SAME, first=30, per_tick=50, prefix="ok")
    drive(drift, mended)
    assert drift.instrument_faults() == [] and cell(drift).tier is Tier.PAGE
    (change,) = drive(drift, votes([1.0], first=110))
    assert (change.verdict.tier, change.verdict.reason) == (Tier.ROLLBACK, Why.EXCEEDED)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_control_that_differs_in_either_direction_is_a_fault(sign: int) -> None:
    rng = np.random.default_rng(33)
    drift = started(tolerances())
    drift.declare(SAME, ["s"], ["m"])
    drive(drift, votes(sign * differences(rng, 300, 0.3), lane=SAME))
    assert drift.instrument_faults() == [(SAME, "s", "m")]
    # One direction proved to be within is not enough.
    drive(drift, votes(sign * differences(rng, 300, -0.3, 0.31), lane=SAME, first=30, prefix="other"))
    assert drift.instrument_faults() == [(SAME, "s", "m")]


def test_the_instrument_has_a_tenth_of_the_page_budget_on_each_side() -> None:
    drift, slow = Drift(tolerances()), Slow(0.02, 1)
    drift.declare(SAME, ["s"], ["m"])
    drift.announce("start")
    before = 0.0
    for n in range(40):
        drive(drift, votes([1.0], lane=SAME, first=n))
        before = mean(slow.m[1])
        slow.tick(0.125 if n == 0 else 0.0, TICK if n else 0.0, [32])
        if drift.instrument_faults():
            break
    assert before < math.log(10 / 0.5) <= mean(slow.m[1])


def discovered(slow: dict[str, Slow], given: float) -> set[str]:
    """e-BH by hand: the most cells k of which each has M / (its start weights) >= cells / (.05 k)."""
    ratio = {slice_: math.exp(mean(one.m[1])) / given for slice_, one in slow.items()}
    order = sorted(ratio, key=lambda s: -ratio[s])
    k = max((k for k in range(1, CELLS + 1) if ratio[order[k - 1]] >= CELLS / (0.05 * k)), default=0)
    return set(order[:k])


def test_an_incident_lists_the_cells_in_breach_and_those_e_bh_finds_besides() -> None:
    rng = np.random.default_rng(34)
    drift = started(tolerances(), SLICES)
    slow, given = {slice_: Slow(0.02, CELLS) for slice_ in SLICES}, 0.0
    before_their_breach = 0
    named: list[str] = []
    for tick in range(40):
        told: list[Vote] = []
        marker, length = (0.125, 0.0) if tick == 0 else (0.0, TICK)
        given += marker / 60 + length / CELLS
        for n, slice_ in enumerate(SLICES):
            d = differences(rng, 3, 0.3 if n < 6 else 0.0)
            told += votes(d, slice_=slice_, per_tick=3, first=tick, prefix=slice_)
            slow[slice_].tick(marker, length, [int(32 * x) for x in d])
        drive(drift, told)
        breached = [v.slice for v in drift.verdicts() if v.state is State.BREACH and v.slice != "*"]
        named = [slice_ for _, slice_, _ in drift.affected()]
        assert named[: len(breached)] == breached
        assert set(named) == {*breached, *discovered(slow, given)}
        before_their_breach += len(named) - len(breached)
    assert before_their_breach > 0 and set(named) == set(SLICES[:6])


def test_what_e_bh_found_in_one_month_is_not_listed_in_the_next() -> None:
    drift = started(tolerances(), SLICES)
    for n, slice_ in enumerate(SLICES):  # six cells near their breach: found together, none of them alone
        drift.add(votes(np.ones(13) if n < 6 else np.zeros(13), slice_=slice_, per_tick=20, prefix=slice_))
    drift.close(0)
    assert {v.state for v in drift.verdicts()} == {State.NOT_ENOUGH_EVIDENCE}
    assert {slice_ for _, slice_, _ in drift.affected()} == set(SLICES[:6])
    drive(drift, votes([0.0], slice_="s59", first=int(MONTH_S / 10), prefix="next"))
    assert drift.affected() == []
