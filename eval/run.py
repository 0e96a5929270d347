"""The whole evaluation: a section for each analyzer, over all cores, then the tables, eval.json and the page."""

import json
import os
import platform
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from understudy.errors import ConfigError

from bench.run import machine
from eval import page, table
from eval.found import Section
from eval.split import data
from sim.run import WIDE, pool

SECTIONS = (
    "refusal",
    "tone",
    "format",
    "instruction",
    "agreement",
    "numbers",
    "drift",
    "language",
    "task",
    "probes",
    "speed",
)
ALONE = ("speed",)
"""What is timed shares the machine with nothing."""


def run(out: Path, *, only: Sequence[str] = (), jobs: int = 0, strict: bool = False) -> int:
    """Measure and say what came of it; 1 when `strict` and a target is missed.

    Raises:
        ConfigError: no labelled data, or no such section.
    """
    if unknown := [name for name in only if name not in SECTIONS]:
        raise ConfigError(f"eval: no section {', '.join(unknown)}: there are {', '.join(SECTIONS)}")
    chosen = [name for name in SECTIONS if not only or name in only]
    folder = data()
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)
    began, load_before = time.monotonic(), os.getloadavg()[0]
    found = take(chosen, folder, jobs if jobs > 0 else len(os.sched_getaffinity(0)), console)
    told = gather(found)
    told["machine"] = machine(load_before)
    told["duration_s"] = round(time.monotonic() - began, 1)
    out.mkdir(parents=True, exist_ok=True)
    (out / "eval.json").write_text(json.dumps(told, indent=1, allow_nan=False) + "\n")
    (out / "eval.html").write_text(page.render(told))
    table.show(told, console)
    console.print(f"{told['duration_s']:.0f} s; {out / 'eval.json'}, {out / 'eval.html'}")
    missed = any(figure["met"] is False for one in told["sections"] for figure in one["figures"])
    return 1 if strict and missed else 0


def take(chosen: Sequence[str], folder: Path, processes: int, console: Console) -> list[Section]:
    """Every section in its order; what is timed runs alone at the end."""
    found: dict[str, Section] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("start", total=len(chosen))

        def done(section: Section, seconds: float) -> None:
            found[section.name] = section
            progress.update(bar, advance=1, description=section.name)
            if not console.is_terminal:
                console.print(f"{seconds:6.1f} s  {section.name}")

        with pool(processes) as workers:
            waiting: set[Future[tuple[Section, float]]] = {
                workers.submit(perform, name, folder) for name in chosen if name not in ALONE
            }
            while waiting:
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ready:
                    done(*future.result())
        for name in chosen:
            if name in ALONE:
                done(*perform(name, folder))
    return [found[name] for name in chosen]


def perform(name: str, folder: Path) -> tuple[Section, float]:
    """One section's figures, and the seconds they took."""
    began = time.perf_counter()
    section: Section = import_module(f"eval.{name}").measure(folder)
    return section, time.perf_counter() - began


def gather(found: Sequence[Section]) -> dict[str, Any]:
    """Everything eval.json holds, but the machine and the duration."""
    return {
        "sections": [
            {
                "name": section.name,
                "figures": [
                    {**asdict(figure), "limit": figure.limit.value, "met": figure.met}
                    for figure in section.figures
                ],
                "wrong": list(section.wrong),
            }
            for section in found
        ],
        "procedure": {
            "held": "prompts with sha256(prompt) mod 5 = 0, unless a figure says otherwise",
            "interval": "percentile bootstrap over prompts, 95 %",
            "met": "the value itself is on the good side",
        },
        "versions": {
            "understudy": version("understudy"),
            "python": platform.python_version(),
            **{
                entry.name: entry.load()().version
                for entry in entry_points(group="understudy.analyzers")
                if entry.name in SECTIONS
            },
        },
    }
