"""The proxy between a real client and a real engine: every reply is the engine's, byte for byte, whoever asks."""

import asyncio
import queue
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from understudy.demo.stage import Ports, Stage, config
from understudy.service.lines import ask

pytestmark = [pytest.mark.engines, pytest.mark.asyncio(loop_scope="module")]

PROMPTS = (
    "What is 12 plus 7?",
    "Count from 1 to 30 in words.",
    "List three colours as JSON.",
    "Grüße, 你好 😀",
)
WHOLE, STREAMED = "ensemble", "tensorrt_llm_bls"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def places() -> AsyncIterator[tuple[Ports, Path]]:
    """Two engines and `understudy serve` before them, mirroring; the baseline is primary."""
    with tempfile.TemporaryDirectory(prefix="us") as name:
        out, ports = Path(name), Ports.choose(control=False)
        stage = Stage(out)
        try:
            await stage.start("baseline", "engine", "--listen", f"127.0.0.1:{ports.baseline}")
            await stage.start("candidate", "engine", "--listen", f"127.0.0.1:{ports.candidate}", "-q", "int8")
            (out / "understudy.toml").write_text(config(ports, out, "baseline", 0.0, [], 200))
            await stage.start("proxy", "serve", str(out / "understudy.toml"))
            await stage.ready(out / "run", 60)
            yield ports, out
        finally:
            await stage.stop()


def question(number: int, model: str) -> dict[str, Any]:
    def tensor(name: str, kind: str, value: Any, dtype: Any) -> Any:
        made = triton.InferInput(name, [1, 1], kind)
        made.set_data_from_numpy(np.array([[value]], dtype=dtype))
        return made

    inputs = [
        tensor("text_input", "BYTES", PROMPTS[number].encode(), np.object_),
        tensor("max_tokens", "INT32", 80, np.int32),
        tensor("temperature", "FP32", 0.0, np.float32),
        tensor("top_k", "INT32", 1, np.int32),
    ]
    if model == STREAMED:
        inputs.append(tensor("stream", "BOOL", True, np.bool_))
    return {"model_name": model, "inputs": inputs, "request_id": f"question-{number}"}


def raw(result: Any) -> bytes:
    return bytes(result.get_response().SerializeToString(deterministic=True))


def sync_unary(address: str) -> list[bytes]:
    with triton.InferenceServerClient(address) as client:
        return [raw(client.infer(**question(number, WHOLE))) for number in range(len(PROMPTS))]


def sync_stream(address: str) -> list[bytes]:
    got: queue.Queue[tuple[Any, Any]] = queue.Queue()
    replies: list[bytes] = []
    with triton.InferenceServerClient(address) as client:
        client.start_stream(lambda result, error: got.put((result, error)))
        for number in range(len(PROMPTS)):
            client.async_stream_infer(**question(number, STREAMED), enable_empty_final_response=True)
            final = False
            while not final:
                result, error = got.get(timeout=30)
                assert error is None
                replies.append(raw(result))
                final = result.get_response().parameters["triton_final_response"].bool_param
        client.stop_stream()
    return replies


async def aio_unary(address: str) -> list[bytes]:
    async with triton_aio.InferenceServerClient(address) as client:
        return [raw(await client.infer(**question(number, WHOLE))) for number in range(len(PROMPTS))]


async def aio_stream(address: str) -> list[bytes]:
    replies: list[bytes] = []
    async with triton_aio.InferenceServerClient(address) as client:
        for number in range(len(PROMPTS)):

            async def once(number: int = number) -> AsyncIterator[dict[str, Any]]:
                yield question(number, STREAMED)

            async for result, error in client.stream_infer(once()):
                assert error is None
                replies.append(raw(result))
    return replies


async def test_tritonclient_gets_the_same_bytes_through_the_proxy(places: tuple[Ports, Path]) -> None:
    ports, out = places
    direct, proxied = f"127.0.0.1:{ports.baseline}", f"127.0.0.1:{ports.proxy}"
    for client in (sync_unary, sync_stream):
        expected = client(direct)
        assert client(proxied) == expected and len(expected) >= len(PROMPTS)
    for talk in (aio_unary, aio_stream):
        expected = await talk(direct)
        assert await talk(proxied) == expected and len(expected) >= len(PROMPTS)
    async with asyncio.timeout(30):  # all of them became pairs meanwhile: the proxy was doing its whole job
        while (await ask(out / "run" / "control.sock", {"op": "status"}))["counts"]["paired"] < 4 * len(
            PROMPTS
        ):
            await asyncio.sleep(0.1)
