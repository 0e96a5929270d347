"""Bad input is refused, counted as missing or handled, and never turns into WITHIN."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.drift.bet import BINS, STEPS
from understudy.drift.booth import dither
from understudy.drift.digest import Hashes, digest, mix
from understudy.drift.engine import Drift
from understudy.drift.verdict import State, Why
from understudy.drift.vote import Vote
from understudy.errors import DataError

from tests.drift.streams import LANE, cell, differences, drive, first, started, tolerances, votes


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1.0001, -40.0])
def test_differences_that_cannot_be_are_missing_and_hold_back_the_certificate(bad: float) -> None:
    rows = votes(np.zeros(1500))
    spoiled = [replace(vote, d=bad) if n % 60 == 0 else vote for n, vote in enumerate(rows)]
    assert first(drive(started(tolerances()), rows), State.WITHIN) is not None
    drift = started(tolerances())
    assert first(drive(drift, spoiled), State.WITHIN) is None
    assert (cell(drift).reason, drift.counters["rejected"]) == (Why.UNSCORED_HIGH, 25)
    assert cell(drift).unscored == pytest.approx(25 / 1500)


def test_an_outcome_nobody_knows_is_counted_and_missing() -> None:
    drift = started(tolerances())
    drive(drift, [*votes([0.0] * 9), *(replace(v, outcome="maybe") for v in votes([0.0], prefix="x"))])
    assert (cell(drift).votes, cell(drift).unscored, drift.counters["rejected"]) == (9, 0.1, 1)


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_a_clock_that_goes_back_within_open_ticks_changes_nothing(rng: random.Random) -> None:
    rows = votes(differences(np.random.default_rng(3), 200, 0.3))
    straight, wild = started(tolerances()), started(tolerances())
    shuffled = list(rows)
    rng.shuffle(shuffled)
    assert drive(wild, shuffled) == drive(straight, rows)
    assert wild.snapshot() == straight.snapshot()


def test_a_clock_that_goes_back_behind_closed_ticks_is_counted_and_moves_no_evidence() -> None:
    drift = started(tolerances())
    drive(drift, votes(differences(np.random.default_rng(3), 400, 0.3), first=100))
    assert cell(drift).state is State.BREACH
    before = cell(drift)
    drift.add(votes([0.0] * 500, per_tick=5, prefix="late"))
    assert drift.close(99) == [] and drift.close(139) == []
    assert drift.counters["late"] == 500
    assert cell(drift) == before
    assert drive(drift, votes([1.0], first=140)) == [] and cell(drift).votes == before.votes + 1


def test_a_pair_told_twice_votes_once_and_which_telling_counts_does_not_depend_on_the_order() -> None:
    twice = [replace(vote, d=d) for vote in votes([0.0] * 20) for d in (1.0, -1.0)]
    found = []
    for rows in (twice, twice[::-1]):
        drift = started(tolerances())
        drive(drift, rows)
        found.append(cell(drift))
        assert (cell(drift).votes, drift.counters["duplicate"]) == (20, 20)
    assert found[0] == found[1]


def test_a_pair_sent_again_with_a_later_time_does_not_vote_again() -> None:
    drift = started(tolerances())
    rows = votes([1.0] * 5)
    drive(drift, rows)
    drive(drift, [replace(vote, ts=vote.ts + 600) for vote in rows])
    assert (cell(drift).votes, drift.counters["repeat"]) == (5, 5)


def test_harm_in_slices_beyond_the_limit_is_found_in_the_slice_other() -> None:
    drift = started(tolerances(maximum_cells=4), ["a", "b", "c"])
    changes = []
    for tick in range(40):
        # A slice for each user: none of them ever has a second vote.
        drift.add(votes([0.0] * 3, slice_="a", first=tick))
        drift.add(
            v
            for n in range(5)
            for v in votes([float(n < 3)], slice_=f"user={tick}-{n}", first=tick, prefix=f"{n}-")
        )
        changes += drift.close(tick)
    assert {c.verdict.slice for c in changes if c.verdict.state is State.BREACH} >= {"other"}
    assert len({v.slice for v in drift.verdicts()} - {"*"}) == 5
    assert drift.counters["overflow"] > 150


@pytest.mark.parametrize("tau", [5e-324, 1e-12, 1 - 1e-12, 1 - 2**-53])
def test_tolerances_next_to_0_and_1_work_without_over_or_underflow(tau: float) -> None:
    drift = started(tolerances(tau))
    rng = np.random.default_rng(1)
    drive(drift, votes(rng.choice([-1.0, -0.5, 0.0, 0.3, 1.0], 300)))
    numbers = cell(drift)
    assert all(map(math.isfinite, (numbers.evidence, numbers.certificate, numbers.low, numbers.high)))
    drive(drift, votes([1.0] * 300, first=100, prefix="bad"))
    assert (cell(drift).state is State.BREACH) == (tau < 0.5)


@settings(max_examples=150)
@given(st.data())
def test_no_byte_of_a_snapshot_changes_unnoticed(data: st.DataObject) -> None:
    drift = started(tolerances())
    drive(drift, votes([0.0, 1.0, -1.0] * 5))
    whole = drift.snapshot()
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytes([whole[at] ^ data.draw(st.integers(1, 255))])
    for broken in (whole[:at] + flipped + whole[at + 1 :], whole[:at], whole + flipped):
        other = Drift(tolerances())
        with pytest.raises(DataError):
            other.restore(broken)
        assert other.verdicts() == []


@pytest.mark.parametrize("odd", ["a\nb", "a\n\nb", "[1]", '"', "\ud800", "."])
def test_any_name_survives_a_restart(odd: str) -> None:
    drift = started(tolerances(), [odd])
    rows = votes([1.0] * 5, slice_=odd)
    drive(drift, rows)
    again = Drift(tolerances())
    again.restore(drift.snapshot())
    assert again.verdicts() == drift.verdicts()
    assert again.snapshot() == drift.snapshot()
    later = votes([1.0], slice_=odd, first=5)
    assert drive(again, later) == drive(drift, later) and cell(again, odd).clusters == 6


def cluster_with(u: int, salt: int) -> int:
    """The cluster hash whose dither is drawn from the 64 bits `u`: `mix` the other way round."""
    wrap = 2**64
    x = u
    for shift, factor in ((31, 0x94D049BB133111EB), (27, 0xBF58476D1CE4E5B9), (30, 1)):
        y = x
        for _ in range(64 // shift):
            y = x ^ (y >> shift)
        x = y * pow(factor, -1, wrap) % wrap
    return (x - salt) * pow(0x9E3779B97F4A7C15, -1, wrap) % wrap


@pytest.mark.parametrize("u", [0, 2**64 - 1])
def test_the_largest_dither_moves_no_difference_out_of_its_bins(u: int) -> None:
    names = [(LANE, "s", "m")]
    salt = digest(f"{LANE}\nm\n0")
    cluster: Hashes = np.array([cluster_with(u, salt)], dtype=np.uint64)
    assert int(mix(cluster, np.array([salt], dtype=np.uint64))[0]) == u
    for d in (-1.0, 0.0, 1.0):
        (found,) = dither(np.array([d]), cluster, np.array([0]), names, 0)
        assert found == STEPS + int(STEPS * d) and 0 <= found < BINS


def test_rows_without_a_time_or_with_one_beyond_reason_are_refused() -> None:
    drift = started(tolerances())
    drift.add(Vote(ts, "s", "m", str(ts), 1.0, LANE) for ts in (math.nan, math.inf, -math.inf, 1e300))
    assert drift.close(10**15) == []
    assert (drift.counters["rejected"], cell(drift).votes) == (4, 0)


@pytest.mark.parametrize("ts", [1.0, 0.7, 4.3, -0.3, 1e9 + 0.1])
def test_a_vote_is_in_the_tick_that_its_time_is_said_to_be_in(ts: float) -> None:
    drift = Drift(tolerances(), tick_s=0.1)
    drift.declare(LANE, ["s"], ["m"])
    drift.add([Vote(ts, "s", "m", "c", 0.0, LANE, marker="rollout")])
    assert drift._booth.open_ticks == [drift.tick_of(ts)]
    assert drift.tally(drift.tick_of(ts)).markers == ((LANE, "rollout"),)
