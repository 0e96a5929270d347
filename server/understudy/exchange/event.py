"""What happened to one RPC, in order: Opened, then Received and HalfClosed, then Closed; or Unobserved.

Nothing is said of an RPC after Closed or Unobserved. Unobserved may come without Opened (a request that is
not gRPC, or whose headers are over their bound); HalfClosed may be missing (an early error, a reset). Named tuples
for the reason that `wire.events` gives.
"""

from dataclasses import dataclass
from typing import NamedTuple

from understudy.wire.events import Side


@dataclass(frozen=True, slots=True)
class Message:
    """One gRPC message: unframed and decompressed."""

    side: Side
    data: bytes
    ns: int
    """Wall clock, UTC epoch nanoseconds, when its last byte passed."""
    index: int
    """0-based among the messages of its side."""


class Opened(NamedTuple):
    """The request headers of an RPC were seen."""

    connection: int
    stream: int
    upstream: str
    method: str
    authority: str
    metadata: tuple[tuple[str, str], ...]
    """Lower-case names, in order, pseudo-headers left out; binary (-bin) values stay base64."""
    ns: int


class Received(NamedTuple):
    """A whole message passed."""

    connection: int
    stream: int
    message: Message


class HalfClosed(NamedTuple):
    """The client will send nothing more."""

    connection: int
    stream: int
    ns: int


class Closed(NamedTuple):
    """The RPC ended."""

    connection: int
    stream: int
    status: int
    """gRPC status code; -1 when none was seen (reset, connection lost)."""
    error: str
    """grpc-message, percent-decoded; without a status, how the connection ended if that ended the RPC."""
    metadata: tuple[tuple[str, str], ...]
    """Response headers followed by trailers."""
    cancelled_by: str
    """'client' or 'server': who reset the stream or ended the connection; 'connection': the relay ended it, or
    nobody knows; '' when the RPC ended by a status."""
    ns: int


class Unobserved(NamedTuple):
    """An RPC, or with stream 0 a whole connection, that can no longer be followed.

    When a connection is lost its open RPCs are named first, one by one, and stream 0 comes last.
    """

    connection: int
    stream: int
    reason: str
    """elided | oversize | compression | hpack | protocol | not_http2 | blind"""
    ns: int


Event = Opened | Received | HalfClosed | Closed | Unobserved
