"""Intersections somebody named: cells like any other, filled from the rows of their two slices."""

import numpy as np
import pytest
from understudy.drift.booth import Booth
from understudy.drift.engine import Drift
from understudy.drift.verdict import State
from understudy.drift.vote import Vote

from tests.drift import streams
from tests.drift.crossing import HARMED, Traffic, engine, found, given, here, tolerances
from tests.drift.streams import LANE, cell, drive

SAME = "base..base"
DAY = 8640
"""Ticks."""


def named(on: bool = True, **more: object) -> Drift:
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
