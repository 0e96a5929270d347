"""HTTP/2 frames out of one direction's bytes, however these were cut (RFC 9113, section 4)."""

from struct import Struct
from typing import Final, NamedTuple

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client sends before its first frame."""
HEADER_BYTES: Final = 9
_HEADER: Final = Struct("!HBBBI")
"""Length (its high 16 bits, its low 8), type, flags, stream id with the reserved bit."""
MIN_MAX_FRAME: Final = 16_384
"""SETTINGS_MAX_FRAME_SIZE before anything was announced, and the lowest that may be."""
MAX_MAX_FRAME: Final = (1 << 24) - 1
MAX_STREAM: Final = (1 << 31) - 1

DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
WITH_PRIORITY: Final = 0x20


class Frame(NamedTuple):
    """One frame. A named tuple, not a dataclass: one is made for every frame of all traffic."""

    kind: int
    """Frame type, known or not."""
    flags: int
    """The flags byte."""
    stream: int
    """Stream id, the reserved bit removed."""
    payload: bytes
    """Everything after the 9-byte header."""


def parse_header(header: bytes) -> tuple[int, int, int, int]:
    """Payload length, kind, flags and stream id of a 9-byte frame header."""
    high, low, kind, flags, stream = _HEADER.unpack(header)
    return high << 8 | low, kind, flags, stream & MAX_STREAM


class Splitter:
    """Cuts one direction into frames; holds at most one incomplete frame.

    Once `problem` is set the position in the stream is lost: everything after is dropped.
    """

    __slots__ = ("_buffer", "_need", "_preface", "max_frame", "problem")

    def __init__(self, preface: bytes = b"") -> None:
        self.max_frame = MIN_MAX_FRAME
        """Largest payload this direction's receiver has ever allowed."""
        self.problem = ""
        """Why splitting stopped; '' while it works."""
        self._preface = preface
        self._buffer = bytearray()
        self._need = HEADER_BYTES

    @property
    def at_boundary(self) -> bool:
        """True when the next byte begins a frame."""
        return not self._buffer and not self._preface

    @property
    def buffered(self) -> int:
        """Bytes held of the frame that has begun; at most `max_frame` and its header."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames completed by `data`."""
        if self.problem:
            return []
        if self._preface:
            data = self._skip_preface(data)
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._need:
                return []
            data = bytes(self._buffer)
            self._buffer = bytearray()
        frames: list[Frame] = []
        start, end = 0, len(data)
        self._need = HEADER_BYTES
        unpack = _HEADER.unpack_from
        while end - start >= HEADER_BYTES:
            high, low, kind, flags, stream = unpack(data, start)
            body = start + HEADER_BYTES
            length = high << 8 | low
            if length > self.max_frame:
                self.problem = f"a frame of {length} bytes where {self.max_frame} are allowed"
                return frames
            if end - body < length:
                self._need = HEADER_BYTES + length
                break
            end_of_frame = body + length
            frames.append(Frame(kind, flags, stream & MAX_STREAM, data[body:end_of_frame]))
            start = end_of_frame
        if start < end:
            self._buffer += data[start:]
        return frames

    def _skip_preface(self, data: bytes) -> bytes:
        """What follows the preface in `data`; compares as far as there are bytes: garbage shows at once."""
        n = min(len(self._preface), len(data))
        if data[:n] != self._preface[:n]:
            self.problem = "the connection does not begin with the HTTP/2 preface"
            self._preface = b""
            return b""
        self._preface = self._preface[n:]
        return data[n:]
