"""A passive observer of one HTTP/2 connection: the copied bytes of both directions in, events out (RFC 9113).

It is no endpoint: it never answers, never enforces flow control, and accepts whatever leaves both ends able
to go on. What neither end could follow it does not follow either: one `Problem` with stream 0, then silence.
"""

from typing import Final

from understudy.wire import frame as h2
from understudy.wire.events import (
    DataElided,
    DataReceived,
    Event,
    GoAwayReceived,
    Headers,
    HeadersReceived,
    Part,
    Problem,
    Reason,
    SettingsReceived,
    Side,
    StreamEnded,
    StreamReset,
)
from understudy.wire.frame import Frame, Splitter
from understudy.wire.inflate import MAX_TABLE_BYTES, Inflater, Loss

MAX_STREAMS: Final = 16_384
"""Streams followed at once on one connection; those opened beyond it are reported as oversize."""
MAX_BLOCK_BYTES: Final = 256 * 1024
"""Encoded bytes of one header block, HEADERS and CONTINUATION together."""

_HEADER_TABLE_SIZE: Final = 1
_MAX_FRAME_SIZE: Final = 5
_MAX_SETTINGS: Final = 1024
_DEBUG_BYTES: Final = 1024
_FIXED: Final = {h2.RST_STREAM: 4, h2.PING: 8, h2.WINDOW_UPDATE: 4}
"""Payload lengths that may not differ (section 6); PRIORITY of a wrong length only errs its stream."""

# What is remembered of an open stream.
_CLIENT_ENDED: Final = 1
_SERVER_ENDED: Final = 2
_BOTH_ENDED: Final = 3
_RESPONDED: Final = 4


class _Half:
    """One direction: its frames, its compression state, and the header block being gathered."""

    __slots__ = (
        "block",
        "block_ends",
        "block_pushed",
        "block_stream",
        "ended",
        "inflater",
        "side",
        "splitter",
        "started",
    )

    def __init__(self, side: Side) -> None:
        self.side = side
        self.ended = _CLIENT_ENDED if side is Side.CLIENT else _SERVER_ENDED
        self.splitter = Splitter(h2.PREFACE if side is Side.CLIENT else b"")
        self.inflater = Inflater()
        self.started = False
        self.block: bytearray | None = None
        self.block_stream = 0
        self.block_ends = False
        self.block_pushed = False


