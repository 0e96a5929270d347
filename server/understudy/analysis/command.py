"""`understudy analyze`: runs the analysis and prints what it found."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.analysis.analyze import Settings, analyze
from understudy.analysis.result import Result
from understudy.drift.load import load
from understudy.drift.tolerance import Tolerances
from understudy.errors import UnderstudyError
from understudy.report import CellReport, State
from understudy.report.plot import points
from understudy.report.render import SYMBOL, ranked

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

FAILED = 3
BREACHED = 1
ROWS = 20
"""Cells in the printed table; the report has all."""
NARROW = 88
"""Columns of a terminal below which the tolerances are left out of the table, so that names stay whole."""
STYLE = {State.BREACH: "bold red", State.WITHIN: "green", State.INSTRUMENT_FAULT: "yellow"}


def run(
    paths: Sequence[str | Path],
    out: Path = Path("out/analyze"),
    *,
    settings: Settings | None = None,
    tolerances: Path | None = None,
    as_json: bool = False,
    strict: bool = False,
    quiet: bool = False,
) -> int:
    """Analyze, write `out`, print a table (or JSON).

    Returns 0; 1 with `strict` when something breached; 3 on an error, said in one line.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    columns = (TextColumn("analyze"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        chosen = load(tolerances) if tolerances else Tolerances.default()
        with Progress(*columns, console=errors, transient=True, disable=quiet or as_json) as bar:
            shown = bar.add_task("analyze", total=None)
            result = analyze(
                paths,
                out,
                settings,
                chosen,
                lambda done, total: bar.update(shown, completed=done, total=total),
            )
    except UnderstudyError as error:
        errors.print(f"understudy: {error}", style="red", markup=False)
        return FAILED
    except KeyboardInterrupt:
        errors.print("interrupted; nothing of this run was kept")
        return 130
    if as_json:
        json.dump(result.summary(), sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        console = Console(highlight=False)
        if not console.is_terminal:  # a file or a pipe has no width to break lines at
            console = Console(highlight=False, width=120)
        show(result, console, out)
    return BREACHED if strict and result.state == State.BREACH else 0


def show(result: Result, console: "Console", out: Path) -> None:
    """The answer, the cells that matter most, the plain agreement, the notes and where the rest lies."""
    from rich.table import Table
    from rich.text import Text

    console.print(Text(result.state.words.upper(), style=STYLE.get(result.state, "bold")))
    console.print(result.headline, markup=False)
    console.print()
    cells = ranked(result.cells)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("")
    table.add_column("slice", overflow="fold")
    table.add_column("metric", overflow="fold")
    narrow = console.width < NARROW
    for name in ("votes", "effect", "95 % interval", *(() if narrow else ("tau",)), "seen"):
        table.add_column(name, justify="right", no_wrap=True)
    for cell in cells[:ROWS]:
        table.add_row(*_row(cell, narrow=narrow))
    console.print(table)
    if len(cells) > ROWS:
        console.print(f"... and {len(cells) - ROWS} more cells in the report", style="dim")
    console.print(result.tally(), markup=False)
    told = ", ".join(f"{mark} {state.words}" for state, mark in SYMBOL.items())
    console.print(
        f"{told}; effect in points, positive = the candidate is worse; tau = the tolerance; seen = the "
        "smallest effect that so many votes would have shown",
        style="dim",
        markup=False,
    )
    agreed = result.agreement()
    if agreed:
        console.print()
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("agreement with the baseline", overflow="fold")
        for name in ("identical", "by edits", "by task", "flips"):
            table.add_column(name, justify="right")
        for slice_, shares in agreed.items():
            values = (shares.get(name) for name in ("exact", "edit", "task", "flips"))
            table.add_row(Text(slice_), *("" if value is None else f"{value:.4f}" for value in values))
        console.print(table)
    console.print()
    for note in result.notes:
        console.print(f"- {note}", markup=False)
    console.print(f"\nreport: {out / 'report.html'}", markup=False, soft_wrap=True)


def _row(cell: CellReport, *, narrow: bool) -> "list[Text]":
    from rich.text import Text

    return [
        Text(SYMBOL[cell.state], style=STYLE.get(cell.state, "dim")),
        Text(cell.slice),
        Text(cell.metric),
        Text(f"{cell.votes:,}"),
        Text(points(cell.effect)),
        Text(f"{points(cell.low)}..{points(cell.high)}"),
        *(() if narrow else (Text(points(cell.tau, sign=False)),)),
        Text(points(cell.smallest, sign=False)),
    ]
