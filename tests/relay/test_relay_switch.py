"""A switch of primary: no call fails, none is mixed, held streams get one UNAVAILABLE at an idle point."""

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from understudy.relay.counts import DRAINED
from understudy.relay.counts import SWITCHED as MESSAGE

if TYPE_CHECKING:
    from tests.relay.conftest import Stage

SLOW = (("delay", "0.02"),)


class Chat:
    """A held bidi stream, each of whose messages is a request with one reply."""

    def __init__(self, channel: Any, delay: float = 0.0) -> None:
        self._call = channel.stream_stream("/t.T/Chat")(metadata=(("delay", str(delay)),))

    async def send(self, message: bytes) -> None:
        await self._call.write(message)

    async def reply(self) -> bytes:
        got: bytes = await self._call.read()
        return got

    async def ask(self, message: bytes) -> bytes:
        await self.send(message)
        return await self.reply()

    async def ending(self) -> tuple[grpc.StatusCode, str]:
        return await self._call.code(), await self._call.details()


async def test_a_switch_under_load_fails_no_call_and_mixes_none(stage: "Stage") -> None:
    await stage.observer(marks=True)
    relay = stage.relay()
    await relay.until(lambda s: s["observer_connected"])
    stop = asyncio.Event()
    finished: list[tuple[int, int, set[bytes]]] = []
    dice = random.Random(7)

    async def caller(channel: Any) -> None:
        stream, unary = channel.unary_stream("/t.T/Stream"), channel.unary_unary("/t.T/Unary")
        while not stop.is_set():
            begun = time.time_ns()
            mark = ("begun", str(begun))
            if dice.random() < 0.5:
                replies = [reply async for reply in stream(b"5 300", metadata=(mark, ("delay", "0.004")))]
                assert len(replies) == 5
            else:
                replies = [await unary(b"x" * dice.randrange(60_000), metadata=(mark, *SLOW))]
            finished.append((begun, time.time_ns(), {reply.partition(b":")[0] for reply in replies}))

    channels = [stage.channel(relay.address) for _ in range(6)]
    async with asyncio.TaskGroup() as callers:
        for number in range(48):
            callers.create_task(caller(channels[number % len(channels)]))
        while len(finished) < 200:
            await asyncio.sleep(0.01)
        ordered = relay.ask("switch", to="baseline")
        assert ordered["ok"] and ordered["primary"] == "baseline" and ordered["connections"] == 6
        status = await relay.until(lambda s: s["switch"]["remaining"] == 0)
        after = len(finished) + 200
        while len(finished) < after:
            await asyncio.sleep(0.01)
        stop.set()

    # Any failed call would have raised above. Each reply came whole from one engine.
    assert all(len(names) == 1 for _, _, names in finished)
    switched = status["switch"]
    assert switched["acknowledged"] == 6 and switched["truncated"] == switched["ended_idle"] == 0
    assert switched["switched_ns"] > ordered["ns"]
    assert max(int(seen["begun"]) for seen in stage.candidate.seen) < switched["switched_ns"]
    assert all(names == {b"baseline"} for begun, _, names in finished if begun > switched["switched_ns"])
    assert status["connections"] == 6 and status["primary"] == "baseline"
    assert (switched["switched_ns"] - ordered["ns"]) / 1e9 < 1


async def test_an_idle_held_stream_gets_one_unavailable_and_its_next_reaches_the_new_engine(
    stage: "Stage",
) -> None:
    await stage.observer(marks=True)
    relay = stage.relay()
    await relay.until(lambda s: s["observer_connected"])
    channel = stage.channel(relay.address)
    chats = [Chat(channel) for _ in range(8)]
    for chat in chats:
        assert await chat.ask(b"hi") == b"candidate:hi"
    await asyncio.sleep(0.05)
    asked = time.monotonic()
    assert relay.ask("switch", to="baseline")["ok"]
    endings = await asyncio.gather(*(chat.ending() for chat in chats))
    assert time.monotonic() - asked < 1
    assert endings == [(grpc.StatusCode.UNAVAILABLE, MESSAGE)] * 8
    assert await Chat(channel).ask(b"next") == b"baseline:next"
    await stage.candidate.quiet()
    status = await relay.until(lambda s: s["switch"]["remaining"] == 0)
    assert (status["ended_idle"], status["truncated"]) == (8, 0)


