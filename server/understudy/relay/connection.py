"""One client connection and its upstream connection: bytes both ways, and the end of both.

While nothing is wrong and no switch is on, a chunk is fed to the boundary tracker, written to the other side
and copied, and that is all. Chunks are taken apart (`_shape`) in two cases: the observer is behind, so that
DATA payloads are left out of the *copy* (`Copying`); or the connection is told to go (`Leaving`), so that
frames of the relay's own are put between the peers' frames, and frames of streams it has ended are kept back.
Of its own frames the copy has those towards the upstream alone: a stream that the relay ends is cancelled, as
its client might have done, and the engine did not fail.
"""

import asyncio
import math
from typing import Protocol

from understudy.relay.copying import Copying
from understudy.relay.counts import Counts, Departure
from understudy.relay.leaving import Leaving
from understudy.relay.linger import Linger, reset, unsent
from understudy.relay.settings import Settings
from understudy.relay.tap import Tap
from understudy.relay.way import Way
from understudy.wire.boundary import Streams
from understudy.wire.copy import End, Kind, Record

_TURN = 1000
"""Frames of one connection that pass in one turn of the loop: a chunk may hold 28,000, and others wait meanwhile."""
_SHAPED = 150
"""The same where a chunk is taken apart, which costs seven times as much."""


class Home(Protocol):
    """What a connection needs of its relay."""

    settings: Settings
    counts: Counts
    tap: Tap

    def watch(self, connection: "Connection") -> None:
        """Call its `sweep` a few times a second from now on."""

    def forget(self, connection: "Connection") -> None:
        """Both sides are gone."""


class Replica(Protocol):
    """What serves connections."""

    connections: int


