"""One HTTP/2 connection of the raw shadow client, sans-io: bytes in, bytes out, gRPC replies (RFC 9113).

A client of its own, not the observer's parser turned round: that one believes both ends, this one is an end. It
bounds what it holds, drops a peer that breaks the protocol, and never sends a request a second time.
"""

from collections.abc import Callable
from struct import Struct
from typing import Final

from understudy.mirror import ending
from understudy.mirror.client import CANCELLED, INTERNAL, RESOURCE_EXHAUSTED, UNAVAILABLE, UNKNOWN, Status
from understudy.mirror.ending import CALM, CANCEL
from understudy.mirror.stream import MESSAGE_BYTES, Stream
from understudy.wire import frame as h2
from understudy.wire.deflate import EMPTY_TABLE
from understudy.wire.events import Headers
from understudy.wire.frame import Frame, Splitter
from understudy.wire.grpc import MessageSplitter
from understudy.wire.inflate import Inflater, Loss

MAX_FRAME: Final = 64 * 1024
"""The largest frame we announce to take."""
STREAM_WINDOW: Final = 256 * 1024
"""Small: of a reply that is too long no more than this is sent for nothing. With 4 MiB, callers' p99 tripled."""
CONNECTION_WINDOW: Final = 16 * 1024 * 1024
MAX_BLOCK_BYTES: Final = 256 * 1024
"""Encoded bytes of one header block, HEADERS and CONTINUATION together."""
MAX_LIST: Final = 64 * 1024
BURST_BYTES: Final = 1024 * 1024
"""DATA written before the caller is asked to look whether the peer still reads."""
MAX_STREAM_ID: Final = h2.MAX_STREAM - 2

_MAX_CONCURRENT_STREAMS: Final = 3
_INITIAL_WINDOW: Final = 4
_MAX_FRAME_SIZE: Final = 5
_MAX_LIST_SIZE: Final = 6
_ENABLE_PUSH: Final = 2
_WINDOW: Final = 65_535
_MAX_WINDOW: Final = (1 << 31) - 1
_MAX_SETTINGS: Final = 1024
_FIXED: Final = {h2.RST_STREAM: 4, h2.PING: 8, h2.WINDOW_UPDATE: 4, h2.PRIORITY: 5}

_PROTOCOL_ERROR: Final = 1
_FLOW_CONTROL_ERROR: Final = 3
_COMPRESSION_ERROR: Final = 9

_HEADER: Final = Struct("!HBBBI")


