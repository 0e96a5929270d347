"""A relay's double that copies bytes to the observer, and a controller's double that takes pairs."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
from understudy.codec.kserve import INFER, STREAM, KServeCodec
from understudy.mirror import Engine, Engines
from understudy.mirror import Settings as MirrorSettings
from understudy.observe import Settings
from understudy.observe.process import Process
from understudy.pair import Pair, Sampling
from understudy.service.convert import pair_from_proto
from understudy.service.pairs import PairServicer
from understudy.v1 import pairs_pb2 as pb
from understudy.v1 import pairs_pb2_grpc as rpc
from understudy.wire.copy import Kind, Reader, Record, encode

from tests.mirror.double import Double

CODEC = KServeCodec()


class Tee:
    """Passes bytes between clients and one engine and copies them to the observer."""

    def __init__(self, leg: str, upstream: str) -> None:
        self.leg, self.upstream = leg, upstream
        self.marks: list[Record] = []
        self.late_ns = 0
        """How long what is copied was held before."""
        self.address = ""
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, observer: str) -> None:
        reader, self._copy = await asyncio.open_unix_connection(observer)
        self._spawn(self._hear(reader))
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def record(self, kind: Kind, number: int, payload: bytes = b"") -> None:
        self._copy.write(encode(kind, number, time.time_ns() - self.late_ns, payload))

    async def stop(self) -> None:
        self._server.close()
        self._copy.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        records = Reader()
        while data := await reader.read(65536):
            self.marks += records.feed(data)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(self._numbers)
        host, _, port = self.upstream.rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        self.record(Kind.OPEN, number, f"{self.leg}\n{self.upstream}".encode())
        ways = [
            self._spawn(self._pump(Kind.CLIENT, number, reader, back)),
            self._spawn(self._pump(Kind.SERVER, number, there, writer)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        writer.close()
        back.close()
        self.record(Kind.CLOSE, number)

    async def _pump(
        self, kind: Kind, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            self.record(kind, number, data)
            writer.write(data)
            await writer.drain()


class Controller:
    """The real PairService over a sink that keeps what it is given."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.batches: list[pb.PairBatch] = []
        self.state_now = pb.ObserverState(mirror_on=True, primary="baseline")
        self.counted = asyncio.Event()
        """Clear it and batches are taken but not acknowledged."""
        self.counted.set()
        self.servicer = PairServicer(self)
        self._tasks: list[asyncio.Task[None]] = []
        self._server: grpc.aio.Server | None = None

    def take(self, batch: pb.PairBatch) -> Awaitable[None]:
        self.batches.append(batch)
        task = asyncio.ensure_future(self._count())
        self._tasks.append(task)
        return task

    async def _count(self) -> None:
        await self.counted.wait()

    def state(self) -> pb.ObserverState:
        return self.state_now

    async def start(self) -> None:
        self._server = grpc.aio.server()
        rpc.add_PairServiceServicer_to_server(self.servicer, self._server)
        self._server.add_insecure_port(f"unix:{self.path}")
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(None)
            self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    @property
    def pairs(self) -> list[Pair]:
        """Deduplicated as the controller does: by boot and sequence."""
        batches = {(batch.ledger.boot, batch.sequence): batch for batch in self.batches}
        return [pair_from_proto(pair) for batch in batches.values() for pair in batch.pairs]

    @property
    def ledger(self) -> pb.Ledger:
        return self.batches[-1].ledger if self.batches else pb.Ledger()


class Stage:
    """Two engines, a tee before one of them, the observer and a controller."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.baseline = Double("base", "line ", "says", " so")
        self.candidate = Double("candi", "date ", "says", " so")
        self.controller = Controller(folder / "controller.sock")
        self.settings = Settings(
            socket=str(folder / "observer.sock"),
            controller=f"unix:{folder / 'controller.sock'}",
            ledger_s=0.05,
            batch_s=0.005,
            quiet_s=0.2,
        )
        self.mirror = MirrorSettings(methods=(INFER, STREAM), control_share=0)
        self.front: Callable[[str, str], Any] = Tee
        """What stands between the callers and the live engine."""

    async def start(self, live: str = "baseline") -> "Stage":
        await self.baseline.start()
        await self.candidate.start()
        await self.controller.start()
        engines = Engines(
            Engine(self.baseline.address, "b" * 64),
            Engine(self.candidate.address, "c" * 64),
        )
        self.process = Process(
            self.settings, (), codecs=(CODEC,), mirror=self.mirror, engines=engines, boot="boot"
        )
        self.task = asyncio.ensure_future(self.process.run())
        await self.process.listening.wait()
        double = self.baseline if live == "baseline" else self.candidate
        self.tee = self.front(live, double.address)
        await self.tee.start(self.settings.socket)
        await self.until(lambda: self.process.mirror.on or not self.controller.state_now.mirror_on)
        self.channel = grpc.aio.insecure_channel(
            self.tee.address, options=[("grpc.use_local_subchannel_pool", 1)]
        )
        return self

    async def stop(self) -> None:
        await self.channel.close(None)
        await self.tee.stop()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.controller.stop()
        await self.baseline.stop()
        await self.candidate.stop()
        assert self.process.observer.ledger.balanced

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not done():
                if self.task.done():
                    self.task.result()
                assert self.process.observer.ledger.balanced
                await asyncio.sleep(0.002)

    async def count(self, pairs: int) -> list[Pair]:
        await self.until(lambda: len(self.controller.pairs) >= pairs)
        return self.controller.pairs

    def raw(self, prompt: str, id: str = "") -> bytes:
        return CODEC.encode(model="m", id=id, prompt=prompt, sampling=Sampling(), stream=True)

    def stream(self) -> Any:
        """A held ModelStreamInfer call."""
        method: Any = self.channel.stream_stream(STREAM, None, None)
        return method()

    async def infer(self, prompt: str, metadata: tuple[tuple[str, str], ...] = ()) -> None:
        await self.channel.unary_unary(INFER, None, None)(self.raw(prompt), metadata=metadata)
