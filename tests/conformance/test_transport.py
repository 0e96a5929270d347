"""Below the calls: frames by hand, back-pressure, pings, GOAWAY, many streams, and the services around an engine.
Each is done directly first and then through every path; what came back has to be the same."""

import asyncio
import json
import tempfile
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.conformance import paths, raw
from tests.conformance.clients import OPTIONS
from tests.conformance.paths import Route
from tests.conformance.raw import Heard, connected, frame, message, request
from tests.conformance.upstream import RPC, SERVICE, Upstream, digest, payload

pytestmark = pytest.mark.asyncio(loop_scope="module")

aio: Any = grpc.aio
PATHS = paths.NAMES
AGE_S = 0.2
AGEING = {"grpc.max_connection_age_ms": int(AGE_S * 1000), "grpc.max_connection_age_grace_ms": 5000}
PINGING = {
    "grpc.keepalive_time_ms": 100,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.http2.max_pings_without_data": 0,
    "grpc.http2.min_ping_interval_without_data_ms": 20,
    "grpc.http2.min_recv_ping_interval_without_data_ms": 20,
    "grpc.http2.max_ping_strikes": 0,
}


@dataclass
class Stage:
    """Three upstreams, and every path to each."""

    upstreams: dict[str, Upstream]
    routes: dict[str, dict[str, Route]]
    results: dict[str, Any] = field(default_factory=dict)

    async def same(
        self, path: str, do: Callable[[Route, str], Awaitable[Any]], upstream: str = "plain"
    ) -> Any:
        """What it gives on this path, which is what it gives directly."""
        name = f"{do.__qualname__} {self.routes[upstream][path].bytes}"
        if name not in self.results:
            self.results[name] = await do(self.routes[upstream]["direct"], "@direct")
        if path == "direct":
            return self.results[name]
        got = await do(self.routes[upstream][path], f"@{path}")
        assert got == self.results[name]
        return got


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    kinds: dict[str, dict[str, Any]] = {"plain": {}, "ageing": AGEING, "pinging": PINGING}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="us")))
        shadow = await Upstream().start()
        stack.push_async_callback(shadow.stop)
        upstreams, routes = {}, dict[str, dict[str, Route]]()
        for kind, options in kinds.items():
            upstreams[kind] = await Upstream(**options).start()
            stack.push_async_callback(upstreams[kind].stop)
            routes[kind] = {}
            for name, stand in paths.PATHS.items():
                place = folder / f"{kind}-{name}"
                place.mkdir()
                routes[kind][name] = await stack.enter_async_context(stand(upstreams[kind], shadow, place))
        yield Stage(upstreams, routes)


def needs_bytes(stage: Stage, path: str) -> None:
    if not stage.routes["plain"][path].bytes:
        pytest.skip("a path that ends HTTP/2 has frames of its own")


def said(heard: Heard, route: Route) -> tuple[Any, ...]:
    """What a stream brought, but for what the path adds to it.

    A reset after its end only says that the rest of the request is not wanted.
    """
    blocks = tuple(tuple(pair for pair in block if pair[0] not in route.adds) for block in heard.blocks)
    return blocks, bytes(heard.data), heard.ended, None if heard.ended else heard.reset


def channel(address: str, **options: Any) -> Any:
    return grpc.aio.insecure_channel(address, options=list((OPTIONS | options).items()))


async def seen(stage: Stage, path: str, rpc: str, upstream: str = "plain") -> paths.Exchange | None:
    """What the observer saw of a call; None where there is none."""
    witness = stage.routes[upstream][path].witness
    return None if witness is None else await witness.ended(f"{rpc}@{path}")


# ---- frames by hand


