"""The relay's end of the copy channel: never waits for the observer, never holds more than its bounds.

Above the soft bound callers of `copy` leave DATA payloads out; above the hard bound a connection goes blind.
What is unsent is held by the transport alone, so that its size is one number.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import cast

from understudy.relay.settings import Settings
from understudy.wire.copy import CopyError, Kind, Reader, Record, encode, header

logger = logging.getLogger(__name__)

_PAUSE_S = 0.05


class Tap(asyncio.Protocol):
    """Writes records to the observer while it is there, and reads its marks."""

    def __init__(
        self, settings: Settings, marked: Callable[[Record], None], lost: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._marked = marked
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._reader = Reader()
        self._gone = asyncio.Event()
        self.soft = settings.copy_soft_bytes
        self.hard = settings.copy_hard_bytes
        self.copied_bytes = 0
        """Payload bytes of CLIENT and SERVER records written."""
        self.connects = 0
        """Times the observer was reached."""

    @property
    def connected(self) -> bool:
        """The observer is there."""
        return self._transport is not None

    @property
    def unsent(self) -> int:
        """Bytes that wait for the observer."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    async def run(self) -> None:
        """Reach the observer, again and again with back-off; ends by cancellation alone."""
        loop = asyncio.get_running_loop()
        pause = _PAUSE_S
        try:
            while True:
                self._gone.clear()
                try:
                    await loop.create_unix_connection(lambda: self, self._settings.observer)
                except OSError:
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, self._settings.reconnect_max_s)
                    continue
                pause = _PAUSE_S
                await self._gone.wait()
                await asyncio.sleep(pause)
        finally:
            if self._transport:
                self._transport.abort()
                await self._gone.wait()

    def record(self, kind: Kind, connection: int, payload: bytes = b"") -> None:
        """Write a small record, whatever waits already; a no-op without an observer."""
        if self._transport:
            self._transport.write(encode(kind, connection, time.time_ns(), payload))

    def copy(self, kind: Kind, connection: int, data: bytes) -> bool:
        """Write the bytes of one direction; False when they do not fit and the connection must go blind."""
        transport = self._transport
        if transport is None or transport.get_write_buffer_size() + len(data) > self.hard:
            return False
        transport.write(header(kind, connection, time.time_ns(), len(data)))
        transport.write(data)
        self.copied_bytes += len(data)
        return True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The observer was reached."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not derive from it
        self._reader = Reader()
        self.connects += 1
        logger.info("observer reached")

    def data_received(self, data: bytes) -> None:
        """Marks from the observer."""
        try:
            records = self._reader.feed(data)
        except CopyError as error:
            logger.error("observer spoke nonsense, closing: %s", error)
            if self._transport:
                self._transport.abort()
            return
        for record in records:
            if record.kind in (Kind.IDLE, Kind.BUSY):
                self._marked(record)

    def connection_lost(self, error: Exception | None) -> None:
        """The observer is gone; what was being copied is blind from now on."""
        self._transport = None
        self._gone.set()
        logger.warning("observer lost")
        self._lost()
