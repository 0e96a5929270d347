"""How late the relay's loop is: a figure for the metrics at all times, and a close look for as long as asked.

A late timer alone does not say whose fault it was: the machine may have given the core to somebody else. What the
close look attributes to the relay is the part of the delay in which its own thread was running.
"""

import asyncio
import time
from array import array
from dataclasses import dataclass
from typing import Any

from understudy.errors import UnderstudyError

_KEPT = 600
"""Samples of the ticks kept: the last 30 s."""
_LEAST_S, _MOST_S = 0.001, 1.0
_LONGEST_S = 120.0
"""A close look that nobody ends costs a percent of a core no longer than this."""


@dataclass(slots=True)
class _Look:
    """One close look; everything in nanoseconds."""

    every: int
    began: int
    due: int = 0
    cpu: int = 0
    """What the thread had used when the timer was set."""
    ticks: int = 0
    raw: int = 0
    own: int = 0
    timer: asyncio.TimerHandle | None = None


class Probe:
    """Lateness of the loop's timers."""

    def __init__(self) -> None:
        self._lags = array("d")
        self._turns = 0
        self._look: _Look | None = None

    def ticked(self, lag_s: float) -> None:
        """The worker's own tick came this late."""
        if len(self._lags) < _KEPT:
            self._lags.append(lag_s)
        else:
            self._lags[self._turns % _KEPT] = lag_s
        self._turns += 1

    def status(self) -> dict[str, float]:
        """How late the ticks of the last 30 s came."""
        lags = sorted(self._lags)
        return {
            "lag_max_s": lags[-1] if lags else 0.0,
            "lag_p99_s": lags[len(lags) * 99 // 100] if lags else 0.0,
        }

    def look(self, every_s: float) -> dict[str, Any]:
        """Begin a close look with a timer of this period, or end it with 0; what the one before has seen.

        `own_max_s` is the largest of min(delay, CPU time of this thread since the timer was set): never below what
        the loop itself caused while it computed, and above it by a period at most. Blocking calls are in
        `lag_max_s` alone.

        Raises:
            UnderstudyError: the period is out of bounds.
        """
        if every_s and not _LEAST_S <= every_s <= _MOST_S:
            raise UnderstudyError(
                f"probe: every_s {every_s} is not from {_LEAST_S} to {_MOST_S}: give seconds, or 0 to end it"
            )
        told, now = self._look, time.monotonic_ns()
        if told is not None and told.timer is not None:
            told.timer.cancel()
            self._see(told, now)  # what is late by now was late
        self._look = None
        if every_s:
            self._look = _Look(int(every_s * 1e9), now)
            self._set(self._look, now)
        if told is None:
            return {"ticks": 0, "lag_max_s": 0.0, "own_max_s": 0.0}
        return {"ticks": told.ticks, "lag_max_s": told.raw / 1e9, "own_max_s": told.own / 1e9}

    def _see(self, look: _Look, now: int) -> None:
        lag = now - look.due
        look.raw = max(look.raw, lag)
        if lag > look.own:
            look.own = max(look.own, min(lag, time.thread_time_ns() - look.cpu))

    def _set(self, look: _Look, now: int) -> None:
        look.due, look.cpu = now + look.every, time.thread_time_ns()
        look.timer = asyncio.get_running_loop().call_later(look.every / 1e9, self._fired, look)

    def _fired(self, look: _Look) -> None:
        now = time.monotonic_ns()
        look.ticks += 1
        self._see(look, now)
        if now - look.began < _LONGEST_S * 1e9:
            self._set(look, now)
        else:
            look.timer = None