@pytest.mark.parametrize("path", PATHS)
async def test_frames_cut_prioritised_continued_and_unknown_reach_the_engine(stage: Stage, path: str) -> None:
    needs_bytes(stage, path)

    async def odd(route: Route, tag: str) -> Any:
        async with connected(route.address) as client:
            # No padding: grpc-core does not know it. The wire room's own tests have it.
            many = [(f"x-{n}", "v" * 100) for n in range(40)]
            block = client.encoder.encode(request("UnaryCall", f"odd{tag}", *many))
            client.send(frame(raw.PRIORITY, 0, 1, b"\0\0\0\0\x10"))
            client.send(frame(raw.HEADERS, 0, 1, block[:10]))
            for at in range(10, len(block), 50):
                end = raw.END_HEADERS if at + 50 >= len(block) else 0
                client.send(frame(raw.CONTINUATION, end, 1, block[at : at + 50]))
                await asyncio.sleep(0)
            client.send(frame(0x42, 0xFF, 1, b"of no known kind"))
            whole = message(b"in many pieces")
            for at in range(len(whole)):
                last = raw.END_STREAM if at + 1 == len(whole) else 0
                client.send(frame(raw.DATA, last, 1, whole[at : at + 1]))
            return said(await client.whole(1), route)

    blocks, data, ended, reset = await stage.same(path, odd)
    assert data == message(b"in many pieces") and ended and reset is None
    assert ("grpc-status", "0") in blocks[-1]
    exchange = await seen(stage, path, "odd")
    if exchange is not None:
        assert exchange.asked == exchange.told == [digest(b"in many pieces")]
        assert ("x-39", "v" * 100) in exchange.opened.metadata


@pytest.mark.parametrize("path", PATHS)
async def test_an_error_without_a_reply_is_one_header_block(stage: Stage, path: str) -> None:
    """Trailers-only: a proxy that sends headers too early makes a stream error of it."""

    async def fail(route: Route, tag: str) -> Any:
        async with connected(route.address) as client:
            do = json.dumps({"status": 5, "message": "no such model"})
            known = await client.call(1, request("UnaryCall", f"fail{tag}", do=do), message(b"x"))
            unknown = await client.call(3, request("/no.Such/Method", f"unknown{tag}"), message(b"x"))
            return said(known, route), said(unknown, route)

    known, unknown = await stage.same(path, fail)
    for (blocks, data, ended, _), status in ((known, "5"), (unknown, "12")):
        assert len(blocks) == 1 and dict(blocks[0])["grpc-status"] == status
        assert data == b"" and ended
    exchange = await seen(stage, path, "fail")
    assert exchange is None or (exchange.closed is not None and exchange.closed.status == 5)


@pytest.mark.parametrize("path", PATHS)
async def test_messages_of_one_call_are_compressed_one_by_one(stage: Stage, path: str) -> None:
    compared = stage.routes["plain"][path].bytes

    async def mixed(route: Route, tag: str) -> Any:
        async with connected(route.address) as client:
            fields = request(
                "FullDuplexCall", f"mixed{tag}", ("grpc-encoding", "gzip"), ("grpc-accept-encoding", "gzip")
            )
            fields.append(("x-do", json.dumps({"compress": "gzip", "plain": [1]})))
            asked = message(b"a" * 5000, True), message(b"b" * 5000), message(b"", True)
            heard = await client.call(1, fields, *asked)
            got = messages(heard.data)
            # What each is compressed with is between neighbours.
            return got if compared else [text for _, text in got]

    replies = await stage.same(path, mixed)
    texts = [b"a" * 5000, b"b" * 5000, b""]
    # Whether nothing is worth compressing is the engine's business.
    assert replies == texts or replies[:2] == [(True, texts[0]), (False, texts[1])]
    exchange = await seen(stage, path, "mixed")
    if exchange is not None:
        assert exchange.asked == exchange.told == [digest(text) for text in (b"a" * 5000, b"b" * 5000, b"")]


def messages(data: bytes | bytearray) -> list[tuple[bool, bytes]]:
    """Whether each was compressed, and what it said."""
    found = []
    while data:
        size = 5 + int.from_bytes(data[1:5], "big")
        body = bytes(data[5:size])
        found.append((bool(data[0]), zlib.decompress(body, 31) if data[0] else body))
        data = data[size:]
    return found


