"""The sum over cells: what hurts everything a little, told apart from what is only shown."""

import numpy as np
import pytest
from understudy.drift.engine import Drift
from understudy.drift.tolerance import Tier, Tolerances
from understudy.drift.verdict import Change, State, Verdict, Why
from understudy.drift.vote import EVERY, Vote

from tests.drift.streams import LANE, differences, drive, votes

SLICES = [f"s{i:02}" for i in range(60)]
RULES = Tolerances.from_dict({"metrics": {"m": {"tau": 0.02}, "shown": {"tau": 0.02, "judged": False}}})


def harmed(delta: float, ticks: int, first: int = 0, shown: float = 0.5) -> list[Vote]:
    """10 votes a tick in each of 60 cells, and as many in cells that are only shown."""
    rng = np.random.default_rng(41 + first)
    rows: list[Vote] = []
    for slice_ in SLICES:
        prefix = f"{slice_}-{first}-"
        rows += votes(differences(rng, 10 * ticks, delta), slice_=slice_, first=first, prefix=prefix)
        drawn = differences(rng, 10 * ticks, shown)
        rows += votes(drawn, slice_=slice_, metric="shown", first=first, prefix=prefix)
    return rows


def engine() -> Drift:
    drift = Drift(RULES)
    drift.declare(LANE, SLICES, ["m", "shown"])
    drift.announce("start")
    return drift


def whole(changes: list[Change]) -> list[Verdict]:
    return [c.verdict for c in changes if c.verdict.slice == EVERY]


def test_its_effect_is_that_of_the_judged_cells() -> None:
    (found,) = whole(drive(engine(), harmed(0.06, 60)))
    assert (found.state, found.reason, found.tier) == (State.BREACH, Why.SPREAD, Tier.PAGE)
    assert found.effect == pytest.approx(0.06, abs=0.01)
    assert found.votes <= 60 * 600


def test_it_stays_latched_over_a_restart_and_is_left_when_the_harm_is_gone() -> None:
    drift = engine()
    assert len(whole(drive(drift, harmed(0.06, 60)))) == 1
    again = Drift(RULES)
    again.restore(drift.snapshot())
    assert again.verdicts() == drift.verdicts()
    assert whole(drive(again, harmed(0.06, 3, 60))) == []
    left = whole(drive(again, harmed(0.0, 100, 63)))
    assert [(v.state, v.reason) for v in left] == [(State.NOT_ENOUGH_EVIDENCE, Why.COLLECTING)]
    assert (
        whole(drive(drift, harmed(0.06, 3, 60))) == [] and whole(drive(drift, harmed(0.0, 100, 63))) == left
    )
