"""The whole run: every fault in rounds with the mirror off and on, then the table, chaos.json and the page."""

import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from understudy.errors import ConfigError, EngineError, UnderstudyError

from bench import messages
from bench.page import number
from bench.run import machine
from bench.stage import Cores, Stage
from bench.tools import obtain
from chaos import measure as taking
from chaos import page
from chaos.faults import FAULTS, Fault
from chaos.measure import FULL, QUICK, STEADY_S, Plan, Round, Stuck, warm
from chaos.proxy import NAME, REPLY, Clock, Proxy, bounds
from chaos.targets import targets

SOURCE = Path(__file__).parent
NEVER_IDLE = """
import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
while True:
    pass
"""
"""Keeps the core behind busy with the mirror off too, yielding to whatever else runs there. Where two cores share a
physical one, or a host's time, each is slower while the other works, whatever that does."""
SETTLING_S = 6.0
"""About what a round takes beside its load."""
STARTING_S = 10.0


def run(
    out: Path,
    *,
    quick: bool = False,
    rounds: int | None = None,
    only: Sequence[str] = (),
    client: str = "",
    strict: bool = False,
) -> int:
    """Break everything in turn and say what callers saw of it; 1 when `strict` and a target is not met.

    Raises:
        UnderstudyError: the run itself failed.
    """
    if rounds is not None and rounds < 1:
        raise ConfigError(f"chaos: --rounds {rounds}: run one or more")
    chosen = choose(only)
    plan = replace(QUICK if quick else FULL, client=client)
    if rounds is not None:
        plan = replace(plan, rounds=rounds)
    console = Console()
    console.print("[dim]chaos: building the engines, the load and the clock[/]")
    tools = obtain((out / "tools").resolve(), peers=())
    library = build((out / "tools").resolve())
    began, load_before = time.monotonic(), os.getloadavg()[0]
    stage = Stage(tools, Cores.apart)
    os.sched_setaffinity(0, {stage.cores.behind})  # nothing of ours beside what callers depend on
    try:
        moody(stage.folder)
        stage.open()
        stage.spawn("idle", "idle", [sys.executable, "-c", NEVER_IDLE], stage.cores.behind)
        found, notes = take(stage, chosen, plan, library, console)
        told: dict[str, Any] = {
            "targets": targets(found),
            "quick": quick,
            "faults": {name: summary(name, each) for name, each in found.items()},
            "rounds": {name: [one and asdict(one) for one in each] for name, each in found.items()},
            "notes": notes,
            "procedure": procedure(stage, plan),
            "machine": machine(load_before),
            "duration_s": round(time.monotonic() - began, 1),
        }
    finally:
        stage.close()
    out.mkdir(parents=True, exist_ok=True)
    (out / "chaos.json").write_text(json.dumps(told, indent=1) + "\n")
    (out / "chaos.html").write_text(page.render(told))
    show(told, console)
    console.print(f"{told['duration_s']:.0f} s; {out / 'chaos.json'}, {out / 'chaos.html'}")
    return 1 if strict and any(target["met"] is False for target in told["targets"]) else 0


def choose(only: Sequence[str]) -> list[Fault]:
    """The faults of those names, all without a name.

    Raises:
        ConfigError: there is no such fault.
    """
    known = {fault.name: fault for fault in FAULTS}
    for name in only:
        if name not in known:
            raise ConfigError(f"chaos: no fault {name!r}: name one of {', '.join(known)}")
    return [fault for fault in FAULTS if not only or fault.name in only]


