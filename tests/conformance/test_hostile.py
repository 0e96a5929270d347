"""Bad input, against a real relay or compat mode and a real observer: its sender sees what the engine would have
shown, everybody else notices nothing, both processes live, their memory stays bounded, and what could not be followed
is counted."""

import asyncio
import json
import random
import ssl
import tempfile
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
import pytest_asyncio

from tests.conformance import raw
from tests.conformance.cases import MIB
from tests.conformance.clients import OPTIONS
from tests.conformance.paths import Route, listens, part, relay_settings, until
from tests.conformance.raw import Client, connected, frame, message, request
from tests.conformance.upstream import SERVICE, Upstream
from tests.observe.stage import Controller

pytestmark = pytest.mark.asyncio(loop_scope="module")

GROWS = {"relay": 24 * MIB, "compat": 320 * MIB}
"""What all of it together may leave resident. Compat mode inflates, and takes messages whole: 64 MiB of a bomb here,
a few copies of which its allocator keeps."""
OBSERVER_GROWS = 64 * MIB
"""It holds a message of 8 MiB and a copy while it inflates."""


def dial(address: str) -> Any:
    """grpcio's asyncio client, on a connection of its own."""
    return grpc.aio.insecure_channel(address, options=list(OPTIONS.items()))


@dataclass
class Stage:
    """An engine, path and observer before it, a channel through them that lives all along, and sizes at the start."""

    upstream: Upstream
    route: Route
    observer: psutil.Process
    path: psutil.Process
    controller: Controller
    channel: Any
    sizes: tuple[int, int] = (0, 0)

    async def sound(self) -> None:
        """A well-behaved caller is served and observed, on an old connection and on a new one."""
        before = self.controller.ledger.requests
        path, fresh = f"/{SERVICE}/UnaryCall", dial(self.route.address)
        async with asyncio.timeout(5), fresh:
            assert await self.channel.unary_unary(path)(b"old") == b"old"
            assert await fresh.unary_unary(path)(b"new") == b"new"
            while self.controller.ledger.requests < before + 2:
                await asyncio.sleep(0.02)

    def resident(self) -> tuple[int, int]:
        """Bytes of the path and the observer."""
        return self.path.memory_info().rss, self.observer.memory_info().rss

    async def counted(self, reason: str, before: int, count: int = 1) -> None:
        """The observer has counted so many more for that reason."""
        async with asyncio.timeout(5):
            while self.unobserved(reason) < before + count:
                await asyncio.sleep(0.02)

    def unobserved(self, reason: str) -> int:
        """How often that was the reason."""
        return int(self.controller.ledger.unobserved.get(reason, 0))


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=GROWS)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    name = request.param
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="us")))
        upstream = await Upstream().start()
        stack.push_async_callback(upstream.stop)
        controller = Controller(folder / "controller.sock")
        await controller.start()
        stack.push_async_callback(controller.stop)
        engines = {"baseline": upstream.address, "candidate": upstream.address}
        sockets = {"socket": f"{folder}/observer.sock", "controller": f"unix:{folder}/controller.sock"}
        observer = await stack.enter_async_context(part("observer", engines | sockets | {"ledger_s": 0.1}))
        path = await stack.enter_async_context(part(name, relay_settings(folder, **engines)))
        route = Route(listens(folder), bytes=name == "relay", folder=folder, name=name)
        await until(route, lambda status: bool(status["observer_connected"]), 20)
        channel = await stack.enter_async_context(dial(route.address))
        made = Stage(
            upstream, route, psutil.Process(observer.pid), psutil.Process(path.pid), controller, channel
        )
        await made.sound()
        made.sizes = made.resident()
        yield made
        # Whatever was done: all is closed, accounted for, and given back.
        await made.sound()
        await quiet(route)
        grown = [now - before for now, before in zip(made.resident(), made.sizes, strict=True)]
        assert grown[0] < GROWS[name] and grown[1] < OBSERVER_GROWS, grown
        ledger = controller.ledger
        assert ledger.requests == ledger.eligible + sum(ledger.skipped.values())
        assert ledger.in_flight == 0


async def quiet(route: Route) -> None:
    """Nothing is open any more, but for the channel that lives all along."""
    if route.bytes:
        await until(route, lambda status: status["connections"] <= 1 and status["streams"] == 0)
    else:
        await until(route, lambda status: status["open_calls"] == 0)


# ---- what is sent


