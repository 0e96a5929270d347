"""Playbooks: copied bytes in, RPCs out."""

import gzip
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from hpack import Encoder
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.exchange import (
    Assembler,
    Budget,
    Closed,
    Event,
    HalfClosed,
    Message,
    Opened,
    Received,
    Side,
    Unobserved,
)
from understudy.exchange.assembler import RPC_BYTES
from understudy.exchange.fields import FIELD_BYTES
from understudy.wire.copy import End
from understudy.wire.events import Reason

C, S = Side.CLIENT, Side.SERVER
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
REQUEST = {
    ":method": "POST",
    ":scheme": "http",
    ":path": "/inference.GRPCInferenceService/ModelInfer",
    ":authority": "models:8001",
    "content-type": "application/grpc",
    "x-user": "ann",
}
ASKED_BYTES = RPC_BYTES + sum(len(name) + len(value) + FIELD_BYTES for name, value in REQUEST.items())
"""What the metadata of one open call counts."""
RESPONSE = {":status": "200", "content-type": "application/grpc", "x-node": "b"}


def frame(kind: int, stream: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def framed(data: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(data).to_bytes(4, "big") + data


def received(side: Side, stream: int, data: bytes, index: int = 0) -> Received:
    return Received(5, stream, Message(side, data, 7, index))


class Play:
    """One connection seen from its start."""

    def __init__(self, **limits: Any) -> None:
        self.assembler = Assembler(5, "engine:8001", **limits)
        self.encoders = {C: Encoder(), S: Encoder()}
        self.see(C, PREFACE + frame(4, 0))
        self.see(S, frame(4, 0))

    def see(self, side: Side, data: bytes) -> list[Event]:
        return self.assembler.feed(side, data, 7)

    def headers(self, side: Side, stream: int, fields: dict[str, str], end: bool = False) -> bytes:
        return frame(1, stream, self.encoders[side].encode(list(fields.items())), 5 if end else 4)

    def open(self, stream: int = 1, **more: str) -> list[Event]:
        fields = REQUEST | {name.replace("_", "-"): value for name, value in more.items()}
        return self.see(C, self.headers(C, stream, fields))

    def answer(self, stream: int = 1, **more: str) -> list[Event]:
        fields = RESPONSE | {name.replace("_", "-"): value for name, value in more.items()}
        return self.see(S, self.headers(S, stream, fields))

    def data(self, side: Side, payload: bytes, stream: int = 1, end: bool = False) -> list[Event]:
        return self.see(side, frame(0, stream, payload, int(end)))

    def end(self, stream: int = 1, **trailers: str) -> list[Event]:
        fields = {name.replace("_", "-"): value for name, value in trailers.items()}
        return self.see(S, self.headers(S, stream, fields, end=True))


def test_a_unary_call_from_headers_to_status() -> None:
    play = Play()
    metadata = (("content-type", "application/grpc"), ("x-user", "ann"))
    assert play.open() == [Opened(5, 1, "engine:8001", REQUEST[":path"], "models:8001", metadata, 7)]
    assert play.data(C, framed(b"question"), end=True) == [received(C, 1, b"question"), HalfClosed(5, 1, 7)]
    assert play.answer() == []
    assert play.data(S, framed(b"ans")[:6]) == []
    assert play.data(S, framed(b"ans")[6:]) == [received(S, 1, b"ans")]
    seen = (("content-type", "application/grpc"), ("x-node", "b"), ("grpc-status", "0"))
    assert play.end(grpc_status="0") == [Closed(5, 1, 0, "", seen, "", 7)]
    assert play.assembler.closed(8) == []


def test_a_stream_of_messages_is_numbered_on_each_side() -> None:
    play = Play()
    play.open()
    play.answer()
    assert play.data(S, framed(b"a") + framed(b"b")) == [received(S, 1, b"a", 0), received(S, 1, b"b", 1)]
    assert play.data(C, framed(b"x")) == [received(C, 1, b"x", 0)]
    assert play.data(S, framed(b"c")) == [received(S, 1, b"c", 2)]


def test_compressed_messages_come_out_plain() -> None:
    play = Play()
    play.open(grpc_encoding="gzip")
    play.answer(grpc_encoding="gzip")
    assert play.data(C, framed(gzip.compress(b"q"), 1)) == [received(C, 1, b"q")]
    assert play.data(S, framed(gzip.compress(b"r"), 1)) == [received(S, 1, b"r")]


def closed(events: list[Event]) -> Closed:
    (event,) = events
    assert isinstance(event, Closed)
    return event


def test_an_error_in_trailers_only_has_its_message_decoded() -> None:
    play = Play()
    play.open()
    fields = RESPONSE | {"grpc-status": "12", "grpc-message": "not %C3%BC here%2E 100%"}
    end = closed(play.see(S, play.headers(S, 1, fields, end=True)))
    assert (end.status, end.error, end.cancelled_by) == (12, "not ü here. 100%", "")


@pytest.mark.parametrize(
    ("http", "status"), [("503", 14), ("429", 14), ("404", 12), ("401", 16), ("418", 2), ("junk", 2)]
)
def test_a_proxys_error_page_is_mapped_as_grpc_maps_it(http: str, status: int) -> None:
    play = Play()
    play.open()
    play.see(S, play.headers(S, 1, {":status": http, "content-type": "text/html"}))
    end = closed(play.data(S, b"<html>no</html>", end=True))
    assert end.status == status and end.error == f"HTTP status {http if http.isdigit() else -1}"


def test_an_answer_that_ends_without_a_status_is_unknown() -> None:
    play = Play()
    play.open()
    play.answer()
    end = closed(play.data(S, framed(b"x"), end=True)[1:])
    assert (end.status, end.error) == (2, "no grpc-status")


@pytest.mark.parametrize("side", [C, S])
def test_a_reset_names_who_cancelled(side: Side) -> None:
    play = Play()
    play.open()
    end = closed(play.see(side, frame(3, 1, b"\0\0\0\x08")))
    assert (end.status, end.cancelled_by) == (-1, side.value)
    assert play.data(S, framed(b"late")) == []


def test_a_reset_after_the_status_changes_nothing() -> None:
    play = Play()
    play.open()
    play.answer()
    assert closed(play.end(grpc_status="5")).status == 5
    assert play.see(S, frame(3, 1, bytes(4))) == [] and play.see(C, frame(3, 1, bytes(4))) == []


def test_a_lost_connection_ends_what_was_open() -> None:
    play = Play()
    play.open(1)
    play.open(3)
    assert [
        (e.stream, e.status, e.cancelled_by) for e in play.assembler.closed(9) if isinstance(e, Closed)
    ] == [
        (1, -1, "connection"),
        (3, -1, "connection"),
    ]
    assert play.open(5) == []


@pytest.mark.parametrize(
    ("end", "by", "says"),
    [
        (End.CLIENT_CLOSED, "client", "the client"),
        (End.CLIENT_RESET, "client", "the client"),
        (End.SERVER_CLOSED, "server", "the engine closed"),
        (End.SERVER_RESET, "server", "the engine's connection broke off"),
        (End.RELAY, "connection", ""),
        (End.UNKNOWN, "connection", ""),
    ],
)
def test_who_ended_the_connection_has_cut_off_its_calls(end: End, by: str, says: str) -> None:
    play = Play()
    play.open()
    (cut,) = play.assembler.closed(9, end)
    assert isinstance(cut, Closed) and (cut.status, cut.cancelled_by) == (-1, by)
    assert cut.error.startswith(says) and bool(cut.error) is bool(says)


def test_a_goaway_ends_the_calls_it_refuses() -> None:
    play = Play()
    play.open(1)
    play.open(3)
    end = closed(play.see(S, frame(7, 0, b"\0\0\0\x01" + bytes(4))))
    assert (end.stream, end.cancelled_by) == (3, "server")
    assert play.answer(1) == [] and closed(play.end(1, grpc_status="0")).stream == 1


def test_an_elided_frame_makes_its_call_unobserved_and_no_other() -> None:
    play = Play()
    play.open(1)
    play.open(3)
    play.data(C, framed(b"xyz")[:6], 1)
    assert play.assembler.elided(C, frame(0, 1, b"yz", 1)[:9], 7) == [Unobserved(5, 1, "elided", 7)]
    assert play.assembler.buffered == ASKED_BYTES
    assert play.answer(1) == [] and play.end(1, grpc_status="0") == []
    assert play.data(C, framed(b"b"), 3) == [received(C, 3, b"b")]


def test_a_message_over_the_bound_makes_its_call_unobserved() -> None:
    play = Play(max_message_bytes=10)
    play.open()
    assert play.data(C, framed(b"0123456789") + framed(b"0123456789a")) == [
        received(C, 1, b"0123456789"),
        Unobserved(5, 1, "oversize", 7),
    ]
    assert play.data(C, b"rest") == [] and play.assembler.buffered == 0


def test_unfinished_messages_of_all_calls_share_one_bound() -> None:
    play = Play(max_buffered_bytes=200 + 2 * ASKED_BYTES)
    play.open(1)
    play.open(3)
    assert play.data(C, framed(bytes(500))[:150], 1) == []
    assert play.data(C, framed(bytes(500))[:100], 3) == [Unobserved(5, 3, "oversize", 7)]
    assert play.assembler.buffered == 150 + ASKED_BYTES
    assert play.see(C, frame(3, 1, bytes(4))) != [] and play.assembler.buffered == 0


@pytest.mark.parametrize(
    ("more", "payload", "reason"),
    [
        ({"grpc_encoding": "zstd"}, framed(b"x", 1), "compression"),
        ({}, b"\x07\0\0\0\0", "protocol"),
    ],
)
def test_a_message_that_cannot_be_read_is_named(more: dict[str, Any], payload: bytes, reason: str) -> None:
    play = Play()
    play.open(**more)
    assert play.data(C, payload) == [Unobserved(5, 1, reason, 7)]


def test_a_message_cut_short_by_the_caller_is_a_violation() -> None:
    play = Play()
    play.open()
    play.answer()
    assert play.data(C, framed(b"abc")[:6], end=True) == [Unobserved(5, 1, "protocol", 7)]
    assert play.assembler.buffered == 0


@pytest.mark.parametrize(("reply", "end"), [(framed(b"abc")[:6], True), (b"\x07 is no flag", False)])
def test_a_reply_that_breaks_grpc_is_the_engines_failure_however_it_ends(reply: bytes, end: bool) -> None:
    play = Play()
    play.open()
    play.answer()
    event = closed(play.data(S, reply, end=end))
    assert (event.status, event.error) == (13, "the reply is not framed as gRPC")
    assert event.cancelled_by == "" and play.assembler.buffered == 0
    assert play.end(grpc_status="0") == []


@pytest.mark.parametrize("more", [{"content-type": "application/grpc-web"}, {":method": "GET"}])
def test_http2_that_is_no_grpc_is_unobserved(more: dict[str, str]) -> None:
    play = Play()
    assert play.see(C, play.headers(C, 1, REQUEST | more)) == [Unobserved(5, 1, "protocol", 7)]
    assert play.answer() == [] and len(play.open(3)) == 1


def test_a_gap_in_the_copy_names_every_open_call_and_then_the_connection() -> None:
    play = Play()
    play.open(1)
    play.open(3)
    assert play.assembler.blind(9) == [Unobserved(5, stream, "blind", 9) for stream in (1, 3, 0)]
    assert play.open(5) == [] and play.assembler.blind(9) == [] and play.assembler.closed(9) == []


def test_bytes_that_are_not_http2_are_said_once() -> None:
    assembler = Assembler(5, "e")
    assert assembler.feed(C, b"GET / HTTP/1.1\r\n\r\n", 7) == [Unobserved(5, 0, "not_http2", 7)]
    assert assembler.feed(S, b"HTTP/1.1 400\r\n\r\n", 7) == [] and assembler.over


def test_client_bytes_count_as_flow_control_does() -> None:
    play = Play()
    play.open()
    assert play.assembler.client_bytes(1) == 0
    play.data(C, framed(b"abc"))
    play.see(C, frame(0, 1, b"\x03" + framed(b"de")[:4] + bytes(3), 8))
    assert play.assembler.client_bytes(1) == 8 + 8
    assert play.assembler.mid_message(1)
    play.see(C, frame(0, 1, framed(b"de")[4:]))
    assert play.assembler.client_bytes(1) == 19 and not play.assembler.mid_message(1)
    play.answer()
    play.end(grpc_status="0")
    assert play.assembler.client_bytes(1) == 0


message = st.tuples(st.binary(max_size=80), st.booleans())
calls = st.lists(
    st.tuples(st.lists(message, max_size=4), st.lists(message, max_size=6)), min_size=1, max_size=4
)


@settings(deadline=None, max_examples=150)
@given(calls, st.data())
def test_calls_come_out_as_sent_however_they_were_cut_and_interleaved(
    sent: list[tuple[list[tuple[bytes, bool]], list[tuple[bytes, bool]]]], data: Any
) -> None:
    play = Play()
    queues: list[list[tuple[Side, bytes]]] = []
    for n, (questions, answers) in enumerate(sent):
        stream = 2 * n + 1
        play.open(stream, grpc_encoding="gzip")
        play.answer(stream, grpc_encoding="gzip")
        queue = []
        for side, messages in ((C, questions), (S, answers)):
            flat = b"".join(framed(gzip.compress(m), 1) if zipped else framed(m) for m, zipped in messages)
            cuts = data.draw(st.lists(st.integers(0, len(flat)), max_size=5))
            for a, b in pairwise([0, *sorted(cuts), len(flat)]):
                queue.append((side, frame(0, stream, b"\x02" + flat[a:b] + b"\0\0", 8)))
        queue.append((C, frame(0, stream, b"", 1)))
        queues.append(queue)
    wire: dict[Side, bytes] = {C: b"", S: b""}
    order = data.draw(st.permutations([n for n, queue in enumerate(queues) for _ in queue]))
    for n in order:
        side, part = queues[n].pop(0)
        wire[side] += part
    events: list[Event] = []
    for side, flat in wire.items():
        size = data.draw(st.integers(1, 200))
        for at in range(0, len(flat), size):
            events += play.see(side, flat[at : at + size])
    for n, (questions, answers) in enumerate(sent):
        stream = 2 * n + 1
        for side, messages in ((C, questions), (S, answers)):
            got = [
                e.message.data
                for e in events
                if isinstance(e, Received) and e.stream == stream and e.message.side is side
            ]
            assert got == [m for m, _ in messages]
        assert HalfClosed(5, stream, 7) in events
        assert closed(play.end(stream, grpc_status="0")).status == 0
    assert play.assembler.buffered == 0


@settings(deadline=None, max_examples=400)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([C, S]),
            st.sampled_from([0, 0, 0, 1, 3, 4, 7, 9]),
            st.sampled_from([0, 1, 4, 5, 8, 0x20]),
            st.sampled_from([0, 1, 3, 5]),
            st.one_of(st.binary(max_size=30), st.binary(max_size=20).map(framed)),
            st.booleans(),
        ),
        max_size=25,
    )
)
def test_no_frames_raise_or_outgrow_the_bound(
    frames: list[tuple[Side, int, int, int, bytes, bool]],
) -> None:
    play = Play(max_message_bytes=64, max_buffered_bytes=600 + 2 * RPC_BYTES)
    ended: set[int] = set()
    play.open(1)
    play.open(3)
    play.answer(1)
    for side, kind, flags, stream, payload, elided in frames:
        raw = frame(kind, stream, payload, flags)
        events = play.assembler.elided(side, raw[:9], 7) if elided else play.see(side, raw)
        assert play.assembler.buffered <= 600 + 2 * RPC_BYTES
        for event in events:
            assert event.stream == 0 or event.stream not in ended
            if isinstance(event, Closed | Unobserved):
                ended.add(event.stream)
    play.assembler.closed(8)
    assert play.assembler.buffered == 0


