"""What the relay counts, for `status`."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """What happened, for `status`."""

    accepted: int = 0
    refused: int = 0
    """Connections closed at once: the limit was reached."""
    client_bytes: int = 0
    server_bytes: int = 0
    elided_frames: int = 0
    elided_streams: int = 0
    blind: int = 0
    """Connections that could not be copied from some point on, or at all."""
    opaque: int = 0
    """Connections that do not speak HTTP/2."""
    resets: int = 0
    ended_idle: int = 0
    """Streams ended at a switch while no request was in flight on them."""
    truncated: int = 0
    """Streams ended at a switch with a request in flight, because the drain limit was reached."""
    upstream_failures: dict[str, int] = field(default_factory=lambda: {"baseline": 0, "candidate": 0})


@dataclass(slots=True, eq=False)
class Departure:
    """One order to go: a switch of primary or a drain, and what became of it."""

    to: str
    """The new primary, or '' for a drain."""
    ns: int
    deadline: float
    """Loop time at which streams with a request in flight are ended too."""
    connections: int = 0
    acknowledged: int = 0
    """Connections whose client has seen the GOAWAY."""
    switched_ns: int = 0
    """When the last of them did."""
    ended_idle: int = 0
    truncated: int = 0
