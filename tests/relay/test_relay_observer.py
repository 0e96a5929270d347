"""The observer may be absent, slow, hung or dead: callers notice nothing, and counts say what was not seen."""

import asyncio
import random
from typing import TYPE_CHECKING, Any

from understudy.relay import frames
from understudy.relay.copying import Copying
from understudy.relay.counts import Counts
from understudy.relay.settings import Settings
from understudy.relay.tap import Tap
from understudy.relay.way import Way
from understudy.wire import boundary
from understudy.wire.boundary import Boundary, Streams
from understudy.wire.copy import Kind

from tests.relay.test_relay_frames import data, headers
from tests.relay.test_relay_turns import Home, connected

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


async def test_an_absent_observer_is_no_concern_of_callers_and_its_copy_is_not_kept_for_ever(
    stage: "Stage",
) -> None:
    relay = stage.relay(copy_wait_s=0.2)
    closing = stage.channel(relay.address)
    await closing.unary_unary(UNARY)(b"over before it is too late")
    await closing.close()
    await load(stage, relay)
    status = await relay.until(lambda s: s["blind"] == 5)
    assert status["accepted"] == 5 and status["copied_bytes"] == 0
    assert status["observer_unsent_bytes"] == status["observer_waiting_connections"] == 0
    await load(stage, relay, connections=1)
    observer = await stage.observer()
    await relay.until(lambda s: s["observer_connected"])
    assert relay.status["blind"] <= 6 and {r.connection for r in observer.records} <= {6}


async def test_what_is_opened_before_the_observer_comes_is_seen_from_its_first_byte(stage: "Stage") -> None:
    relay = stage.relay()
    closed = stage.channel(relay.address)
    await closed.unary_unary(UNARY)(b"first")
    await closed.close()
    await relay.until(lambda s: s["connections"] == 0)
    old = stage.channel(relay.address)
    await old.unary_unary(UNARY)(b"second")
    assert relay.status["observer_waiting_connections"] == 2 and relay.status["copied_bytes"] == 0
    first = await stage.observer()
    await relay.until(lambda s: s["observer_connected"])
    await load(stage, relay, connections=2)
    await old.unary_unary(UNARY)(b"third")
    status = await relay.until(lambda s: s["observer_unsent_bytes"] == 0)
    assert status["connections"] == 3
    while {record.connection for record in first.records} != {1, 2, 3, 4}:
        await asyncio.sleep(0.01)
    assert [kind for n, kind in enumerate(first.kinds(1)) if not n or kind is Kind.CLOSE] == [
        Kind.OPEN,
        Kind.CLOSE,
    ]
    times = [record.ns for record in first.records if record.connection == 2]
    assert times == sorted(times) and b"second" in first.bytes_of(2, Kind.CLIENT)
    copied = 0
    async with asyncio.timeout(3):
        while copied != status["copied_bytes"]:  # what is sent is read a little later; pings come meanwhile
            await asyncio.sleep(0.01)
            copied = sum(
                len(first.bytes_of(n, kind)) for n in range(1, 5) for kind in (Kind.CLIENT, Kind.SERVER)
            )
            status = relay.status
    passed = status["client_bytes"] + status["server_bytes"]
    # All but the engine's goodbye on the connection that its client ended.
    assert copied == status["copied_bytes"] and passed - 64 < copied <= passed
    assert status["blind"] == status["observer_waiting_connections"] == 0


async def test_an_observer_started_again_misses_only_what_its_predecessor_followed(stage: "Stage") -> None:
    first = await stage.observer()
    relay = stage.relay()
    await relay.until(lambda s: s["observer_connected"])
    old = stage.channel(relay.address)
    await old.unary_unary(UNARY)(b"seen")
    await first.stop()
    stage.observers.clear()
    await relay.until(lambda s: not s["observer_connected"])
    assert relay.status["blind"] == relay.status["blind_connections"] == 1
    between = stage.channel(relay.address)
    await between.unary_unary(UNARY)(b"held")
    await old.unary_unary(UNARY)(b"unseen")
    second = await stage.observer()
    await relay.until(lambda s: s["observer_connected"])
    await old.unary_unary(UNARY)(b"unseen")
    await load(stage, relay, connections=1)
    await between.unary_unary(UNARY)(b"on")
    while b"on" not in second.bytes_of(2, Kind.CLIENT):
        await asyncio.sleep(0.01)
    assert {record.connection for record in second.records} == {2, 3}
    assert second.bytes_of(2, Kind.CLIENT).startswith(boundary.PREFACE)
    assert relay.status["blind"] == 1 and relay.status["observer_connects"] == 2
    await old.close()
    status = await relay.until(lambda s: s["blind_connections"] == 0)
    assert status["blind"] == 1, "what happened is still counted, what is no more is not"


