"""The controller: pairs in, evidence, alerts, decisions out. One process, one event loop, bounded work a step.

It never touches a caller: when it is gone, relays relay and observers keep their pairs until it is back.
"""

import asyncio
import json
import logging
import signal
import time
from collections import deque
from collections.abc import Awaitable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import uvloop

from understudy import telemetry, web
from understudy.alert import Alert, AlertBook, Health
from understudy.analysis.outputs import plain
from understudy.app import memory, roster, sight
from understudy.app.operate import CONTROL
from understudy.app.pilot import Pilot
from understudy.app.process import RECORD
from understudy.app.serve import analyzer_sockets
from understudy.audit import AuditLog
from understudy.capture.parquet import ParquetCapture
from understudy.capture.parquet import State as Capturing
from understudy.config import Config, Engine
from understudy.drift.engine import Drift
from understudy.drift.load import load as load_tolerances
from understudy.drift.tolerance import Tolerances
from understudy.drift.verdict import Change, State, Verdict, lane_key
from understudy.errors import ConfigError, EngineError, UnderstudyError
from understudy.notify.dispatch import Dispatcher
from understudy.notify.log import LogNotifier
from understudy.notify.webhook import WebhookNotifier
from understudy.pair import Lane, Leg, Pair
from understudy.pipeline.core import Pipeline, cell_metrics
from understudy.pipeline.journal import Journal
from understudy.pipeline.pool import Pool
from understudy.rollback import Signal
from understudy.score import Score
from understudy.service import convert
from understudy.service.analysis import OPTIONS
from understudy.service.health import Health as GrpcHealth
from understudy.service.lines import ask, listen
from understudy.service.pairs import PairServicer
from understudy.service.signals import SignalServicer
from understudy.v1 import pairs_pb2, pairs_pb2_grpc, signals_pb2, signals_pb2_grpc

log = logging.getLogger(__name__)

STEP_S = 0.5
"""How often ticks are closed and alerts judged."""

PAGE_S = 5.0
"""Pause before the page's port is tried again."""

QUIET_S = 5.0
"""An observer not heard of for this long is gone: what it held is lost."""

ALERTS = "alerts.json"

RECENT = 500
"""Changes kept for the status."""

UNWRITTEN = 2048
"""Pairs that may wait for the capture's disk; further ones are dropped there and counted."""


