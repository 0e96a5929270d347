"""Assembles RPCs from the copied bytes of one connection."""

from collections.abc import Iterable
from typing import Final

from understudy.exchange.event import Closed, Event, HalfClosed, Message, Opened, Received, Unobserved
from understudy.exchange.fields import HTTP_OK, INTERNAL, NO_STATUS, Asked, is_grpc, number, status, text
from understudy.exchange.fields import asked as asked_of
from understudy.exchange.fields import metadata as metadata_of
from understudy.exchange.fields import weight as weight_of
from understudy.wire.copy import End
from understudy.wire.events import (
    DataElided,
    DataReceived,
    GoAwayReceived,
    Headers,
    HeadersReceived,
    Part,
    Problem,
    Reason,
    SettingsReceived,
    Side,
    StreamEnded,
    StreamReset,
)
from understudy.wire.events import Event as WireEvent
from understudy.wire.grpc import MAX_MESSAGE_BYTES, Allowance, MessageSplitter
from understudy.wire.http2 import Observer

MAX_BUFFERED_BYTES: Final = 64 * 1024 * 1024
"""Default bound of what is held for one connection: unfinished frames and messages, and metadata."""

FRAME_BYTES: Final = 64 * 1024
"""An unfinished frame up to here never costs its connection, however little room is left."""

RPC_BYTES: Final = 640
"""What an open RPC costs beyond what it holds (measured: 525 to 620 bytes with its stream's entries)."""

WINDOW_ID: Final = 4
"""SETTINGS_INITIAL_WINDOW_SIZE"""
WINDOW_BYTES: Final = 65_535

SMALL_BYTES: Final = 1024 * 1024
"""Connections that hold no more than this have a quarter of the budget to themselves."""

ASKED_BYTES: Final = 8 * 1024
"""The fields of a request that weigh no more are remembered until others come: most callers repeat theirs."""

_ENDED: Final = {
    End.CLIENT_CLOSED: (Side.CLIENT.value, "the client closed the connection"),
    End.CLIENT_RESET: (Side.CLIENT.value, "the client's connection broke off"),
    End.SERVER_CLOSED: (Side.SERVER.value, "the engine closed the connection before the reply was whole"),
    End.SERVER_RESET: (Side.SERVER.value, "the engine's connection broke off before the reply was whole"),
}
"""Who cut off the RPCs that were open at a connection's end, and in what words; nobody, if not named here."""


