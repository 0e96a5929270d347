"""What the end of a reply says: gRPC's status from trailers, HTTP, resets and what we could not read."""

from typing import Final
from urllib.parse import unquote

from understudy.mirror.client import (
    CANCELLED,
    INTERNAL,
    PERMISSION_DENIED,
    RESOURCE_EXHAUSTED,
    UNAUTHENTICATED,
    UNAVAILABLE,
    UNIMPLEMENTED,
    UNKNOWN,
    Status,
)
from understudy.wire.events import Headers, Reason

MAX_DETAILS: Final = 4096
REFUSED_STREAM: Final = 7
CANCEL: Final = 8
CALM: Final = 11

# A stream that ended without a gRPC status: what gRPC's documents make of it.
_OF_RESET: Final = {
    REFUSED_STREAM: UNAVAILABLE,
    CANCEL: CANCELLED,
    CALM: RESOURCE_EXHAUSTED,
    12: PERMISSION_DENIED,
}
_OF_HTTP: Final = {
    b"400": INTERNAL,
    b"401": UNAUTHENTICATED,
    b"403": PERMISSION_DENIED,
    b"404": UNIMPLEMENTED,
    b"429": UNAVAILABLE,
    b"502": UNAVAILABLE,
    b"503": UNAVAILABLE,
    b"504": UNAVAILABLE,
}


def reset(code: int, responded: bool) -> Status:
    """The peer reset the stream; one it refused was not looked at."""
    text = f"the engine reset the stream ({code})"
    return Status(_OF_RESET.get(code, INTERNAL), text, unsent=code == REFUSED_STREAM and not responded)


def broken(problem: Reason) -> Status:
    """The reply could not be split into messages."""
    match problem:
        case Reason.OVERSIZE:
            return Status(RESOURCE_EXHAUSTED, "a message longer than mirror.reply_bytes allows")
        case Reason.COMPRESSION:
            return Status(INTERNAL, "a message compressed in a way nobody asked for, or broken")
        case _:
            return Status(INTERNAL, "the reply is not framed as gRPC")


def said(headers: Headers, http: bytes = b"200") -> Status:
    """What trailers, or a response of nothing else, say."""
    fields = dict(headers)
    code = fields.get(b"grpc-status")
    if code is None:
        return Status(UNKNOWN, "the stream ended without a gRPC status") if http == b"200" else of_http(http)
    number = int(code) if code.isdigit() and len(code) <= 2 else -1
    if not 0 <= number <= UNAUTHENTICATED:
        return Status(UNKNOWN, f"grpc-status {plain(code)!r}")
    details = fields.get(b"grpc-message", b"")[:MAX_DETAILS]
    text = unquote(plain(details)) if b"%" in details else details.decode(errors="replace")
    return Status(number, text)


def of_http(http: bytes) -> Status:
    """A response that is no gRPC."""
    return Status(_OF_HTTP.get(http, UNKNOWN), f"HTTP status {plain(http)!r} instead of gRPC")


def plain(value: bytes) -> str:
    """Bytes of a header, shortened, as text."""
    return value[:MAX_DETAILS].decode("ascii", "replace")
