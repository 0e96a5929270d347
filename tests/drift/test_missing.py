"""What is not known is said not to be known: pairs without a score never make a certificate."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.drift.engine import Drift
from understudy.drift.verdict import State, Why
from understudy.drift.vote import ALL, EVERY, Resolution

from tests.drift.streams import LANE, cell, drive, first, started, tolerances, votes

SILENT = [Resolution.SHED, Resolution.UNSCORED, Resolution.LOST]


@pytest.mark.parametrize("outcome", SILENT)
def test_pairs_of_which_none_is_scored_say_nothing(outcome: Resolution) -> None:
    drift = started(tolerances())
    assert drive(drift, [replace(vote, outcome=outcome) for vote in votes(np.zeros(2000))]) == []
    verdict = cell(drift)
    assert verdict.state is State.NOT_ENOUGH_EVIDENCE and verdict.coverage == 0
    assert (verdict.votes, verdict.effect, verdict.low, verdict.high) == (0, 0.0, -1.0, 1.0)


@pytest.mark.parametrize(
    ("outcome", "share", "reason"),
    [
        (Resolution.UNSCORED, 0.02, Why.UNSCORED_HIGH),
        (Resolution.LOST, 0.02, Why.UNSCORED_HIGH),
        (Resolution.SHED, 0.06, Why.COVERAGE_LOW),
    ],
)
def test_an_equal_candidate_with_too_much_missing_is_not_certified(
    outcome: Resolution, share: float, reason: Why
) -> None:
    rows = votes(np.zeros(3000))
    gone = round(1 / share)
    drift = started(tolerances())
    changes = drive(drift, [replace(v, outcome=outcome) if n % gone == 0 else v for n, v in enumerate(rows)])
    assert first(changes, State.WITHIN) is None and cell(drift).reason is reason
    assert cell(drift).certificate > cell(drift).certificate_threshold  # the votes alone would do


def test_what_we_shed_ourselves_may_be_one_in_twenty() -> None:
    rows = votes(np.zeros(3000))
    drift = started(tolerances())
    drive(drift, [replace(v, outcome=Resolution.SHED) if n % 25 == 0 else v for n, v in enumerate(rows)])
    assert cell(drift).state is State.WITHIN and cell(drift).coverage == 0.96


blocks = st.lists(
    st.tuples(st.sampled_from([*SILENT, Resolution.SCORED]), st.integers(1, 60)), min_size=1, max_size=8
)


@settings(max_examples=40)
@given(blocks, st.sampled_from([0.02, 0.1]))
def test_within_always_stands_on_enough_scores_since_the_certificate_began(
    chosen: list[tuple[Resolution, int]], tau: float
) -> None:
    drift = started(tolerances(tau))
    drive(drift, votes(np.zeros(int(6 / tau)), per_tick=99))
    scored, missing, shed = int(6 / tau), 0, 0
    for tick, (outcome, count) in enumerate(chosen):
        row = votes([0.0] * count, per_tick=99, first=100 + tick)
        drive(drift, [replace(vote, outcome=outcome) for vote in row])
        scored += count * (outcome is Resolution.SCORED)
        shed += count * (outcome is Resolution.SHED)
        missing += count * (outcome in (Resolution.UNSCORED, Resolution.LOST))
        if cell(drift).state is State.WITHIN:
            assert missing <= tau / 2 * (scored + missing)
            assert scored >= 0.95 * (scored + missing + shed)


def test_lost_pairs_known_by_their_number_alone_take_the_certificate_of_the_whole_away() -> None:
    drift = started(tolerances(), [ALL])
    drive(drift, votes(np.zeros(1000), slice_=ALL))
    assert cell(drift, ALL).state is State.WITHIN
    drift.add(votes([0.0], slice_=ALL, first=200))
    drift.miss(LANE, 200, Resolution.LOST, 50)
    (change,) = drift.close(200)
    assert (change.verdict.state, change.verdict.reason) == (
        State.NOT_ENOUGH_EVIDENCE,
        Why.UNSCORED_HIGH,
    )


def stalled(shares: list[float], ticks: int) -> list[int]:
    """How many ticks in a row the one stalled cell is said to lack scores; one entry after each tick."""
    drift: Drift = started(tolerances(stalled_ticks=ticks))
    told = []
    for tick, share in enumerate(shares):
        rows = votes(np.zeros(20), per_tick=20, first=2 * tick)
        lost = [replace(v, metric=EVERY, outcome=Resolution.LOST) for v in rows[: round(20 * share)]]
        drive(drift, [*rows[round(20 * share) :], *lost])
        told.append(sum(stall.ticks for stall in drift.stalled()))
    return told


def test_evidence_is_stalled_after_so_many_ticks_in_a_row_and_no_longer_once_pairs_are_scored() -> None:
    # Every other tick is silent: only ticks with pairs count.
    assert stalled([0.5, 0.1, 1.0, 0.3, 0.0, 0.5], 3) == [0, 0, 3, 4, 0, 0]
    assert stalled([0.05] * 5, 3) == [0] * 5


def test_a_breach_is_not_left_for_lack_of_scores() -> None:
    drift = started(tolerances())
    drive(drift, votes([1.0] * 60))
    rows = votes(np.zeros(2000), first=100, prefix="after")
    drive(drift, [replace(v, outcome=Resolution.LOST) if n % 20 == 0 else v for n, v in enumerate(rows)])
    assert cell(drift).certificate > cell(drift).certificate_threshold
    assert cell(drift).state is State.BREACH
    drive(drift, votes(np.zeros(8000), per_tick=50, first=400, prefix="scored"))
    assert cell(drift).state is State.WITHIN
