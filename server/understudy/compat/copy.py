"""A call as the observer hears of it: the HTTP/2 that a relay would have copied, one connection for each call.

So it goes the way of what a relay copies, under the same bounds, and nothing waits for it. A connection for each
call, because a gap then costs that call alone, and a call to the other engine is another connection.
"""

import base64
import struct
from urllib.parse import quote

from understudy.compat.route import Metadata
from understudy.pair import Leg
from understudy.relay.tap import Tap
from understudy.wire import frame as h2
from understudy.wire.copy import End, Kind

_STREAM = 1
_PIECE = 1 << 20
"""Bytes of one DATA frame; well below a record's limit."""
_BLOCK = 16_384
_FRAME = struct.Struct("!BHBBI")
_PREFIX = struct.Struct("!BI")
_CANCEL = (8).to_bytes(4, "big")
_PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


def _frame(kind: int, flags: int, payload: bytes, stream: int = _STREAM) -> bytes:
    length = len(payload)
    return _FRAME.pack(length >> 16, length & 0xFFFF, kind, flags, stream) + payload


_SETTINGS = _frame(h2.SETTINGS, 0, struct.pack("!HI", 5, h2.MAX_MAX_FRAME), 0)
_OPENING = h2.PREFACE + _SETTINGS


class Copy:
    """One call to an engine, told as it happens."""

    __slots__ = ("_elided", "_number", "_responded", "_tap", "blind", "on")

    def __init__(
        self, tap: Tap, number: int, leg: Leg, address: str, method: str, metadata: Metadata
    ) -> None:
        self._tap = tap
        self._number = number
        self._elided = False
        self._responded = False
        self.blind = False
        """Some of it could not be told."""
        self.on = tap.open(number, f"{leg.value}\n{address}".encode())
        """Still told."""
        if not self.on:
            self.blind = True
            return
        fields: Metadata = (
            (":method", "POST"),
            (":scheme", "http"),
            (":path", method),
            (":authority", address.removeprefix("unix:")),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            *metadata,
        )
        self._write(Kind.CLIENT, _OPENING + block(fields, 0))
        self._write(Kind.SERVER, _SETTINGS)

    def asked(self, message: bytes) -> None:
        """A message passed towards the engine."""
        if self.on:
            self._message(Kind.CLIENT, message)

    def answered(self, message: bytes) -> None:
        """A message passed towards the caller."""
        if self.on:
            if not self._responded:
                self.head(())
            self._message(Kind.SERVER, message)

    def half_closed(self) -> None:
        """The caller will send nothing more."""
        if self.on:
            self._write(Kind.CLIENT, _frame(h2.DATA, h2.END_STREAM, b""))

    def head(self, metadata: Metadata) -> None:
        """The engine's response headers."""
        if self.on:
            self._responded = True
            self._write(
                Kind.SERVER, block(((":status", "200"), ("content-type", "application/grpc"), *metadata), 0)
            )

    def status(self, code: int, details: str, metadata: Metadata) -> None:
        """The call ended by a status, the engine's or that of the way to it."""
        if self.on:
            fields: Metadata = (("grpc-status", str(code)), *metadata)
            if details:
                fields = (*fields[:1], ("grpc-message", quote(details, safe=_PRINTABLE)), *metadata)
            if not self._responded:
                fields = ((":status", "200"), ("content-type", "application/grpc"), *fields)
            self._write(Kind.SERVER, block(fields, h2.END_STREAM))
            self._end(End.CLIENT_CLOSED)

    def left(self, end: End = End.CLIENT_CLOSED) -> None:
        """The caller went before the end, or we cut it off."""
        if self.on:
            if end is not End.RELAY:
                self._write(Kind.CLIENT, _frame(h2.RST_STREAM, 0, _CANCEL))
            self._end(end)

    def lost(self) -> None:
        """What was told never reaches an observer."""
        if self.on:
            self.on, self.blind = False, True

    def _message(self, kind: Kind, message: bytes) -> None:
        """One message in DATA frames; where there is no room for one, its header says that it was left out."""
        length, start = len(message), 0
        prefix = _PREFIX.pack(0, length)
        while self.on:
            piece = prefix + message[start : start + _PIECE]
            if self._elided or self._tap.unsent + len(piece) > self._tap.soft:
                self._elided = True
                size = len(piece)
                header = _FRAME.pack(size >> 16, size & 0xFFFF, h2.DATA, 0, _STREAM)
                if not self._tap.elide(kind, self._number, header):
                    self._blind()
                return  # the rest of it says nothing more: the call is not observed
            self._write(kind, _frame(h2.DATA, 0, piece))
            start, prefix = start + _PIECE, b""
            if start >= length:
                return

    def _write(self, kind: Kind, data: bytes) -> None:
        if self.on and not self._tap.copy(kind, self._number, data):
            self._blind()

    def _blind(self) -> None:
        self.on, self.blind = False, True
        self._tap.record(Kind.BLIND, self._number)
        self._tap.record(Kind.CLOSE, self._number, bytes((End.UNKNOWN,)))

    def _end(self, end: End) -> None:
        if self.on:
            self.on = False
            self._tap.record(Kind.CLOSE, self._number, bytes((end,)))

    @property
    def elided(self) -> bool:
        """A message was left out."""
        return self._elided


def block(fields: Metadata, flags: int) -> bytes:
    """HEADERS and CONTINUATION with every field as a literal that is never indexed (RFC 7541, 6.2.3)."""
    parts: list[bytes] = []
    for name, value in fields:
        raw_name = name.encode("ascii", "replace")
        if isinstance(value, bytes):
            raw = base64.b64encode(value).rstrip(b"=") if name.endswith("-bin") else value
        else:
            raw = value.encode("utf-8", "surrogateescape")
        parts += (b"\x10", _integer(len(raw_name)), raw_name, _integer(len(raw)), raw)
    encoded = b"".join(parts)
    if len(encoded) <= _BLOCK:
        return _frame(h2.HEADERS, flags | h2.END_HEADERS, encoded)
    pieces = [encoded[at : at + _BLOCK] for at in range(0, len(encoded), _BLOCK)]
    frames = [_frame(h2.HEADERS, flags, pieces[0])]
    frames += [_frame(h2.CONTINUATION, 0, piece) for piece in pieces[1:-1]]
    frames.append(_frame(h2.CONTINUATION, h2.END_HEADERS, pieces[-1]))
    return b"".join(frames)


def _integer(value: int) -> bytes:
    """A length with a 7-bit prefix, not Huffman coded (RFC 7541, 5.1)."""
    if value < 127:
        return bytes((value,))
    value -= 127
    out = bytearray((127,))
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
