"""What callers see through a relay is what they see without it."""

import asyncio
import gc
import hashlib
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from understudy.wire.copy import Kind

if TYPE_CHECKING:
    from tests.relay.conftest import Running, Stage


async def several(*messages: bytes) -> AsyncIterator[bytes]:
    for message in messages:
        yield message


async def everything(channel: Any) -> list[object]:
    """All four call types, large and binary, errors with details: what one channel's caller gets to see."""
    big = hashlib.shake_256(b"big").digest(4 * 1024 * 1024)
    seen: list[object] = []
    call = channel.unary_unary("/t.T/Unary")(b"hello", metadata=(("key-bin", bytes(range(256))), ("k", "v")))
    seen += [await call, await call.initial_metadata(), await call.trailing_metadata(), await call.code()]
    seen.append(await channel.unary_unary("/t.T/Unary")(big))
    stream = channel.unary_stream("/t.T/Stream")
    seen.append([message async for message in stream(b"50 1000")])
    seen.append([message async for message in stream(b"2 4000000")])
    seen.append([message async for message in stream(b"0 0")])
    seen.append(await channel.stream_unary("/t.T/Collect")(several(b"a", b"", big, b"z")))
    chat = channel.stream_stream("/t.T/Chat")(several(b"one", b"", big[:70000], b"three"))
    seen.append([message async for message in chat])
    for method in ("/t.T/Fail", "/t.T/Nowhere"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(method)(b"\0why")
        error = caught.value
        seen.append((error.code(), error.details(), error.trailing_metadata()))
    return seen


async def test_every_kind_of_call_is_the_same_with_and_without_the_relay(stage: "Stage") -> None:
    observer = await stage.observer()
    relay = stage.relay()
    await relay.until(lambda s: s["observer_connected"])
    direct = await everything(stage.channel(stage.candidate.address))
    through = await everything(stage.channel(relay.address))
    assert through == direct
    half = len(stage.candidate.seen) // 2
    direct_seen, through_seen = stage.candidate.seen[:half], stage.candidate.seen[half:]
    assert through_seen == direct_seen and through_seen[0]["key-bin"] == bytes(range(256))

    # The copy is every byte that passed, in an order that ends with the connection.
    for channel in stage.channels:
        await channel.close()
    gc.collect()  # tracebacks of the errors above keep their calls, and those the connection
    await relay.until(lambda s: s["connections"] == 0)
    status = await relay.until(lambda s: s["observer_unsent_bytes"] == 0)
    while observer.kinds(1)[-1:] != [Kind.CLOSE]:
        await asyncio.sleep(0.01)
    assert len(observer.bytes_of(1, Kind.CLIENT)) == status["client_bytes"] > 8 * 1024 * 1024
    # What the engine says to a client that has gone already, a GOAWAY, is not copied.
    assert 0 <= status["server_bytes"] - len(observer.bytes_of(1, Kind.SERVER)) < 64
    assert status["server_bytes"] > 12 * 1024 * 1024
    assert observer.bytes_of(1, Kind.CLIENT).startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert observer.records[0].opened == ("candidate", stage.candidate.address)
    assert status["elided_frames"] == status["blind"] == 0


async def test_a_cancel_reaches_the_engine_and_the_connection_lives_on(stage: "Stage") -> None:
    relay = stage.relay()
    channel = stage.channel(relay.address)
    call = channel.unary_stream("/t.T/Stream")(b"1000 10", metadata=(("delay", "0.01"),))
    assert await call.read()
    call.cancel()
    waiting = channel.unary_unary("/t.T/Unary")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await waiting(b"late", timeout=0.1, metadata=(("delay", "5"),))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await stage.candidate.quiet()
    assert await waiting(b"again") == b"candidate:again"
    await relay.until(lambda s: (s["connections"], s["streams"]) == (1, 0))


async def test_an_engine_that_dies_fails_its_calls_at_once_and_only_those(stage: "Stage") -> None:
    relay = stage.relay()
    channel = stage.channel(relay.address)
    call = channel.unary_stream("/t.T/Stream")(b"1000 10", metadata=(("delay", "0.01"),))
    assert await anext(aiter(call))
    await stage.candidate.stop()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in call:
            pass
    assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    # Nobody listens there any more: a clean end for the caller, a count for the operator.
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await channel.unary_unary("/t.T/Unary")(b"x")
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    status = await relay.until(lambda s: s["upstream_failures"]["candidate"] > 0)
    assert status["upstream_failures"]["baseline"] == 0
    assert relay.ask("switch", to="baseline")["ok"]
    assert await stage.channel(relay.address).unary_unary("/t.T/Unary")(b"x") == b"baseline:x"


def connect(relay: "Running") -> socket.socket:
    host, port = relay.address.split(":")
    return socket.create_connection((host, int(port)), timeout=5)


async def test_http1_and_garbage_pass_and_are_counted(stage: "Stage") -> None:
    observer = await stage.observer()
    upstream = await asyncio.start_server(_echo_once, "127.0.0.1", 0)
    host, port = upstream.sockets[0].getsockname()
    relay = stage.relay(candidate=f"{host}:{port}")
    await relay.until(lambda s: s["observer_connected"])
    for said in (b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 4, b"PRI\r\n\r\n"):
        reader, writer = await asyncio.open_connection(*relay.address.split(":"))
        writer.write(said)
        writer.write_eof()
        assert await reader.read() == b"echo " + said
        writer.close()
        await writer.wait_closed()
    status = await relay.until(lambda s: s["connections"] == 0)
    assert status["opaque"] == 3 and status["blind"] == 0
    async with asyncio.timeout(2):
        while [r.kind for r in observer.records].count(Kind.CLOSE) < 3:
            await asyncio.sleep(0.01)
    assert observer.bytes_of(1, Kind.CLIENT) == b"GET / HTTP/1.1\r\n\r\n"
    upstream.close()
    await upstream.wait_closed()


async def _echo_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"echo " + await reader.read())
    writer.close()


