"""What the relay says of its own during a switch, frame by frame, against peers that speak raw HTTP/2."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import hpack
import pytest
from understudy.relay import frames
from understudy.relay.counts import SWITCHED as MESSAGE
from understudy.relay.frames import frame
from understudy.wire import boundary, copy
from understudy.wire.boundary import LAST, PREFACE

if TYPE_CHECKING:
    from tests.relay.conftest import Observer, Running, Stage

SETTINGS = frame(boundary.SETTINGS, 0, 0, b"")
Seen = tuple[int, int, int, bytes]


class Peer:
    """One end of a connection: says bytes, hears frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def say(self, *data: bytes) -> None:
        self._writer.write(b"".join(data))

    async def preface(self) -> None:
        assert await self._reader.readexactly(len(PREFACE)) == PREFACE

    async def hear(self) -> Seen:
        async with asyncio.timeout(3):
            header = await self._reader.readexactly(9)
            payload = await self._reader.readexactly(int.from_bytes(header[:3]))
        return header[3], header[4], int.from_bytes(header[5:]), payload

    async def hears(self, count: int) -> list[Seen]:
        return [await self.hear() for _ in range(count)]

    async def silent(self, for_s: float = 0.1) -> bool:
        """Nothing comes."""
        try:
            async with asyncio.timeout(for_s):
                return not await self._reader.read(1)
        except TimeoutError:
            return True

    async def ended(self) -> bool:
        async with asyncio.timeout(3):
            return await self._reader.read() == b""

    def close(self) -> None:
        self._writer.transport.abort()


@asynccontextmanager
async def raw(stage: "Stage", **changes: Any) -> AsyncIterator[tuple["Running", Peer, Peer, "Observer"]]:
    """A relay with a raw client on one side and a raw upstream on the other."""
    arrived: asyncio.Queue[Peer] = asyncio.Queue()
    upstream = await asyncio.start_server(lambda r, w: arrived.put_nowait(Peer(r, w)), "127.0.0.1", 0)
    host, port = upstream.sockets[0].getsockname()
    observer = await stage.observer()
    relay = stage.relay(candidate=f"{host}:{port}", **changes)
    await relay.until(lambda s: s["observer_connected"])
    client = Peer(*await asyncio.open_connection(*relay.address.split(":")))
    client.say(PREFACE, SETTINGS)
    server = await arrived.get()
    await server.preface()
    assert (await server.hear())[0] == boundary.SETTINGS
    yield relay, client, server, observer
    client.close()
    server.close()
    upstream.close()
    await upstream.wait_closed()


def headers(stream: int, block: bytes = b"\x88", flags: int = boundary.END_HEADERS) -> bytes:
    return frame(boundary.HEADERS, flags, stream, block)


def decoded(block: bytes) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in hpack.Decoder().decode(block)]


def data(stream: int, payload: bytes, flags: int = 0) -> bytes:
    return frame(boundary.DATA, flags, stream, payload)


def goaway(last: int) -> Seen:
    return boundary.GOAWAY, 0, 0, last.to_bytes(4) + bytes(4)


def ack(ping: Seen) -> bytes:
    assert ping[0] == boundary.PING and not ping[1]
    return frame(boundary.PING, boundary.ACK, 0, ping[3])


async def test_goaway_waits_for_the_upstreams_first_settings(stage: "Stage") -> None:
    async with raw(stage) as (relay, client, server, _):
        relay.ask("switch", to="baseline")
        assert await client.silent()
        server.say(SETTINGS)
        assert [(await client.hear())[0], await client.hear()] == [boundary.SETTINGS, goaway(LAST)]


async def test_goaway_waits_for_the_end_of_a_frame_and_of_a_header_block(stage: "Stage") -> None:
    async with raw(stage) as (relay, client, server, _):
        client.say(headers(1))
        await server.hear()
        whole = (
            headers(1, b"\x88" * 30, 0) + frame(boundary.CONTINUATION, 4, 1, b"\x88" * 5) + data(1, b"abc")
        )
        server.say(SETTINGS, whole[:50])
        assert [(await client.hear())[0], (await client.hear())[0]] == [boundary.SETTINGS, boundary.HEADERS]
        relay.ask("switch", to="baseline")
        await relay.until(lambda s: s["switch"]["connections"] == 1)
        for at in range(50, len(whole)):
            server.say(whole[at : at + 1])
            await asyncio.sleep(0.001)
        heard = await client.hears(4)
        assert [kind for kind, *_ in heard] == [9, boundary.GOAWAY, boundary.PING, boundary.DATA]


async def test_goaway_never_names_a_higher_stream_than_the_upstreams_own(stage: "Stage") -> None:
    async with raw(stage) as (relay, client, server, _):
        server.say(SETTINGS, frames.goaway(7))
        await client.hears(2)
        relay.ask("switch", to="baseline")
        assert await client.hear() == goaway(7)


