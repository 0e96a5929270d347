"""The whole run: rounds of every measure, rows in turn, then the table, bench.json and the page."""

import json
import math
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from understudy.errors import ConfigError

from bench import measure, page
from bench.field import Field, row
from bench.measure import FULL, QUICK, Figures, Limits, Plan, Unusable
from bench.rows import ROWS
from bench.targets import added, series, targets
from bench.tools import obtain

PEERS = ("nginx", "haproxy", "nghttpx", "envoy", "envoy-mirror", "tee")
ENDED = 0.5
"""Seconds of start and end of the load generator, for the estimate of time alone."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One column's measurement."""

    name: str
    title: str
    rows: tuple[str, ...]
    rounds: int
    seconds: float
    """About how long one takes."""
    take: Callable[[Field, Any, Plan], Figures]
    fresh: bool = False
    """Starts and ends the row itself."""


def measures(plan: Plan, quick: bool) -> list[Measure]:
    """What is measured on which rows, in order: memory first, while nothing has been allocated."""
    limits = Limits()
    probes = 8 * (plan.probe_s + 0.7)
    full = not quick
    return [
        Measure(
            "memory",
            "memory per idle stream",
            ("nginx", "paired") if quick else ("nginx", "envoy", "tee", "paired"),
            plan.restarts,
            5,
            measure.memory,
            fresh=True,
        ),
        Measure(
            "latency",
            "64 streams at 20 ms",
            ("direct", *PEERS, "relay", "observed", "paired"),
            plan.rounds,
            plan.latency_s + ENDED,
            measure.latency,
        ),
        Measure(
            "hung",
            "64 streams, the shadow hung",
            ("observed", "paired"),
            plan.searches,
            plan.latency_s + 2,
            measure.hung,
        ),
        Measure(
            "most",
            "most unary calls",
            ("direct", *PEERS, "relay"),
            plan.rounds,
            plan.most_s + ENDED,
            measure.most,
        ),
        Measure(
            "cost",
            "CPU at 1,000 calls a second",
            (*(("envoy",) if full else ()), "nginx", "envoy-mirror", "tee", "observed", "paired"),
            plan.rounds,
            plan.cost_s + ENDED,
            measure.cost,
        ),
        Measure(
            "rate",
            "highest rate with nothing shed",
            ("tee", "observed", "paired"),
            plan.searches,
            probes,
            limits.rate,
        ),
        Measure(
            "held",
            "streams held at p99 10 ms",
            ("nginx", "tee", "paired"),
            plan.searches,
            probes,
            limits.held,
        ),
    ]


def run(out: Path, *, quick: bool = False, rounds: int | None = None, strict: bool = False) -> int:
    """Measure everything and say what came of it; 1 when `strict` and a target is not met.

    Raises:
        UnderstudyError: the run itself failed.
    """
    if rounds is not None and rounds < 1:
        raise ConfigError(f"bench: --rounds {rounds}: run one or more")
    plan = QUICK if quick else FULL
    if rounds is not None:
        plan = replace(plan, rounds=rounds, searches=rounds, restarts=rounds)
    console = Console()
    console.print("[dim]bench: finding or fetching nginx, haproxy, nghttpx, Envoy; building the load[/]")
    tools = obtain((out / "tools").resolve())
    began, load_before = time.monotonic(), os.getloadavg()[0]
    with Field(tools) as field:
        found, notes = take(field, measures(plan, quick), plan, console)
        told: dict[str, Any] = {
            "targets": targets(found, field.checked),
            "quick": quick,
            "rows": summary(found, field.checked),
            "rounds": found,
            "notes": notes,
            "procedure": procedure(field, plan),
            "machine": machine(load_before),
            "versions": dict(tools.versions),
            "duration_s": round(time.monotonic() - began, 1),
        }
    out.mkdir(parents=True, exist_ok=True)
    (out / "bench.json").write_text(json.dumps(told, indent=1) + "\n")
    (out / "bench.html").write_text(page.render(told))
    show(told, console)
    console.print(f"{told['duration_s']:.0f} s; {out / 'bench.json'}, {out / 'bench.html'}")
    unmet = [target["id"] for target in told["targets"] if target["met"] is False and not target["stretch"]]
    return 1 if strict and unmet else 0


