"""The raw shadow client over real sockets: against grpcio's servers, and against servers that misbehave."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from understudy.mirror.client import CANCELLED, RESOURCE_EXHAUSTED, UNAVAILABLE, Status
from understudy.mirror.raw import RawClient, RawReply, parse
from understudy.mirror.session import framed
from understudy.wire import frame as wire
from understudy.wire.deflate import deflate

MB = 1024 * 1024
SETTINGS = framed(wire.SETTINGS, 0, 0)


class Peer(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """A grpcio server that does what the method's name says."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.metadata: dict[str, str | bytes] = {}
        self.timeout_s = 0.0
        self.cancelled = asyncio.Event()

    def service(self, handler_call_details: Any) -> Any:
        method = handler_call_details.method.rpartition("/")[2]

        async def handle(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            self.calls.append(method)
            self.metadata = dict(context.invocation_metadata())
            self.timeout_s = context.time_remaining() or 0.0
            got = [request async for request in requests]
            assert len(got) == 1, "one message and half-close"
            if method.startswith("Echo"):
                yield got[0]
            elif method == "Many":
                for number in range(1000):
                    yield str(number).encode()
            elif method == "Large":
                for _ in range(6):
                    yield bytes(4 * MB)
            elif method == "Fail":
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "zu viel: ü%")
            elif method == "Half":
                yield b"half"
                await context.abort(grpc.StatusCode.ABORTED, "enough")
            elif method == "Hang":
                yield b"first"
                try:
                    await asyncio.Event().wait()
                finally:
                    self.cancelled.set()

        return grpc.stream_stream_rpc_method_handler(handle)


@pytest.fixture
async def peer() -> Peer:
    return Peer()


Serve = Callable[..., Awaitable[RawClient]]


@pytest.fixture
async def serve(peer: Peer, tmp_path: Path) -> AsyncIterator[Serve]:
    made: list[Any] = []

    async def start(where: str = "127.0.0.1:0", **kwargs: Any) -> RawClient:
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        server = grpc.aio.server(options=options + kwargs.pop("options", []), **kwargs)
        server.add_generic_rpc_handlers((peer,))
        if where == "unix":
            where = f"unix:{tmp_path}/engine.sock"
        port = server.add_insecure_port(where)
        await server.start()
        client = a_client(where if where.startswith("unix") else f"127.0.0.1:{port}")
        made.append((client, server))
        return client

    yield start
    for client, server in made:
        await client.close()
        await server.stop(None)


def a_client(address: str) -> RawClient:
    return RawClient(address, timeout_s=300, message_bytes=8 * MB, held_bytes=16 * MB)


async def whole(reply: RawReply, within_s: float = 10) -> tuple[list[bytes], Status]:
    messages = []
    async with asyncio.timeout(within_s):
        while (message := await reply.read()) is not None:
            messages.append(message)
    assert reply.status is not None
    return messages, reply.status


@pytest.mark.parametrize("where", ["127.0.0.1:0", "unix"])
@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
async def test_against_grpcio_every_kind_of_answer_comes_as_it_is(
    peer: Peer, serve: Serve, where: str, compression: grpc.Compression
) -> None:
    client = await serve(where, compression=compression)
    metadata = (("x-tenant", "t"), ("x-bin-not", "a b"), ("x-odd", "line\nbreak"), ("x-empty", ""))
    assert await whole(client.call("/a.B/Echo", b"hello " * 100, metadata)) == ([b"hello " * 100], Status(0))
    assert peer.metadata["x-tenant"] == "t" and "x-odd" not in peer.metadata, (
        "what could break the connection stays"
    )
    assert 290 < peer.timeout_s < 301, "the engine knows our deadline"
    messages, status = await whole(client.call("/a.B/Many", b"", ()))
    assert messages == [str(number).encode() for number in range(1000)] and status == Status(0)
    assert await whole(client.call("/a.B/Fail", b"", ())) == ([], Status(8, "zu viel: ü%"))
    assert await whole(client.call("/a.B/Half", b"", ())) == ([b"half"], Status(10, "enough"))
    big = bytes(range(256)) * (4 * 5 * 1024)
    assert (await whole(client.call("/a.B/Echo", big, ())))[0] == [big]
    messages, status = await whole(client.call("/a.B/Large", b"", ()))
    assert [len(message) for message in messages] == [4 * MB] * 6 and status == Status(0)
    assert len(client._connections) == 1


