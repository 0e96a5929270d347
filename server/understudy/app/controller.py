"""The controller: pairs in, evidence, alerts, decisions out. One process, one event loop, bounded work a step.

It never touches a caller: when it is gone, relays relay and observers keep their pairs until it is back.
"""

import asyncio
import json
import logging
import signal
import time
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvloop

from understudy import plugins, telemetry, web
from understudy.alert import Alert, AlertBook, Health, Name
from understudy.alert import State as Alerting
from understudy.app import front, memory, roster, sight
from understudy.app.chronicle import Chronicle, recorder
from understudy.app.desk import Desk
from understudy.app.keeper import Keeper
from understudy.app.operate import CONTROL
from understudy.app.pilot import Pilot
from understudy.app.process import RECORD
from understudy.app.serve import analyzer_sockets
from understudy.app.troubles import Troubles
from understudy.app.watch import Watch
from understudy.category.build import build, versions
from understudy.config import Config
from understudy.drift.engine import Drift
from understudy.drift.load import load as load_tolerances
from understudy.drift.tolerance import Tolerances
from understudy.drift.verdict import Change, Verdict, Why, lane_key
from understudy.drift.vote import cell_metrics
from understudy.errors import EngineError, UnderstudyError
from understudy.notify.dispatch import Dispatcher
from understudy.notify.log import LogNotifier
from understudy.notify.webhook import WebhookNotifier
from understudy.pair import Lane, Leg, Pair
from understudy.pipeline.core import Pipeline
from understudy.pipeline.journal import Journal
from understudy.pipeline.pool import Pool
from understudy.rollback import Signal
from understudy.score import Score
from understudy.service.lines import listen
from understudy.service.pairs import PairServicer
from understudy.v1 import pairs_pb2

log = logging.getLogger(__name__)

STEP_S = 0.5
"""How often ticks are closed and alerts judged."""

QUIET_S = 5.0
"""An observer not heard of for this long is gone: what it held is lost."""

ANALYZERS_S = 60.0
"""How long to wait at the start for an analyzer worker."""

ALERTS = "alerts.json"


