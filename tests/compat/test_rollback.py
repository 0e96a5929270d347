"""A canary that is worse is rolled back like a primary: no share is served against the evidence."""

from pathlib import Path
from typing import Any

import pytest
from understudy.app import roster
from understudy.app.pilot import Pilot
from understudy.app.process import RECORD
from understudy.compat import Settings
from understudy.config import Config, parse
from understudy.errors import ConfigError
from understudy.rollback import Action, Why
from understudy.service.lines import listen

from tests.app.pilots import both_answer
from tests.compat.stage import staged
from tests.verdicts import a_verdict


def configured(directory: Path, **more: Any) -> Config:
    engines = {
        "baseline": {"address": "127.0.0.1:1", "model": "m"},
        "candidate": {"address": "127.0.0.1:2", "model": "m"},
    }
    told = {"engines": engines, "listen": "", "run_dir": str(directory), "state_dir": str(directory)}
    return parse(told | more)


def a_pilot(directory: Path, monkeypatch: pytest.MonkeyPatch, compat: dict[str, Any]) -> Pilot:
    members = both_answer(monkeypatch)
    roster.write(directory / RECORD, members)
    return Pilot(configured(directory, compat=compat), members, lambda: None)


async def test_a_canarys_breach_latches_the_baseline_and_the_next_request_goes_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with staged(Settings(listen="127.0.0.1:0", candidate_share=1.0)) as stage:
        control = await listen(stage.folder / "compat.sock", stage.proxy.obey)
        pilot = a_pilot(stage.folder, monkeypatch, {"candidate_share": 1.0})
        assert await stage.who() == "candidate"
        signal = await pilot.consider([a_verdict()], ["alert"], None, 0.0)
        assert signal is not None and (signal.action, signal.reason) == (Action.ROLLBACK, Why.BREACH)
        held = pilot.held()
        assert held is not None and held.primary == "baseline" and held.alerts == ("alert",)
        assert await stage.who() == "baseline"
        told = await pilot.rearm(force=True)
        assert told["compat"] == {"primary": "baseline", "latched": False}
        assert await stage.who() == "candidate", "the share counts again"
        control.close()


async def test_without_a_share_a_breach_of_the_shadow_rolls_nothing_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pilot = a_pilot(tmp_path, monkeypatch, {})
    signal = await pilot.consider([a_verdict()], [], None, 0.0)
    assert signal is None or signal.action is Action.HOLD
    assert pilot.held() is None


async def test_a_baseline_that_is_silent_is_no_reason_to_roll_a_canary_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pilot = a_pilot(tmp_path, monkeypatch, {"candidate_share": 0.05})
    assert await pilot.consider([], [], None, 0.0, silent_s=lambda: 1000.0) is None
    assert pilot.held() is None


def test_a_share_beside_a_candidate_that_is_primary_says_nothing_and_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="compat"):
        configured(tmp_path, compat={"candidate_share": 0.1}, primary="candidate")
    with pytest.raises(ConfigError, match=r"compat\.listen"):
        configured(tmp_path, compat={"listen": "127.0.0.1:1234"}, listen="127.0.0.1:1234")
    many = {"addresses": ["127.0.0.1:1", "127.0.0.1:3"], "model": "m"}
    engines = {"baseline": many, "candidate": {"address": "127.0.0.1:2", "model": "m"}}
    with pytest.raises(ConfigError, match="compat: reaches"):
        configured(tmp_path, compat={}, engines=engines)
    with pytest.raises(ConfigError, match="unknown key"):
        configured(tmp_path, compat={"share": 0.1})
