"""Intersections somebody named: cells like any other, filled from the rows of their two slices."""

from typing import Any

import numpy as np
import pytest
from understudy.drift.engine import Drift
from understudy.drift.verdict import State
from understudy.drift.vote import Vote

from tests.drift import streams
from tests.drift.crossing import HARMED, Traffic, engine, given, here, tolerances
from tests.drift.streams import LANE, cell, drive

SAME = "base..base"
DAY = 8640
"""Ticks."""


def named(on: bool = True, **more: Any) -> Drift:
    drift = Drift(tolerances(discovery={"on": on}, **more))
    drift.declare(LANE, ["language=de", "task=math", HARMED], ["m"])
    return drift


def pair(who: str, tick: float, slices: dict[str, float], turn: str = "") -> list[Vote]:
    """A pair's rows: its D in each of these slices."""
    return [
        Vote(10.0 * tick + 1.0, slice_, "m", who, d, LANE, pair_id=f"{who}{turn}")
        for slice_, d in slices.items()
    ]


BOTH = {"language=de": 1.0, "task=math": 1.0}


@pytest.mark.parametrize("slice_", ["all", "language=de", "task=math"])
def test_a_fault_of_the_instrument_in_a_slice_is_one_of_its_intersections(slice_: str) -> None:
    drift = named()
    drift.declare(SAME, [slice_, "task=other"], ["m"])
    drift.announce("start")
    drive(drift, [*streams.votes(np.ones(300), slice_=slice_, lane=SAME), *pair("c", 1, BOTH)])
    assert cell(drift, HARMED).state is State.INSTRUMENT_FAULT


def test_a_fault_of_the_instrument_in_another_slice_is_none_of_an_intersection() -> None:
    drift = named()
    drift.declare(SAME, ["language=fr"], ["m"])
    drift.announce("start")
    drive(drift, [*streams.votes(np.ones(300), slice_="language=fr", lane=SAME), *pair("c", 1, BOTH)])
    assert drift.instrument_faults() and cell(drift, HARMED).state is not State.INSTRUMENT_FAULT


def test_a_named_intersection_is_filled_from_its_slices_without_discovery_as_with_it() -> None:
    told = []
    for on in (True, False):
        traffic = Traffic(8)
        drift = engine(traffic, tolerances(discovery={"on": on}))
        drift.declare(LANE, [HARMED], ["m"])
        for _ in given(drift, traffic, range(50), here(0.6)):
            pass
        verdict = cell(drift, HARMED)
        assert verdict.votes == traffic.harmed and verdict.state is State.BREACH
        assert not drift.discovered and on is (b"scout" in drift.snapshot())
        told.append((verdict.votes, verdict.effect, verdict.clusters, verdict.coverage))
    assert told[0] == told[1]


def test_without_discovery_no_other_intersection_is_counted() -> None:
    traffic = Traffic(8, both=0.1)
    drift = engine(traffic, tolerances(discovery={"on": False}))
    drift.declare(LANE, [HARMED], ["m"])
    drift.add_columns(*traffic.tick(0, here(0.3)))
    tally = drift.tally(0)
    assert len(tally.scouted) == 0 and (LANE, HARMED, "m") in tally.names


def test_a_conversation_heard_in_an_intersection_by_its_own_row_is_not_heard_there_again_by_its_slices() -> (
    None
):
    drift = named()
    drive(drift, pair("c", 1, {HARMED: 1.0}, "first turn"))
    drive(drift, pair("c", 2, BOTH, "second turn"))
    assert cell(drift, HARMED).votes == 1 and cell(drift, "task=math").votes == 1
    assert drift.counters["repeat"] == 1
    drive(drift, pair("c", 3 + 2 * DAY, BOTH, "after two days"))
    assert cell(drift, HARMED).votes == 2


def test_nor_the_other_way_round_nor_within_a_tick() -> None:
    drift = named()
    drive(drift, pair("c", 1, BOTH, "first turn"))
    drive(drift, pair("c", 2, {HARMED: 1.0}, "second turn"))
    assert cell(drift, HARMED).votes == 1
    drive(drift, [*pair("d", 3, BOTH, "first turn"), *pair("d", 3.5, {HARMED: 1.0}, "second turn")])
    assert cell(drift, HARMED).votes == 2
    assert cell(drift, HARMED).coverage == 1.0


def test_who_was_heard_in_an_intersection_outlives_a_restart() -> None:
    drift = named()
    drive(drift, pair("c", 1, BOTH, "first turn"))
    late = Drift(drift.tolerances)
    late.restore(drift.snapshot())
    drive(late, pair("c", 2, {HARMED: 1.0}, "second turn"))
    assert cell(late, HARMED).votes == 1


def split_rows(seed: int, pairs: int) -> list[Vote]:
    """Rows of pairs whose D is 0 to 1 in German and 0 in mathematics, at the same time, in any order."""
    rng = np.random.default_rng(seed)
    rows = [
        row
        for n, d in enumerate(np.random.default_rng(1).random(pairs))
        for row in pair(f"c{n}", 1, {"task=math": 0.0, "language=de": d, "size=long": -d})
    ]
    return [rows[i] for i in rng.permutation(len(rows))]


def test_of_rows_of_a_pair_that_differ_the_first_slice_counts_in_any_order_and_with_any_owners() -> None:
    names = ["language=de", "task=math", "size=long", HARMED, "language=de&size=long"]
    told = []
    for owners in (1, 2, 8):
        engines = []
        for owner in range(owners):
            drift = Drift(tolerances(), owned=[p for p in range(8) if p % owners == owner])
            drift.declare(LANE, names, ["m"])
            drift.add(split_rows(owner + 10 * owners, 300))  # each is sent the rows in an order of its own
            engines.append(drift)
        whole = engines[0].tally(1)
        for drift in engines[1:]:
            whole = whole.merge(drift.tally(1))
        engines[0].fold(whole)
        for slice_ in (HARMED, "language=de&size=long"):
            assert cell(engines[0], slice_).effect == cell(engines[0], "language=de").effect > 0.4
        told.append((whole.names, whole.rows.tolist(), whole.scouted.tolist()))
    assert told[0] == told[1] == told[2]
    scouted = told[0][2]
    assert sum(row[4] for row in scouted) == 300 and max(row[3] for row in scouted) == 32, "of size=long"
