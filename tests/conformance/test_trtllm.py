"""A service that no codec knows, `trtllm.TrtllmService`: with its real messages and stubs, and with the real `smg`.

Everything of it passes as it is. The observer counts each call as one whose method is not opted in, and mirrors none.
"""

import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio
from smg_grpc_proto import trtllm_service_pb2 as pb
from smg_grpc_proto import trtllm_service_pb2_grpc as rpc
from smg_grpc_proto.generated import common_pb2
from understudy.demo.stage import free_port

from tests.conformance import paths
from tests.conformance.paths import Route

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOLDER = Path(__file__).parents[2] / ".venv" / "smg"
"""Where `make smg` installs it."""
TOKENIZER = Path(__file__).parents[2] / "server" / "understudy" / "engine" / "weights" / "tokenizer.json"
PATHS = {"direct": paths.direct, "relay": paths.relay, "compat": paths.compat}
SERVICE = "/trtllm.TrtllmService/"
PROMPTS = ("What is 12 plus 7?", "Grüße, 你好")


class Engine(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Answers a request with its own tokens, and remembers what it was asked, to the byte."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, bytes]] = []
        self.address = ""
        self.ends = asyncio.Event()
        """Clear it and a stream goes on and on until it is aborted."""
        self.ends.set()
        self.cancelled, self.aborted = asyncio.Event(), asyncio.Event()
        self._server: Any = None

    async def start(self) -> "Engine":
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((self,))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        return self

    async def stop(self) -> None:
        await self._server.stop(None)

    def service(self, details: Any) -> Any:
        """As the real one, of its eight methods, does not answer three."""
        behaviour = getattr(self, details.method.removeprefix(SERVICE), None)
        if not details.method.startswith(SERVICE) or behaviour is None:
            self.calls.append((details.method, b""))
            return None
        if details.method.endswith("/Generate"):
            return grpc.unary_stream_rpc_method_handler(behaviour)

        async def answer(raw: bytes, context: Any) -> bytes:
            self.calls.append((details.method, raw))
            said: bytes = behaviour(raw).SerializeToString()
            return said

        return grpc.unary_unary_rpc_method_handler(answer)

    async def Generate(self, raw: bytes, context: Any) -> AsyncIterator[bytes]:
        """A chunk for each token, if it streams; then the whole."""
        self.calls.append((f"{SERVICE}Generate", raw))
        request = pb.GenerateRequest.FromString(raw)
        tokens = list(request.tokenized.input_token_ids)
        if not tokens:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "input_token_ids: none are given, ä")
        try:
            for token in tokens if request.streaming else ():
                chunk = pb.GenerateStreamChunk(token_ids=[token], prompt_tokens=len(tokens))
                said: bytes = pb.GenerateResponse(
                    request_id=request.request_id, chunk=chunk
                ).SerializeToString()
                yield said
                while not self.ends.is_set():
                    await asyncio.sleep(0.01)
                    yield said
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.set()
            raise
        whole = pb.GenerateComplete(
            output_token_ids=tokens,
            finish_reason="stop",
            prompt_tokens=len(tokens),
            completion_tokens=len(tokens),
        )
        yield pb.GenerateResponse(request_id=request.request_id, complete=whole).SerializeToString()

    def HealthCheck(self, raw: bytes) -> Any:
        return pb.HealthCheckResponse(status="OK")

    def Abort(self, raw: bytes) -> Any:
        self.aborted.set()
        self.ends.set()
        return pb.AbortResponse(success=True, message=pb.AbortRequest.FromString(raw).request_id)

    def GetModelInfo(self, raw: bytes) -> Any:
        return pb.GetModelInfoResponse(model_id="m", max_seq_len=512, vocab_size=1024)

    def GetServerInfo(self, raw: bytes) -> Any:
        return pb.GetServerInfoResponse(version="1", backend="pytorch", tensor_parallel_size=1, world_size=1)

    def asked(self, method: str) -> list[Any]:
        """The requests of a method."""
        kind = getattr(pb, f"{method}Request")
        return [kind.FromString(raw) for path, raw in self.calls if path == f"{SERVICE}{method}"]


