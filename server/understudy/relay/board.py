"""What the workers of one relay know of each other: a page of shared memory, and an inbox for each.

Whoever accepts a caller gives it to the worker that has fewest. That is balance without anybody waiting: all
workers accept from one shared socket, and the connection itself is passed on (SCM_RIGHTS). SO_REUSEPORT would
leave a few long-lived connections on one worker, and lose what is queued when a listener closes.

Each word of the page has one writer, so that nothing needs a lock. The supervisor holds every descriptor too:
what lies in the inbox of a worker that died is there for its successor, or is taken to another (`rescue`).
"""

import mmap
import os
import socket
import time
from contextlib import suppress
from enum import IntEnum
from typing import Final

FRESH_S: Final = 0.5
"""A worker that has not beaten for this long is given nothing: it hangs, or is gone."""

_PID, _STATE, _CONNECTIONS, _BEAT, _RECEIVED, _SENT = range(6)
_NOTE = b"c"


class State(IntEnum):
    """What a seat's worker does."""

    FREE = 0
    ACCEPTING = 1
    LEAVING = 2
    """It accepts no more, and finishes what it has."""


class Board:
    """The page and the inboxes; `fds` are inherited by every worker, which joins with them."""

    def __init__(self, fds: tuple[int, ...]) -> None:
        """Join with the descriptors of `make`: the page's, then both ends of each seat's inbox."""
        self.fds = fds
        self.seats = (len(fds) - 1) // 2
        self._row = _SENT + self.seats
        self._page = mmap.mmap(fds[0], self._row * self.seats * 8)
        self._words = memoryview(self._page).cast("Q")
        self._inboxes = [socket.socket(fileno=fd) for fd in fds[1::2]]
        self._outboxes = [socket.socket(fileno=fd) for fd in fds[2::2]]
        for sock in (*self._inboxes, *self._outboxes):
            sock.setblocking(False)

    @classmethod
    def make(cls, seats: int) -> "Board":
        """A new board with this many seats, all free."""
        page = os.memfd_create("relay", os.MFD_CLOEXEC)
        os.ftruncate(page, (_SENT + seats) * seats * 8)
        ends: list[int] = []
        for _ in range(seats):
            # Sequenced packets: a datagram socket takes ten messages, this one as many as its buffer.
            outbox, inbox = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ends += inbox.detach(), outbox.detach()
        return cls((page, *ends))

    def close(self) -> None:
        """Let go of every descriptor."""
        self._words.release()
        self._page.close()
        for sock in (*self._inboxes, *self._outboxes):
            sock.close()
        with suppress(OSError):
            os.close(self.fds[0])

    # ---- one seat

    def sit(self, seat: int) -> None:
        """This process works there from now on; its beat begins."""
        self._put(seat, _CONNECTIONS, 0)
        self._put(seat, _PID, os.getpid())
        self.beat(seat)
        self._put(seat, _STATE, State.ACCEPTING)

    def leave(self, seat: int) -> None:
        """Accept no more there: others give it nothing from now on."""
        self._put(seat, _STATE, State.LEAVING)

    def beat(self, seat: int) -> None:
        """Say that its loop turns."""
        self._put(seat, _BEAT, time.monotonic_ns())

    def weigh(self, seat: int, connections: int) -> None:
        """Say how many callers it has."""
        self._put(seat, _CONNECTIONS, connections)

    def state(self, seat: int) -> State:
        """What its worker does."""
        return State(self._get(seat, _STATE))

    def pid(self, seat: int) -> int:
        """Who sits there, or sat there last; 0 for nobody."""
        return self._get(seat, _PID)

    def free(self, seat: int) -> None:
        """Its process is gone; said by whoever saw it end."""
        self._put(seat, _STATE, State.FREE)
        self._put(seat, _CONNECTIONS, 0)

    # ---- giving and taking

    def total(self) -> int:
        """Callers of all workers together, those under way between two of them too."""
        return sum(self._load(seat) for seat in range(self.seats))

    def least(self, me: int) -> int:
        """The seat that the next caller belongs to: the accepting one with fewest; `me` on a tie."""
        since = time.monotonic_ns() - int(FRESH_S * 1e9)
        best, fewest = me, self._load(me)
        if self.state(me) is not State.ACCEPTING:
            fewest = 1 << 62
        for seat in range(self.seats):
            if self._get(seat, _STATE) != State.ACCEPTING or self._get(seat, _BEAT) < since:
                continue
            if (load := self._load(seat)) < fewest:
                best, fewest = seat, load
        return best

    def give(self, me: int, to: int, caller: socket.socket) -> bool:
        """Pass a caller on, and close our end; False when its inbox takes nothing, and it stays ours."""
        try:
            socket.send_fds(self._outboxes[to], [_NOTE], [caller.fileno()])
        except OSError:
            return False
        self._put(me, _SENT + to, self._get(me, _SENT + to) + 1)
        caller.close()
        return True

    def inbox(self, seat: int) -> socket.socket:
        """What to watch for callers that others give."""
        return self._inboxes[seat]

    def taken(self, seat: int) -> list[socket.socket]:
        """The callers in an inbox."""
        found: list[socket.socket] = []
        with suppress(BlockingIOError):
            while True:
                note, fds, _, _ = socket.recv_fds(self._inboxes[seat], 1, 1, socket.MSG_CMSG_CLOEXEC)
                if not note:
                    break
                self._put(seat, _RECEIVED, self._get(seat, _RECEIVED) + 1)
                found += [socket.socket(fileno=fd) for fd in fds]
        return found

    def rescue(self, seat: int) -> int:
        """Take what lies in a dead worker's inbox to others; how many. With no other it waits for a successor.

        The supervisor's alone: nobody else may read an inbox, and it counts as the seat's own giving.
        """
        moved = 0
        while (to := self.least(seat)) != seat:
            # One at a time: what nobody else takes has to stay.
            try:
                note, fds, _, _ = socket.recv_fds(self._inboxes[seat], 1, 1, socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                break
            if not note:
                break
            self._put(seat, _RECEIVED, self._get(seat, _RECEIVED) + 1)
            for fd in fds:
                with socket.socket(fileno=fd) as caller:
                    moved += self.give(seat, to, caller)
        return moved

    # ---- the page

    def _load(self, seat: int) -> int:
        sent = sum(self._get(giver, _SENT + seat) for giver in range(self.seats))
        return self._get(seat, _CONNECTIONS) + max(0, sent - self._get(seat, _RECEIVED))

    def _get(self, seat: int, word: int) -> int:
        return self._words[seat * self._row + word]

    def _put(self, seat: int, word: int, value: int) -> None:
        self._words[seat * self._row + word] = value