class Controller:
    """Everything after the observers; `run` holds until cancelled."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.state_dir, self.run_dir = Path(config.state_dir), Path(config.run_dir)
        self.tolerances = (
            load_tolerances(Path(config.tolerances)) if config.tolerances else Tolerances.default()
        )
        self.pool = Pool([*analyzer_sockets(config), *config.analyzers.addresses])
        self.pilot = Pilot(
            config, dict(roster.read(self.state_dir / RECORD)), lambda: self.pair_service.changed()
        )
        self.book = AlertBook(config.alert)
        self.book.restore(memory.load(self.state_dir / ALERTS))
        self.audit = AuditLog(self.state_dir / "audit.jsonl", time.time_ns())
        self.prometheus = telemetry.set_up()
        self.pair_service = PairServicer(self)
        self.signal_service = SignalServicer()
        self.dispatchers = [
            *([Dispatcher(LogNotifier(), config.notify.patience)] if config.notify.log else []),
            *(Dispatcher(WebhookNotifier(hook), config.notify.patience) for hook in config.notify.webhook),
        ]
        self.pipeline: Pipeline | None = None
        self.mirror_on = True
        self.signal: Signal | None = None
        self.verdicts: list[Verdict] = []
        self._judged: int | None = None
        self.changes: deque[dict[str, Any]] = deque(maxlen=RECENT)
        self.relay: Mapping[str, Any] = {}
        self.baseline_error: str | None = None
        self.capture: ParquetCapture | None = None
        self.troubles: dict[str, str] = {}
        """What of us fails just now: part -> error. The rest goes on."""
        self._auditing = asyncio.Lock()
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="disk")
        self._unwritten = 0
        self.undisked = 0

    # -- pairs in (service.pairs.Sink) ---------------------------------------------------------------------

    def take(self, batch: pairs_pb2.PairBatch) -> Awaitable[None]:
        """Take a published batch over."""
        assert self.pipeline is not None  # the service starts after the pipeline
        return self.pipeline.take(batch, time.time_ns())

    def state(self) -> pairs_pb2.ObserverState:
        """What observers should do now."""
        pilot = self.pilot
        return pairs_pb2.ObserverState(
            mirror_on=self.mirror_on,
            primary=pilot.primary.value,
            settle_until_ns=pilot.settle_until_ns,
            fingerprints={leg.value: member.fingerprint for leg, member in pilot.roster.items()},
        )

    def _keep(self, pair: Pair, scores: Sequence[Score]) -> None:
        for output in pair.legs():
            if output.last_ns is not None:
                self.prometheus.telemetry.observe_leg(output.leg.value, output.last_ns / 1e9)
        if self.capture is None:
            return
        if self._unwritten >= UNWRITTEN:
            self.undisked += 1
            return
        self._unwritten += 1
        self._disk.submit(self._write, pair, scores)

    def _write(self, pair: Pair, scores: Sequence[Score]) -> None:
        assert self.capture is not None
        try:
            self.capture.write([(pair, scores)])
        except Exception:
            log.exception("a pair was not captured")
        finally:
            self._unwritten -= 1

    # -- life ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Start everything, then step until cancelled."""
        config = self.config
        if config.capture is not None:
            self.capture = ParquetCapture(config.capture_settings())
        async with asyncio.TaskGroup() as group:
            jobs: list[Coroutine[Any, Any, None]] = [self.pool.run()]
            jobs += [dispatcher.run() for dispatcher in self.dispatchers]
            tasks = [group.create_task(job) for job in jobs]
            self.pipeline = await self._restore()
            jobs = [self._page(), self._answer_probes(), self._watch_relay(), self._watch_engines()]
            tasks += [group.create_task(job) for job in jobs]
            server, health = await self._serve()
            control = await listen(self.run_dir / CONTROL, self._obey)
            try:
                await self._audit("started", {"primary": self.pilot.primary.value, **self._lane_names()})
                while True:
                    await self._step()
                    await asyncio.sleep(STEP_S)
            finally:
                await asyncio.shield(self._stop(server, health, control))
                for task in tasks:
                    task.cancel()

    async def _restore(self) -> Pipeline:
        """Build the pipeline once the analyzers have said who they are: their versions are part of a lane."""
        patience = 60.0
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
            Drift(self.tolerances, analyzers=json.dumps(self.pool.analyzers, sort_keys=True)),
            Journal(self.state_dir / "evidence"),
            prefix_safe=frozenset(metric.name for metric in metrics if metric.prefix_safe),
            grace_s=self.config.mirror.deadline_max_s,
            keep=self._keep,
        )
        for change in pipeline.restored:
            self._record(change)
        self._declare(pipeline)
        return pipeline

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

    async def _serve(self) -> tuple[grpc.aio.Server, GrpcHealth]:
        server = grpc.aio.server(options=OPTIONS)
        pairs_pb2_grpc.add_PairServiceServicer_to_server(self.pair_service, server)
        signals_pb2_grpc.add_SignalServiceServicer_to_server(self.signal_service, server)
        health = GrpcHealth(server, ("understudy.v1.PairService", "understudy.v1.SignalService"))
        path = self.run_dir / "controller.sock"
        path.unlink(missing_ok=True)
        server.add_insecure_port(f"unix:{path}")
        await server.start()
        await health.enter()
        return server, health

    async def _stop(self, server: grpc.aio.Server, health: GrpcHealth, control: asyncio.Server) -> None:
        assert self.pipeline is not None
        control.close()
        await health.leave()
        await server.stop(1)
        await self._step()
        with self._tried("evidence"):
            self.pipeline.close()
        if self.capture is not None:
            self._disk.submit(self.capture.close)
        self._disk.shutdown(wait=True)
        with suppress(UnderstudyError):
            self.audit.append("stopped", {}, time.time_ns())
        self.audit.close()
        for dispatcher in self.dispatchers:
            await dispatcher.aclose()
        self.prometheus.shutdown()

    # -- a step --------------------------------------------------------------------------------------------

    @contextmanager
    def _tried(self, part: str) -> Iterator[None]:
        """One part that fails must end neither the others nor us; it is said once, and once when it is over."""
        try:
            yield
        except Exception as error:
            told = str(error) or type(error).__name__
            if self.troubles.get(part) != told:
                known = isinstance(error, UnderstudyError | OSError)
                log.error("%s: %s", part, told, exc_info=None if known else error)
            self.troubles[part] = told
        else:
            if self.troubles.pop(part, None) is not None:
                log.warning("%s: works again", part)

    async def _step(self) -> None:
        """Close what ticks are due, judge, tell, act."""
        now = time.time_ns()
        with self._tried("evidence"):
            self._advance(now)
        if self.capture is not None and not self._unwritten:
            self._disk.submit(self.capture.write)
        alerts: list[Alert] = []
        with self._tried("alerts"):
            alerts = self.book.update(self.verdicts, self._health(now), now)
            if alerts:
                memory.save(self.state_dir / ALERTS, self.book.alerts())
        signal_: Signal | None = None
        with self._tried("rollback"):
            firing = [alert.fingerprint for alert in self.book.alerts() if alert.name == "Breach"]
            signal_ = await self.pilot.consider(
                self.verdicts, firing, self._instrument(), self._watermark_age(now)
            )
        if signal_ is not None:
            await self._decided(signal_)
        with self._tried("notifiers"):
            self._tell(now, alerts, signal_)
        with self._tried("metrics"):
            self.prometheus.telemetry.reading = self._reading(now)

    def _advance(self, now: int) -> None:
        assert self.pipeline is not None
        books = self.pipeline.books
        for boot in books.silent(now, int(QUIET_S * 1e9)):
            if not self.pair_service.boots[boot]:
                log.warning("observer %s is gone: what it held in flight is lost", boot)
                books.end(boot)
        for change in self.pipeline.advance(now):
            self._record(change)
        if self.pipeline.closed != self._judged:  # reading thousands of cells is not free
            self.verdicts, self._judged = self.pipeline.drift.verdicts(), self.pipeline.closed

    async def _decided(self, signal_: Signal) -> None:
        self.signal = signal_
        await self._audit(
            "decision",
            {
                "action": signal_.action.value,
                "reason": signal_.reason.value,
                "alerts": list(signal_.alerts),
                "detail": signal_.detail,
                "blocked_by": list(self.pilot.blocked()),
            },
        )

    def _tell(self, now: int, alerts: Sequence[Alert], signal_: Signal | None) -> None:
        for dispatcher in self.dispatchers:
            dispatcher.offer(alerts, [signal_] if signal_ is not None else [])
        for alert in alerts:
            self.signal_service.publish(signals_pb2.SignalEvent(ns=now, alert=convert.alert_to_proto(alert)))
        if signal_ is not None:
            told = convert.signal_to_proto(signal_)
            self.signal_service.publish(signals_pb2.SignalEvent(ns=now, signal=told))

    def _record(self, change: Change) -> None:
        """Write a change of verdict down: verdicts.jsonl, the status, and everybody who watches."""
        now = time.time_ns()
        told = {
            "ts": now / 1e9,
            "was": str(change.was),
            "was_tier": str(change.was_tier),
            **plain(change.verdict),
        }
        self.changes.append(told)
        path = self.state_dir / "verdicts.jsonl"
        with self._tried("verdicts.jsonl"):
            path.touch(mode=0o600)
            with path.open("a") as file:
                file.write(json.dumps(told) + "\n")
        verdict = convert.verdict_to_proto(change.verdict)
        self.signal_service.publish(signals_pb2.SignalEvent(ns=now, verdict=verdict))

    async def _audit(self, kind: str, data: Mapping[str, Any]) -> None:
        try:
            async with self._auditing:  # the chain has one writer
                await asyncio.to_thread(self.audit.append, kind, data, time.time_ns())
        except UnderstudyError as error:
            log.error("not in the audit record: %s %s: %s", kind, data, error)

    # -- what is seen --------------------------------------------------------------------------------------

    def _instrument(self) -> bool | None:
        assert self.pipeline is not None
        if self.pipeline.drift.instrument_faults():
            return False
        return None

    def _watermark_age(self, now: int) -> float | None:
        assert self.pipeline is not None
        watermark = self.pipeline.books.watermark_ns()
        return None if watermark is None else max(0.0, (now - watermark) / 1e9)

    def _lane_names(self) -> dict[str, str]:
        return {leg.value: member.fingerprint for leg, member in self.pilot.roster.items()}

    def _health(self, now: int) -> Health:
        assert self.pipeline is not None
        error: str | None = None
        if self.capture is not None:
            stopped = self.capture.status
            error = (stopped.reason or "stopped") if stopped.state is Capturing.STOPPED else ""
        return sight.health(
            self.pipeline,
            self.pool,
            self.relay,
            self.pilot.roster,
            mirror_on=self.mirror_on,
            observers=self.pair_service.publishers,
            analyzers=self.config.analyzers.workers + len(self.config.analyzers.addresses),
            watermark_age_s=self._watermark_age(now),
            baseline_error=self.baseline_error,
            capture_error=error,
            blocked=self.pilot.blocked(),
            allow_equal=self.config.engines.allow_equal,
        )

    def _reading(self, now: int) -> telemetry.Reading:
        assert self.pipeline is not None
        return sight.reading(
            self.pipeline,
            self.pool,
            self.verdicts,
            self.book.alerts(),
            self.pilot.roster,
            self.relay,
            primary=self.pilot.primary,
            latched=self.pilot.state.latched,
            mirror_on=self.mirror_on,
            watermark_age_s=self._watermark_age(now),
            notify_failures={d.notifier.name: d.failures for d in self.dispatchers},
            notify_dropped={d.notifier.name: d.dropped for d in self.dispatchers},
            capture_pairs=self.capture.status.written if self.capture is not None else None,
        )

    async def _watch_relay(self) -> None:
        while True:
            with self._tried("relay"):
                try:
                    self.relay = await ask(self.run_dir / "relay.sock", {"op": "status"}, timeout_s=2)
                except UnderstudyError:
                    self.relay = {}
                    raise
                await self._agree(Leg(self.relay["primary"]))
            await asyncio.sleep(1)

    async def _agree(self, serving: Leg) -> None:
        """A relay that missed a switch (it restarted, we did) is told again."""
        if serving is not self.pilot.primary and not self.pilot.in_progress:
            log.warning("the relay serves from %s, not %s: telling it again", serving, self.pilot.primary)
            await ask(self.run_dir / "relay.sock", {"op": "switch", "to": self.pilot.primary.value})

    async def _watch_engines(self) -> None:
        """Ask the engines who they are: one that was replaced opens a lane of its own."""
        while True:
            for leg, engine in roster.engines(self.config).items():
                with self._tried(f"engines.{leg}"):
                    await self._meet(leg, engine)
            await asyncio.sleep(self.config.engines.describe_s)

    async def _meet(self, leg: Leg, engine: Engine) -> None:
        try:
            member = await roster.ask(engine, 5.0)
        except UnderstudyError as error:
            if leg is Leg.BASELINE:
                self.baseline_error = str(error)
            raise
        if leg is Leg.BASELINE:
            self.baseline_error = ""
        known = self.pilot.roster.get(leg)
        if known is not None and member.fingerprint == known.fingerprint:
            return
        assert self.pipeline is not None
        log.warning("engines.%s is another engine now: %s", leg, member.fingerprint[:12])
        self.pilot.roster[leg] = member
        self._declare(self.pipeline)
        self.pair_service.changed()
        await self._audit("engine", {"leg": leg.value, "fingerprint": member.fingerprint})

    async def _page(self) -> None:
        """The page and the metrics; a port that is taken must not stop the evidence."""
        app = web.make_app(self, self.config.web)
        while True:
            with self._tried("web"):
                await web.serve(app, self.config.web)
            await asyncio.sleep(PAGE_S)

    async def _answer_probes(self) -> None:
        """grpc.health.v1 on a port of its own: the control services stay on their unix socket."""
        where = f"{self.config.web.host}:{self.config.web.grpc_port}"
        while self.config.web.grpc_port:
            server = grpc.aio.server()
            health = GrpcHealth(server, ())
            with self._tried("grpc health"):
                try:
                    server.add_insecure_port(where)
                except RuntimeError:
                    raise ConfigError(
                        f"web.grpc_port: cannot listen on {where}: choose a free port"
                    ) from None
                await server.start()
                try:
                    while True:
                        await health.say(self.ready()[0])
                        await asyncio.sleep(STEP_S)
                finally:
                    await server.stop(0)
            await asyncio.sleep(PAGE_S)

    # -- the operator (control.sock) and the page (web.Source) -------------------------------------------------

    async def _obey(self, request: dict[str, Any]) -> dict[str, Any]:
        match request:
            case {"op": "status"}:
                return self.status()
            case {"op": "switch", "to": str(to)}:
                told = await self.pilot.switch(to)
            case {"op": "rearm"}:
                told = await self.pilot.rearm()
            case {"op": "mirror", "on": bool(on)}:
                self.mirror_on = on
                self.pair_service.changed()
                told = {"mirror": "on" if on else "off"}
            case {"op": "announce", "name": str(name)}:
                assert self.pipeline is not None
                self.pipeline.announce(name)
                told = {"announced": name}
            case _:
                raise UnderstudyError(
                    f"control: {request.get('op')!r} is no order: use status, switch, mirror, rearm or announce"
                )
        await self._audit("operator", request)
        return told

    def status(self) -> dict[str, Any]:
        """Everything at a glance, as JSON."""
        now = time.time_ns()
        told = web.describe(
            self._reading(now), self.verdicts, self.book.alerts(), self.pilot.last, self.signal, now
        )
        assert self.pipeline is not None
        held = self.pilot.held()
        return told | {
            "latch": None if held is None else {"primary": held.primary, "reason": held.reason},
            "relay": dict(self.relay),
            "changes": list(self.changes),
            "verdict": overall(self.verdicts),
            "accounted": self.pipeline.books.totals().accounted,
            "scored": self.pipeline.scored,
            "pairing": bool(self.relay.get("observer_connected")) and bool(self.pipeline.books.live),
            "tick": self.pipeline.closed,
            "undisked": self.undisked,
            "troubles": dict(self.troubles),
        }

    def metrics(self) -> tuple[bytes, str]:
        """The Prometheus exposition."""
        return self.prometheus()

    def ready(self) -> tuple[bool, str]:
        """Ready = a relay takes calls for the primary."""
        if not self.relay:
            return False, "no relay answers"
        if self.pilot.primary is Leg.BASELINE and self.baseline_error:
            return False, f"baseline: {self.baseline_error}"
        return True, f"serving from {self.pilot.primary}"


def overall(verdicts: Sequence[Verdict]) -> str:
    """The worst state there is; WITHIN when some cell is and none is worse."""
    states = {verdict.state for verdict in verdicts}
    worst = (State.INSTRUMENT_FAULT, State.BREACH, State.WITHIN)
    return next((state.value for state in worst if state in states), State.NOT_ENOUGH_EVIDENCE.value)


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