@pytest.mark.parametrize("path", PATHS)
async def test_a_smaller_header_table_in_mid_connection_is_followed(stage: Stage, path: str) -> None:
    needs_bytes(stage, path)

    async def shrink(route: Route, tag: str) -> Any:
        got = []
        async with connected(route.address) as client:
            for number, table in enumerate((4096, 0, 100, 65536)):
                client.send(frame(raw.SETTINGS, 0, 0, b"\0\x01" + table.to_bytes(4, "big")))
                client.decoder.max_allowed_table_size = 65536
                fields = request("UnaryCall", f"table{number}{tag}", ("x-long", "l" * 60))
                got.append(said(await client.call(2 * number + 1, fields, message(b"x")), route))
        return got

    for blocks, data, ended, _ in await stage.same(path, shrink):
        assert data == message(b"x") and ended and ("grpc-status", "0") in blocks[-1]
    for number in range(4):
        exchange = await seen(stage, path, f"table{number}")
        assert exchange is None or exchange.told == [digest(b"x")]


@pytest.mark.parametrize("path", PATHS)
async def test_a_reset_by_the_client_reaches_the_engine_and_is_seen_as_the_clients(
    stage: Stage, path: str
) -> None:
    async def leave(route: Route, tag: str) -> Any:
        async with connected(route.address) as client:
            client.open(1, request("FullDuplexCall", f"leave{tag}", do=json.dumps({"hold": True})))
            client.ask(1, message(b"x"), end=False)
            await client.until(lambda: bytes(client.streams.get(1, Heard()).data) == message(b"x"))
            client.send(frame(raw.RST_STREAM, 0, 1, (8).to_bytes(4, "big")))
            # The connection lives on.
            after = await client.call(3, request("UnaryCall"), message(b"y"))
            return (await stage.upstreams["plain"].ended(f"leave{tag}")).ended, bytes(after.data)

    assert await stage.same(path, leave) == ("cancelled", message(b"y"))
    exchange = await seen(stage, path, "leave")
    assert exchange is None or (exchange.closed is not None and exchange.closed.cancelled_by == "client")


# ---- pings and GOAWAY


@pytest.mark.parametrize("path", PATHS)
async def test_a_ping_is_answered_and_the_engines_own_pings_arrive(stage: Stage, path: str) -> None:
    needs_bytes(stage, path)

    async def ping(route: Route, tag: str) -> Any:
        async with connected(route.address) as client:
            sent = [bytes((number,)) * 8 for number in range(3)]
            for each in sent:
                client.send(frame(raw.PING, 0, 0, each))
                await client.until(lambda each=each: each in client.acks)  # type: ignore[misc]
            await client.until(lambda: len(client.pings) >= 3)  # the server's keepalive, each 100 ms
            return client.acks == sent and not client.goaways and not client.over

    assert await stage.same(path, ping, "pinging")


@pytest.mark.parametrize("path", PATHS)
async def test_keepalive_of_a_real_client_holds_an_idle_stream(stage: Stage, path: str) -> None:
    async def hold(route: Route, tag: str) -> Any:
        async with channel(route.address, **PINGING, **{"grpc.keepalive_timeout_ms": 2000}) as made:
            call = made.stream_stream(f"/{SERVICE}/FullDuplexCall")(metadata=((RPC, f"hold{tag}"),))
            replies = []
            for text in (b"before", b"after"):
                await call.write(text)
                replies.append(await call.read())
                await asyncio.sleep(0.35)
            await call.done_writing()
            return replies, await call.code()

    assert await stage.same(path, hold, "pinging") == ([b"before", b"after"], grpc.StatusCode.OK)


@pytest.mark.parametrize("path", PATHS)
async def test_too_many_pings_are_refused_as_the_engine_refuses_them(stage: Stage, path: str) -> None:
    needs_bytes(stage, path)

    async def flood(route: Route, tag: str) -> Any:
        async with connected(route.address) as client:
            client.send(*(frame(raw.PING, 0, 0, b"too many") for _ in range(20)))
            await client.until(lambda: client.over)
            return client.goaways

    assert await stage.same(path, flood) == [11]  # ENHANCE_YOUR_CALM


