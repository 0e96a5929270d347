"""How long connections may stay: silent ones, idle ones, old ones, and clients that mean no good."""

import asyncio
import math
import resource
import socket
import time
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from understudy.relay import frames
from understudy.relay.counts import Counts, Departure
from understudy.relay.settings import Settings
from understudy.relay.tenure import AGED, Tenure
from understudy.wire import boundary
from understudy.wire.boundary import END_HEADERS, HEADERS, LAST, PREFACE, SETTINGS

from tests.relay.test_relay_passes import connect
from tests.relay.test_relay_tls import listener

if TYPE_CHECKING:
    from tests.relay.conftest import Stage


@pytest.mark.parametrize("said", [b"", PREFACE[:10], PREFACE])
@pytest.mark.parametrize("secure", [False, True])
async def test_who_does_not_say_in_time_what_it_speaks_is_let_go(
    stage: "Stage", said: bytes, secure: bool
) -> None:
    relay = stage.relay(preface_s=0.2, tls=listener(stage.directory) if secure else None)
    began = time.monotonic()
    with connect(relay) as slow:
        if secure:
            slow.sendall(b"\x16\x03\x01\x02\x00\x01"[: len(said)])
        elif said:
            slow.sendall(said)

        def until_closed() -> None:
            try:
                while slow.recv(4096):
                    pass
            except ConnectionResetError:
                pass

        await asyncio.to_thread(until_closed)
    assert 0.15 < time.monotonic() - began < 2
    status = await relay.until(lambda s: not s["connections"])
    assert status["silent"] == 1 and status["handshake_failures"] == {}


class Caller:
    """A connection as tenure sees it."""

    def __init__(self, blind: bool) -> None:
        self.blind, self.leaving, self.went = blind, None, 0

    def depart(self, departure: Departure) -> None:
        assert departure.deadline == math.inf, "its streams take as long as they take"
        self.went += 1
        self.blind = False


@pytest.mark.parametrize("share", [0.0, 0.01])
def test_callers_whom_no_observer_can_follow_are_told_to_go_a_few_at_a_time_when_that_is_wanted(
    share: float,
) -> None:
    callers: dict[int, Any] = {number: Caller(number % 2 == 0) for number in range(300)}
    counts = Counts()
    tenure = Tenure(Settings(renew_blind_share=share), counts, callers)
    went = []
    for turn in range(400):
        tenure.renew(100 + turn / 20)
        went.append(sum(caller.went for caller in callers.values()))
    assert counts.renewed == went[-1] and not any(callers[number].went for number in range(1, 300, 2))
    if share:
        assert 30 <= went[-1] <= 63, "3 of 300 a second, for 20 s"
        assert all(later - now <= 9 for now, later in zip(went, went[20:], strict=False))
    else:
        assert went[-1] == 0


async def test_a_connection_without_streams_is_told_to_go_and_a_used_one_is_not(stage: "Stage") -> None:
    relay = stage.relay(idle_s=0.4)
    idle, used = stage.channel(relay.address), stage.channel(relay.address)
    assert await idle.unary_unary("/t.T/Unary")(b"x")
    stream = used.unary_stream("/t.T/Stream")(b"15 10", metadata=(("delay", "0.1"),))
    assert len([message async for message in stream]) == 15
    status = relay.status
    assert status["idle"] == 1 and status["connections"] == 1
    # The caller only reconnects: nothing of its calls is lost.
    assert await idle.unary_unary("/t.T/Unary")(b"x") == b"candidate:x"
    status = await relay.until(lambda s: s["idle"] == 3 and not s["connections"])
    assert status["truncated"] == status["ended_idle"] == status["resets"] == 0


async def test_an_old_connection_finishes_its_streams_and_its_caller_comes_back(stage: "Stage") -> None:
    relay = stage.relay(max_age_s=0.3)
    channel = stage.channel(relay.address)
    stream = aiter(channel.unary_stream("/t.T/Stream")(b"12 10", metadata=(("delay", "0.1"),)))
    await anext(stream)
    await relay.until(lambda s: s["aged"] == 1)
    assert await channel.unary_unary("/t.T/Unary")(b"x") == b"candidate:x"
    assert len([message async for message in stream]) == 11
    status = await relay.until(lambda s: not s["connections"])
    assert status["truncated"] == status["ended_idle"] == 0 and status["accepted"] == status["aged"]


