"""One direction of a connection."""

import asyncio

from understudy.wire.boundary import Boundary
from understudy.wire.copy import Kind


class Way:
    """One direction: where its bytes come from, where they go, and what is put in or left out."""

    __slots__ = (
        "early",
        "eliding",
        "kind",
        "over",
        "owed",
        "pending",
        "rest",
        "shut",
        "sink",
        "slow",
        "source",
        "swallowing",
        "tracker",
    )

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.tracker = Boundary(kind is Kind.CLIENT)
        self.source: asyncio.Transport | None = None
        self.sink: asyncio.Transport | None = None
        self.early = b""
        """What came before the upstream was reached: at most a chunk, for reading is paused then."""
        self.rest = b""
        """What has been read and waits for its turn: the source is paused until it has passed."""
        self.slow = False
        """The sink takes no more for now: the source is paused until it does."""
        self.pending: list[bytes] = []
        """Frames of the relay's own, waiting for a frame boundary."""
        self.owed = 0
        """Bytes that went nowhere, and whose flow control goes back with the next frames of our own."""
        self.swallowing = False
        """The frame in progress is kept back."""
        self.eliding = False
        """The frame in progress is left out of the copy."""
        self.over = False
        """The source has sent its end."""
        self.shut = False
        """The sink was told that nothing more comes."""

    @property
    def bent(self) -> bool:
        """The next chunk has to be taken apart."""
        return bool(self.tracker.held) or ((self.eliding or self.swallowing) and self.tracker.left > 0)

    def send(self, data: bytes) -> None:
        """Write to the sink, while it takes anything."""
        if data and not self.shut and self.sink is not None and not self.sink.is_closing():
            self.sink.write(data)

    def resume(self) -> None:
        """Read on, unless something still stands against it."""
        source = self.source
        if source is None or self.rest or self.slow or self.over or source.is_closing():
            return
        source.resume_reading()

    def finish(self) -> None:
        """Tell the sink that nothing more comes."""
        if not self.shut and self.sink is not None and not self.sink.is_closing():
            self.shut = True
            self.sink.write_eof()
