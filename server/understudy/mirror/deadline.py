"""One timer for the deadlines of all calls to an engine: nearly every call is over long before its own."""

import asyncio
import math
from typing import Final, Protocol

PAUSE_S: Final = 0.01
"""Least time between two looks at all of them: so much later than due a call may be struck."""


class Bounded(Protocol):
    """What has a deadline; hashed by identity."""

    def strike(self) -> None:
        """It is past."""
        ...


class Deadlines:
    """Who is open, and until when. A timer for each would cost more than all else that is done about deadlines."""

    def __init__(self) -> None:
        self._due_s: dict[Bounded, float] = {}
        self._next_s = math.inf
        """When the timer goes off."""
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._due_s)

    def until(self, bounded: Bounded, when_s: float) -> None:
        """It ends at this time of the loop's clock, whatever was said before."""
        self._due_s[bounded] = when_s
        if when_s < self._next_s:
            self._look_at(when_s)

    def drop(self, bounded: Bounded) -> None:
        """It is over."""
        self._due_s.pop(bounded, None)

    def close(self) -> None:
        """Strike nobody any more."""
        self._due_s.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._next_s = None, math.inf

    def _look_at(self, when_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next_s = when_s
        self._timer = asyncio.get_running_loop().call_at(when_s, self._look)

    def _look(self) -> None:
        now_s = asyncio.get_running_loop().time()
        self._timer, self._next_s = None, math.inf
        for bounded in [bounded for bounded, due_s in self._due_s.items() if due_s <= now_s]:
            if self._due_s.pop(bounded, None) is not None:
                bounded.strike()
        if self._due_s:
            self._look_at(max(min(self._due_s.values()), now_s + PAUSE_S))
