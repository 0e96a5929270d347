"""One RPC as seen on the wire: assembled from `wire` events, before any protocol is decoded."""

from understudy.exchange.assembler import Assembler, Budget
from understudy.exchange.event import Closed, Event, HalfClosed, Message, Opened, Received, Unobserved
from understudy.wire.events import Side

__all__ = [
    "Assembler",
    "Budget",
    "Closed",
    "Event",
    "HalfClosed",
    "Message",
    "Opened",
    "Received",
    "Side",
    "Unobserved",
]
