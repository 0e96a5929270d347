"""Who serves: what an operator and a machine may do at the same time, and what damage may not do."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from understudy.app import roster
from understudy.app.pilot import Pilot
from understudy.app.process import RECORD
from understudy.config import parse
from understudy.errors import UnderstudyError
from understudy.pair import Leg
from understudy.service.lines import listen

from tests.verdicts import a_verdict


class Relay:
    """Answers every order once it may."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.may.set()
        self.asked = asyncio.Event()
        self.orders: list[str] = []

    async def obey(self, request: dict[str, Any]) -> dict[str, Any]:
        """As a relay does."""
        self.orders.append(request["to"])
        self.asked.set()
        await self.may.wait()
        return {"primary": request["to"]}


def a_pilot(directory: Path) -> Pilot:
    told = {
        "engines": {
            "baseline": {"address": "127.0.0.1:1", "model": "m"},
            "candidate": {"address": "127.0.0.1:2", "model": "m"},
        },
        "run_dir": str(directory),
        "state_dir": str(directory),
    }
    members = {leg: roster.Member("127.0.0.1:1", leg.value) for leg in (Leg.BASELINE, Leg.CANDIDATE)}
    roster.write(directory / RECORD, members)
    return Pilot(parse(told), members, lambda: None)


async def test_an_operators_switch_to_the_candidate_leaves_the_rollback_armed(tmp_path: Path) -> None:
    relay = Relay()
    server = await listen(tmp_path / "relay.sock", relay.obey)
    pilot = a_pilot(tmp_path)
    await pilot.switch("candidate")
    assert pilot.held() is not None and not pilot.state.latched
    assert not a_pilot(tmp_path).state.latched, "nor does a restart disarm it"
    await pilot.switch("baseline")
    assert pilot.state.latched and a_pilot(tmp_path).state.latched
    server.close()


async def test_a_rearm_waits_for_the_switch_that_is_under_way(tmp_path: Path) -> None:
    relay = Relay()
    server = await listen(tmp_path / "relay.sock", relay.obey)
    pilot = a_pilot(tmp_path)
    relay.may.clear()
    switching = asyncio.ensure_future(pilot.switch("baseline"))
    await relay.asked.wait()
    with pytest.raises(UnderstudyError, match="under way"):
        await pilot.rearm()
    relay.may.set()
    await switching
    assert pilot.held() is not None and pilot.state.latched
    await pilot.rearm()
    assert pilot.held() is None and not pilot.state.latched
    server.close()


async def test_a_damaged_record_blocks_a_rollback_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answers(self: Pilot) -> None:
        self.probed_ns = self.clock()

    monkeypatch.setattr(Pilot, "look_at_baseline", answers)
    pilot = a_pilot(tmp_path)
    pilot.primary = Leg.CANDIDATE
    (tmp_path / RECORD).write_text("{")
    signal = await pilot.consider([a_verdict()], [], None, 0.0)
    assert signal is not None and "target_unrecorded" in pilot.blocked()