async def test_a_stream_that_crossed_with_the_upstreams_goaway_passes_and_holds_nobody(
    stage: "Stage",
) -> None:
    async with raw(stage, linger_s=0.1) as (relay, client, server, _):
        client.say(headers(1))
        server.say(SETTINGS, frames.goaway(LAST), frames.goaway(1))
        await client.hears(3)
        client.say(headers(3), data(3, b"late"))
        assert [await server.hear() for _ in range(3)] == [
            (boundary.HEADERS, 4, 1, b"\x88"),
            (boundary.HEADERS, 4, 3, b"\x88"),
            (boundary.DATA, 0, 3, b"late"),
        ]
        assert relay.status["streams"] == 1
        relay.ask("switch", to="baseline")
        assert await client.hear() == goaway(1)
        client.say(ack(await client.hear()))
        server.say(headers(1, flags=boundary.END_HEADERS | boundary.END_STREAM))
        assert (await client.hear())[:3] == (boundary.HEADERS, 5, 1)
        assert await client.ended()
        status = await relay.until(lambda s: s["switch"]["remaining"] == 0)
        assert status["switch"]["truncated"] == 0


async def test_a_client_that_has_seen_the_goaway_and_has_no_stream_is_let_go(stage: "Stage") -> None:
    async with raw(stage, linger_s=0.1) as (relay, client, server, _):
        server.say(SETTINGS)
        await client.hear()
        relay.ask("switch", to="baseline")
        assert await client.hear() == goaway(LAST)
        ping = await client.hear()
        # A call that was on its way when the GOAWAY was written is still served.
        client.say(headers(1, flags=boundary.END_HEADERS | boundary.END_STREAM), ack(ping))
        assert (await server.hear())[0] == boundary.HEADERS
        assert await client.silent()
        server.say(headers(1, flags=boundary.END_HEADERS | boundary.END_STREAM))
        assert (await client.hear())[0] == boundary.HEADERS
        assert await client.ended() and await server.silent()
        status = await relay.until(lambda s: s["switch"]["remaining"] == 0)
        assert (
            status["switch"]["acknowledged"] == 1 and status["switch"]["switched_ns"] > status["switch"]["ns"]
        )


async def test_an_ended_stream_is_kept_from_both_sides_and_costs_the_others_nothing(stage: "Stage") -> None:
    async with raw(stage) as (relay, client, server, observer):
        client.say(headers(1), data(1, b"12345"), headers(3), data(3, b"12"))
        await server.hears(4)
        server.say(SETTINGS, headers(1), headers(3))
        await client.hears(3)
        # Idle as of fewer bytes than have passed: a request is on its way, the stream stays.
        await observer.say(copy.idle(1, 0, 1, 4) + copy.idle(1, 0, 3, 1))
        relay.ask("switch", to="baseline")
        assert await client.hear() == goaway(LAST)
        ping = await client.hear()
        assert await client.silent()
        await observer.say(copy.idle(1, 0, 1, 5))
        kind, flags, stream, block = await client.hear()
        assert (kind, flags, stream) == (boundary.HEADERS, 5, 1)
        assert decoded(block) == [("grpc-status", "14"), ("grpc-message", MESSAGE)]
        assert await client.hear() == (boundary.RST_STREAM, 0, 1, bytes(4))
        assert await server.hear() == (boundary.RST_STREAM, 0, 1, (8).to_bytes(4))

        # The client's frames on it, cut anywhere: only header blocks and other streams pass.
        foreign = frame(boundary.PING, boundary.ACK, 0, b"upstream")
        said = data(1, b"x" * 500) + data(3, b"345") + frames.reset(1, 8) + ack(ping) + headers(1, b"\x90")
        for byte in said + foreign:
            client.say(bytes((byte,)))
        assert await server.hears(3) == [
            (boundary.DATA, 0, 3, b"345"),
            (boundary.HEADERS, 4, 1, b"\x90"),
            (boundary.PING, 1, 0, b"upstream"),
        ]
        assert await client.hear() == (boundary.WINDOW_UPDATE, 0, 0, (500).to_bytes(4))
        # The upstream's frames on it: the same, and its window is given back to it.
        server.say(data(1, b"1234567"), headers(1, b"\x91", 5), frames.reset(1, 0), data(3, b"end", 1))
        assert await client.hears(2) == [(boundary.HEADERS, 5, 1, b"\x91"), (boundary.DATA, 1, 3, b"end")]
        assert await server.hear() == (boundary.WINDOW_UPDATE, 0, 0, (7).to_bytes(4))
        assert await client.ended()
        assert relay.status["ended_idle"] == 1


