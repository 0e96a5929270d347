"""From ReportData to one HTML file: no script, no external asset, every text escaped."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from markupsafe import Markup

from understudy.errors import ConfigError
from understudy.report import plot
from understudy.report.data import CellReport, ReportData, State, abreast
from understudy.report.difference import marked

FOREST = 40
"""Cells in the forest plot; the table has them all."""
ROWS = 40
"""Cells of the table that are seen at once, and all breaches; the rest unfolds."""

ORDER = {State.BREACH: 0, State.INSTRUMENT_FAULT: 1, State.NOT_ENOUGH_EVIDENCE: 2, State.WITHIN: 3}
SYMBOL = {
    State.BREACH: "\N{MULTIPLICATION X}",
    State.WITHIN: "\N{CHECK MARK}",
    State.NOT_ENOUGH_EVIDENCE: "\N{MIDDLE DOT}",
    State.INSTRUMENT_FAULT: "!",
}


def ranked(cells: Sequence[CellReport]) -> list[CellReport]:
    """Worst first: by verdict, then by how sure the harm is in tolerances, then by name; without votes last.

    How sure: by the lower limit of the effect, so that a large effect of five votes does not come before a
    clear one of five hundred. Of certified cells that with the largest effect comes first.
    """
    return sorted(
        cells,
        key=lambda cell: (
            ORDER[cell.state] if cell.judged else len(ORDER),
            not cell.votes,
            -cell.in_tolerances((cell.effect if cell.state == State.WITHIN else cell.low) or 0.0),
            cell.slice,
            cell.metric,
        ),
    )


def render(data: ReportData) -> str:
    """The whole page."""
    from jinja2 import Environment, StrictUndefined

    source = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    page = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(source)
    cells = ranked(data.cells)
    slices = sorted({cell.slice for cell in cells}, key=lambda name: (name != "all", name))
    # Columns: those of breaches first, then by the surest harm, those that are only shown last; the page is
    # narrower than the map.
    surest: dict[str, float] = {}
    for cell in cells:
        if cell.low is not None:
            surest[cell.metric] = max(surest.get(cell.metric, -1e9), cell.in_tolerances(cell.low))
    broken = {cell.metric for cell in cells if cell.state == State.BREACH}
    judged = {cell.metric for cell in cells if cell.judged}
    metrics = sorted(
        {cell.metric for cell in cells},
        key=lambda name: (name not in broken, name not in judged, -surest.get(name, -1e9), name),
    )
    rows = max(ROWS, sum(cell.state == State.BREACH for cell in cells))
    trails = [cell for cell in cells if cell.trail and cell.judged]
    moving = _distinct(
        sorted(trails, key=lambda cell: (ORDER[cell.state], -max(point[1] for point in cell.trail)))
    )
    sure = _distinct(sorted(trails, key=lambda cell: -max(point[2] for point in cell.trail)))
    return page.render(
        data=data,
        cells=cells,
        rows=rows,
        means=(
            [mean for mean in data.means if mean.slice == "all"],
            [mean for mean in data.means if mean.slice != "all"],
        ),
        abreast=abreast(data.stretches),
        slices=slices,
        metrics=metrics,
        grid={(cell.slice, cell.metric): cell for cell in cells},
        counts={state: sum(cell.state == state and cell.judged for cell in cells) for state in State},
        shown=sum(not cell.judged for cell in cells),
        forest=_twice(lambda width: plot.forest([cell for cell in cells if cell.votes][:FOREST], width)),
        forest_limit=FOREST,
        breach=_twice(lambda width: plot.evidence(moving, 1, width)),
        breach_cells=moving[: plot.LINES],
        certificate=_twice(lambda width: plot.evidence(sure, 2, width)),
        certificate_cells=sure[: plot.LINES],
        points=plot.points,
        symbol=SYMBOL,
        shade=_shade,
        css=lambda state: {"BREACH": "breach", "WITHIN": "within", "INSTRUMENT_FAULT": "fault"}.get(
            state, "open"
        ),
        marked=marked,
    )


def write(data: ReportData, path: Path) -> None:
    """Render to a file that is there whole or not at all, readable by its owner: it quotes replies.

    Raises:
        ConfigError: the file cannot be written.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(render(data))
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; give a place that can be written") from None


def _distinct(cells: Iterable[CellReport]) -> list[CellReport]:
    """Without those that another cell's line would hide: slices of the very same pairs."""
    made: dict[tuple[tuple[int, float, float], ...], CellReport] = {}
    for cell in cells:
        made.setdefault(cell.trail, cell)
    return list(made.values())


def _twice(draw: Callable[[int], Markup]) -> Markup:
    """The plot for a wide page and for a narrow one; the style shows one of them."""
    wide = draw(plot.WIDTH)
    if not wide:
        return wide
    return Markup('<div class="broad">{}</div><div class="slim">{}</div>').format(wide, draw(plot.NARROW))


def _shade(cell: CellReport) -> int:
    """How strongly a cell is coloured, 0-4: the effect in tolerances."""
    if cell.effect is None or not cell.judged:
        return 0
    return min(4, int(cell.in_tolerances(max(0.0, cell.effect)) * 2))
