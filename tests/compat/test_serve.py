"""`understudy serve` with a compat listener: real engines, a real client, a switch under a held stream."""

import asyncio
import queue
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import tritonclient.grpc as triton
from understudy.demo.stage import Ports, Stage, config, free_port
from understudy.service.lines import ask

from tests.conformance.test_clients import (
    PROMPTS,
    STREAMED,
    aio_stream,
    aio_unary,
    question,
    raw,
    sync_stream,
    sync_unary,
)

pytestmark = pytest.mark.engines


@asynccontextmanager
async def deployment(section: str) -> AsyncIterator[tuple[Ports, str, Path]]:
    """Two engines, and `understudy serve` with a compat listener and no relay."""
    with tempfile.TemporaryDirectory(prefix="us") as name:
        out, ports, port = Path(name), Ports.choose(control=False), free_port()
        text = config(ports, out, "baseline", 0.0, [], 200)
        text = text.replace(f'listen = "127.0.0.1:{ports.proxy}"', 'listen = ""')
        stage = Stage(out)
        try:
            await stage.start("baseline", "engine", "--listen", f"127.0.0.1:{ports.baseline}")
            await stage.start("candidate", "engine", "--listen", f"127.0.0.1:{ports.candidate}", "-q", "int8")
            (out / "understudy.toml").write_text(f'{text}\n[compat]\nlisten = "127.0.0.1:{port}"\n{section}')
            await stage.start("serve", "serve", str(out / "understudy.toml"))
            await stage.ready(out / "run", 60)
            yield ports, f"127.0.0.1:{port}", out
        finally:
            await stage.stop()


async def status(out: Path) -> dict[str, Any]:
    return await ask(out / "run" / "control.sock", {"op": "status"})


async def until_paired(out: Path, pairs: int) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while (told := await status(out))["counts"]["paired"] < pairs:
            await asyncio.sleep(0.1)
    return told


class Held:
    """tritonclient's held stream: a thread of its own, a callback for each reply."""

    def __init__(self, address: str) -> None:
        self._got: queue.Queue[tuple[Any, Any]] = queue.Queue()
        self._client = triton.InferenceServerClient(address)
        self._client.start_stream(lambda result, error: self._got.put((result, error)))

    def ask(self, number: int) -> list[bytes]:
        self._client.async_stream_infer(**question(number, STREAMED), enable_empty_final_response=True)
        replies, final = [], False
        while not final:
            result, error = self._got.get(timeout=30)
            assert error is None, error
            replies.append(raw(result))
            final = result.get_response().parameters["triton_final_response"].bool_param
        return replies

    def close(self) -> None:
        self._client.stop_stream()
        self._client.close()


async def test_a_real_client_gets_the_engines_bytes_and_a_switch_counts_for_its_next_message() -> None:
    async with deployment("") as (ports, compat, out):
        baseline, candidate = f"127.0.0.1:{ports.baseline}", f"127.0.0.1:{ports.candidate}"
        assert httpx.get(f"http://127.0.0.1:{ports.web}/readyz").status_code == 200
        for client in (sync_unary, sync_stream):
            expected = await asyncio.to_thread(client, baseline)
            assert await asyncio.to_thread(client, compat) == expected and len(expected) >= len(PROMPTS)
        for talk in (aio_unary, aio_stream):
            assert await talk(compat) == await talk(baseline)
        told = await until_paired(out, 4 * len(PROMPTS))
        assert told["accounted"] and told["compat"]["blind"] == 0
        assert not {name: told["counts"][name] for name in ("shed", "failed", "lost") if told["counts"][name]}

        held = Held(compat)
        try:
            for leg, engine in (("candidate", candidate), ("baseline", baseline), ("candidate", candidate)):
                told = await ask(out / "run" / "control.sock", {"op": "switch", "to": leg}, timeout_s=30)
                assert told["compat"] == {"primary": leg, "latched": True}
                alone = Held(engine)
                for number in range(len(PROMPTS)):
                    expected = await asyncio.to_thread(alone.ask, number)
                    assert await asyncio.to_thread(held.ask, number) == expected
                alone.close()

            async def drive() -> None:
                for number in range(len(PROMPTS)):
                    await asyncio.to_thread(held.ask, number)

            async with asyncio.TaskGroup() as group:
                group.create_task(drive())
                await asyncio.sleep(0.05)
                config_path = str(out / "understudy.toml")
                for one in psutil.process_iter(["cmdline"]):
                    if config_path in (line := one.info["cmdline"] or []) and "observer" in line:
                        one.kill()
            before = (await status(out))["counts"]["paired"]
            async with asyncio.timeout(30):  # it is back, and a new call is seen
                while (await status(out))["counts"]["paired"] == before:
                    await aio_unary(compat)
        finally:
            await asyncio.to_thread(held.close)
