"""The mirror against doubles of engines over real gRPC."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

import pytest
from understudy.codec import Chunk, Seen
from understudy.codec.kserve import INFER, STREAM, KServeCodec
from understudy.mirror import Admitted, Engine, Engines, Flight, Ledger, Mirror, Settings
from understudy.mirror.client import INTERNAL, Kind
from understudy.mirror.leg import Call, Unsent, output
from understudy.pair import Finish, Leg, Outcome, Output, Pair, Reason, Sampling

from tests.mirror.double import Double

CODEC = KServeCodec()
SETTINGS = Settings(methods=(INFER, STREAM), breaker_failures=2, breaker_first_s=0.05)
TRACE = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


@dataclass
class Stage:
    """A baseline, a candidate and a control double, and a mirror before them."""

    baseline: Double
    candidate: Double
    control: Double
    client: Kind = Kind.GRPC
    pairs: list[Pair] = field(default_factory=list)
    room: bool = True
    mirror: Mirror = None  # type: ignore[assignment]

    def build(self, settings: Settings = SETTINGS) -> Mirror:
        engines = Engines(
            Engine(self.baseline.address, "b" * 64),
            Engine(self.candidate.address, "c" * 64),
            Engine(self.control.address, "b" * 64),
        )
        self.mirror = Mirror(replace(settings, client=self.client), engines, Ledger(), self._take)
        self.mirror.on = True
        return self.mirror

    def _take(self, pair: Pair) -> bool:
        if self.room:
            self.pairs.append(pair)
        return self.room

    def begin(
        self,
        live: Leg,
        *,
        method: str = STREAM,
        control: bool = False,
        seed: int | None = None,
        id: str = "r1",
    ) -> Flight:
        raw = CODEC.encode(model="m", id="7", prompt="hi", sampling=Sampling(seed=seed), stream=True)
        headers = {"traceparent": TRACE, "x-tenant": "t1", "authorization": "Bearer secret"}
        request = CODEC.rebuild(raw, Seen(id=id, method=method, received_ns=1, headers=headers))
        return self.mirror.begin(
            CODEC, request, raw, headers, Admitted(1.0, "rate", control), live=live, admitted_ns=20, tick=2
        )

    def live(
        self, flight: Flight, text: str = "live", last_ns: int = 10**6, cancelled_by: str = ""
    ) -> Output:
        reader = CODEC.reader(flight.request)
        reader.feed(Chunk(id="", text=text.encode()), 1)
        return output(
            reader,
            flight.live,
            upstream="up",
            fingerprint="f",
            live=True,
            last_ns=last_ns,
            cancelled_by=cancelled_by,
        )

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not done():
                assert self.mirror.ledger.balanced
                await asyncio.sleep(0.002)
        assert self.mirror.ledger.balanced

    async def count(self, want: int) -> None:
        await self.until(lambda: len(self.pairs) >= want)

    async def pair(self) -> Pair:
        await self.count(1)
        return self.pairs[0]


@pytest.fixture(params=list(Kind))
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    baseline, candidate, control = Double("base", "line"), Double("candi", "date"), Double("con", "trol")
    for double in (baseline, candidate, control):
        await double.start()
    stage = Stage(baseline, candidate, control, request.param)
    stage.build()
    yield stage
    await stage.mirror.close()
    for double in (baseline, candidate, control):
        await double.stop()
    assert stage.mirror.bytes == 0 and not stage.mirror.flights


async def test_a_request_that_cannot_be_sent_on_is_on_no_books(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(raw: bytes) -> bytes:
        raise ValueError("a defect")

    monkeypatch.setattr(CODEC, "shadowed", broken, raising=False)
    with pytest.raises(ValueError, match="a defect"):
        stage.begin(Leg.BASELINE)
    assert not stage.mirror.flights and stage.mirror.ledger.eligible == 0 and stage.mirror.ledger.balanced


@pytest.mark.parametrize("method", [INFER, STREAM])
async def test_with_the_candidate_live_the_baseline_shadows_and_the_control_is_a_second_baseline(
    stage: Stage, method: str
) -> None:
    flight = stage.begin(Leg.CANDIDATE, method=method, control=True)
    flight.answered(stage.live(flight))
    pair = await stage.pair()
    assert (pair.candidate.text, pair.candidate.live) == ("live", True)
    assert (pair.baseline.text, pair.baseline.live) == ("baseline", False)
    assert pair.control is not None and (pair.control.text, pair.control.leg) == ("control", Leg.CONTROL)
    assert not stage.candidate.requests
    assert (pair.lane.baseline, pair.lane.candidate, pair.tick) == ("b" * 64, "c" * 64, 2)
    assert stage.mirror.ledger.paired == 1


async def test_with_the_baseline_live_the_candidate_shadows(stage: Stage) -> None:
    flight = stage.begin(Leg.BASELINE)
    flight.answered(stage.live(flight))
    pair = await stage.pair()
    assert pair.baseline.live and not pair.candidate.live
    assert (pair.candidate.text, pair.candidate.upstream) == ("candidate", stage.candidate.address)
    assert pair.control is None
    assert pair.candidate.first_ns is not None and pair.candidate.last_ns is not None
    assert 0 < pair.candidate.first_ns <= pair.candidate.last_ns


async def test_a_shadow_call_carries_allow_listed_headers_its_leg_and_a_child_trace(stage: Stage) -> None:
    stage.build(replace(SETTINGS, metadata=("x-tenant",)))
    flight = stage.begin(Leg.BASELINE)
    flight.answered(stage.live(flight))
    await stage.pair()
    seen = stage.candidate.metadata[0]
    assert seen["x-understudy-leg"] == "candidate" and seen["x-tenant"] == "t1"
    assert "authorization" not in seen
    version, trace, span, flags = seen["traceparent"].split("-")
    assert (version, trace, flags) == ("00", "ab" * 16, "01") and span != "cd" * 8


async def test_the_control_gets_another_seed_and_the_shadow_the_callers(stage: Stage) -> None:
    flight = stage.begin(Leg.CANDIDATE, control=True, seed=5)
    flight.answered(stage.live(flight))
    await stage.pair()
    (shadow,), (control,) = stage.baseline.requests, stage.control.requests
    seeds = [
        CODEC.rebuild(each.SerializeToString(), Seen("", STREAM, 0)).sampling.seed
        for each in (shadow, control)
    ]
    assert seeds[0] == 5 and seeds[1] not in (None, 5)


async def test_a_dead_shadow_is_that_legs_failure_and_soon_costs_nothing(stage: Stage) -> None:
    await stage.candidate.stop()
    for number in range(4):
        flight = stage.begin(Leg.BASELINE, id=f"r{number}")
        flight.answered(stage.live(flight))
        await stage.count(number + 1)
    assert [pair.candidate.status for pair in stage.pairs] == [14] * 4
    assert all(pair.candidate.failed and not pair.baseline.failed for pair in stage.pairs)
    assert "not called again" in stage.pairs[-1].candidate.error
    assert stage.mirror.ledger.leg_errors == {"candidate": 4}

    await stage.candidate.start(stage.candidate.address)
    while stage.pairs[-1].candidate.failed:
        flight = stage.begin(Leg.BASELINE, id=f"r{len(stage.pairs)}")
        flight.answered(stage.live(flight))
        await stage.count(len(stage.pairs) + 1)
        await asyncio.sleep(0.02)
    assert stage.pairs[-1].candidate.text == "candidate"


async def test_an_engines_error_status_and_in_band_error_are_data(stage: Stage) -> None:
    import grpc

    stage.candidate.error = "unknown model"
    flight = stage.begin(Leg.BASELINE)
    flight.answered(stage.live(flight))
    pair = await stage.pair()
    assert (pair.candidate.status, pair.candidate.error) == (0, "unknown model")
    assert pair.candidate.failed and pair.candidate.finish is Finish.ERROR

    stage.candidate.status = grpc.StatusCode.RESOURCE_EXHAUSTED
    flight = stage.begin(Leg.BASELINE, method=INFER, id="r2")
    flight.answered(stage.live(flight))
    await stage.count(2)
    assert (stage.pairs[1].candidate.status, stage.pairs[1].candidate.error) == (8, "the engine says no")


async def test_a_shadow_much_slower_than_the_live_leg_meets_our_deadline(stage: Stage) -> None:
    stage.build(replace(SETTINGS, deadline_min_s=0.1, deadline_factor=2.0))
    stage.candidate.hang.clear()
    flight = stage.begin(Leg.BASELINE)
    await stage.candidate.asked.wait()
    flight.answered(stage.live(flight, last_ns=20_000_000))
    pair = await stage.pair()
    assert (pair.candidate.cancelled_by, pair.candidate.text) == ("deadline", "candi")
    assert pair.candidate.failed and not pair.censored
    await asyncio.wait_for(stage.candidate.cancelled.wait(), 1)


async def test_a_live_reply_in_the_very_moment_of_the_shadows_deadline_is_paired(stage: Stage) -> None:
    """A stalled process runs everything overdue at once: the deadline, then the reply, then the calls."""
    stage.build(replace(SETTINGS, deadline_min_s=0.05, deadline_max_s=0.05))
    stage.candidate.hang.clear()
    loop, flights = asyncio.get_running_loop(), [stage.begin(Leg.BASELINE, id=f"r{n}") for n in range(5)]
    await stage.candidate.asked.wait()
    for flight in flights:
        loop.call_later(0.06, flight.answered, stage.live(flight))
    time.sleep(0.1)
    await stage.count(5)
    assert {pair.candidate.cancelled_by for pair in stage.pairs} == {"deadline"}
    assert stage.mirror.ledger.in_flight == 0 and not stage.mirror.flights


async def test_a_pair_that_cannot_be_handed_over_is_failed_and_leaves_the_books(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(pair: Pair) -> bool:
        raise ValueError("a defect")

    monkeypatch.setattr(stage.mirror, "emit", refuse)
    flight = stage.begin(Leg.BASELINE)
    flight.answered(stage.live(flight))
    await stage.until(lambda: flight.resolved)
    assert stage.mirror.ledger.failed == {"internal": 1} and stage.mirror.ledger.in_flight == 0


async def test_a_client_cancel_stops_the_shadows_and_marks_the_pair_censored(stage: Stage) -> None:
    stage.candidate.hang.clear()
    flight = stage.begin(Leg.BASELINE)
    await stage.candidate.asked.wait()
    flight.answered(stage.live(flight, text="half a", cancelled_by="client"))
    pair = await stage.pair()
    assert pair.censored and pair.baseline.text == "half a"
    assert {pair.baseline.cancelled_by, pair.candidate.cancelled_by} == {"client"}
    await asyncio.wait_for(stage.candidate.cancelled.wait(), 1)


async def test_a_cancel_before_the_live_leg_said_anything_leaves_nothing_to_compare(stage: Stage) -> None:
    stage.candidate.hang.clear()
    flight = stage.begin(Leg.BASELINE)
    await stage.candidate.asked.wait()
    flight.answered(stage.live(flight, text="", cancelled_by="client"))
    assert stage.mirror.ledger.failed == {"cancelled": 1}
    await asyncio.wait_for(stage.candidate.cancelled.wait(), 1)


async def test_switching_the_mirror_off_stops_shadow_calls_within_a_second(stage: Stage) -> None:
    stage.candidate.hang.clear()
    flights = [stage.begin(Leg.BASELINE, id=f"r{n}") for n in range(3)]
    await stage.candidate.asked.wait()
    started = time.monotonic()
    stage.mirror.switch(False)
    assert stage.mirror.ledger.shed == {"mirror_off": 3} and stage.mirror.ledger.in_flight == 0
    await asyncio.wait_for(stage.candidate.cancelled.wait(), 1)
    assert time.monotonic() - started < 1
    flights[0].answered(stage.live(flights[0]))
    assert not stage.pairs and stage.mirror.ledger.balanced


async def test_a_pair_without_room_in_the_queue_is_shed_and_counted(stage: Stage) -> None:
    stage.room = False
    flight = stage.begin(Leg.BASELINE)
    flight.answered(stage.live(flight))
    await stage.until(lambda: flight.resolved)
    assert stage.mirror.ledger.shed == {"queue": 1}


async def test_a_flight_nobody_resolves_is_lost_when_its_lease_ends(stage: Stage) -> None:
    stage.begin(Leg.BASELINE)
    for _ in range(3):
        stage.mirror.expire(3)
    assert stage.mirror.ledger.in_flight == 1
    stage.mirror.expire(3)
    assert stage.mirror.ledger.lost == {Reason.LEASE: 1} and stage.mirror.ledger.balanced


async def test_a_reply_outside_the_protocol_is_that_legs_failure_and_makes_a_pair(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunk = KServeCodec.chunk

    def garbled(self: KServeCodec, method: str, raw: bytes) -> Chunk:
        return chunk(self, method, raw.replace(b"BYTES", b"INT32"))

    flight = stage.begin(Leg.BASELINE, control=True)
    monkeypatch.setattr(KServeCodec, "chunk", garbled)
    flight.answered(stage.live(flight))
    pair = await stage.pair()
    for leg in (pair.candidate, pair.control):
        assert leg is not None and leg.failed and leg.finish is Finish.ERROR
        assert leg.status == INTERNAL and leg.error.startswith("reply outside the protocol: ")
    assert stage.mirror.ledger.failed == {} and stage.mirror.ledger.leg_errors == {
        "candidate": 1,
        "control": 1,
    }


async def test_the_token_budget_is_charged_what_is_asked_and_given_back_what_did_not_come(
    stage: Stage,
) -> None:
    stage.build(replace(SETTINGS, tokens_per_s=1000.0))
    mirror = stage.mirror
    assert mirror.state(10**9).tokens == 1000
    flight = stage.begin(Leg.BASELINE, control=True)
    assert mirror.state(10**9).tokens == 1000 - 2 * 256, "both shadows may say as much as the default"
    flight.answered(stage.live(flight))
    await stage.pair()
    assert mirror.state(10**9).tokens == 1000 - 3 - 2, "four bytes a token, as a rule"

    begun = [stage.begin(Leg.BASELINE, id=f"r{n}") for n in range(5)]
    assert mirror.state(10**9).tokens < 0, (
        "one that asks for more than is left passes; the next ones wait for it"
    )
    for each in begun:
        each.resolve(Outcome.SHED, Reason.MIRROR_OFF)
    assert 900 < mirror.state(10**9).tokens <= 1000


async def test_without_a_pair_the_budget_is_charged_the_text_that_came_and_not_what_it_costs_to_hold(
    stage: Stage,
) -> None:
    stage.build(replace(SETTINGS, tokens_per_s=1000.0))
    mirror = stage.mirror
    assert mirror.state(10**9).tokens == 1000
    stage.candidate.hang.clear()
    flight = stage.begin(Leg.BASELINE)
    reader = flight.calls[0].reader
    assert reader is not None
    await stage.until(lambda: reader.text_bytes == len("candi"))
    flight.resolve(Outcome.SHED, Reason.MIRROR_OFF)
    assert reader.size > len("candi") and mirror.state(10**9).tokens == 1000 - 1


async def test_a_control_on_the_primary_is_few_at_a_time_and_ends_at_once_when_primaries_are_switched(
    stage: Stage,
) -> None:
    stage.control.address = stage.baseline.address
    stage.build(replace(SETTINGS, control_in_flight=64))
    stage.baseline.hang.clear()
    flights = [stage.begin(Leg.BASELINE, id=f"r{n}", control=True) for n in range(1)]
    await stage.baseline.asked.wait()
    flights += [stage.begin(Leg.BASELINE, id=f"r{n}", control=True) for n in range(1, 5)]
    await stage.until(lambda: len(stage.candidate.requests) == 5)
    assert sum(len(flight.calls) == 2 for flight in flights) == 2
    for flight in flights:
        flight.answered(stage.live(flight))
    stage.mirror.switched()
    await stage.count(5)
    assert all(pair.control is None and pair.candidate.text == "candidate" for pair in stage.pairs)
    await asyncio.wait_for(stage.baseline.cancelled.wait(), 1)
    assert stage.mirror.ledger.paired == 5

    other = stage.begin(Leg.CANDIDATE, control=True)
    assert len(other.calls) == 2, "with the candidate serving, the baseline has no callers to slow"
    other.resolve(Outcome.SHED, Reason.MIRROR_OFF)


async def test_control_calls_on_the_primary_stop_when_its_callers_begin_to_wait(stage: Stage) -> None:
    stage.control.address = stage.baseline.address
    stage.build()
    for number in range(60):
        stage.mirror.heard(Leg.BASELINE, 10_000_000, number)
    stage.baseline.hang.clear()
    flight = stage.begin(Leg.BASELINE, control=True)
    await stage.baseline.asked.wait()
    for number in range(20):
        stage.mirror.heard(Leg.BASELINE, 90_000_000, number)
    await asyncio.wait_for(stage.baseline.cancelled.wait(), 1)
    assert stage.mirror.state(100, Leg.BASELINE).control_rests
    flight.answered(stage.live(flight))
    assert (await stage.pair()).control is None


async def test_a_request_the_engine_did_not_look_at_is_shed_and_a_control_goes_missing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unsent(call: Call) -> Output:
        if call.shadow.leg is refusing:
            raise Unsent("the engine said goodbye")
        return await run(call)

    run, refusing = Call.run, Leg.CONTROL
    monkeypatch.setattr(Call, "run", unsent)
    flight = stage.begin(Leg.BASELINE, control=True)
    flight.answered(stage.live(flight))
    assert (await stage.pair()).control is None
    refusing = Leg.CANDIDATE
    flight = stage.begin(Leg.BASELINE, id="r2")
    await stage.until(lambda: flight.resolved)
    assert stage.mirror.ledger.shed == {"breaker": 1} and stage.mirror.ledger.leg_errors == {}