async def test_a_held_stream_outlasts_the_age_but_not_the_grace(stage: "Stage") -> None:
    relay = stage.relay(max_age_s=0.2, max_age_grace_s=0.4)
    call = stage.channel(relay.address).stream_stream("/t.T/Chat")()
    await call.write(b"one")
    assert await call.read() == b"candidate:one"
    await relay.until(lambda s: s["aged"] == 1)
    await call.write(b"two")
    assert await call.read() == b"candidate:two"
    with pytest.raises(grpc.aio.AioRpcError):
        await call.read()
    assert (await call.code(), await call.details()) == (grpc.StatusCode.UNAVAILABLE, AGED)
    await relay.until(lambda s: not s["connections"])


async def test_ages_differ_so_that_callers_do_not_all_come_back_at_once(stage: "Stage") -> None:
    relay = stage.relay(max_age_s=2.0)
    for _ in range(8):
        assert await stage.channel(relay.address).unary_unary("/t.T/Unary")(b"x")
    seen = set()
    async with asyncio.timeout(6):
        while (aged := relay.status["aged"]) < 8:
            seen.add(aged)
            await asyncio.sleep(0.01)
    assert len(seen) > 2


async def test_a_flood_of_resets_is_the_engines_to_judge_and_leaves_nothing_here(stage: "Stage") -> None:
    relay = stage.relay()
    block = bytes.fromhex("838644") + bytes((len("/t.T/Chat"),)) + b"/t.T/Chat" + b"\x41\x01x"
    count = 20_000
    flood = b"".join(
        frames.frame(HEADERS, END_HEADERS, 2 * n + 1, block) + frames.reset(2 * n + 1, frames.CANCEL)
        for n in range(count)
    )

    def attack(sock: socket.socket) -> None:
        try:
            sock.sendall(PREFACE + frames.settings() + flood)
            while sock.recv(65536):
                pass
        except (OSError, TimeoutError):
            pass

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with connect(relay) as sock:
        sock.settimeout(1)
        well = stage.channel(relay.address).unary_unary("/t.T/Unary")
        assert await well(b"x")
        attacking = asyncio.create_task(asyncio.to_thread(attack, sock))  # noqa: TID251
        assert [await well(b"x") for _ in range(20)] == [b"candidate:x"] * 20
        await attacking
        assert relay.status["streams"] == 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
    await relay.until(lambda s: s["connections"] == 1)


async def test_a_tls_client_that_never_reads_fills_no_memory(stage: "Stage") -> None:
    import ssl

    from tests.relay.test_relay_tls import client_context

    relay = stage.relay(tls=listener(stage.directory), buffer_bytes=65536)

    def ask() -> ssl.SSLSocket:
        sock = client_context().wrap_socket(connect(relay), server_hostname="127.0.0.1")
        window = frames.frame(boundary.WINDOW_UPDATE, 0, 0, (2**31 - 65536).to_bytes(4))
        settings = frames.frame(SETTINGS, 0, 0, b"\0\4" + LAST.to_bytes(4))
        block = bytes.fromhex("838644") + bytes((11,)) + b"/t.T/Stream" + b"\x41\x01x"
        block += b"\x00\x02te\x08trailers\x5f\x10application/grpc"
        said = b"999 1000000"
        body = b"\0" + len(said).to_bytes(4) + said
        sock.sendall(
            PREFACE
            + settings
            + window
            + frames.frame(HEADERS, END_HEADERS, 1, block)
            + frames.frame(boundary.DATA, 1, 1, body)
        )
        return sock

    silent = await asyncio.to_thread(ask)
    before = -1
    async with asyncio.timeout(10):
        while (now := relay.status["server_bytes"]) != before or now < 100_000:
            before = now
            await asyncio.sleep(0.2)
    assert before < 8 * 1024 * 1024
    silent.close()
    await relay.until(lambda s: s["connections"] == 0)
