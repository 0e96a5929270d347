"""Two engines, Envoy before them, the observer with ingest, and a controller."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
from understudy.codec.kserve import INFER, STREAM
from understudy.demo.stage import free_port
from understudy.ingest import Settings as Ingest
from understudy.mirror import Engine, Engines
from understudy.observe.process import Process
from understudy.pair import Pair

from tests.ingest.envoy import running
from tests.observe.stage import CODEC, Stage


class EnvoyStage(Stage):
    """The observer's stage with Envoy in the place of the tee."""

    def __init__(self, folder: Path, ingest: Ingest | None = None) -> None:
        super().__init__(folder)
        self.ingest = replace(ingest or Ingest(), listen=f"127.0.0.1:{free_port()}")
        self.settings = replace(self.settings, quiet_s=10.0, message_bytes=1024 * 1024)
        self.port = free_port()
        self.envoy: asyncio.subprocess.Process

    async def observe(self) -> None:
        """Start the observer."""
        engines = Engines(Engine(self.baseline.address, "b" * 64), Engine(self.candidate.address, "c" * 64))
        self.process = Process(
            self.settings, (), codecs=(CODEC,), mirror=self.mirror, engines=engines, ingest=self.ingest
        )
        self.task = asyncio.ensure_future(self.process.run())
        await self.process.listening.wait()
        await self.until(lambda: self.process.mirror.on)

    async def end(self) -> None:
        """End the observer, and with it ingest."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    @property
    def ports(self) -> dict[int, int]:
        """Ports of the shown config and those in their place."""

        def port(address: str) -> int:
            return int(address.rpartition(":")[2])

        return {
            8000: self.port,
            8003: port(self.baseline.address),
            8004: port(self.candidate.address),
            8005: port(self.ingest.listen),
            9901: free_port(),
        }

    @property
    def unobserved(self) -> dict[str, int]:
        """Calls of which nothing was taken, by reason."""
        return dict(self.process.observer.ledger.unobserved)

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait; the accounting balances all the while."""
        async with asyncio.timeout(10):
            while not done():
                if self.task.done():
                    self.task.result()
                assert self.process.observer.ledger.balanced
                await asyncio.sleep(0.002)

    async def pair(self) -> Pair:
        """The only pair there is."""
        (pair,) = await self.count(1)
        return pair

    def call(self, *methods: str) -> list[Any]:
        """Multicallables through Envoy."""
        made = {INFER: self.channel.unary_unary, STREAM: self.channel.stream_stream}
        return [made[method](method, None, None) for method in methods]


@asynccontextmanager
async def staged(
    folder: Path, ingest: Ingest | None = None, route: str = "cluster: baseline"
) -> AsyncIterator[EnvoyStage]:
    """All of it, running."""
    stage = EnvoyStage(folder, ingest)
    await stage.baseline.start()
    await stage.candidate.start()
    await stage.controller.start()
    await stage.observe()
    try:
        async with (
            running(folder, stage.ports, route) as envoy,
            grpc.aio.insecure_channel(
                f"127.0.0.1:{stage.port}", options=[("grpc.use_local_subchannel_pool", 1)]
            ) as channel,
        ):
            stage.envoy, stage.channel = envoy, channel
            yield stage
            await stage.until(lambda: stage.process.observer.ledger.in_flight == 0)
    finally:
        await stage.end()
        await stage.controller.stop()
        await stage.baseline.stop()
        await stage.candidate.stop()
        assert stage.process.observer.ledger.balanced
