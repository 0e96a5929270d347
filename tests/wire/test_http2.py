"""Playbooks: frames in, events out."""

import time
import tracemalloc
from typing import Any

import pytest
from hpack import Encoder
from understudy.wire.events import (
    DataElided,
    DataReceived,
    Event,
    GoAwayReceived,
    HeadersReceived,
    Part,
    Problem,
    Reason,
    SettingsReceived,
    Side,
    StreamEnded,
    StreamReset,
)
from understudy.wire.frame import PREFACE
from understudy.wire.http2 import MAX_BLOCK_BYTES, MAX_STREAMS, Observer

C, S = Side.CLIENT, Side.SERVER
REQUEST = ((b":method", b"POST"), (b":path", b"/a.B/C"), (b"x", b"1"))
RESPONSE = ((b":status", b"200"), (b"y", b"2"))


def frame(kind: int, stream: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


class Play:
    """An observer past both prefaces, and the two ends' compressors."""

    def __init__(self) -> None:
        self.observer = Observer()
        self.encoders = {C: Encoder(), S: Encoder()}
        self.see(C, PREFACE + frame(4, 0))
        self.see(S, frame(4, 0))

    def see(self, side: Side, data: bytes) -> list[Event]:
        return self.observer.receive(side, data, 7)

    def block(self, side: Side, headers: Any) -> bytes:
        return bytes(self.encoders[side].encode(headers))

    def request(self, stream: int = 1, flags: int = 4) -> list[Event]:
        return self.see(C, frame(1, stream, self.block(C, REQUEST), flags))

    def response(self, stream: int = 1, flags: int = 4) -> list[Event]:
        return self.see(S, frame(1, stream, self.block(S, RESPONSE), flags))


def test_an_exchange_of_headers_data_and_trailers() -> None:
    play = Play()
    assert play.request() == [HeadersReceived(C, 1, Part.REQUEST, REQUEST, 7)]
    assert play.see(C, frame(0, 1, b"abc", 1)) == [DataReceived(C, 1, b"abc", 3, 7), StreamEnded(C, 1, 7)]
    early = ((b":status", b"103"), (b"link", b"z"))
    assert play.see(S, frame(1, 1, play.block(S, early), 4)) == [
        HeadersReceived(S, 1, Part.INFORMATIONAL, early, 7)
    ]
    assert play.response() == [HeadersReceived(S, 1, Part.RESPONSE, RESPONSE, 7)]
    assert play.see(S, frame(0, 1, b"\x02de\0\0", 8)) == [DataReceived(S, 1, b"de", 5, 7)]
    end = ((b"grpc-status", b"0"),)
    assert play.see(S, frame(1, 1, play.block(S, end), 5)) == [
        HeadersReceived(S, 1, Part.TRAILERS, end, 7),
        StreamEnded(S, 1, 7),
    ]


def test_a_response_of_one_header_block_is_a_response_that_ends() -> None:
    play = Play()
    play.request()
    assert play.response(flags=5) == [HeadersReceived(S, 1, Part.RESPONSE, RESPONSE, 7), StreamEnded(S, 1, 7)]


def test_a_header_block_may_come_in_continuations_with_padding_and_priority() -> None:
    play = Play()
    block = play.block(C, REQUEST)
    first = frame(1, 1, b"\x03" + b"\x80\0\0\0\x10" + block[:2] + bytes(3), 0x8 | 0x20 | 0x1)
    assert play.see(C, first + frame(9, 1, block[2:4]) + frame(9, 1)) == []
    assert play.see(C, frame(9, 1, block[4:], 4)) == [
        HeadersReceived(C, 1, Part.REQUEST, REQUEST, 7),
        StreamEnded(C, 1, 7),
    ]


def test_a_push_promise_only_keeps_the_compression_state_in_step() -> None:
    play = Play()
    play.request()
    promise = play.block(S, [(b":method", b"GET"), (b"fresh", b"entry")])
    assert play.see(S, frame(5, 1, b"\0\0\0\x02" + promise[:3]) + frame(9, 1, promise[3:], 4)) == []
    assert play.see(S, frame(1, 2, play.block(S, [(b":status", b"200")]), 5)) == []
    after = ((b":status", b"200"), (b"fresh", b"entry"))
    assert play.see(S, frame(1, 1, play.block(S, after), 4)) == [
        HeadersReceived(S, 1, Part.RESPONSE, after, 7)
    ]


def test_after_a_reset_late_frames_say_nothing_but_keep_the_compression_state() -> None:
    play = Play()
    play.request()
    assert play.see(C, frame(3, 1, b"\0\0\0\x08")) == [StreamReset(C, 1, 8, 7)]
    assert play.response() == []
    assert play.see(S, frame(0, 1, b"late", 1)) == []
    play.request(3)
    assert play.response(3) == [HeadersReceived(S, 3, Part.RESPONSE, RESPONSE, 7)]


def test_a_servers_goaway_forgets_the_streams_it_refuses() -> None:
    play = Play()
    play.request(1)
    play.request(3)
    assert play.see(S, frame(7, 0, b"\0\0\0\x01" + bytes(4) + b"why")) == [GoAwayReceived(S, 1, 0, b"why", 7)]
    assert play.see(C, frame(0, 3, b"x")) == []
    assert play.request(5) == []
    assert len(play.response(1)) == 1


def test_ping_window_update_priority_and_unknown_frames_are_passed_over() -> None:
    play = Play()
    odd = frame(6, 0, bytes(8)) + frame(8, 0, b"\0\0\1\0") + frame(2, 1, bytes(5)) + frame(0xEE, 9, b"?")
    assert play.see(C, odd + frame(3, 77, bytes(4))) == []
    assert len(play.request()) == 1


def test_settings_are_told_and_acknowledged() -> None:
    play = Play()
    assert play.see(C, frame(4, 0, b"\0\x05\0\0\x80\0")) == [SettingsReceived(C, ((5, 32768),), False, 7)]
    assert play.see(S, frame(4, 0, b"", 1)) == [SettingsReceived(S, (), True, 7)]
    play.request()
    play.response()
    assert play.see(S, frame(0, 1, bytes(32768))) == [DataReceived(S, 1, bytes(32768), 32768, 7)]


def test_an_elided_frame_leaves_everything_else_in_step() -> None:
    play = Play()
    play.request()
    assert play.observer.elided(C, frame(0, 1, b"12345")[:9], 7) == [DataElided(C, 1, 5, 7)]
    assert play.observer.elided(C, frame(0, 1, b"67", 1)[:9], 7) == [
        DataElided(C, 1, 2, 7),
        StreamEnded(C, 1, 7),
    ]
    assert play.observer.elided(C, frame(0, 9, b"67", 1)[:9], 7) == []
    assert play.request(3) == [HeadersReceived(C, 3, Part.REQUEST, REQUEST, 7)]
    assert play.response() == [HeadersReceived(S, 1, Part.RESPONSE, RESPONSE, 7)]


@pytest.mark.parametrize(
    ("before", "header"),
    [
        (b"", frame(1, 1)),
        (b"", b"\0\0"),
        (b"\0", frame(0, 1)),
        (frame(1, 1, b"\x82"), frame(0, 1)),
    ],
)
def test_anything_else_left_out_blinds_the_connection(before: bytes, header: bytes) -> None:
    play = Play()
    play.see(C, before)
    (problem,) = play.observer.elided(C, header, 7)
    assert isinstance(problem, Problem) and (problem.stream, problem.reason) == (0, Reason.BLIND)
    assert play.request() == [] and play.observer.elided(C, header, 7) == []


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", b""),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b""),
        (b"\0\0\0", b""),
        (PREFACE + frame(1, 1, b"\x82", 4), b""),
        (PREFACE + frame(0, 1), b""),
        (PREFACE, b"HTTP/1.1 400 Bad Request\r\n"),
        (PREFACE, b"\x15\x03\x03\x00\x02\x02\x46\x00\x00"),
        (PREFACE + frame(4, 0), frame(4, 0, b"", 1)),
    ],
)
def test_what_never_was_http2_is_one_problem(client: bytes, server: bytes) -> None:
    observer = Observer()
    seen = observer.receive(C, client, 7) + observer.receive(S, server, 7)
    seen += observer.receive(C, b"more", 7) + observer.receive(S, b"more", 7)
    problems = [event for event in seen if isinstance(event, Problem)]
    assert [(p.stream, p.reason) for p in problems] == [(0, Reason.NOT_HTTP2)] and observer.over


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (frame(3, 1, b"\0"), Reason.PROTOCOL),
        (frame(6, 0, b"seven77"), Reason.PROTOCOL),
        (frame(8, 0, b"\0"), Reason.PROTOCOL),
        (frame(4, 0, b"\0" * 7), Reason.PROTOCOL),
        (frame(4, 0, b"\0" * 6, 1), Reason.PROTOCOL),
        (frame(4, 1), Reason.PROTOCOL),
        (frame(7, 0, b"\0" * 7), Reason.PROTOCOL),
        (frame(9, 1, b"", 4), Reason.PROTOCOL),
        (frame(1, 1, b"\x82") + frame(0, 1), Reason.PROTOCOL),
        (frame(1, 1, b"\x82") + frame(9, 3, b"", 4), Reason.PROTOCOL),
        (frame(1, 0, b"\x82", 4), Reason.PROTOCOL),
        (frame(1, 1, b"", 4 | 8), Reason.PROTOCOL),
        (frame(1, 1, b"\x05\x82", 4 | 8), Reason.PROTOCOL),
        (frame(1, 1, b"\0\0\0\0", 4 | 0x20), Reason.PROTOCOL),
        (frame(5, 1, b"\0\0\0", 4), Reason.PROTOCOL),
        (frame(0, 0, b"x"), Reason.PROTOCOL),
        (frame(0, 1, b"", 8), Reason.PROTOCOL),
        (frame(0, 1, b"\x02x", 8), Reason.PROTOCOL),
        (b"\xff\xff\xff\0\0\0\0\0\1", Reason.PROTOCOL),
        (frame(4, 0) * 1100, Reason.PROTOCOL),
        (frame(1, 1, b"\xff\xff\xff\xff\xff\xff\xff", 4), Reason.HPACK),
        (frame(1, 1, b"\xfe", 4), Reason.HPACK),
        (frame(1, 1, b"\x3f\xe2\x1f\x82", 4), Reason.HPACK),  # a table of 4,097 bytes nobody allowed
        (frame(1, 1, b"\x82") + frame(9, 1, bytes(16000)) * 17, Reason.OVERSIZE),
    ],
)
def test_what_neither_end_could_follow_is_one_problem(data: bytes, reason: Reason) -> None:
    play = Play()
    problems = [event for event in play.see(C, data) if isinstance(event, Problem)]
    assert [(p.stream, p.reason) for p in problems] == [(0, reason)]
    assert play.request() == [] and play.response() == []


