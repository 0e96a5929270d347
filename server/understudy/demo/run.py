"""`understudy demo`: the stage set, the callers let loose, the verdicts watched, the end written down."""

import asyncio
import json
import shutil
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from understudy.demo.show import Show
from understudy.demo.stage import CONFIG, Ports, Stage, config, made
from understudy.demo.summary import CERTIFIED, carried_out, summarise, targets
from understudy.demo.truth import aliases, slices
from understudy.drift.tolerance import Tolerances
from understudy.engine.manifest import fingerprint
from understudy.engine.serve import installed
from understudy.errors import ConfigError, UnderstudyError
from understudy.service.lines import ask
from understudy.votes.command import VERDICTS

HARMLESS = ("fp8", "int8")
"""Quantizations in which nothing should be found."""

PAIRS = 1500
PROOF_S = 60.0
"""Traffic goes on this long after a rollback, to see who replies."""

BACKLOG = 48
"""Pairs in flight at which the callers wait for the shadow engines."""

SWITCH_S = 5.0
"""A rollback that was signalled as the calls ended has this long to be carried out."""

LONGEST_S = 140.0
"""No demo drives traffic for longer."""


def run(
    quantization: str,
    *,
    primary: str,
    pairs: int | None,
    seed: int,
    out: Path,
    strict: bool,
    as_json: bool,
    full: bool = False,
) -> int:
    """Play the demo; 0, or with strict 1 when a target was missed, 130 when interrupted.

    Raises:
        UnderstudyError: it could not be played.
    """
    _checked(quantization, primary, pairs)
    _emptied(out)
    console = Console(stderr=as_json)
    try:
        summary = asyncio.run(
            _play(quantization, primary, PAIRS if pairs is None else pairs, seed, out, console, full)
        )
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("demo: interrupted; what it had is in", out)
        return 130
    if as_json:
        print(json.dumps(summary))
    missed = [target for target in summary["targets"] if target["met"] is False]
    for target in missed:
        console.print(
            f"[red]missed[/] {target['id']}: {target['what']}: {target['value']} (target {target['target']})"
        )
    return 1 if strict and missed else 0


def _checked(quantization: str, primary: str, pairs: int | None) -> None:
    """Everything that can be wrong with the options, before an earlier demo's results are cleared for this one.

    Raises:
        ConfigError: an option is wrong.
        EngineError: the engine's packages are not installed.
    """
    if primary not in ("baseline", "candidate"):
        raise ConfigError(f"demo: --primary {primary!r}: say baseline or candidate")
    if pairs is not None and pairs < 1:
        raise ConfigError(f"demo: --pairs {pairs}: say 1 or more, or leave it out for {PAIRS}")
    installed()
    from understudy.engine.quantize import Method

    methods = [str(method) for method in Method if method is not Method.NONE]
    if quantization == Method.NONE:
        raise ConfigError(
            f"demo: --quantization none would compare the engine with itself: say {', '.join(methods)}"
        )
    if quantization not in methods:
        raise ConfigError(f"demo: --quantization {quantization}: is unknown: say {', '.join(methods)}")


def _emptied(out: Path) -> None:
    """Clear what an earlier demo left, and nothing else.

    Raises:
        ConfigError: something else lies there, or the directory cannot be made.
    """
    try:
        if out.exists() and any(out.iterdir()) and not made(out):
            raise ConfigError(f"demo: --out {out}: holds what no demo made: name a directory of its own")
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"demo: --out {out}: cannot be made ({error.strerror}): name another") from None


