"""What the close look says of a late loop: how late, and how much of that was the loop's own doing."""

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from understudy.errors import UnderstudyError
from understudy.relay.probe import Probe

if TYPE_CHECKING:
    from tests.relay.conftest import Stage


async def late(by: object) -> dict[str, float]:
    probe = Probe()
    assert probe.look(0.001) == {"ticks": 0, "lag_max_s": 0.0, "own_max_s": 0.0}
    await asyncio.sleep(0.02)
    assert callable(by)
    by()
    await asyncio.sleep(0.02)
    return probe.look(0)


def busy() -> None:
    until = time.thread_time() + 0.04
    while time.thread_time() < until:
        pass


async def test_a_pause_in_which_the_loop_computes_is_its_own() -> None:
    told = await late(busy)
    assert told["own_max_s"] >= 0.035 and told["lag_max_s"] >= told["own_max_s"] and told["ticks"] > 2


async def test_a_pause_in_which_its_thread_does_not_run_is_not() -> None:
    told = await late(lambda: time.sleep(0.04))
    assert told["lag_max_s"] >= 0.035 and told["own_max_s"] < 0.02


async def test_each_look_begins_anew_and_none_leaves_the_ticks_as_they_are() -> None:
    probe = Probe()
    probe.ticked(0.25)
    probe.look(0.001)
    await asyncio.sleep(0.01)
    busy()
    first = probe.look(0.001)
    assert first["own_max_s"] >= 0.035  # told although its timer had not come yet
    await asyncio.sleep(0.01)
    assert probe.look(0)["own_max_s"] < 0.035
    assert probe.look(0)["ticks"] == 0
    assert probe.status() == {"lag_max_s": 0.25, "lag_p99_s": 0.25}


@pytest.mark.parametrize("every_s", [0.0001, 2.0, -1.0, float("nan")])
def test_a_period_out_of_bounds_is_refused(every_s: float) -> None:
    with pytest.raises(UnderstudyError, match="every_s"):
        Probe().look(every_s)


async def test_the_control_socket_begins_and_ends_it(stage: "Stage") -> None:
    relay = stage.relay()
    assert relay.ask("probe", every_s=0.002) == {"ok": True, "ticks": 0, "lag_max_s": 0.0, "own_max_s": 0.0}
    await asyncio.sleep(0.1)
    assert relay.ask("probe", every_s=0)["ticks"] > 5
    assert "number" in relay.ask("probe")["error"] and "number" in relay.ask("probe", every_s=True)["error"]
    assert "does not take" in relay.ask("status", every_s=1)["error"]