class Observer:
    """Follows one connection from its first byte. Never raises; memory is bounded by the constants above."""

    __slots__ = ("_answered", "_client", "_last", "_limit", "_server", "_streams", "over")

    def __init__(self) -> None:
        self.over = False
        """True once the connection can no longer be followed."""
        self._client = _Half(Side.CLIENT)
        self._server = _Half(Side.SERVER)
        self._streams: dict[int, int] = {}
        self._answered: set[int] = set()
        """Streams that the server has ended and the client has not."""
        self._last = 0
        """Highest stream the client opened."""
        self._limit = h2.MAX_STREAM
        """Highest stream the server has not refused by GOAWAY."""

    @property
    def buffered(self) -> int:
        """Bytes held of unfinished frames and header blocks, both directions together.

        At most, for each direction, one frame as large as its receiver allows and MAX_BLOCK_BYTES.
        """
        return self.held - self.remembered

    @property
    def remembered(self) -> int:
        """Bytes that repeated header blocks are remembered with: at most MEMO_BYTES for each direction."""
        return self._client.inflater.remembered + self._server.inflater.remembered

    @property
    def held(self) -> int:
        """Both together: read for every chunk, so in one step."""
        client, server = self._client, self._server
        held = client.splitter.buffered + server.splitter.buffered
        if client.block or server.block:
            held += len(client.block or b"") + len(server.block or b"")
        return held + client.inflater.remembered + server.inflater.remembered

    def receive(self, side: Side, data: bytes, ns: int) -> list[Event]:
        """Bytes that `side` sent, read at `ns`."""
        events: list[Event] = []
        if self.over:
            return events
        half = self._client if side is Side.CLIENT else self._server
        splitter = half.splitter
        for frame in splitter.feed(data):
            self._frame(half, frame, ns, events)
            if self.over:
                return events
        if splitter.problem:
            self._fail(Reason.PROTOCOL if half.started else Reason.NOT_HTTP2, splitter.problem, ns, events)
        return events

    def elided(self, side: Side, frame_header: bytes, ns: int) -> list[Event]:
        """A DATA frame of `side` whose header is `frame_header` and whose payload is not in the copy."""
        events: list[Event] = []
        if self.over:
            return events
        half = self._client if side is Side.CLIENT else self._server
        if len(frame_header) != h2.HEADER_BYTES or frame_header[3] != h2.DATA:
            self._fail(Reason.BLIND, "something other than a DATA frame was left out of the copy", ns, events)
        elif not half.splitter.at_boundary or half.block is not None or not half.started:
            self._fail(Reason.BLIND, "a frame was left out of the copy inside another", ns, events)
        else:
            length, _, flags, stream = h2.parse_header(frame_header)
            if self._streams.get(stream, half.ended) & half.ended == 0:
                events.append(DataElided(half.side, stream, length, ns))
                if flags & h2.END_STREAM:
                    self._end(half, stream, ns, events)
        return events

    def forget(self, stream: int) -> None:
        """Say nothing more of this stream; its frames only keep the compression state in step."""
        self._remove(stream)

    def forget_blocks(self) -> None:
        """Let go of what is remembered of repeated header blocks: it only saves time."""
        self._client.inflater.forget()
        self._server.inflater.forget()

    def abandon(self) -> None:
        """Say nothing more of this connection and let go of what is held."""
        self.over = True
        self._client = _Half(Side.CLIENT)
        self._server = _Half(Side.SERVER)
        self._streams = {}
        self._answered = set()

    def _frame(self, half: _Half, frame: Frame, ns: int, events: list[Event]) -> None:
        kind, flags, stream, payload = frame
        if half.block is not None:
            self._continuation(half, frame, ns, events)
        elif kind == h2.DATA:
            self._data(half, flags, stream, payload, ns, events)
        elif not half.started and (kind != h2.SETTINGS or flags & h2.ACK or stream):
            self._fail(Reason.NOT_HTTP2, "the first frame is not SETTINGS", ns, events)
        elif kind == h2.HEADERS or kind == h2.PUSH_PROMISE:
            self._headers(half, frame, ns, events)
        elif _FIXED.get(kind, len(payload)) != len(payload):
            self._fail(Reason.PROTOCOL, f"a frame of type {kind} with {len(payload)} bytes", ns, events)
        elif kind == h2.RST_STREAM:
            if self._remove(stream):
                events.append(StreamReset(half.side, stream, int.from_bytes(payload, "big"), ns))
        elif kind == h2.SETTINGS:
            self._settings(half, flags, stream, payload, ns, events)
        elif kind == h2.GOAWAY:
            self._goaway(half, payload, ns, events)
        elif kind == h2.CONTINUATION:
            self._fail(Reason.PROTOCOL, "CONTINUATION without HEADERS", ns, events)
        # PRIORITY, PING, WINDOW_UPDATE and unknown frames say nothing about an RPC.

    def _data(
        self, half: _Half, flags: int, stream: int, payload: bytes, ns: int, events: list[Event]
    ) -> None:
        if not half.started or not stream:
            reason = Reason.PROTOCOL if half.started else Reason.NOT_HTTP2
            self._fail(reason, "DATA on stream 0 or before SETTINGS", ns, events)
            return
        length = len(payload)
        if flags & h2.PADDED:
            if not length or payload[0] >= length:
                self._fail(Reason.PROTOCOL, "padding longer than its DATA frame", ns, events)
                return
            payload = payload[1 : length - payload[0]]
        state = self._streams.get(stream)
        if state is None or state & half.ended:
            return
        if half is self._server and not state & _RESPONDED:
            self._drop(stream, Reason.PROTOCOL, "DATA before the response headers", ns, events)
            return
        events.append(DataReceived(half.side, stream, payload, length, ns))
        if flags & h2.END_STREAM:
            self._end(half, stream, ns, events)

    def _headers(self, half: _Half, frame: Frame, ns: int, events: list[Event]) -> None:
        kind, flags, stream, payload = frame
        start, end = 0, len(payload)
        if flags & h2.PADDED:
            start, end = 1, end - (payload[0] if payload else 1)
        pushed = kind == h2.PUSH_PROMISE
        if pushed:
            start += 4
        elif flags & h2.WITH_PRIORITY:
            start += 5
        if start > end or not stream:
            self._fail(Reason.PROTOCOL, "a header block without room or stream", ns, events)
            return
        block = payload[start:end]
        ends = bool(flags & h2.END_STREAM) and not pushed
        if flags & h2.END_HEADERS:
            self._block(half, stream, block, ends, pushed, ns, events)
        else:
            half.block = bytearray(block)
            half.block_stream = stream
            half.block_ends = ends
            half.block_pushed = pushed

    def _continuation(self, half: _Half, frame: Frame, ns: int, events: list[Event]) -> None:
        block = half.block
        if block is None or frame.kind != h2.CONTINUATION or frame.stream != half.block_stream:
            self._fail(Reason.PROTOCOL, "another frame inside a header block", ns, events)
            return
        block += frame.payload
        if len(block) > MAX_BLOCK_BYTES:
            self._fail(Reason.OVERSIZE, f"a header block above {MAX_BLOCK_BYTES} bytes", ns, events)
        elif frame.flags & h2.END_HEADERS:
            half.block = None
            self._block(half, half.block_stream, bytes(block), half.block_ends, half.block_pushed, ns, events)

    def _block(
        self, half: _Half, stream: int, block: bytes, ends: bool, pushed: bool, ns: int, events: list[Event]
    ) -> None:
        if len(block) > MAX_BLOCK_BYTES:
            self._fail(Reason.OVERSIZE, f"a header block above {MAX_BLOCK_BYTES} bytes", ns, events)
            return
        headers = half.inflater.decode(block)
        if headers is Loss.TABLE:
            self._fail(Reason.HPACK, "a header block broke the compression state", ns, events)
            return
        if headers is Loss.SIZE:
            self._fail(Reason.OVERSIZE, f"a header table above {MAX_TABLE_BYTES} bytes", ns, events)
            return
        if pushed:
            return  # its promised stream is even, and thus never in the table
        state = self._streams.get(stream)
        opens = half is self._client and stream > self._last and stream & 1 == 1
        if opens:
            self._last = stream
            if stream > self._limit:
                return  # crossed with the server's GOAWAY: the client has to try it elsewhere
            if not self._room():
                events.append(Problem(stream, Reason.OVERSIZE, f"over {MAX_STREAMS} streams at once", ns))
                return
            self._streams[stream] = state = 0
        elif state is None or state & half.ended:
            return  # late frames of a stream that is over, or nonsense: only the compression state mattered
        if isinstance(headers, Loss):
            self._drop(stream, Reason.OVERSIZE, "a field list over its bound", ns, events)
            return
        part = Part.TRAILERS
        if opens:
            part = Part.REQUEST
        elif half is self._server and not state & _RESPONDED:
            part = Part.INFORMATIONAL if _informational(headers) and not ends else Part.RESPONSE
            if part is Part.RESPONSE:
                self._streams[stream] = state | _RESPONDED
        elif not ends:
            self._drop(stream, Reason.PROTOCOL, "trailers that do not end the stream", ns, events)
            return
        events.append(HeadersReceived(half.side, stream, part, headers, ns))
        if ends:
            self._end(half, stream, ns, events)

    def _settings(
        self, half: _Half, flags: int, stream: int, payload: bytes, ns: int, events: list[Event]
    ) -> None:
        other = self._server if half is self._client else self._client
        if stream or len(payload) % 6 or len(payload) > 6 * _MAX_SETTINGS or (flags & h2.ACK and payload):
            self._fail(Reason.PROTOCOL, f"a SETTINGS frame of {len(payload)} bytes", ns, events)
            return
        half.started = True
        if flags & h2.ACK:
            half.inflater.acknowledge()
            events.append(SettingsReceived(half.side, (), True, ns))
            return
        settings = tuple(
            (int.from_bytes(payload[at : at + 2], "big"), int.from_bytes(payload[at + 2 : at + 6], "big"))
            for at in range(0, len(payload), 6)
        )
        table_bytes: int | None = None
        for identifier, value in settings:
            if identifier == _HEADER_TABLE_SIZE:
                table_bytes = value
            elif identifier == _MAX_FRAME_SIZE:
                # Never lowered: frames of the old size may be on their way, and the receiver polices the new.
                other.splitter.max_frame = max(other.splitter.max_frame, min(value, h2.MAX_MAX_FRAME))
        events.append(SettingsReceived(half.side, settings, False, ns))
        if not other.inflater.announce(table_bytes):
            self._fail(Reason.PROTOCOL, "SETTINGS are never acknowledged", ns, events)

    def _goaway(self, half: _Half, payload: bytes, ns: int, events: list[Event]) -> None:
        if len(payload) < 8:
            self._fail(Reason.PROTOCOL, f"a GOAWAY frame of {len(payload)} bytes", ns, events)
            return
        last = int.from_bytes(payload[:4], "big") & 0x7FFF_FFFF
        code = int.from_bytes(payload[4:8], "big")
        if half is self._server and last < self._limit:
            self._limit = last
            while self._streams and (stream := next(reversed(self._streams))) > last:  # opened in their order
                self._remove(stream)
        events.append(GoAwayReceived(half.side, last, code, payload[8 : 8 + _DEBUG_BYTES], ns))

    def _room(self) -> bool:
        """Whether one more stream may be followed; answered streams a client never ends make room first."""
        if len(self._streams) >= MAX_STREAMS:
            for stream in self._answered:
                del self._streams[stream]
            self._answered.clear()
        return len(self._streams) < MAX_STREAMS

    def _end(self, half: _Half, stream: int, ns: int, events: list[Event]) -> None:
        state = self._streams[stream] | half.ended
        if state & _BOTH_ENDED == _BOTH_ENDED:
            self._remove(stream)
        else:
            self._streams[stream] = state
            if half is self._server:
                self._answered.add(stream)
        events.append(StreamEnded(half.side, stream, ns))

    def _remove(self, stream: int) -> bool:
        """Stop following a stream; False when it was not followed."""
        self._answered.discard(stream)
        return self._streams.pop(stream, None) is not None

    def _drop(self, stream: int, reason: Reason, detail: str, ns: int, events: list[Event]) -> None:
        self._remove(stream)
        events.append(Problem(stream, reason, detail, ns))

    def _fail(self, reason: Reason, detail: str, ns: int, events: list[Event]) -> None:
        self.abandon()
        events.append(Problem(0, reason, detail, ns))


def _informational(headers: Headers) -> bool:
    """Whether a response's status is 1xx."""
    for name, value in headers:
        if name == b":status":
            return len(value) == 3 and value[:1] == b"1"
    return False
