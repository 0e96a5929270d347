"""The copy of one connection for the observer: whether there is one, and which streams it has lost."""

from understudy.relay.counts import Counts
from understudy.relay.tap import ELIDED_BYTES, Tap
from understudy.relay.way import Way
from understudy.wire import boundary
from understudy.wire.boundary import Frame
from understudy.wire.copy import End, Kind


class Copying:
    """What is copied of one connection. Nothing here ever holds up the bytes themselves."""

    __slots__ = ("_announced", "_counts", "_number", "_tap", "blinded", "elided", "on")

    def __init__(self, tap: Tap, counts: Counts, number: int) -> None:
        self._tap = tap
        self._counts = counts
        self._number = number
        self._announced = False
        self.on = False
        """Bytes are copied; False before the upstream was reached, and once the connection is blind."""
        self.blinded = False
        """There is a gap in the copy that cannot be mended, or no copy at all."""
        self.elided: set[int] = set()
        """Open streams of which a DATA frame was left out."""

    def begin(self, leg: str, address: str) -> None:
        """The upstream was reached; without room for the copy the connection is blind from its start."""
        self.on = self._announced = self._tap.open(self._number, f"{leg}\n{address}".encode())
        if not self.on:
            self._gap()

    def chunk(self, kind: Kind, data: bytes) -> None:
        """Bytes of one direction have passed."""
        if self.on and not self._tap.copy(kind, self._number, data):
            self.blind()

    def run(self, kind: Kind, pieces: list[bytes]) -> None:
        """The same for pieces, which are taken out of the list."""
        if pieces:
            self.chunk(kind, b"".join(pieces))
            pieces.clear()

    def elides(self, frame: Frame, unsent: int) -> bool:
        """Whether this frame is left out: its stream lost one already, or the observer is behind."""
        if frame.kind != boundary.DATA or not self.on or frame.length + 9 <= ELIDED_BYTES:
            return False  # so short a frame is cheaper copied
        if frame.stream not in self.elided:
            if unsent + 9 + frame.length <= self._tap.soft:
                return False
            self.elided.add(frame.stream)
            self._counts.elided_streams += 1
        self._counts.elided_frames += 1
        return True

    def elide(self, way: Way, header: bytes) -> None:
        """Say that the frame with this 9-byte header was left out; many small frames can fill the bound too."""
        if self.on and not self._tap.elide(way.kind, self._number, header):
            self.blind()

    def blind(self) -> None:
        """There is a gap that cannot be mended."""
        self.on = False
        self.elided.clear()
        self._gap()
        self._tap.record(Kind.BLIND, self._number)

    def refuse(self, said: bool) -> None:
        """The connection is not HTTP/2: no more is copied; `said` when what was copied does not show why."""
        if self.on and said:
            self.blind()
        self.on = False

    def lost(self) -> None:
        """What was copied never reaches an observer: blind, and nobody needs telling."""
        self._announced = False
        self.elided.clear()
        if self.on:
            self.on = False
            self._gap()

    def _gap(self) -> None:
        self.blinded = True
        self._counts.blind += 1

    def end(self, end: End) -> None:
        """The connection ends; the first word counts, for the rest follows from it and is not copied."""
        if self._announced:
            self._tap.record(Kind.CLOSE, self._number, bytes((end,)))
        self._announced = self.on = False
