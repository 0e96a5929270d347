"""The loop's view of the two transports of a connection."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

from understudy.relay.connection import Connection
from understudy.relay.secured import TLS_REFUSED, is_tls
from understudy.relay.way import Way


class End(asyncio.Protocol):
    """One transport of a connection, seen by the loop."""

    __slots__ = ("_arrived", "_connection", "_way", "transport")

    def __init__(self, connection: Connection, way: Way, arrived: Any) -> None:
        self._connection = connection
        self._way = way
        self._arrived = arrived
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's do not derive from it
        if self._arrived is not None:
            self._arrived(self._connection, self.transport, self)

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._connection.take(self._way, data)
        if not self._connection.leg and self.transport is not None:
            # Pausing in connection_made would not do: uvloop begins to read after it.
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """The peer sends nothing more; we still may."""
        self._connection.over(self._way)
        return True

    def pause_writing(self) -> None:
        """The peer is slow."""
        # This side takes no more for now: the other is not read until it does.
        other = self._connection.other(self._way)
        other.slow = True
        if other.source is not None and not other.source.is_closing():
            other.source.pause_reading()

    def resume_writing(self) -> None:
        """The peer takes more again."""
        other = self._connection.other(self._way)
        other.slow = False
        other.resume()

    def connection_lost(self, error: Exception | None) -> None:
        """It is gone."""
        if self._way.source is self.transport:
            self._connection.lost(self._way, error)
        self.transport = None


class Arrival(End):
    """A client of a plain port, until its first bytes: one that speaks TLS is refused before any goes further."""

    __slots__ = ("_refused",)

    def __init__(self, connection: Connection, way: Way, arrived: Any, refused: Callable[[], None]) -> None:
        super().__init__(connection, way, arrived)
        self._refused = refused

    def data_received(self, data: bytes) -> None:
        """The first bytes."""
        assert self.transport is not None
        if is_tls(data):
            self.transport.write(TLS_REFUSED)
            self._refused()
            self._connection.close()
            return
        # From now on the plain protocol, which looks at nothing.
        end = End(self._connection, self._way, None)
        end.transport = self.transport
        self.transport.set_protocol(end)
        end.data_received(data)


def keep_alive(transport: asyncio.Transport, idle_s: float) -> None:
    """A passive relay cannot send PINGs: TCP keepalive finds peers that vanished; 0 leaves it off."""
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None and sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if idle_s:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, round(idle_s)))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, round(idle_s / 4)))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
