"""What the controller asks of others now and then: the relay how it is, the engines who they are."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from understudy.app import roster
from understudy.app.fleet import Fleet
from understudy.app.pilot import Pilot
from understudy.app.process import RECORD
from understudy.app.pulse import Pulse
from understudy.app.tally import Tally
from understudy.app.troubles import Troubles
from understudy.config import Config, Engine
from understudy.errors import UnderstudyError
from understudy.pair import Leg
from understudy.service.lines import ask

log = logging.getLogger(__name__)

RELAY_S = 1.0
"""How often the relay is asked."""

PATIENCE_S = 5.0
"""A relay that does not answer for this long is a trouble; until then it is being restarted, or we all are ending."""

UNREADY_S = 3.0
"""A primary that has not answered for this long makes us unready."""


class Watch:
    """The newest answers; `relay_job` and `engines_job` run until cancelled."""

    def __init__(
        self,
        config: Config,
        pilot: Pilot,
        troubles: Troubles,
        replaced: Callable[[Leg, roster.Member], Awaitable[None]],
    ) -> None:
        """`replaced` is told of an engine that is another one now."""
        self._config = config
        self._pilot = pilot
        self._troubles = troubles
        self._replaced = replaced
        self._fleet = Fleet(Path(config.run_dir))
        self._compat = Path(config.run_dir) / "compat.sock"
        self._record = Path(config.state_dir) / RECORD
        named = roster.engines(config)
        self.pulse = Pulse(
            lambda: (pilot.primary, named[pilot.primary].where),
            ask=lambda _where: roster.reached(named[pilot.primary]),
        )
        self.shadow = Pulse(
            lambda: (_other(pilot.primary), named[_other(pilot.primary)].where),
            ask=lambda _where: roster.reached(named[_other(pilot.primary)]),
            role="shadow",
            effect="each request counts as its failure",
        )
        self._flow: tuple[Leg, int, int] | None = None
        """Who served at the relay's last status, bytes from engines, and callers turned away for want of it."""
        self.tally = Tally()
        self.relay: Mapping[str, Any] = {}
        """The relay's own status; empty when it does not answer."""
        self.compat: Mapping[str, Any] = {}
        """The compat listener's own status; empty when it does not answer, or there is none."""
        self.leaving = False
        """Told to stop: callers should go elsewhere."""
        self.baseline_error: str | None = None
        """Why the baseline does not answer; "" when it does, None before it was asked."""

    async def relay_job(self) -> None:
        """Ask the relay, where there is one, and tell it again of a switch that it missed."""
        clock = asyncio.get_running_loop().time
        answered = clock()
        while self._config.listen:
            with self._troubles.tried("relay"):
                try:
                    self.relay = await self._fleet.status()
                except UnderstudyError:
                    self.relay = {}
                    if clock() - answered > PATIENCE_S:
                        raise
                else:
                    answered = clock()
                    self.tally.take("relay", {one["pid"]: one for one in self.relay["workers"]})
                    self._hear()
                    await self._agree(self.relay["primary"])
            await asyncio.sleep(RELAY_S)

    def _hear(self) -> None:
        """Take the relay's word on the primary: what came from it, and whom it could not be reached for."""
        relay, leg = self.relay, self._pilot.primary
        now = (leg, int(relay.get("server_bytes", 0)), int(relay.get("unreached", {}).get(leg.value, 0)))
        before, self._flow = self._flow, now
        if before is None or before[0] is not leg or relay["primary"] != leg.value:
            return
        if now[2] > before[2]:
            self.pulse.refused(leg)
        elif now[1] > before[1]:
            self.pulse.heard(leg)

    async def compat_job(self) -> None:
        """The same for the compat listener, where there is one."""
        clock = asyncio.get_running_loop().time
        answered = clock()
        while self._config.compat is not None:
            with self._troubles.tried("compat"):
                try:
                    self.compat = await ask(self._compat, {"op": "status"}, timeout_s=2)
                except UnderstudyError:
                    self.compat = {}
                    if clock() - answered > PATIENCE_S:
                        raise
                else:
                    answered = clock()
                    self.tally.take("compat", {0: self.compat})
                    held, pilot = self._pilot.held() is not None, self._pilot
                    agrees = (self.compat["primary"], self.compat["latched"]) == (pilot.primary.value, held)
                    if not agrees and not pilot.in_progress:
                        log.warning(
                            "the compat listener serves from %s: telling it again", self.compat["primary"]
                        )
                        await ask(self._compat, {"op": "switch", "to": pilot.primary.value})
            await asyncio.sleep(RELAY_S)

    async def _agree(self, serving: str) -> None:
        """Both of us may have restarted since a switch: what the pilot holds is what counts."""
        if serving != self._pilot.primary.value and not self._pilot.in_progress:
            log.warning("the relay serves from %s, not %s: telling it again", serving, self._pilot.primary)
            await self._fleet.switch(self._pilot.primary.value)

    @property
    def fed(self) -> bool:
        """Whether a relay copies to the observer; Envoy's copies come without being announced."""
        ours = bool(self._config.listen) or self._config.compat is not None
        return not ours or any(path.get("observer_connected") for path in (self.relay, self.compat))

    async def engines_job(self) -> None:
        """Ask the engines who they are: one that was replaced opens a lane of its own."""
        while True:
            for leg, engine in roster.engines(self._config).items():
                with self._troubles.tried(f"engines.{leg}"):
                    await self._meet(leg, engine)
            await asyncio.sleep(self._config.engines.describe_s)

    async def _meet(self, leg: Leg, engine: Engine) -> None:
        try:
            member = await roster.ask(engine, 5.0)
        except UnderstudyError as error:
            if leg is Leg.BASELINE:
                self.baseline_error = str(error)
            raise
        if leg is Leg.BASELINE:
            self.baseline_error = ""
        known = self._pilot.roster.get(leg)
        if known is None or member.fingerprint != known.fingerprint:
            log.warning("engines.%s is another engine now: %s", leg, member.fingerprint[:12])
            self._pilot.roster[leg] = member
            await self._replaced(leg, member)
            # From here on pairs compare the new engine, so it is what a rollback may return to.
            await asyncio.to_thread(roster.write, self._record, dict(self._pilot.roster))

    def ready(self) -> tuple[bool, str]:
        """Ready = a relay takes calls for a primary that is there. The shadow never counts."""
        if self.leaving:
            return False, "told to stop: finishing the callers there are"
        if not self.relay and self._config.listen:
            return False, "no relay answers"
        if not self.compat and self._config.compat is not None:
            return False, "no compat listener answers"
        silent = self.pulse.silent_s
        if silent is not None and silent >= UNREADY_S:
            return (
                False,
                f"the primary ({self.pulse.leg}) has not answered for {silent:.0f} s: {self.pulse.error}",
            )
        return True, f"serving from {self._pilot.primary}"


def _other(leg: Leg) -> Leg:
    """Who rehearses while this one serves."""
    return Leg.CANDIDATE if leg is Leg.BASELINE else Leg.BASELINE