class Controller:
    """Everything after the observers; `run` holds until cancelled."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.state_dir, self.run_dir = Path(config.state_dir), Path(config.run_dir)
        self.tolerances = (
            load_tolerances(Path(config.tolerances)) if config.tolerances else Tolerances.default()
        )
        self.troubles = Troubles()
        self.pool = Pool([*analyzer_sockets(config), *config.analyzers.addresses], config.analyzers.limit_s)
        self.pair_service = PairServicer(self)
        self.pilot = Pilot(config, dict(roster.read(self.state_dir / RECORD)), self.pair_service.changed)
        self.watch = Watch(config, self.pilot, self.troubles, self._replaced)
        self.book = AlertBook(config.alert)
        self.book.restore(memory.load(self.state_dir / ALERTS))
        self.chronicle = Chronicle(self.state_dir, self.troubles, self.tolerances.tick_s)
        self.desk = Desk(
            self.state_dir,
            self.pilot,
            self.chronicle,
            changed=self.pair_service.changed,
            announce=lambda name: self._evidence.announce(name),
            status=self.status,
            leaving=lambda: setattr(self.watch, "leaving", True),
        )
        self.aliases = web.Aliases()
        self.keeper = Keeper(config.capture_settings() if config.capture is not None else None)
        self.prometheus = telemetry.set_up()
        self.dispatchers = [
            *([Dispatcher(LogNotifier(), config.notify.patience)] if config.notify.log else []),
            *(Dispatcher(WebhookNotifier(hook), config.notify.patience) for hook in config.notify.webhook),
        ]
        self.pipeline: Pipeline | None = None
        self.signal: Signal | None = None
        self.verdicts: list[Verdict] = []
        self._judged: int | None = None
        self._untold: list[Change] = []
        self._ended: set[Lane] = set()
        """Lanes that were closed, of which the alerts are still to hear."""

    # -- pairs in (service.pairs.Sink) ---------------------------------------------------------------------

    def take(self, batch: pairs_pb2.PairBatch) -> Awaitable[None]:
        """Take a published batch over."""
        return self._evidence.take(batch, time.time_ns())

    def state(self) -> pairs_pb2.ObserverState:
        """What observers should do now."""
        pilot = self.pilot
        return pairs_pb2.ObserverState(
            mirror_on=self.desk.mirror_on,
            primary=pilot.primary.value,
            settle_until_ns=pilot.settle_until_ns,
            fingerprints={leg.value: member.fingerprint for leg, member in pilot.roster.items()},
        )

    @property
    def _evidence(self) -> Pipeline:
        assert self.pipeline is not None  # everything that asks for it starts after it
        return self.pipeline

    def _keep(self, pair: Pair, scores: Sequence[Score]) -> None:
        for output in pair.legs():
            if output.last_ns is not None:
                self.prometheus.telemetry.observe_leg(output.leg.value, output.last_ns / 1e9)
                if output.live and not output.failed:
                    ago_ns = time.time_ns() - pair.admitted_ns - output.last_ns
                    self.watch.pulse.heard(output.leg, max(0, ago_ns) / 1e9)
        self.aliases.see(pair)
        self.keeper.keep(pair, scores)

    # -- life ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Start everything, then step until cancelled."""
        config = self.config
        async with asyncio.TaskGroup() as group:
            tellers = [group.create_task(dispatcher.run()) for dispatcher in self.dispatchers]
            tasks = [group.create_task(self.pool.run())]
            self.pipeline = await self._restore()
            jobs = (
                front.page(self, config.web, self.troubles),
                front.probes(self, config.web, self.troubles),
                self.watch.relay_job(),
                self.watch.compat_job(),
                self.watch.engines_job(),
                self.watch.pulse.job(),
                self.watch.shadow.job(),
            )
            tasks += [group.create_task(job) for job in jobs]
            socket = self.run_dir / "controller.sock"
            streams = await front.streams(self.pair_service, self.chronicle.service, socket)
            control = await listen(self.run_dir / CONTROL, self.desk.obey)
            try:
                await self.chronicle.audit("started", {"primary": self.pilot.primary.value, **self._names()})
                while True:
                    await self._step()
                    await asyncio.sleep(STEP_S)
            finally:
                await asyncio.shield(self._stop(streams, control, tellers))
                for task in (*tasks, *tellers):
                    task.cancel()

    async def _restore(self) -> Pipeline:
        """Build the pipeline once the analyzers have said who they are: their versions are part of a lane."""
        patience = ANALYZERS_S
        while not self.pool.metrics:
            await asyncio.sleep(0.05)
            patience -= 0.05
            if patience < 0:
                raise EngineError(
                    "analyzers: no worker describes itself: see its log, or analyzers.addresses"
                )
        metrics = self.pool.metrics
        pipeline = Pipeline(
            self.pool,
            Drift(self.tolerances, analyzers=json.dumps(self._versions(), sort_keys=True)),
            Journal(self.state_dir / "evidence"),
            prefix_safe=frozenset(metric.name for metric in metrics if metric.prefix_safe),
            grace_s=self.config.mirror.deadline_max_s,
            keep=self._keep,
            record=recorder(self.config),
        )
        self.chronicle.restored(pipeline.restored)
        self._ended |= _closed(pipeline.restored)
        await self.chronicle.switched(pipeline.switched)
        self._declare(pipeline)
        return pipeline

    def _versions(self) -> dict[str, str]:
        """What scored and what told the slices apart: with another version of any, evidence begins anew."""
        chosen = self.config.categories
        told = versions(build(plugins.load("categorizers", chosen.names), chosen.topic))
        return {**self.pool.analyzers, **{f"categorizer {name}": version for name, version in told.items()}}

    def _declare(self, pipeline: Pipeline) -> None:
        """Name this lane's cells and, when the lane is new, announce it: its start is a known change."""
        members = self.pilot.roster
        lane = Lane(members[Leg.BASELINE].fingerprint, members[Leg.CANDIDATE].fingerprint)
        new = lane_key(lane) not in pipeline.drift.lanes
        names = cell_metrics(self.pool.metrics)
        slices = ["all", *self.config.categories.expected]
        pipeline.declare(lane_key(lane), slices, names)
        pipeline.declare(lane_key(Lane(lane.baseline, lane.baseline)), slices, names)
        if self.config.announce or new:
            pipeline.announce(self.config.announce or f"lane {lane}")

    async def _replaced(self, leg: Leg, member: roster.Member) -> None:
        """An engine is another one now: a lane of its own, and observers must say so in their pairs."""
        self._declare(self._evidence)
        self.pair_service.changed()
        await self.chronicle.audit("engine", {"leg": leg.value, "fingerprint": member.fingerprint})

    async def _stop(
        self, streams: front.Streams, control: asyncio.Server, tellers: Sequence[asyncio.Task[None]]
    ) -> None:
        server, health = streams
        control.close()
        (self.run_dir / CONTROL).unlink(missing_ok=True)
        await health.leave()
        await server.stop(1)
        await self._step()
        with self.troubles.tried("evidence"):
            self._evidence.close()
        await asyncio.to_thread(self.keeper.close)
        self.chronicle.close()
        for dispatcher in self.dispatchers:
            await dispatcher.aclose()
        if tellers:
            await asyncio.wait(tellers, timeout=self.config.notify.patience.drain_s)
        for dispatcher in self.dispatchers:
            await dispatcher.notifier.aclose()
        self.prometheus.shutdown()

    # -- a step --------------------------------------------------------------------------------------------

    async def _step(self) -> None:
        """Close what ticks are due, judge, tell, act."""
        now = time.time_ns()
        with self.troubles.tried("evidence"):
            await self._advance(now)
        self.keeper.rest()
        alerts: list[Alert] = []
        with self.troubles.tried("alerts"):
            for lane in sorted(self._ended, key=str):
                alerts += self.book.close_lane(lane, now)
            self._ended = set()
            alerts += self.book.update(self.verdicts, self._health(now), now)
            if alerts:
                memory.save(self.state_dir / ALERTS, self.book.alerts())
        told: Signal | None = None
        with self.troubles.tried("rollback"):
            firing = [
                alert.fingerprint
                for alert in self.book.alerts()
                if alert.name in (Name.BREACH, Name.PRIMARY_UNREACHABLE) and alert.state is Alerting.FIRING
            ]
            faulty = bool(self._evidence.drift.instrument_faults())
            told = await self.pilot.consider(
                self.verdicts,
                firing,
                False if faulty else None,
                self._watermark_age(now),
                lambda: self.watch.pulse.silent_s,
            )
        if told is not None:
            self.signal = told
            await self.chronicle.decided(told, self.pilot.blocked())
        with self.troubles.tried("notifiers"):
            for dispatcher in self.dispatchers:
                dispatcher.offer(alerts, [told] if told is not None else [])
            self.chronicle.tell(alerts, told)
        with self.troubles.tried("metrics"):
            self.prometheus.telemetry.reading = self._reading(now)

    async def _advance(self, now: int) -> None:
        pipeline = self._evidence
        for boot in pipeline.books.silent(now, int(QUIET_S * 1e9)):
            if not self.pair_service.boots[boot]:
                log.warning("observer %s is gone: what it held in flight is lost", boot)
                pipeline.books.end(boot)
        self._untold += pipeline.advance(now)
        await pipeline.secured()
        for change in self._untold:
            self.chronicle.record(change)
        self._ended |= _closed(self._untold)
        self._untold = []  # not before: who is cancelled meanwhile tells them at the next step
        await pipeline.compacted()
        if pipeline.closed != self._judged:  # reading thousands of cells is not free
            self.verdicts, self._judged = pipeline.drift.verdicts(), pipeline.closed

    # -- what is seen --------------------------------------------------------------------------------------

    def _watermark_age(self, now: int) -> float | None:
        watermark = self._evidence.books.watermark_ns()
        return None if watermark is None else max(0.0, (now - watermark) / 1e9)

    def _names(self) -> dict[str, str]:
        return {leg.value: member.fingerprint for leg, member in self.pilot.roster.items()}

    def _health(self, now: int) -> Health:
        return sight.health(
            self._evidence,
            self.pool,
            self.watch.relay,
            self.pilot.roster,
            mirror_on=self.desk.mirror_on,
            observers=self.pair_service.publishers,
            analyzers=self.config.analyzers.workers + len(self.config.analyzers.addresses),
            watermark_age_s=self._watermark_age(now),
            baseline_error=self.watch.baseline_error,
            pulse=self.watch.pulse,
            shadow=self.watch.shadow,
            capture_error=self.keeper.error,
            blocked=self.pilot.blocked(),
            allow_equal=self.config.engines.allow_equal,
        )

    def _reading(self, now: int) -> telemetry.Reading:
        return sight.reading(
            self._evidence,
            self.pool,
            self.verdicts,
            self.book.alerts(),
            self.pilot.roster,
            self.watch.relay,
            self.watch.tally,
            primary=self.pilot.primary,
            latched=self.pilot.state.latched,
            mirror_on=self.desk.mirror_on,
            watermark_age_s=self._watermark_age(now),
            notify_failures={d.notifier.name: d.failures for d in self.dispatchers},
            notify_dropped={d.notifier.name: d.dropped for d in self.dispatchers},
            capture_pairs=self.keeper.written,
            capture_dropped=self.keeper.lost,
        )

    # -- what is told (web.Source) -------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Everything at a glance, as JSON."""
        now, pipeline = time.time_ns(), self._evidence
        held = self.pilot.held()
        return web.describe(
            self._reading(now),
            self.verdicts,
            self.book.alerts(),
            self.pilot.last,
            self.signal,
            now,
            self.aliases.leaders(self.verdicts),
        ) | {
            "latch": None if held is None else {"primary": held.primary, "reason": held.reason},
            "relay": dict(self.watch.relay),
            "compat": dict(self.watch.compat),
            "changes": list(self.chronicle.changes),
            "verdict": sight.overall(self.verdicts),
            "accounted": pipeline.books.totals().accounted,
            "scored": pipeline.scored,
            "pairing": self.watch.fed and bool(pipeline.books.live),
            "tick": pipeline.closed,
            "troubles": dict(self.troubles),
            "ready": dict(zip(("ok", "why"), self.ready(), strict=True)),
        }

    def metrics(self) -> tuple[bytes, str]:
        """The Prometheus exposition."""
        return self.prometheus()

    def ready(self) -> tuple[bool, str]:
        """Ready = a relay takes calls for the primary."""
        return self.watch.ready()


def _closed(changes: Sequence[Change]) -> set[Lane]:
    """Lanes that are compared no more, of those in which anybody was told of anything."""
    return {change.verdict.lane for change in changes if change.verdict.reason is Why.LANE_CLOSED}


def run(config: Config) -> int:
    """The controller process's main; 0 when told to stop."""

    async def main() -> None:
        task = asyncio.ensure_future(Controller(config).run())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        with suppress(asyncio.CancelledError):
            await task

    try:
        uvloop.run(main())
    except* (UnderstudyError, OSError) as failures:
        first: BaseException = failures
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise EngineError(str(first)) from None
    return 0
