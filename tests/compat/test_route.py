"""Who serves a request: shares, keys, rules, and the latch above all of them."""

import asyncio
import math
from collections import Counter
from dataclasses import replace
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.codec.kserve import INFER, STREAM, KServeCodec
from understudy.compat.route import Route, fraction
from understudy.compat.settings import Action, Edit, Rule, Settings
from understudy.errors import ConfigError, UnderstudyError
from understudy.exchange import Closed, Opened
from understudy.pair import Leg, Sampling

from tests.compat.stage import staged, until
from tests.mirror.double import Double

HERE = Settings(listen="127.0.0.1:0")
CODEC = KServeCodec()


def within(hits: int, trials: int, share: float) -> bool:
    """Five standard deviations: fails by chance once in 3.5 million."""
    return abs(hits - trials * share) <= 5 * math.sqrt(trials * share * (1 - share))


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5])
def test_keys_are_shared_out_in_proportion_and_a_larger_share_keeps_whom_it_had(share: float) -> None:
    def served(share: float) -> set[int]:
        route = Route(replace(HERE, candidate_share=share, share_by="user"), Leg.BASELINE)
        chosen = {key: route.choose("/a/b", "", (("user", f"user-{key}"),), 0.5) for key in range(20_000)}
        return {key for key, leg in chosen.items() if leg is Leg.CANDIDATE}

    few = served(share)
    assert within(len(few), 20_000, share)
    assert few <= served(share + 0.1)


@given(st.one_of(st.text(), st.binary()))
def test_a_key_always_meets_the_same_engine(value: str | bytes) -> None:
    assert 0 <= fraction(value) < 1 and fraction(value) == fraction(value)


@given(
    drawn=st.floats(0, 1, exclude_max=True),
    share=st.floats(0, 1),
    latched=st.booleans(),
    primary=st.sampled_from([Leg.BASELINE, Leg.CANDIDATE]),
)
def test_a_latch_or_a_candidate_that_is_primary_leaves_no_choice(
    drawn: float, share: float, latched: bool, primary: Leg
) -> None:
    leg = Route(replace(HERE, candidate_share=share), primary, latched).choose("/a/b", "", (), drawn)
    if latched or primary is Leg.CANDIDATE:
        assert leg is primary
    else:
        assert leg is (Leg.CANDIDATE if drawn < share else Leg.BASELINE)


def test_the_first_rule_that_fits_decides() -> None:
    rules = (Rule(1.0, "/a.B/*", "big"), Rule(0.0, "/a.B/C"), Rule(1.0, model="small"))
    route = Route(replace(HERE, rules=rules, candidate_share=0.5), Leg.BASELINE)
    assert route.choose("/a.B/C", "big", (), 0.9) is Leg.CANDIDATE
    assert route.choose("/a.B/C", "small", (), 0.0) is Leg.BASELINE
    assert route.choose("/a.B/D", "small", (), 0.9) is Leg.CANDIDATE
    assert route.choose("/a.B/D", "other", (), 0.9) is Leg.BASELINE
    assert route.choose("/a.B/D", "other", (), 0.1) is Leg.CANDIDATE


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Settings(candidate_share=1.1),
        lambda: Settings(share_by="User"),
        lambda: Settings(max_calls=0),
        lambda: Settings(message_bytes=0),
        lambda: Settings(message_bytes=2, total_bytes=1),
        lambda: Rule(0.5),
        lambda: Rule(0.5, method="inference"),
        lambda: Edit("grpc-timeout", Action.REMOVE),
        lambda: Edit("Key", Action.ADD, "v"),
        lambda: Edit("key", Action.ADD, "ü"),
        lambda: Edit("key-bin", Action.ADD, "?"),
        lambda: Edit("key", Action.REMOVE, "v"),
    ],
)
def test_what_cannot_work_is_refused_with_its_key(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"^compat"):
        wrong()