def hello() -> bytes:
    """A TLS ClientHello."""
    out = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="conformance")
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


def opened(client: Client, *, do: str = "") -> bytes:
    """A HEADERS frame that opens stream 1."""
    return frame(raw.HEADERS, raw.END_HEADERS, 1, client.encoder.encode(request("UnaryCall", do=do)))


def bomb(client: Client) -> bytes:
    """4 KB put into the header table once, and named 16,000 times: 64 MB from 20 KB."""
    block = client.encoder.encode(request("UnaryCall"))
    entry = b"\x40\x06x-bomb" + b"\x7f\xa1\x1e" + b"v" * 4000
    block += entry + b"\xbe" * 12_000
    first, rest = block[:16_000], block[16_000:]
    return frame(raw.HEADERS, 0, 1, first) + frame(raw.CONTINUATION, raw.END_HEADERS, 1, rest)


def endless(client: Client) -> bytes:
    """A header block of a MiB, in CONTINUATIONs without an end."""
    piece = b"\x00\x01x\x7f\x81\x7c" + b"v" * 16_000
    return frame(raw.HEADERS, 0, 1, client.encoder.encode(request("UnaryCall"))) + b"".join(
        frame(raw.CONTINUATION, 0, 1, piece) for _ in range(64)
    )


def inflating() -> bytes:
    """A message of 64 KB that becomes 64 MiB."""
    squeeze = zlib.compressobj(9, wbits=31)
    body = squeeze.compress(bytes(64 * MIB)) + squeeze.flush()
    return b"\x01" + len(body).to_bytes(4, "big") + body


def gzipped(client: Client) -> bytes:
    fields = request("UnaryCall", "", ("grpc-encoding", "gzip"))
    data = inflating()
    frames = [frame(raw.HEADERS, raw.END_HEADERS, 1, client.encoder.encode(fields))]
    for at in range(0, len(data), 16_384):
        last = raw.END_STREAM if at + 16_384 >= len(data) else 0
        frames.append(frame(raw.DATA, last, 1, data[at : at + 16_384]))
    return b"".join(frames)


def many_headers(client: Client) -> bytes:
    fields = request("UnaryCall", "", *((f"x-{number}", "v" * 200) for number in range(70)))
    block = client.encoder.encode(fields)
    return frame(raw.HEADERS, raw.END_HEADERS, 1, block[:16_000]) + frame(raw.DATA, 1, 1, message(b"x"))


NOISE = random.Random(5).randbytes(64 * 1024)

RAW: dict[str, bytes] = {
    "garbage": NOISE,
    "http1": b"GET /v2/health/ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "garbage_after_the_preface": raw.PREFACE + NOISE,
    "preface_cut_off": raw.PREFACE[:20] + b"XX\r\n\r\n",
}
"""Bytes from the connection's start."""

