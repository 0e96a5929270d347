"""Places of discovery: who stands on one, who gives it up, and what a cell is that stands on none any more."""

import numpy as np
import pytest
from understudy.drift.engine import Drift
from understudy.drift.tolerance import Tier
from understudy.drift.verdict import State, Verdict
from understudy.drift.vote import EVERY, Resolution, Vote

from tests.drift.crossing import HARMED, Columns, Harm, Traffic, engine, found, given, here, tolerances
from tests.drift.streams import LANE, cell, drive

DAY = 8640
"""Ticks."""


def moved(columns: Columns, lane: str) -> Columns:
    """The same in another lane."""
    ts, names, clusters, pairs, d, codes = columns
    return ts, [(lane, slice_, metric) for _, slice_, metric in names], clusters, pairs, d, codes


def replaced(lane: str, traffic: Traffic, drift: Drift, ticks: range, harm: Harm, until: Tier) -> int:
    """Feed a lane until its German mathematics has a tier; the tick after it."""
    for number in ticks:
        drift.add_columns(*moved(traffic.tick(number, harm), lane))
        drift.close(number)
        if any(v.tier >= until for v in told(drift, lane)):
            return number + 1
    return -1


def told(drift: Drift, lane: str) -> list[Verdict]:
    return [v for v in drift.verdicts() if v.slice == HARMED and v.lane.candidate == lane.partition("..")[2]]


def two_lanes() -> tuple[Drift, Traffic, int]:
    """One place; `a..b` breached on it, was replaced, and three days later `a..c` suffers the same."""
    traffic = Traffic(0)
    drift = Drift(tolerances(discovery={"on": True, "places": 1}))
    for lane in ("a..b", "a..c"):
        drift.declare(lane, traffic.slices, ["m"])
    drift.announce("start")
    after = replaced("a..b", traffic, drift, range(300), here(0.5), Tier.PAGE)
    assert after > 0
    drift.announce("start of c")
    first = after + 3 * DAY
    return drift, traffic, replaced("a..c", traffic, drift, range(first, first + 400), here(0.5), Tier.PAGE)


def test_a_lane_that_was_replaced_holds_no_place_and_its_breach_stays_latched() -> None:
    drift, _, after = two_lanes()
    assert after > 0, "the harm of the lane that came after is found"
    (old,) = told(drift, "a..b")
    assert old.state is State.BREACH and old.discovered
    assert drift.discovered == [("a..b", HARMED, "m"), ("a..c", HARMED, "m")]
    family = drift._cells
    family.pending[:] = 0.0
    family.sow(1.0)
    family.mark(1.0)
    assert family.pending[family.index["a..b", HARMED, "m"], 0] == 0.0, "it has no share any more"
    assert family.pending[:, 0].sum() <= 2.0
    late = Drift(drift.tolerances)
    late.restore(drift.snapshot())
    assert late.snapshot() == drift.snapshot() and late.verdicts() == drift.verdicts()


def test_a_breach_off_its_place_is_left_by_a_certificate_and_forgotten_a_day_later() -> None:
    drift, traffic, after = two_lanes()
    traffic.per_tick, traffic.both = 400, 0.1
    states = []
    for number in range(after, after + 60):
        drift.add_columns(*moved(traffic.tick(number, here(0.0), 0.001), "a..b"))
        drift.close(number)
        states += [v.state for v in told(drift, "a..b")]
    assert states[-1] is State.WITHIN
    last = after + 60 + DAY + 1
    for number in (last, last + 1):
        drift.add_columns(*moved(traffic.tick(number, here(0.0), 0.001), "a..b"))
        drift.close(number)
    assert told(drift, "a..b") == []


def test_start_weights_sum_to_one_at_most_with_cells_that_left_their_place() -> None:
    drift = Drift(tolerances(discovery={"on": True, "share": 0.4, "places": 2}))
    drift.declare("a..b", ["all", "language=de", "task=math"], ["m"])
    family = drift._cells
    given = 0.0
    for n in range(6):
        for sown in (False, True):
            if sown:
                family.sow(0.001)
            else:
                family.mark(1 / 8)
            given += float(family.pending[:, 0].sum())
            family.pending[:] = 0.0
        names = [("a..b", f"language=de&task={n}-{place}", "m") for place in range(2)]
        family.unseat([name for name, place in family.found.items() if place >= 0])
        family.find({name: place for place, name in enumerate(names)})
        given += float(family.pending[:, 0].sum())
        family.pending[:] = 0.0
    assert len(family.found) == 12
    assert 0.9 * 6 / 8 * 0.4 < given <= 6 / 8 + 6 * 0.001
    assert np.isclose(family.weight[[family.index[name] for name in family.found]], 0.0).all()


def stood() -> tuple[Drift, Traffic, int]:
    """An engine in which German mathematics stands on a place and has votes, and the next tick."""
    traffic = Traffic(0)
    drift = engine(traffic)
    for number, _ in enumerate(given(drift, traffic, range(300), here(0.3))):
        if (HARMED, "m") in found(drift) and found(drift)[HARMED, "m"].votes >= 8:
            return drift, traffic, number + 1
    raise AssertionError


