"""Whose doing the end of an RPC was: what a caller can bring about by itself is no engine's failure."""

import re
from typing import Final, NamedTuple

from understudy.exchange import Closed, Opened
from understudy.exchange.fields import NO_STATUS
from understudy.mirror.client import (
    CANCELLED,
    DEADLINE_EXCEEDED,
    PERMISSION_DENIED,
    RESOURCE_EXHAUSTED,
    UNAUTHENTICATED,
    UNAVAILABLE,
)

METADATA_BYTES: Final = 8 * 1024
"""Engines may refuse a call whose metadata is larger: gRPC's own soft limit, FIELD_BYTES counted for each field."""
FIELD_BYTES: Final = 32
"""RFC 9113, 6.5.2."""

_OVERDUE: Final = (DEADLINE_EXCEEDED, CANCELLED)
"""What an engine says once the caller's deadline is past, if it does not reset the stream."""
_UNKNOWN_CALLER: Final = (UNAUTHENTICATED, PERMISSION_DENIED)
_TIMEOUT: Final = re.compile(r"([0-9]{1,8})([HMSmun])")
_UNIT_NS: Final = {"H": 3600 * 10**9, "M": 60 * 10**9, "S": 10**9, "m": 10**6, "u": 10**3, "n": 1}


class End(NamedTuple):
    """How a live reply ended, in an Output's words."""

    status: int = 0
    error: str = ""
    cancelled_by: str = ""
    left: bool = False
    """The caller waited no longer."""


WHOLE: Final = End()
NOBODYS: Final = End(cancelled_by="client")
"""The reply was cut off, and no engine is to blame."""
LEFT: Final = NOBODYS._replace(left=True)
HUNG: Final = End(DEADLINE_EXCEEDED, "the engine said nothing for as long as a caller can wait", "deadline")


def blame(event: Closed, opened: Opened, *, answered: bool) -> End:
    """The end of the calls that were open on an RPC; `answered` when the engine had sent any message.

    A shadow call carries neither the caller's deadline nor its credentials nor its other metadata: what an engine says
    of these it says to this caller alone.
    """
    refused = not answered and _weight(opened) > METADATA_BYTES
    reset = event.status == NO_STATUS and event.cancelled_by == "server"
    if event.status in _OVERDUE or (reset and not event.error):
        if _late(event.ns - opened.ns, opened):
            return LEFT
    if reset:
        return NOBODYS if refused else End(UNAVAILABLE, event.error or "the engine reset the stream")
    if event.status == NO_STATUS:  # the caller left, or the relay cut it off, or nobody knows
        return LEFT if event.cancelled_by == "client" else NOBODYS
    too_large = event.status == RESOURCE_EXHAUSTED or event.error.startswith("HTTP status 4")
    if event.status in _UNKNOWN_CALLER or (refused and too_large):
        return NOBODYS
    return End(event.status, event.error)


def _late(elapsed_ns: int, opened: Opened) -> bool:
    """Whether a deadline of the caller's is past, or nearly: an engine may begin to count before us.

    One that we cannot read may be any.
    """
    told = [_TIMEOUT.fullmatch(value) for name, value in opened.metadata if name == "grpc-timeout"]
    return any(one is None or elapsed_ns * 10 >= int(one[1]) * _UNIT_NS[one[2]] * 9 for one in told)


def _weight(opened: Opened) -> int:
    return sum(len(name) + len(value) + FIELD_BYTES for name, value in opened.metadata)
