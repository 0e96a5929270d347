"""Our HTTP/2 client, sans-io: held against `h2` as a strict server, and against peers that break every rule."""

from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.mirror.client import INTERNAL, RESOURCE_EXHAUSTED, UNAVAILABLE, UNIMPLEMENTED, UNKNOWN, Status
from understudy.mirror.session import (
    CONNECTION_WINDOW,
    GREETING,
    MAX_BLOCK_BYTES,
    STREAM_WINDOW,
    Session,
    framed,
)
from understudy.mirror.stream import Stream
from understudy.wire import frame as wire
from understudy.wire.deflate import deflate

BLOCK = deflate(
    (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", b"/a.B/C"),
        (b":authority", b"engine:1"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
    )
)
HELD = 100_000
RESPONSE = ((":status", "200"), ("content-type", "application/grpc"))


def grpc_frame(message: bytes, flag: int = 0) -> bytes:
    return bytes((flag,)) + len(message).to_bytes(4, "big") + message


@dataclass
class Peers:
    """Our session and an `h2` server, joined by cuts of any size."""

    cut: int = 1 << 20
    streams: int = 100
    window: int = 65_535
    bodies: dict[int, bytearray] = field(default_factory=dict)
    ended: list[int] = field(default_factory=list)
    reset: list[int] = field(default_factory=list)
    headers: dict[int, dict[bytes, bytes]] = field(default_factory=dict)
    held: int = HELD
    acknowledge: bool = True
    """Whether the server gives windows back."""

    def __post_init__(self) -> None:
        self.sent = bytearray()
        self.server = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding=None)
        )
        self.server.local_settings = h2.settings.Settings(
            client=False,
            initial_values={
                h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: self.streams,
                h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: self.window,
            },
        )
        self.server.initiate_connection()
        self.session = Session(self.sent.extend, self.held)
        self.settle()

    def call(self, message: bytes = b"question", max_message_bytes: int = 50_000) -> Stream:
        stream = Stream(BLOCK, grpc_frame(message), max_message_bytes)
        self.session.open(stream)
        self.settle()
        return stream

    def settle(self) -> None:
        """Carry bytes both ways until there are none; h2 raises for whatever a client may not do."""
        while True:
            there, self.sent[:] = bytes(self.sent), b""
            for at in range(0, len(there), self.cut):
                for event in self.server.receive_data(there[at : at + self.cut]):
                    self._served(event)
            back = self.server.data_to_send()
            for at in range(0, len(back), self.cut):
                self.session.receive(back[at : at + self.cut])
            while self.session.unsent:
                self.session.pump()
            if not self.sent and not back:
                return

    def _served(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=number, headers=headers):
                assert number is not None and headers is not None
                self.headers[number] = dict(headers)
                self.bodies[number] = bytearray()
            case h2.events.DataReceived(stream_id=number, data=data, flow_controlled_length=length):
                self.bodies[number] += data
                if self.acknowledge and length:
                    self.server.acknowledge_received_data(length, number)
            case h2.events.StreamEnded(stream_id=number):
                self.ended.append(number)
            case h2.events.StreamReset(stream_id=number):
                self.reset.append(number)

    def answer(self, number: int, *messages: bytes, status: str = "0", details: str = "") -> None:
        self.server.send_headers(number, RESPONSE)
        for message in messages:
            self.server.send_data(number, grpc_frame(message))
        self.server.send_headers(
            number, (("grpc-status", status), ("grpc-message", details)), end_stream=True
        )
        self.settle()


def read(stream: Stream) -> list[bytes]:
    return [message for message in iter(stream.take, None)]