def test_a_stream_that_breaks_the_rules_is_lost_alone() -> None:
    play = Play()
    play.request(1)
    play.request(3)
    assert [type(e) for e in play.see(S, frame(0, 1, b"x"))] == [Problem]
    play.response(3)
    (problem,) = play.see(S, frame(1, 3, play.block(S, [(b"not", b"ended")]), 4))
    assert isinstance(problem, Problem) and (problem.stream, problem.reason) == (3, Reason.PROTOCOL)
    play.request(5)
    assert len(play.response(5)) == 1


def test_a_list_over_its_bound_costs_its_stream_only() -> None:
    play = Play()
    big = [(b"a", b"v" * 4000)] + [(b"a", b"v" * 4000)] * 20
    (problem,) = play.see(C, frame(1, 1, play.block(C, [*REQUEST, *big]), 4))
    assert isinstance(problem, Problem) and (problem.stream, problem.reason) == (1, Reason.OVERSIZE)
    assert play.request(3) == [HeadersReceived(C, 3, Part.REQUEST, REQUEST, 7)]


def test_an_hpack_bomb_costs_its_stream_and_no_memory() -> None:
    play = Play()
    play.see(C, frame(1, 1, play.block(C, [(b"a", b"v" * 4000)]), 4))
    tracemalloc.start()
    (problem,) = play.see(C, frame(1, 3, b"\xbe" * 16000, 4))  # would be 64 MB of headers
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(problem, Problem) and (problem.stream, problem.reason) == (3, Reason.OVERSIZE)
    assert peak < 100_000
    assert play.request(5) == [HeadersReceived(C, 5, Part.REQUEST, REQUEST, 7)]