async def test_hundreds_of_calls_at_once_keep_to_what_the_engine_allows(peer: Peer, serve: Serve) -> None:
    client = await serve(options=[("grpc.max_concurrent_streams", 3)])
    replies = [client.call("/a.B/Echo", str(number).encode() * 999, ()) for number in range(300)]
    answers = await asyncio.gather(*(whole(reply) for reply in replies))
    # grpcio's server counts a stream for a moment longer than its client, and refuses the one too many.
    refused = [number for number, (_, status) in enumerate(answers) if status.unsent]
    assert len(refused) < 150
    assert all(
        answers[number] == ([str(number).encode() * 999], Status(0))
        for number in set(range(300)) - set(refused)
    )


async def test_cancelling_a_call_stops_it_at_the_engine(peer: Peer, serve: Serve) -> None:
    client = await serve()
    reply = client.call("/a.B/Hang", b"", ())
    assert await reply.read() == b"first"
    reply.cancel()
    assert await whole(reply) == ([], Status(CANCELLED, "cancelled"))
    await asyncio.wait_for(peer.cancelled.wait(), 2)
    assert (await whole(client.call("/a.B/Echo", b"on", ())))[0] == [b"on"]


async def test_a_message_over_the_bound_fails_its_call_alone(serve: Serve) -> None:
    client = await serve()
    client._message_bytes = 1000
    beside = client.call("/a.B/Many", b"", ())
    _, status = await whole(client.call("/a.B/Echo", bytes(2000), ()))
    assert status.code == RESOURCE_EXHAUSTED
    assert (await whole(beside))[1] == Status(0)


async def test_no_one_there_is_refused_at_once_and_the_next_call_finds_who_has_come(
    peer: Peer, serve: Serve
) -> None:
    there = await serve()
    gone = a_client("127.0.0.1:1")
    replies = [gone.call("/a.B/Echo", b"", ()) for _ in range(5)]
    for _, status in [await whole(reply, 2) for reply in replies]:
        assert (
            status.code == UNAVAILABLE
            and status.refused
            and "failed to connect to 127.0.0.1:1" in status.details
        )
    gone._where = there._where
    assert (await whole(gone.call("/a.B/Echo", b"hi", ())))[0] == [b"hi"]
    await asyncio.wait_for(gone.ready(), 1)
    await gone.close()


# ---- servers that misbehave

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]