@asynccontextmanager
async def standing(path: str) -> AsyncIterator[tuple[Route, Engine]]:
    """A path to an engine. The engine beside it is asked nothing, and the observer counts what it does not mirror."""
    engine, shadow = await Engine().start(), await Engine().start()
    stand: Any = PATHS[path]
    try:
        with tempfile.TemporaryDirectory(prefix="us") as folder:
            async with stand(engine, shadow, Path(folder)) as route:
                yield route, engine
                if route.process is not None:
                    ledger, calls = route.process.observer.ledger, len(engine.calls)
                    async with asyncio.timeout(10):
                        while ledger.requests < calls:
                            await asyncio.sleep(0.01)
                    assert ledger.skipped == Counter(method=ledger.requests)
                    assert ledger.eligible == 0 and not ledger.unobserved
        assert not shadow.calls
    finally:
        await engine.stop()
        await shadow.stop()


# ---- the real stubs


def question(*tokens: int, streaming: bool = True) -> Any:
    return pb.GenerateRequest(
        request_id="q-1",
        tokenized=pb.TokenizedInput(original_text="Grüße", input_token_ids=tokens),
        sampling_config=pb.SamplingConfig(beam_width=1, num_return_sequences=1, top_k=1, temperature=0.0),
        output_config=pb.OutputConfig(exclude_input_from_output=True),
        max_tokens=64,
        streaming=streaming,
    )


async def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        [said async for said in call]
    return raised.value.code(), raised.value.details() or ""


async def converse(address: str) -> list[Any]:
    """Everything a client asks this service, and what it is answered."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = rpc.TrtllmServiceStub(channel)
        said = [
            await stub.HealthCheck(pb.HealthCheckRequest()),
            await stub.GetModelInfo(pb.GetModelInfoRequest()),
            await stub.GetServerInfo(pb.GetServerInfoRequest()),
            *[reply async for reply in stub.Generate(question(*range(40)))],
            *[reply async for reply in stub.Generate(question(*range(30_000), streaming=False))],
            await stub.Abort(pb.AbortRequest(request_id="q-1")),
        ]
        return [reply.SerializeToString(deterministic=True) for reply in said] + [
            await refused(stub.Generate(question())),
            await refused(stub.SubscribeKvEvents(common_pb2.SubscribeKvEventsRequest())),
        ]


@pytest.mark.parametrize("path", ["relay", "compat"])
async def test_a_service_no_codec_knows_passes_to_the_byte_and_is_not_mirrored(path: str) -> None:
    async with standing("direct") as (route, engine):
        expected, asked = await converse(route.address), engine.calls
    assert len(expected) == 3 + 41 + 1 + 1 + 2
    assert expected[-2:] == [
        (grpc.StatusCode.INVALID_ARGUMENT, "input_token_ids: none are given, ä"),
        (grpc.StatusCode.UNIMPLEMENTED, "Method not found!"),
    ]
    async with standing(path) as (route, engine):
        assert await converse(route.address) == expected
        assert engine.calls == asked
    assert route.process is not None and route.process.observer.ledger.requests == len(asked) == 8


@pytest.mark.parametrize("path", ["direct", "relay", "compat"])
async def test_a_cancelled_generation_ends_at_the_engine_and_its_abort_arrives(path: str) -> None:
    async with standing(path) as (route, engine):
        engine.ends.clear()
        async with grpc.aio.insecure_channel(route.address) as channel:
            stub: Any = rpc.TrtllmServiceStub(channel)
            call = stub.Generate(question(1, 2, 3))
            assert [(await call.read()).chunk.token_ids[0]] == [1]
            call.cancel()
            await asyncio.wait_for(engine.cancelled.wait(), 10)
            aborted = await stub.Abort(pb.AbortRequest(request_id="q-1"))
            assert aborted.success and aborted.message == "q-1"


# ---- the real gateway


class Gateway:
    """A running `smg`: it speaks OpenAI's HTTP to its callers and TrtllmService to the engine."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "smg.log"
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{free_port()}", timeout=20)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, address: str) -> None:
        """Start it before an engine, and wait until it serves its model."""
        tokenizer = self._log.parent / "tokenizer"
        tokenizer.mkdir()
        shutil.copy(TOKENIZER, tokenizer)
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "smg", "launch", "--worker-urls", f"grpc://{address}"),
                *("--host", "127.0.0.1", "--port", str(self.client.base_url.port)),
                *("--prometheus-host", "127.0.0.1", "--prometheus-port", str(free_port())),
                *("--tokenizer-path", str(tokenizer), "--shutdown-grace-period-secs", "1"),
                env=os.environ | {"PYTHONPATH": str(FOLDER), "NO_COLOR": "1"},
                stdout=log,
                stderr=log,
            )
        await self.told("does not implement SubscribeKvEvents")

    async def told(self, what: str) -> None:
        """Wait until its log says so."""
        try:
            async with asyncio.timeout(30):
                while what not in self._log.read_text():
                    assert self._process is not None and self._process.returncode is None
                    await asyncio.sleep(0.05)
        except (TimeoutError, AssertionError):
            raise AssertionError(self._log.read_text()[-5000:]) from None

    async def stop(self) -> None:
        """SIGTERM, and wait."""
        await self.client.aclose()
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 10)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    async def ask(self, prompt: str, stream: bool) -> str:
        """What a caller is told, but for ids and times."""
        order = {"model": "m", "prompt": prompt, "max_tokens": 20, "temperature": 0, "stream": stream}
        reply = await self.client.post("/v1/completions", json=order)
        assert reply.status_code == 200, reply.text
        return re.sub(r'"(id|created)":("[^"]*"|\d+)', r'"\1":0', reply.text)

    async def leave(self) -> None:
        """Ask for a stream and go away after its first words."""
        order = {"model": "m", "prompt": PROMPTS[0], "max_tokens": 20, "stream": True}
        async with self.client.stream("POST", "/v1/completions", json=order) as reply:
            async for line in reply.aiter_lines():
                if line:
                    return


