"""Whatever happens in whatever order, every eligible request is accounted for at every step."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2 as oracle
from understudy.codec import Reader, Seen
from understudy.codec.calls import CALL_BYTES
from understudy.codec.kserve import INFER, STREAM, KServeCodec
from understudy.exchange import (
    Assembler,
    Closed,
    Event,
    HalfClosed,
    Message,
    Opened,
    Received,
    Side,
    Unobserved,
)
from understudy.mirror import Engine, Engines, Ledger, Mirror
from understudy.mirror import Settings as MirrorSettings
from understudy.mirror.flight import Share
from understudy.mirror.leg import Call, Unsent, output
from understudy.observe.channel import Channel, _Connection
from understudy.observe.observer import Observer
from understudy.observe.settings import Settings
from understudy.pair import Leg, Output, Pair, Sampling
from understudy.wire import copy
from understudy.wire.deflate import deflate

from tests.mirror.double import answer

CODEC = KServeCodec()
RAW = CODEC.encode(model="m", id="1", prompt="p", sampling=Sampling(), stream=True)
GREEDY = CODEC.encode(model="m", id="1", prompt="p", sampling=Sampling(max_tokens=900), stream=True)
STOP = oracle.ModelInferRequest(id="1", raw_input_contents=[b"\1"])
STOP.inputs.add(name="stop", datatype="BOOL", shape=[1])
UNARY = 5
"""The number of a stream that is a ModelInfer call; the others are held."""
AGENT = CODEC.encode(model="agent", id="1", prompt="p", sampling=Sampling(), stream=True)


def stream_message(text: str, final: bool) -> bytes:
    body = oracle.ModelStreamInferResponse(infer_response=answer("1", text, final))
    return bytes(body.SerializeToString())


class Play:
    """An observer fed with events, whose shadow calls end when the play says so."""

    def __init__(self) -> None:
        engines = Engines(Engine("b"), Engine("c"))
        limits = MirrorSettings(
            methods=(STREAM, INFER),
            in_flight=4,
            deadline_min_s=1,
            deadline_max_s=2,
            control_share=0.5,
            control_primary_share=0.5,
            share=0.9,
            tokens_per_s=1000,
            requests_per_s=1e9,
            effects_models=("agent",),
        )
        self.room = True
        self.refusing = False
        self.mirror = Mirror(limits, engines, Ledger(), self.emit)
        self.mirror.on = True
        self.now_ns = 1
        self.observer = Observer(Settings(), (CODEC,), (), self.mirror, boot="x", clock=lambda: self.now_ns)
        self.channel = Channel(self.observer, lambda _: None)
        self.share = Share()
        self.connection = _Connection(Assembler(1, "up"), Leg.BASELINE, self.share)
        self.channel._connections[1] = self.connection
        self.asked = Counter[int]()
        self.pairs: list[Pair] = []
        self.shadows: list[asyncio.Future[None]] = []

    def emit(self, pair: Pair) -> bool:
        self.pairs.append(pair)
        return self.room

    async def shadow(self, call: Call) -> Output:
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.shadows.append(gate)
        await gate
        if self.refusing:
            raise Unsent("the engine did not look at it")
        reader: Reader = call.codec.reader(call.request)
        return output(reader, call.shadow.leg, upstream="", fingerprint="", live=False, last_ns=1)

    def event(self, kind: str, stream: int) -> None:
        self.now_ns += 1

        def say(event: Event) -> None:
            self.channel._event(self.connection, event)

        asks = {"ask": RAW, "greedy": GREEDY, "agent": AGENT, "garbage": b"\xff\xff"}
        asks["stop"] = STOP.SerializeToString()
        if stream not in self.connection.rpcs and kind in asks:
            method = INFER if stream == UNARY else STREAM
            say(Opened(1, stream, "up", method, "a", (), self.now_ns))
            self.asked[stream] = 0
        match kind:
            case "ask" | "greedy" | "agent" | "garbage" | "stop":
                say(Received(1, stream, Message(Side.CLIENT, asks[kind], self.now_ns, self.asked[stream])))
                self.asked[stream] += 1
            case "chunk" | "final" | "noise":
                raw = stream_message("t", kind == "final") if kind != "noise" else b"\xff\xff"
                say(Received(1, stream, Message(Side.SERVER, raw, self.now_ns, 0)))
            case "half":
                say(HalfClosed(1, stream, self.now_ns))
            case "look":
                self.channel.quiet(2, 4)
            case "choked":
                self.connection.assembler.choked = True
            case "ok" | "error":
                say(Closed(1, stream, 0 if kind == "ok" else 13, "", (), "", self.now_ns))
            case "client" | "server" | "connection":
                say(Closed(1, stream, -1, "", (), kind, self.now_ns))
            case "elided" | "oversize" | "hpack":
                say(Unobserved(1, stream, kind, self.now_ns))
            case "off" | "on":
                self.mirror.switch(kind == "on")
            case "full" | "free":
                self.room = kind == "free"
            case "refuse" | "serve":
                self.refusing = kind == "refuse"
            case "fault" | "pass":
                self.mirror.shadows[Leg.CANDIDATE].fault = "" if kind == "pass" else "no text"
            case "settle":
                self.mirror.settle_until_ns = self.now_ns + 2
            case "switched":
                self.mirror.switched()
            case "strained":
                self.mirror.stop_control()
            case "later":
                self.now_ns += 500_000_000
            case "expire":
                self.mirror.expire(3)
            case "shadow":
                for gate in [gate for gate in self.shadows if not gate.done()][:1]:
                    gate.set_result(None)


KINDS = (
    "ask ask ask ask garbage chunk final final noise ok error client server connection elided oversize hpack"
)
KINDS += " off on on full free expire shadow shadow shadow shadow"
KINDS += " stop half half look look look choked"
KINDS += " ask greedy agent refuse serve serve fault pass pass settle switched strained later"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KINDS.split()), st.sampled_from([1, 3, UNARY])), max_size=50))
def test_the_ledger_balances_after_every_event(events: list[tuple[str, int]]) -> None:
    async def play() -> None:
        stage = Play()
        with patch.object(Call, "run", lambda call: stage.shadow(call)):
            for kind, stream in events:
                stage.event(kind, stream)
                assert stage.observer.ledger.balanced
                assert stage.observer.ledger.in_flight == len(stage.mirror.flights)
                assert stage.share.flights == len(stage.mirror.flights)
                assert stage.mirror.bytes == sum(each.bytes for each in stage.mirror.flights.values())
                for _ in range(4):
                    await asyncio.sleep(0)
                    assert stage.observer.ledger.balanced
            stage.channel.closed()
            await stage.mirror.close()
        assert stage.observer.ledger.balanced and stage.observer.ledger.in_flight == 0
        assert stage.mirror._controls == 0 and stage.mirror._tokens <= 1000
        assert stage.mirror.bytes == 0 and set(stage.observer._open.values()) == {0}
        assert "internal" not in {**stage.observer.ledger.failed, **stage.observer.ledger.unobserved}

    asyncio.run(play())


@pytest.fixture
async def play() -> AsyncIterator[Play]:
    play = Play()
    play.mirror.settings = replace(play.mirror.settings, share=1, control_share=0, tokens_per_s=0)
    with patch.object(Call, "run", lambda call: play.shadow(call)):
        yield play
        await play.mirror.close()
    assert play.observer.ledger.balanced and play.share.flights == 0


async def test_a_second_message_of_a_unary_call_ends_its_observation(play: Play) -> None:
    ledger = play.observer.ledger
    play.event("ask", UNARY)
    play.event("ask", UNARY)
    assert not play.channel.follows(1, UNARY)
    assert (ledger.requests, dict(ledger.failed), ledger.in_flight) == (1, {"undecodable": 1}, 0)
    assert dict(ledger.unobserved) == {"protocol": 1} and set(play.observer._open.values()) == {0}
    say = play.channel._event
    for more in range(2, 50):
        say(play.connection, Received(1, UNARY, Message(Side.CLIENT, RAW, play.now_ns, more)))
    assert ledger.requests == 1


async def test_one_connection_leaves_as_many_flights_to_others_as_it_has(play: Play) -> None:
    ledger = play.observer.ledger
    other = _Connection(Assembler(2, "up"), Leg.BASELINE, Share())
    for _ in range(4):
        play.event("ask", 1)
    assert (ledger.in_flight, dict(ledger.shed)) == (2, {"inflight": 2})
    play.connection, mine = other, play.connection
    play.event("ask", 1)
    assert ledger.in_flight == 3, "another caller is let in"
    play.event("client", 1)
    play.connection = mine
    play.event("client", 1)
    assert dict(ledger.failed) == {"cancelled": 3}
    play.event("ask", 1)
    assert ledger.in_flight == 1, "what is over is not counted any more"


async def test_calls_that_one_connection_tells_of_many_callers_are_no_ones_share(play: Play) -> None:
    play.connection.share = None
    for stream in (1, 3, 7, 9):
        play.event("ask", stream)
    assert play.observer.ledger.in_flight == 4


async def silent(play: Play, stream: int, *before: str) -> None:
    """Asked, and then nothing for longer than any shadow is given."""
    for kind in ("ask", *before, "look", "look", "look", "look"):
        play.event(kind, stream)
    assert play.observer.ledger.in_flight == 1
    play.event("look", stream)


@pytest.mark.parametrize(("stream", "before"), [(1, ()), (UNARY, ("half",))])
async def test_a_live_engine_that_says_nothing_for_longer_than_any_shadow_may_has_failed(
    play: Play, stream: int, before: tuple[str, ...]
) -> None:
    await silent(play, stream, *before)
    await asyncio.sleep(0)
    play.event("shadow", stream)
    for _ in range(4):
        await asyncio.sleep(0)
    (pair,) = play.pairs
    assert (pair.baseline.cancelled_by, pair.baseline.status) == ("deadline", 4) and not pair.censored
    play.event("final", stream)
    assert play.observer.ledger.paired == 1


@pytest.mark.parametrize(("stream", "before"), [(UNARY, ()), (1, ("chunk",)), (1, ("choked",))])
async def test_a_silence_that_may_be_the_callers_doing_accuses_nobody_and_holds_nothing_up(
    play: Play, stream: int, before: tuple[str, ...]
) -> None:
    """A request without its end, a reply that nobody may be reading, a window that lets no reply through."""
    play.observer._ends.add("up")
    await silent(play, stream, *before)
    assert dict(play.observer.ledger.lost) == {"lease": 1} and not play.pairs


@pytest.mark.parametrize(
    ("stream", "kinds", "cancelled"),
    [
        (1, "later later client", False),
        (1, "later later stop", False),
        (1, "later client", True),
        (1, "later stop", True),
        (1, "choked later later client", True),
        (1, "choked later later stop", True),
        (1, "later later connection", True),
        (UNARY, "half later later client", False),
        (UNARY, "later later client", True),
        (UNARY, "later later half client", True),
    ],
)
async def test_a_caller_that_leaves_accuses_the_engine_only_when_a_word_was_due(
    play: Play, stream: int, kinds: str, cancelled: bool
) -> None:
    for kind in ("ask", *kinds.split()):
        play.event(kind, stream)
    assert dict(play.observer.ledger.failed) == ({"cancelled": 1} if cancelled else {})


async def test_a_held_stream_on_which_others_are_answered_is_not_hung(play: Play) -> None:
    for kind in ("ask", "ask", "later", "final", "later", "client"):
        play.event(kind, 1)
    assert dict(play.observer.ledger.failed) == {"cancelled": 1}


def test_what_a_lost_relays_connections_held_is_given_back() -> None:
    play = Play()
    greeting = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
    part_of_a_frame = bytes((0, 64, 0, 0, 0, 0, 0, 0, 1)) + bytes(10_000)
    for number in (1, 2):
        play.channel.feed(copy.opened(number, 1, "baseline", "engine:8001"))
        play.channel.feed(copy.encode(copy.Kind.CLIENT, number, 1, greeting + part_of_a_frame))
    assert play.observer.budget.used == 2 * len(part_of_a_frame)
    play.channel.closed()
    assert play.observer.budget.used == 0


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def held_stream(play: Play) -> None:
    """A ModelStreamInfer call that is open; its requests are sent with `ask`."""
    fields = {b":method": b"POST", b":path": STREAM.encode(), b"content-type": b"application/grpc"}
    opening = frame(4, 0, 0, b"") + frame(1, 4, 1, deflate(fields.items()))
    play.channel.feed(copy.opened(1, 1, "baseline", "engine:8001"))
    play.channel.feed(copy.encode(copy.Kind.CLIENT, 1, 1, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + opening))


def ask(play: Play, requests: int) -> None:
    """Empty requests, five bytes each."""
    play.channel.feed(copy.encode(copy.Kind.CLIENT, 1, 1, frame(0, 0, 1, bytes(5 * requests))))


def test_a_stream_with_too_many_requests_in_flight_is_not_followed_any_more() -> None:
    play = Play()
    play.mirror.on = False
    play.observer.settings = replace(play.observer.settings, stream_calls=100)
    held_stream(play)
    ask(play, 100)
    assert play.channel.follows(1, 1) and not play.observer.ledger.unobserved
    marks = list[bytes]()
    play.channel._send = marks.append
    ask(play, 1000)
    assert not play.channel.follows(1, 1)
    assert not marks, "nobody knows whether it is idle"
    assert dict(play.observer.ledger.unobserved) == {"oversize": 1}
    assert set(play.observer._open.values()) == {0} and play.observer.budget.used < 2000


def test_requests_in_flight_count_towards_what_a_connection_may_hold() -> None:
    play = Play()
    play.mirror.on = False
    play.observer.settings = replace(play.observer.settings, connection_bytes=100 * CALL_BYTES)
    held_stream(play)
    before = play.observer.budget.used
    ask(play, 10)
    assert play.observer.budget.used == before + 10 * CALL_BYTES
    ask(play, 90)
    assert dict(play.observer.ledger.unobserved) == {"oversize": 1}
    play.channel.closed()
    assert play.observer.budget.used == 0


async def test_a_reply_that_grows_over_the_bound_of_all_is_shed() -> None:
    play, piece = Play(), CODEC.reader(CODEC.rebuild(RAW, Seen("r", STREAM, 1)))
    piece.feed(CODEC.chunk(STREAM, stream_message("t", False)), 1)
    room = len(RAW) + 3 * piece.size
    play.mirror.settings = replace(play.mirror.settings, in_flight_bytes=room, share=1.0)
    with patch.object(Call, "run", lambda call: play.shadow(call)):
        for kind in ("ask", "chunk", "chunk", "chunk"):
            play.event(kind, 1)
        assert (len(play.mirror.flights), play.observer.ledger.shed.total()) == (1, 0)
        play.event("chunk", 1)
        assert dict(play.observer.ledger.shed) == {"bytes": 1}
        assert (play.mirror.bytes, play.connection.rpcs[1]._lives[0].reader) == (0, None)
        await play.mirror.close()