def test_streams_beyond_the_table_are_named_and_the_rest_goes_on() -> None:
    play = Play()
    block = play.block(C, REQUEST) and play.block(C, REQUEST)
    play.see(C, frame(1, 1, Encoder().encode(REQUEST), 4))
    for stream in range(3, 2 * MAX_STREAMS, 2):
        assert len(play.see(C, frame(1, stream, block, 4))) == 1
    (problem,) = play.see(C, frame(1, 2 * MAX_STREAMS + 1, block, 4))
    assert isinstance(problem, Problem) and problem.reason is Reason.OVERSIZE
    begun = time.process_time()
    flood = b"".join(frame(1, stream, block, 4) for stream in range(2 * MAX_STREAMS + 3, 5 * MAX_STREAMS, 2))
    assert {type(event) for event in play.see(C, flood)} == {Problem}
    assert time.process_time() - begun < 3  # refusing takes no longer when the table is full
    play.response(1, flags=5)  # answered, though the client has not ended: room again
    assert isinstance(play.see(C, frame(1, 5 * MAX_STREAMS + 1, block, 4))[0], HeadersReceived)


def test_a_flood_of_resets_leaves_nothing_behind() -> None:
    play = Play()
    play.request(1)
    block = play.block(C, REQUEST)
    cancelled = b"".join(
        frame(1, stream, block, 4) + frame(3, stream, b"\0\0\0\x08") for stream in range(3, 20_003, 2)
    )
    tracemalloc.start()
    for at in range(0, len(cancelled), 65_536):
        play.see(C, cancelled[at : at + 65_536])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 20_000 and play.observer.buffered < 100
    assert play.response(1) == [HeadersReceived(S, 1, Part.RESPONSE, RESPONSE, 7)]


