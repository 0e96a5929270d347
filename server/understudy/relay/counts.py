"""What the relay counts, for `status`."""

import math
from dataclasses import dataclass, field
from typing import Final

SWITCHED: Final = "understudy: the primary engine was switched, try again"
"""What callers of a held stream are told when the relay ends it at a switch."""
DRAINED: Final = "understudy: this proxy process makes way for another or stops, try again"
"""The same when a worker drains: at its restart, at an upgrade, at the end."""


@dataclass(slots=True)
class Counts:
    """What happened, for `status`."""

    accepted: int = 0
    refused: int = 0
    """Connections closed at once: the limit was reached."""
    handshake_failures: dict[str, int] = field(default_factory=dict)
    """Connections refused before their first plain byte, by reason: `relay.secured.Failure`, or `tls` for one
    that speaks TLS to a plain port."""
    silent: int = 0
    """Connections closed because they did not say in time that they speak HTTP/2."""
    idle: int = 0
    """Connections told to go because no stream was open for too long."""
    aged: int = 0
    """Connections told to go because of their age."""
    client_bytes: int = 0
    server_bytes: int = 0
    elided_frames: int = 0
    elided_streams: int = 0
    blind: int = 0
    """Connections that could not be copied from some point on, or at all."""
    renewed: int = 0
    """Of these, how many were told to go so that their callers come back and can be observed."""
    opaque: int = 0
    """Connections that do not speak HTTP/2."""
    resets: int = 0
    cut: int = 0
    """Connections ended by the relay before their client had all that was said to it."""
    ended_idle: int = 0
    """Streams ended at a switch while no request was in flight on them."""
    truncated: int = 0
    """Streams ended at a switch with a request in flight, because the drain limit was reached."""
    upstream_failures: dict[str, int] = field(default_factory=lambda: {"baseline": 0, "candidate": 0})
    """Attempts to reach a replica for a caller that failed; the next replica may have served that caller."""
    unreached: dict[str, int] = field(default_factory=lambda: {"baseline": 0, "candidate": 0})
    """Callers who got an error because no replica could be reached."""

    def refuse(self, reason: str) -> None:
        """A handshake came to nothing."""
        self.handshake_failures[reason] = self.handshake_failures.get(reason, 0) + 1


@dataclass(slots=True, eq=False)
class Departure:
    """One order to go: a switch of primary, a drain, or the end of a connection's time; what became of it."""

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
    message: str = SWITCHED
    """What callers of a stream are told that the relay ends."""
    answer_by: float = math.inf
    """Loop time from which on a client that does not answer our PING is not waited for."""
    spares: bool = False
    """Streams held open are left alone until the deadline, even while no request is in flight on them."""