async def _play(
    quantization: str, primary: str, pairs: int, seed: int, out: Path, console: Console, full: bool
) -> dict[str, Any]:
    from understudy.demo.traffic import Callers
    from understudy.engine.corpus import Split, sample
    from understudy.engine.families import FAMILIES

    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    began = time.monotonic()
    stage = Stage(out)
    control = primary == "baseline"
    ports = Ports.choose(control)
    try:
        path = out / CONFIG  # first of all: it says whose directory this is
        path.write_text(config(ports, out, primary, 1.0, sorted(FAMILIES), pairs))
        with console.status("starting two engines and the proxy"):
            engines = [("baseline", "none", ports.baseline), ("candidate", quantization, ports.candidate)]
            if ports.control is not None:
                engines.append(("control", "none", ports.control))
            for name, method, port in engines:
                manifest = str(out / f"{name}.json")
                await stage.start(
                    name, "engine", "--listen", f"127.0.0.1:{port}", "-q", method, "--manifest", manifest
                )
            await stage.start("proxy", "serve", str(path))
            await stage.ready(out / "run", 60)
        setup_s = time.monotonic() - began
        examples = sample(seed, pairs, Split.HELD_OUT)
        callers = Callers(f"127.0.0.1:{ports.proxy}", iter(examples))
        same = await asyncio.to_thread(lambda: aliases(slices(examples)))
        page = f"http://127.0.0.1:{ports.web}/"
        show = Show(quantization, primary, pairs, page, same, Tolerances.default().tick_s)
        started = time.monotonic()
        calling = asyncio.ensure_future(callers.run())
        with Live(show, console=console, refresh_per_second=4, transient=True):
            status = await _watch(stage, callers, calling, show, out / "run", started, full)
        callers.stopping = True
        callers.room.set()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(calling, 60)
        status = await _switched(out / "run", await _settled(out / "run", status))
        duration_s = time.monotonic() - started
    finally:
        with console.status("stopping"):
            await stage.stop()
    candidate = fingerprint(json.loads((out / "candidate.json").read_text()))
    summary = summarise(
        status,
        callers.calls,
        callers.moved,
        quantization=quantization,
        primary=primary,
        candidate=candidate,
        setup_s=setup_s,
        duration_s=duration_s,
    )
    summary["targets"] = targets(summary, status["verdicts"], quantization in HARMLESS)
    text = json.dumps(summary, indent=1)
    (out / "summary.json").write_text(text)
    (out.parent / "demo.json").write_text(text)
    _kept(out)
    with console.status("writing the report"):
        await asyncio.to_thread(_report, out)
    show.end(console, summary, out)
    return summary


async def _watch(
    stage: Stage,
    callers: Any,
    calling: "asyncio.Future[None]",
    show: Show,
    run_dir: Path,
    started: float,
    full: bool,
) -> Mapping[str, Any]:
    """Look five times a second until it is decided or spent; return the last status."""
    rolled_back: float | None = None
    status: Mapping[str, Any] = {}
    while True:
        stage.check()
        with suppress(UnderstudyError):
            status = await ask(run_dir / "control.sock", {"op": "status"})
            show.see(status, callers.calls)
            if status["counts"]["in_flight"] < BACKLOG:
                callers.room.set()
            else:
                callers.room.clear()
        now = time.monotonic()
        if status and status["latch"] and rolled_back is None:
            rolled_back = now
        certified = {(v["slice"], v["metric"]) for v in status.get("verdicts", ()) if v["state"] == "WITHIN"}
        if calling.done():
            calling.result()
        if (
            calling.done()
            or now - started > LONGEST_S
            or (rolled_back is not None and now - rolled_back > PROOF_S and not full)
            or (certified >= set(CERTIFIED) and status["verdict"] == "WITHIN" and not full)
        ):
            return status
        await asyncio.sleep(0.2)


async def _settled(run_dir: Path, status: Mapping[str, Any]) -> Mapping[str, Any]:
    """Wait until every pair in flight is counted in a closed tick, or half a minute."""
    until = time.monotonic() + 30
    told: Mapping[str, Any] = status
    paired = -1
    closed = -1
    while time.monotonic() < until:
        with suppress(UnderstudyError):
            told = await ask(run_dir / "control.sock", {"op": "status"})
        idle = told["counts"]["in_flight"] == 0 and told["scored"] == told["counts"]["paired"]
        if idle and paired == told["counts"]["paired"] and told["tick"] > closed >= 0:
            return told
        if idle and closed < 0:
            paired, closed = told["counts"]["paired"], told["tick"]
        await asyncio.sleep(0.5)
    return told


async def _switched(run_dir: Path, status: Mapping[str, Any]) -> Mapping[str, Any]:
    """Wait until a rollback that was signalled is carried out, or a few seconds."""
    until = time.monotonic() + SWITCH_S
    while status["latch"] and not carried_out(status) and time.monotonic() < until:
        await asyncio.sleep(0.2)
        with suppress(UnderstudyError):
            status = await ask(run_dir / "control.sock", {"op": "status"})
    return status


def _kept(out: Path) -> None:
    """Lay the votes and the verdicts on them side by side: `understudy drift` comes from the one to the other."""
    shutil.copytree(out / "state" / "votes", out / "votes")
    shutil.copy2(out / "state" / VERDICTS, out / VERDICTS)


def _report(out: Path) -> None:
    """The captured pairs through `understudy analyze`: the same analyzers, offline."""
    from understudy.analysis.analyze import analyze

    analyze(
        [out / "state" / "captures"],
        out / "report",
        manifests={leg: json.loads((out / f"{leg}.json").read_text()) for leg in ("baseline", "candidate")},
        remarks=(
            "These verdicts are those of the captured pairs, analyzed after the run; the live ones, which "
            f"decided the rollback, are in {out / 'summary.json'}. A live run counts its evidence by the "
            "clock and learns its slices as they come, so a cell may breach here a little earlier or later "
            "than there.",
        ),
    )