FRAMES: dict[str, tuple[Callable[[Client], bytes], str]] = {
    "hpack_bomb": (bomb, "oversize"),
    "header_block_without_end": (endless, "oversize"),
    "header_list_too_long": (many_headers, ""),
    "gzip_bomb": (gzipped, "oversize"),
    "settings_of_5_bytes": (lambda c: frame(raw.SETTINGS, 0, 0, b"12345"), "protocol"),
    "window_update_of_3_bytes": (
        lambda c: opened(c) + frame(raw.WINDOW_UPDATE, 0, 0, b"123"),
        "protocol",
    ),
    "reset_of_3_bytes": (lambda c: opened(c) + frame(raw.RST_STREAM, 0, 1, b"123"), "protocol"),
    "ping_of_9_bytes": (lambda c: opened(c) + frame(raw.PING, 0, 0, b"123456789"), "protocol"),
    "frame_over_the_maximum": (
        lambda c: opened(c) + frame(raw.DATA, 0, 1, bytes(70_000), length=5_000_000),
        "protocol",
    ),
    "headers_on_stream_0": (lambda c: frame(raw.HEADERS, raw.END_HEADERS, 0, b"\x83"), "protocol"),
    "continuation_of_nothing": (lambda c: frame(raw.CONTINUATION, raw.END_HEADERS, 1, b"\x83"), "protocol"),
    "broken_hpack": (
        lambda c: frame(raw.HEADERS, raw.END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff\xff"),
        "hpack",
    ),
    "message_longer_than_its_stream": (
        lambda c: opened(c) + frame(raw.DATA, raw.END_STREAM, 1, b"\0\0\0\1\0abc"),
        "protocol",
    ),
    "message_of_4_gib": (
        lambda c: opened(c) + frame(raw.DATA, raw.END_STREAM, 1, b"\0\xff\xff\xff\xffabc"),
        "oversize",
    ),
    "message_with_an_unknown_flag": (
        lambda c: opened(c) + frame(raw.DATA, raw.END_STREAM, 1, b"\7\0\0\0\1x"),
        "protocol",
    ),
    "compressed_nonsense": (
        lambda c: (
            frame(raw.HEADERS, 4, 1, c.encoder.encode(request("UnaryCall", "", ("grpc-encoding", "gzip"))))
            + frame(raw.DATA, raw.END_STREAM, 1, b"\1\0\0\0\4abcd")
        ),
        "compression",
    ),
}
"""Frames after preface and SETTINGS."""

REFUSED = {"header_list_too_long", "message_of_4_gib"}
"""What compat mode refuses as RESOURCE_EXHAUSTED: with its own headers the list is over the engine's limit; and it
does not wait for a message over `message_bytes`."""


async def outcome(address: str, sent: Callable[[Client], bytes], begin: bool, within_s: float = 1.0) -> Any:
    """How the first stream ended, and whether the connection did."""
    async with connected(address, begin) as client:
        client.send(sent(client))
        # An engine may wait for more; then nothing comes on either way.
        with suppress(TimeoutError):
            heard = client.streams.setdefault(1, raw.Heard())
            await client.until(
                lambda: heard.ended or heard.reset is not None or bool(client.goaways), within_s
            )
        status = dict(client.streams[1].blocks[-1]).get("grpc-status") if client.streams[1].blocks else None
        return status, bool(client.over or client.goaways)


async def as_directly(stage: Stage, sent: Callable[[Client], bytes], begin: bool) -> bool:
    """Whether a relay's client is shown what the engine's is; where that is nothing, a moment has to do."""
    there = await outcome(stage.upstream.address, sent, begin)
    within_s = 0.2 if there == (None, False) else 5.0
    return alike(await outcome(stage.route.address, sent, begin, within_s), there)


def alike(here: Any, there: Any) -> bool:
    """The same, but that the end of a connection may overtake what was said before it: TCP resets do."""
    refused = [over or status not in (None, "0") for status, over in (here, there)]
    said = {status for status, _ in (here, there) if status is not None}
    return refused[0] == refused[1] and len(said) <= 1


@pytest.mark.parametrize("name", RAW)
async def test_what_is_no_http2_is_passed_to_the_engine_and_counted(stage: Stage, name: str) -> None:
    before = (await stage.route.status()).get("opaque", 0)
    assert await as_directly(stage, lambda _: RAW[name], begin=False)
    if stage.route.bytes:
        assert (await until(stage.route, lambda status: status["opaque"] > before))["opaque"] == before + 1
    await stage.sound()


async def test_tls_to_a_plain_port_is_refused_cleanly_and_counted_as_that(stage: Stage) -> None:
    if not stage.route.bytes:
        pytest.skip("gRPC's server refuses it, and counts nothing")
    before = await stage.route.status()
    assert await as_directly(stage, lambda _: hello(), begin=False)
    after = await until(
        stage.route, lambda status: status["handshake_failures"] != before["handshake_failures"]
    )
    assert after["handshake_failures"]["tls"] == before["handshake_failures"].get("tls", 0) + 1
    assert after["opaque"] == before["opaque"], "the engine was not asked"
    await stage.sound()


@pytest.mark.parametrize("name", FRAMES)
async def test_bad_frames_get_what_the_engine_gives_them_and_are_counted(stage: Stage, name: str) -> None:
    sent, reason = FRAMES[name]
    before = stage.unobserved(reason)
    if not stage.route.bytes and name in REFUSED:
        assert (await outcome(stage.route.address, sent, True, 5.0))[0] == "8"
    else:
        assert await as_directly(stage, sent, begin=True)
    if reason and stage.route.bytes:  # else gRPC has refused it before it was a call
        await stage.counted(reason, before)
    await stage.sound()


# ---- how it is sent


async def served_again(stage: Stage) -> None:
    """One process serves all, and gRPC cancels what waits too long behind a flood: docs/compat.md says so."""
    async with asyncio.timeout(20):
        while True:
            with suppress(grpc.aio.AioRpcError, TimeoutError):
                await stage.sound()
                return


async def flood(
    stage: Stage, act: Callable[[Client], Awaitable[None]], wait: Callable[[Client], bool]
) -> None:
    """Do it, wait for what the engine says to it, and see that all is well."""
    async with connected(stage.route.address) as client:
        await act(client)
        with suppress(TimeoutError):
            await client.until(lambda: wait(client), 0.3)
    if not stage.route.bytes:
        await served_again(stage)
    await stage.sound()


async def test_streams_opened_and_reset_at_once_leave_nothing_behind(stage: Stage) -> None:
    """CVE-2023-44487: each is a call that its client cancelled."""

    async def act(client: Client) -> None:
        for first in range(1, 20_001, 2_000):
            for stream in range(first, first + 2_000, 2):
                client.open(stream, request("FullDuplexCall"))
                client.send(frame(raw.RST_STREAM, 0, stream, (8).to_bytes(4, "big")))
            await asyncio.sleep(0)

    await flood(stage, act, lambda client: client.over)
    await quiet(stage.route)


@pytest.mark.parametrize(
    "one",
    [
        frame(raw.SETTINGS, 0, 0),
        frame(raw.PING, 0, 0, b"12345678"),
        frame(raw.PRIORITY, 0, 1, b"\0\0\0\0\1"),
        frame(raw.WINDOW_UPDATE, 0, 0, b"\0\0\0\1"),
        frame(0x42, 0, 0, b"unknown"),
    ],
    ids=["settings", "ping", "priority", "window", "unknown"],
)
async def test_a_flood_of_frames_that_mean_nothing_is_the_engines_to_refuse(stage: Stage, one: bytes) -> None:
    async def act(client: Client) -> None:
        client.send(one * 30_000)

    await flood(stage, act, lambda client: client.over)


async def test_many_that_say_nothing_or_little_keep_nobody_waiting(stage: Stage) -> None:
    """Slow-loris: connections cost the relay a file descriptor each way and little more."""
    await quiet(stage.route)  # connections of the test before may still be on their way out
    _, port = stage.route.address.split(":")
    held = [await asyncio.open_connection("127.0.0.1", int(port)) for _ in range(150)]
    try:
        for number, (_, writer) in enumerate(held):
            writer.write(raw.PREFACE[: number % 24])
        if stage.route.bytes:
            status = await until(stage.route, lambda status: status["connections"] >= 151)
            assert status["refused"] == 0
        await stage.sound()
    finally:
        for _, writer in held:
            writer.close()
    await quiet(stage.route)


async def test_a_client_that_shuts_its_half_is_not_waited_for(stage: Stage) -> None:
    await quiet(stage.route)
    async with connected(stage.route.address) as client:
        client.open(1, request("FullDuplexCall", "half-open", do=json.dumps({"hold": True})))
        client.ask(1, message(b"x"), end=False)
        await client.until(lambda: bool(client.streams) and bool(client.streams[1].data))
        client._writer.write_eof()
        await quiet(stage.route)
        assert (await stage.upstream.ended("half-open")).ended == "cancelled"
    await stage.sound()


async def test_a_client_that_never_reads_costs_its_buffer_alone(stage: Stage) -> None:
    """256 MiB are asked for with every window wide open, and nothing is read."""
    before, _ = stage.resident()
    _, port = stage.route.address.split(":")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port), limit=1024)
    try:
        wide = (4).to_bytes(2, "big") + (2**31 - 1).to_bytes(4, "big")
        client = Client(reader, writer)
        client.send(raw.PREFACE, frame(raw.SETTINGS, 0, 0, wide))
        client.send(frame(raw.WINDOW_UPDATE, 0, 0, (2**31 - 1 - 65_535).to_bytes(4, "big")))
        do = json.dumps({"size": 256 * 1024, "count": 1024})
        client.open(1, request("StreamingOutputCall", "never-read", do=do))
        client.ask(1, message(b"x"))
        there = await stage.upstream.begun("never-read")
        written = -1
        while written != there.written:
            written = there.written
            await asyncio.sleep(0.2)
        assert 0 < written < 1024, "nothing held the engine up"
        await stage.sound()
        assert stage.resident()[0] - before < GROWS[stage.route.name]
    finally:
        writer.transport.abort()
    assert (await stage.upstream.ended("never-read")).ended == "cancelled"
