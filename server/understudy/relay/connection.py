"""One client connection and its upstream connection: bytes both ways, their copy, and the end of both.

While nothing is wrong and no switch is on, a chunk is fed to the boundary tracker, written to the other side
and copied, and that is all. Chunks are taken apart (`_shape`) in two cases: the observer is behind, so that
DATA payloads are left out of the *copy*; or the connection is told to go (`depart`), so that frames of the
relay's own are put between the peers' frames, and frames of streams it has ended are kept back.
"""

import asyncio
import socket
import struct
import time
from typing import Protocol

from understudy.relay import frames
from understudy.relay.counts import Counts, Departure
from understudy.relay.settings import Settings
from understudy.relay.tap import Tap
from understudy.relay.way import Way
from understudy.wire import boundary
from understudy.wire.boundary import Frame, Piece, Streams
from understudy.wire.copy import Kind, Record

MESSAGE = "understudy: the primary engine was switched, try again"
"""What callers of a held stream are told when the relay ends it."""

_QUIET_S = 1.0
"""A stream without any request yet counts as idle only after this: its first message may be on the way."""

_RECORD = 31
"""Bytes of an ELIDED record: a DATA frame no longer than this is copied, being cheaper."""

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that turns a close into a reset."""


class Home(Protocol):
    """What a connection needs of its relay."""

    settings: Settings
    counts: Counts
    tap: Tap

    def watch(self, connection: "Connection") -> None:
        """Call its `sweep` a few times a second from now on."""

    def forget(self, connection: "Connection") -> None:
        """Both sides are gone."""


class Connection:
    """Both transports of one client connection."""

    __slots__ = (
        "_abort_at",
        "_acknowledged",
        "_announced",
        "_closing",
        "_elided",
        "_ended",
        "_goaway_due",
        "_home",
        "_mark",
        "client",
        "copying",
        "departure",
        "leg",
        "number",
        "opaque",
        "server",
        "streams",
        "switched_ns",
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
        self.copying = False
        self.departure: Departure | None = None
        """The order to go, once there was one."""
        self.switched_ns = 0
        """Wall clock when the client was known to have seen the GOAWAY; 0 before."""
        self._announced = False
        self._elided: set[int] = set()
        self._ended: set[int] = set()
        self._goaway_due = False
        self._acknowledged = False
        self._mark = b""
        self._closing = False
        self._abort_at = 0.0

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
        tap = self._home.tap
        if tap.connected and tap.unsent <= tap.hard:
            tap.record(Kind.OPEN, self.number, f"{leg}\n{address}".encode())
            self.copying = self._announced = True
        else:
            self._home.counts.blind += 1
        for way in (self.client, self.server):
            early, way.early = way.early, b""
            if early:
                self.take(way, early)
            if way.over:
                self.over(way)
            if way.source is not None and not way.source.is_closing():
                way.source.resume_reading()

    def take(self, way: Way, data: bytes) -> None:
        """Bytes have come in one direction."""
        if not self.leg:
            way.early += data
            return
        home = self._home
        if way.kind is Kind.CLIENT:
            home.counts.client_bytes += len(data)
        else:
            home.counts.server_bytes += len(data)
        tap = home.tap
        if (
            self.departure is not None
            or self._elided
            or way.bent
            or (self.copying and tap.unsent + len(data) > tap.soft)
        ):
            self._shape(way, data)
        else:
            way.tracker.feed(data, self.streams)
            way.send(data)
            if self.copying and not tap.copy(way.kind, self.number, data):
                self._blind()
        if way.tracker.opaque and not self.opaque:
            self._not_http2(way)

    def over(self, way: Way) -> None:
        """One side has said that it sends nothing more; the other may still."""
        way.over = True
        if not self.leg:
            return
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
        way.source = other.sink = None
        if error is not None and not self._closing:
            self._home.counts.resets += 1
        if other.source is None:
            if self._announced:
                self._home.tap.record(Kind.CLOSE, self.number)
            self._announced = self.copying = False
            self._home.forget(self)
        elif error is not None and not other.source.get_write_buffer_size():
            self._closing = True
            reset(other.source)
        else:
            self._closing = True
            self._linger()
            other.source.close()

    def close(self) -> None:
        """Close both sides once what is buffered has been sent, or the linger time is over."""
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
        self._closing = True
        for way in (self.client, self.server):
            if way.source is not None:
                way.source.abort()

    def other(self, way: Way) -> Way:
        """The opposite direction."""
        return self.server if way is self.client else self.client

    # ---- the copy

    def unwatched(self) -> None:
        """The observer is gone: this connection is not copied any more, not even to the next one."""
        self._announced = False
        if self.copying:
            self.copying = False
            self._home.counts.blind += 1

    def marked(self, record: Record) -> None:
        """The observer says that a stream has, or has not, a request in flight."""
        number, count = record.mark
        stream = self.streams.open.get(number)
        if stream is not None:
            stream.idle_at = count if record.kind is Kind.IDLE else -1
            if self.departure is not None:
                self.sweep(self._now())

    def _blind(self) -> None:
        self.copying = False
        self._elided.clear()
        self._home.counts.blind += 1
        self._home.tap.record(Kind.BLIND, self.number)

    def _not_http2(self, way: Way) -> None:
        """From here on bytes pass uncounted; what was copied so far shows the observer why."""
        self.opaque = True
        self._home.counts.opaque += 1
        if self.copying and way.tracker.ready:
            self._blind()
        self.copying = False
        other = self.other(way)
        other.send(other.tracker.release())
        if self._ended:
            # Frames were being kept back: without boundaries there is no telling which.
            self.abort()

    # ---- leaving

    def depart(self, departure: Departure) -> None:
        """Tell the client to finish its streams and reconnect."""
        if self.departure is None:
            self._goaway_due = True
            self._mark = b"us" + (self.number & 0xFFFF_FFFF_FFFF).to_bytes(6)
        self.departure = departure
        departure.connections += 1
        self._home.watch(self)
        self._flush(self.server)
        self.sweep(self._now())

    def sweep(self, now: float) -> None:
        """End what may be ended by now; called at each mark and a few times a second."""
        if self._abort_at and now >= self._abort_at:
            self.abort()
            return
        departure = self.departure
        if departure is None or self._closing or self._abort_at:
            return
        late = now >= departure.deadline
        if not self._goaway_due:
            for number, stream in list(self.streams.open.items()):
                stream.opened = stream.opened or now
                quiet = stream.client_bytes > 0 or now - stream.opened >= _QUIET_S
                if stream.idle_at == stream.client_bytes and not stream.client_ended and quiet:
                    departure.ended_idle += 1
                    self._home.counts.ended_idle += 1
                elif late:
                    departure.truncated += 1
                    self._home.counts.truncated += 1
                else:
                    continue
                self._end(number, stream.answered)
        self._flush(self.server)
        self._flush(self.client)
        if late and (self.opaque or self._goaway_due or self.server.pending):
            # There is no boundary to say anything at: what is still open ends with the connection.
            departure.truncated += len(self.streams.open)
            self._home.counts.truncated += len(self.streams.open)
            self.close()
        elif (late or self._acknowledged) and not self.streams.open and self.server.tracker.clean:
            # All is said: the client closes, which a FIN hurries, and nothing it sent meanwhile is answered
            # with a reset that could overtake the last bytes.
            self.server.finish()
            self._linger()

    def _end(self, number: int, answered: bool) -> None:
        """End one stream towards both sides, each at its next frame boundary."""
        del self.streams.open[number]
        self._ended.add(number)
        self.server.pending += frames.trailers(number, answered, MESSAGE)
        # As gRPC servers do when the client has not half-closed: it need not send anything more.
        self.server.pending += frames.reset(number, frames.NO_ERROR)
        self.client.pending += frames.reset(number, frames.CANCEL)

    def _shape(self, way: Way, data: bytes) -> None:
        """Pass a chunk frame by frame."""
        tap = self._home.tap
        out: list[bytes] = []
        copy: list[bytes] = []
        unsent = tap.unsent
        for piece in way.tracker.split(data, self.streams):
            if piece.clean and (own := self._own(way)):
                out.append(own)
                if way is self.server:
                    copy.append(own)
            if piece.frame is not None:
                way.swallowing = self.departure is not None and self._keep_back(way, piece, piece.frame)
                way.eliding = not way.swallowing and self._elide(way, piece.frame, unsent)
                if way.eliding:
                    self._copy(way, copy)
                    tap.record(Kind.ELIDED, self.number, bytes((way.kind,)) + piece.data[:9])
                    unsent = tap.unsent
            if way.swallowing:
                continue
            out.append(piece.data)
            if not way.eliding:
                copy.append(piece.data)
                unsent += len(piece.data)
        if way.tracker.clean and (own := self._own(way)):
            out.append(own)
            if way is self.server:
                copy.append(own)
        way.send(b"".join(out))
        self._copy(way, copy)
        if self._elided:
            self._elided.intersection_update(self.streams.open)
        if not way.tracker.left:
            way.eliding = way.swallowing = False
        if self.departure is not None:
            self._flush(self.other(way))
            if not self.streams.open or self._goaway_due:
                self.sweep(self._now())

    def _copy(self, way: Way, run: list[bytes]) -> None:
        if run and self.copying and not self._home.tap.copy(way.kind, self.number, b"".join(run)):
            self._blind()
        run.clear()

    def _elide(self, way: Way, frame: Frame, unsent: int) -> bool:
        """Whether this frame is left out of the copy: its stream lost one, or the observer is behind."""
        if frame.kind != boundary.DATA or not self.copying or frame.length + 9 <= _RECORD:
            return False
        if frame.stream not in self._elided:
            if unsent + 9 + frame.length <= self._home.tap.soft:
                return False
            self._elided.add(frame.stream)
            self._home.counts.elided_streams += 1
        self._home.counts.elided_frames += 1
        return True

    def _keep_back(self, way: Way, piece: Piece, frame: Frame) -> bool:
        """Whether this frame goes no further: the answer to our PING, or part of a stream we have ended."""
        if frame.kind == boundary.PING:
            if way is self.client and frame.flags & boundary.ACK and piece.data[9:17] == self._mark:
                self._acknowledged = True
                self.switched_ns = time.time_ns()
                if self.departure is not None:
                    self.departure.acknowledged += 1
                    self.departure.switched_ns = self.switched_ns
                return True
            return False
        if frame.stream not in self._ended:
            return False
        if frame.kind == boundary.DATA and frame.length:
            # Its sender has spent connection-level flow control on it that nobody else gives back.
            self.other(way).pending += frames.window(frame.length)
        # Header blocks pass whatever becomes of them: HPACK must stay in step.
        return frame.kind not in (boundary.HEADERS, boundary.CONTINUATION, boundary.PUSH_PROMISE)

    def _own(self, way: Way) -> bytes:
        """The frames to put in at this boundary."""
        own = way.pending
        way.pending = b""
        if way is self.server and self._goaway_due:
            self._goaway_due = False
            own = frames.goaway(way.tracker.goaway) + frames.ping(self._mark) + own
        return own

    def _flush(self, way: Way) -> None:
        """Send frames of our own now, if the direction is at a boundary; else they go with its next chunk."""
        if way.tracker.clean and (own := self._own(way)):
            way.send(own)
            if way is self.server:
                self._copy(way, [own])

    def _linger(self) -> None:
        """Whatever happens, be gone after the linger time."""
        self._abort_at = self._abort_at or self._now() + self._home.settings.linger_s
        self._home.watch(self)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def reset(transport: asyncio.Transport) -> None:
    """Close with a TCP reset, as a peer that died would."""
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None and sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
