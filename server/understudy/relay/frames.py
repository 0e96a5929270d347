"""The few HTTP/2 frames the relay says itself (RFC 9113); none of them touches HPACK state (RFC 7541)."""

from functools import lru_cache
from typing import Final

from understudy.wire.boundary import (
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
)

NO_ERROR: Final = 0
CANCEL: Final = 8

UNAVAILABLE: Final = 14
"""The gRPC status that tells a client to try again."""

_STATUS_200: Final = b"\x88"
"""`:status: 200`, an indexed field of the static table."""
_CONTENT_TYPE: Final = 31
"""`content-type` in the static table."""


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame."""
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def settings() -> bytes:
    """SETTINGS without any: what a server must say first."""
    return frame(SETTINGS, 0, 0, b"")


def goaway(last: int, code: int = NO_ERROR, debug: bytes = b"") -> bytes:
    """GOAWAY: open no more streams here, those up to `last` will be finished."""
    return frame(GOAWAY, 0, 0, last.to_bytes(4) + code.to_bytes(4) + debug)


def ping(opaque: bytes) -> bytes:
    """PING; its acknowledgement tells that what was sent before has arrived."""
    return frame(PING, 0, 0, opaque)


def reset(stream: int, code: int) -> bytes:
    """RST_STREAM."""
    return frame(RST_STREAM, 0, stream, code.to_bytes(4))


def window(count: int) -> bytes:
    """WINDOW_UPDATE of the connection: `count` bytes (2^31-1 at most) that went nowhere may be sent again."""
    return frame(WINDOW_UPDATE, 0, 0, count.to_bytes(4))


def trailers(stream: int, answered: bool, message: str) -> bytes:
    """The end of a stream with UNAVAILABLE: trailers, or a whole trailers-only block when not yet answered.

    Literals are never indexed (RFC 7541 section 6.2.3), so that both ends' dynamic tables stay as they are.
    """
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, _block(answered, message))


@lru_cache(8)
def _block(answered: bool, message: str) -> bytes:
    """The same for thousands of streams that end together."""
    block = b"" if answered else _STATUS_200 + _literal(b"", b"application/grpc", _CONTENT_TYPE)
    block += _literal(b"grpc-status", str(UNAVAILABLE).encode())
    return block + _literal(b"grpc-message", _percent(message))


def _literal(name: bytes, value: bytes, index: int = 0) -> bytes:
    """A literal header field never indexed, its name from the static table when `index` is given."""
    if index:
        return b"\x1f" + bytes((index - 15, len(value))) + value
    return bytes((0x10, len(name))) + name + bytes((len(value),)) + value


def _percent(message: str) -> bytes:
    """`grpc-message` as gRPC encodes it: printable ASCII but the percent sign; at most 126 bytes here."""
    coded = "".join(
        chr(byte) if 0x20 <= byte <= 0x7E and byte != 0x25 else f"%{byte:02X}" for byte in message.encode()
    )
    return coded[:126].encode()