def test_a_flood_of_unfinished_calls_is_held_within_the_bound() -> None:
    play = Play(max_buffered_bytes=1_000_000)
    play.open(1)
    block = play.encoders[C].encode(list(REQUEST.items()))
    part = framed(bytes(100_000))[:5_000]
    tracemalloc.start()
    for stream in range(3, 4003, 2):
        play.see(C, frame(1, stream, block, 4) + frame(0, stream, part))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert play.assembler.buffered <= 1_000_000
    assert peak < 4_000_000


def test_open_calls_without_a_byte_count_for_what_they_cost() -> None:
    play = Play(max_buffered_bytes=1_000_000)
    play.open(1)
    block = play.encoders[C].encode([(k, v) for k, v in REQUEST.items() if k.startswith((":", "content"))])
    play.see(C, frame(1, 3, block, 4))  # the table is settled now
    tracemalloc.start()
    play.see(C, b"".join(frame(1, stream, block, 4) for stream in range(5, 16_001, 2)))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert play.assembler.buffered <= 1_000_000 and held < 2_500_000


def test_requests_whose_metadata_is_large_only_when_inflated_are_held_within_the_bound() -> None:
    play = Play(max_buffered_bytes=1_000_000)
    play.open(1, x_pad="v" * 3000)
    asked = play.encoders[C].encode([*REQUEST.items(), ("x-pad", "v" * 3000)])
    bomb = asked + asked[-1:] * 15  # some 48 KB of metadata in some 20 bytes
    tracemalloc.start()
    flood = b"".join(frame(1, stream, bomb, 4) for stream in range(3, 4003, 2))
    events = play.see(C, flood)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    kinds = [type(event) for event in events]
    assert 15 < kinds.count(Opened) < 25 and kinds.count(Unobserved) == 2000 - kinds.count(Opened)
    assert play.assembler.buffered <= 1_000_000 and peak < 3_000_000


