"""One relay's copy channel: which of its records belong to which RPC, and what the relay hears of held streams."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from understudy.codec import Arity
from understudy.codec.calls import CALL_BYTES
from understudy.exchange import Assembler, Closed, Event, HalfClosed, Opened, Received, Side, Unobserved
from understudy.mirror.flight import Share
from understudy.observe.rpc import Rpc
from understudy.pair import Leg, Outcome, Reason
from understudy.wire.copy import CopyError, Kind, Reader, Record, busy, idle
from understudy.wire.events import Event as WireEvent
from understudy.wire.events import Reason as Problem

if TYPE_CHECKING:
    from understudy.observe.observer import Observer

LATE_NS = 1_000_000_000
"""What passed the relay this long before it is read is no news."""

# Why an RPC could not be followed -> what that makes of its requests in flight.
_ABANDONED = {
    "elided": (Outcome.SHED, Reason.ELIDED),
    "blind": (Outcome.SHED, Reason.ELIDED),
    "oversize": (Outcome.SHED, Reason.OVERSIZE),
}
_UNREADABLE = (Outcome.FAILED, Reason.UNDECODABLE)


class _Connection:
    """One client connection of the relay."""

    __slots__ = ("assembler", "leg", "rpcs", "share")

    def __init__(self, assembler: Assembler, leg: Leg, share: Share | None = None) -> None:
        self.assembler = assembler
        self.leg = leg
        self.share = share
        """None where it stands for many callers."""
        self.rpcs: dict[int, Rpc] = {}


class Channel:
    """One relay's copy channel: records in, marks for held streams out."""

    def __init__(self, observer: "Observer", send: Callable[[bytes], None]) -> None:
        self._observer = observer
        self._send = send
        self._reader = Reader()
        self._connections: dict[int, _Connection] = {}
        self._late = False
        """Since the last look something was read that had passed long before."""

    def feed(self, data: bytes) -> bool:
        """Take what the relay wrote; False when it is not the copy channel's format."""
        try:
            records = self._reader.feed(data)
        except CopyError:
            self._observer.defect("copy channel")
            return False
        for record in records:
            try:  # not `guarded`: this is once for each record of all traffic
                self._record(record)
            except Exception:
                self._observer.failed("observing a connection")
        if records:
            self._observer.lag_ns = max(0, self._observer.now_ns() - records[-1].ns)
            self._late = self._late or self._observer.lag_ns > LATE_NS
        return True

    def _record(self, record: Record) -> None:
        observer, number = self._observer, record.connection
        if record.kind is Kind.OPEN:
            name, address = record.opened
            leg = Leg(name) if name in ("baseline", "candidate") else observer.primary
            self.open(number, address, leg, observer.settings.connection_bytes, Share())
            return
        connection = self._connections.get(number)
        if connection is None:
            return
        assembler, events = connection.assembler, list[Event]()
        match record.kind:
            case Kind.CLIENT:
                events = assembler.feed(Side.CLIENT, record.payload, record.ns)
            case Kind.SERVER:
                events = assembler.feed(Side.SERVER, record.payload, record.ns)
            case Kind.ELIDED:
                direction, frame = record.elided
                side = Side.CLIENT if direction is Kind.CLIENT else Side.SERVER
                events = assembler.elided(side, frame, record.ns)
            case Kind.BLIND:
                events = assembler.blind(record.ns)
            case Kind.CLOSE:
                events = assembler.closed(record.ns, record.end)
        self._events(connection, events)
        if record.kind is Kind.CLOSE:
            del self._connections[number]
            observer.connections -= 1

    def open(self, number: int, address: str, leg: Leg, max_bytes: int, share: Share | None = None) -> None:
        """A connection to the engine at `address` begins; `max_bytes` bounds what is held of it.

        Without a `share` it stands for many callers, and is not held to what one may have in flight.
        """
        observer = self._observer
        assembler = Assembler(
            number, address, observer.settings.message_bytes, max_bytes, budget=observer.budget
        )
        self._connections[number] = _Connection(assembler, leg, share)
        observer.connections += 1

    def take(self, number: int, observed: Iterable[WireEvent]) -> None:
        """What a proxy told of a connection's streams, where no relay copies bytes."""
        connection = self._connections.get(number)
        if connection is not None:
            self._events(connection, connection.assembler.take(observed))

    def follows(self, number: int, stream: int) -> bool:
        """Whether a stream is an RPC of a known protocol that can still be followed."""
        connection = self._connections.get(number)
        return connection is not None and stream in connection.rpcs

    def _events(self, connection: _Connection, events: Iterable[Event]) -> None:
        for event in events:
            try:
                self._event(connection, event)
            except Exception:
                self._observer.failed(f"handling {type(event).__name__}")

    def _event(self, connection: _Connection, event: Event) -> None:
        rpcs, observer = connection.rpcs, self._observer
        match event:
            case Opened(stream=stream):
                rpc = observer.follow(event, connection.leg)
                if rpc is not None:
                    rpcs[stream] = rpc
                    rpc.share = connection.share
                    self._mark(connection, rpc)
            case Received(stream=stream, message=message):
                rpc = rpcs.get(stream)
                if rpc is None:
                    return
                before = len(rpc)
                if message.side is Side.CLIENT:
                    if message.index and rpc.arity is Arity.UNARY:  # gRPC allows it one
                        lost = connection.assembler.give_up(stream, message.ns, Problem.PROTOCOL)
                        self._events(connection, lost)
                        return
                    rpc.choked = connection.assembler.choked
                    rpc.client(message)
                else:
                    rpc.server(message)
                if rpc.arity is not Arity.MULTIPLEXED:
                    return
                if len(rpc) != before:
                    self._weigh(connection, stream, len(rpc) - before, len(rpc), message.ns)
                if stream in rpcs and (rpc.idle or not before):
                    self._mark(connection, rpc)
            case HalfClosed(stream=stream, ns=ns):
                rpc = rpcs.get(stream)
                if rpc is not None:
                    rpc.half_closed(ns)
            case Closed(stream=stream):
                rpc = rpcs.pop(stream, None)
                if rpc is not None:
                    rpc.choked = connection.assembler.choked
                    rpc.closed(event)
            case Unobserved(stream=stream, reason=reason):
                observer.ledger.unobserved[reason] += 1
                rpc = rpcs.pop(stream, None)
                if rpc is not None:
                    rpc.abandon(*_ABANDONED.get(reason, _UNREADABLE))

    def _weigh(self, connection: _Connection, stream: int, change: int, calls: int, ns: int) -> None:
        """Account for a stream's requests in flight; it is given up when they are too many, or too many bytes."""
        if calls > self._observer.settings.stream_calls:
            lost = connection.assembler.give_up(stream, ns)
        else:
            lost = connection.assembler.hold(stream, change * CALL_BYTES, ns)
        self._events(connection, lost)

    def _mark(self, connection: _Connection, rpc: Rpc) -> None:
        """Tell the relay whether a held stream may be ended without cutting a request off."""
        if rpc.arity is not Arity.MULTIPLEXED:
            return
        stream, assembler = rpc.opened.stream, connection.assembler
        if rpc.idle and assembler.mid_message(stream):
            return  # part of the next request has passed: not idle, and its end will say so
        mark = idle if rpc.idle else busy
        count = assembler.client_bytes(stream)
        self._send(mark(rpc.opened.connection, self._observer.now_ns(), stream, count))

    def quiet(self, looks: int, longest: int) -> None:
        """End replies of engines that never mark ends, when nothing of them came for more than `looks` looks.

        No flight waits more than `longest` looks for the next word of its live reply.

        A look counts only while what is read is news: silence in what the relay held says nothing of now.
        """
        if self._late:
            self._late = False
            return
        for connection in self._connections.values():
            for rpc in connection.rpcs.values():
                if not rpc.idle:
                    rpc.choked = connection.assembler.choked
                    rpc.quiet(looks, longest)
                    if rpc.idle:
                        self._mark(connection, rpc)

    def closed(self) -> None:
        """The relay is gone: what was in flight through it is lost."""
        self._observer.channels.discard(self)
        for connection in self._connections.values():
            for rpc in connection.rpcs.values():
                rpc.abandon(Outcome.LOST, Reason.CRASHED)
            connection.assembler.closed(self._observer.now_ns())  # gives back what it held of the budget
        self._observer.connections -= len(self._connections)
        self._connections.clear()
