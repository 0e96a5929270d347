"""`understudy serve` beside Envoy, no relay of its own: real engines, a real client, a real Envoy."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from understudy.demo.stage import Ports, Stage, config, free_port
from understudy.service.lines import ask

from tests.conformance.test_clients import PROMPTS, aio_stream, aio_unary, sync_stream, sync_unary
from tests.ingest.envoy import binary, running

pytestmark = pytest.mark.engines


@asynccontextmanager
async def deployment() -> AsyncIterator[tuple[Ports, Path]]:
    """Two engines, Envoy before the baseline, and `understudy serve` that has Envoy's copies alone."""
    with tempfile.TemporaryDirectory(prefix="us") as name:
        out, ports, ingest = Path(name), Ports.choose(control=False), free_port()
        exchanged = {
            8000: ports.proxy,
            8003: ports.baseline,
            8004: ports.candidate,
            8005: ingest,
            9901: free_port(),
        }
        text = config(ports, out, "baseline", 0.0, [], 200)
        text = text.replace(f'listen = "127.0.0.1:{ports.proxy}"', 'listen = ""')
        stage = Stage(out)
        try:
            await stage.start("baseline", "engine", "--listen", f"127.0.0.1:{ports.baseline}")
            await stage.start("candidate", "engine", "--listen", f"127.0.0.1:{ports.candidate}", "-q", "int8")
            (out / "understudy.toml").write_text(f'{text}\n[ingest]\nlisten = "127.0.0.1:{ingest}"\n')
            await stage.start("serve", "serve", str(out / "understudy.toml"))
            async with running(out, exchanged):
                await stage.ready(out / "run", 60)
                yield ports, out
        finally:
            await stage.stop()


async def until_paired(out: Path, pairs: int) -> dict[str, Any]:
    """The status once so many pairs were counted."""
    status: dict[str, Any] = {"counts": {"paired": -1}}
    try:
        async with asyncio.timeout(20):
            while status["counts"]["paired"] < pairs:
                await asyncio.sleep(0.1)
                status = await ask(out / "run" / "control.sock", {"op": "status"})
    except TimeoutError:
        raise AssertionError(f"{status}\n{(out / 'serve.log').read_text()[-3000:]}") from None
    return status


async def test_a_real_client_through_envoy_gets_the_engines_bytes_and_its_calls_become_pairs() -> None:
    binary()
    async with deployment() as (ports, out):
        direct, envoy = f"127.0.0.1:{ports.baseline}", f"127.0.0.1:{ports.proxy}"
        for client in (sync_unary, sync_stream):
            expected = await asyncio.to_thread(client, direct)
            assert await asyncio.to_thread(client, envoy) == expected and len(expected) >= len(PROMPTS)
        unary, stream = await aio_unary(direct), await aio_stream(direct)
        assert (await aio_unary(envoy), await aio_stream(envoy)) == (unary, stream)
        status = await until_paired(out, 4 * len(PROMPTS))
        assert status["accounted"] and status["counts"]["paired"] == 4 * len(PROMPTS)
        assert not {
            name: status["counts"][name] for name in ("shed", "failed", "lost") if status["counts"][name]
        }

        assert httpx.get(f"http://127.0.0.1:{ports.web}/readyz").status_code == 200, "no relay is needed"

        async def drive() -> None:
            assert await aio_unary(envoy) == unary
            assert await aio_stream(envoy) == stream

        async with asyncio.TaskGroup() as group:
            callers = [group.create_task(drive()) for _ in range(3)]
            await asyncio.sleep(0.2)
            (observer,) = (p for p in processes(out) if "observer" in p.cmdline())
            observer.kill()
        assert all(caller.done() for caller in callers)
        await until_pairs_arrive_again(out, drive)

        (observer,) = (p for p in processes(out) if "observer" in p.cmdline())
        observer.suspend()  # it hangs: what Envoy keeps for it is bounded by its pings
        try:
            await drive()
        finally:
            observer.resume()
        await until_pairs_arrive_again(out, drive)


async def until_pairs_arrive_again(out: Path, drive: Callable[[], Awaitable[None]]) -> None:
    """The observer is back, and Envoy has found it."""
    before = (await until_paired(out, 0))["counts"]["paired"]
    async with asyncio.timeout(30):
        while (await until_paired(out, 0))["counts"]["paired"] == before:
            await drive()


def processes(out: Path) -> list[psutil.Process]:
    """Those of this deployment."""
    config_path = str(out / "understudy.toml")
    return [one for one in psutil.process_iter(["cmdline"]) if config_path in (one.info["cmdline"] or [])]
