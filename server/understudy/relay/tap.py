"""The relay's end of the copy channel: never waits for the observer, never holds more than its bounds.

Above the soft bound callers of `copy` leave DATA payloads out; above the hard bound a connection goes blind.
While the observer is there, what is unsent is held by the transport alone, so that its size is one number.
While it is away (it, or this relay, was started again), what is copied of connections opened meanwhile is
held here, under the same bounds and for `copy_wait_s` each: an observer that comes in time sees them from
their first byte, which it must, because the header compression of a connection cannot be joined half-way.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import cast

from understudy.relay.settings import Settings
from understudy.wire.copy import CopyError, Kind, Reader, Record, encode, header

logger = logging.getLogger(__name__)

ELIDED_BYTES = 31
"""Bytes of an ELIDED record."""
_PAUSE_S = 0.05
_LAST_S = 2.0
"""How long the observer may take for what is unsent at the end; callers have left by then."""


class _Held:
    """The records of a connection that was opened while the observer was away."""

    __slots__ = ("blind", "copied", "records", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        """Loop time of its opening."""
        self.records = bytearray()
        self.copied = 0
        """Payload bytes of CLIENT and SERVER records among them."""
        self.blind = False
        """BLIND is the last but CLOSE: what came before it is still worth sending."""


class Tap(asyncio.Protocol):
    """Writes records to the observer, holds them while it is away, and reads its marks."""

    def __init__(
        self, settings: Settings, marked: Callable[[Record], None], lost: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._marked = marked
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._reader = Reader()
        self._gone = asyncio.Event()
        self._held: dict[int, _Held] = {}
        self._held_bytes = 0
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
        return self._transport.get_write_buffer_size() if self._transport else self._held_bytes

    @property
    def held(self) -> int:
        """Connections that wait for the observer to come."""
        return len(self._held)

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
                # What is unsent tells of calls that were answered: it still goes, to an observer that takes it.
                self._transport.close()
                try:
                    async with asyncio.timeout(_LAST_S):
                        await self._gone.wait()
                except TimeoutError:
                    logger.warning("observer did not take the last %d bytes: lost with them", self.unsent)
                    self._transport.abort()
                    await self._gone.wait()

    def open(self, connection: int, payload: bytes) -> bool:
        """Begin the copy of a connection; False when there is no room for it."""
        if self.unsent > self.hard:
            return False
        if self._transport is None:
            self._held[connection] = _Held(asyncio.get_running_loop().time())
        self.record(Kind.OPEN, connection, payload)
        return True

    def record(self, kind: Kind, connection: int, payload: bytes = b"") -> None:
        """Write a small record, whatever waits already; nothing, if the connection was not begun."""
        if self._transport:
            self._transport.write(encode(kind, connection, time.time_ns(), payload))
        elif (held := self._held.get(connection)) is not None:
            self._hold(held, encode(kind, connection, time.time_ns(), payload))
            held.blind = held.blind or kind is Kind.BLIND

    def elide(self, kind: Kind, connection: int, head: bytes) -> bool:
        """Say that the DATA frame with this 9-byte header was left out; False where even that does not fit."""
        if self.unsent + ELIDED_BYTES > self.hard:
            return False
        self.record(Kind.ELIDED, connection, bytes((kind,)) + head)
        return True

    def copy(self, kind: Kind, connection: int, data: bytes) -> bool:
        """Write the bytes of one direction; False when they do not fit and the connection must go blind."""
        transport = self._transport
        if transport is None:
            return self._wait(kind, connection, data)
        if transport.get_write_buffer_size() + len(data) > self.hard:
            return False
        transport.write(header(kind, connection, time.time_ns(), len(data)))
        transport.write(data)
        self.copied_bytes += len(data)
        return True

    def expire(self, now: float) -> list[int]:
        """Let go of what has waited too long by this loop time: connections that are blind by that."""
        before = now - self._settings.copy_wait_s
        late: list[int] = []
        for connection, held in self._held.items():
            if held.since > before:  # they stand in the order of their opening
                break
            late.append(connection)
        return [connection for connection in late if not self._drop(connection).blind]

    def _wait(self, kind: Kind, connection: int, data: bytes) -> bool:
        held = self._held.get(connection)
        if held is None or self._held_bytes + len(data) > self.hard:
            return False
        self._hold(held, header(kind, connection, time.time_ns(), len(data)))
        self._hold(held, data)
        held.copied += len(data)
        return True

    def _hold(self, held: _Held, data: bytes) -> None:
        held.records += data
        self._held_bytes += len(data)

    def _drop(self, connection: int) -> _Held:
        held = self._held.pop(connection)
        self._held_bytes -= len(held.records)
        return held

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The observer was reached: what waited for it goes first."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not derive from it
        self._reader = Reader()
        self.connects += 1
        logger.info("observer reached; %d connections waited for it", len(self._held))
        held = [self._drop(connection) for connection in list(self._held)]
        self.copied_bytes += sum(each.copied for each in held)
        if held:
            self._transport.writelines([each.records for each in held])

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