def build(folder: Path) -> str:
    """Compile the clock, once per source.

    Raises:
        ConfigError: it does not compile.
    """
    source = SOURCE / "clock.c"
    made = folder / f"clock-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}.so"
    if not made.exists():
        new = made.with_suffix(f".{os.getpid()}")
        compiler = shutil.which("gcc") or shutil.which("cc") or "cc"
        command = [compiler, "-O2", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", str(new), str(source), "-ldl"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise ConfigError(f"chaos: clock.c does not compile: {done.stderr.strip()[-200:]}")
        new.rename(made)
    return str(made)


def moody(folder: Path) -> None:
    """Give each engine messages of its own: who it is, and the shadow what it says when it is broken."""
    for name in ("primary", "shadow"):
        own = folder / name
        own.mkdir()
        messages.write(own)
        messages.describe(own, name)
    messages.spoil(folder / "shadow", 8 * REPLY)


def take(
    stage: Stage, chosen: Sequence[Fault], plan: Plan, library: str, console: Console
) -> tuple[dict[str, list[Round | None]], list[str]]:
    """Every round of every fault; None for one from which the deployment did not come to rest."""
    found: dict[str, list[Round | None]] = {fault.name: [] for fault in chosen}
    notes: list[str] = []
    each_s = 2 * plan.seconds + SETTLING_S
    starts = len(chosen) if plan.fresh else 1 + any(fault.clock for fault in chosen)
    total = each_s * plan.rounds * len(chosen) + STARTING_S * starts
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    console.print(f"[dim]about {math.ceil(total / 60)} minutes[/]")
    proxy: Proxy | None = None
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("start", total=total)
        try:
            for fault in chosen:
                if not console.is_terminal:
                    console.print(fault.title)
                for turn in range(plan.rounds):
                    progress.update(task, description=f"{fault.title}, {turn + 1}/{plan.rounds}")
                    kept = bool(turn) or not plan.fresh
                    if proxy is None or not kept or fault.clock != (proxy.clock is not None):
                        if proxy is not None:
                            proxy.stop()
                            proxy = None
                        proxy = begin(stage, plan, fault, library)
                        progress.advance(task, STARTING_S)
                    elif fault.kills and turn and plan.fresh:  # or it comes back later each time
                        time.sleep(max(0.0, proxy.broken + STEADY_S - time.monotonic()))
                    try:
                        found[fault.name].append(taking.measure(proxy, fault, plan, turn))
                    except (Stuck, UnderstudyError) as reason:
                        notes.append(f"{fault.name}, round {turn + 1}: {reason}")
                        found[fault.name].append(None)
                        proxy.stop()
                        mend(stage)
                        proxy = None
                    progress.advance(task, each_s)
        finally:
            if proxy is not None:
                proxy.stop()
    return found, notes


def begin(stage: Stage, plan: Plan, fault: Fault, library: str) -> Proxy:
    """A deployment that has been under load; its clock is ours where the fault needs that.

    Raises:
        EngineError: it does not come up.
    """
    clock = Clock(stage.folder / "clock", library) if fault.clock else None
    if clock is not None:
        clock.path.write_bytes(bytes(8))
    proxy = Proxy(stage, clock, plan.client)
    try:
        try:
            proxy.start()
        except EngineError:  # another process took one of its ports meanwhile
            proxy.stop()
            proxy.start()
        warm(proxy, max(1.0, plan.seconds / 2))
    except Stuck as reason:
        proxy.stop()
        raise EngineError(f"{reason}: {stage.last_words(NAME)}") from None
    except BaseException:
        proxy.stop()
        raise
    return proxy


def mend(stage: Stage) -> None:
    """The shadow engine anew, whatever was done to it."""
    with suppress(FileNotFoundError):
        (stage.folder / "shadow" / "mood").unlink()
    stage.stop("shadow")
    stage.engine("shadow")


def summary(name: str, rounds: Sequence[Round | None]) -> dict[str, Any]:
    """Medians and worsts of a fault's rounds."""
    good = [each for each in rounds if each is not None]

    def middle(half: str, figure: str) -> float | None:
        return median(getattr(each, half)[figure] for each in good) if good else None

    def added(figure: str) -> int:
        return int(sum(each.account[figure] for each in good))

    figures = [f"{kind}_{quantile}_us" for kind in ("message", "call") for quantile in ("p50", "p99")]
    return {
        "title": next(fault.title for fault in FAULTS if fault.name == name),
        "errors": sum(each.errors for each in good),
        **{half: {figure: middle(half, figure) for figure in figures} for half in ("off", "on")},
        "account": {figure: added(figure) for figure in good[0].account if figure != "fine"} if good else {},
        "memory": {key: max(each.memory[key] for each in good) for key in good[0].memory} if good else {},
        "recovery_s": max((each.recovery["seconds"] for each in good), default=None),
        "stuck": len(rounds) - len(good),
    }


def procedure(stage: Stage, plan: Plan) -> dict[str, Any]:
    """What has to be known to read the figures."""
    return {
        "plan": asdict(plan),
        "cores": asdict(stage.cores),
        "realtime": stage.realtime,
        "streams": taking.STREAMS,
        "interval_us": taking.INTERVAL_US,
        "connections": 2 * taking.CONNECTIONS,
        "bounds_bytes": bounds(2 * taking.CONNECTIONS + taking.CONNECTIONS // 2),
        "interval": "95 % percentile bootstrap of the median over rounds; none below 6 rounds",
    }


def show(told: dict[str, Any], console: Console) -> None:
    """A line for each fault, then the targets that are not met."""
    table = Table(title="p99 with the fault by the mirror off's, and the accounts", title_justify="left")
    table.box, table.pad_edge, table.collapse_padding = SIMPLE, False, True
    for head in ("fault", "errors", "p99", "calls", "paired", "dropped", "unseen", "memory", "back s"):
        table.add_column(head, justify="left" if head == "fault" else "right", no_wrap=True)
    verdicts = {target["id"]: target for target in told["targets"]}
    for name, each in told["faults"].items():
        count, memory = each["account"], each["memory"]

        def mark(text: str, id_: str, name: str = name) -> str:
            colour = {True: "green", False: "red", None: "yellow"}[verdicts[f"{name} {id_}"]["met"]]
            return f"[{colour}]{text}[/]"

        dropped = sum(count.get(reason, 0) for reason in ("shed", "failed", "lost", "unobserved"))
        share = max((value for key, value in memory.items() if key.endswith("_share")), default=0.0)
        table.add_row(
            name,
            mark(str(each["errors"]), "errors"),
            mark(number(verdicts[f"{name} messages"]["value"]), "messages"),
            mark(number(verdicts[f"{name} calls"]["value"]), "calls"),
            f"{count.get('paired', 0):,}",
            f"{dropped:,}",
            mark(f"{count.get('unseen', 0):,}", "accounts"),
            mark(f"{max(share, 0):.0%}", "memory"),
            mark("\N{EN DASH}" if each["recovery_s"] is None else f"{each['recovery_s']:.1f}", "recovery"),
        )
    console.print(table)
    console.print(
        "[dim]green: met, red: missed, yellow: the interval straddles the target or there is none[/]"
    )
    for target in told["targets"]:
        if target["id"].startswith("all "):
            between = f" [{number(target['low'])}, {number(target['high'])}]" if target["low"] else ""
            console.print(f"{target['what']}: {number(target['value'])}{between}", markup=False)
        if target["met"] is False:
            value, goal = number(target["value"]), number(target["target"])
            console.print(f"[red]missed[/] {target['what']}: {value}, at most {goal}")
    if told["quick"]:
        console.print("[yellow]quick: too few rounds for an interval, so ratios decide nothing[/]")
    for note in told["notes"]:
        console.print(f"[yellow]stuck:[/] {note}")
