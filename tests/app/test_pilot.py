"""Who serves: what an operator and a machine may do at the same time, and what damage may not do."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from understudy import durable, latch
from understudy.app import roster
from understudy.app.pilot import Pilot
from understudy.app.process import RECORD
from understudy.config import parse
from understudy.drift.tolerance import Tier
from understudy.drift.verdict import Verdict
from understudy.errors import UnderstudyError
from understudy.pair import Leg
from understudy.rollback import Action, Why
from understudy.service.lines import listen

from tests.app.pilots import both_answer
from tests.verdicts import OTHER, a_verdict


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


def a_pilot(directory: Path, **more: Any) -> Pilot:
    told = more | {
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
    await pilot.switch("candidate", force=True)
    assert pilot.held() is not None and not pilot.state.latched
    assert not a_pilot(tmp_path).state.latched, "nor does a restart disarm it"
    await pilot.switch("baseline", force=True)
    assert pilot.state.latched and a_pilot(tmp_path).state.latched
    server.close()


async def test_a_rearm_waits_for_the_switch_that_is_under_way(tmp_path: Path) -> None:
    relay = Relay()
    server = await listen(tmp_path / "relay.sock", relay.obey)
    pilot = a_pilot(tmp_path)
    relay.may.clear()
    switching = asyncio.ensure_future(pilot.switch("baseline", force=True))
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


async def test_a_dead_engine_becomes_primary_by_force_only(tmp_path: Path) -> None:
    relay = Relay()
    server = await listen(tmp_path / "relay.sock", relay.obey)
    pilot = a_pilot(tmp_path)
    with pytest.raises(UnderstudyError, match=r"switch: the candidate does not answer.* refused; .* --force"):
        await pilot.switch("candidate")
    assert pilot.held() is None and pilot.primary.value == "baseline" and not relay.orders
    await pilot.switch("candidate", force=True)
    assert relay.orders == ["candidate"]
    with pytest.raises(UnderstudyError, match="rearm: the baseline does not answer"):
        await pilot.rearm()
    assert pilot.held() is not None, "and nothing was released"
    await pilot.rearm(force=True)
    assert pilot.primary.value == "baseline"
    server.close()


async def test_an_order_is_void_when_a_rollback_came_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pilot = a_pilot(tmp_path)

    async def meanwhile(address: str, model: str, **how: object) -> bool:
        latch.write(pilot._latch, latch.Latch("baseline", "rollback: worse", (), 1))
        return True

    monkeypatch.setattr("understudy.app.roster.probe", meanwhile)
    with pytest.raises(UnderstudyError, match="another switch came between"):
        await pilot.switch("candidate")
    held = pilot.held()
    assert held is not None and held.primary == "baseline"


async def test_a_rearm_while_the_relay_is_down_is_done_and_says_what_is_not(tmp_path: Path) -> None:
    pilot = a_pilot(tmp_path)
    latch.write(pilot._latch, latch.Latch("baseline", "rollback: worse", (), 1))
    told = await pilot.rearm()
    assert (told["released"], told["primary"]) == ("rollback: worse", "baseline")
    assert "does not answer" in told["relay"] and "as soon as it does" in told["relay"]
    assert pilot.held() is None


async def test_a_switch_that_may_not_outlive_a_power_cut_is_carried_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = Relay()
    server = await listen(tmp_path / "relay.sock", relay.obey)

    async def answers(self: Pilot) -> None:
        self.probed_ns = self.clock()

    def fail(directory: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Pilot, "look_at_baseline", answers)
    pilot = a_pilot(tmp_path)
    sync = durable.sync
    monkeypatch.setattr("understudy.durable.sync", fail)
    told = await pilot.switch("candidate", force=True)
    assert relay.orders == ["candidate"] and pilot.primary is Leg.CANDIDATE
    assert "a power cut may undo it" in told["latch"]
    told = await pilot.rearm(force=True)
    assert "a power cut may undo it" in told["latch"]
    assert pilot.held() is None and not pilot.state.latched and relay.orders == ["candidate", "baseline"]
    monkeypatch.setattr("understudy.durable.sync", sync)
    rolled = a_pilot(tmp_path)
    monkeypatch.setattr("understudy.durable.sync", fail)
    rolled.primary = Leg.CANDIDATE
    signal = await rolled.consider([], [], None, None, silent_s=lambda: 13.0)
    assert signal is not None and signal.action is Action.ROLLBACK and rolled.state.latched
    assert relay.orders[2:] == ["baseline"] and rolled.primary is Leg.BASELINE
    server.close()


async def test_a_candidate_that_is_gone_is_rolled_back_once_the_baseline_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = Relay()
    server = await listen(tmp_path / "relay.sock", relay.obey)
    pilot = a_pilot(tmp_path)
    pilot.primary = Leg.CANDIDATE
    signal = await pilot.consider([], [], None, None, silent_s=lambda: 12.0)
    assert signal is not None and signal.reason is Why.BLOCKED
    assert pilot.blocked() == ("target_dead",) and pilot.primary.value == "candidate"

    async def answers(self: Pilot) -> None:
        self.probed_ns = self.clock()

    monkeypatch.setattr(Pilot, "look_at_baseline", answers)
    pilot.looked_ns = None
    signal = await pilot.consider([], ["fingerprint"], None, None, silent_s=lambda: 13.0)
    assert signal is not None and (signal.action, signal.reason) == (
        Action.ROLLBACK,
        Why.CANDIDATE_UNREACHABLE,
    )
    assert relay.orders == ["baseline"] and pilot.primary.value == "baseline" and pilot.state.latched
    held = pilot.held()
    assert held is not None and held.alerts == ("fingerprint",) and "no connection for 13 s" in held.reason
    server.close()


async def test_a_candidate_that_answers_again_while_the_baseline_is_asked_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pilot, silence = a_pilot(tmp_path), [12.0]
    pilot.primary = Leg.CANDIDATE

    async def slowly(self: Pilot) -> None:
        self.probed_ns = self.clock()
        silence[0] = 0.0

    monkeypatch.setattr(Pilot, "look_at_baseline", slowly)
    assert await pilot.consider([], [], None, None, lambda: silence[0]) is None
    assert pilot.primary is Leg.CANDIDATE and pilot.held() is None


def a_candidate_in_breach(directory: Path, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Pilot:
    """Judged and rolled back, with a relay that does not answer."""

    members = both_answer(monkeypatch)
    pilot = a_pilot(directory, **more)
    pilot.roster = members
    roster.write(directory / RECORD, members)
    latch.write(pilot._latch, latch.Latch("baseline", "rollback: worse", (), 1))
    pilot.primary, pilot.state = Leg.BASELINE, replace(pilot.state, latched=True)
    return pilot


async def test_a_rearm_onto_a_candidate_in_breach_says_so_and_that_the_same_evidence_rolls_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pilot = a_candidate_in_breach(tmp_path, monkeypatch, primary="candidate")
    now = [10**18]
    pilot.clock = lambda: now[0]
    verdicts = [
        a_verdict(),
        *(a_verdict(slice="all", metric=f"m{n}") for n in range(4)),
        a_verdict(metric="only_a_page", tier=Tier.PAGE),
        a_verdict(metric="of_another_engine", lane=OTHER),
    ]
    assert await pilot.consider(verdicts, [], None, 0.0) is not None
    told = await pilot.rearm(force=True)
    assert told["primary"] == "candidate" and told["breach"] == {
        "task=math": ["refusal_lost"],
        "all": ["m0", "m1", "m2", "m3"],
    }
    assert told["warning"].startswith(
        "the candidate is still in breach at the rollback tier (task=math x refusal_lost, "
    )
    assert "and 2 more)" in told["warning"] and "once the cool-down of 600 s is over" in told["warning"]
    await pilot.consider(verdicts, [], None, 0.0)
    assert pilot.blocked() == ("cool_down",)
    now[0] += 601 * 10**9
    signal = await pilot.consider(verdicts, [], None, 0.0)
    assert signal is not None and (signal.action, signal.reason) == (Action.ROLLBACK, Why.BREACH)


async def test_a_switch_to_a_candidate_in_breach_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await listen(tmp_path / "relay.sock", Relay().obey)
    pilot = a_candidate_in_breach(tmp_path, monkeypatch)
    await pilot.consider([a_verdict()], [], None, 0.0)
    assert "breach" not in await pilot.switch("baseline", force=True)
    assert (await pilot.switch("candidate", force=True))["breach"] == {"task=math": ["refusal_lost"]}
    server.close()


async def test_a_rearm_says_when_nothing_will_roll_the_candidate_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pilot = a_candidate_in_breach(tmp_path, monkeypatch, primary="candidate", rollback={"automatic": False})
    await pilot.consider([a_verdict()], [], None, 0.0)
    assert "rollback.automatic is false" in (await pilot.rearm(force=True))["warning"]


@pytest.mark.parametrize(
    ("primary", "verdict"),
    [
        ("baseline", a_verdict()),
        ("candidate", a_verdict(lane=OTHER)),
        ("candidate", a_verdict(tier=Tier.PAGE)),
    ],
    ids=["the baseline serves", "the candidate is a new one", "nothing rolls back at the page tier"],
)
async def test_a_rearm_warns_of_nothing_when_no_rollback_would_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, primary: str, verdict: Verdict
) -> None:
    pilot = a_candidate_in_breach(tmp_path, monkeypatch, primary=primary)
    await pilot.consider([verdict], [], None, 0.0)
    assert {"breach", "warning"}.isdisjoint(await pilot.rearm(force=True))
