"""Real gRPC engines of every manner, the compat proxy before them, and an ear in the observer's place."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from understudy import latch, relay
from understudy.codec.kserve import KServeCodec
from understudy.compat import Settings
from understudy.compat.process import Place, Proxy
from understudy.exchange import Assembler, Closed, Event, Received, Side
from understudy.pair import Leg
from understudy.wire.copy import Kind, Reader

Metadata = tuple[tuple[str, str | bytes], ...]

ODD: Metadata = (("k-bin", b"\x00\xff\x80"), ("k", "1"), ("k", "2"), ("empty", ""), ("spaced", "a  b"))


class Engine(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Answers by method, and remembers what it was asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.metadata: list[Metadata] = []
        self.echoed = 0
        self.left_s: list[float | None] = []
        self.cancelled = asyncio.Event()
        self.go = asyncio.Event()
        self.address = ""
        self._server: Any = None

    async def start(self) -> "Engine":
        limits = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0), *limits])
        self._server.add_generic_rpc_handlers((self,))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        return self

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(None)

    def service(self, details: Any) -> Any:
        name = details.method.removeprefix("/t.T/")
        behaviour = getattr(self, f"do_{name.replace('/', '_')}", None)
        if behaviour is None:
            return None
        metadata = tuple((key, value) for key, value in details.invocation_metadata)

        async def serve(requests: Any, context: Any) -> None:
            self.metadata.append(metadata)
            self.left_s.append(context.time_remaining())
            try:
                await behaviour(context, dict(metadata))
            except asyncio.CancelledError:
                self.cancelled.set()
                raise

        made: Any = grpc.stream_stream_rpc_method_handler
        return made(serve)

    async def do_echo(self, context: Any, said: dict[str, Any]) -> None:
        """Each message comes back at once, from the first to the last."""
        while (message := await context.read()) is not grpc.aio.EOF:  # type: ignore[attr-defined]
            self.echoed += 1
            await context.write(message)

    async def do_who(self, context: Any, said: dict[str, Any]) -> None:
        await context.read()
        await context.write(self.name.encode())

    async def do_count(self, context: Any, said: dict[str, Any]) -> None:
        """How many messages came."""
        count = 0
        while await context.read() is not grpc.aio.EOF:  # type: ignore[attr-defined]
            count += 1
        await context.write(b"%d" % count)

    async def do_metadata(self, context: Any, said: dict[str, Any]) -> None:
        """Headers before any message, then the message, then trailers."""
        await context.send_initial_metadata(ODD)
        await self.go.wait()
        await context.write(b"said")
        context.set_trailing_metadata((("grpc-status-details-bin", b"\x08\x05\xff"), *ODD))

    async def do_silent(self, context: Any, said: dict[str, Any]) -> None:
        """Headers without a field of their own, before any message."""
        await context.send_initial_metadata(())
        await self.go.wait()
        await context.write(b"said")

    async def do_fail(self, context: Any, said: dict[str, Any]) -> None:
        """Trailers alone; after messages when there are any to say."""
        for _ in range(int(said.get("messages", 0))):
            await context.write(b"part")
        code = next(code for code in grpc.StatusCode if code.name == said["code"])
        details: Metadata = (("grpc-status-details-bin", b"\x08\x05\xff"), ("why", "so"))
        context.set_trailing_metadata(details)
        context.set_code(code)
        context.set_details("nö, 100% \n")

    async def do_flood(self, context: Any, said: dict[str, Any]) -> None:
        for _ in range(200):
            await context.write(bytes(64 * 1024))

    async def do_hang(self, context: Any, said: dict[str, Any]) -> None:
        await asyncio.Event().wait()


class Ear:
    """The observer's end of the copy channel; what it hears, assembled."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events: list[Event] = []
        self.legs: dict[int, tuple[str, str]] = {}
        self.open: set[int] = set()
        self.reading = asyncio.Event()
        self.reading.set()
        self._assemblers: dict[int, Assembler] = {}
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._hear, self.path)

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        records = Reader()
        while data := await reader.read(1 << 20):
            for record in records.feed(data):
                self._record(record)
            await self.reading.wait()
        writer.close()

    def _record(self, record: Any) -> None:
        number, heard = record.connection, self._assemblers.get(record.connection)
        if record.kind is Kind.OPEN:
            self.legs[number] = record.opened
            self._assemblers[number] = Assembler(number, record.opened[1], 128 << 20, 256 << 20)
            self.open.add(number)
            return
        assert heard is not None
        match record.kind:
            case Kind.CLIENT:
                self.events += heard.feed(Side.CLIENT, record.payload, record.ns)
            case Kind.SERVER:
                self.events += heard.feed(Side.SERVER, record.payload, record.ns)
            case Kind.ELIDED:
                direction, frame = record.elided
                side = Side.CLIENT if direction is Kind.CLIENT else Side.SERVER
                self.events += heard.elided(side, frame, record.ns)
            case Kind.BLIND:
                self.events += heard.blind(record.ns)
            case Kind.CLOSE:
                self.events += heard.closed(record.ns, record.end)
                self.open.discard(number)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def messages(self, side: Side) -> list[bytes]:
        return [event.message.data for event in self.of(Received) if event.message.side is side]

    async def closed(self, count: int = 1) -> list[Closed]:
        await until(lambda: len(self.of(Closed)) >= count)
        return self.of(Closed)


