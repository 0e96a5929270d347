"""What one HTTP/2 connection was seen to do: one frozen value per observation, in wire order.

Names follow h2's `events`. Nothing here is judged as gRPC yet: `exchange.Assembler` does that. Named tuples, not
dataclasses: several are made for every call of all traffic, and a frozen dataclass takes thrice as long to make.
"""

from enum import StrEnum
from typing import NamedTuple

Headers = tuple[tuple[bytes, bytes], ...]
"""A decoded field list, in order, pseudo-headers included, names and values as they were sent."""


class Side(StrEnum):
    """Who sent what was seen."""

    CLIENT = "client"
    SERVER = "server"


class Part(StrEnum):
    """Which field section of a stream a header block was."""

    REQUEST = "request"
    INFORMATIONAL = "informational"
    """A 1xx response: another response follows."""
    RESPONSE = "response"
    TRAILERS = "trailers"


class Reason(StrEnum):
    """Why a stream or a connection can no longer be followed: the words of `exchange.Unobserved.reason`."""

    ELIDED = "elided"
    """Payload bytes were left out of the copy under pressure."""
    OVERSIZE = "oversize"
    """Larger than a bound of ours: a message, a field list, a header block, a table, the streams open at once."""
    COMPRESSION = "compression"
    """A message was compressed with an unknown algorithm, or broken."""
    HPACK = "hpack"
    """A header block broke the compression state."""
    PROTOCOL = "protocol"
    """HTTP/2 or gRPC framing was violated in a way the endpoints must refuse too."""
    NOT_HTTP2 = "not_http2"
    """The bytes never were HTTP/2: HTTP/1, TLS or garbage."""
    BLIND = "blind"
    """The copy has a gap."""


class HeadersReceived(NamedTuple):
    """A whole field section passed."""

    side: Side
    """Who sent it."""
    stream: int
    """Stream id."""
    part: Part
    """Request, 1xx, response or trailers."""
    headers: Headers
    """The decoded field list."""
    ns: int
    """Wall clock when its last byte was read."""


class DataReceived(NamedTuple):
    """A DATA frame passed."""

    side: Side
    """Who sent it."""
    stream: int
    """Stream id."""
    data: bytes
    """Its content, padding removed."""
    length: int
    """Bytes of its payload with padding, as the frame header counts them."""
    ns: int
    """Wall clock when its last byte was read."""


class DataElided(NamedTuple):
    """A DATA frame passed whose payload was left out of the copy."""

    side: Side
    """Who sent it."""
    stream: int
    """Stream id."""
    length: int
    """Bytes of its payload with padding."""
    ns: int
    """Wall clock when its header was read."""


class StreamEnded(NamedTuple):
    """One side sent END_STREAM: it will send nothing more on this stream."""

    side: Side
    """Who ended."""
    stream: int
    """Stream id."""
    ns: int
    """Wall clock."""


class StreamReset(NamedTuple):
    """RST_STREAM: the stream is over for both sides."""

    side: Side
    """Who reset it."""
    stream: int
    """Stream id."""
    code: int
    """HTTP/2 error code."""
    ns: int
    """Wall clock."""


class GoAwayReceived(NamedTuple):
    """GOAWAY: from the server, streams above `last_stream` were not and will not be processed."""

    side: Side
    """Who sent it."""
    last_stream: int
    """Highest stream id its sender may still process."""
    code: int
    """HTTP/2 error code."""
    debug: bytes
    """Opaque debug data, its first 1,024 bytes."""
    ns: int
    """Wall clock."""


class SettingsReceived(NamedTuple):
    """SETTINGS, or their acknowledgement."""

    side: Side
    """Who sent it."""
    settings: tuple[tuple[int, int], ...]
    """(identifier, value) in order; empty for an acknowledgement."""
    acknowledged: bool
    """True when this acknowledges the other side's settings."""
    ns: int
    """Wall clock."""


class Problem(NamedTuple):
    """A stream, or with stream 0 the connection, cannot be followed on: nothing more is said of it."""

    stream: int
    """Stream id; 0 is the whole connection."""
    reason: Reason
    """Which kind."""
    detail: str
    """One line for the log; holds no payload."""
    ns: int
    """Wall clock."""


Event = (
    HeadersReceived
    | DataReceived
    | DataElided
    | StreamEnded
    | StreamReset
    | GoAwayReceived
    | SettingsReceived
    | Problem
)
