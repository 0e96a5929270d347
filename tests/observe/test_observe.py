"""The observer process between a byte-copying relay double, engine doubles and the real PairService."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tritonclient.grpc import service_pb2 as oracle
from understudy.codec.kserve import INFER
from understudy.mirror import Engine, Engines
from understudy.mirror import Settings as MirrorSettings
from understudy.observe.process import Process
from understudy.pair import Category, Request
from understudy.v1 import pairs_pb2 as pb
from understudy.wire.copy import Kind

from tests.mirror.double import Double
from tests.observe.stage import CODEC, Stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    await stage.stop()


@pytest.mark.parametrize("live", ["baseline", "candidate"])
async def test_a_unary_call_becomes_a_pair_whichever_engine_is_live(stage: Stage, live: str) -> None:
    await stage.start(live)
    await stage.infer("hello", (("category", "greeting"), ("authorization", "Bearer s")))
    (pair,) = await stage.count(1)
    assert (pair.baseline.text, pair.candidate.text) == ("baseline says so", "candidate says so")
    assert (pair.baseline.live, pair.candidate.live) == (live == "baseline", live == "candidate")
    assert pair.request.text == "hello" and pair.request.method == INFER
    assert pair.request.metadata == {"category": "greeting"}
    assert pair.request.route == stage.tee.address
    assert (str(pair.lane.baseline), str(pair.lane.candidate)) == ("b" * 64, "c" * 64)
    assert pair.tick == pair.admitted_ns // stage.settings.tick_ns


@pytest.mark.parametrize("cumulative", [False, True])
async def test_requests_multiplexed_on_a_held_stream_become_one_pair_each(
    stage: Stage, cumulative: bool
) -> None:
    stage.candidate.cumulative = cumulative
    await stage.start()
    call = stage.stream()
    for id in ("a", "b", "c", ""):
        await call.write(stage.raw(f"prompt {id}", id))
    pairs = await stage.count(4)
    assert sorted(pair.request.text for pair in pairs) == ["prompt ", "prompt a", "prompt b", "prompt c"]
    assert {pair.candidate.text for pair in pairs} == {"candidate says so"}
    assert {pair.baseline.text for pair in pairs} == {"baseline says so"}
    assert len({pair.id for pair in pairs}) == 4
    assert len(pairs[0].baseline.chunks_ns) == 4

    # The relay hears that the held stream may be ended: nothing in flight as of all bytes sent.
    sent = sum(5 + len(stage.raw(f"prompt {id}", id)) for id in ("a", "b", "c", ""))
    await stage.until(lambda: bool(stage.tee.marks) and stage.tee.marks[-1].mark[1] == sent)
    kinds = [record.kind for record in stage.tee.marks]
    assert kinds[:2] == [Kind.IDLE, Kind.BUSY] and kinds[-1] is Kind.IDLE
    call.cancel()


async def test_an_id_reused_in_turn_is_paired_but_mixed_up_replies_are_failed_not_guessed(
    stage: Stage,
) -> None:
    await stage.start()
    call = stage.stream()
    for number in range(2):
        await call.write(stage.raw(f"in turn {number}", "same"))
        await stage.count(number + 1)
    stage.baseline.hang.clear()
    await call.write(stage.raw("at once 1", "same"))
    await call.write(stage.raw("at once 2", "same"))
    await stage.until(lambda: len(stage.baseline.requests) == 4)
    stage.baseline.hang.set()
    await stage.until(lambda: dict(stage.controller.ledger.failed) == {"undecodable": 2})
    assert {pair.baseline.text for pair in stage.controller.pairs} == {"baseline says so"}
    call.cancel()


async def test_a_method_not_opted_in_is_skipped_yet_its_held_streams_idle_marks_are_sent(
    stage: Stage,
) -> None:
    stage.mirror = MirrorSettings()
    await stage.start()
    call = stage.stream()
    await call.write(stage.raw("p", "1"))
    await stage.until(
        lambda: [record.kind for record in stage.tee.marks] == [Kind.IDLE, Kind.BUSY, Kind.IDLE]
    )
    await stage.until(lambda: dict(stage.controller.ledger.skipped) == {"method": 1})
    assert not stage.candidate.requests
    call.cancel()


async def test_an_engine_that_never_marks_the_end_is_over_when_quiet(stage: Stage) -> None:
    stage.baseline.final = stage.candidate.final = False
    await stage.start()
    call = stage.stream()
    await call.write(stage.raw("p", "1"))
    (pair,) = await stage.count(1)
    assert pair.baseline.text == "baseline says so" and pair.baseline.last_ns == pair.baseline.chunks_ns[-1]
    call.cancel()


async def test_a_reply_that_is_read_late_is_not_quiet(stage: Stage) -> None:
    """A relay holds what it copies while the observer is away: the times in it are long ago."""
    stage.settings = dataclasses.replace(stage.settings, quiet_s=2)
    await stage.start()
    stage.tee.late_ns = 25 * 10**9
    stage.baseline.hang.clear()
    call = stage.stream()
    await call.write(stage.raw("p", "1"))
    await call.read()
    await stage.candidate.asked.wait()
    for _ in range(12):
        stage.tee.record(Kind.SERVER, 999, b"of others")
        await asyncio.sleep(0.01)
        stage.process.observer.tick()
    stage.baseline.hang.set()
    (pair,) = await stage.count(1)
    assert pair.baseline.text == "baseline says so" and not pair.censored
    call.cancel()


async def test_a_clients_cancel_censors_the_pair_and_stops_the_shadow(stage: Stage) -> None:
    await stage.start()
    stage.candidate.hang.clear()
    stage.baseline.hang.clear()
    call = stage.stream()
    await call.write(stage.raw("p", "1"))
    await call.read()
    await stage.candidate.asked.wait()
    call.cancel()
    (pair,) = await stage.count(1)
    assert pair.censored and pair.baseline.cancelled_by == "client" and pair.baseline.text == "base"
    await asyncio.wait_for(stage.candidate.cancelled.wait(), 1)


async def test_what_cannot_be_decoded_is_counted_and_the_next_request_is_paired(stage: Stage) -> None:
    await stage.start()
    call = stage.channel.unary_unary(INFER, None, None)
    with pytest.raises(Exception, match="DecodeError"):
        await call(b"\xff\xff\xff")
    await stage.infer("fine")
    await stage.count(1)
    await stage.until(lambda: dict(stage.controller.ledger.failed) == {"undecodable": 1})


@pytest.mark.parametrize("live", ["baseline", "candidate"])
async def test_a_live_reply_over_its_bound_is_let_go_and_counted(stage: Stage, live: str) -> None:
    stage.mirror = dataclasses.replace(stage.mirror, reply_bytes=400)
    engine = stage.baseline if live == "baseline" else stage.candidate
    engine.words = ("word " * 20,) * 50
    await stage.start(live)
    call = stage.stream()
    await call.write(stage.raw("p", "1"))
    await stage.until(lambda: dict(stage.controller.ledger.shed) == {"oversize": 1})
    assert stage.process.mirror.bytes == 0 and not stage.process.mirror.flights
    # The reply goes on to its end, and the held stream is idle after it.
    await stage.until(lambda: stage.tee.marks[-1].kind is Kind.IDLE and len(stage.tee.marks) == 3)
    engine.words = ("short",)
    await call.write(stage.raw("p", "2"))
    (pair,) = await stage.count(1)
    assert (pair.baseline if live == "baseline" else pair.candidate).text == "short"
    call.cancel()


async def test_relays_are_not_let_in_before_the_controller_has_spoken(stage: Stage) -> None:
    """Until then the mirror is off, and what a relay held for us would be passed over."""
    engines = Engines(Engine("127.0.0.1:1", "b" * 64), Engine("127.0.0.1:1", "c" * 64))
    process = Process(stage.settings, (), codecs=(CODEC,), mirror=stage.mirror, engines=engines, boot="b")
    running = asyncio.ensure_future(process.run())
    await asyncio.sleep(0.05)
    assert not process.listening.is_set() and not Path(stage.settings.socket).exists()
    process.apply(pb.ObserverState(mirror_on=True, primary="baseline"))
    await asyncio.wait_for(process.listening.wait(), 1)
    assert process.mirror.on and Path(stage.settings.socket).stat().st_mode & 0o777 == 0o600
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await stage.start()


async def test_switching_the_mirror_off_reaches_shadow_calls_within_a_second(stage: Stage) -> None:
    await stage.start()
    stage.candidate.hang.clear()
    await stage.infer("p")
    await stage.candidate.asked.wait()
    started = time.monotonic()
    stage.controller.state_now = pb.ObserverState(mirror_on=False, primary="baseline")
    stage.controller.servicer.changed()
    await asyncio.wait_for(stage.candidate.cancelled.wait(), 1)
    assert time.monotonic() - started < 1
    await stage.until(lambda: dict(stage.controller.ledger.shed) == {"mirror_off": 1})
    await stage.infer("unseen")
    await stage.until(lambda: dict(stage.controller.ledger.skipped) == {"mirror_off": 1})


async def test_after_a_switch_requests_are_shed_until_things_have_settled(stage: Stage) -> None:
    stage.controller.state_now.settle_until_ns = time.time_ns() + 60 * 10**9
    await stage.start()
    await stage.infer("p")
    await stage.until(lambda: dict(stage.controller.ledger.shed) == {"settling": 1})


async def test_a_new_fingerprint_from_the_controller_begins_a_new_lane(stage: Stage) -> None:
    stage.controller.state_now.fingerprints["candidate"] = "n" * 64
    await stage.start()
    await stage.infer("p")
    (pair,) = await stage.count(1)
    assert pair.lane.candidate == pair.candidate.fingerprint == "n" * 64


async def test_batches_unacknowledged_by_a_dead_controller_are_sent_again_to_the_next(stage: Stage) -> None:
    await stage.start()
    stage.controller.counted.clear()
    await stage.infer("first")
    await stage.count(1)
    await stage.controller.stop()
    await stage.infer("second, while nobody listens")
    await stage.until(lambda: stage.process.publisher.pairs == 2)
    taken = len(stage.controller.batches)

    stage.controller.counted.set()
    await stage.controller.start()
    pairs = await stage.count(2)
    assert [pair.request.text for pair in pairs] == ["first", "second, while nobody listens"]
    again = [batch.sequence for batch in stage.controller.batches[taken:]]
    assert again == sorted(again)
    first = next(batch.sequence for batch in stage.controller.batches if batch.pairs)
    assert first in again, "unacknowledged, so sent once more under its old number"
    await stage.until(lambda: stage.process.publisher.pairs == 0)


async def test_the_watermark_waits_for_what_is_in_flight_and_for_acknowledgement(stage: Stage) -> None:
    await stage.start()
    stage.candidate.hang.clear()
    await stage.infer("p")
    await stage.until(lambda: stage.controller.ledger.in_flight == 1)
    admitted_ns = stage.process.mirror.oldest_ns
    assert stage.controller.ledger.watermark_ns == admitted_ns is not None
    assert sum(stage.controller.ledger.admitted.values()) == 1

    stage.controller.counted.clear()
    stage.candidate.hang.set()
    await stage.count(1)
    seen = len(stage.controller.batches)
    await stage.until(lambda: len(stage.controller.batches) > seen + 1)
    assert stage.controller.ledger.watermark_ns == admitted_ns

    stage.controller.counted.set()
    await stage.until(lambda: stage.controller.ledger.watermark_ns > (admitted_ns or 0))


class Moody(Double):
    """Never answers a prompt that says so."""

    async def _infer(self, request: oracle.ModelInferRequest, context: Any) -> oracle.ModelInferResponse:
        if b"hang" in request.raw_input_contents[0]:
            await asyncio.Event().wait()
        return await super()._infer(request, context)


async def test_after_an_overload_with_hanging_shadows_and_stalls_nothing_stays_in_flight(
    stage: Stage,
) -> None:
    stage.candidate, stage.baseline.pause_s = Moody("candidate"), 0.09
    stage.mirror = dataclasses.replace(
        stage.mirror,
        in_flight=12,
        control_share=1.0,
        control_in_flight=3,
        deadline_min_s=0.1,
        deadline_max_s=0.1,
    )
    await stage.start()

    async def stalls() -> None:
        while True:
            await asyncio.sleep(0.05)
            time.sleep(0.06)  # a machine too busy to run us

    stalling = asyncio.ensure_future(stalls())
    for _ in range(8):
        await asyncio.gather(*(stage.infer(("hang", "quick", "slow")[n % 3]) for n in range(15)))
    stalling.cancel()

    last_ns = time.time_ns()
    await stage.until(lambda: stage.controller.ledger.watermark_ns > last_ns)
    ledger = stage.controller.ledger
    assert ledger.in_flight == 0 == stage.process.mirror.bytes and stage.process.publisher.pairs == 0
    assert ledger.paired == len(stage.controller.pairs) > 12 and set(ledger.shed) == {"inflight"}
    assert ledger.eligible == 120 == ledger.paired + ledger.shed["inflight"]
    assert not ledger.unobserved


async def test_a_full_queue_sheds_and_says_so(stage: Stage) -> None:
    stage.settings = dataclasses.replace(stage.settings, queue_pairs=1)
    await stage.start()
    stage.controller.counted.clear()
    await stage.infer("first")
    await stage.count(1)
    await stage.infer("second")
    await stage.until(lambda: dict(stage.controller.ledger.shed) == {"queue": 1})


async def test_a_relay_that_dies_loses_what_was_in_flight_through_it(stage: Stage) -> None:
    await stage.start()
    stage.baseline.hang.clear()
    call = stage.stream()
    await call.write(stage.raw("p", "1"))
    await stage.until(lambda: stage.process.observer.ledger.in_flight == 1)
    await stage.tee.stop()
    await stage.until(lambda: dict(stage.controller.ledger.lost) == {"crashed": 1})
    assert stage.process.observer.connections == 0
    call.cancel()


async def test_the_accounting_flows_every_second_without_any_pair(stage: Stage) -> None:
    await stage.start()
    await stage.until(lambda: len(stage.controller.batches) >= 3)
    marks = [batch.ledger.watermark_ns for batch in stage.controller.batches]
    assert marks == sorted(marks) and not stage.controller.pairs
    assert stage.controller.ledger.boot == "boot"


async def test_a_socket_that_speaks_nonsense_is_closed_and_the_observer_lives(stage: Stage) -> None:
    await stage.start()
    reader, writer = await asyncio.open_unix_connection(stage.settings.socket)
    writer.write(b"GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n")
    assert await reader.read() == b""
    writer.close()
    await stage.infer("p")
    await stage.count(1)


async def test_a_defect_near_a_prompt_is_logged_by_type_and_place_alone(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    class Reads:
        name = "number"

        def categorize(self, request: Request) -> Category | None:
            return Category(str(int(request.text)), "rule")

    await stage.start()
    stage.process.observer._categorizers = (Reads(),)
    await stage.infer("my secret")
    (pair,) = await stage.count(1)
    assert pair.request.categories == {}
    (line,) = [record for record in caplog.records if "categorizer number failed" in record.getMessage()]
    assert "ValueError at " in line.getMessage()
    assert line.exc_info is None and "secret" not in line.getMessage()
