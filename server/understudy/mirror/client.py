"""What a shadow leg needs of a gRPC client; two fill it: grpc.aio (`aio`) and one of our own (`raw`)."""

from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

CANCELLED: Final = 1
UNKNOWN: Final = 2
DEADLINE_EXCEEDED: Final = 4
PERMISSION_DENIED: Final = 7
RESOURCE_EXHAUSTED: Final = 8
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14
UNAUTHENTICATED: Final = 16

Metadata = tuple[tuple[str, str], ...]


class Kind(StrEnum):
    """Which client calls the shadow legs."""

    RAW = "raw"
    """Our own, at a fraction of grpc.aio's processor time for each call."""
    GRPC = "grpc"
    """grpc.aio."""


class Status(NamedTuple):
    """How a call ended."""

    code: int
    """gRPC status code; 0 is OK."""
    details: str = ""
    refused: bool = False
    """There never was a connection that speaks HTTP/2: the engine has said nothing at all."""
    unsent: bool = False
    """The engine says that it has not looked at the request (RFC 9113, section 8.7): nobody's failure."""


class Reply(Protocol):
    """One call's reply, read as fast as it comes: an engine may abort a request whose reader stalls."""

    async def read(self) -> bytes | None:
        """The next message; None once there will be no more, and `status` says how it ended.

        Raises:
            CancelledError: the call was cancelled.
        """
        ...

    @property
    def status(self) -> Status | None:
        """None while the call is open."""
        ...

    def cancel(self) -> None:
        """Stop the call at the engine too; nothing when it is over."""
        ...


class Client(Protocol):
    """A connection of its own to one engine, made when first needed and again after it broke. Never retries."""

    def call(self, method: str, message: bytes, metadata: Metadata) -> Reply:
        """Send one message and half-close: on the wire the same for unary and bidirectional methods."""
        ...

    async def ready(self) -> None:
        """Return once a connection stands; tries until it is cancelled."""
        ...

    def silent(self, reply: Any, since_s: float) -> None:
        """A call of ours, sent at this time of the loop's clock, met its deadline: is anybody still there?"""
        ...

    async def close(self) -> None:
        """Close the connection; calls still open are cancelled."""
        ...
