"""Where the frames of one direction of an HTTP/2 connection begin and end, from their 9-byte headers alone.

The relay passes bytes and may put frames of its own between them (GOAWAY, trailers), which is only safe at
a frame boundary, after the sender's first SETTINGS and outside HEADERS..CONTINUATION (RFC 9113 sections 3.4
and 4.3). Two `Boundary` trackers, one per direction, share one `Streams` table. No payload is kept, save the
first 8 bytes of GOAWAY and PING. Anything that is not HTTP/2 turns a tracker `opaque`: from then on it knows
nothing.

`feed` only keeps account, for bytes that pass unchanged. `split` also cuts a chunk into pieces at frame
starts, for a caller who leaves frames out or puts some in; it withholds an incomplete frame header (`held`)
until the rest has come, because nothing can be decided about half a header.
"""

import struct
from typing import Final, NamedTuple

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client sends first (RFC 9113 section 3.4)."""

DATA: Final = 0
HEADERS: Final = 1
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

END_STREAM: Final = 1
ACK: Final = 1
END_HEADERS: Final = 4

LAST: Final = 2**31 - 1
"""The highest stream id."""
ALL: Final = 2**31
"""More frames than any chunk has."""

_HEADER: Final = struct.Struct("!HBBBI")
_SIZE: Final = 9


class Stream:
    """One open stream, as far as frame headers tell."""

    __slots__ = ("answered", "client_bytes", "client_ended", "idle_at", "idle_since", "opened", "turns")

    def __init__(self) -> None:
        self.client_bytes = 0
        """DATA payload bytes from the client, as flow control counts them."""
        self.client_ended = False
        """The client sent END_STREAM."""
        self.answered = False
        """The server sent HEADERS."""
        self.idle_at = -1
        """`client_bytes` when an observer last called the stream idle; -1 when it never did."""
        self.idle_since = 0.0
        """The owner's clock then."""
        self.opened = 0.0
        """The owner's clock when it first looked at the stream; 0 until then."""
        self.turns = 0
        """Requests on it that were answered before the next was sent, as far as an observer says."""


class Streams:
    """The open streams of a connection: open until the server ends or refuses them or either side resets them."""

    __slots__ = ("highest", "limit", "open")

    def __init__(self) -> None:
        self.open: dict[int, Stream] = {}
        self.highest = 0
        """Highest stream id the client has opened."""
        self.limit = LAST
        """The lowest last-stream-id of the server's GOAWAYs."""

    def refuse(self, last: int) -> None:
        """Nothing above `last` is served: what comes on such streams the server ignores (RFC 9113 section 6.8)."""
        self.limit = min(self.limit, last)
        # They stand in the order of their opening.
        while self.open and next(reversed(self.open)) > self.limit:
            self.open.popitem()


class Frame(NamedTuple):
    """A frame header."""

    kind: int
    flags: int
    stream: int
    length: int
    """Payload bytes."""


class Piece(NamedTuple):
    """Consecutive bytes of one frame."""

    data: bytes
    frame: Frame | None
    """The frame these bytes begin: its whole header, and of GOAWAY and PING the first 8 payload bytes.
    None for bytes that go on with a frame begun earlier, for the preface, and for opaque bytes."""
    clean: bool
    """Frames of the caller's may be put in front of this piece."""


