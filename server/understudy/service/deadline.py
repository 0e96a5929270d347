"""A limit on one piece of work that Python cannot be asked to give up: the process ends itself instead."""

import faulthandler
import time
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2


class Deadline:
    """Guards one thread's work, one piece at a time.

    The timer is faulthandler's: a C thread that needs no interpreter lock, so it also fires under a call that
    never lets go of it (`re` on a pattern that explodes). It writes the stack (files and lines, no values) to
    stderr and ends the process with status 1; whoever supervises it starts a new one.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._began: float | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Work inside for at most `limit_s`, or the process ends."""
        self._began = time.monotonic()
        faulthandler.dump_traceback_later(self.limit_s, exit=True, file=STDERR)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            self._began = None

    @property
    def late(self) -> bool:
        """True while a piece of work has taken more than half of its time."""
        began = self._began
        return began is not None and time.monotonic() - began > self.limit_s / 2