def test_a_discovered_cell_that_is_named_becomes_a_named_one_with_the_evidence_it_has() -> None:
    drift, traffic, after = stood()
    before, family = cell(drift, HARMED), drift._cells
    drift.declare(LANE, [HARMED, "task=math"], ["m"])
    verdict = cell(drift, HARMED)
    assert not verdict.discovered and (LANE, HARMED, "m") not in drift.discovered
    assert (verdict.votes, verdict.evidence) == (before.votes, before.evidence)
    i = family.index[LANE, HARMED, "m"]
    assert family.weight[i] == 1.0
    family.sow(1.0)
    others = family.pending[family.index[LANE, "task=math", "m"], 0]
    assert family.pending[i, 0] == others > 0
    assert family.pending[:, 0].sum() <= 1.0 + 1e-6
    late = Drift(drift.tolerances)
    late.restore(drift.snapshot())
    assert late.verdicts() == drift.verdicts() and late.snapshot() == drift.snapshot()
    ticks = range(after, after + 60)
    assert list(given(drift, traffic, ticks, here(0.3))) and cell(drift, HARMED).state is State.BREACH


def test_the_place_of_a_cell_that_was_named_is_free() -> None:
    drift, _, _ = stood()
    place = drift._search.stands[LANE, HARMED, "m"].place
    drift.declare(LANE, [HARMED], ["m"])
    drift._cells.find({(LANE, "language=l1&task=t1", "m"): place})
    assert cell(drift, "language=l1&task=t1").discovered


@pytest.mark.parametrize(("before", "after"), [(2, 5), (5, 2), (2, 2)])
def test_places_may_be_changed_within_a_month_that_had_a_marker(before: int, after: int) -> None:
    traffic = Traffic(0)
    drift = engine(traffic, tolerances(discovery={"on": True, "places": before}))
    for _ in given(drift, traffic, range(3), here(0.0)):
        pass
    late = Drift(tolerances(discovery={"on": True, "places": after}))
    late.restore(drift.snapshot())
    late.declare(LANE, traffic.slices, ["m"])
    left = [sum(weights) for _, weights in drift._cells.kept]
    assert all(a <= b for a, b in zip([sum(w) for _, w in late._cells.kept], left, strict=True))
    for _ in given(late, traffic, range(3, 300), here(0.5)):
        if found(late).get((HARMED, "m")):
            break
    assert (HARMED, "m") in found(late)
    late._cells.find({(LANE, f"language=l1&task=t{n}", "m"): n for n in range(after)})


def test_discovery_that_was_turned_off_keeps_nothing_for_its_places() -> None:
    traffic = Traffic(0)
    drift = engine(traffic)
    for _ in given(drift, traffic, range(3), here(0.0)):
        pass
    assert drift._cells.kept
    late = Drift(tolerances(discovery={"on": False}))
    late.restore(drift.snapshot())
    again = Drift(tolerances(discovery={"on": False}))
    again.restore(late.snapshot())
    assert late._cells.kept == [] and late.snapshot() == again.snapshot()


def shed(after: int, ticks: int) -> list[Vote]:
    """Pairs of German mathematics without a score, five in each tick."""
    return [
        Vote(
            10.0 * (after + tick) + n,
            slice_,
            EVERY,
            f"shed {tick} {n}",
            0.0,
            LANE,
            outcome=Resolution.SHED,
            pair_id=f"shed {tick} {n}",
        )
        for tick in range(ticks)
        for n in range(5)
        for slice_ in ("language=de", "task=math")
    ]


def test_evidence_that_stalls_is_told_of_a_discovered_breach_and_not_of_a_mere_suspicion() -> None:
    drift, traffic, after = stood()
    drive(drift, shed(after, 8))
    assert {stall.slice for stall in drift.stalled()} == {"language=de", "task=math"}
    after = 1 + next(
        n
        for n, _ in enumerate(given(drift, traffic, range(after + 8, after + 300), here(0.9)), after + 8)
        if cell(drift, HARMED).state is State.BREACH
    )
    drive(drift, shed(after, 8))
    assert {stall.slice for stall in drift.stalled()} == {"language=de", "task=math", HARMED}


def test_intersections_that_there_is_no_room_for_are_counted_once_while_they_wait() -> None:
    traffic = Traffic(0)
    full = len(traffic.slices)
    drift = engine(traffic, tolerances(maximum_cells=full))
    for _ in given(drift, traffic, range(150), here(0.9)):
        assert not found(drift)
    assert 1 <= drift.counters["crowded"] <= 3
    roomy = engine(Traffic(0), tolerances(maximum_cells=full + 16))
    for _ in given(roomy, Traffic(0), range(150), here(0.9)):
        pass
    assert roomy.counters["crowded"] == 0
