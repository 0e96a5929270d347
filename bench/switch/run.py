"""The whole run: switches in plaintext, restarts and an upgrade, switches with TLS; then switch.json and the table."""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from understudy.errors import ConfigError

from bench.run import machine
from bench.switch import part
from bench.switch.counts import Tail, held, middle, refused, short, tails
from bench.switch.records import Records, Switch
from bench.switch.scene import CLIENTS, DRAIN_MAX_S, PARTS, WORKERS, Scene
from bench.switch.show import show
from bench.switch.targets import Counted, Restarts, missed, targets

STARTING_S = 6.0
"""About what a phase takes beside its load."""
RESTART_S = 4.5
"""About what one order to restart takes."""
UPGRADE_S = 10.0
LEAD_S = 2.0
"""Of load before the first order and after the last."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How often."""

    switches: int
    """In each variant, there and back by turns."""
    apart_s: float
    """From the end of one switch to the next order; mirroring is paused for the first 2 s of it."""
    restarts: int
    """Orders, each of which replaces every worker."""


FULL = Plan(6, 4.0, 20)
QUICK = Plan(2, 2.0, 1)


@dataclass(frozen=True, slots=True)
class Phase:
    """What was recorded under one load."""

    records: Records
    orders: tuple[int, ...]
    """When something was ordered that sends callers away."""
    switches: tuple[Switch, ...] = ()
    mirrored: Mapping[str, Any] | None = None
    seconds: float = 0.0


class Run:
    """Goes through the phases."""

    def __init__(self, scene: Scene, plan: Plan, progress: Progress, task: TaskID) -> None:
        self.scene = scene
        self.plan = plan
        self._progress = progress
        self._task = task

    def switches(self, variant: str, tls: bool) -> Phase:
        """Switch there and back under load, on a proxy of its own."""
        scene, plan = self.scene, self.plan
        self._step(f"{variant}: start", 0)
        scene.serve(tls)
        scene.call()
        began = time.monotonic()
        self._step(f"{variant}: load", STARTING_S)
        self._wait(LEAD_S)
        done: list[Switch] = []
        for number in range(plan.switches):
            self._step(f"{variant}: switch {number + 1} of {plan.switches}")
            done.append(scene.switch(("candidate", "baseline")[number % 2]))
            self._wait(plan.apart_s)
        return self._over([each.ordered for each in done], began, done)

    def restarts(self) -> tuple[Phase, Restarts]:
        """Restart the workers again and again, and upgrade, on the proxy that is there."""
        scene, plan = self.scene, self.plan
        scene.call(knocks=True)
        began = time.monotonic()
        self._step("restarts: load", STARTING_S)
        self._wait(LEAD_S)
        orders: list[int] = []
        workers = 0
        for number in range(plan.restarts):
            self._step(f"restart {number + 1} of {plan.restarts}")
            orders.append(time.time_ns())
            workers += scene.restart()
            self._step("restarts", RESTART_S)
        self._step("upgrade")
        orders.append(time.time_ns())
        scene.upgrade()
        self._step("upgrade", UPGRADE_S)
        self._wait(LEAD_S)
        phase = self._over(orders, began)
        tried, reasons = refused(phase.records)
        return phase, Restarts(plan.restarts, workers, 1, tried, reasons)

    def _over(self, orders: Sequence[int], began: float, switches: Sequence[Switch] = ()) -> Phase:
        seconds = time.monotonic() - began
        records = self.scene.hang_up()
        told = self.scene.until(lambda status: status["counts"]["in_flight"] == 0)
        mirrored = {**told["counts"], "accounted": told["accounted"]}
        return Phase(records, tuple(orders), tuple(switches), mirrored, round(seconds, 1))

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(0.5, left))
            self.scene.stage.check()
        self._progress.advance(self._task, seconds)

    def _step(self, what: str, seconds: float = 0.0) -> None:
        self._progress.update(self._task, description=what, advance=seconds)


def about_s(plan: Plan) -> float:
    """How long a run takes, about."""
    switching = 2 * (STARTING_S + LEAD_S + plan.switches * plan.apart_s)
    return switching + STARTING_S + 2 * LEAD_S + plan.restarts * RESTART_S + UPGRADE_S


