"""Follows one RPC of a known protocol: its requests, their live replies, and when it is idle."""

from dataclasses import dataclass
from typing import Protocol

from understudy.codec import Arity, Ask, Codec, Reader, Undecodable
from understudy.codec.calls import Calls
from understudy.exchange import Closed, Message, Opened
from understudy.mirror import Flight
from understudy.mirror.client import INTERNAL
from understudy.mirror.flight import Share
from understudy.mirror.leg import output
from understudy.observe.blame import HUNG, LEFT, WHOLE, End, blame
from understudy.pair import Leg, Outcome, Reason

TRACE_BYTES = 64
"""What is kept of a caller's traceparent; W3C's has 55."""
ROUTE_BYTES = 256
"""What is kept of its :authority; a host name has up to 253."""


@dataclass(slots=True)
class Live:
    """One request's reply on the leg that serves the caller; `flight` is None when it is not mirrored."""

    sent_ns: int
    """Wall clock when the request's last byte passed."""
    heard_ns: int
    """Wall clock of the latest message in reply; 0 before the first."""
    in_flight: int
    """Calls open on the leg when it was sent."""
    silent: int = 0
    """Looks in a row, by an observer that was not behind, between which nothing of its reply came."""
    flight: Flight | None = None
    reader: Reader | None = None


class Home(Protocol):
    """What an RPC needs of the observer."""

    @property
    def reply_bytes(self) -> int:
        """Longest live reply collected, bytes."""
        ...

    @property
    def patience_ns(self) -> int:
        """An engine that has said nothing for this long when its caller leaves has failed."""
        ...

    @property
    def longest_ns(self) -> int:
        """Nobody waits longer for a word of a mirrored reply."""
        ...

    def consider(self, rpc: "Rpc", ask: Ask, ns: int) -> Flight | None:
        """Admit a request or count why not."""
        ...

    def undecodable(self, rpc: "Rpc", error: Undecodable) -> None:
        """Count a client message that cannot be decoded."""
        ...

    def stray(self, reason: str) -> None:
        """Count a server message that belongs to no request."""
        ...

    def busier(self, leg: Leg, change: int) -> int:
        """Count calls open on a leg; returns how many there were before."""
        ...

    def marks_ends(self, upstream: str, learn: bool = False) -> bool:
        """Whether this engine is known to mark the last message of a reply."""
        ...

    def fingerprint(self, leg: Leg) -> str:
        """Fingerprint of the engine on that leg."""
        ...


