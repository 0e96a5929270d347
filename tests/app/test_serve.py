"""`understudy serve` does its job whole: pairs, a caught regression, a rollback that outlives everything."""

import asyncio
import json
import tomllib
from itertools import count
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from understudy.errors import UnderstudyError
from understudy.service.lines import ask

from tests.app.stage import Deployment, Engine, call, deployed

PROMPT = "List the items as JSON: apple {0}, pear {0}."
numbers = count()


def prompts(many: int) -> list[str]:
    return [PROMPT.format(next(numbers)) for _ in range(many)]


def good(prompt: str) -> str:
    return '{"items": ["apple", "pear"], "of": ' + str(len(prompt)) + "}"


def broken(prompt: str) -> str:
    return good(prompt)[:-4]


async def drive_until_latched(deployment: Deployment, port: int) -> list[str]:
    for _ in range(60):
        said = await call(port, prompts(40))
        if (await deployment.status())["latch"]:
            return said
        await asyncio.sleep(0.3)
    raise AssertionError(await deployment.status())


async def test_a_broken_candidate_is_rolled_back_and_stays_so_until_rearmed() -> None:
    baseline, candidate = Engine("baseline", good), Engine("candidate", broken)
    async with deployed(baseline, candidate) as (deployment, port):
        assert await call(port, ["first"]) == [broken("first")]
        await drive_until_latched(deployment, port)
        status = await deployment.until(lambda s: s["primary"] == "baseline")
        assert status["verdict"] == "BREACH"
        assert any(change["to"] == "BREACH" for change in status["changes"])
        assert await call(port, ["after"]) == [good("after")]
        settled = await deployment.until(lambda s: s["counts"]["in_flight"] == 0)
        assert settled["accounted"] and settled["counts"]["failed"] == settled["counts"]["lost"] == 0

        deployment.kill()
        await deployment.start()
        assert await call(port, ["restarted"]) == [good("restarted")]
        again = await deployment.status()
        assert (again["primary"], again["verdict"]) == ("baseline", "BREACH")
        lines = (deployment.state_dir / "verdicts.jsonl").read_text().splitlines()
        told = [json.loads(line) for line in lines]
        names = ("tick", "slice", "metric", "from", "to", "tier")
        keys = [tuple(one[name] for name in names) for one in told]
        assert len(keys) == len(set(keys)), "what the journal brought back was recorded again"

        await ask(deployment.run_dir / "control.sock", {"op": "rearm"})
        assert await call(port, ["rearmed"]) == [broken("rearmed")]


async def test_under_other_tolerances_evidence_begins_anew_and_what_was_said_is_over() -> None:
    def breaches(status: dict[str, Any]) -> set[str]:
        return {alert["state"] for alert in status["alerts"] if alert["name"] == "Breach"}

    baseline, candidate = Engine("baseline", good), Engine("candidate", broken)
    async with deployed(baseline, candidate) as (deployment, port):
        await drive_until_latched(deployment, port)
        status = await deployment.until(lambda s: "firing" in breaches(s))
        last = status["now_ns"] // 10**9  # votes of ticks that are open would be counted again
        await deployment.until(lambda s: s["tick"] > last)
        deployment.kill()
        with (deployment.state_dir.parent / "tolerances.toml").open("a") as file:
            file.write("coverage = 0.9\n")
        await deployment.start()
        status = await deployment.until(lambda s: breaches(s) == {"resolved"})
        assert status["primary"] == "baseline" and status["verdict"] != "BREACH"


async def test_equal_engines_raise_nothing_and_every_request_is_a_pair() -> None:
    async with deployed(Engine("baseline", good), Engine("candidate", good)) as (deployment, port):
        await call(port, prompts(100))
        status = await deployment.until(lambda s: s["scored"] == 100 and s["counts"]["paired"] == 100)
        assert status["accounted"] and status["latch"] is None
        assert not [alert for alert in status["alerts"] if alert["name"] == "Breach"]


async def test_mirror_off_stops_the_shadow_and_callers_go_on() -> None:
    async with deployed(Engine("baseline", good), Engine("candidate", good)) as (deployment, port):
        control = deployment.run_dir / "control.sock"
        await call(port, prompts(3))
        await deployment.until(lambda s: s["counts"]["paired"] == 3)
        await ask(control, {"op": "mirror", "on": False})
        await asyncio.sleep(0.5)
        assert len(await call(port, prompts(5))) == 5
        deployment.kill()
        await deployment.start()
        assert not (await deployment.status())["mirror_on"], "a kill switch stays thrown over a restart"
        await ask(control, {"op": "mirror", "on": True})
        await asyncio.sleep(0.5)
        await call(port, prompts(2))
        status = await deployment.until(lambda s: s["counts"]["paired"] == 2 and s["scored"] == 2)
        assert status["counts"]["eligible"] == 2


async def test_the_same_engine_twice_is_refused_with_the_mend() -> None:
    with pytest.raises(AssertionError, match=r"are the same engine.*allow_equal"):
        async with deployed(Engine("same", good), Engine("same", good)):
            pass


async def test_a_wrong_order_is_refused_by_name() -> None:
    async with deployed(Engine("baseline", good), Engine("candidate", good)) as (deployment, _):
        with pytest.raises(UnderstudyError, match="'quantized' is no engine: say baseline or candidate"):
            await ask(deployment.run_dir / "control.sock", {"op": "switch", "to": "quantized"})
        with pytest.raises(UnderstudyError, match="nothing is latched"):
            await ask(deployment.run_dir / "control.sock", {"op": "rearm"})


async def test_native_grpc_probes_are_answered_on_a_port_of_their_own() -> None:
    async with deployed(Engine("baseline", good), Engine("candidate", good)) as (deployment, _):
        port = tomllib.loads(deployment.path.read_text())["web"]["grpc_port"]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            async for reply in watch:  # as a probe does: not serving until the relay has been heard of
                if reply.status == health_pb2.HealthCheckResponse.SERVING:
                    break