def run(
    out: Path,
    *,
    quick: bool = False,
    strict: bool = False,
    switches: int | None = None,
    restarts: int | None = None,
) -> int:
    """Switch, restart and upgrade; write switch.json and say what came of it. 1 when `strict` and a target is missed.

    Raises:
        UnderstudyError: the run itself failed.
    """
    plan = QUICK if quick else FULL
    for name, value in (("switches", switches), ("restarts", restarts)):
        if value is not None and value < 1:
            raise ConfigError(f"switch: --{name} {value}: order one or more")
    plan = replace(plan, switches=switches or plan.switches, restarts=restarts or plan.restarts)
    console = Console()
    total, began, load_before = about_s(plan), time.monotonic(), os.getloadavg()[0]
    console.print(f"[dim]about {total / 60:.1f} minutes[/]")
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    scene = Scene()
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            going = Run(scene, plan, progress, progress.add_task("start", total=total))
            scene.open()
            plain = going.switches("plaintext", tls=False)
            restarting, restarts_done = going.restarts()
            secured = going.switches("TLS", tls=True)
        told = summary({"plaintext": plain, "TLS": secured}, restarting, restarts_done, scene.heard())
    finally:
        scene.close()
    told |= {
        "quick": quick,
        "procedure": procedure(plan),
        "machine": machine(load_before),
        "duration_s": round(time.monotonic() - began, 1),
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "switch.json").write_text(json.dumps(told, indent=1) + "\n")
    show(told, console)
    console.print(f"{told['duration_s']:.0f} s; {out / 'switch.json'}")
    return 1 if strict and missed(told["targets"]) else 0


def summary(
    variants: Mapping[str, Phase], restarting: Phase, restarts: Restarts, heard: set[str]
) -> dict[str, Any]:
    """What goes into switch.json, but for where it ran."""

    def counted(phase: Phase) -> dict[str, Counted | None]:
        found: dict[str, Counted | None] = {}
        for client in CLIENTS:
            own = phase.records.of(client)
            there = Counted(short(own, phase.switches), held(own, phase.orders, heard, DRAIN_MAX_S))
            found[client] = there if there.short.calls else None
        return found

    by_variant = {name: counted(phase) for name, phase in variants.items()}
    by_restart = counted(restarting)
    return {
        "targets": targets(by_variant, by_restart, restarts),
        "variants": {
            name: {
                "seconds": phase.seconds,
                "clients": _plain(by_variant[name]),
                "switches": [asdict(each) for each in phase.switches],
                "last_old_byte_s": last_bytes(phase),
                "complete_s": middle([(each.complete - each.ordered) / 1e9 for each in phase.switches]),
                "mirror": phase.mirrored,
                "unanswered": list(unanswered(phase, heard)),
            }
            for name, phase in variants.items()
        },
        "restarts": {
            "seconds": restarting.seconds,
            **asdict(restarts),
            "clients": _plain(by_restart),
            "mirror": restarting.mirrored,
            "unanswered": list(unanswered(restarting, heard)),
        },
    }


def last_bytes(phase: Phase) -> dict[str, Any]:
    """Seconds from each order to the last byte of the old engine, short RPCs and held streams apart."""
    told: dict[str, Any] = {}
    for client in ("all", *CLIENTS):
        found: list[Tail] = tails(
            phase.records if client == "all" else phase.records.of(client), phase.switches
        )
        told[client] = {
            "short": middle([each.short for each in found]),
            "held": middle([each.held for each in found]),
            "each": [asdict(each) for each in found],
        }
    return told


def unanswered(phase: Phase, heard: set[str]) -> Iterator[dict[str, Any]]:
    """Each request on a held stream without a whole answer, with the times that tell why."""
    began = {each.id: each.began for each in phase.records.calls}
    for each in phase.records.endings:
        if each.pending:
            order = max((one for one in phase.orders if one <= each.at), default=None)
            yield {
                **{name: value for name, value in asdict(each).items() if name != "names"},
                "heard": each.pending in heard,
                "sent_before_end_s": round((each.at - began[each.pending]) / 1e9, 4),
                "order_before_end_s": order and round((each.at - order) / 1e9, 4),
            }


def procedure(plan: Plan) -> dict[str, Any]:
    """What has to be known to read the figures."""
    return {
        "plan": asdict(plan),
        "workers": WORKERS,
        "drain_max_s": DRAIN_MAX_S,
        "callers": {name: _load(each) for name, each in PARTS.items()},
        "prompts": {"unary": part.UNARY, "brief": part.BRIEF, "held": part.HELD},
        "pause_s": part.PAUSE_S,
        "longest_request_s": part.LONGEST_S,
    }


def _load(one: part.Part) -> dict[str, int]:
    each = {"unary": one.unary, "brief": one.brief, "held": one.held}
    # tritonclient's callers have a connection each.
    return {"connections": one.channels * (sum(each.values()) if one.client == "tritonclient" else 1)} | {
        kind: one.channels * count for kind, count in each.items()
    }


def _plain(counts: Mapping[str, Counted | None]) -> dict[str, Any]:
    return {client: found and asdict(found) for client, found in counts.items()}
