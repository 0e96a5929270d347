"""Real grpcio engines and clients around a relay that runs on uvloop in a thread of its own."""

import asyncio
import json
import logging
import socket
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import uvloop
from understudy.relay import Relay, Settings
from understudy.wire import boundary, copy
from understudy.wire.boundary import Boundary, Streams
from understudy.wire.copy import Kind, Reader, Record


def _delay(context: "grpc.aio.ServicerContext[bytes, bytes]") -> float:
    metadata = dict(context.invocation_metadata() or ())
    return float(metadata.get("delay", 0))


class Engine:
    """A grpcio server that answers with its name, and knows when each call began and how it ended."""

    def __init__(self, name: str) -> None:
        self.name = name.encode()
        self.address = ""
        self.begun: list[tuple[str, int]] = []
        """Method and wall clock ns of each call that reached it."""
        self.seen: list[dict[str, str | bytes]] = []
        self.running = 0
        """Calls whose handler has not ended."""
        self._server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
        self._server.add_generic_rpc_handlers((_Handler(self),))

    async def start(self) -> "Engine":
        port = self._server.add_insecure_port("127.0.0.1:0")
        self.address = f"127.0.0.1:{port}"
        await self._server.start()
        return self

    async def stop(self) -> None:
        await self._server.stop(0)

    async def quiet(self) -> None:
        """Wait until no handler runs: what the caller ended, or the relay, has ended here too."""
        async with asyncio.timeout(3):
            while self.running:
                await asyncio.sleep(0.01)

    def began(self, method: str, context: "grpc.aio.ServicerContext[bytes, bytes]") -> None:
        self.running += 1
        self.begun.append((method, time.time_ns()))
        self.seen.append(dict(context.invocation_metadata() or ()))

    async def unary(self, request: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
        self.began("Unary", context)
        try:
            await asyncio.sleep(_delay(context))
        finally:
            self.running -= 1
        context.set_trailing_metadata((("served-by", self.name.decode()), ("proof-bin", bytes(range(256)))))
        return self.name + b":" + request

    async def fail(self, request: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
        self.began("Fail", context)
        self.running -= 1
        context.set_trailing_metadata((("why-bin", b"\0\xff" + request),))
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no, because 100 % wrong: é")

    async def stream(
        self, request: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]"
    ) -> AsyncIterator[bytes]:
        self.began("Stream", context)
        count, size = map(int, request.split())
        try:
            for n in range(count):
                await asyncio.sleep(_delay(context))
                yield self.name + b":" + bytes((n % 256,)) * size
        finally:
            self.running -= 1

    async def collect(
        self, requests: AsyncIterator[bytes], context: "grpc.aio.ServicerContext[bytes, bytes]"
    ) -> bytes:
        self.began("Collect", context)
        try:
            return self.name + b":" + b"".join([request async for request in requests])
        finally:
            self.running -= 1

    async def chat(
        self, requests: AsyncIterator[bytes], context: "grpc.aio.ServicerContext[bytes, bytes]"
    ) -> AsyncIterator[bytes]:
        self.began("Chat", context)
        try:
            async for request in requests:
                await asyncio.sleep(_delay(context))
                yield self.name + b":" + request
        finally:
            self.running -= 1


class _Handler(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    def __init__(self, engine: Engine) -> None:
        self._methods = {
            "/t.T/Unary": grpc.unary_unary_rpc_method_handler(engine.unary),
            "/t.T/Fail": grpc.unary_unary_rpc_method_handler(engine.fail),
            "/t.T/Stream": grpc.unary_stream_rpc_method_handler(engine.stream),
            "/t.T/Collect": grpc.stream_unary_rpc_method_handler(engine.collect),
            "/t.T/Chat": grpc.stream_stream_rpc_method_handler(engine.chat),
        }

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        return self._methods.get(details.method)


class Observer:
    """The other end of the copy channel: keeps every record; may be slow, and may tell what is idle."""

    def __init__(self, path: Path, *, reads: bool = True, marks: bool = False) -> None:
        self.path = path
        self.records: list[Record] = []
        self._reads = asyncio.Event()
        if reads:
            self._reads.set()
        self._marks = marks
        self._server: asyncio.AbstractServer | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._trackers: dict[int, tuple[Streams, Boundary, Boundary]] = {}

    async def start(self) -> "Observer":
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self.path)
        return self

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self._reads.set()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()
        self.path.unlink(missing_ok=True)

    def resume(self) -> None:
        """Read at last."""
        self._reads.set()

    async def say(self, data: bytes) -> None:
        while not self._writers:
            await asyncio.sleep(0.01)
        for writer in self._writers:
            writer.write(data)

    def bytes_of(self, connection: int, kind: Kind) -> bytes:
        return b"".join(r.payload for r in self.records if r.connection == connection and r.kind is kind)

    def kinds(self, connection: int) -> list[Kind]:
        """The kinds of a connection's records, repetitions folded."""
        kinds = [r.kind for r in self.records if r.connection == connection]
        return [kind for n, kind in enumerate(kinds) if not n or kinds[n - 1] is not kind]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        records = Reader()
        with suppress(ConnectionError):
            while await self._reads.wait() and (data := await reader.read(65536)):
                for record in records.feed(data):
                    self.records.append(record)
                    if self._marks:
                        self._mark(record, writer)

    def _mark(self, record: Record, writer: asyncio.StreamWriter) -> None:
        """A request is one message here, and its reply is one message: a reply makes its stream idle."""
        trackers = self._trackers.setdefault(
            record.connection, (Streams(), Boundary(client=True), Boundary(client=False))
        )
        streams, client, server = trackers
        if record.kind is Kind.CLIENT:
            client.feed(record.payload, streams)
        elif record.kind is Kind.SERVER:
            for piece in server.split(record.payload, streams):
                if piece.frame and piece.frame.kind == boundary.DATA and piece.frame.stream in streams.open:
                    count = streams.open[piece.frame.stream].client_bytes
                    writer.write(copy.idle(record.connection, record.ns, piece.frame.stream, count))


class Running:
    """A relay in its thread, and its control socket."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.address = settings.listen
        self._relay: Relay | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: BaseException | None = None
        self.thread = threading.Thread(target=self._main, daemon=True)
        self.thread.start()
        deadline = time.monotonic() + 5
        while not self._answers() and self.thread.is_alive():
            assert time.monotonic() < deadline, "the relay did not start"
            time.sleep(0.002)
        if self._failure:
            raise self._failure

    def _answers(self) -> bool:
        """Its socket is there a moment before it listens on it."""
        with socket.socket(socket.AF_UNIX) as sock:
            return sock.connect_ex(self.settings.control) == 0

    def _main(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            self._relay = Relay(self.settings)
            await self._relay.serve()

        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(serve())
        except BaseException as failure:
            self._failure = failure

    def ask(self, op: str, **arguments: Any) -> dict[str, Any]:
        return self.tell(json.dumps({"op": op, **arguments}))

    def tell(self, line: str) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5)
            sock.connect(self.settings.control)
            sock.sendall(line.encode() + b"\n")
            reply = b""
            while not reply.endswith(b"\n"):
                reply += sock.recv(65536)
        answer: dict[str, Any] = json.loads(reply)
        return answer

    @property
    def status(self) -> dict[str, Any]:
        return self.ask("status")

    async def until(self, met: Callable[[dict[str, Any]], bool], within_s: float = 5) -> dict[str, Any]:
        """Wait until the status says so."""
        deadline = time.monotonic() + within_s
        while not met(status := self.status):
            assert time.monotonic() < deadline, status
            await asyncio.sleep(0.01)
        return status

    def stop(self) -> None:
        if self.thread.is_alive() and self._loop and self._relay:
            self._loop.call_soon_threadsafe(self._relay.stop)
        self.thread.join(5)
        assert not self.thread.is_alive()
        if self._failure:
            raise self._failure


@dataclass
class Stage:
    """Two engines, and as many relays and observers as a test starts."""

    baseline: Engine
    candidate: Engine
    directory: Path
    relays: list[Running] = field(default_factory=list)
    observers: list[Observer] = field(default_factory=list)
    channels: list[Any] = field(default_factory=list)

    def relay(self, **changes: Any) -> Running:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            listen = f"127.0.0.1:{probe.getsockname()[1]}"
        given: dict[str, Any] = {
            "listen": listen,
            "baseline": self.baseline.address,
            "candidate": self.candidate.address,
            "primary": "candidate",
            "run_dir": str(self.directory),
            "latch": str(self.directory / "latch.json"),
        }
        self.relays.append(Running(Settings(**(given | changes))))
        return self.relays[-1]

    async def observer(self, **options: Any) -> Observer:
        self.observers.append(await Observer(self.directory / "observer.sock", **options).start())
        return self.observers[-1]

    def channel(self, address: str) -> Any:
        """A grpc.aio channel with a connection of its own (Any: the stubs demand serializers)."""
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            ("grpc.initial_reconnect_backoff_ms", 50),
            ("grpc.min_reconnect_backoff_ms", 50),
        ]
        self.channels.append(grpc.aio.insecure_channel(address, options=options))
        return self.channels[-1]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    # Not pytest's tmp_path: unix socket paths are short.
    with tempfile.TemporaryDirectory(prefix="us") as directory:
        made = Stage(await Engine("baseline").start(), await Engine("candidate").start(), Path(directory))
        yield made
        for channel in made.channels:
            await channel.close()
        for relay in made.relays:
            relay.stop()
        for observer in made.observers:
            await observer.stop()
        await made.baseline.stop()
        await made.candidate.stop()


@pytest.fixture(autouse=True)
def _no_defect_is_only_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """An exception in a loop callback reaches the log alone: here it fails the test."""
    caplog.set_level(logging.ERROR, logger="asyncio")
    yield
    assert not [r.getMessage() for r in caplog.get_records("call") if r.name == "asyncio"]