async def test_a_held_stream_that_ends_with_its_worker_is_not_told_of_a_switch(stage: "Stage") -> None:
    await stage.observer(marks=True)
    relay = stage.relay()
    await relay.until(lambda s: s["observer_connected"])
    chat = Chat(stage.channel(relay.address))
    assert await chat.ask(b"hi") == b"candidate:hi"
    assert relay.ask("drain")["ok"]
    assert await chat.ending() == (grpc.StatusCode.UNAVAILABLE, DRAINED)


async def test_a_busy_held_stream_finishes_its_request_first(stage: "Stage") -> None:
    await stage.observer(marks=True)
    relay = stage.relay()
    await relay.until(lambda s: s["observer_connected"])
    chat = Chat(stage.channel(relay.address), delay=0.3)
    assert await chat.ask(b"one") == b"candidate:one"
    await chat.send(b"two")
    await asyncio.sleep(0.05)
    assert relay.ask("switch", to="baseline")["ok"]
    assert await chat.reply() == b"candidate:two"
    assert await chat.ending() == (grpc.StatusCode.UNAVAILABLE, MESSAGE)
    status = await relay.until(lambda s: s["switch"]["remaining"] == 0)
    assert (status["ended_idle"], status["truncated"]) == (1, 0)


async def test_a_stream_that_stays_busy_is_truncated_at_the_limit_answered_or_not(stage: "Stage") -> None:
    relay = stage.relay()
    channel = stage.channel(relay.address)
    answered = channel.unary_stream("/t.T/Stream")(b"1000 10", metadata=SLOW)
    assert await answered.read()
    silent = channel.unary_unary("/t.T/Unary")(b"x", metadata=(("delay", "60"),))
    await relay.until(lambda s: s["streams"] == 2)
    assert relay.ask("switch", to="baseline", drain_max_s=0.2)["ok"]
    with pytest.raises(grpc.aio.AioRpcError):
        while await answered.read() is not grpc.aio.EOF:  # type: ignore[attr-defined]
            pass
    for call in (answered, silent):
        assert (await call.code(), await call.details()) == (grpc.StatusCode.UNAVAILABLE, MESSAGE)
    await stage.candidate.quiet()
    status = await relay.until(lambda s: s["switch"]["remaining"] == 0)
    assert (status["ended_idle"], status["truncated"]) == (0, 2)
    assert await channel.unary_unary("/t.T/Unary")(b"x") == b"baseline:x"


async def test_a_call_that_waits_for_a_dead_engine_is_served_by_the_new_one(stage: "Stage") -> None:
    await stage.candidate.stop()
    relay = stage.relay()
    call = stage.channel(relay.address).unary_unary("/t.T/Unary")(b"x", wait_for_ready=True)
    await relay.until(lambda s: s["upstream_failures"]["candidate"] > 0)
    assert relay.ask("switch", to="baseline")["ok"]
    assert await call == b"baseline:x"


async def test_switching_there_and_back_leaves_no_connection_behind(stage: "Stage") -> None:
    relay = stage.relay()
    channels = [stage.channel(relay.address) for _ in range(3)]
    for to in ("baseline", "candidate", "candidate", "baseline"):
        assert relay.ask("switch", to=to)["ok"]
        for channel in channels:
            # wait_for_ready: the channel may not have seen its connection leave yet.
            reply = await channel.unary_unary("/t.T/Unary")(b"x", wait_for_ready=True)
            assert reply.startswith((to.encode(), b"candidate", b"baseline"))
        await relay.until(lambda s: s["switch"]["remaining"] == 0)
        for channel in channels:
            assert await channel.unary_unary("/t.T/Unary")(b"y") == to.encode() + b":y"
    assert (await relay.until(lambda s: s["connections"] == 3))["truncated"] == 0


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"op":"switch","to":"understudy"}', "neither baseline nor candidate"),
        ('{"op":"switch"}', "neither baseline nor candidate"),
        ('{"op":"switch","to":"baseline","drain_max_s":-1}', "drain_max_s"),
        ('{"op":"fly"}', "no such op"),
        ('{"op":"status","verbose":true}', "does not take 'verbose'"),
        ("[]", "one JSON object"),
        ("{", "no JSON"),
        ("[" * 50_000, "no JSON"),
    ],
)
async def test_a_wrong_order_is_refused_with_its_reason(stage: "Stage", line: str, why: str) -> None:
    relay = stage.relay()
    answer = relay.tell(line)
    assert not answer["ok"] and why in answer["error"]
    assert relay.status["primary"] == "candidate"