@pytest.fixture
async def nasty() -> AsyncIterator[Callable[[Script], Awaitable[RawClient]]]:
    made: list[tuple[RawClient, asyncio.Server]] = []

    async def start(script: Script) -> RawClient:
        count = 0

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal count
            count += 1
            try:
                await reader.readexactly(len(wire.PREFACE))
                await script(reader, writer, count)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        client = a_client(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        made.append((client, server))
        return client

    yield start
    for client, server in made:
        await client.close()
        assert not client._connections and not client._waiting
        server.close()


async def requested(reader: asyncio.StreamReader) -> int:
    """Read on to the next request; its stream."""
    while True:
        length, kind, _, stream = wire.parse_header(await reader.readexactly(9))
        await reader.readexactly(length)
        if kind == wire.HEADERS:
            return stream


def answer(stream: int, text: bytes = b"") -> bytes:
    fields = [(b":status", b"200"), (b"content-type", b"application/grpc")]
    head = framed(wire.HEADERS, 4, stream, deflate(fields))
    message = b"\0" + len(text).to_bytes(4, "big") + text
    return (
        head
        + framed(wire.DATA, 0, stream, message)
        + framed(wire.HEADERS, 5, stream, deflate([(b"grpc-status", b"0")]))
    )


@pytest.mark.parametrize(
    "greeting",
    [
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"\xff" * 999,
        b"",
    ],
)
async def test_what_is_no_http2_server_is_refused_as_if_nobody_were_there(
    nasty: Any, greeting: bytes
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(greeting)
        await writer.drain()
        if greeting:
            await reader.read(9999)

    client = await nasty(script)
    _, status = await whole(client.call("/a.B/C", b"q", ()), 2)
    assert status.code == UNAVAILABLE and status.refused


async def test_a_server_that_never_greets_is_given_up(nasty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while await reader.read(9999):
            pass

    monkeypatch.setattr("understudy.mirror.raw.CONNECT_S", 0.1)
    client = await nasty(script)
    _, status = await whole(client.call("/a.B/C", b"q", ()), 2)
    assert status.refused and "no HTTP/2 within" in status.details


async def test_after_a_goodbye_the_next_call_goes_to_a_new_connection_and_nothing_is_sent_twice(
    nasty: Any,
) -> None:
    seen: list[tuple[int, int]] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(SETTINGS)
        first = await requested(reader)
        seen.append((number, first))
        if number > 1:
            writer.write(answer(first, b"new"))
            await reader.read()
            return
        second = await requested(reader)
        seen.append((number, second))
        # The second is refused and never retried; the first is finished after the goodbye.
        writer.write(framed(wire.GOAWAY, 0, 0, first.to_bytes(4, "big") + bytes(4)))
        await asyncio.sleep(0.05)
        writer.write(answer(first, b"old"))
        assert await reader.read() is not None, "and then we leave"

    client = await nasty(script)
    first, second = client.call("/a.B/C", b"1", ()), client.call("/a.B/C", b"2", ())
    _, status = await whole(second)
    assert status.code == UNAVAILABLE and status.unsent
    third = client.call("/a.B/C", b"3", ())
    assert (await whole(third))[0] == [b"new"]
    assert (await whole(first)) == ([b"old"], Status(0))
    assert seen == [(1, 1), (1, 3), (2, 1)]
    async with asyncio.timeout(2):
        while len(client._connections) > 1:
            await asyncio.sleep(0.01)


async def test_a_reset_call_is_never_sent_again(nasty: Any) -> None:
    seen: list[int] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(SETTINGS)
        while True:
            stream = await requested(reader)
            seen.append(stream)
            writer.write(framed(wire.RST_STREAM, 0, stream, (7).to_bytes(4, "big")))  # REFUSED_STREAM

    client = await nasty(script)
    _, status = await whole(client.call("/a.B/C", b"q", ()))
    assert status.code == UNAVAILABLE and status.unsent
    await asyncio.sleep(0.05)
    assert seen == [1]


async def test_a_connection_that_breaks_fails_its_calls_and_the_next_dials(nasty: Any) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(SETTINGS)
        stream = await requested(reader)
        if number > 1:
            writer.write(answer(stream, b"back"))
            await reader.read()

    client = await nasty(script)
    _, status = await whole(client.call("/a.B/C", b"q", ()))
    assert status.code == UNAVAILABLE and not status.refused and "connection lost" in status.details
    assert (await whole(client.call("/a.B/C", b"q", ())))[0] == [b"back"]


async def test_a_window_that_never_opens_costs_its_own_calls_alone_and_nothing_spins(nasty: Any) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(framed(wire.SETTINGS, 0, 0, b"\0\4" + (100).to_bytes(4, "big")))
        await requested(reader)
        writer.write(answer(await requested(reader), b"small"))
        await reader.read()

    client = await nasty(script)
    stuck = client.call("/a.B/C", bytes(MB), ())
    used = time.process_time()
    assert (await whole(client.call("/a.B/C", b"q", ())))[0] == [b"small"]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(stuck.read(), 0.2)
    assert time.process_time() - used < 0.1
    stuck.cancel()
    assert stuck.body is None and not client._connection.session.streams


async def test_a_server_that_streams_empty_messages_leaves_others_their_turn(nasty: Any) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(SETTINGS)
        head, _, _ = answer(await requested(reader)).partition(framed(wire.DATA, 0, 1, bytes(5)))
        writer.write(head + framed(wire.DATA, 0, 1, bytes(16_000)) * 16)
        await reader.read()

    client = await nasty(script)
    reply = client.call("/a.B/C", b"q", ())
    async with asyncio.timeout(5):
        while len(reply.messages) < 16 * 3200:
            await asyncio.sleep(0.001)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    beside = asyncio.ensure_future(other())
    for _ in range(16 * 3200):
        assert await reply.read() == b""
    beside.cancel()
    assert turns >= 16 * 3200 // 256
    reply.cancel()


async def test_a_server_that_makes_us_answer_and_does_not_read_is_left(
    nasty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("understudy.mirror.raw.UNREAD_BYTES", 64 * 1024)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(SETTINGS)
        await requested(reader)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        while True:
            writer.write(framed(wire.PING, 0, 0, bytes(8)) * 2000)
            await writer.drain()

    client = await nasty(script)
    _, status = await whole(client.call("/a.B/C", b"q", ()))
    assert status.code == UNAVAILABLE and "does not read" in status.details


async def test_a_connection_that_has_fallen_silent_is_not_called_again(nasty: Any) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(SETTINGS)
        stream = await requested(reader)
        if number > 1:
            writer.write(answer(stream, b"alive"))
        await reader.read()

    client = await nasty(script)
    await client.ready()
    since_s = asyncio.get_running_loop().time()
    hung = client.call("/a.B/C", b"q", ())
    await asyncio.sleep(0.05)
    client.silent(hung, since_s)
    hung.cancel()
    again = client.call("/a.B/C", b"q", ())
    client.silent(again, 0.0)
    assert (await whole(again))[0] == [b"alive"]


@pytest.mark.parametrize(
    ("address", "parsed"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("[::1]:80", ("::1", 80)),
        ("unix:run/e.sock", "run/e.sock"),
        ("unix:///run/e.sock", "/run/e.sock"),
        ("unix:/run/e.sock", "/run/e.sock"),
    ],
)
def test_addresses_are_those_of_the_config(address: str, parsed: object) -> None:
    assert parse(address) == parsed