class Rpc:
    """One RPC from Opened to Closed."""

    def __init__(self, home: Home, codec: Codec, arity: Arity, opened: Opened, leg: Leg) -> None:
        self.codec = codec
        self.arity = arity
        self.opened = opened
        self.leg = leg
        self.route = _cut(opened.authority, ROUTE_BYTES)
        self.headers = dict(opened.metadata)
        if "traceparent" in self.headers:
            self.headers["traceparent"] = _cut(self.headers["traceparent"], TRACE_BYTES)
        self.choked = False
        """The caller's flow control may be what holds replies back."""
        self.share: Share | None = None
        """Its connection's, where that is one caller's."""
        self._home = home
        self._calls = Calls()
        self._lives: dict[int, Live] = {}
        self._whole_ns = 0
        """When the caller had said all that it would say; 0 before."""
        self._heard_ns = 0
        """The latest message of the engine, whatever it belongs to."""
        self._silent = 0
        """Looks in a row between which neither of these came."""

    def __len__(self) -> int:
        """Requests in flight."""
        return len(self._calls)

    @property
    def idle(self) -> bool:
        """Whether no request is in flight."""
        return not self._calls

    def client(self, message: Message) -> None:
        """A request, or an older client's way to cancel one."""
        try:
            ask = self.codec.ask(message.data)
        except Undecodable as error:
            self._home.undecodable(self, error)
            self._open("", message.ns)  # the engine will still answer it
            return
        if ask.stop:
            key = self._calls.find(ask.id)
            if key is not None:
                live = self._lives[key]
                self._finish(live, message.ns, HUNG if self._waited(live, message.ns) else LEFT)
            return
        live = self._open(ask.id, message.ns)
        live.flight = self._home.consider(self, ask, message.ns)
        if live.flight is not None:
            live.reader = live.flight.reader

    def _open(self, wire_id: str, ns: int) -> Live:
        live = Live(sent_ns=ns, heard_ns=0, in_flight=self._home.busier(self.leg, +1))
        self._lives[self._calls.ask(wire_id)] = live
        return live

    def half_closed(self, ns: int) -> None:
        """The caller will say nothing more."""
        self._whole_ns, self._silent = ns, 0

    def server(self, message: Message) -> None:
        """A message in reply."""
        self._heard_ns, self._silent = message.ns, 0
        try:
            chunk = self.codec.chunk(self.opened.method, message.data)
        except Undecodable as error:
            self._garbled(error, message.ns)
            return
        for rival in self._calls.rivals(chunk):
            flight = self._lives[rival].flight
            if flight is not None:  # a reply mixed of two would look like drift
                flight.resolve(Outcome.FAILED, Reason.UNDECODABLE)
        key = self._calls.answer(chunk)
        if key is None:
            self._home.stray("stray")
            return
        live = self._lives[key]
        live.heard_ns = message.ns
        live.silent = 0
        reader, flight = live.reader, live.flight
        if reader is not None and flight is not None:
            if not flight.resolved:
                before = reader.size
                reader.feed(chunk, message.ns - live.sent_ns)
                flight.hold(reader.size - before)
                if reader.size > self._home.reply_bytes:
                    flight.resolve(Outcome.SHED, Reason.OVERSIZE)
            if flight.resolved:  # what was collected is let go; the call is followed on
                live.flight = live.reader = None
        if chunk.final:
            self._home.marks_ends(self.opened.upstream, learn=True)
        if chunk.final or chunk.error:
            self._end(key, message.ns)

    def _garbled(self, error: Undecodable, ns: int) -> None:
        """A reply outside the protocol: the failure of the call it belongs to, if that can be told."""
        self._home.stray("undecodable")
        alone = len(self._lives) == 1 and error.reason is Reason.UNDECODABLE
        for live in self._lives.values():
            if live.flight is not None and alone:
                self._finish(live, ns, End(INTERNAL, f"reply outside the protocol: {error}"))
            elif live.flight is not None:  # it could have been any one's
                live.flight.resolve(Outcome.FAILED, error.reason)
            live.flight = live.reader = None

    def closed(self, event: Closed) -> None:
        """The RPC ended, and with it every call still open on it."""
        end = blame(event, self.opened, answered=self._heard_ns > 0)
        for key in self._calls.open:
            self._calls.end(key)
            end_of_it = HUNG if end.left and self._waited(self._lives[key], event.ns) else end
            self._end(key, event.ns, end_of_it)

    def _waited(self, live: Live, ns: int) -> bool:
        """Whether the caller that leaves now has waited long enough for a word that was due."""
        since_ns = max(live.sent_ns, self._heard_ns, self._whole_ns)
        return ns - since_ns >= self._home.patience_ns and self._due(live)

    def _due(self, live: Live) -> bool:
        """Whether a first word is due: the engine has the whole request, and nothing of the caller's delays it."""
        whole = self.arity is Arity.MULTIPLEXED or self._whole_ns > 0
        return whole and not live.heard_ns and not self.choked

    def quiet(self, looks: int, longest: int) -> None:
        """One more look: end the replies of an engine that never marks ends, silent for more than `looks`.

        Whatever the engine, nobody waits more than `longest` looks for the next word of a mirrored reply.
        """
        self._silent += 1
        marks = self.arity is not Arity.MULTIPLEXED or self._home.marks_ends(self.opened.upstream)
        for key, live in [(key, live) for key, live in self._lives.items() if live.flight or not marks]:
            live.silent += 1
            if live.heard_ns and live.silent > looks and not marks:
                self._calls.end(key)
                self._end(key, live.heard_ns)
            elif live.flight is not None and live.silent > longest:
                if self._silent > longest and self._due(live):
                    self._finish(live, live.sent_ns + self._home.longest_ns, HUNG)
                else:
                    live.flight.resolve(Outcome.LOST, Reason.LEASE)
                live.flight = live.reader = None

    def abandon(self, outcome: Outcome, reason: Reason) -> None:
        """It can no longer be followed."""
        for key in self._calls.open:
            self._calls.end(key)
            live = self._lives.pop(key)
            self._home.busier(self.leg, -1)
            if live.flight is not None:
                live.flight.resolve(outcome, reason)

    def _end(self, key: int, ns: int, end: End = WHOLE) -> None:
        live = self._lives.pop(key)
        self._home.busier(self.leg, -1)
        self._finish(live, ns, end)

    def _finish(self, live: Live, ns: int, end: End = WHOLE) -> None:
        if live.flight is None or live.reader is None:
            return
        try:
            reply = output(
                live.reader,
                self.leg,
                upstream=self.opened.upstream,
                fingerprint=self._home.fingerprint(self.leg),
                live=True,
                last_ns=ns - live.sent_ns,
                status=end.status,
                error=end.error,
                cancelled_by=end.cancelled_by,
                in_flight=live.in_flight,
            )
            live.flight.answered(reply)
        except Exception:  # nobody else will end this flight: its call is already off the books
            live.flight.resolve(Outcome.FAILED, Reason.INTERNAL)
            raise


def _cut(value: str, size: int) -> str:
    """The value's first `size` bytes; most have no more."""
    return value if len(value) * 4 <= size else value.encode()[:size].decode(errors="ignore")