async def until(done: Callable[[], bool], limit_s: float = 10.0) -> None:
    async with asyncio.timeout(limit_s):
        while not done():
            await asyncio.sleep(0.002)


class Stage:
    """The proxy, its engines and who hears of it."""

    def __init__(self, folder: Path, settings: Settings, primary: Leg = Leg.BASELINE) -> None:
        self.folder = folder
        self.settings = settings
        self.primary = primary
        self.baseline: Any = Engine("baseline")
        self.candidate: Any = Engine("candidate")
        self.ear = Ear(folder / "observer.sock")
        self.copying = relay.Settings(run_dir=str(folder), reconnect_max_s=0.1)
        self.hears = True
        self.drain_max_s = 5.0

    async def start(self) -> None:
        await self.baseline.start()
        await self.candidate.start()
        if self.hears:
            await self.ear.start()
        place = Place(
            self.baseline.address,
            self.candidate.address,
            self.primary,
            str(self.folder / "latch.json"),
            str(self.folder),
            self.drain_max_s,
        )
        self.proxy = Proxy(self.settings, place, [KServeCodec()], self.copying)
        await self.proxy.start()
        if self.hears:
            await until(lambda: self.proxy.tap.connected)
        limits = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        options = [("grpc.use_local_subchannel_pool", 1), *limits]
        self.address = f"127.0.0.1:{self.proxy.port}"
        self.channel: Any = grpc.aio.insecure_channel(self.address, options=options)

    async def stop(self) -> None:
        await self.channel.close(None)
        await self.proxy.stop(0)
        await self.ear.stop()
        await self.baseline.stop()
        await self.candidate.stop()

    def latch(self, primary: str) -> None:
        """What a rollback does: the latch on disk, then the word."""
        latch.write(self.folder / "latch.json", latch.Latch(primary, "test", (), 1))
        self.proxy.switch(primary)

    def rearm(self, primary: str = "baseline") -> None:
        latch.clear(self.folder / "latch.json")
        self.proxy.switch(primary)

    async def who(self, *metadata: tuple[str, str], method: str = "/t.T/who") -> str:
        reply: bytes = await self.channel.unary_unary(method, None, None)(b"?", metadata=metadata)
        return reply.decode()


@asynccontextmanager
async def staged(settings: Settings | None = None, **more: Any) -> AsyncIterator[Stage]:
    """All of it, running; `more` are attributes of the stage set before it starts."""
    with tempfile.TemporaryDirectory(prefix="us") as name:
        stage = Stage(Path(name), settings or Settings(listen="127.0.0.1:0"))
        for key, value in more.items():
            setattr(stage, key, value)
        await stage.start()
        try:
            yield stage
        finally:
            await stage.stop()