async def test_a_stream_without_any_answer_ends_with_a_whole_trailers_only_block(stage: "Stage") -> None:
    async with raw(stage) as (relay, client, server, _):
        client.say(headers(1))
        server.say(SETTINGS)
        await client.hear()
        relay.ask("switch", to="baseline", drain_max_s=0)
        await client.hears(2)
        *_, block = await client.hear()
        assert decoded(block) == [
            (":status", "200"),
            ("content-type", "application/grpc"),
            ("grpc-status", "14"),
            ("grpc-message", MESSAGE),
        ]


async def test_a_half_closed_call_is_never_called_idle(stage: "Stage") -> None:
    async with raw(stage) as (relay, client, server, observer):
        client.say(headers(1), data(1, b"12345", 1))
        await server.hears(2)
        server.say(SETTINGS)
        await client.hear()
        await observer.say(copy.idle(1, 0, 1, 5))
        relay.ask("switch", to="baseline")
        await client.hears(2)
        assert await client.silent()
        server.say(headers(1, flags=5))
        assert (await client.hear())[0] == boundary.HEADERS
        assert relay.status["ended_idle"] == 0


async def test_a_call_that_is_about_to_be_half_closed_keeps_the_status_of_its_answer(stage: "Stage") -> None:
    """grpc.aio sends the end of a call of one request after its message: the whole answer may come in between."""
    async with raw(stage) as (relay, client, server, observer):
        client.say(headers(1), data(1, b"12345"))
        await server.hears(2)
        server.say(SETTINGS, headers(1), data(1, b"answer"))
        await client.hears(3)
        await observer.say(copy.idle(1, 0, 1, 5))
        relay.ask("switch", to="baseline")
        _, ping = await client.hears(2)
        assert await client.silent()
        client.say(data(1, b"", 1), ack(ping))
        await server.hear()
        server.say(headers(1, flags=5))
        kind, flags, stream, _ = await client.hear()
        assert (kind, flags, stream) == (boundary.HEADERS, 5, 1)
        await relay.until(lambda s: s["switch"]["remaining"] == 0)
        assert relay.status["ended_idle"] == 0


async def test_peers_that_never_finish_are_closed_at_the_limit(stage: "Stage") -> None:
    async with raw(stage, linger_s=0.1) as (relay, client, server, _):
        # The upstream stops in the middle of a frame: there is no boundary to say anything at.
        client.say(headers(1))
        server.say(SETTINGS, data(1, b"x" * 100)[:50])
        await client.hear()
        relay.ask("switch", to="baseline", drain_max_s=0.1)
        await relay.until(lambda s: s["switch"]["remaining"] == 0 and s["connections"] == 0)
        assert relay.status["truncated"] == 1


async def test_grpcio_stays_in_step_when_trailers_cross_with_the_end_of_their_stream(stage: "Stage") -> None:
    """The upstream indexes a header in trailers nobody waits for any more, and refers to it afterwards."""
    encoder = hpack.Encoder()
    ended = boundary.END_HEADERS | boundary.END_STREAM
    resets = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        await peer.preface()
        peer.say(SETTINGS)
        opened: list[int] = []
        try:
            while True:
                kind, flags, stream, _payload = await peer.hear()
                if kind == boundary.SETTINGS and not flags:
                    peer.say(frame(boundary.SETTINGS, 1, 0, b""))
                elif kind == boundary.HEADERS:
                    opened.append(stream)
                    answer = [(":status", "200"), ("content-type", "application/grpc")]
                    peer.say(headers(stream, encoder.encode(answer)))
                elif kind == boundary.DATA and stream == opened[0]:
                    peer.say(data(stream, b"\0\0\0\0\2hi"))
                elif kind == boundary.RST_STREAM and stream == opened[0]:
                    peer.say(
                        headers(stream, encoder.encode([("grpc-status", "0"), ("x-late", "kept")]), ended)
                    )
                    peer.say(data(opened[1], b"\0\0\0\0\2ho"))
                    peer.say(
                        headers(opened[1], encoder.encode([("grpc-status", "0"), ("x-late", "kept")]), ended)
                    )
                    resets.set()
        except (asyncio.IncompleteReadError, TimeoutError, ConnectionError):
            peer.close()

    upstream = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = upstream.sockets[0].getsockname()
    await stage.observer(marks=True)
    relay = stage.relay(candidate=f"{host}:{port}")
    await relay.until(lambda s: s["observer_connected"])
    channel = stage.channel(relay.address)
    held = channel.stream_stream("/t.T/Chat")()
    await held.write(b"hello")
    assert await held.read() == b"hi"
    other = channel.unary_unary("/t.T/Unary")(b"x")
    await relay.until(lambda s: s["streams"] == 2)
    await asyncio.sleep(0.05)
    relay.ask("switch", to="baseline")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        assert await held.read() is not grpc.aio.EOF  # type: ignore[attr-defined]
        raise AssertionError("the held stream should have ended")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert await other == b"ho"
    assert dict(await other.trailing_metadata())["x-late"] == "kept"
    assert resets.is_set()
    await relay.until(lambda s: s["switch"]["remaining"] == 0)
    upstream.close()