class Boundary:
    """Tracks one direction; `client` is True for bytes a client sends."""

    __slots__ = (
        "_continues",
        "_head",
        "_need",
        "_passed",
        "_preface",
        "client",
        "left",
        "opaque",
        "ready",
    )

    def __init__(self, client: bool) -> None:
        self.client = client
        self.opaque = False
        """True when these bytes are not HTTP/2, from the start or from some point on."""
        self.ready = False
        """The sender's first SETTINGS header has passed."""
        self.left = 0
        """Payload bytes still to come of the frame in progress."""
        self._preface = PREFACE if client else b""
        self._head = b""
        self._need = _SIZE
        self._passed = 0
        self._continues = 0

    @property
    def held(self) -> bytes:
        """Bytes `split` has withheld: part of a frame header (of GOAWAY and PING, with 8 payload bytes)."""
        return self._head[self._passed :]

    @property
    def inside_headers(self) -> bool:
        """Between a HEADERS frame and its last CONTINUATION."""
        return self._continues != 0

    @property
    def at_boundary(self) -> bool:
        """The bytes passed so far end with a whole frame."""
        return not (self.opaque or self.left or self._passed or self._preface)

    @property
    def clean(self) -> bool:
        """Frames of the caller's may follow the bytes passed so far."""
        return self.ready and self.at_boundary and not self._continues

    def feed(self, data: bytes, streams: Streams, most: int = ALL) -> int:
        """Take account of bytes that pass unchanged; only to be called while nothing is `held`.

        Returns how many: what comes behind the first `most` frames is left for later.
        """
        size, at = len(data), 0
        if self.opaque:
            return size
        if self._preface:
            at = self._match(data)
        left = self.left
        while at < size and not self.opaque:
            if left:
                if size - at < left:
                    left -= size - at
                    at = size
                    break
                at += left
                left = 0
                continue
            if not most:
                break
            most -= 1
            if not self._head and size - at >= _SIZE:
                high, low, kind, flags, stream = _HEADER.unpack_from(data, at)
                # Only GOAWAY and PING are read beyond their header: gathered below if they are cut there.
                if size - at >= _SIZE + 8 or kind not in (GOAWAY, PING):
                    length = (high << 8) | low
                    payload = data[at + _SIZE : at + _SIZE + 4] if kind == GOAWAY else b""
                    self._on(kind, flags, stream & LAST, length, payload, streams)
                    at += _SIZE + length
                    if at > size:
                        left, at = at - size, size
                    continue
            at, frame, left = self._gather(data, at, streams)
            self._passed = 0 if frame else len(self._head)
        self.left = left
        return size if self.opaque else at

    def split(self, data: bytes, streams: Streams, most: int = ALL) -> list[Piece]:
        """Take account of bytes and cut them at frame starts, into `most` pieces at the most.

        The data of the pieces, joined, is what was `held` before, then `data`, less what is `held` now; where there
        would be more pieces, `data` as far as it was looked at.
        """
        if self.opaque:
            return [Piece(data, None, False)]
        pieces: list[Piece] = []
        size, at = len(data), 0
        if self._preface:
            at = self._match(data)
            if at:
                pieces.append(Piece(data[:at], None, False))
        while at < size and len(pieces) < most and not self.opaque:
            if self.left:
                step = min(self.left, size - at)
                pieces.append(Piece(data[at : at + step], None, False))
                self.left -= step
                at += step
                continue
            clean, passed, head, start = self.clean, self._passed, self._head, at
            at, frame, rest = self._gather(data, at, streams)
            if frame is None:
                break
            step = min(rest, size - at)
            # A header of which part has passed already is past deciding: its frame goes as a continuation.
            whole = (head[passed:] + data[start : at + step]) if head else data[start : at + step]
            pieces.append(Piece(whole, None if passed else frame, clean))
            self._passed = 0
            self.left = rest - step
            at += step
        if self.opaque and at < size:
            pieces.append(Piece(data[at:], None, False))
        return pieces

    def release(self) -> bytes:
        """Give up: opaque from now on. Returns what was held."""
        held = self.held
        self.opaque = True
        self._head = self._preface = b""
        self._passed = 0
        return held

    def _match(self, data: bytes) -> int:
        """Check `data` against what is left of the preface; the number of its bytes that are preface."""
        step = min(len(self._preface), len(data))
        if data[:step] != self._preface[:step]:
            self.opaque = True
            self._preface = b""
            return 0
        self._preface = self._preface[step:]
        return step

    def _gather(self, data: bytes, at: int, streams: Streams) -> tuple[int, Frame | None, int]:
        """Collect a header that is cut; where it ends, the frame (None: not yet) and the payload left."""
        head = self._head
        while True:
            step = min(self._need - len(head), len(data) - at)
            head += data[at : at + step]
            at += step
            if len(head) < self._need:
                self._head = head
                return at, None, 0
            high, low, kind, flags, stream = _HEADER.unpack_from(head)
            length = (high << 8) | low
            need = _SIZE + min(length, 8) if kind in (GOAWAY, PING) else _SIZE
            if len(head) == need:
                break
            self._need = need
        self._head = b""
        self._need = _SIZE
        frame = Frame(kind, flags, stream & LAST, length)
        self._on(kind, flags, frame.stream, length, head[_SIZE : _SIZE + 4], streams)
        return at, frame, length - (need - _SIZE)

    def _on(self, kind: int, flags: int, stream: int, length: int, payload: bytes, streams: Streams) -> None:
        """A frame header has passed; `payload` is the first 4 payload bytes, asked for of GOAWAY only."""
        if self._continues or kind == CONTINUATION:
            # RFC 9113 section 6.10: nothing else may come in between.
            if kind != CONTINUATION or stream != self._continues:
                self.opaque = True
            elif flags & END_HEADERS:
                self._continues = 0
            return
        if not self.ready:
            self.ready = kind == SETTINGS
            self.opaque = not self.ready
            return
        if kind == DATA:
            known = streams.open.get(stream)
            if known is None:
                return
            if self.client:
                known.client_bytes += length
                if flags & END_STREAM:
                    known.client_ended = True
            elif flags & END_STREAM:
                del streams.open[stream]
        elif kind == HEADERS:
            if not flags & END_HEADERS:
                self._continues = stream
            if self.client and stream > streams.highest:
                streams.highest = stream
                if stream <= streams.limit:
                    streams.open[stream] = Stream()
            known = streams.open.get(stream)
            if known is None:
                return
            if self.client:
                known.client_ended = known.client_ended or bool(flags & END_STREAM)
            elif flags & END_STREAM:
                del streams.open[stream]
            else:
                known.answered = True
        elif kind == RST_STREAM:
            streams.open.pop(stream, None)
        elif kind == GOAWAY and not self.client and len(payload) == 4:
            streams.refuse(int.from_bytes(payload) & LAST)
        elif kind == PUSH_PROMISE and not flags & END_HEADERS:
            self._continues = stream