def framed(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    length = len(payload)
    return _HEADER.pack(length >> 8, length & 0xFF, kind, flags, stream) + payload


def _settings(values: dict[int, int]) -> bytes:
    parts = [key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in values.items()]
    return framed(h2.SETTINGS, 0, 0, b"".join(parts))


GREETING: Final = (
    h2.PREFACE
    + _settings(
        {
            _ENABLE_PUSH: 0,
            _INITIAL_WINDOW: STREAM_WINDOW,
            _MAX_FRAME_SIZE: MAX_FRAME,
            _MAX_LIST_SIZE: MAX_LIST,
        }
    )
    + framed(h2.WINDOW_UPDATE, 0, 0, (CONNECTION_WINDOW - _WINDOW).to_bytes(4, "big"))
)
"""The first bytes of a connection."""


class Session:
    """The client's end of one connection. Never raises for what the peer does: it says why and is over."""

    def __init__(self, write: Callable[[bytes], None], max_held_bytes: int) -> None:
        """`write` takes bytes for the peer; `max_held_bytes` bounds the unread and unfinished replies together."""
        self.streams: dict[int, Stream] = {}
        self.ready = False
        """The peer has spoken HTTP/2: streams may be opened."""
        self.closing = ""
        """Why no more streams can be opened here; '' while they can."""
        self.over = False
        self.paused = False
        """Set by the owner while the peer does not read."""
        self.held = 0
        self._write = write
        self._max_held = max_held_bytes
        self._splitter = Splitter()
        self._splitter.max_frame = MAX_FRAME
        self._inflater = Inflater()
        self._block: bytearray | None = None
        self._block_stream = 0
        self._block_ends = False
        self._next = 1
        self._limit = _MAX_WINDOW
        """Streams the peer allows at once."""
        self._window = _WINDOW
        self._initial = _WINDOW
        self._max_frame = h2.MIN_MAX_FRAME
        self._taken = 0
        self._unsent: dict[int, Stream] = {}
        """Streams whose request waits for a window, oldest first."""
        self._cut = False
        self._first = True
        write(GREETING)

    def __repr__(self) -> str:
        return f"<Session ready={self.ready} streams={len(self.streams)} closing={self.closing!r}>"

    @property
    def room(self) -> bool:
        """Whether a stream can be opened now."""
        open_ = self.ready and not self.closing and not self.paused
        return open_ and len(self.streams) < self._limit and len(self._unsent) < 64

    @property
    def unsent(self) -> bool:
        """Whether a burst ended before the windows did: `pump` has more to write."""
        return self._cut and not self.paused and not self.over

    # ---- ours to the peer

    def open(self, stream: Stream) -> None:
        """Write a call's request; the caller has looked for `room`."""
        number, self._next = self._next, self._next + 2
        if number >= MAX_STREAM_ID:
            self.closing = "its stream ids are used up"
        block = EMPTY_TABLE + stream.block if self._first else stream.block
        self._first = False
        stream.id, stream.session, stream.window = number, self, self._initial
        self.streams[number] = stream
        body = stream.body
        assert body is not None
        most = self._max_frame
        if len(block) <= most:
            head = framed(h2.HEADERS, h2.END_HEADERS, number, block)
        else:
            head = framed(h2.HEADERS, 0, number, block[:most])
            rest = range(most, len(block), most)
            for at in rest:
                flags = h2.END_HEADERS if at == rest[-1] else 0
                head += framed(h2.CONTINUATION, flags, number, block[at : at + most])
        size = len(body)
        if size <= most and size <= stream.window and size <= self._window and not self._unsent:
            stream.body = None
            stream.window -= size
            self._window -= size
            data = _HEADER.pack(size >> 8, size & 0xFF, h2.DATA, h2.END_STREAM, number)
            self._write(b"".join((head, data, body)))
        else:
            self._write(head)
            self._unsent[number] = stream
            self.pump()

    def pump(self) -> None:
        """Write what the windows allow of the requests that wait, a burst at most; `unsent` says there is more."""
        parts: list[bytes | memoryview] = []
        burst, self._cut = BURST_BYTES, False
        for number, stream in list(self._unsent.items()):
            body = stream.body
            while body is not None and burst > 0 and not self.paused:
                size = min(len(body), stream.window, self._window, self._max_frame)
                if size <= 0:
                    break
                last = size == len(body)
                flags = h2.END_STREAM if last else 0
                parts += _HEADER.pack(size >> 8, size & 0xFF, h2.DATA, flags, number), body[:size]
                stream.window -= size
                self._window -= size
                burst -= size
                body = stream.body = None if last else body[size:]
            if body is None:
                self._unsent.pop(number, None)
            if burst <= 0 or self._window <= 0 or self.paused:
                self._cut = bool(self._unsent) and self._window > 0
                break
        if parts:
            self._write(b"".join(parts))

    def cancel(self, stream: Stream) -> None:
        """Tell the peer to stop; what was not read is let go."""
        if stream.id in self.streams:
            self._end(stream, Status(CANCELLED, "cancelled"), reset=CANCEL)
        self.held -= stream.queued
        stream.messages.clear()
        stream.queued = 0
        stream.session = None

    def grant(self, stream: Stream) -> None:
        """Give a stream's window back once half of it is used, unless as much as it is waits to be read."""
        if stream.taken >= STREAM_WINDOW // 2 and stream.queued < STREAM_WINDOW and stream.id in self.streams:
            self._write(framed(h2.WINDOW_UPDATE, 0, stream.id, stream.taken.to_bytes(4, "big")))
            stream.taken = 0

    def lost(self, why: str) -> None:
        """The connection is gone."""
        if not self.over:
            self.over = True
            self.closing = self.closing or why
            for stream in list(self.streams.values()):
                self._end(stream, Status(UNAVAILABLE, f"connection lost: {why}", not self.ready))

    # ---- the peer's to us

    def receive(self, data: bytes) -> None:
        """Bytes from the peer."""
        if self.over:
            return
        splitter = self._splitter
        for frame in splitter.feed(data):
            self._frame(frame)
            if self.over:
                return
        if splitter.problem:
            what = splitter.problem if self.ready else "it does not speak HTTP/2"
            self._fail(what, _PROTOCOL_ERROR)
        elif self._taken >= CONNECTION_WINDOW // 2:
            self._write(framed(h2.WINDOW_UPDATE, 0, 0, self._taken.to_bytes(4, "big")))
            self._taken = 0

    def _frame(self, frame: Frame) -> None:
        kind, flags, number, payload = frame
        if self._block is not None:
            self._continuation(frame)
        elif not self.ready and (kind != h2.SETTINGS or flags & h2.ACK):
            self._fail("it does not speak HTTP/2", _PROTOCOL_ERROR)
        elif kind == h2.DATA:
            self._data(flags, number, payload)
        elif kind == h2.HEADERS:
            self._headers(flags, number, payload)
        elif _FIXED.get(kind, len(payload)) != len(payload):
            self._fail(f"a frame of type {kind} with {len(payload)} bytes", _PROTOCOL_ERROR)
        elif kind == h2.WINDOW_UPDATE:
            self._more_window(number, int.from_bytes(payload, "big") & _MAX_WINDOW)
        elif kind == h2.SETTINGS:
            self._peer_settings(flags, number, payload)
        elif kind == h2.PING:
            if not flags & h2.ACK:
                self._write(framed(h2.PING, h2.ACK, 0, payload))
        elif kind == h2.RST_STREAM:
            stream = self.streams.get(number)
            if stream is not None:
                self._end(stream, ending.reset(int.from_bytes(payload, "big"), stream.responded))
        elif kind == h2.GOAWAY:
            self._goaway(payload)
        elif kind in (h2.CONTINUATION, h2.PUSH_PROMISE):
            self._fail(f"a frame of type {kind} where none may be", _PROTOCOL_ERROR)
        # PRIORITY and unknown frames say nothing to a client.

    def _data(self, flags: int, number: int, payload: bytes) -> None:
        size = len(payload)
        self._taken += size
        if not number or number >= self._next:
            self._fail("DATA on a stream that was never opened", _PROTOCOL_ERROR)
            return
        stream = self.streams.get(number)
        if self._taken > CONNECTION_WINDOW or (stream and stream.taken + size > STREAM_WINDOW):
            self._fail("more DATA than it was given room for", _FLOW_CONTROL_ERROR)
            return
        if flags & h2.PADDED:
            if not size or payload[0] >= size:
                self._fail("padding longer than its DATA frame", _PROTOCOL_ERROR)
                return
            payload = payload[1 : size - payload[0]]
        if stream is None:
            return  # what was on its way when we reset it
        if not stream.responded:
            self._end(stream, Status(INTERNAL, "DATA before the response headers"), reset=_PROTOCOL_ERROR)
            return
        splitter = stream.splitter
        before = splitter.buffered
        messages = splitter.feed(payload)
        arrived = sum(map(len, messages)) + MESSAGE_BYTES * len(messages)
        stream.queued += arrived
        self.held += arrived + splitter.buffered - before
        stream.messages += messages
        if splitter.problem is not None:
            self._end(stream, ending.broken(splitter.problem), reset=CANCEL)
        elif self.held > self._max_held:
            text = f"replies longer than {self._max_held} bytes together"
            self._end(stream, Status(RESOURCE_EXHAUSTED, text), reset=CANCEL)
        elif flags & h2.END_STREAM:
            self._end(stream, Status(UNKNOWN, "the stream ended without a gRPC status"))
        else:
            stream.taken += size
            self.grant(stream)
            if messages and stream.news is not None:
                stream.news()

    def _headers(self, flags: int, number: int, payload: bytes) -> None:
        start, end = 0, len(payload)
        if flags & h2.PADDED:
            start, end = 1, end - (payload[0] if payload else 1)
        if flags & h2.WITH_PRIORITY:
            start += 5
        if start > end or not number or number >= self._next:
            self._fail("a header block without room or stream", _PROTOCOL_ERROR)
            return
        block, ends = payload[start:end], bool(flags & h2.END_STREAM)
        if flags & h2.END_HEADERS:
            self._fields(number, block, ends)
        else:
            self._block, self._block_stream, self._block_ends = bytearray(block), number, ends

    def _continuation(self, frame: Frame) -> None:
        block = self._block
        if block is None or frame.kind != h2.CONTINUATION or frame.stream != self._block_stream:
            self._fail("another frame inside a header block", _PROTOCOL_ERROR)
            return
        block += frame.payload
        if len(block) > MAX_BLOCK_BYTES:
            self._fail(f"a header block above {MAX_BLOCK_BYTES} bytes", CALM)
        elif frame.flags & h2.END_HEADERS:
            self._block = None
            self._fields(self._block_stream, bytes(block), self._block_ends)

    def _fields(self, number: int, block: bytes, ends: bool) -> None:
        headers = self._inflater.decode(block)
        if headers is Loss.TABLE or headers is Loss.SIZE:
            self._fail("a header block broke the compression state", _COMPRESSION_ERROR)
            return
        stream = self.streams.get(number)
        if stream is None:
            return
        if isinstance(headers, Loss):
            self._end(stream, Status(RESOURCE_EXHAUSTED, "metadata longer than we take"), reset=CANCEL)
        elif stream.responded:
            if ends:
                self._end(stream, ending.said(headers))
            else:
                self._end(stream, Status(INTERNAL, "trailers that do not end"), reset=_PROTOCOL_ERROR)
        else:
            self._response(stream, headers, ends)

    def _response(self, stream: Stream, headers: Headers, ends: bool) -> None:
        fields = dict(headers)
        http = fields.get(b":status", b"")
        if ends:
            self._end(stream, ending.said(headers, http))
        elif len(http) == 3 and http[:1] == b"1":
            return  # another response follows
        elif http != b"200":
            self._end(stream, ending.of_http(http), reset=CANCEL)
        elif not fields.get(b"content-type", b"").startswith(b"application/grpc"):
            text = f"content-type {ending.plain(fields.get(b'content-type', b''))!r} is not gRPC"
            self._end(stream, Status(UNKNOWN, text), reset=CANCEL)
        else:
            stream.responded = True
            stream.splitter.encoding = ending.plain(fields.get(b"grpc-encoding", b"identity"))

    def _peer_settings(self, flags: int, number: int, payload: bytes) -> None:
        if number or len(payload) % 6 or len(payload) > 6 * _MAX_SETTINGS or (flags & h2.ACK and payload):
            self._fail(f"a SETTINGS frame of {len(payload)} bytes", _PROTOCOL_ERROR)
            return
        if flags & h2.ACK:
            return
        for at in range(0, len(payload), 6):
            key = int.from_bytes(payload[at : at + 2], "big")
            value = int.from_bytes(payload[at + 2 : at + 6], "big")
            if key == _MAX_CONCURRENT_STREAMS:
                self._limit = value
            elif key == _INITIAL_WINDOW:
                change, self._initial = value - self._initial, value
                for stream in self.streams.values():
                    stream.window += change
                if value > _MAX_WINDOW or any(s.window > _MAX_WINDOW for s in self.streams.values()):
                    self._fail("a window above its bound", _FLOW_CONTROL_ERROR)
                    return
            elif key == _MAX_FRAME_SIZE:
                if not h2.MIN_MAX_FRAME <= value <= h2.MAX_MAX_FRAME:
                    self._fail(f"a largest frame of {value} bytes", _PROTOCOL_ERROR)
                    return
                self._max_frame = value
        self.ready = True
        self._write(framed(h2.SETTINGS, h2.ACK, 0))
        self.pump()

    def _more_window(self, number: int, more: int) -> None:
        if number:
            stream = self.streams.get(number)
            if stream is None:
                return
            stream.window += more
            if not more or stream.window > _MAX_WINDOW:
                self._end(stream, Status(INTERNAL, "a window out of bounds"), reset=_FLOW_CONTROL_ERROR)
                return
        else:
            self._window += more
            if not more or self._window > _MAX_WINDOW:
                self._fail("a window out of bounds", _FLOW_CONTROL_ERROR)
                return
        if self._unsent:
            self.pump()

    def _goaway(self, payload: bytes) -> None:
        if len(payload) < 8:
            self._fail(f"a GOAWAY frame of {len(payload)} bytes", _PROTOCOL_ERROR)
            return
        last = int.from_bytes(payload[:4], "big") & _MAX_WINDOW
        code = int.from_bytes(payload[4:8], "big")
        self.closing = f"the engine said goodbye ({code})"
        for stream in [stream for number, stream in self.streams.items() if number > last]:
            self._end(stream, Status(UNAVAILABLE, self.closing, unsent=not stream.responded))

    def _end(self, stream: Stream, status: Status, reset: int | None = None) -> None:
        """Take a stream off the connection; the peer is told where it does not know it already."""
        del self.streams[stream.id]
        self._unsent.pop(stream.id, None)
        if (reset is not None or stream.body is not None) and not self.over:
            code = CANCEL if reset is None else reset
            self._write(framed(h2.RST_STREAM, 0, stream.id, code.to_bytes(4, "big")))
        unfinished = stream.splitter.buffered
        if unfinished:
            self.held -= unfinished
            stream.splitter = MessageSplitter(0)
            if status.code == 0:
                status = Status(INTERNAL, "the reply ends within a message")
        stream.over(status)

    def _fail(self, why: str, code: int) -> None:
        """The peer broke the protocol: say so and be over."""
        self._write(framed(h2.GOAWAY, 0, 0, bytes(4) + code.to_bytes(4, "big")))
        self.lost(why)