def test_all_connections_share_one_budget_and_give_it_back() -> None:
    budget = Budget(1_000_000)
    plays = [Play(budget=budget) for _ in range(20)]
    for play in plays:
        play.open(1)
        for at in range(0, 90_000, 15_000):
            play.data(C, framed(bytes(100_000))[at : at + 15_000], 1)
    assert 900_000 < budget.used <= 1_000_000
    assert plays[0].data(C, bytes(10_005), 1) != []  # its message is whole: there is room again
    assert len(plays[-1].open(3)) == 1
    for play in plays:
        play.assembler.closed(8)
    assert budget.used == 0


def test_hoarders_leave_room_for_connections_that_hold_little() -> None:
    budget = Budget(24 * 2**20)
    hoarders, others = ([Play(budget=budget) for _ in range(count)] for count in (9, 3))
    part = framed(bytes(2**20))[: 2**14]
    for play in hoarders:
        for stream in range(1, 128, 2):
            play.open(stream)
            for _ in range(4):
                play.data(C, part, stream)
    for play in others:
        assert [type(event) for event in play.open()] == [Opened]
        assert [event for _ in range(32) for event in play.data(C, part)] == []
    assert 21 * 2**20 < budget.used <= budget.limit
    for play in hoarders + others:
        play.assembler.closed(8)
    assert budget.used == 0