async def test_what_is_held_for_an_absent_observer_is_bounded_and_beyond_it_blind(stage: "Stage") -> None:
    relay = stage.relay(copy_soft_bytes=200_000, copy_hard_bytes=300_000)
    await load(stage, relay, connections=4, calls=20)  # 8 MB both ways
    status = relay.status
    assert status["elided_frames"] > 0 and status["observer_unsent_bytes"] < 310_000
    await load(stage, relay, connections=4, calls=300, size=1)
    status = relay.status
    assert status["observer_unsent_bytes"] < 310_000 and status["blind"] > 0
    observer = await stage.observer()
    await relay.until(lambda s: s["observer_connected"] and s["observer_unsent_bytes"] == 0)
    # Those that fell blind were followed up to there, and say so; those opened when all was full say nothing.
    while [r.kind for r in observer.records].count(Kind.OPEN) < status["observer_waiting_connections"]:
        await asyncio.sleep(0.01)
    assert {r.connection for r in observer.records if r.kind is Kind.BLIND}
    await load(stage, relay, connections=1)
    assert relay.status["blind"] == status["blind"]


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

    def copied() -> dict[Kind, int]:
        """Bytes of each direction that were copied, or said to be left out."""
        told = {Kind.CLIENT: 0, Kind.SERVER: 0}
        for record in observer.records:
            if record.kind is Kind.ELIDED:
                direction, header = record.elided
                told[direction] += 9 + int.from_bytes(header[:3])
            elif record.kind in told:
                told[record.kind] += len(record.payload)
        return told

    def passed() -> dict[Kind, int]:
        return {Kind.CLIENT: relay.status["client_bytes"], Kind.SERVER: relay.status["server_bytes"]}

    async with asyncio.timeout(5):
        while copied() != passed():  # grpcio's pings come a moment later, and are read a moment after that
            await asyncio.sleep(0.02)
    status = relay.status
    assert status["elided_frames"] == before and status["blind"] == 0

    streams, left_out = Streams(), 0
    trackers = {Kind.CLIENT: Boundary(client=True), Kind.SERVER: Boundary(client=False)}
    seen: list[boundary.Frame] = []
    for record in observer.records:
        if record.kind is Kind.ELIDED:
            direction, header = record.elided
            assert trackers[direction].at_boundary and header[3] == boundary.DATA
            left_out += 1
        elif record.kind in trackers:
            seen += [p.frame for p in trackers[record.kind].split(record.payload, streams) if p.frame]
    assert left_out == elided and not any(t.opaque for t in trackers.values())
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


async def test_frames_too_small_to_be_worth_leaving_out_fill_no_more_than_the_bound() -> None:
    settings = Settings(
        baseline="127.0.0.1:1", candidate="127.0.0.1:2", copy_soft_bytes=32_768, copy_hard_bytes=65_536
    )
    tap, counts = Tap(settings, lambda _: None, lambda: None), Counts()
    copying = Copying(tap, counts, 1)
    copying.begin("baseline", "127.0.0.1:1")
    for _ in range(10_000):
        copying.elide(Way(Kind.CLIENT), bytes(9))
    assert not copying.on and counts.blind == 1
    assert tap.unsent <= 65_536 + 100, "the word that it is blind comes on top"


async def test_streams_that_the_engine_refuses_keep_no_mark_of_what_was_left_out() -> None:
    connection, _, _ = connected(Home(behind=True))
    connection.take(connection.client, headers(3) + data(3, bytes(99)) + data(1, bytes(99)))
    assert connection.copying.elided == {1, 3}
    connection.take(connection.server, frames.goaway(1))
    assert connection.copying.elided == {1}
    connection.take(connection.client, data(3, bytes(99)) + headers(5) + data(5, bytes(99)))
    assert connection.copying.elided == {1} and list(connection.streams.open) == [1]