@settings(max_examples=50, deadline=None)
@given(
    cut=st.sampled_from([1, 7, 100, 1 << 20]),
    window=st.sampled_from([0, 1, 50, 16_384, 65_535, 1 << 20]),
    sizes=st.lists(st.sampled_from([0, 1, 49, 5000, 70_000, 200_000]), min_size=1, max_size=4),
    replies=st.lists(st.binary(max_size=2000), max_size=5),
)
def test_requests_arrive_whole_whatever_the_windows_and_the_cuts(
    cut: int, window: int, sizes: list[int], replies: list[bytes]
) -> None:
    if 0 < window < 100 or cut < 100:
        sizes = [min(size, 60) for size in sizes]
    peers = Peers(cut=cut, window=window)
    streams = [peers.call(bytes([65 + index]) * size) for index, size in enumerate(sizes)]
    if not window:
        assert not peers.ended, "nothing may be sent into a closed window"
        peers.server.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 9000})
        peers.settle()
    assert sorted(peers.ended) == [1 + 2 * index for index in range(len(sizes))]
    for index, stream in enumerate(streams):
        assert peers.bodies[1 + 2 * index] == grpc_frame(bytes([65 + index]) * sizes[index])
        peers.answer(1 + 2 * index, *replies)
        assert read(stream) == replies and stream.status == Status(0)
    assert peers.headers[1][b":path"] == b"/a.B/C" and peers.headers[1][b"te"] == b"trailers"
    assert peers.session.held == 0 and not peers.session.streams


def test_a_reply_far_longer_than_the_windows_flows_on_while_it_is_read() -> None:
    peers = Peers()
    stream = peers.call()
    peers.server.send_headers(1, RESPONSE)
    for _ in range(1000):  # 40 MB: two and a half connection windows
        for _ in range(4):
            peers.server.send_data(1, grpc_frame(bytes(9_995)))
        peers.settle()
        assert len(read(stream)) == 4
    peers.server.send_headers(1, (("grpc-status", "0"),), end_stream=True)
    peers.settle()
    assert stream.status == Status(0) and peers.session.held == 0


def test_a_status_comes_with_or_without_a_reply_before_it() -> None:
    peers = Peers()
    first, second, third = peers.call(), peers.call(), peers.call()
    peers.answer(1, b"half", status="8", details="too%20much%E2%80%A6")
    assert read(first) == [b"half"] and first.status == Status(8, "too much…")
    peers.server.send_headers(3, (*RESPONSE, ("grpc-status", "5")), end_stream=True)
    peers.server.send_headers(5, ((":status", "404"), ("content-type", "text/html")))
    peers.settle()
    assert second.status == Status(5)
    assert third.status is not None and third.status.code == UNIMPLEMENTED and peers.reset == [5]


def test_cancelling_tells_the_engine_and_lets_go_of_everything() -> None:
    peers = Peers(window=10)
    peers.acknowledge = False
    stream, other = peers.call(bytes(40_000)), peers.call()
    peers.server.send_headers(1, RESPONSE)
    peers.server.send_data(1, grpc_frame(b"unread"))
    peers.settle()
    peers.session.cancel(stream)
    peers.settle()
    assert peers.reset == [1] and peers.session.held == 0 and not read(stream)
    peers.acknowledge = True
    peers.server.increment_flow_control_window(100, 3)
    peers.settle()
    assert peers.ended == [3] and other.status is None


def test_after_a_goodbye_what_was_begun_is_finished_and_nothing_is_begun() -> None:
    peers = Peers()
    begun, late = peers.call(), peers.call()
    peers.session.receive(framed(wire.GOAWAY, 0, 0, (1).to_bytes(4, "big") + bytes(4)))
    assert not peers.session.room and late.status is not None and late.status.code == UNAVAILABLE
    assert late.status.unsent
    peers.answer(1, b"answer")
    assert read(begun) == [b"answer"] and begun.status == Status(0)


def test_a_goodbye_that_disowns_a_reply_already_begun_is_the_engines_failure() -> None:
    session, stream, _ = hostile()
    session.receive(OK + framed(wire.DATA, 0, 1, grpc_frame(b"half")) + framed(wire.GOAWAY, 0, 0, bytes(8)))
    assert read(stream) == [b"half"]
    assert stream.status is not None and stream.status.code == UNAVAILABLE and not stream.status.unsent


def hostile() -> tuple[Session, Stream, bytearray]:
    sent = bytearray()
    session = Session(sent.extend, HELD)
    session.receive(framed(wire.SETTINGS, 0, 0))
    stream = Stream(BLOCK, grpc_frame(b"q"), 50_000)
    session.open(stream)
    return session, stream, sent


OK = framed(
    wire.HEADERS, wire.END_HEADERS, 1, deflate(((b":status", b"200"), (b"content-type", b"application/grpc")))
)
# One field of 3,900 bytes into the table, and named twenty times from there.
HUGE_LIST = b"\x40" + deflate([(b"x", b"y" * 3900)])[1:] + b"\xbe" * 20
LONG_LIST = deflate([(b":status", b"200")] + [(b"x", b"y" * 4000)] * 3)


