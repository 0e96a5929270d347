"""What `serve` waits for at its start, and what no waiting would mend."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2 as pb
from understudy.app import roster
from understudy.config import Config, parse
from understudy.errors import EngineError
from understudy.pair import Leg

from tests.app.stage import Engine


class Plain(Engine):
    """Knows one model, and tells no manifest: what it is has to be filed."""

    ready = True

    def handlers(self) -> dict[str, Any]:
        """With ServerReady."""
        return super().handlers() | {
            "ServerReady": grpc.unary_unary_rpc_method_handler(
                self._ready, pb.ServerReadyRequest.FromString, pb.ServerReadyResponse.SerializeToString
            )
        }

    async def _ready(self, request: Any, context: Any) -> pb.ServerReadyResponse:
        return pb.ServerReadyResponse(ready=self.ready)

    async def _model_metadata(self, request: Any, context: Any) -> pb.ModelMetadataResponse:
        if request.name != "m" or not self.ready:
            await context.abort(
                grpc.StatusCode.NOT_FOUND, f"Request for unknown model: '{request.name}' is not found"
            )
        return pb.ModelMetadataResponse(name=request.name)

    async def _config(self, request: pb.ModelConfigRequest, context: Any) -> pb.ModelConfigResponse:
        reply = await super()._config(request, context)
        reply.config.parameters.clear()
        reply.config.platform = self.name
        return reply


@pytest.fixture
async def engines() -> AsyncIterator[tuple[Plain, Plain]]:
    both = Plain("baseline", str), Plain("candidate", str)
    for engine in both:
        await engine.start()
    yield both
    for engine in both:
        await engine.stop()


def a_config(engines: tuple[Plain, Plain], wait_s: float = 600.0, **candidate: str) -> Config:
    legs = {e.name: {"address": e.address, "model": "m"} for e in engines}
    legs["candidate"] |= candidate
    return parse({"engines": {**legs, "wait_s": wait_s}})


async def refusal(config: Config, record: Path) -> str:
    """The error of a start, which must come long before `wait_s` is over."""
    async with asyncio.timeout(10):
        with pytest.raises(EngineError) as refused:
            await roster.gather(config, Leg.BASELINE, record)
    said = str(refused.value)
    assert "\n" not in said
    return said


async def test_a_model_the_engine_does_not_know_is_said_at_once(
    tmp_path: Path, engines: tuple[Plain, Plain]
) -> None:
    said = await refusal(a_config(engines, model="n"), tmp_path / "engines.json")
    assert said.startswith("engines.candidate.model: ") and "'n': name one that it serves" in said


async def test_a_model_is_waited_for_while_the_server_is_not_ready(
    tmp_path: Path, engines: tuple[Plain, Plain]
) -> None:
    engines[1].ready = False
    gathering = asyncio.ensure_future(roster.gather(a_config(engines), Leg.BASELINE, tmp_path / "e.json"))
    await asyncio.sleep(0.5)
    assert not gathering.done()
    engines[1].ready = True
    assert set(await asyncio.wait_for(gathering, 10)) == {Leg.BASELINE, Leg.CANDIDATE}


async def test_a_manifest_that_contradicts_the_engine_is_said_at_once(
    tmp_path: Path, engines: tuple[Plain, Plain]
) -> None:
    filed = tmp_path / "candidate.json"
    filed.write_text(json.dumps({"platform": "another"}))
    said = await refusal(a_config(engines, manifest=str(filed)), tmp_path / "engines.json")
    assert said.startswith("engines.candidate.manifest: ") and "correct the file" in said


async def test_a_port_that_speaks_http_1_is_said_at_once(
    tmp_path: Path, engines: tuple[Plain, Plain]
) -> None:
    class Quiet(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        said = await refusal(a_config(engines, address=address), tmp_path / "engines.json")
        server.shutdown()
    assert said.startswith("engines.candidate.address: ") and "does not speak gRPC" in said


async def test_an_engine_that_is_not_there_is_waited_for_and_then_named(
    tmp_path: Path, engines: tuple[Plain, Plain]
) -> None:
    address = engines[1].address
    await engines[1].stop()
    gathering = asyncio.ensure_future(roster.gather(a_config(engines), Leg.BASELINE, tmp_path / "e.json"))
    await asyncio.sleep(0.5)
    assert not gathering.done()
    await engines[1].start(address)
    await asyncio.wait_for(gathering, 10)
    await engines[1].stop()
    said = await refusal(a_config(engines, wait_s=0.3), tmp_path / "none.json")
    assert said.startswith(f"engines.candidate.address {address}: ") and "start that engine" in said


async def test_the_record_stands_in_for_a_shadow_that_is_gone_but_not_for_another_address(
    tmp_path: Path, engines: tuple[Plain, Plain]
) -> None:
    config, record = a_config(engines), tmp_path / "engines.json"
    first = await roster.gather(config, Leg.BASELINE, record)
    again = await roster.gather(a_config(engines, model="unloaded"), Leg.BASELINE, record)
    assert again == first, "an engine that does not serve callers never keeps them from being served"
    moved = replace(config.engines.candidate, address="127.0.0.1:1")
    elsewhere = replace(config, engines=replace(config.engines, candidate=moved, wait_s=0.3))
    with pytest.raises(EngineError, match=r"engines.candidate.address 127.0.0.1:1"):
        await roster.gather(elsewhere, Leg.BASELINE, record)
