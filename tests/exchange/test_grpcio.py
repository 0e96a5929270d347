"""A real conversation: grpcio's client and server with the Assembler beside the bytes between them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio
from understudy.exchange import Assembler, Closed, Event, HalfClosed, Opened, Received, Side

aio: Any = grpc.aio


class Engine(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Echoes; `/t.T/stream` echoes thrice; `/t.T/fail` fails; `/t.T/hang` never answers."""

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        return {
            "/t.T/echo": grpc.unary_unary_rpc_method_handler(self.echo),
            "/t.T/stream": grpc.stream_stream_rpc_method_handler(self.stream),
            "/t.T/fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "/t.T/hang": grpc.unary_unary_rpc_method_handler(self.hang),
        }.get(details.method)

    async def echo(self, request: bytes, context: Any) -> bytes:
        context.set_trailing_metadata((("t-bin", b"\x00\xff"),))
        return request

    async def stream(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            for n in range(3):
                yield request + b"%d" % n

    async def fail(self, request: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "nö, 100%")
        return b""

    async def hang(self, request: bytes, context: Any) -> bytes:
        await asyncio.Event().wait()
        return b""


class Tee:
    """A loopback relay that shows an Assembler what it passes on."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.events: list[Event] = []
        self.connections = 0
        self.news = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        assembler = Assembler(1, "up")
        self.connections += 1

        async def pump(side: Side, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(65536):
                    await self.tell(assembler.feed(side, data, time.time_ns()))
                    sink.write(data)
                    await sink.drain()
            except ConnectionError:
                pass
            sink.close()

        async with asyncio.TaskGroup() as group:
            group.create_task(pump(Side.CLIENT, reader, up_writer))
            group.create_task(pump(Side.SERVER, up_reader, writer))
        self.connections -= 1
        await self.tell(assembler.closed(time.time_ns()))

    async def tell(self, events: list[Event]) -> None:
        async with self.news:
            self.events += events
            self.news.notify_all()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10), self.news:
            await self.news.wait_for(true)


async def test_real_grpcio_calls_are_seen_as_their_ends_saw_them() -> None:
    server = aio.server()
    server.add_generic_rpc_handlers((Engine(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    tee = Tee(port)
    listener = await asyncio.start_server(tee.serve, "127.0.0.1", 0)
    front = listener.sockets[0].getsockname()[1]
    big = bytes(range(256)) * 2000

    async with aio.insecure_channel(f"127.0.0.1:{front}") as channel:
        echo = channel.unary_unary("/t.T/echo")
        sent = [b"%d" % n * (n + 1) for n in range(40)] + [b"", big]
        replies = await asyncio.gather(*(echo(m, metadata=(("x-n", str(n)),)) for n, m in enumerate(sent)))
        assert replies == sent
        await echo(b"zipped" * 100, compression=grpc.Compression.Gzip)

        stream = channel.stream_stream("/t.T/stream")()
        for n in range(3):
            await stream.write(b"q%d" % n)
            for k in range(3):
                assert await stream.read() == b"q%d%d" % (n, k)
        await stream.done_writing()
        assert await stream.read() is aio.EOF

        try:
            await channel.unary_unary("/t.T/fail")(b"f")
        except aio.AioRpcError as error:
            assert error.details() == "nö, 100%"
        try:
            await channel.unary_unary("/t.T/hang")(b"h", timeout=0.2)
        except aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await tee.until(lambda: sum(isinstance(e, Closed) for e in tee.events) == 46)
    await server.stop(None)
    await tee.until(lambda: tee.connections == 0)
    listener.close()

    calls: dict[int, list[Event]] = {}
    for event in tee.events:
        calls.setdefault(event.stream, []).append(event)
    seen: dict[str, list[tuple[Opened, list[bytes], list[bytes], Closed]]] = {}
    for events in calls.values():
        opened, end = events[0], events[-1]
        assert isinstance(opened, Opened) and isinstance(end, Closed)
        assert sum(isinstance(e, HalfClosed) for e in events) == 1
        messages = [e.message for e in events if isinstance(e, Received)]
        asked = [m.data for m in messages if m.side is Side.CLIENT]
        told = [m.data for m in messages if m.side is Side.SERVER]
        seen.setdefault(opened.method, []).append((opened, asked, told, end))

    echoes = {
        dict(opened.metadata).get("x-n"): (asked, told, end) for opened, asked, told, end in seen["/t.T/echo"]
    }
    for n, m in enumerate(sent):
        asked, told, end = echoes[str(n)]
        assert (asked, told, end.status) == ([m], [m], 0)
        assert ("t-bin", "AP8") in end.metadata
    assert echoes[None][:2] == ([b"zipped" * 100], [b"zipped" * 100])
    ((_, asked, told, end),) = seen["/t.T/stream"]
    assert asked == [b"q0", b"q1", b"q2"] and told == [b"q%d%d" % (n, k) for n in range(3) for k in range(3)]
    ((_, _, told, end),) = seen["/t.T/fail"]
    assert (told, end.status, end.error, end.cancelled_by) == ([], 3, "nö, 100%", "")
    ((_, _, _, end),) = seen["/t.T/hang"]
    assert (end.status, end.cancelled_by) in {(-1, "client"), (4, "")}