def test_a_call_that_somebody_gives_up_is_unobserved_though_its_end_was_read_with_it() -> None:
    play = Play()
    play.open()
    play.data(C, framed(b"a"))
    assert play.assembler.give_up(1, 7, Reason.PROTOCOL) == [Unobserved(5, 1, "protocol", 7)]
    assert play.data(C, framed(b"b"), end=True) == [] and play.assembler.buffered == 0
    play.open(3)
    play.end(3, grpc_status="0")
    assert play.assembler.give_up(3, 7) == [Unobserved(5, 3, "oversize", 7)]


@pytest.mark.parametrize(("window", "choked"), [(0, True), (65_534, True), (65_535, False), (2**20, False)])
def test_a_client_that_once_took_less_than_http2s_first_window_may_have_held_replies_back(
    window: int, choked: bool
) -> None:
    play = Play()
    assert not play.assembler.choked
    for size in (window, 65_535):
        play.see(C, frame(4, 0, b"\0\x04" + size.to_bytes(4, "big")))
        assert play.assembler.choked is choked


def test_an_unfinished_frame_counts_and_costs_its_connection_when_there_is_no_room() -> None:
    budget = Budget(300_000)
    hoarders = [Play(budget=budget) for _ in range(3)]
    told: list[Event] = []
    for play in hoarders:
        play.see(S, frame(4, 0, b"\0\x05" + (4_194_304).to_bytes(4, "big")))
        play.open(1)
        told += play.see(C, frame(0, 1, bytes(1_000_000))[:20_000])
        for _ in range(10):
            told += play.see(C, bytes(16_000))
    assert told == [Unobserved(5, 1, "oversize", 7), Unobserved(5, 0, "oversize", 7)] * 2
    assert budget.used <= 300_000


