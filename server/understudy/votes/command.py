"""`understudy drift`: runs the engine over votes and prints what it found."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO

from understudy.drift.load import load
from understudy.durable import write
from understudy.errors import LINE, ConfigError, UnderstudyError, shown
from understudy.report import State
from understudy.votes.lines import changed, text
from understudy.votes.outcome import Outcome
from understudy.votes.run import SLACK_S, Settings, judge

FAILED = 3
BREACHED = 1
VERDICTS = "verdicts.jsonl"
SUMMARY = "summary.json"


def run(
    paths: Sequence[str | Path],
    out: Path = Path("out/drift"),
    *,
    tolerances: Path | None = None,
    tick_s: float | None = None,
    budget: Mapping[str, float | None] | None = None,
    as_run: bool = False,
    analyzers: str | None = None,
    slack_s: float = SLACK_S,
    as_json: bool = False,
    strict: bool = False,
    quiet: bool = False,
) -> int:
    """Judge the votes, write `out`, print a table (or JSON).

    Returns 0; 1 with `strict` when something is in breach at the end, or may be; 3 on an error, said in one line; 130.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    columns = (TextColumn("drift"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    try:
        settings = Settings(
            tolerances=load(tolerances) if tolerances else None,
            tick_s=tick_s,
            budget={tier: x for tier, x in (budget or {}).items() if x is not None},
            run=as_run,
            analyzers=analyzers,
            slack_s=slack_s,
        )
        with Progress(
            *columns, console=errors, transient=True, disable=quiet or as_json or not errors.is_terminal
        ) as bar:
            task = bar.add_task("drift", total=None)
            with _lines(out) as write_line:
                outcome = judge(
                    paths,
                    settings,
                    tell=lambda change, tick: write_line(text(changed(change, tick))),
                    progress=lambda done, total: bar.update(task, completed=done, total=total),
                )
        _summary(out, outcome)
    except UnderstudyError as error:
        errors.print(f"understudy: {shown(error, LINE)}", style="red", markup=False)
        return FAILED
    except KeyboardInterrupt:
        errors.print("interrupted; nothing of this run was kept")
        return 130
    if as_json:
        json.dump(outcome.summary(), sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        _show(outcome, out)
    # Rows that are no votes may hide a breach: who asks for strictness is not told that all is well.
    return BREACHED if strict and (outcome.state == State.BREACH or outcome.warnings) else 0


def _show(outcome: Outcome, out: Path) -> None:
    from understudy.report.table import console, show

    screen = console()
    for warning in outcome.warnings:
        screen.print(f"WARNING: {shown(warning, LINE)}", style="bold red", markup=False, soft_wrap=True)
    show(outcome.state, outcome.headline, outcome.cells, screen, more=True, rest=str(out / SUMMARY))
    not_votes = ", ".join(f"{count:,} {name}" for name, count in outcome.counters.items() if count)
    screen.print(
        f"{outcome.rows:,} rows, {outcome.votes:,} votes{f'; {not_votes}' if not_votes else ''}", markup=False
    )
    for name, cells in (("instrument fault", outcome.faults), ("stalled", outcome.stalled)):
        if cells:
            first = ", ".join(map(shown, cells[:5]))
            screen.print(f"{name}: {first}{', ...' if len(cells) > 5 else ''}", markup=False)
    screen.print()
    for note in outcome.notes:
        screen.print(f"- {shown(note, LINE)}", markup=False)
    screen.print(
        f"\nverdicts: {shown(out / VERDICTS, LINE)} ({outcome.changes:,} changes)",
        markup=False,
        soft_wrap=True,
    )


@contextmanager
def _lines(out: Path) -> Iterator[Callable[[str], None]]:
    """What writes a line of verdicts.jsonl, which is there whole or not at all, readable by its owner.

    Raises:
        ConfigError: it cannot be written. What else goes wrong meanwhile is not told as that.
    """
    path, begun = out / VERDICTS, out / f"{VERDICTS}.tmp"
    file: IO[str] | None = None
    new = not out.exists()
    try:
        with _writable(path):
            out.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            file = os.fdopen(handle, "w", encoding="utf-8")
        yield _writable(path)(partial(print, end="", file=file))
        with _writable(path):
            file.close()
            begun.replace(path)
    finally:
        with suppress(OSError):
            if file is not None:
                file.close()
        with suppress(OSError):
            begun.unlink(missing_ok=True)
            if new and not any(out.iterdir()):
                out.rmdir()  # an error leaves nothing behind


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    """Tell an error of this file with the mend."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}; give a place that can be written") from None


def _summary(out: Path, outcome: Outcome) -> None:
    path = out / SUMMARY
    with _writable(path):
        write(path, (json.dumps(outcome.summary(), indent=2, ensure_ascii=False) + "\n").encode())
