"""Who serves: the rollback's decision carried out, the operator's switch, the latch and its release.

Order matters and is always the same: latch on disk (fsync), relay told, observers told, said to everybody. What
dies in between leaves the latch, and the latch wins at the next start.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from understudy import durable, latch, rollback
from understudy.app import roster
from understudy.app.fleet import Fleet
from understudy.app.process import LATCH, RECORD
from understudy.config import Config
from understudy.drift.tolerance import Tier
from understudy.drift.verdict import State, Verdict
from understudy.errors import UnderstudyError
from understudy.pair import Lane, Leg
from understudy.rollback import Action, Facts, RollbackState, Signal
from understudy.service.lines import ask

log = logging.getLogger(__name__)

SETTLE_S = 2.0
"""Mirroring pauses this long after a switch: the engines' load moves, and pairs from then compare nothing."""

PROBE_S = 8.0

NAMED = 3
"""Cells that a warning names; the answer holds them all."""


@dataclass(slots=True)
class Pilot:
    """The primary and everything that changes it."""

    config: Config
    roster: dict[Leg, roster.Member]
    changed: Callable[[], None]
    """Called when observers must hear of a new state."""
    clock: Callable[[], int] = time.time_ns
    primary: Leg = Leg.BASELINE
    state: RollbackState = field(default_factory=RollbackState)
    settle_until_ns: int = 0
    in_progress: bool = False
    last: rollback.Decision | None = None
    verdicts: Sequence[Verdict] = ()
    """What was judged last."""
    probed_ns: int | None = None
    probe_error: str = ""
    looked_ns: int | None = None
    """When the baseline was last probed, whatever came of it."""
    unlatched: str = ""
    """Why a rollback that is due could not be latched; empty: it could, or none is due."""
    unread: str = ""
    """Why the record of the engines cannot be read; empty: it can."""

    def __post_init__(self) -> None:
        held = latch.read(self._latch)
        self.primary = Leg(held.primary) if held else self.config.primary
        self.state = replace(_remembered(self._memory), latched=_holds_baseline(held))

    @property
    def _latch(self) -> Path:
        return Path(self.config.state_dir) / LATCH

    @property
    def _memory(self) -> Path:
        return Path(self.config.state_dir) / "rollback.json"

    @property
    def at_stake(self) -> Leg:
        """The candidate, when it serves any callers: as the primary, or some of them through compat mode's shares."""
        shared = self.config.compat is not None and self.config.compat.shares and self.held() is None
        return Leg.CANDIDATE if shared else self.primary

    def held(self) -> latch.Latch | None:
        """The latch in force."""
        return latch.read(self._latch)

    def blocked(self) -> tuple[str, ...]:
        """What stands between the evidence and a rollback, by name."""
        return (*(self.last.blocked_by if self.last else ()), *(("latch",) if self.unlatched else ()))

    async def consider(
        self,
        verdicts: Sequence[Verdict],
        alerts: Sequence[str],
        healthy: bool | None,
        watermark_age_s: float | None,
        silent_s: Callable[[], float | None] = lambda: None,
    ) -> Signal | None:
        """Decide on the newest facts and carry a rollback out; return the signal when the decision is new.

        `silent_s` tells how long the primary has not answered, and is asked again after the baseline was: it may
        have answered meanwhile.
        """
        self.verdicts = verdicts
        facts = Facts(
            primary=self.at_stake,
            candidate=self.roster[Leg.CANDIDATE].fingerprint,
            recorded=self._recorded(),
            control=self.config.mirror.control_share > 0,
            aa_healthy=healthy,
            watermark_age_s=watermark_age_s,
            silent_s=self._silence(silent_s),
        )
        sure = any(v.state is State.BREACH and v.tier is Tier.ROLLBACK for v in verdicts)
        due = sure or rollback.gone(facts, self.config.rollback)
        if due and self.at_stake is Leg.CANDIDATE and not self.state.latched and self._look_again():
            await self.look_at_baseline()
        facts = replace(
            facts,
            primary=self.at_stake,
            silent_s=self._silence(silent_s),
            target=self.roster[Leg.BASELINE].fingerprint,
            probed_ns=self.probed_ns,
            in_progress=self.in_progress,
        )
        now = self.clock()
        decision = rollback.decide(verdicts, self.state, facts, now, self.config.rollback)
        new = self.last is None or (decision.action, decision.reason, decision.blocked_by) != (
            self.last.action,
            self.last.reason,
            self.last.blocked_by,
        )
        self.last = decision
        state = rollback.after(self.state, decision, verdicts)
        if state != self.state:
            self._remember(state)
        if decision.action is Action.ROLLBACK:
            try:
                await self._move(Leg.BASELINE, f"rollback: {decision.detail}", tuple(alerts))
            except UnderstudyError as error:
                held = self.held()
                if held is None or held.primary != Leg.BASELINE or self.primary is not Leg.BASELINE:
                    self.unlatched = str(error)
                    raise
                # Latched, so decided: a relay that is down reads the latch when it is back, one that did
                # not answer is told again by whoever watches it.
                log.error("latched to the baseline, but the relay did not answer: %s", error)
            self.unlatched = ""
            self._remember(rollback.rolled_back(self.state, self.clock()))
        elif not new or decision.action is Action.NONE:
            return None
        target = self.roster[Leg.BASELINE].fingerprint if decision.action is Action.ROLLBACK else ""
        return Signal(decision.action, decision.reason, tuple(alerts), now, target, decision.detail)

    def _silence(self, silent_s: Callable[[], float | None]) -> float | None:
        """Silence is the primary's; whether an engine that has a mere share is there, its callers' errors tell."""
        return silent_s() if self.primary is Leg.CANDIDATE else None

    def _recorded(self) -> str:
        """The recorded baseline's fingerprint; a record that cannot be read blocks a rollback by name."""
        try:
            recorded = roster.read(Path(self.config.state_dir) / RECORD).get(Leg.BASELINE)
        except (UnderstudyError, OSError) as error:
            if self.unread != str(error):
                log.error("the record of the engines cannot be read: %s", error)
            self.unread = str(error)
            return ""
        self.unread = ""
        return recorded.fingerprint if recorded else ""

    def _look_again(self) -> bool:
        """A blocked rollback is considered at every step, but the baseline is not to be asked that often."""
        now, age_ns = self.clock(), int(self.config.rollback.probe_age_s * 1e9)
        return self.looked_ns is None or not 0 <= now - self.looked_ns < age_ns // 2

    async def look_at_baseline(self) -> None:
        """Ask the baseline a real question, and who it is."""
        self.looked_ns = self.clock()
        engine = self.config.engines.baseline
        try:
            if await roster.answers(engine, PROBE_S):
                self.probed_ns, self.probe_error = self.clock(), ""
            else:
                self.probe_error = "answered without text"
            self.roster[Leg.BASELINE] = await roster.ask(engine, PROBE_S)
        except UnderstudyError as error:
            self.probe_error = str(error)

    async def switch(self, to: str, *, force: bool = False) -> dict[str, Any]:
        """The operator's switch, to an engine that answers a real question unless it is forced.

        Raises:
            UnderstudyError: no such engine, it does not answer, a switch is under way, or the relay does not answer.
        """
        if to not in ("baseline", "candidate"):
            raise UnderstudyError(f"switch: {to!r} is no engine: say baseline or candidate")
        if not force:
            await self._rehearse("switch", Leg(to))
        if self.in_progress:
            raise UnderstudyError("switch: one is under way: wait for it to finish")
        try:
            return await self._move(Leg(to), "operator", ()) | self._outlook()
        except UnderstudyError as error:
            if self.primary != to:
                raise
            raise UnderstudyError(
                f"switch: latched to {to}, but the relay does not answer: it is told again, and reads the latch "
                f"at its start ({error})"
            ) from None
        finally:
            held = self.held()
            if held is not None and self.primary == to:
                switched = rollback.rolled_back(self.state, self.clock())
                self._remember(replace(switched, latched=_holds_baseline(held)))

    async def rearm(self, *, force: bool = False) -> dict[str, Any]:
        """Release the latch: the configured primary serves again, if it answers a real question or is forced.

        A relay that does not answer changes nothing about the release, and is said beside it; so is a candidate that
        is still in breach.

        Raises:
            UnderstudyError: nothing is latched, a switch is under way, or that engine does not answer.
        """
        if self.in_progress:
            raise UnderstudyError("rearm: a switch is under way: wait for it to finish")
        held = self.held()
        if held is None:
            raise UnderstudyError("rearm: nothing is latched")
        if not force and self.config.primary is not self.primary:
            await self._rehearse("rearm", self.config.primary)
        self.in_progress = True
        try:
            undurable = latch.clear(self._latch)
            self._remember(rollback.rearmed(self.state, self.clock()))
            told = await self._tell(self.config.primary) | ({"latch": undurable} if undurable else {})
        except UnderstudyError as error:
            if self.held() is not None:
                raise  # the latch could not be cleared: it is still in force
            told = {
                "primary": self.config.primary.value,
                "relay": f"does not answer, and is told as soon as it does ({error})",
            }
        finally:
            self.in_progress = False
        return {"released": held.reason, **told, **self._outlook()}

    def _outlook(self) -> dict[str, Any]:
        """What an operator who puts callers on a candidate in breach must hear; empty when no rollback is due.

        The evidence of before stands: once the cool-down is over it decides again, without a new vote.
        """
        lane = Lane(self.roster[Leg.BASELINE].fingerprint, self.roster[Leg.CANDIDATE].fingerprint)
        sure = [
            v for v in self.verdicts if v.lane == lane and v.state is State.BREACH and v.tier is Tier.ROLLBACK
        ]
        if not sure or self.at_stake is not Leg.CANDIDATE:
            return {}
        breach: dict[str, list[str]] = {}
        for one in sure:
            breach.setdefault(one.slice, []).append(one.metric)
        cells = ", ".join(f"{one.slice} x {one.metric}" for one in sure[:NAMED])
        more = f" and {len(sure) - NAMED} more" if len(sure) > NAMED else ""
        settings = self.config.rollback
        follows = (
            f"this evidence rolls it back once the cool-down of {settings.cool_down_s:.0f} s is over, unless it is "
            "certified by then; whatever else stands against that, RollbackBlocked says"
            if settings.automatic
            else "nothing rolls it back by itself: rollback.automatic is false"
        )
        return {
            "breach": breach,
            "warning": f"the candidate is still in breach at the rollback tier ({cells}{more}); {follows}",
        }

    async def _rehearse(self, order: str, to: Leg) -> None:
        """Have an engine answer a real question before callers depend on it.

        Raises:
            UnderstudyError: it does not, or another switch came between.
        """
        before = self.held()
        engine = roster.engines(self.config)[to]
        try:
            answers = await roster.answers(engine, PROBE_S)
            why = "it answers without text"
        except UnderstudyError as error:
            answers, why = False, str(error)
        if not answers:
            raise UnderstudyError(
                f"{order}: the {to} does not answer, so callers would get errors: {why}; "
                "start it, or say --force to make it the primary all the same"
            )
        if self.in_progress or self.held() != before:
            raise UnderstudyError(
                f"{order}: another switch came between: look at the status, and say it again"
            )

    async def _move(self, to: Leg, reason: str, alerts: tuple[str, ...]) -> dict[str, Any]:
        self.in_progress = True
        try:
            undurable = latch.write(self._latch, latch.Latch(to.value, reason, alerts, self.clock()))
            return await self._tell(to) | ({"latch": undurable} if undurable else {})
        finally:
            self.in_progress = False

    async def _tell(self, to: Leg) -> dict[str, Any]:
        """Have the relay serve from `to`; the observers hear of it whether or not the relay answers.

        Without a relay it is Envoy's operator who moves callers, upon the signal.
        """
        self.primary = to
        self.settle_until_ns = self.clock() + int(SETTLE_S * 1e9)
        try:
            beside = await self._tell_compat(to)
            if not self.config.listen:
                if not beside:
                    log.warning("no relay of ours: Envoy's route decides who serves; it should be %s now", to)
                return {"primary": to.value, **beside}
            told = await Fleet(Path(self.config.run_dir)).switch(to.value)
            log.warning("the relay serves new connections from %s", to)
            return {"primary": to.value, "relay": told, **beside}
        finally:
            self.changed()

    async def _tell_compat(self, to: Leg) -> dict[str, Any]:
        """The same for the compat listener, which obeys from the next request on."""
        if self.config.compat is None:
            return {}
        try:
            told = await ask(
                Path(self.config.run_dir) / "compat.sock", {"op": "switch", "to": to.value}, timeout_s=2
            )
        except UnderstudyError as error:  # no reason to leave the relay untold
            log.error("the compat listener did not take the switch, and is told again: %s", error)
            return {"compat": f"does not answer, and is told as soon as it does ({error})"}
        return {"compat": told}

    def _remember(self, state: RollbackState) -> None:
        self.state = state
        told = {"switched_ns": state.switched_ns, "held": sorted(state.held)}
        try:
            durable.write(self._memory, json.dumps(told).encode())
        except OSError as error:  # the latch is what must last; this only spaces rollbacks
            log.error("%s cannot be written: %s", self._memory, error.strerror)


def _holds_baseline(held: latch.Latch | None) -> bool:
    """Whether there is nothing left to roll back; an operator's switch to the candidate leaves that open."""
    return held is not None and held.primary == Leg.BASELINE


def _remembered(path: Path) -> RollbackState:
    try:
        told = json.loads(path.read_text())
        held = frozenset((str(a), str(b), str(c)) for a, b, c in told["held"])
        return RollbackState(switched_ns=told["switched_ns"], held=held)
    except FileNotFoundError:
        return RollbackState()
    except (ValueError, KeyError, TypeError) as error:
        log.warning("%s is damaged (%s): what the gate held is forgotten", path, error)
        return RollbackState()