def test_a_field_that_a_byte_names_counts_for_what_it_costs_to_hold() -> None:
    play = Play()
    play.open()
    before = play.assembler.buffered
    block = play.encoders[C].encode(list(REQUEST.items()))
    play.see(C, frame(1, 3, block + block[-1:] * 1000, 4))
    assert play.assembler.buffered - before >= 1000 * FIELD_BYTES


def test_one_messages_worth_is_inflated_of_what_is_fed_at_once() -> None:
    play = Play(max_message_bytes=10_000)
    for stream in (1, 3, 5):
        play.open(stream, grpc_encoding="gzip")
    squeezed = framed(gzip.compress(bytes(6_000)), 1)
    assert [type(event) for event in play.data(C, squeezed)] == [Received]
    assert [type(event) for event in play.data(C, squeezed)] == [Received]
    together = [frame(0, stream, squeezed) for stream in (1, 3, 5)]
    assert play.see(C, b"".join(together)) == [
        received(C, 1, bytes(6_000), 2),
        Unobserved(5, 3, "oversize", 7),
        Unobserved(5, 5, "oversize", 7),
    ]


def test_remembered_header_blocks_count_and_make_room_for_calls() -> None:
    budget = Budget(100_000)
    play = Play(budget=budget)
    for stream in range(1, 41, 2):  # requests whose fields are remembered, and which are over at once
        fields = b"".join(b"\x00\x02x%c\x02y%c" % (97 + n, 97 + stream) for n in range(20))
        play.see(C, frame(1, stream, play.encoders[C].encode(list(REQUEST.items())) + fields, 4))
        play.see(C, frame(3, stream, bytes(4)))
    assert play.assembler.buffered == 0 and 2_000 < budget.used < 70_000
    budget.used += 100_000  # somebody else's
    play.see(C, frame(6, 0, bytes(8))[:-1])
    assert budget.used == 100_000 + 16
