"""The answer on a terminal: one word, a sentence, and the cells that matter most."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from understudy.errors import LINE, shown
from understudy.report.cells import tally
from understudy.report.data import CellReport, State
from understudy.report.plot import points
from understudy.report.render import SYMBOL, ranked

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

ROWS = 20
"""Cells in the printed table."""
NARROW = 88
"""Columns of a terminal below which the tolerances are left out of the table, so that names stay whole."""
STYLE = {State.BREACH: "bold red", State.WITHIN: "green", State.INSTRUMENT_FAULT: "yellow"}


def console() -> "Console":
    """Standard output; a file or a pipe has no width to break lines at."""
    from rich.console import Console

    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=120)


def show(
    state: State,
    headline: str,
    cells: Sequence[CellReport],
    console: "Console",
    *,
    rest: str,
    more: bool = False,
) -> None:
    """The answer, the cells that matter most and the legend.

    `rest` is where the cells are that have no room; `more` adds a column: about so many more votes decide.
    """
    from rich.table import Table
    from rich.text import Text

    console.print(Text(state.words.upper(), style=STYLE.get(state, "bold")))
    console.print(shown(headline, LINE), markup=False)
    console.print()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("")
    table.add_column("slice", overflow="fold")
    table.add_column("metric", overflow="fold")
    narrow = console.width < NARROW
    names = ["votes", "effect", "95 % interval", *([] if narrow else ["tau"]), "seen", *(["more"] * more)]
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    ordered = ranked(cells)
    for cell in ordered[:ROWS]:
        table.add_row(*_row(cell, narrow=narrow, more=more))
    console.print(table)
    if len(ordered) > ROWS:
        console.print(
            f"... and {len(ordered) - ROWS} more cells in {shown(rest, LINE)}", style="dim", markup=False
        )
    console.print(shown(tally(cells), LINE), markup=False)
    marks = ", ".join(f"{mark} {state.words}" for state, mark in SYMBOL.items())
    console.print(
        f"{marks}; effect in points, positive = the candidate is worse; tau = the tolerance; seen = the "
        f"smallest effect that so many votes would have shown{'; more = about so many more votes decide' * more}",
        style="dim",
        markup=False,
    )


def _row(cell: CellReport, *, narrow: bool, more: bool) -> "list[Text]":
    from rich.text import Text

    return [
        Text(SYMBOL[cell.state], style=STYLE.get(cell.state, "dim")),
        Text(shown(cell.slice)),
        Text(shown(cell.metric)),
        Text(f"{cell.votes:,}"),
        Text(points(cell.effect)),
        Text(f"{points(cell.low)}..{points(cell.high)}"),
        *(() if narrow else (Text(points(cell.tau, sign=False)),)),
        Text(points(cell.smallest, sign=False)),
        *((Text("" if cell.more_pairs is None else f"{cell.more_pairs:,}"),) if more else ()),
    ]