@pytest.mark.parametrize("path", PATHS)
async def test_an_engine_that_ends_connections_by_age_costs_no_call(stage: Stage, path: str) -> None:
    async def live(route: Route, tag: str) -> Any:
        loop = asyncio.get_running_loop()
        # A call that its client had not begun to send when GOAWAY came is sent again by the library.
        async with channel(route.address, **{"grpc.enable_retries": 1}) as made:
            unary, until_s = made.unary_unary(f"/{SERVICE}/UnaryCall"), loop.time() + 6 * AGE_S

            async def busy(name: str) -> None:
                number = 0
                while loop.time() < until_s:
                    number += 1
                    asked = f"{name}{number}{tag}"
                    assert await unary(asked.encode(), metadata=((RPC, asked),)) == asked.encode()

            # Held over its connection's end: GOAWAY lets it finish.
            held = made.stream_stream(f"/{SERVICE}/FullDuplexCall")(metadata=((RPC, f"held{tag}"),))
            await held.write(b"first")
            assert await held.read() == b"first"
            await asyncio.gather(*map(busy, "abcd"))
            await held.write(b"last")
            replies = [await held.read()]
            await held.done_writing()
            return replies, await held.code()

    assert await stage.same(path, live, "ageing") == ([b"last"], grpc.StatusCode.OK)
    exchange = await seen(stage, path, "held", "ageing")
    if exchange is not None:
        assert exchange.told == [digest(b"first"), digest(b"last")]
        route = stage.routes["ageing"][path]
        assert route.witness is not None and (len(route.witness.connections) >= 2 or not route.connections)


# ---- back-pressure and breadth


@pytest.mark.parametrize("path", PATHS)
async def test_a_reader_that_pauses_holds_up_the_engine_and_gets_everything(stage: Stage, path: str) -> None:
    size = 32 * 1024

    def replies_of(route: Route) -> int:
        return 1500 + route.ahead // size

    async def stall(route: Route, tag: str) -> Any:
        count = replies_of(route)
        async with channel(route.address) as made:
            do = json.dumps({"size": size, "count": count})
            call = made.unary_stream(f"/{SERVICE}/StreamingOutputCall")(
                b"", metadata=((RPC, f"stall{tag}"), ("x-do", do))
            )
            replies = [await call.read()]
            written, before = -1, -2
            there = await stage.upstreams["plain"].begun(f"stall{tag}")
            while written != before:  # until the engine is held up
                await asyncio.sleep(0.1)
                before, written = written, there.written
            assert written < count, "nothing held it up"
            while (reply := await call.read()) is not aio.EOF:
                replies.append(reply)
            return [digest(reply) for reply in replies] == [digest(payload(size))] * count

    assert await stage.same(path, stall)
    exchange = await seen(stage, path, "stall")
    told = [digest(payload(size))] * replies_of(stage.routes["plain"][path])
    assert exchange is None or exchange.told == told


@pytest.mark.parametrize("path", PATHS)
async def test_a_window_that_opens_byte_by_byte_is_kept_to(stage: Stage, path: str) -> None:
    async def crawl(route: Route, tag: str) -> Any:
        async with connected(route.address, begin=False) as client:
            client.acknowledges = False
            client.begin((4, 3))  # SETTINGS_INITIAL_WINDOW_SIZE
            client.open(1, request("UnaryCall", f"crawl{tag}"))
            client.ask(1, message(b"slowly"))
            sizes = []
            for want in (3, 4, 5, 11):
                await client.until(lambda want=want: len(client.streams.get(1, Heard()).data) >= want)  # type: ignore[misc]
                sizes.append(len(client.streams[1].data))
                grown = (1 if want < 5 else 100).to_bytes(4, "big")
                client.send(frame(raw.WINDOW_UPDATE, 0, 1, grown))
            return sizes, said(await client.whole(1), route)

    sizes, (_, data, ended, _) = await stage.same(path, crawl)
    assert sizes == [3, 4, 5, 11] and data == message(b"slowly") and ended


