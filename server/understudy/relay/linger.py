"""How long a connection that is over stays for a client that has not got everything said to it yet."""

import asyncio
import fcntl
import math
import socket
import struct
import sys
import termios

_OUTQ = termios.TIOCOUTQ
"""Linux' SIOCOUTQ: what of a socket's bytes its peer's kernel has not acknowledged (tcp(7), unix(7))."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that turns a close into a reset."""
_LOOK_S = 0.25
"""A connection is looked at no more often than this: thousands may linger together."""
_LAST_S = 4.0
"""What a client that still reads is given beyond the limit of an order; the supervisor kills a worker that drains
5 s beyond it, and what is cut would not be counted any more."""


class Linger:
    """The clock runs only while nothing moves; when it ends, what is unsent is cut off.

    A client that has everything may take `quiet_s` to close. One that has not is waited for until the limit of the
    order to go, or, where there is none, for as long as it takes something every `stall_s`.
    """

    __slots__ = ("_began", "_moved", "_quiet_s", "_stall_s", "_unsent", "due")

    def __init__(self, now: float, unsent: int, quiet_s: float, stall_s: float) -> None:
        self._quiet_s = quiet_s
        self._stall_s = max(quiet_s, stall_s)
        self._began = self._moved = now
        self._unsent = unsent
        self.due = now
        """When to look again."""

    def ends(self, now: float, unsent: int, limit: float) -> bool:
        """Whether this is the end.

        Args:
            now: Loop time.
            unsent: Bytes that the client has not got.
            limit: Loop time of the limit of the order to go; infinite without one.
        """
        self.due = now + min(_LOOK_S, self._quiet_s / 4)
        if unsent < self._unsent:
            self._moved = now
        self._unsent = unsent
        still = now - self._moved
        if not unsent:
            return still >= self._quiet_s
        if now >= max(limit, self._began) + max(_LAST_S, self._quiet_s):
            return True
        return still >= (self._quiet_s if now >= limit else self._stall_s if limit == math.inf else math.inf)


def unsent(transport: asyncio.Transport, closed: bool) -> int:
    """Bytes written that its peer has not got; `closed` when the peer has sent its end: the kernel sees to the rest."""
    waiting = transport.get_write_buffer_size()
    sock: socket.socket | None = transport.get_extra_info("socket")
    if (closed and not waiting) or sock is None or sys.platform != "linux":
        return waiting
    try:
        queued: int = struct.unpack("i", fcntl.ioctl(sock.fileno(), _OUTQ, bytes(4)))[0]
    except OSError:
        return waiting
    return waiting + queued


def reset(transport: asyncio.Transport) -> None:
    """Close with a TCP reset, as a peer that died would."""
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None and sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