class Connection:
    """Both transports of one client connection."""

    __slots__ = (
        "_closing",
        "_cut",
        "_home",
        "client",
        "copying",
        "ends_at",
        "leaving",
        "leg",
        "lingering",
        "number",
        "opaque",
        "replica",
        "server",
        "streams",
    )

    def __init__(self, home: Home, number: int) -> None:
        self._home = home
        self.number = number
        """Unique within the process: the connection id of the copy channel."""
        self.leg = ""
        """Which engine serves it; '' until that engine was reached."""
        self.client = Way(Kind.CLIENT)
        self.server = Way(Kind.SERVER)
        self.streams = Streams()
        self.opaque = False
        self.copying = Copying(home.tap, home.counts, number)
        self.leaving: Leaving | None = None
        """Set once it was told to go."""
        self.replica: Replica | None = None
        """What serves it, counted there."""
        self.ends_at = math.inf
        """Loop time at which it has served its time."""
        self.lingering: Linger | None = None
        """Set once all is said."""
        self._closing = False
        self._cut = False

    @property
    def blind(self) -> bool:
        """Served, and no observer can follow it any more."""
        return self.copying.blinded and not self.opaque

    # ---- the life of the two transports

    def accepted(self, transport: asyncio.Transport) -> None:
        """The client is there; it is read once its upstream is."""
        transport.set_write_buffer_limits(high=self._home.settings.buffer_bytes)
        self.client.source = self.server.sink = transport

    def reached(self, transport: asyncio.Transport, leg: str, address: str) -> None:
        """The upstream is there: bytes may pass."""
        self.leg = leg
        transport.set_write_buffer_limits(high=self._home.settings.buffer_bytes)
        self.server.source = self.client.sink = transport
        self.copying.begin(leg, address)
        for way in (self.client, self.server):
            early, way.early = way.early, b""
            if early:
                self.take(way, early)
            if way.over:
                self.over(way)
            way.resume()

    def take(self, way: Way, data: bytes) -> None:
        """Bytes have come in one direction."""
        if not self.leg:
            way.early += data
            return
        home, copying = self._home, self.copying
        if way.kind is Kind.CLIENT:
            home.counts.client_bytes += len(data)
        else:
            home.counts.server_bytes += len(data)
        tap = home.tap
        if (
            self.leaving is not None
            or copying.elided
            or way.bent
            or (copying.on and tap.unsent + len(data) > tap.soft)
        ):
            self._shape(way, data)
        else:
            taken = way.tracker.feed(data, self.streams, _TURN)
            if taken < len(data):
                data = self._breathe(way, data, taken)
            way.send(data)
            if copying.on and not tap.copy(way.kind, self.number, data):
                copying.blind()
        if way.tracker.opaque and not self.opaque:
            self._not_http2(way)

    def over(self, way: Way) -> None:
        """One side has said that it sends nothing more; the other may still.

        The copy ends here: what the other side says now, resets perhaps, is but its answer to this. No gRPC
        client waits for replies on a connection that it has ended.
        """
        way.over = True
        if not self.leg:
            return
        while way.rest:
            self._go_on(way)
        self.copying.end(End.CLIENT_CLOSED if way is self.client else End.SERVER_CLOSED)
        if way.tracker.held:
            way.send(way.tracker.release())
        way.finish()
        if self.client.over and self.server.over:
            self.close()
        elif way is self.server:
            # Nothing can be answered any more: a client that stays is not waited for.
            self._linger()

    def lost(self, way: Way, error: Exception | None) -> None:
        """One side's transport is gone; the other goes the same way."""
        other = self.other(way)
        # What an engine has said is its client's; what a client has said that is gone matters to nobody.
        while way is self.server and way.rest:
            self._go_on(way)
        way.rest = b""
        way.over = True
        way.source = other.sink = None
        if error is not None and not self._closing:
            self._home.counts.resets += 1
        if way is self.client:
            self.copying.end(End.CLIENT_RESET if error else End.CLIENT_CLOSED)
        else:
            self.copying.end(End.SERVER_RESET if error else End.SERVER_CLOSED)
        if other.source is None:
            self._home.forget(self)
        elif error is not None and not (other.source.get_write_buffer_size() or self._unsent()):
            self._closing = True
            reset(other.source)
        elif way is self.server and not self.client.over:
            self._closing = True
            self._let_go()
            # Whatever it says now goes nowhere.
            self.client.slow = False
            self.client.resume()
        else:
            self._closing = True
            self._linger()
            other.source.close()

    def close(self) -> None:
        """Close both sides once what is buffered has been sent, or the linger time is over."""
        self.copying.end(End.RELAY)
        self._closing = True
        self._linger()
        for way in (self.client, self.server):
            if way.source is not None:
                way.source.close()

    def again(self) -> None:
        """The upstream reached is not the one wanted any more: forget what it said."""
        self.server.early = b""
        self.server.over = False

    def abort(self) -> None:
        """Close both sides at once."""
        if self._unsent():
            self._count_cut()
        self.copying.end(End.RELAY)
        self._closing = True
        for way in (self.client, self.server):
            if way.source is not None:
                way.source.abort()

    def other(self, way: Way) -> Way:
        """The opposite direction."""
        return self.server if way is self.client else self.client

    # ---- what the observer says, and what is no HTTP/2

    def marked(self, record: Record) -> None:
        """The observer says that a stream has, or has not, a request in flight."""
        number, count = record.mark
        stream = self.streams.open.get(number)
        if stream is not None:
            now = self._now()
            stream.idle_at = count if record.kind is Kind.IDLE else -1
            if record.kind is Kind.IDLE and count:
                stream.turns, stream.idle_since = stream.turns + 1, now
            if self.leaving is not None and self.lingering is None and not self._closing:
                self.leaving.end_stream(number, stream, now)
                self._settle(self.leaving, now)

    def _not_http2(self, way: Way) -> None:
        """From here on bytes pass uncounted; what was copied so far shows the observer why."""
        self.opaque = True
        self._home.counts.opaque += 1
        self.copying.refuse(way.tracker.ready)
        other = self.other(way)
        other.send(other.tracker.release())
        if self.leaving is not None and self.leaving.ended:
            # Frames were being kept back: without boundaries there is no telling which.
            self.abort()

    # ---- leaving

    def depart(self, departure: Departure) -> None:
        """Tell the client to finish its streams and reconnect."""
        if self.leaving is None:
            ways = self.client, self.server
            self.leaving = Leaving(self.number, *ways, self.streams, self._home.counts, departure)
        self.leaving.departure = departure
        departure.connections += 1
        departure.acknowledged += self.leaving.switched_ns > 0
        self._home.watch(self)
        self._flush(self.server)
        self.sweep(self._now())

    def sweep(self, now: float) -> None:
        """End what may be ended by now; called a few times a second."""
        leaving, lingering = self.leaving, self.lingering
        if lingering is not None:
            limit = leaving.departure.deadline if leaving is not None else math.inf
            if now >= lingering.due and lingering.ends(now, self._unsent(), limit):
                self.abort()
        elif leaving is not None and not self._closing:
            leaving.end_streams(now)
            self._settle(leaving, now)

    def _settle(self, leaving: Leaving, now: float) -> None:
        """Say what there is to say, and let the client go if that was the last."""
        self._flush(self.server)
        self._flush(self.client)
        if leaving.stuck(now, self.opaque):
            if self.server.tracker.left and not self.server.swallowing:
                self._count_cut()
            self._closing = True
            self._let_go()
            if self.server.source is not None:
                self.server.source.close()
        elif leaving.done(now):
            self._let_go()

    def _shape(self, way: Way, data: bytes) -> None:
        """Pass a chunk frame by frame."""
        tap, copying, leaving = self._home.tap, self.copying, self.leaving
        out: list[bytes] = []
        copy: list[bytes] = []
        held, behind = len(way.tracker.held), tap.unsent
        pieces = way.tracker.split(data, self.streams, _SHAPED)
        if len(pieces) == _SHAPED:
            taken = sum(len(piece.data) for piece in pieces) - held + len(way.tracker.held)
            if taken < len(data):
                self._breathe(way, data, taken)
        for piece in pieces:
            if leaving is not None and piece.clean and (own := leaving.own(way)):
                out.append(own)
                if way is self.client:
                    copy.append(own)
            if piece.frame is not None:
                way.swallowing = leaving is not None and leaving.keeps_back(way, piece, piece.frame)
                way.eliding = not way.swallowing and copying.elides(piece.frame, behind)
                if way.eliding:
                    copying.run(way.kind, copy)
                    copying.elide(way, piece.data[:9])
                    behind = tap.unsent
            if way.swallowing:
                continue
            out.append(piece.data)
            if not way.eliding:
                copy.append(piece.data)
                behind += len(piece.data)
        if leaving is not None and way.tracker.clean and (own := leaving.own(way)):
            out.append(own)
            if way is self.client:
                copy.append(own)
        way.send(b"".join(out))
        copying.run(way.kind, copy)
        if copying.elided:
            copying.elided.intersection_update(self.streams.open)
        if not way.tracker.left:
            way.eliding = way.swallowing = False
        if leaving is not None:
            self._flush(self.other(way))
            if not self.streams.open or not leaving.told:
                self.sweep(self._now())

    def _flush(self, way: Way) -> None:
        """Send frames of our own now, if the direction is at a boundary; else they go with its next chunk."""
        if self.leaving is not None and way.tracker.clean and (own := self.leaving.own(way)):
            way.send(own)
            if way is self.client:
                self.copying.chunk(way.kind, own)

    def _breathe(self, way: Way, data: bytes, taken: int) -> bytes:
        """So many frames have come at once that the rest waits for the loop's next turn; what goes now."""
        way.rest = data[taken:]
        # Counted again when their turn has come.
        if way is self.client:
            self._home.counts.client_bytes -= len(way.rest)
        else:
            self._home.counts.server_bytes -= len(way.rest)
        if way.source is not None:
            way.source.pause_reading()
        asyncio.get_running_loop().call_soon(self._go_on, way)
        return data[:taken]

    def _go_on(self, way: Way) -> None:
        """Pass on what had to wait."""
        rest, way.rest = way.rest, b""
        if rest:
            self.take(way, rest)
        way.resume()

    def _let_go(self) -> None:
        """Say that nothing more comes. The client closes, which a FIN hurries.

        It is read on: unread bytes would be answered with a reset, which could overtake the last ones we sent.
        """
        self.copying.end(End.RELAY)
        self.server.finish()
        self._linger()

    def _linger(self) -> None:
        """Whatever happens, be gone when the client has taken what it takes."""
        if self.lingering is None:
            home = self._home.settings
            self.lingering = Linger(self._now(), self._unsent(), home.linger_s, home.drain_max_s)
            self._home.watch(self)

    def _unsent(self) -> int:
        """Bytes that the client has not got; of one that is gone, none."""
        source = self.client.source
        return unsent(source, self.client.over) if source is not None else 0

    def _count_cut(self) -> None:
        if not self._cut:
            self._cut = True
            self._home.counts.cut += 1

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