class Budget:
    """Bytes that the Assemblers of one process hold, and may hold, together."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0


class _Rpc:
    """What is held of an open RPC."""

    __slots__ = (
        "client",
        "client_bytes",
        "client_messages",
        "held",
        "http_status",
        "opaque",
        "response",
        "server",
        "server_messages",
        "trailers",
    )

    def __init__(self, max_message_bytes: int, encoding: str, inflation: Allowance) -> None:
        self.client = MessageSplitter(max_message_bytes, encoding, inflation)
        self.server = MessageSplitter(max_message_bytes, "identity", inflation)
        self.client_messages = 0
        self.server_messages = 0
        self.client_bytes = 0
        self.held = 0
        """Bytes of metadata kept until the RPC ends, and what any RPC costs."""
        self.http_status = HTTP_OK
        self.opaque = False
        """The response is no gRPC (a proxy's error page, say): its content is passed over."""
        self.response: Headers = ()
        self.trailers: Headers = ()


class Assembler:
    """Turns the bytes of one connection, both directions in the order they passed, into events of its RPCs.

    Never raises, whatever the bytes. Times come in as arguments (wall clock, UTC epoch nanoseconds).
    """

    def __init__(
        self,
        connection: int,
        upstream: str,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        max_buffered_bytes: int = MAX_BUFFERED_BYTES,
        budget: Budget | None = None,
    ) -> None:
        """Holds at most `max_buffered_bytes` and FRAME_BYTES, less when others have spent the `budget` they share."""
        self.connection = connection
        self.upstream = upstream
        self.choked = False
        """The client has at any time let replies have less than HTTP/2's first window: silence may be its own doing."""
        self._max_message = max_message_bytes
        self._max_buffered = max_buffered_bytes
        self._budget = budget or Budget(max_buffered_bytes)
        self._inflation = Allowance(max_message_bytes)
        """What is fed at once inflates to one message's worth: its events are held together."""
        self._buffered = 0
        self._framed = 0
        """How much of it is unfinished frames and header blocks, and what is remembered of repeated ones."""
        self._observer = Observer()
        self._asked: Asked | None = None
        self._rpcs: dict[int, _Rpc] = {}
        self._highest = 0
        """Highest stream of which something was said."""

    def __repr__(self) -> str:
        state = "over" if self._observer.over else f"{len(self._rpcs)} open, {self._buffered} bytes held"
        return f"<Assembler {self.connection} {self.upstream}: {state}>"

    @property
    def over(self) -> bool:
        """True once the connection can no longer be followed; further calls say nothing."""
        return self._observer.over

    @property
    def buffered(self) -> int:
        """Bytes held: unfinished frames and messages, metadata, and what `hold` was told of."""
        remembered = self._asked.weight if self._asked is not None else 0
        return self._buffered - self._observer.remembered - remembered

    def feed(self, side: Side, data: bytes, ns: int) -> list[Event]:
        """Bytes that `side` sent, read at `ns`; cut anywhere."""
        events = self._assemble(self._observer.receive(side, data, ns))
        framed = self._observer.held
        if framed != self._framed:
            self._count(framed - self._framed)
            self._framed = framed
            if self._full():
                self._make_room(ns, events)
        return events

    def _make_room(self, ns: int, events: list[Event]) -> None:
        self._observer.forget_blocks()
        self._forget()
        framed = self._observer.buffered
        self._count(framed - self._framed)
        self._framed = framed
        # A frame cannot be given up alone: where the next one begins would be lost with it.
        if framed > FRAME_BYTES and self._full():
            self._observer.abandon()
            self._lose(Reason.OVERSIZE, ns, events)

    def take(self, observed: Iterable[WireEvent]) -> list[Event]:
        """What somebody else saw of RPCs (a proxy that tells), each in its order; instead of `feed`."""
        return self._assemble(observed)

    def elided(self, side: Side, frame_header: bytes, ns: int) -> list[Event]:
        """A DATA frame of `side` with this 9-byte header was left out of the copy: its RPC is unobserved."""
        return self._assemble(self._observer.elided(side, frame_header, ns))

    def closed(self, ns: int, end: End = End.UNKNOWN) -> list[Event]:
        """The connection is gone: open RPCs were cut off by whoever ended it."""
        by, error = _ENDED.get(end, ("connection", ""))
        events: list[Event] = []
        for stream in list(self._rpcs):
            self._close(stream, NO_STATUS, error, by, ns, events)
        self._observer.abandon()
        self._asked = None
        self._count(-self._buffered)
        self._framed = 0
        return events

    def blind(self, ns: int) -> list[Event]:
        """The copy of this connection has a gap it cannot recover from."""
        events: list[Event] = []
        if not self._observer.over:
            self._observer.abandon()
            self._lose(Reason.BLIND, ns, events)
        return events

    def client_bytes(self, stream: int) -> int:
        """DATA payload bytes, padding included, that the client has sent on an open RPC.

        Frames count once they passed whole. 0 for a stream that is not open, or no longer observed.
        """
        rpc = self._rpcs.get(stream)
        return rpc.client_bytes if rpc else 0

    def mid_message(self, stream: int) -> bool:
        """True when the client has sent part of a message on `stream` but not yet its end."""
        rpc = self._rpcs.get(stream)
        return rpc is not None and rpc.client.buffered > 0

    def hold(self, stream: int, change: int, ns: int) -> list[Event]:
        """Account for `change` bytes more that somebody else holds of an open RPC, until it ends.

        Says that it is unobserved when that breaks a bound.
        """
        events: list[Event] = []
        rpc = self._rpcs.get(stream)
        if rpc is not None:
            rpc.held += change
            self._hold(rpc, stream, change, ns, events)
        return events

    def give_up(self, stream: int, ns: int, reason: Reason = Reason.OVERSIZE) -> list[Event]:
        """Somebody else cannot follow an RPC any further; that its end has been read meanwhile changes nothing."""
        if self._release(stream) is not None:
            self._observer.forget(stream)
        return [self._unobserved(stream, reason, ns)]

    def _assemble(self, observed: Iterable[WireEvent]) -> list[Event]:
        self._inflation.room = self._max_message
        events: list[Event] = []
        for event in observed:
            match event:
                case DataReceived():
                    self._data(event, events)
                case HeadersReceived():
                    self._headers(event, events)
                case StreamEnded():
                    self._ended(event, events)
                case StreamReset():
                    self._close(event.stream, NO_STATUS, "", event.side.value, event.ns, events)
                case DataElided():
                    self._drop(event.stream, Reason.ELIDED, event.ns, events)
                case GoAwayReceived(side=Side.SERVER):
                    for stream in [stream for stream in self._rpcs if stream > event.last_stream]:
                        self._close(stream, NO_STATUS, "", event.side.value, event.ns, events)
                case Problem(stream=0):
                    self._lose(event.reason, event.ns, events)
                case Problem():
                    if event.stream > self._highest:
                        self._highest = event.stream
                        events.append(self._unobserved(event.stream, event.reason, event.ns))
                    else:
                        self._drop(event.stream, event.reason, event.ns, events)
                case SettingsReceived(side=Side.CLIENT, settings=settings):
                    self.choked = self.choked or _narrow(settings)
                case GoAwayReceived() | SettingsReceived():
                    pass
        return events

    def _headers(self, event: HeadersReceived, events: list[Event]) -> None:
        stream, part, headers, ns = event.stream, event.part, event.headers, event.ns
        if part is Part.REQUEST:
            self._highest = stream
            asked = self._asked
            if asked is None or asked.headers is not headers:  # a repeated block comes as the same tuple
                asked = self._read(headers)
            if not asked.grpc:
                self._observer.forget(stream)
                events.append(self._unobserved(stream, Reason.PROTOCOL, ns))
                return
            opened = _Rpc(self._max_message, asked.encoding, self._inflation)
            self._rpcs[stream] = opened
            # Whoever is told of the RPC keeps its metadata too, and a few bytes of HPACK can name 64 KiB of it.
            opened.held = RPC_BYTES + asked.weight
            self._hold(opened, stream, opened.held, ns, events)
            if stream in self._rpcs:
                told = (asked.method, asked.authority, asked.metadata, ns)
                events.append(Opened(self.connection, stream, self.upstream, *told))
            return
        rpc = self._rpcs.get(stream)
        if rpc is None or event.side is Side.CLIENT or part is Part.INFORMATIONAL:
            return
        if part is Part.TRAILERS:
            rpc.trailers = headers
        else:
            fields = dict(headers)
            rpc.response = headers
            rpc.http_status = number(fields.get(b":status", b""))
            rpc.opaque = rpc.http_status != HTTP_OK or not is_grpc(fields)
            rpc.server.encoding = text(fields.get(b"grpc-encoding", b"identity"))
        weight = weight_of(headers)
        rpc.held += weight
        self._hold(rpc, stream, weight, ns, events)

    def _read(self, headers: Headers) -> Asked:
        """What a request's fields say; remembered for the next one if they are few, and counted as long."""
        asked = asked_of(headers)
        self._forget()
        if asked.weight <= ASKED_BYTES:
            self._asked = asked
            self._count(asked.weight)
        return asked

    def _forget(self) -> None:
        if self._asked is not None:
            self._count(-self._asked.weight)
            self._asked = None

    def _data(self, event: DataReceived, events: list[Event]) -> None:
        stream, side, ns = event.stream, event.side, event.ns
        rpc = self._rpcs.get(stream)
        if rpc is None:
            return
        if side is Side.CLIENT:
            rpc.client_bytes += event.length
            splitter = rpc.client
        elif rpc.opaque:
            return
        else:
            splitter = rpc.server
        before = splitter.buffered
        for data in splitter.feed(event.data):
            if side is Side.CLIENT:
                index = rpc.client_messages
                rpc.client_messages += 1
            else:
                index = rpc.server_messages
                rpc.server_messages += 1
            events.append(Received(self.connection, stream, Message(side, data, ns, index)))
        if splitter.problem:
            self._count(-before)
            if side is Side.SERVER and splitter.problem is Reason.PROTOCOL:
                self._unframed(stream, ns, events)
            else:
                self._drop(stream, splitter.problem, ns, events)
        elif (grown := splitter.buffered - before) != 0:
            self._hold(rpc, stream, grown, ns, events)

    def _ended(self, event: StreamEnded, events: list[Event]) -> None:
        stream, ns = event.stream, event.ns
        rpc = self._rpcs.get(stream)
        if rpc is None:
            return
        if event.side is Side.CLIENT:
            if rpc.client.buffered:
                self._drop(stream, Reason.PROTOCOL, ns, events)
            else:
                events.append(HalfClosed(self.connection, stream, ns))
        elif rpc.server.buffered:
            self._unframed(stream, ns, events)
        else:
            self._observer.forget(stream)
            code, error = status(rpc.response, rpc.trailers, rpc.http_status)
            self._close(stream, code, error, "", ns, events)

    def _hold(self, rpc: _Rpc, stream: int, grown: int, ns: int, events: list[Event]) -> None:
        """Account for bytes held, or no longer held; an RPC that breaks the connection's bound goes."""
        self._count(grown)
        if grown > 0 and self._full():
            self._forget()
        if grown > 0 and self._full():
            self._drop(stream, Reason.OVERSIZE, ns, events)

    def _count(self, change: int) -> None:
        self._buffered += change
        self._budget.used += change

    def _full(self) -> bool:
        budget = self._budget
        limit = budget.limit if self._buffered <= SMALL_BYTES else budget.limit // 4 * 3
        return self._buffered > self._max_buffered or budget.used > limit

    def _release(self, stream: int) -> _Rpc | None:
        rpc = self._rpcs.pop(stream, None)
        if rpc is not None:
            self._count(-(rpc.held + rpc.client.buffered + rpc.server.buffered))
        return rpc

    def _close(
        self, stream: int, status: int, error: str, cancelled_by: str, ns: int, events: list[Event]
    ) -> None:
        rpc = self._release(stream)
        if rpc is not None:
            metadata = metadata_of(rpc.response + rpc.trailers)
            events.append(Closed(self.connection, stream, status, error, metadata, cancelled_by, ns))

    def _unframed(self, stream: int, ns: int, events: list[Event]) -> None:
        """The engine broke gRPC: no caller can read on, whatever it says at the end."""
        self._observer.forget(stream)
        self._close(stream, INTERNAL, "the reply is not framed as gRPC", "", ns, events)

    def _drop(self, stream: int, reason: Reason, ns: int, events: list[Event]) -> None:
        if self._release(stream) is not None:
            self._observer.forget(stream)
            events.append(self._unobserved(stream, reason, ns))

    def _lose(self, reason: Reason, ns: int, events: list[Event]) -> None:
        events.extend(self._unobserved(stream, reason, ns) for stream in self._rpcs)
        events.append(self._unobserved(0, reason, ns))
        self._rpcs = {}
        self._asked = None
        self._count(-self._buffered)
        self._framed = 0

    def _unobserved(self, stream: int, reason: Reason, ns: int) -> Unobserved:
        return Unobserved(self.connection, stream, reason.value, ns)


def _narrow(settings: tuple[tuple[int, int], ...]) -> bool:
    return any(name == WINDOW_ID and value < WINDOW_BYTES for name, value in settings)
