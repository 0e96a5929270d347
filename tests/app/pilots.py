"""The engines of a pilot that is asked without a deployment around it."""

import pytest
from understudy.app import roster
from understudy.app.pilot import Pilot
from understudy.pair import Leg

from tests.verdicts import LANE


def both_answer(monkeypatch: pytest.MonkeyPatch) -> dict[Leg, roster.Member]:
    """The engines of LANE; the baseline answers whenever it is looked at."""

    async def answers(self: Pilot) -> None:
        self.probed_ns = self.clock()

    monkeypatch.setattr(Pilot, "look_at_baseline", answers)
    return {
        Leg.BASELINE: roster.Member("127.0.0.1:1", LANE.baseline),
        Leg.CANDIDATE: roster.Member("127.0.0.1:2", LANE.candidate),
    }