async def test_a_canary_share_meets_real_calls_and_a_key_sticks() -> None:
    async with staged(replace(HERE, candidate_share=0.25, share_by="user")) as stage:
        first = {n: await stage.who(("user", f"{n}")) for n in range(120)}
        assert within(Counter(first.values())["candidate"], 120, 0.25)
        assert {n: await stage.who(("user", f"{n}")) for n in range(120)} == first
        drawn = Counter([await stage.who() for _ in range(120)])
        assert within(drawn["candidate"], 120, 0.25), "without the key each request is drawn"
        await stage.ear.closed(360)
        legs = Counter(leg for leg, _ in stage.ear.legs.values())
        assert legs["candidate"] == Counter(first.values())["candidate"] * 2 + drawn["candidate"]


async def test_a_switch_counts_from_the_next_request_on_and_no_share_stands_against_it() -> None:
    async with staged(replace(HERE, candidate_share=1.0)) as stage:
        assert await stage.who() == "candidate"
        stage.latch("baseline")
        assert await stage.who() == "baseline"
        with pytest.raises(UnderstudyError, match="rearm"):
            stage.proxy.switch("candidate")
        stage.rearm()
        assert await stage.who() == "candidate"


async def test_a_failing_candidate_is_the_callers_to_see_once_and_the_observers_to_count() -> None:
    async with staged(replace(HERE, candidate_share=1.0)) as stage:
        call = stage.channel.unary_unary("/t.T/fail", None, None)(b"", metadata=(("code", "INTERNAL"),))
        assert await call.code() is grpc.StatusCode.INTERNAL
        assert len(stage.candidate.metadata) == 1 and not stage.baseline.metadata
        await stage.candidate.stop()
        call = stage.channel.unary_unary("/t.T/who", None, None)(b"")
        assert await call.code() is grpc.StatusCode.UNAVAILABLE
        assert not stage.baseline.metadata
        assert [event.status for event in await stage.ear.closed(2)] == [13, 14]


def request(prompt: str, id: str = "", model: str = "m") -> bytes:
    return CODEC.encode(model=model, id=id, prompt=prompt, sampling=Sampling(), stream=True)


async def reply(call: Any, final: bool = True) -> str:
    """The text of one whole reply on a held stream, up to its final message or its third."""
    said = ""
    for number in range(100):
        chunk = CODEC.chunk(STREAM, await call.read())
        said += (chunk.text or b"").decode()
        if chunk.final or (not final and number == 2):
            break
    return said


def doubles(**more: Any) -> dict[str, Any]:
    return {
        "baseline": Double("base", "line ", "says"),
        "candidate": Double("candi", "date ", "says"),
        **more,
    }


async def test_each_message_of_a_held_stream_goes_where_requests_go_now() -> None:
    async with staged(HERE, **doubles()) as stage:
        call = stage.channel.stream_stream(STREAM, None, None)()
        for primary, says in (("baseline", "baseline says"), ("candidate", "candidate says")) * 2:
            stage.latch(primary)
            for id in ("a", "a", ""):
                await call.write(request("hello", id))
                assert await reply(call) == says
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF  # type: ignore[attr-defined]
        assert await call.code() is grpc.StatusCode.OK
        await until(lambda: len(stage.ear.of(Closed)) == 4)
        assert [leg for leg, _ in stage.ear.legs.values()] == ["baseline", "candidate"] * 2
        assert {event.status for event in stage.ear.of(Closed)} == {0}, "left at an idle point, not cut off"
        assert {event.method for event in stage.ear.of(Opened)} == {STREAM}


async def test_a_request_in_flight_finishes_where_it_began_before_the_next_one_moves() -> None:
    async with staged(HERE, **doubles()) as stage:
        stage.baseline.hang.clear()
        call = stage.channel.stream_stream(STREAM, None, None)()
        await call.write(request("first", "1"))
        chunk = CODEC.chunk(STREAM, await call.read())
        assert chunk.text == b"base"
        stage.latch("candidate")
        await call.write(request("second", "2"))
        await asyncio.sleep(0.05)
        assert not stage.candidate.requests, "held until nothing is in flight"
        stage.baseline.hang.set()
        assert await reply(call) == "line says"
        assert await reply(call) == "candidate says"
        assert stage.baseline.prompts() == ["first"] and stage.candidate.prompts() == ["second"]


