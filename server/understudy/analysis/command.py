"""`understudy analyze`: runs the analysis and prints what it found."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.analysis.analyze import Settings, analyze
from understudy.analysis.result import Cost, Result
from understudy.drift.load import load
from understudy.drift.tolerance import Tolerances
from understudy.errors import LINE, UnderstudyError, shown
from understudy.report import State, Stretch, table
from understudy.report.data import abreast

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

FAILED = 3
BREACHED = 1


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
        with Progress(
            *columns, console=errors, transient=True, disable=quiet or as_json or not errors.is_terminal
        ) as bar:
            task = bar.add_task("analyze", total=None)
            result = analyze(
                paths,
                out,
                replace(settings or Settings(), file=str(tolerances or "")),
                chosen,
                lambda done, total: bar.update(task, completed=done, total=total),
            )
    except UnderstudyError as error:
        errors.print(f"understudy: {shown(error, LINE)}", style="red", markup=False)
        return FAILED
    except KeyboardInterrupt:
        errors.print("interrupted; nothing of this run was kept")
        return 130
    if as_json:
        json.dump(result.summary(), sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        show(result, table.console(), out)
    return BREACHED if strict and result.state == State.BREACH else 0


def spent(costs: Sequence[Cost]) -> str:
    """What each analyzer took of a pair, the dearest first."""
    told = [
        f"{cost.name} {1e3 * cost.seconds / cost.pairs:.2f}"
        for cost in sorted(costs, key=lambda c: -c.seconds)
    ]
    return ", ".join(told)


def along(stretches: Mapping[str, Sequence[Stretch]]) -> "Table":
    """How many of the replies that came so far degenerate before the next length."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, header_style="bold")
    made.add_column("degenerating from character", justify="right")
    for leg in stretches:
        made.add_column(leg, justify="right")
    for row in abreast(stretches):
        made.add_row(f"{row[0].start:,}", *(f"{one.degenerated:,} of {one.reached:,}" for one in row))
    return made


def show(result: Result, console: "Console", out: Path) -> None:
    """The answer, the cells that matter most, the plain agreement, the notes and where the rest lies."""
    from rich.table import Table
    from rich.text import Text

    table.show(result.state, result.headline, result.cells, console, rest="the report")
    agreed = result.agreement()
    if agreed:
        console.print()
        shares = Table(box=None, pad_edge=False, header_style="bold")
        shares.add_column("agreement with the baseline", overflow="fold")
        for name in ("identical", "by edits", "by task", "flips"):
            shares.add_column(name, justify="right")
        for slice_, values in agreed.items():
            row = (values.get(name) for name in ("exact", "edit", "task", "flips"))
            shares.add_row(Text(shown(slice_)), *("" if value is None else f"{value:.4f}" for value in row))
        console.print(shares)
    if lengths := result.degenerating():
        console.print()
        console.print(along(lengths))
    console.print()
    for note in result.notes:
        console.print(f"- {shown(note, LINE)}", markup=False)
    if result.costs and result.costs[0].pairs:
        console.print(
            f"\nscored in ms a pair: {shown(spent(result.costs), LINE)}", markup=False, soft_wrap=True
        )
    console.print(f"\nreport: {shown(out / 'report.html', LINE)}", markup=False, soft_wrap=True)
