"""Follows one RPC of a known protocol: its requests, their live replies, and when it is idle."""

from dataclasses import dataclass
from typing import Protocol

from understudy.codec import Arity, Ask, Codec, Reader, Undecodable
from understudy.codec.calls import Calls
from understudy.exchange import Closed, Message, Opened
from understudy.mirror import Flight
from understudy.mirror.leg import output
from understudy.pair import Leg, Outcome, Reason

UNAVAILABLE = 14


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
        self.headers = dict(opened.metadata)
        self._home = home
        self._calls = Calls()
        self._lives: dict[int, Live] = {}

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
                self._finish(self._lives[key], message.ns, cancelled_by="client")
            return
        live = self._open(ask.id, message.ns)
        live.flight = self._home.consider(self, ask, message.ns)
        if live.flight is not None:
            live.reader = live.flight.reader

    def _open(self, wire_id: str, ns: int) -> Live:
        live = Live(sent_ns=ns, heard_ns=0, in_flight=self._home.busier(self.leg, +1))
        self._lives[self._calls.ask(wire_id)] = live
        return live

    def server(self, message: Message) -> None:
        """A message in reply."""
        try:
            chunk = self.codec.chunk(self.opened.method, message.data)
        except Undecodable:
            self._home.stray("undecodable")
            for live in self._lives.values():  # it could have been any one's
                if live.flight is not None:
                    live.flight.resolve(Outcome.FAILED, Reason.UNDECODABLE)
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

    def closed(self, event: Closed) -> None:
        """The RPC ended, and with it every call still open on it."""
        status, error, by = event.status, event.error, ""
        if status < 0:
            if event.cancelled_by == "server":
                status, error = UNAVAILABLE, error or "the engine reset the stream"
            else:  # the caller left, or the relay cut it off, or nobody knows: censored, no leg is blamed
                status, error, by = 0, "", "client"
        for key in self._calls.open:
            self._calls.end(key)
            self._end(key, event.ns, status=status, error=error, cancelled_by=by)

    def quiet(self, looks: int) -> None:
        """One more look: end the replies of an engine that never marks ends, silent for more than `looks`."""
        if self.arity is not Arity.MULTIPLEXED or self._home.marks_ends(self.opened.upstream):
            return
        for key in self._calls.open:
            live = self._lives[key]
            if live.heard_ns:
                live.silent += 1
                if live.silent > looks:
                    self._calls.end(key)
                    self._end(key, live.heard_ns)

    def abandon(self, outcome: Outcome, reason: Reason) -> None:
        """It can no longer be followed."""
        for key in self._calls.open:
            self._calls.end(key)
            live = self._lives.pop(key)
            self._home.busier(self.leg, -1)
            if live.flight is not None:
                live.flight.resolve(outcome, reason)

    def _end(self, key: int, ns: int, *, status: int = 0, error: str = "", cancelled_by: str = "") -> None:
        live = self._lives.pop(key)
        self._home.busier(self.leg, -1)
        self._finish(live, ns, status=status, error=error, cancelled_by=cancelled_by)

    def _finish(
        self, live: Live, ns: int, *, status: int = 0, error: str = "", cancelled_by: str = ""
    ) -> None:
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
                status=status,
                error=error,
                cancelled_by=cancelled_by,
                in_flight=live.in_flight,
            )
            live.flight.answered(reply)
        except Exception:  # nobody else will end this flight: its call is already off the books
            live.flight.resolve(Outcome.FAILED, Reason.INTERNAL)
            raise
