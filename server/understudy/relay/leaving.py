"""The departure of one connection: a GOAWAY first, held streams ended at an idle moment, then the rest.

The frames to be put in wait on their `Way` until it is at a frame boundary; the connection sends them there.
"""

import time

from understudy.relay import frames
from understudy.relay.counts import Counts, Departure
from understudy.relay.way import Way
from understudy.wire import boundary
from understudy.wire.boundary import Frame, Piece, Stream, Streams
from understudy.wire.copy import Kind

_QUIET_S = 1.0
"""A stream without any request yet counts as idle only after this: its first message may be on the way."""
_BRIEF_S = 0.25
"""A stream whose first request was answered counts as idle only after this: a call of one request may be about to be
half-closed, and its caller would lose the status of an answer that it has."""


class Leaving:
    """One connection that was told to go."""

    __slots__ = (
        "_acknowledged",
        "_client",
        "_counts",
        "_goaway_due",
        "_mark",
        "_server",
        "_streams",
        "departure",
        "ended",
        "switched_ns",
    )

    def __init__(
        self, number: int, client: Way, server: Way, streams: Streams, counts: Counts, departure: Departure
    ) -> None:
        self.departure = departure
        """The latest order to go."""
        self.ended: set[int] = set()
        """Streams that the relay has ended itself."""
        self.switched_ns = 0
        """Wall clock when the client was known to have seen the GOAWAY; 0 before."""
        self._client = client
        self._server = server
        self._streams = streams
        self._counts = counts
        self._goaway_due = True
        self._acknowledged = False
        self._mark = b"us" + (number & 0xFFFF_FFFF_FFFF).to_bytes(6)

    @property
    def told(self) -> bool:
        """The GOAWAY has been sent."""
        return not self._goaway_due

    def late(self, now: float) -> bool:
        """The limit is over: streams with a request in flight are ended too."""
        return now >= self.departure.deadline

    def end_streams(self, now: float) -> None:
        """End the streams that may be ended by now."""
        if not self._goaway_due:
            for number, stream in list(self._streams.open.items()):
                self.end_stream(number, stream, now)

    def end_stream(self, number: int, stream: Stream, now: float) -> None:
        """End this one, if it may be ended by now."""
        if self._goaway_due:
            return
        late, departure, counts = self.late(now), self.departure, self._counts
        stream.opened = stream.opened or now
        if stream.turns < 2 and not late:
            quiet = now >= (stream.idle_since + _BRIEF_S if stream.client_bytes else stream.opened + _QUIET_S)
        else:
            quiet = True
        idle = stream.idle_at == stream.client_bytes and not stream.client_ended and quiet
        if idle and (late or not departure.spares):
            departure.ended_idle += 1
            counts.ended_idle += 1
        elif late:
            departure.truncated += 1
            counts.truncated += 1
        else:
            return
        self._end(number, stream.answered)

    def stuck(self, now: float, opaque: bool) -> bool:
        """There is no boundary to say anything at, and no time left: all ends with the connection."""
        if not self.late(now) or not (opaque or self._goaway_due or self._server.pending or self._halfway):
            return False
        self.departure.truncated += len(self._streams.open)
        self._counts.truncated += len(self._streams.open)
        return True

    def done(self, now: float) -> bool:
        """All is said, and nothing is open any more."""
        heard = self._acknowledged or now >= min(self.departure.deadline, self.departure.answer_by)
        return heard and not self._streams.open and not self._halfway and not self._server.pending

    @property
    def _halfway(self) -> bool:
        """The client has been sent part of a frame, or of a header block. One that is kept back it never sees."""
        tracker = self._server.tracker
        return not tracker.clean and not (self._server.swallowing and tracker.left)

    def keeps_back(self, way: Way, piece: Piece, frame: Frame) -> bool:
        """Whether this frame goes no further: the answer to our PING, or part of a stream we have ended."""
        if frame.kind == boundary.PING:
            if way is self._client and frame.flags & boundary.ACK and piece.data[9:17] == self._mark:
                self._acknowledged = True
                self.switched_ns = self.departure.switched_ns = time.time_ns()
                self.departure.acknowledged += 1
                return True
            return False
        if frame.stream not in self.ended:
            return False
        if frame.kind == boundary.DATA and frame.length:
            # Its sender has spent connection-level flow control on it that nobody else gives back.
            other = self._server if way is self._client else self._client
            other.owed += frame.length
        # Header blocks pass whatever becomes of them: HPACK must stay in step.
        return frame.kind not in (boundary.HEADERS, boundary.CONTINUATION, boundary.PUSH_PROMISE)

    def own(self, way: Way) -> bytes:
        """The frames to put in at this boundary."""
        own = b""
        if way.kind is Kind.SERVER and self._goaway_due:
            self._goaway_due = False
            own = frames.goaway(self._streams.limit) + frames.ping(self._mark)
        if way.pending:
            own += b"".join(way.pending)
            way.pending.clear()
        if way.owed:
            given = min(way.owed, boundary.LAST)
            way.owed -= given
            own += frames.window(given)
        return own

    def _end(self, number: int, answered: bool) -> None:
        """End one stream towards both sides, each at its next frame boundary."""
        del self._streams.open[number]
        self.ended.add(number)
        self._server.pending.append(frames.trailers(number, answered, self.departure.message))
        # As gRPC servers do when the client has not half-closed: it need not send anything more.
        self._server.pending.append(frames.reset(number, frames.NO_ERROR))
        self._client.pending.append(frames.reset(number, frames.CANCEL))
