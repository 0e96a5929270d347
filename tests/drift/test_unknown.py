"""Pairs of which nothing is known but their number: they count against their slice, whatever else does."""

import numpy as np
from understudy.drift.engine import OTHERS, Drift
from understudy.drift.verdict import State
from understudy.drift.vote import Resolution, Vote

from tests.drift.streams import LANE, cell, drive, first, started, tolerances, votes


def unscored(tick: int, count: int, metric: str = "m", slice_: str = "all") -> list[Vote]:
    return [
        Vote(10.0 * tick, slice_, metric, f"u{tick}-{i}", 0.0, LANE, "", Resolution.UNSCORED, f"u{tick}-{i}")
        for i in range(count)
    ]


def test_lost_pairs_come_on_top_of_a_cells_own_missing_ones() -> None:
    # 6 in 400 may all be bad, which a tolerance of 2 % leaves no room for; 3 in 400 it does.
    for lost, certified in ((0, True), (3, False)):
        drift = started(tolerances(), ["all"])
        changes = []
        for tick in range(30):
            drift.add(votes(np.zeros(394), slice_="all", per_tick=394, first=tick) + unscored(tick, 3))
            drift.miss(LANE, tick, Resolution.LOST, lost)
            changes += drift.close(tick)
        assert (first(changes, State.WITHIN) is not None) == certified
        assert round(cell(drift, "all").unscored * (394 + 3 + lost)) == 3 + lost


def test_a_metric_that_applies_to_no_pair_is_not_stalled_by_pairs_that_were_shed() -> None:
    drift = started(tolerances(), ["all"], ["m", "n"])
    for tick in range(10):
        drift.add(votes(np.zeros(5), slice_="all", per_tick=5, first=tick))
        drift.miss(LANE, tick, Resolution.SHED, 4)
        drift.close(tick)
    assert [one.metric for one in drift.stalled()] == ["m"]


def test_where_every_pair_is_shed_every_cell_is_stalled() -> None:
    drift = started(tolerances(), ["all"], ["m", "n"])
    for tick in range(10):
        drift.miss(LANE, tick, Resolution.SHED, 4)
        drift.close(tick)
    assert {one.metric for one in drift.stalled()} == {"m", "n"}


def test_pairs_of_which_nothing_is_known_keep_no_lane_alive() -> None:
    drift = Drift(tolerances(maximum_lanes=2))
    for tick, lane in ((0, "a..b"), (40, "a..a2")):
        drift.declare(lane, ["all"], ["m"])
        drive(drift, votes(np.zeros(200), slice_="all", lane=lane, first=tick))
    assert drift.current == ["a..a2"]
    for lane in drift.lanes:
        drift.miss(lane, 70, Resolution.SHED, 3)
    drift.close(70)
    drift.declare("a..c", ["all"], ["m"])
    drive(drift, votes([0.0], slice_="all", lane="a..c", first=80))
    assert drift.lanes == ["a..a2", "a..c"] and drift.counters["closed"] == 1


def test_neither_metrics_nor_instrument_checks_explode() -> None:
    drift = Drift(tolerances(maximum_cells=20))
    for tick in range(12):
        new = [Vote(10.0 * tick, f"user={tick}-{i}", f"m{tick}-{i}", "c", 0.0, LANE) for i in range(60)]
        new += [Vote(10.0 * tick, f"user={tick}-{i}", "m", "c", 0.0, "base..base") for i in range(60)]
        drive(drift, new)
    assert len(drift._cells) <= 20 + OTHERS and len(drift._control) <= 20
    assert drift.counters["overflow"] > 12 * 60
