"""The way in: accepts callers, keeps those that belong to this worker, and passes the others on."""

import asyncio
import errno
import logging
import os
import socket
import stat
from collections.abc import Callable

from understudy.relay.board import Board
from understudy.relay.settings import Settings, parse

logger = logging.getLogger(__name__)

_AT_ONCE = 64
"""Callers accepted in one turn of the loop."""
_PAUSE_S = 0.1
"""Pause when there is no descriptor or memory left for another caller."""
_FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def listening(settings: Settings) -> socket.socket:
    """The socket that callers connect to: inherited, or opened here.

    Raises:
        OSError: it cannot be opened.
    """
    if settings.listen_fd >= 0:
        sock = socket.socket(fileno=settings.listen_fd)
    elif isinstance(address := parse(settings.listen), str):
        if os.path.exists(address) and stat.S_ISSOCK(os.stat(address).st_mode):
            os.unlink(address)
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.bind(address)
            sock.listen(settings.backlog)
        except OSError:
            sock.close()
            raise
    else:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        sock = socket.create_server(address, family=family, backlog=settings.backlog)
    sock.setblocking(False)
    return sock


class Door:
    """Accepts from the shared socket until shut; what others give is taken until closed."""

    def __init__(
        self, sock: socket.socket, board: Board | None, seat: int, take: Callable[[socket.socket], None]
    ) -> None:
        """Without a `board` this worker is the only one; `take` is given each caller of ours."""
        self._sock = sock
        self._board = board
        self._seat = seat
        self._take = take
        self._paused: asyncio.TimerHandle | None = None
        self._open = False

    @property
    def sock(self) -> socket.socket:
        """The listening socket, for a successor."""
        return self._sock

    def open(self) -> None:
        """Begin to accept."""
        loop = asyncio.get_running_loop()
        self._open = True
        # By number: uvloop would keep a socket open until it has closed its own handle.
        loop.add_reader(self._sock.fileno(), self._ready)
        if self._board is not None:
            self._board.sit(self._seat)
            loop.add_reader(self._board.inbox(self._seat).fileno(), self._given)

    def shut(self) -> None:
        """Accept no more: what is queued belongs to whoever else listens."""
        if self._open:
            self._open = False
            if self._paused is not None:
                self._paused.cancel()
            asyncio.get_running_loop().remove_reader(self._sock.fileno())
            if self._board is not None:
                self._board.leave(self._seat)
        self._sock.close()

    def close(self) -> None:
        """Take nothing from others any more either."""
        self.shut()
        if self._board is not None:
            asyncio.get_running_loop().remove_reader(self._board.inbox(self._seat).fileno())

    def beat(self, connections: int) -> None:
        """Tell the others that we live, and what we hold."""
        if self._board is not None:
            self._board.beat(self._seat)
            self._board.weigh(self._seat, connections)

    def weigh(self, connections: int) -> None:
        """Tell the others what we hold."""
        if self._board is not None:
            self._board.weigh(self._seat, connections)

    def total(self, ours: int) -> int:
        """Callers of all workers together; `ours` where there is no other."""
        return ours if self._board is None else self._board.total()

    def _ready(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                caller, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                logger.warning("no caller can be accepted for now: %s", error.strerror)
                self._pause()
                return
            self._place(caller)

    def _given(self) -> None:
        assert self._board is not None
        for caller in self._board.taken(self._seat):
            # Given just before we said that we leave: others have room for it.
            if self._open:
                self._take(caller)
            else:
                self._place(caller)

    def _place(self, caller: socket.socket) -> None:
        """Keep a caller, or give it to the worker with fewest."""
        if self._board is not None:
            seat = self._board.least(self._seat)
            if seat != self._seat and self._board.give(self._seat, seat, caller):
                return
        self._take(caller)

    def _pause(self) -> None:
        """The listening socket stays readable: look again later, not at every turn of the loop."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._sock.fileno())
        self._paused = loop.call_later(_PAUSE_S, lambda: loop.add_reader(self._sock.fileno(), self._ready))
