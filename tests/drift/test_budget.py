"""The budget of a month: what changes and ticks may add to the evidence, and when it is given anew."""

import math
from dataclasses import replace

import pytest
from understudy.drift.engine import MONTH_S, Drift

from tests.drift.streams import LANE, cell, drive, tolerances, votes

MONTH = int(MONTH_S / 10)
"""Ticks."""
TICK = 0.5 / MONTH
CELLS = 20


def quiet() -> Drift:
    """An engine with 20 cells, of which `s` never votes: its evidence is the start weight it was given."""
    drift = Drift(tolerances())
    drift.declare(LANE, ["s", *(f"o{i}" for i in range(CELLS - 1))], ["m"])
    return drift


def weight(drift: Drift) -> float:
    return math.exp(cell(drift).evidence)


def given(drift: Drift, *ticks: int) -> list[float]:
    """What `s` is given on each of these ticks, on which another cell votes."""
    made = []
    for tick in ticks:
        before = weight(drift)
        drive(drift, votes([0.0], slice_="o0", first=tick))
        made.append(weight(drift) - before)
    return made


def test_changes_weigh_an_eighth_each_and_from_the_fourth_on_half_of_the_one_before() -> None:
    drift = quiet()
    for n in range(7):
        drift.announce(f"change {n}", tick=2 * n)
    found = given(drift, *range(13))
    changes = [1 / 8, 1 / 8, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128]
    ticks = [0.0] + [TICK / CELLS] * 12
    marked = [changes[t // 2] / 60 if t % 2 == 0 else 0.0 for t in range(13)]
    assert found == pytest.approx([a + b for a, b in zip(ticks, marked, strict=True)], rel=1e-6, abs=1e-15)


def test_the_same_change_told_again_adds_nothing() -> None:
    drift = quiet()
    for tick in range(3):
        drift.announce("rollout 1")
        row = votes([0.0], slice_="o0", first=tick)
        drive(drift, [*row, *votes([0.0], slice_="o1", first=tick)])
    assert weight(drift) == pytest.approx(1 / 8 / 60 + 2 * TICK / CELLS)


def test_a_change_named_by_a_vote_counts_once_for_its_lane() -> None:
    drift = quiet()
    drift.declare("base..new", ["s"], ["m"])
    rows = votes([0.0] * 4, slice_="o0", per_tick=2, lane="base..new")
    drive(drift, [replace(v, marker="rollout 2") for v in rows])
    other = next(v for v in drift.verdicts() if v.slice == "s" and v.lane.candidate == "new")
    assert math.exp(other.evidence) == pytest.approx(1 / 8 / 60 + TICK / (CELLS + 2), rel=1e-3)
    assert weight(drift) == pytest.approx(TICK / (CELLS + 2), rel=0.1)


def test_a_critical_cell_is_given_more_and_no_cell_more_than_its_bound() -> None:
    heavy = Drift(tolerances(slices={"s": {"weight": 900}}, expected_cells=10))
    heavy.declare(LANE, ["s", *(f"o{i}" for i in range(CELLS - 1))], ["m"])
    heavy.announce("start")
    # x v <= .05 with x = .5 a month.
    assert given(heavy, 0, 1) == pytest.approx([0.1 / 8, 0.1 * TICK], rel=1e-9, abs=1e-15)
    light = Drift(tolerances(slices={"s": {"weight": 1.5}}))
    light.declare(LANE, ["s", *(f"o{i}" for i in range(CELLS - 1))], ["m"])
    assert given(light, 0, 1)[1] == pytest.approx(1.5 / (CELLS + 0.5) * TICK, rel=1e-9)


def test_a_month_is_thirty_days_from_the_first_tick_and_goes_on_over_a_restart() -> None:
    first = 1000
    drift = quiet()
    for n in range(4):
        drift.announce(f"change {n}", tick=first)
    given(drift, first)
    again = Drift(tolerances())
    again.restore(drift.snapshot())
    again.announce("the fifth", tick=first + MONTH - 1)
    (fifth,) = given(again, first + MONTH - 1)
    assert fifth == pytest.approx(1 / 32 / 60, rel=1e-3)
    later = Drift(tolerances())
    later.restore(again.snapshot())
    later.announce("the first of the next month", tick=first + MONTH)
    (sixth,) = given(later, first + MONTH)
    assert sixth == pytest.approx(1 / 8 / 60, rel=1e-3)


def test_time_in_which_nothing_was_counted_adds_nothing() -> None:
    drift = quiet()
    assert given(drift, 0, 1, 5000, 5001)[1:] == pytest.approx([TICK / CELLS] * 3, rel=1e-6)


def test_what_a_change_kept_for_cells_not_yet_seen_is_not_spent_in_a_later_month() -> None:
    drift = Drift(tolerances())
    drift.declare(LANE, ["o0"], ["m"])
    drift.announce("start")
    drive(drift, votes([0.0], slice_="o0"))
    drive(drift, votes([0.0], slice_="o0", first=MONTH))
    drift.declare(LANE, ["s"], ["m"])
    drive(drift, votes([0.0], slice_="o0", first=MONTH + 1))
    assert weight(drift) == pytest.approx(0.1 * TICK, rel=0.01)  # no cell gets more of a tick


def test_a_month_has_no_more_than_one_whole_weight_however_many_changes_are_announced() -> None:
    drift = quiet()
    for n in range(200):
        drift.announce(f"change {n}", tick=n)
    spent = sum(given(drift, *range(200))) * 60
    assert spent < 1 / 2 + 200 * TICK * 60 / CELLS
