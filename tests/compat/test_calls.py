"""What callers get through the terminating path is what the engine said; what the observer hears is the call."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import grpc
import pytest
from understudy.compat.process import SOCKET, Proxy
from understudy.compat.send import send
from understudy.compat.settings import Action, Compression, Edit, Settings
from understudy.demo.stage import free_port
from understudy.exchange import Opened, Side, Unobserved

from tests.compat.stage import ODD, staged, until

HERE = Settings(listen="127.0.0.1:0")


async def outcome(channel: Any, method: str, **how: Any) -> Any:
    """Messages, then code, details, headers and trailers of one call, as its caller sees them."""
    call = channel.stream_stream(method, None, None)(**how)
    await call.done_writing()
    messages = []
    try:
        while (message := await call.read()) is not grpc.aio.EOF:  # type: ignore[attr-defined]
            messages.append(message)
    except (grpc.RpcError, asyncio.CancelledError):
        pass
    return (
        messages,
        await call.code(),
        await call.details(),
        tuple(await call.initial_metadata()),
        tuple(await call.trailing_metadata()),
    )


async def test_all_four_types_of_call_pass_with_their_messages() -> None:
    async with staged() as stage:
        channel, big = stage.channel, bytes(range(256)) * (5 << 12)

        async def three() -> Any:
            for piece in (b"", b"b", big):
                yield piece

        assert await channel.unary_unary("/t.T/echo", None, None)(b"one") == b"one"
        assert [m async for m in channel.unary_stream("/t.T/echo", None, None)(big)] == [big]
        assert await channel.stream_unary("/t.T/count", None, None)(three()) == b"3"
        assert [m async for m in channel.stream_stream("/t.T/echo", None, None)(three())] == [b"", b"b", big]
        closed = await stage.ear.closed(4)
        assert [(event.status, event.cancelled_by) for event in closed] == [(0, "")] * 4
        said = [b"one", big, b"", b"b", big, b"", b"b", big]
        assert sorted(stage.ear.messages(Side.CLIENT)) == sorted(said)
        assert sorted(stage.ear.messages(Side.SERVER)) == sorted([b"one", big, b"3", b"", b"b", big])
        assert not stage.ear.open


async def test_messages_of_a_held_stream_pass_one_by_one() -> None:
    async with staged() as stage:
        call = stage.channel.stream_stream("/t.T/echo", None, None)()
        for number in range(5):
            await call.write(b"%d" % number)
            assert await call.read() == b"%d" % number
        await call.done_writing()
        assert await call.code() is grpc.StatusCode.OK


@pytest.mark.parametrize("messages", [0, 2])
async def test_every_status_reaches_the_caller_with_its_details(messages: int) -> None:
    async with staged() as stage, grpc.aio.insecure_channel(stage.baseline.address) as direct:
        for code in grpc.StatusCode:
            how = {"metadata": (("code", code.name), ("messages", str(messages)))}
            expected = await outcome(direct, "/t.T/fail", **how)
            assert await outcome(stage.channel, "/t.T/fail", **how) == expected
            assert expected[1] is code and len(expected[0]) == messages and len(expected[4]) == 2
        closed = await stage.ear.closed(len(grpc.StatusCode))
        assert [event.status for event in closed] == [code.value[0] for code in grpc.StatusCode]
        assert {event.error for event in closed[1:]} == {"nö, 100% \n"}
        assert ("why", "so") in closed[0].metadata


async def test_an_unknown_method_is_the_engines_to_refuse() -> None:
    async with staged() as stage, grpc.aio.insecure_channel(stage.baseline.address) as direct:
        expected = await outcome(direct, "/no.Such/Method")
        assert await outcome(stage.channel, "/no.Such/Method") == expected
        assert expected[1] is grpc.StatusCode.UNIMPLEMENTED


async def test_an_engine_that_ends_a_call_while_it_is_asked_is_heard_to_the_end() -> None:
    async with staged() as stage:
        asked = b"x" * 100_000  # more than a stream's window: the last of them wait for the engine
        for _ in range(20):
            call = stage.channel.stream_stream("/t.T/fail", None, None)(
                metadata=(("code", "NOT_FOUND"), ("messages", "3"))
            )

            async def ask(call: Any = call) -> None:
                with suppress(grpc.RpcError, asyncio.InvalidStateError, grpc.aio.InternalError):
                    while True:
                        await send(call, asked)

            asking, heard = asyncio.ensure_future(ask()), []
            with suppress(grpc.RpcError):
                while (message := await call.read()) is not grpc.aio.EOF:  # type: ignore[attr-defined]
                    heard.append(message)
            assert (heard, await call.code()) == ([b"part"] * 3, grpc.StatusCode.NOT_FOUND)
            await asking
        closed = await stage.ear.closed(20)
        assert {event.status for event in closed} == {5}


async def test_metadata_passes_both_ways_with_binary_and_repeated_keys() -> None:
    async with staged() as stage:
        stage.baseline.go.set()
        reply = await outcome(stage.channel, "/t.T/metadata", metadata=ODD)
        assert reply[3] == ODD and reply[4] == (("grpc-status-details-bin", b"\x08\x05\xff"), *ODD)
        (got,) = stage.baseline.metadata
        assert tuple(field for field in got if field[0] != "user-agent") == ODD
        assert (await stage.ear.closed())[0].status == 0
        (opened,) = stage.ear.of(Opened)
        assert opened.method == "/t.T/metadata"
        assert opened.metadata[2:] == (
            ("k-bin", "AP+A"),
            ("k", "1"),
            ("k", "2"),
            ("empty", ""),
            ("spaced", "a  b"),
        )


@pytest.mark.parametrize(("method", "headers"), [("/t.T/metadata", ODD), ("/t.T/silent", ())])
async def test_headers_come_before_the_first_message(method: str, headers: Any) -> None:
    async with staged() as stage:
        call = stage.channel.stream_stream(method, None, None)()
        async with asyncio.timeout(5):
            assert tuple(await call.initial_metadata()) == headers
        stage.baseline.go.set()
        assert await call.read() == b"said"


async def test_a_callers_deadline_is_the_engines_too() -> None:
    async with staged() as stage:
        code = (await outcome(stage.channel, "/t.T/hang", timeout=0.3))[1]
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert 0 < stage.baseline.left_s[0] < 0.31
        await stage.baseline.cancelled.wait()
        (closed,) = await stage.ear.closed()
        assert (closed.status, closed.cancelled_by) == (-1, "client"), "no engine is to blame"
        await outcome(stage.channel, "/t.T/echo")
        assert stage.baseline.left_s[1] is None or stage.baseline.left_s[1] > 1e6


async def test_a_caller_that_cancels_cancels_at_the_engine() -> None:
    async with staged() as stage:
        call = stage.channel.stream_stream("/t.T/hang", None, None)()
        await call.write(b"x")
        await until(lambda: bool(stage.baseline.metadata))
        call.cancel()
        async with asyncio.timeout(5):
            await stage.baseline.cancelled.wait()
        assert (await stage.ear.closed())[0].cancelled_by == "client"
        assert stage.proxy.status()["open_calls"] == 0


async def test_an_engine_that_dies_in_mid_call_fails_it_once_and_is_named() -> None:
    async with staged() as stage:
        call = stage.channel.stream_stream("/t.T/hang", None, None)()
        await until(lambda: bool(stage.baseline.metadata))
        await stage.baseline.stop()
        assert await call.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        (closed,) = await stage.ear.closed()
        assert closed.status > 0 and len(stage.baseline.metadata) == 1


async def test_a_caller_that_does_not_read_stops_the_engine_and_holds_no_memory() -> None:
    async with staged() as stage:
        call = stage.channel.stream_stream("/t.T/flood", None, None)()
        await call.read()
        before = -1
        while before != len(stage.ear.messages(Side.SERVER)):
            before = len(stage.ear.messages(Side.SERVER))
            await asyncio.sleep(0.1)
        assert before < 150, "the engine's 12.8 MB have not been taken in"
        rest = 0
        while await call.read() is not grpc.aio.EOF:  # type: ignore[attr-defined]
            rest += 1
        assert rest == 199


async def test_compressed_messages_pass_and_may_leave_compressed() -> None:
    for compression in Compression:
        async with staged(replace(HERE, compression=compression)) as stage:
            body = b"text " * 5000
            echo = stage.channel.unary_unary("/t.T/echo", None, None)
            assert await echo(body, compression=grpc.Compression.Gzip) == body
            await stage.ear.closed()
            assert stage.ear.messages(Side.CLIENT) == stage.ear.messages(Side.SERVER) == [body]


async def test_metadata_is_edited_towards_the_engine_and_towards_the_caller() -> None:
    edits = replace(
        HERE,
        request=(
            Edit("k", Action.REMOVE),
            Edit("tenant", Action.REPLACE, "ours"),
            Edit("via", Action.ADD, "understudy"),
            Edit("mark-bin", Action.ADD, "AP8="),
            Edit("x-understudy-category", Action.REMOVE),
        ),
        response=(
            Edit("why", Action.REMOVE),
            Edit("server", Action.REPLACE, "understudy"),
            Edit("seen", Action.ADD, "yes"),
        ),
    )
    async with staged(edits) as stage:
        sent = (("k", "1"), ("k", "2"), ("tenant", "theirs"), ("via", "a"), ("x-understudy-category", "math"))
        stage.baseline.go.set()
        reply = await outcome(stage.channel, "/t.T/metadata", metadata=sent)
        (got,) = stage.baseline.metadata
        assert sorted(field for field in got if field[0] != "user-agent") == [
            ("mark-bin", b"\x00\xff"),
            ("tenant", "ours"),
            ("via", "a"),
            ("via", "understudy"),
        ]
        assert reply[3] == (*ODD, ("server", "understudy"), ("seen", "yes"))
        assert reply[4] == (("grpc-status-details-bin", b"\x08\x05\xff"), *ODD), "said once, in the headers"
        await stage.ear.closed()
        (opened,) = stage.ear.of(Opened)
        assert ("x-understudy-category", "math") in opened.metadata, "what is said to us is heard by us"
        assert ("tenant", "ours") in opened.metadata

        reply = await outcome(stage.channel, "/t.T/fail", metadata=(("code", "NOT_FOUND"),))
        assert reply[3] == (), "a reply that is trailers alone stays one"
        assert ("seen", "yes") in reply[4] and ("why", "so") not in reply[4]


async def test_without_an_observer_callers_notice_nothing_and_it_is_counted() -> None:
    async with staged(hears=False) as stage:
        stage.proxy.tap.hard = stage.proxy.tap.soft = 10_000
        for _ in range(5):
            assert await stage.who() == "baseline"
        echo = stage.channel.unary_unary("/t.T/echo", None, None)
        assert await echo(bytes(100_000)) == bytes(100_000)
        assert await echo(bytes(9_000)) == bytes(9_000)
        for _ in range(20):
            assert await stage.who() == "baseline"
        status = stage.proxy.status()
        assert status["calls"] == 27 and status["elided"] >= 1 and status["blind"] >= 1
        assert status["observer_unsent_bytes"] <= 20_000
        await stage.ear.start()  # what was begun while it was away, and had room, is seen
        await until(lambda: stage.proxy.tap.connected)
        before = len(stage.ear.of(Opened))
        assert await stage.who() == "baseline"
        await until(lambda: len(stage.ear.of(Opened)) > before)


async def test_an_observer_that_hangs_costs_the_copy_and_not_the_call() -> None:
    async with staged() as stage:
        stage.ear.reading.clear()
        stage.proxy.tap.soft, stage.proxy.tap.hard = 1 << 20, 2 << 20
        echo = stage.channel.unary_unary("/t.T/echo", None, None)
        for _ in range(40):
            assert len(await echo(bytes(200_000))) == 200_000
        status = stage.proxy.status()
        assert status["elided"] > 10 and status["observer_unsent_bytes"] < 3 << 20
        stage.ear.reading.set()
        await until(lambda: not stage.ear.open)
        reasons = [event.reason for event in stage.ear.of(Unobserved)]
        assert reasons.count("elided") == status["elided"] and "protocol" not in reasons


async def test_an_observer_that_dies_ends_no_call_and_sees_the_next() -> None:
    async with staged() as stage:
        call = stage.channel.stream_stream("/t.T/echo", None, None)()
        await call.write(b"a")
        assert await call.read() == b"a"
        await stage.ear.stop()
        await until(lambda: not stage.proxy.tap.connected)
        await call.write(b"b")
        assert await call.read() == b"b"
        stage.ear.path.unlink(missing_ok=True)
        await stage.ear.start()
        await until(lambda: stage.proxy.tap.connected)
        await call.write(b"c")
        assert await call.read() == b"c"
        await call.done_writing()
        assert await call.code() is grpc.StatusCode.OK
        before = len(stage.ear.of(Opened))
        assert await stage.who() == "baseline"
        await until(lambda: len(stage.ear.of(Opened)) == before + 1)
        assert stage.proxy.status()["blind"] == 1


async def test_a_few_bytes_that_become_many_are_refused_before_they_do() -> None:
    async with staged(replace(HERE, message_bytes=1 << 20)) as stage:
        echo = stage.channel.unary_unary("/t.T/echo", None, None)
        for compression in (grpc.Compression.Gzip, grpc.Compression.NoCompression):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await echo(bytes(64 << 20), compression=compression)
            assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert len(await echo(bytes(1 << 20), compression=compression)) == 1 << 20
        assert stage.baseline.echoed == 2  # its headers may have come, its bytes never


async def test_compressed_messages_can_be_refused() -> None:
    async with staged(replace(HERE, compressed=False)) as stage:
        echo = stage.channel.unary_unary("/t.T/echo", None, None)
        assert await echo(b"x" * 1000) == b"x" * 1000
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await echo(b"x" * 1000, compression=grpc.Compression.Gzip)
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED and stage.baseline.echoed == 1


async def test_too_many_calls_are_refused_and_not_queued() -> None:
    async with staged(replace(HERE, max_calls=2)) as stage:
        calls = [stage.channel.stream_stream("/t.T/hang", None, None)() for _ in range(2)]
        await until(lambda: len(stage.baseline.metadata) == 2)
        assert (await outcome(stage.channel, "/t.T/echo"))[1] is grpc.StatusCode.RESOURCE_EXHAUSTED
        for call in calls:
            call.cancel()


async def test_a_successor_takes_the_port_over_and_who_tries_again_is_served() -> None:
    async with staged() as stage:
        settings = replace(HERE, listen=f"127.0.0.1:{free_port()}")
        old, new = (Proxy(settings, stage.proxy.place, [], stage.copying) for _ in range(2))
        socket = stage.folder / SOCKET
        first = asyncio.ensure_future(old.serve())
        await until(socket.exists)
        channel: Any = grpc.aio.insecure_channel(settings.listen)
        held = channel.stream_stream("/t.T/echo", None, None)()
        await held.write(b"a")
        assert await held.read() == b"a"
        served = cut = 0
        second = asyncio.ensure_future(new.serve())
        while not old.draining or served < 20:
            async with grpc.aio.insecure_channel(
                settings.listen, [("grpc.use_local_subchannel_pool", 1)]
            ) as one:
                try:
                    assert await one.unary_unary("/t.T/who", None, None)(b"?") == b"baseline"
                    served += 1
                except grpc.aio.AioRpcError as error:
                    # gRPC's server cancels what reaches it in the moment it stops, and resets who is queued.
                    assert error.code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)
                    cut += 1
        assert cut <= 3
        await held.write(b"b")
        assert await held.read() == b"b", "the old one finishes what it began"
        await held.done_writing()
        assert await held.code() is grpc.StatusCode.OK
        await first
        assert socket.exists(), "the successor's"
        assert await channel.unary_unary("/t.T/who", None, None)(b"?") == b"baseline"
        await new.obey({"op": "drain"})
        await second
        assert not socket.exists()
        await channel.close(None)