async def test_a_half_closed_connection_still_gets_its_answer_and_a_reset_stays_a_reset(
    stage: "Stage",
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read() == b"reset":
            transport = writer.transport
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
            )
            transport.abort()
        else:
            writer.write(b"x" * 3_000_000)
            writer.close()

    upstream = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = upstream.sockets[0].getsockname()
    relay = stage.relay(candidate=f"{host}:{port}")
    reader, writer = await asyncio.open_connection(*relay.address.split(":"))
    writer.write(b"all I have to say")
    writer.write_eof()
    assert len(await reader.read()) == 3_000_000
    writer.close()
    await writer.wait_closed()
    reader, writer = await asyncio.open_connection(*relay.address.split(":"))
    writer.write(b"reset")
    writer.write_eof()
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    upstream.close()
    await upstream.wait_closed()
    assert (await relay.until(lambda s: s["connections"] == 0))["resets"] == 1


async def test_a_client_that_never_reads_stops_its_engine_instead_of_filling_memory(stage: "Stage") -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"x" * 65536)
                sent += 65536
                await writer.drain()
        writer.transport.abort()

    upstream = await asyncio.start_server(flood, "127.0.0.1", 0)
    host, port = upstream.sockets[0].getsockname()
    relay = stage.relay(candidate=f"{host}:{port}")
    silent = connect(relay)
    before = -1
    # Stable for a while: the flood has come to rest.
    async with asyncio.timeout(10):
        while before != sent or not sent:
            before = sent
            await asyncio.sleep(0.2)
    # What the relay took beyond what kernels buffer is its bound and one chunk.
    assert relay.status["server_bytes"] < 8 * 1024 * 1024
    silent.close()
    await relay.until(lambda s: s["connections"] == 0)
    upstream.close()


async def test_connections_over_the_limit_are_refused_and_counted(stage: "Stage") -> None:
    relay = stage.relay(max_connections=1)
    channel = stage.channel(relay.address)
    assert await channel.unary_unary("/t.T/Unary")(b"x")
    with connect(relay) as extra:
        assert await asyncio.to_thread(extra.recv, 100) == b""
    assert relay.status["refused"] == 1
    assert await channel.unary_unary("/t.T/Unary")(b"y") == b"candidate:y"


async def test_engines_may_live_on_unix_sockets(stage: "Stage") -> None:
    path = stage.directory / "engine.sock"
    server = await asyncio.start_unix_server(_echo_once, path)
    relay = stage.relay(candidate=f"unix:{path}")
    reader, writer = await asyncio.open_connection(*relay.address.split(":"))
    writer.write(b"hi")
    writer.write_eof()
    assert await reader.read() == b"echo hi"
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
