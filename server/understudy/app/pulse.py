"""Whether an engine is there: what callers feel at once, and no pair can show, because none comes about."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from understudy.engine.upstream import reach
from understudy.errors import ConfigError, EngineError
from understudy.pair import Leg

log = logging.getLogger(__name__)

CALM_S = 2.0
"""How often an engine that answers is asked."""

ANXIOUS_S = 0.5
"""How often one that does not."""

SURE = 3
"""Attempts that must fail in a row: one that was slow, or a moment in which we were, is no outage."""

NEVER = float("-inf")


@dataclass(slots=True)
class Pulse:
    """The newest answers of the engine in one role; `job` runs until cancelled.

    Our own attempts do not decide alone: what callers get from the engine (`heard`) puts its silence off, unless
    callers are being turned away too (`refused`).
    """

    primary: Callable[[], tuple[Leg, str]]
    """Who has the role now, and where it is: the one that serves callers, unless `role` says otherwise."""
    clock: Callable[[], float] = time.monotonic
    ask: Callable[[str], Awaitable[None]] = reach
    role: str = "primary"
    effect: str = "callers get errors"
    """What its absence means."""
    leg: Leg = Leg.BASELINE
    """Whose answers these are."""
    known: bool = False
    """It answered since it has the role, or failed often enough to be sure."""
    failures: int = 0
    """Attempts in a row that failed."""
    since: float = 0.0
    """When the first of them began."""
    error: str = ""
    """Why the last of them failed."""
    heard_s: float = NEVER
    """When callers last got something from it."""
    refused_s: float = NEVER
    """When callers were last turned away because it could not be reached."""

    @property
    def silent_s(self) -> float | None:
        """For how long it has not answered; 0 while it does, None while that is not known."""
        if not self.known or self.primary()[0] is not self.leg:
            return None  # just started, or just switched
        if self.failures < SURE:
            return 0.0
        since = self.since if self.refused_s >= self.since else max(self.since, self.heard_s)
        return max(0.0, self.clock() - since)

    def note(self, leg: Leg, began: float, error: str) -> None:
        """Take in how an attempt went that began then; an empty error is an answer."""
        if leg is not self.leg:
            self.leg, self.known, self.failures = leg, False, 0
            self.heard_s = self.refused_s = NEVER
        if not error:
            if self.failures >= SURE:
                log.warning("the %s (%s) answers again", self.role, leg)
            self.known, self.failures, self.error = True, 0, ""
            return
        if not self.failures:
            self.since = began
        self.failures, self.error = self.failures + 1, error
        if self.failures == SURE:
            self.known = True
            log.error("the %s (%s) does not answer, %s: %s", self.role, leg, self.effect, error)

    def heard(self, leg: Leg, ago_s: float = 0.0) -> None:
        """A caller got something from it, so long ago; late news of an engine that left the role is none."""
        if leg is self.leg:
            self.heard_s = max(self.heard_s, self.clock() - ago_s)

    def refused(self, leg: Leg) -> None:
        """A caller was turned away because it could not be reached."""
        if leg is self.leg:
            self.refused_s = self.clock()

    async def job(self) -> None:
        """Ask, again and again."""
        while True:
            leg, address = self.primary()
            began, error = self.clock(), ""
            try:
                await self.ask(address)
            except EngineError as refused:
                error = str(refused)
            except (
                ConfigError
            ) as wrong:  # of a certificate that is being replaced: it tells nothing of the engine
                log.warning("the %s (%s) could not be asked: %s", self.role, leg, wrong)
                await asyncio.sleep(CALM_S)
                continue
            if self.primary()[0] is leg:
                self.note(leg, began, error)
            await asyncio.sleep(ANXIOUS_S if error else CALM_S)
