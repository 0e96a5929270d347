"""The end of a connection: a client that reads slowly gets everything, one that does not read is let go and counted."""

import asyncio
import math
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from understudy.relay import frames
from understudy.relay.linger import Linger, unsent
from understudy.wire.boundary import END_HEADERS, END_STREAM, HEADERS, PREFACE, RST_STREAM

from tests.relay.test_relay_frames import SETTINGS, data, headers, raw

if TYPE_CHECKING:
    from tests.relay.conftest import Running, Stage

HELLO = PREFACE + SETTINGS + headers(1, flags=END_HEADERS | END_STREAM)
LAST = headers(1, flags=END_HEADERS | END_STREAM)


def reply(size: int) -> bytes:
    """A whole one, which `got` of the same size tells from part of it."""
    frames_of_it = [data(1, b"z" * 16_000) for _ in range(size // 16_000)]
    return SETTINGS + headers(1) + b"".join(frames_of_it) + LAST


@asynccontextmanager
async def served(
    stage: "Stage", said: bytes, then: str, *, tcp: bool = False, **changes: Any
) -> AsyncIterator[tuple["Running", socket.socket, asyncio.Event]]:
    """A client of an engine that says this at once and then "closes", "stays", or "dies" when the event is set.

    On a unix socket the kernel holds little of what is unread, so that the relay itself does.
    """
    event, done = asyncio.Event(), asyncio.Event()

    async def engine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(HELLO))
        writer.write(said)
        await writer.drain()
        if then == "stays":
            await reader.read(-1)
        elif then == "dies":
            await event.wait()
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        done.set()

    server = await asyncio.start_server(engine, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    listen = {} if tcp else {"listen": f"unix:{stage.directory / 'relay-listens.sock'}"}
    relay = stage.relay(candidate=f"{host}:{port}", **listen, **changes)
    with socket.socket(socket.AF_INET if tcp else socket.AF_UNIX) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        name, _, number = relay.address.rpartition(":")
        client.connect((name, int(number)) if tcp else number)
        client.sendall(HELLO)
        client.setblocking(False)
        yield relay, client, event
    await done.wait()
    server.close()
    await server.wait_closed()


async def everything(client: socket.socket, pause_s: float = 0.0) -> bytes:
    """What a client reads until the end, slowly where a pause is given."""
    loop, got = asyncio.get_running_loop(), b""
    async with asyncio.timeout(15):
        while piece := await loop.sock_recv(client, 30_000):
            got += piece
            await asyncio.sleep(pause_s)
    return got


async def test_a_client_that_reads_late_gets_all_that_an_engine_said_before_it_closed(stage: "Stage") -> None:
    said = reply(400_000)
    async with served(stage, said, "closes", linger_s=0.1) as (relay, client, _):
        await relay.until(lambda s: s["server_bytes"] == len(said))
        await asyncio.sleep(0.6)  # far more than a client may take that has everything
        assert await everything(client) == said
        client.close()
        assert (await relay.until(lambda s: not s["connections"]))["cut"] == 0


async def test_a_client_that_reads_slowly_gets_the_whole_reply_after_a_switch(stage: "Stage") -> None:
    said = reply(400_000)
    async with served(stage, said, "stays", linger_s=0.5) as (relay, client, _):
        await relay.until(lambda s: s["server_bytes"] == len(said) and not s["streams"])
        relay.ask("switch", to="baseline", drain_max_s=1.5)
        # The GOAWAY is not answered, so that only the limit ends it: from then on it is read, but slowly.
        await asyncio.sleep(1.4)
        got = await everything(client, 0.13)
        assert got.startswith(said) and got[len(said) + 3] == 7
        assert (await relay.until(lambda s: not s["connections"]))["cut"] == 0


async def test_a_client_that_never_reads_is_let_go_and_counted(stage: "Stage") -> None:
    said = reply(400_000)
    async with served(stage, said, "closes", linger_s=0.1, drain_max_s=0.4) as (relay, _, _):
        await relay.until(lambda s: s["server_bytes"] == len(said))
        began = time.monotonic()
        assert (await relay.until(lambda s: not s["connections"]))["cut"] == 1
        assert 0.3 < time.monotonic() - began < 3


async def test_what_an_engine_said_before_it_died_is_not_lost_in_the_kernel(stage: "Stage") -> None:
    said = reply(300_000)
    async with served(stage, said, "dies", tcp=True, linger_s=0.1) as (relay, client, died):
        await relay.until(lambda s: s["server_bytes"] == len(said))
        died.set()
        await relay.until(lambda s: s["resets"] == 1)
        client.send(frames.ping(b"whatever"))  # a client that talks on must not be answered with a reset
        await asyncio.sleep(0.4)
        assert await everything(client) == said


async def test_a_reply_that_stalls_in_mid_frame_and_is_given_up_does_not_hold_a_drain(stage: "Stage") -> None:
    async with raw(stage, linger_s=0.1) as (relay, client, server, _):
        client.say(headers(1))
        await server.hear()
        server.say(SETTINGS, headers(1))
        await client.hears(2)
        relay.ask("switch", to="baseline", drain_max_s=0.3)
        await client.hears(2)
        server.say(data(1, b"y" * 9000)[:500])
        client.say(frames.reset(1, frames.CANCEL))
        assert (await server.hear())[0] == RST_STREAM
        status = await relay.until(lambda s: not s["connections"])
        assert (status["truncated"], status["cut"]) == (0, 1)


async def test_the_rest_of_a_frame_that_is_kept_back_holds_nobody(stage: "Stage") -> None:
    async with raw(stage, linger_s=0.1) as (relay, client, server, _):
        client.say(headers(1))
        await server.hear()
        server.say(SETTINGS, headers(1))
        await client.hears(2)
        relay.ask("switch", to="baseline", drain_max_s=0)
        assert [kind for kind, *_ in await client.hears(4)] == [7, 6, HEADERS, RST_STREAM]
        server.say(data(1, b"y" * 9000)[:500])
        assert await client.ended()
        status = await relay.until(lambda s: not s["connections"])
        assert (status["truncated"], status["cut"]) == (1, 0)


def ends(looks: list[tuple[float, int]], limit: float = math.inf) -> float:
    """When a client that has so much unsent at these times is let go; the first time is its beginning."""
    linger = Linger(looks[0][0], looks[0][1], quiet_s=1.0, stall_s=30.0)
    for now, left in looks:
        if linger.ends(now, left, limit):
            return now
    return math.inf


def every_half(count: int, left: Any) -> list[tuple[float, int]]:
    return [(turn / 2, left(turn / 2)) for turn in range(count)]


@pytest.mark.parametrize(
    ("left", "limit", "end"),
    [
        (lambda _: 0, math.inf, 1.0),
        # It reads for ten seconds, then has a second to close.
        (lambda now: max(0, 100 - int(10 * now)), math.inf, 11.0),
        (lambda now: max(0, 100 - int(10 * now)), 3.0, 7.0),
        (lambda now: 100 if now < 20 else 0, math.inf, 21.0),
        (lambda _: 100, math.inf, 30.0),
        (lambda _: 100, 12.0, 12.0),
        (lambda _: 100, 0.0, 1.0),
        # More is said meanwhile: that is no movement.
        (lambda now: 100 + int(now), math.inf, 30.0),
    ],
)
def test_the_clock_runs_only_while_nothing_moves(left: Any, limit: float, end: float) -> None:
    assert ends(every_half(100, left), limit) == end


async def test_unsent_is_what_the_peers_kernel_has_not_taken() -> None:
    ours: asyncio.Queue[asyncio.Transport] = asyncio.Queue()

    class Kept(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            ours.put_nowait(transport)

    server = await asyncio.get_running_loop().create_server(Kept, "127.0.0.1", 0)
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        peer.connect(server.sockets[0].getsockname())
        peer.setblocking(False)
        transport = await ours.get()
        transport.write(b"z" * 200_000)
        left, read = unsent(transport, False), 0
        assert 100_000 < left < 200_000 and unsent(transport, True) == transport.get_write_buffer_size()
        while read < 200_000:
            read += len(await asyncio.get_running_loop().sock_recv(peer, 65_536))
        async with asyncio.timeout(5):
            while unsent(transport, False):
                await asyncio.sleep(0.01)
        transport.abort()
    server.close()
