"""Several replicas of an engine: which one serves, what callers see when one is gone, and whose address it learns."""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from understudy.errors import ConfigError
from understudy.relay import Settings, proxy
from understudy.relay.counts import Counts
from understudy.relay.dial import Dialer

from tests.relay.conftest import Engine
from tests.relay.test_relay_tls import CALLER, channel, listener

if TYPE_CHECKING:
    from tests.relay.conftest import Stage


def nowhere() -> str:
    """An address that refuses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


async def replicas(count: int) -> list[Engine]:
    return [await Engine(f"candidate-{n}").start() for n in range(count)]


async def served_by(stage: "Stage", address: str) -> str:
    reply: bytes = await stage.channel(address).unary_unary("/t.T/Unary")(b"x")
    return reply.decode().partition(":")[0]


async def test_each_connection_goes_to_the_replica_with_fewest(stage: "Stage") -> None:
    engines = await replicas(3)
    relay = stage.relay(candidate=tuple(e.address for e in engines))
    assert sorted([await served_by(stage, relay.address) for _ in range(6)]) == sorted(
        [e.name.decode() for e in engines] * 2
    )
    assert [one["connections"] for one in relay.status["upstreams"]["candidate"]] == [2, 2, 2]
    await stage.channels[0].close()
    status = await relay.until(lambda s: s["connections"] == 5)
    lightest = min(status["upstreams"]["candidate"], key=lambda one: one["connections"])["address"]
    again = await served_by(stage, relay.address)
    assert lightest == next(e.address for e in engines if e.name.decode() == again)
    for engine in engines:
        await engine.stop()


async def test_a_replica_that_is_gone_costs_callers_nothing_and_is_back_when_it_is_back(
    stage: "Stage",
) -> None:
    engine = await Engine("candidate-0").start()
    dead = nowhere()
    relay = stage.relay(candidate=(dead, engine.address), check_s=0.05, retry_s=30.0, retry_max_s=30.0)
    status = await relay.until(lambda s: not s["upstreams"]["candidate"][0]["up"])
    assert {await served_by(stage, relay.address) for _ in range(4)} == {"candidate-0"}
    assert relay.status["upstream_failures"]["candidate"] == status["upstream_failures"]["candidate"] == 0
    back = Engine("candidate-1")
    back._server.add_insecure_port(dead)
    await back._server.start()
    await relay.until(lambda s: s["upstreams"]["candidate"][0]["up"])
    assert await served_by(stage, relay.address) == "candidate-1"
    for each in (engine, back):
        await each.stop()


async def test_a_caller_that_meets_a_dead_replica_is_served_by_the_next_and_with_none_left_hears_it_at_once(
    stage: "Stage",
) -> None:
    engine = await Engine("candidate-0").start()
    relay = stage.relay(candidate=(nowhere(), nowhere(), engine.address), check_s=60.0)
    assert await served_by(stage, relay.address) == "candidate-0"
    status = relay.status
    assert status["upstream_failures"]["candidate"] == 2 and status["unreached"]["candidate"] == 0
    # Both are left alone now: the next caller costs no attempt at them.
    assert await served_by(stage, relay.address) == "candidate-0"
    assert relay.status["upstream_failures"]["candidate"] == 2
    await engine.stop()
    before = asyncio.get_running_loop().time()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await served_by(stage, relay.address)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert asyncio.get_running_loop().time() - before < 2
    assert relay.status["unreached"]["candidate"] >= 1
    await stage.channels[-1].close()
    await relay.until(lambda s: not any(one["connections"] for one in s["upstreams"]["candidate"]))


async def test_a_replica_that_does_not_answer_leaves_time_for_the_next(stage: "Stage") -> None:
    # A full backlog drops what comes: the connection hangs instead of being refused.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        host, port = full.getsockname()
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex((host, port))
        engine = await Engine("candidate-0").start()
        relay = stage.relay(candidate=(f"{host}:{port}", engine.address), connect_timeout_s=0.6, check_s=60.0)
        # The patience of the other tests' channels is shorter than this takes.
        async with grpc.aio.insecure_channel(relay.address) as channel:
            assert await channel.unary_unary("/t.T/Unary", None, None)(b"x") == b"candidate-0:x"
        assert relay.status["unreached"]["candidate"] == 0
        for filler in fillers:
            filler.close()
        await engine.stop()


def test_replicas_are_tried_lightest_first_and_those_left_alone_last() -> None:
    dialer = Dialer(Settings(candidate=("a:1", "b:1", "c:1")), Counts())
    engine = dialer.engines["candidate"]
    a, b, c = engine.replicas
    assert engine.order(0.0) == [a, b, c]
    engine.chosen(a)
    assert engine.order(0.0) == [b, c, a]
    b.connections, c.connections, a.until, b.until = 5, 6, 20.0, 10.0
    assert engine.order(5.0) == [c, b, a]
    assert engine.order(15.0) == [b, c, a]


def test_no_address_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"relay\.candidate"):
        Settings(candidate=())


class Named:
    """An upstream that keeps what each connection began with."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.server: asyncio.Server | None = None

    async def start(self) -> str:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return "{}:{}".format(*self.server.sockets[0].getsockname())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append(await reader.read(4096))
        writer.close()

    async def first(self) -> bytes:
        async with asyncio.timeout(5):
            while not self.heard:
                await asyncio.sleep(0.01)
        return self.heard[0]


SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


async def test_the_engine_learns_the_callers_address_on_request_and_the_observer_does_not(
    stage: "Stage",
) -> None:
    observer, upstream = await stage.observer(), Named()
    relay = stage.relay(candidate=await upstream.start(), upstream_proxy=True)
    await relay.until(lambda s: s["observer_connected"])
    reader, writer = await asyncio.open_connection(*relay.address.split(":"))
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    heard = await upstream.first()
    port = writer.get_extra_info("sockname")[1]
    head = SIGNATURE + b"\x21\x11\0\x0c" + bytes((127, 0, 0, 1)) * 2
    head += struct.pack("!HH", port, int(relay.address.split(":")[1]))
    assert heard.startswith(head) and not heard[28:].startswith(SIGNATURE)
    with suppress(ConnectionResetError):  # what it said last may lie unread
        await reader.read()
    writer.close()
    await relay.until(lambda s: s["connections"] == 0)
    assert SIGNATURE not in b"".join(r.payload for r in observer.records)
    assert upstream.server is not None
    upstream.server.close()


async def test_a_certificate_that_let_the_caller_in_is_named_to_the_engine(stage: "Stage") -> None:
    upstream = Named()
    relay = stage.relay(
        candidate=await upstream.start(), upstream_proxy=True, tls=listener(stage.directory, mutual=True)
    )
    call: Any = channel(stage, relay, certificate=CALLER).unary_unary("/t.T/Unary")(b"x")
    heard = await upstream.first()
    assert heard.startswith(SIGNATURE + b"\x21\x11")
    told = heard[16 + 12 : 16 + int.from_bytes(heard[14:16])]
    assert told[0] == 0x20 and told[3] == 5 and told[4:8] == b"\0\0\0\0"
    assert b"\x21\0\x07TLSv1.3" in told and b"\x22\0\x06caller" in told
    call.cancel()
    assert upstream.server is not None
    upstream.server.close()


def test_a_caller_on_a_unix_socket_has_no_address_to_tell() -> None:
    class Transport(asyncio.Transport):
        def get_extra_info(self, name: str, default: Any = None) -> Any:
            return {"peername": "", "sockname": "/run/x.sock"}.get(name)

    assert proxy.header(Transport()) == SIGNATURE + b"\x21\x00\0\0"