def test_an_endless_header_block_ends_at_its_bound() -> None:
    play = Play()
    play.see(C, frame(1, 1, b"\x82"))
    for _ in range(15):
        play.see(C, frame(9, 1, bytes(16_384)) + frame(9, 1) * 100)
    assert play.observer.buffered <= MAX_BLOCK_BYTES
    (problem,) = play.see(C, frame(9, 1, bytes(16_384)))
    assert isinstance(problem, Problem) and problem.reason is Reason.OVERSIZE
    assert play.observer.buffered == 0


def test_a_stream_id_used_again_opens_nothing_and_keeps_the_compression_state() -> None:
    play = Play()
    play.request(5)
    play.response(5, flags=5)
    play.see(C, frame(0, 5, b"", 1))
    assert play.request(5) == [] and play.request(3) == [] and play.see(C, frame(0, 3, b"x", 1)) == []
    assert play.request(7) == [HeadersReceived(C, 7, Part.REQUEST, REQUEST, 7)]


def announced(size: int) -> bytes:
    return frame(4, 0, b"\0\x01" + size.to_bytes(4, "big"))


def test_a_table_grows_to_what_its_reader_announced() -> None:
    play = Play()
    play.see(S, announced(65_536))
    play.see(C, frame(4, 0, b"", 1))
    play.encoders[C].header_table_size = 65_536
    wide = tuple((b"n%d" % i, b"v" * 3000) for i in range(5))
    play.see(C, frame(1, 1, play.block(C, wide), 4))
    again = play.block(C, wide)
    assert len(again) == len(wide)  # all from the table, which 4 KiB could not have held
    assert play.see(C, frame(1, 3, again, 4)) == [HeadersReceived(C, 3, Part.REQUEST, wide, 7)]


def test_a_table_over_64_kib_blinds_only_when_it_is_used() -> None:
    play = Play()
    play.see(S, announced(1_000_000))
    play.see(C, frame(4, 0, b"", 1))
    assert len(play.request()) == 1
    play.encoders[C].header_table_size = 65_537
    (problem,) = play.request(3)
    assert isinstance(problem, Problem) and (problem.stream, problem.reason) == (0, Reason.OVERSIZE)


def test_a_shrunk_table_is_enforced_once_acknowledged() -> None:
    play = Play()
    play.see(S, announced(100))
    play.encoders[C].header_table_size = 4096
    old = frame(1, 1, b"\x3f\xe1\x1f" + play.block(C, REQUEST), 4)  # names 4,096: fine until acknowledged
    assert len(play.see(C, old)) == 1
    play.see(C, frame(4, 0, b"", 1) * 2 + frame(1, 3, b"\x3f\x45" + Encoder().encode(REQUEST), 4))
    (problem,) = play.see(C, frame(1, 5, b"\x3f\xe1\x1f\x82", 4))
    assert isinstance(problem, Problem) and problem.reason is Reason.HPACK
