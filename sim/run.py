"""The whole run: jobs over all cores, each with a seed of its own, then the tables, sim.json and the page."""

import json
import os
import platform
import signal
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from understudy.drift.tolerance import Budget
from understudy.errors import ConfigError

from bench.run import machine
from sim import page, table
from sim.contest import DELTA, PER_TICK, acts
from sim.peers import river
from sim.plan import FULL, MONTH_TICKS, QUICK, SEED, TAU, Plan
from sim.targets import targets
from sim.work import Job, choose

WIDE = 200
"""Columns of the tables where the terminal says nothing of its own."""


def run(
    out: Path,
    *,
    quick: bool = False,
    only: Sequence[str] = (),
    seed: int = SEED,
    jobs: int = 0,
    strict: bool = False,
) -> int:
    """Simulate everything and say what came of it; 1 when `strict` and a target is not met.

    Raises:
        ConfigError: there is no such target, or a seed that is none.
    """
    if seed < 0:
        raise ConfigError(f"sim: --seed {seed}: name a whole number, 0 or more")
    plan = QUICK if quick else FULL
    chosen = choose(list(only), plan)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)
    began, load_before = time.monotonic(), os.getloadavg()[0]
    processes = jobs if jobs > 0 else len(os.sched_getaffinity(0))
    found = take(chosen, plan, seed, processes, console)
    told = gather(found, plan, seed)
    told["machine"] = {**machine(load_before), "processes": processes}
    told["duration_s"] = round(time.monotonic() - began, 1)
    told["cpu_s"] = round(sum(os.times()[:4]), 1)
    out.mkdir(parents=True, exist_ok=True)
    lines = (f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in told.items())
    (out / "sim.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    (out / "sim.html").write_text(page.render(told))
    table.show(told, console)
    console.print(
        f"{told['duration_s']:.0f} s, {told['cpu_s']:.0f} s of CPU; {out / 'sim.json'}, {out / 'sim.html'}"
    )
    missed = [target["id"] for target in told["targets"] if target["met"] is False and not target["stretch"]]
    return 1 if strict and missed else 0


def take(
    chosen: Sequence[Job], plan: Plan, seed: int, processes: int, console: Console
) -> dict[str, dict[str, Any]]:
    """What every job found, in the order of the jobs; the longest begin first, what is timed runs alone at the end."""
    found: dict[str, dict[str, Any]] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("start", total=sum(job.cost for job in chosen))

        def done(job: Job, figures: dict[str, Any], seconds: float) -> None:
            found[job.name] = figures
            progress.update(bar, advance=job.cost, description=job.name)
            if not console.is_terminal:
                console.print(f"{seconds:6.1f} s  {job.name}")

        together = sorted((job for job in chosen if not job.alone), key=lambda job: -job.cost)
        if processes == 1:
            for job in together:
                done(job, *perform(job, plan, seed))
        elif together:
            with pool(processes) as workers:
                waiting: dict[Future[tuple[dict[str, Any], float]], Job] = {
                    workers.submit(perform, job, plan, seed): job for job in together
                }
                while waiting:
                    ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in ready:
                        done(waiting.pop(future), *future.result())
        for job in chosen:
            if job.alone:
                done(job, *perform(job, plan, seed))
    return {job.name: found[job.name] for job in chosen}


@contextmanager
def pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Workers that leave Ctrl-C to us, and are gone at the end whatever happened."""
    # Fresh interpreters: what they draw depends on nothing but their job.
    workers = ProcessPoolExecutor(
        processes, get_context("spawn"), signal.signal, (signal.SIGINT, signal.SIG_IGN)
    )
    try:
        yield workers
    except BaseException:
        for process in list((workers._processes or {}).values()):
            process.terminate()
        workers.shutdown(wait=True, cancel_futures=True)
        raise
    workers.shutdown()


def perform(job: Job, plan: Plan, seed: int) -> tuple[dict[str, Any], float]:
    """A job's figures, and the seconds it took; its draws depend on the seed and its name alone."""
    rng = np.random.default_rng([seed, zlib.crc32(job.name.encode())])
    began = time.perf_counter()
    return job.take(rng, plan), time.perf_counter() - began


def gather(found: dict[str, dict[str, Any]], plan: Plan, seed: int) -> dict[str, Any]:
    """Everything sim.json holds, but the machine and the duration."""
    notes = []
    if not river.installed():
        notes.append("River is not installed, so ADWIN and Page-Hinkley are missing: make sim installs it")
    if any(name.startswith("T8 ticks") for name in found):
        timed = {name: f for name, f in found.items() if name.startswith(("T8 ticks", "T8 votes"))}
        walls = [wall for f in timed.values() for wall in (f.get("wall_ms") or f["wall_us"])]
        cpus = [cpu for f in timed.values() for cpu in (f.get("cpu_ms") or f["cpu_us"])]
        notes.append(
            f"T8: load of the machine while it was timed, at most {max(f['load'] for f in timed.values()):.1f}, "
            f"our own 1 of it; the wall clock went {sum(walls) / sum(cpus):.2f} times as far as the CPU's"
        )
    return {
        "seed": seed,
        "quick": plan.quick,
        "targets": targets(found),
        "delays": table.delays(found),
        "peers": table.peers(found),
        "trace": found.get("trace"),
        "rules": {
            "per_tick": PER_TICK,
            "delta": DELTA,
            "acts": {name: asdict(act) for name, act in acts(plan).items()},
        },
        "found": found,
        "notes": notes,
        "procedure": procedure(plan),
        "versions": versions(),
    }


def procedure(plan: Plan) -> dict[str, Any]:
    """What has to be known to read the figures."""
    return {
        "plan": asdict(plan),
        "tau": TAU,
        "budget": asdict(Budget()),
        "ticks_per_month": MONTH_TICKS,
        "votes": "D = -1, 0, +1 with P(D = -1) = p01 and the mean said, drawn independently unless said",
        "interval": "shares: Clopper-Pearson; counts: Garwood; quantiles: order statistics; ratios of medians: "
        "percentile bootstrap of 2000; importance sampling: normal; all 95 %",
        "met": "the whole interval is on the good side; null when it straddles the target",
        "seeds": "numpy default_rng([seed, crc32(job name)])",
        "months": "a month's whole start weight spread over the simulated ticks, however few; cells independent, "
        "all exactly at tau; page adds the sum over cells at its full share of the budget",
    }


def versions() -> dict[str, str]:
    """Of what the figures rest on."""
    made = {
        "understudy": version("understudy"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
    }
    if river.installed():
        made["river"] = river.installed()
    return made