def take(
    field: Field, asked: Sequence[Measure], plan: Plan, console: Console
) -> tuple[dict[str, dict[str, list[Figures | None]]], list[str]]:
    """Every measure in interleaved rounds; the order of the rows moves on by one each round."""
    found: dict[str, dict[str, list[Figures | None]]] = {
        each.name: {name: [] for name in each.rows} for each in asked
    }
    notes: list[str] = []
    total = sum(each.seconds * each.rounds * len(each.rows) for each in asked)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    started = False
    console.print(f"[dim]about {math.ceil(total / 60)} minutes[/]")
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("start", total=total)
        for each in asked:
            if not each.fresh and not started:
                for one in ROWS:
                    progress.update(task, description=f"start {one.name}")
                    field.start(one)
                started = True
            if not console.is_terminal:
                console.print(each.title)
            for number in range(each.rounds):
                turn = number % len(each.rows)
                for name in each.rows[turn:] + each.rows[:turn]:
                    progress.update(task, description=f"{each.title}, {number + 1}/{each.rounds}: {name}")
                    figures: Figures | None = None
                    try:
                        figures = each.take(field, row(name), plan)
                    except Unusable as reason:
                        notes.append(f"{each.name}, {name}, round {number + 1}: {reason}")
                        field.rest(row(name))
                    if figures and figures.get("capped"):
                        notes.append(
                            f"{each.name}, {name}, round {number + 1}: no limit found, as far as was looked"
                        )
                    found[each.name][name].append(figures)
                    progress.advance(task, each.seconds)
    return found, notes


def summary(
    found: Mapping[str, Mapping[str, Sequence[Figures | None]]], checked: Mapping[str, Sequence[int]]
) -> dict[str, dict[str, Any]]:
    """Row -> its medians, None where it was not measured."""

    def middle(values: Sequence[float | None]) -> float | None:
        kept = [value for value in values if value is not None]
        return median(kept) if kept else None

    return {
        one.name: {
            "title": one.title,
            "added_p50_us": middle(added(found, one.name, "p50_us")) if one.name != "direct" else None,
            "added_p99_us": middle(added(found, one.name, "p99_us")) if one.name != "direct" else None,
            "most_rps": middle(series(found, "most", one.name, "rps")),
            "rate_rps": middle(series(found, "rate", one.name, "rps")),
            "streams": middle(series(found, "held", one.name, "streams")),
            "cpu_us": middle(series(found, "cost", one.name, "cpu_us")),
            "idle_stream_bytes": middle(series(found, "memory", one.name, "bytes")),
            "checked": checked.get(one.name, [0, 0])[0],
            "differed": checked.get(one.name, [0, 0])[1],
        }
        for one in ROWS
    }


def procedure(field: Field, plan: Plan) -> dict[str, Any]:
    """What has to be known to read the figures."""
    return {
        "plan": asdict(plan),
        "cores": asdict(field.cores),
        "realtime": field.realtime,
        "streams": measure.STREAMS,
        "interval_us": measure.INTERVAL_US,
        "connections": measure.CONNECTIONS,
        "closed_loop_calls": measure.CLOSED,
        "paired": "the Pair reached a counting subscriber over PairService; analyzers off, control off",
        "interval": "95 % percentile bootstrap of the median over rounds; none below 6 rounds",
        "tls": False,
    }


def machine(load_before: float) -> dict[str, Any]:
    """Where it ran."""
    names = [
        line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")
    ]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": psutil.virtual_memory().total,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": round(load_before, 2),
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def show(told: Mapping[str, Any], console: Console) -> None:
    """The table of rows, the targets, and what was unusable."""
    table = Table(title="medians over rounds", title_justify="left")
    for head in ("row", "+p50 us", "+p99 us", "most/s", "kept/s", "held", "CPU us", "B/idle"):
        table.add_column(head, justify="left" if head == "row" else "right", no_wrap=True)
    for name, each in told["rows"].items():
        figures = (
            "added_p50_us",
            "added_p99_us",
            "most_rps",
            "rate_rps",
            "streams",
            "cpu_us",
            "idle_stream_bytes",
        )
        table.add_row(name, *(page.number(each[figure]) for figure in figures))
    console.print(table)
    verdicts = Table(title="targets", title_justify="left")
    for head in ("", "what", "target", "value", "95 %"):
        verdicts.add_column(head, justify="right" if head in ("target", "value", "95 %") else "left")
    for one in told["targets"]:
        mark = {True: "[green]met[/]", False: "[red]missed[/]", None: "[yellow]open[/]"}[one["met"]]
        between = "" if one["low"] is None else f"{page.number(one['low'])} to {page.number(one['high'])}"
        sign = "<=" if one["limit"] == "at most" else ">="
        goal, value = f"{sign} {page.number(one['target'])}", page.number(one["value"])
        verdicts.add_row(mark, one["what"], goal, value, between)
    console.print(verdicts)
    if told["quick"]:
        console.print("[yellow]quick: too few rounds for an interval, so ratios decide nothing[/]")
    if told["machine"]["load_before"] > 0.5:
        console.print(
            f"[yellow]the machine was busy before the run: load {told['machine']['load_before']}[/]"
        )
    for note in told["notes"]:
        console.print(f"[yellow]unusable:[/] {note}")
