"""The whole run: rounds of every measure, rows in turn, then the table, bench.json and the page."""

import json
import math
import os
import platform
import ssl
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from understudy.errors import ConfigError

from bench import measure, page
from bench.field import SERVICE_US, SLOTS, Field, row
from bench.measure import FULL, QUICK, Figures, Plan, Unusable
from bench.plan import Measure, measures
from bench.table import control, show, summary
from bench.targets import targets
from bench.tools import obtain


def run(out: Path, *, quick: bool = False, rounds: int | None = None, strict: bool = False) -> int:
    """Measure everything and say what came of it; 1 when `strict` and a target is not met.

    Raises:
        UnderstudyError: the run itself failed.
    """
    if rounds is not None and rounds < 1:
        raise ConfigError(f"bench: --rounds {rounds}: run one or more")
    plan = QUICK if quick else FULL
    if rounds is not None:
        plan = replace(plan, rounds=rounds, searches=rounds, restarts=rounds, looks=min(rounds, plan.looks))
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
            "control": control(found),
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
    began = time.monotonic()
    total = sum(each.seconds * each.rounds * len(each.rows) for each in asked)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    console.print(f"[dim]about {math.ceil(total / 60)} minutes[/]")
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("start", total=total)
        for place, each in enumerate(asked):
            # Nothing stands idle beside what is measured but what was measured, or is yet to be.
            for name in () if each.fresh else each.rows:
                if name not in field.ready:
                    progress.update(task, description=f"start {name}")
                    field.start(row(name))
            if not console.is_terminal:
                console.print(f"{time.monotonic() - began:5.0f} s  {each.title}")
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
            later = {name for more in asked[place + 1 :] if not more.fresh for name in more.rows}
            for name in set() if each.fresh else field.ready - later:
                field.stop(name)
    return found, notes


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
        "paired": "the Pair reached a counting subscriber over PairService; analyzers off",
        "control": "off, but for paired-control",
        "finite": {"slots": SLOTS, "service_us": SERVICE_US, "rate": measure.SCARCE_RATE},
        "interval": "95 % percentile bootstrap of the median over rounds; none below 6 rounds",
        "tls": "1.3, TLS_AES_128_GCM_SHA256, callers only: nginx-tls and paired-tls",
        "openssl": ssl.OPENSSL_VERSION,
        "probe_s": measure.PROBE_S,
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