async def test_a_reply_that_never_ends_holds_a_switch_up_no_longer_than_the_drain_limit() -> None:
    async with staged(HERE, **doubles(drain_max_s=0.2)) as stage:
        stage.baseline.hang.clear()
        call = stage.channel.stream_stream(STREAM, None, None)()
        await call.write(request("first", "1"))
        await call.read()
        stage.latch("candidate")
        await call.write(request("second", "2"))
        async with asyncio.timeout(5):
            assert await call.code() is grpc.StatusCode.UNAVAILABLE
        assert "switched" in await call.details()
        assert not stage.candidate.requests


async def test_an_engine_that_marks_no_ends_is_left_after_some_silence() -> None:
    async with staged(replace(HERE, quiet_s=0.1), **doubles()) as stage:
        stage.baseline.final = False
        call = stage.channel.stream_stream(STREAM, None, None)()
        await call.write(request("first"))
        assert await reply(call, final=False) == "baseline says"
        stage.latch("candidate")
        await call.write(request("second"))
        assert await reply(call) == "candidate says"


async def test_an_engine_that_goes_after_a_switch_does_not_take_idle_streams_with_it() -> None:
    async with staged(HERE, **doubles()) as stage:
        call = stage.channel.stream_stream(STREAM, None, None)()
        await call.write(request("first"))
        assert await reply(call) == "baseline says"
        stage.latch("candidate")
        await stage.baseline.stop()
        await call.write(request("second"))
        assert await reply(call) == "candidate says"


async def test_without_a_switch_an_engine_that_goes_ends_the_stream_as_it_said() -> None:
    async with staged(HERE, **doubles()) as stage:
        call = stage.channel.stream_stream(STREAM, None, None)()
        await call.write(request("first"))
        assert await reply(call) == "baseline says"
        await stage.baseline.stop()
        assert await call.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        assert not stage.candidate.requests


async def test_shares_count_for_each_message_of_an_idle_stream() -> None:
    async with staged(replace(HERE, candidate_share=0.5), **doubles()) as stage:
        call = stage.channel.stream_stream(STREAM, None, None)()
        said: Counter[str] = Counter()
        for _ in range(60):
            await call.write(request("x"))
            said[await reply(call)] += 1
        assert set(said) == {"baseline says", "candidate says"}
        assert within(said["candidate says"], 60, 0.5)
        await call.done_writing()
        assert await call.code() is grpc.StatusCode.OK


async def test_a_model_may_have_a_share_of_its_own_on_both_kinds_of_call() -> None:
    rules = (Rule(1.0, model="new"),)
    async with staged(replace(HERE, rules=rules), **doubles()) as stage:
        infer = stage.channel.unary_unary(INFER, None, None)
        stream = stage.channel.stream_stream(STREAM, None, None)()
        for model, says in (("old", "baseline says"), ("new", "candidate says"), ("old", "baseline says")):
            raw = await infer(request("x", model=model))
            assert (CODEC.chunk(INFER, raw).text or b"").decode() == says
            await stream.write(request("x", model=model))
            assert await reply(stream) == says
        stage.latch("baseline")
        assert CODEC.chunk(INFER, await infer(request("x", model="new"))).text == b"baseline says"
        await stream.write(request("x", model="new"))
        assert await reply(stream) == "baseline says"


async def test_a_drain_ends_idle_streams_and_lets_the_others_finish() -> None:
    async with staged(HERE, **doubles()) as stage:
        idle, busy = (stage.channel.stream_stream(STREAM, None, None)() for _ in range(2))
        await idle.write(request("x"))
        assert await reply(idle) == "baseline says"
        stage.baseline.hang.clear()
        await busy.write(request("y"))
        await busy.read()
        stopping = asyncio.ensure_future(stage.proxy.stop(5))
        assert await idle.code() is grpc.StatusCode.UNAVAILABLE
        stage.baseline.hang.set()
        assert await reply(busy) == "line says"
        assert await busy.code() is grpc.StatusCode.UNAVAILABLE
        await stopping