@pytest.mark.parametrize("path", PATHS)
async def test_a_thousand_streams_at_once_on_one_connection(stage: Stage, path: str) -> None:
    width = 1000

    async def wide(route: Route, tag: str) -> Any:
        upstream = stage.upstreams["plain"]
        async with channel(route.address) as made:
            calls = [
                made.stream_stream(f"/{SERVICE}/FullDuplexCall")(metadata=((RPC, f"wide{number}{tag}"),))
                for number in range(width)
            ]
            for number, call in enumerate(calls):
                await call.write(b"first of %d" % number)
            firsts = await asyncio.gather(*(call.read() for call in calls))
            open_now = sum(not upstream.seen[f"wide{number}{tag}"].ended for number in range(width))
            for number, call in enumerate(calls):
                await call.write(b"second of %d" % number)
                await call.done_writing()
            seconds = await asyncio.gather(*(call.read() for call in calls))
            codes = await asyncio.gather(*(call.code() for call in calls))
            return open_now, firsts, seconds, set(codes)

    witness = stage.routes["plain"][path].witness
    before = len(witness.connections) if witness else 0
    open_now, firsts, seconds, codes = await stage.same(path, wide)
    assert open_now == width and codes == {grpc.StatusCode.OK}
    assert firsts == [b"first of %d" % number for number in range(width)]
    assert seconds == [b"second of %d" % number for number in range(width)]
    if witness is not None:
        for number in range(width):
            exchange = await witness.ended(f"wide{number}@{path}")
            assert exchange.told == [digest(firsts[number]), digest(seconds[number])]
        if stage.routes["plain"][path].bytes:
            assert len(witness.connections) == before + 1


# ---- the services around an engine


@pytest.mark.parametrize("path", PATHS)
async def test_reflection_tells_the_services(stage: Stage, path: str) -> None:
    async def reflect(route: Route, tag: str) -> Any:
        asked = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol="grpc.health.v1.Health"),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.Such"),
        ]
        async with channel(route.address) as made:
            stub: Any = reflection_pb2_grpc.ServerReflectionStub(made)
            call = stub.ServerReflectionInfo()
            replies = []
            for each in asked:
                await call.write(each)
                replies.append((await call.read()).SerializeToString(deterministic=True))
            await call.done_writing()
            return replies, await call.code()

    replies, code = await stage.same(path, reflect)
    assert (
        code is grpc.StatusCode.OK and SERVICE.encode() in replies[0] and b"HealthCheckRequest" in replies[1]
    )


@pytest.mark.parametrize("path", PATHS)
async def test_health_is_watched_live(stage: Stage, path: str) -> None:
    async def watch(route: Route, tag: str) -> Any:
        upstream = stage.upstreams["plain"]
        async with channel(route.address) as made:
            stub: Any = health_pb2_grpc.HealthStub(made)
            call = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
            told = [(await call.read()).status]
            for fine in (False, True):
                await upstream.serving(fine)
                told.append((await call.read()).status)
            call.cancel()
            check = await stub.Check(health_pb2.HealthCheckRequest(service=SERVICE))
            try:
                await stub.Check(health_pb2.HealthCheckRequest(service="no.Such"))
            except grpc.aio.AioRpcError as error:
                return told, check.status, error.code()

    status = health_pb2.HealthCheckResponse
    assert await stage.same(path, watch) == (
        [status.SERVING, status.NOT_SERVING, status.SERVING],
        status.SERVING,
        grpc.StatusCode.NOT_FOUND,
    )


@pytest.mark.parametrize("path", [name for name in PATHS if name != "direct"])
async def test_an_engine_that_stops_says_goodbye_through_the_path(
    stage: Stage, path: str, tmp_path: Path
) -> None:
    with tempfile.TemporaryDirectory(prefix="us") as name:
        folder, shadow = Path(name), stage.upstreams["ageing"]
        upstream = await Upstream().start()
        async with paths.PATHS[path](upstream, shadow, folder) as route, channel(route.address) as made:
            call = made.stream_stream(f"/{SERVICE}/FullDuplexCall")(metadata=((RPC, "goodbye"),))
            await call.write(b"one")
            assert await call.read() == b"one"
            stopping = asyncio.ensure_future(upstream.stop(5))
            await asyncio.sleep(0.05)
            await call.write(b"two")
            assert await call.read() == b"two"
            await call.done_writing()
            assert await call.code() is grpc.StatusCode.OK
            await stopping
            assert (await route.witness.ended("goodbye")).closed.status == 0
