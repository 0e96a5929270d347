"""Whether the primary answers: what callers feel at once, and no pair can show, because none comes about."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from understudy.engine.upstream import reach
from understudy.errors import EngineError
from understudy.pair import Leg

log = logging.getLogger(__name__)

CALM_S = 2.0
"""How often a primary that answers is asked."""

ANXIOUS_S = 0.5
"""How often one that does not."""

SURE = 3
"""Attempts that must fail in a row: one that was slow, or a moment in which we were, is no outage."""


@dataclass(slots=True)
class Pulse:
    """The newest answers of the engine that serves callers; `job` runs until cancelled."""

    primary: Callable[[], tuple[Leg, str]]
    """Who serves now, and where."""
    clock: Callable[[], float] = time.monotonic
    ask: Callable[[str], Awaitable[None]] = reach
    leg: Leg = Leg.BASELINE
    """Whose answers these are."""
    known: bool = False
    """It answered since it serves, or failed often enough to be sure."""
    failures: int = 0
    """Attempts in a row that failed."""
    since: float = 0.0
    """When the first of them began."""
    error: str = ""
    """Why the last of them failed."""

    @property
    def silent_s(self) -> float | None:
        """For how long the primary has not answered; 0 while it does, None while that is not known."""
        if not self.known or self.primary()[0] is not self.leg:
            return None  # just started, or just switched
        return self.clock() - self.since if self.failures >= SURE else 0.0

    def note(self, leg: Leg, began: float, error: str) -> None:
        """Take in how an attempt went that began then; an empty error is an answer."""
        if leg is not self.leg:
            self.leg, self.known, self.failures = leg, False, 0
        if not error:
            if self.failures >= SURE:
                log.warning("the primary (%s) answers again", leg)
            self.known, self.failures, self.error = True, 0, ""
            return
        if not self.failures:
            self.since = began
        self.failures, self.error = self.failures + 1, error
        if self.failures == SURE:
            self.known = True
            log.error("the primary (%s) does not answer, callers get errors: %s", leg, error)

    async def job(self) -> None:
        """Ask, again and again."""
        while True:
            leg, address = self.primary()
            began, error = self.clock(), ""
            try:
                await self.ask(address)
            except EngineError as refused:
                error = str(refused)
            if self.primary()[0] is leg:
                self.note(leg, began, error)
            await asyncio.sleep(ANXIOUS_S if error else CALM_S)
