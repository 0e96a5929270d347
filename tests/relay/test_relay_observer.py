"""The observer may be absent, slow, hung or dead: callers notice nothing, and counts say what was not seen."""

import asyncio
import random
from typing import TYPE_CHECKING, Any

from understudy.wire import boundary
from understudy.wire.boundary import Boundary, Streams
from understudy.wire.copy import Kind

if TYPE_CHECKING:
    from tests.relay.conftest import Running, Stage

UNARY = "/t.T/Unary"


async def load(
    stage: "Stage", relay: "Running", connections: int = 4, calls: int = 10, size: int = 50_000
) -> None:
    """Calls that must all succeed, on new connections."""

    async def caller(channel: Any) -> None:
        for number in range(calls):
            request = bytes((number % 256,)) * size
            assert await channel.unary_unary(UNARY)(request) == b"candidate:" + request

    async with asyncio.TaskGroup() as callers:
        for _ in range(connections):
            callers.create_task(caller(stage.channel(relay.address)))


async def test_an_absent_observer_is_no_concern_of_callers(stage: "Stage") -> None:
    relay = stage.relay()
    await load(stage, relay)
    status = relay.status
    assert not status["observer_connected"] and status["copied_bytes"] == 0
    assert status["blind"] == status["accepted"] == 4


async def test_connections_from_before_the_observer_came_stay_blind_and_new_ones_are_seen(
    stage: "Stage",
) -> None:
    relay = stage.relay()
    old = stage.channel(relay.address)
    await old.unary_unary(UNARY)(b"unseen")
    first = await stage.observer()
    await relay.until(lambda s: s["observer_connected"])
    await load(stage, relay, connections=2)
    await old.unary_unary(UNARY)(b"unseen")
    assert {record.connection for record in first.records} == {2, 3}

    # The observer dies in the middle and comes back: those it followed are blind from now on, too.
    await first.stop()
    stage.observers.clear()
    await relay.until(lambda s: not s["observer_connected"])
    assert relay.status["blind"] == 3
    second = await stage.observer()
    await relay.until(lambda s: s["observer_connected"])
    await old.unary_unary(UNARY)(b"unseen")
    await load(stage, relay, connections=1)
    assert {record.connection for record in second.records} == {4}
    assert relay.status["blind"] == 3 and relay.status["observer_connects"] == 2


async def test_a_hung_observer_costs_bounded_memory_and_no_caller(stage: "Stage") -> None:
    await stage.observer(reads=False)
    soft, hard = 200_000, 400_000
    relay = stage.relay(copy_soft_bytes=soft, copy_hard_bytes=hard)
    await relay.until(lambda s: s["observer_connected"])
    await load(stage, relay, connections=8, calls=20)
    status = relay.status
    assert status["elided_streams"] > 0 and status["elided_frames"] >= status["elided_streams"]
    assert status["observer_unsent_bytes"] < hard + 10_000
    # Headers alone fill what is left at last: then connections go blind, and still nobody waits.
    await load(stage, relay, connections=8, calls=300, size=1)
    status = relay.status
    assert status["observer_unsent_bytes"] < hard + 10_000


async def test_under_pressure_payloads_are_left_out_and_every_other_frame_is_kept(stage: "Stage") -> None:
    """Without what was ELIDED HPACK stays in step, and the next calls are seen."""
    observer = await stage.observer(reads=False)
    relay = stage.relay(copy_soft_bytes=100_000, copy_hard_bytes=100_000_000)
    await relay.until(lambda s: s["observer_connected"])
    channel = stage.channel(relay.address)
    dice = random.Random(3)
    requests = [dice.randbytes(dice.choice([10, 5_000, 400_000])) for _ in range(30)]
    for request in requests:
        assert await channel.unary_unary(UNARY)(request) == b"candidate:" + request
    elided = relay.status["elided_frames"]
    assert elided > 0
    observer.resume()
    await relay.until(lambda s: s["observer_unsent_bytes"] == 0)
    before = relay.status["elided_frames"]
    assert await channel.unary_unary(UNARY)(b"z" * 5_000) == b"candidate:" + b"z" * 5_000
    status = await relay.until(lambda s: s["observer_unsent_bytes"] == 0)
    assert status["elided_frames"] == before and status["blind"] == 0
    await asyncio.sleep(0.05)

    streams, left_out, out_of = Streams(), 0, {Kind.CLIENT: 0, Kind.SERVER: 0}
    trackers = {Kind.CLIENT: Boundary(client=True), Kind.SERVER: Boundary(client=False)}
    seen: list[boundary.Frame] = []
    for record in observer.records:
        if record.kind is Kind.ELIDED:
            direction, header = record.elided
            assert trackers[direction].at_boundary and header[3] == boundary.DATA
            left_out += 1
            out_of[direction] += 9 + int.from_bytes(header[:3])
        elif record.kind in trackers:
            out_of[record.kind] += len(record.payload)
            seen += [p.frame for p in trackers[record.kind].split(record.payload, streams) if p.frame]
    assert left_out == elided and not any(t.opaque for t in trackers.values())
    assert out_of == {Kind.CLIENT: status["client_bytes"], Kind.SERVER: status["server_bytes"]}
    # 31 calls: request headers, response headers and trailers, all there.
    assert sum(frame.kind == boundary.HEADERS for frame in seen) == 3 * 31
    last = {frame.stream for frame in seen if frame.kind == boundary.DATA and frame.length >= 5_000}
    assert 61 in last


async def test_an_observer_that_speaks_nonsense_is_dropped_and_tried_again(stage: "Stage") -> None:
    observer = await stage.observer()
    relay = stage.relay()
    await relay.until(lambda s: s["observer_connected"])
    await observer.say(b"\xff" * 100)
    await relay.until(lambda s: s["observer_connects"] >= 2)
    await load(stage, relay)