@pytest.mark.parametrize(
    ("bytes_", "code", "lives"),
    [
        (framed(wire.RST_STREAM, 0, 1, (7).to_bytes(4, "big")), UNAVAILABLE, True),
        (framed(wire.RST_STREAM, 0, 1, (2).to_bytes(4, "big")), INTERNAL, True),
        # what gRPC calls an error of the stream, on a connection that goes on
        (framed(wire.DATA, 0, 1, b"xxxxx"), INTERNAL, True),
        (OK + framed(wire.DATA, wire.END_STREAM, 1, grpc_frame(b"a")), UNKNOWN, True),
        (OK + framed(wire.DATA, 0, 1, b"\xff" * 5), INTERNAL, True),
        (OK + framed(wire.DATA, 0, 1, b"\x00\xff\xff\xff\xff"), RESOURCE_EXHAUSTED, True),
        (OK + framed(wire.DATA, 0, 1, grpc_frame(b"not gzip", 1)), INTERNAL, True),
        (OK + OK, INTERNAL, True),
        (
            framed(wire.HEADERS, 4, 1, HUGE_LIST),
            RESOURCE_EXHAUSTED,
            True,
        ),
        (
            framed(wire.HEADERS, 4, 1, deflate([(b":status", b"200"), (b"content-type", b"text/html")])),
            UNKNOWN,
            True,
        ),
        (framed(wire.HEADERS, 5, 1, deflate([(b":status", b"200"), (b"grpc-status", b"99")])), UNKNOWN, True),
        (framed(wire.HEADERS, 4, 1, b"\xff\xff\xff\xff\xff\xff"), UNAVAILABLE, False),
        (framed(wire.HEADERS, 0, 1, LONG_LIST) + framed(wire.PING, 0, 0, bytes(8)), UNAVAILABLE, False),
        (framed(wire.PUSH_PROMISE, 4, 1, bytes(4)), UNAVAILABLE, False),
        (framed(wire.PING, 0, 0, b"short"), UNAVAILABLE, False),
        (framed(wire.SETTINGS, 0, 0, b"\0\4" + b"\xff" * 4), UNAVAILABLE, False),
        (framed(wire.WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"), UNAVAILABLE, False),
        (framed(wire.DATA, 0, 9, b"x"), UNAVAILABLE, False),
        (b"\xff" * 9, UNAVAILABLE, False),
    ],
)
def test_a_peer_that_breaks_a_rule_fails_its_stream_or_its_connection_and_the_call_says_so(
    bytes_: bytes, code: int, lives: bool
) -> None:
    session, stream, sent = hostile()
    sent.clear()
    session.receive(bytes_)
    assert stream.status is not None and stream.status.code == code and stream.status.details
    read(stream)
    assert session.over is not lives and session.held == 0 and session.room is lives
    assert sent or bytes_[3] == wire.RST_STREAM or code == UNKNOWN, "the peer is told"


def test_a_peer_that_is_no_http2_server_was_never_connected() -> None:
    session = Session(lambda _: None, HELD)
    session.receive(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert session.over and session.closing == "it does not speak HTTP/2" and not session.ready


def test_what_is_held_of_all_replies_together_is_bounded() -> None:
    session, first, _ = hostile()
    others = [Stream(BLOCK, grpc_frame(b"q"), 50_000) for _ in range(9)]
    for stream in others:
        session.open(stream)
    block = deflate(((b":status", b"200"), (b"content-type", b"application/grpc")))
    part = b"\0" + (40_000).to_bytes(4, "big") + bytes(30_000)
    for number in range(1, 20, 2):
        session.receive(
            framed(wire.HEADERS, wire.END_HEADERS, number, block) + framed(wire.DATA, 0, number, part)
        )
        assert session.held <= HELD
    ended = [stream.status for stream in (first, *others) if stream.status is not None]
    assert len(ended) == 7 and {status.code for status in ended} == {RESOURCE_EXHAUSTED}


def test_messages_that_wait_weigh_more_than_the_five_bytes_of_an_empty_one() -> None:
    session, stream, _ = hostile()
    session.receive(OK + framed(wire.DATA, 0, 1, grpc_frame(b"") * 1000))
    assert 40 * 1000 < session.held <= HELD and stream.status is None
    session.receive(framed(wire.DATA, 0, 1, grpc_frame(b"") * 1000))
    assert stream.status is not None and stream.status.code == RESOURCE_EXHAUSTED
    assert len(read(stream)) == 2000 and session.held == 0


def test_a_window_is_given_back_as_the_reply_is_read() -> None:
    peers = Peers(held=1 << 30)
    stream = peers.call()
    peers.server.send_headers(1, RESPONSE)
    sent = 0
    while peers.server.local_flow_control_window(1) >= 10_000:
        peers.server.send_data(1, grpc_frame(bytes(9_995)))
        peers.settle()
        sent += 1
    assert sent * 10_000 < 2 * STREAM_WINDOW and stream.queued >= STREAM_WINDOW
    assert len(read(stream)) == sent
    peers.settle()
    assert peers.server.local_flow_control_window(1) > STREAM_WINDOW // 2


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_peer_that_sends_more_than_its_window_is_left(cancelled: bool) -> None:
    sent = bytearray()
    session = Session(sent.extend, 1 << 30)
    session.receive(framed(wire.SETTINGS, 0, 0))
    stream = Stream(BLOCK, grpc_frame(b"q"), 50_000)
    session.open(stream)
    session.receive(OK)
    if cancelled:  # then there is the connection's window alone
        session.cancel(stream)
    window = CONNECTION_WINDOW if cancelled else STREAM_WINDOW
    frames = framed(wire.DATA, 0, 1, grpc_frame(bytes(16_379))) * (window // 16_384)
    session.receive(frames)
    assert not session.over
    session.receive(frames + framed(wire.DATA, 0, 1, b"one too many"))
    assert session.over and sent.endswith(framed(wire.GOAWAY, 0, 0, bytes(7) + b"\3"))
    assert session.held < 2 * STREAM_WINDOW


def test_a_header_block_without_end_is_cut_off() -> None:
    session, stream, _ = hostile()
    session.receive(framed(wire.HEADERS, 0, 1))
    for _ in range(MAX_BLOCK_BYTES // 16_000 + 1):
        session.receive(framed(wire.CONTINUATION, 0, 1, bytes(16_000)))
    assert session.over and stream.status is not None


frames = st.builds(
    framed,
    st.integers(0, 10),
    st.sampled_from([0, 1, 4, 5, 8, 0x20, 0xFF]),
    st.sampled_from([0, 1, 3, 5, 7, 2**31 - 1]),
    st.one_of(
        st.binary(max_size=40),
        st.just(grpc_frame(b"word")),
        st.just(OK[9:]),
        st.binary(min_size=4, max_size=4),
    ),
)
moves = st.one_of(
    frames, frames, st.binary(max_size=30), st.sampled_from(["call", "cancel", "read", "pause", "go"])
)


@settings(max_examples=300, deadline=None)
@given(st.lists(moves, max_size=40), st.booleans())
def test_nothing_a_peer_sends_raises_or_leaves_anything_behind(play: list[bytes | str], greets: bool) -> None:
    session = Session(lambda _: None, HELD)
    if greets:
        session.receive(framed(wire.SETTINGS, 0, 0))
    streams: list[Stream] = []
    for move in play:
        match move:
            case bytes():
                session.receive(move)
            case "call" if session.room:
                streams.append(Stream(BLOCK, grpc_frame(bytes(3000)), 50_000))
                session.open(streams[-1])
            case "cancel" if streams and streams[0].session is not None:
                session.cancel(streams[0])
            case "read":
                for stream in streams:
                    stream.take()
            case "pause" | "go":
                session.paused = move == "pause"
                session.pump()
        unread = sum(stream.queued + stream.splitter.buffered for stream in streams if stream.session)
        assert session.held == unread <= HELD
        assert len(session.streams) == sum(
            stream.status is None and stream.session is not None for stream in streams
        )
    session.lost("the test is over")
    for stream in streams:
        read(stream)
        assert stream.status is not None or stream.session is None
    assert session.held == 0 and not session.streams


def test_the_greeting_is_what_a_strict_server_takes() -> None:
    server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    server.initiate_connection()
    assert not [e for e in server.receive_data(GREETING) if isinstance(e, h2.events.ConnectionTerminated)]