@pytest_asyncio.fixture(loop_scope="module")
async def gateways(tmp_path: Path) -> AsyncIterator[Any]:
    """Starts gateways, each in front of an address."""
    async with AsyncExitStack() as stack:

        async def start(address: str) -> Gateway:
            (folder := tmp_path / address.replace(":", "-")).mkdir()
            gateway = Gateway(folder)
            stack.push_async_callback(gateway.stop)
            await gateway.start(address)
            return gateway

        yield start


async def told(gateway: Gateway, engine: Engine) -> list[str]:
    """What callers of a gateway are told; the last of them goes away, and the gateway aborts what it asked."""
    said = [await gateway.ask(prompt, stream) for prompt in PROMPTS for stream in (False, True)]
    engine.ends.clear()
    await gateway.leave()
    await asyncio.wait_for(engine.aborted.wait(), 10)
    generated, (abort,) = engine.asked("Generate"), engine.asked("Abort")
    assert abort.request_id == generated[-1].request_id
    return said


def nameless(engine: Engine) -> list[Any]:
    """What was to be generated, but for the gateway's ids."""
    requests = engine.asked("Generate")
    for request in requests:
        request.request_id = ""
    return requests


@pytest.mark.skipif(not (FOLDER / ".installed").exists(), reason="needs smg: make smg installs it")
@pytest.mark.parametrize("path", ["relay", "compat"])
async def test_smg_serves_its_callers_as_it_does_directly(gateways: Any, path: str) -> None:
    async with standing("direct") as (route, direct):
        expected = await told(await gateways(route.address), direct)
    assert "What is 12 plus 7?" in expected[0] and expected[1].endswith("data: [DONE]\n\n")
    async with standing(path) as (route, engine):
        gateway = await gateways(route.address)
        assert await told(gateway, engine) == expected
        assert nameless(engine) == nameless(direct) and len(nameless(engine)) == 5
        methods = Counter(method for method, _ in engine.calls)
        # It asks for services of other engines, too, and learns at once that there are none: it asks again where an
        # error that should be all there is comes after headers.
        assert any(not method.startswith(SERVICE) for method in methods)
        assert methods[f"{SERVICE}SubscribeKvEvents"] == 1
        await gateway.stop()
