"""One vote per cluster, in any order, from any number of owners: the same integers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.drift.bet import STEPS
from understudy.drift.booth import Booth, dither
from understudy.drift.digest import digest
from understudy.drift.engine import Drift
from understudy.drift.tally import Tally
from understudy.drift.vote import ALL, EVERY, Resolution, Vote

from tests.drift.streams import LANE, cell, drive, started, tolerances, votes

KNOWN = {(LANE, slice_, "m") for slice_ in ("s", "t")}
rows = st.lists(
    st.builds(
        Vote,
        ts=st.floats(0, 29.9),
        slice=st.sampled_from(["s", "t"]),
        metric=st.just("m"),
        cluster=st.sampled_from("abcdefgh"),
        d=st.sampled_from([-1.0, -0.3, 0.0, 0.7, 1.0]),
        lane=st.just(LANE),
        outcome=st.sampled_from([Resolution.SCORED, Resolution.UNSCORED, Resolution.SHED]),
        pair_id=st.sampled_from([f"p{i}" for i in range(20)]),
    ),
    min_size=1,
    max_size=40,
)


def tallies(chosen: list[Vote], owned: set[int] | None = None) -> dict[int, Tally]:
    booth = Booth(10.0, 8, owned)
    booth.add(chosen)
    return {tick: booth.close(tick, KNOWN) for tick in booth.open_ticks}


def same(a: Tally, b: Tally) -> bool:
    return a.names == b.names and a.rows.tolist() == b.rows.tolist() and a.markers == b.markers


@settings(max_examples=30, deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_shuffled_and_duplicated_rows_give_the_same_counts(chosen: list[Vote], rng: object) -> None:
    again = [*chosen, *chosen]
    rng.shuffle(again)  # type: ignore[attr-defined]
    left, right = tallies(chosen), tallies(again)
    assert left.keys() == right.keys()
    assert all(same(left[tick], right[tick]) for tick in left)


@settings(max_examples=30, deadline=None)
@given(rows, st.sets(st.integers(0, 7)))
def test_merging_owners_is_the_same_as_one_owner(chosen: list[Vote], part: set[int]) -> None:
    whole = tallies(chosen)
    left, right = tallies(chosen, part), tallies(chosen, set(range(8)) - part)
    for tick, tally in whole.items():
        found = [side[tick] for side in (left, right) if tick in side]
        merged = found[0]
        for other in [*found[1:], *found]:  # a report delivered twice changes nothing
            merged = merged.merge(other)
        assert merged.rows.tolist() == tally.rows.tolist()
        if len(found) == 2:
            assert same(found[0].merge(found[1]), found[1].merge(found[0]))


def test_shuffles_and_duplicates_give_identical_snapshots_and_verdicts() -> None:
    rng = np.random.default_rng(1)
    chosen = votes(rng.choice([-1.0, 0.0, 1.0], 600, p=[0.02, 0.7, 0.28])) + votes(
        rng.random(300) / 3, slice_="t", prefix="t"
    )
    calm = started(tolerances(), ["s", "t"])
    changes = drive(calm, chosen)
    wild = started(tolerances(), ["s", "t"])
    shuffled = [*chosen, *chosen[::2]]
    rng.shuffle(shuffled)
    for tick in range(60):
        wild.add(v for v in shuffled if wild.tick_of(v.ts) == tick)
        wild.add(v for v in chosen[:50] if wild.tick_of(v.ts) < tick)  # late repeats
    again = wild.close(10_000)
    assert again[: len(changes)] == changes
    assert wild.snapshot() != b"" and calm.close(10_000) == again[len(changes) :]
    assert wild.snapshot() == calm.snapshot()
    assert wild.verdicts() == calm.verdicts()


def test_a_cluster_votes_once_in_24_hours_and_counts_for_coverage_after() -> None:
    hours = [0, 1, 30, 49, 100]
    chosen = [Vote(h * 3600.0, "s", "m", "talk", 1.0, LANE, pair_id=f"p{h}") for h in hours]
    drift = started(tolerances())
    drive(drift, chosen)
    verdict = cell(drift)
    assert verdict.votes == 3  # hours 0, 49 (the 24-h number after next) and 100
    assert verdict.clusters == 1
    assert drift.counters["repeat"] == 2
    assert verdict.coverage == 1.0


def test_the_first_admitted_pair_votes_whatever_arrives_first() -> None:
    late = Vote(5.0, "s", "m", "talk", 1.0, LANE, pair_id="b")
    early = Vote(4.0, "s", "m", "talk", -1.0, LANE, pair_id="c")
    unscored = Vote(3.0, "s", "m", "talk", 0.0, LANE, outcome=Resolution.UNSCORED, pair_id="a")
    drift = started(tolerances())
    drive(drift, [late, early, unscored])
    assert cell(drift).effect == -1.0
    assert cell(drift).unscored == pytest.approx(1 / 3)


@given(st.integers(0, 50), st.sampled_from([Resolution.SHED, Resolution.LOST]), st.integers(0, 100))
def test_pairs_known_by_their_number_count_as_their_rows_would(
    tick: int, outcome: Resolution, count: int
) -> None:
    counted, voted = Booth(0.1, 8), Booth(0.1, 8)
    counted.miss(LANE, tick, outcome, count)
    voted.add(
        Vote((tick + 0.5) * 0.1, ALL, EVERY, str(n), lane=LANE, outcome=outcome, pair_id=str(n))
        for n in range(count)
    )
    assert counted.open_ticks == voted.open_ticks == ([tick] if count else [])
    for booth in (counted, voted):
        for held in booth.open_ticks:
            _, channel, number = booth.close(held, KNOWN).total()
            assert number.tolist() == [count] and len(channel) == 1


def test_dither_is_unbiased_and_leaves_binary_differences_exact() -> None:
    names = [(LANE, "s", "m")]
    clusters = np.array([digest(str(i)) for i in range(40_000)], dtype=np.uint64)
    ids = np.zeros(len(clusters), dtype=np.int64)
    for d in (-1.0, 0.0, 1.0):
        assert set(dither(np.full(len(ids), d), clusters, ids, names, 3).tolist()) == {int(32 * d) + STEPS}
    bins = dither(np.full(len(ids), 0.01), clusters, ids, names, 3)
    assert (bins - STEPS).mean() / 32 == pytest.approx(0.01, abs=3e-4)


@pytest.mark.parametrize("d", [math.nan, math.inf, -math.inf, 1.01, -2.0])
def test_impossible_differences_are_rejected_and_count_as_missing(d: float) -> None:
    drift = started(tolerances())
    drive(drift, votes([0.0, d]))
    assert (cell(drift).votes, cell(drift).unscored) == (1, 0.5)
    assert drift.counters["rejected"] == 1


def test_votes_for_closed_ticks_and_without_a_time_are_refused_and_counted() -> None:
    drift = started(tolerances())
    drift.close(4)
    drift.add([Vote(49.9, "s", "m", "a", 1.0, LANE), Vote(math.nan, "s", "m", "b", 1.0, LANE)])
    drift.add([Vote(50.0, "s", "m", "c", 1.0, LANE)])
    drift.close(5)
    assert cell(drift).votes == 1
    assert (drift.counters["late"], drift.counters["rejected"]) == (1, 1)


def test_a_cell_explosion_is_bounded_and_counted() -> None:
    drift = Drift(tolerances(maximum_cells=20))
    for tick in range(3):
        drift.add(v for i in range(100) for v in votes([0.0] * 2, slice_=f"user={tick}-{i}", first=tick))
        drift.close(tick)
    names = {(v.slice, v.metric) for v in drift.verdicts()}
    assert len(names) == 21 and ("other", "m") in names
    assert drift.counters["overflow"] == 2 * (80 + 100 + 100)
    assert cell(drift, "other").votes > 0
