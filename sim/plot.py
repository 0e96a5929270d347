"""Pictures of a run as SVG: dots with their intervals, shares as bars, lines over pairs. No script, no asset."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup, escape

from bench.page import number

WIDTH, LEFT, RIGHT, LINE = 1060, 340, 820, 22


@dataclass(frozen=True, slots=True)
class Dot:
    """A value with its interval."""

    label: str
    value: float | None
    """None: beyond what was looked at."""
    low: float | None = None
    high: float | None = None
    kind: str = "ours"
    """A class of the style sheet: ours, peer, missed, open."""
    note: str = ""
    """In place of the number."""


def dots(rows: Sequence[Dot], label: str, *, goal: float | None = None, logarithmic: bool = False) -> Markup:
    """A line a row, the interval as a bar; a vertical line where the target is."""
    known = [end for row in rows for end in (row.value, row.low, row.high) if end is not None]
    known += [] if goal is None else [goal]
    if not known:
        return Markup("")
    if logarithmic:
        known = [end for end in known if end > 0] or [1.0]
        low, high = 10.0 ** floor(log10(min(known))), 10.0 ** ceil(log10(max(known)) + 1e-9)
        ticks = [low * 10**i for i in range(round(log10(high / low)) + 1)]
    else:
        low, high = min(0.0, *known), max(known) * 1.05 or 1.0
        step = _step(high - low)
        ticks = [step * i for i in range(floor(high / step) + 1)]

    def x(value: float) -> float:
        place = (
            log10(max(value, low) / low) / log10(high / low) if logarithmic else (value - low) / (high - low)
        )
        return LEFT + (RIGHT - LEFT) * place

    height = LINE * len(rows) + 32
    out = _open(height, label)
    for at in ticks:
        out.append(f'<line class="grid" x1="{x(at):.1f}" x2="{x(at):.1f}" y1="4" y2="{height - 24}"/>')
        out.append(_text("axis", x(at), height - 8, number(at), "middle"))
    if goal is not None:
        out.append(f'<line class="goal" x1="{x(goal):.1f}" x2="{x(goal):.1f}" y1="4" y2="{height - 24}"/>')
    for index, row in enumerate(rows):
        y = 4 + LINE * index + LINE / 2
        out.append(_text("label", LEFT - 12, y + 4, row.label, "end"))
        if row.low is not None or row.high is not None:
            ends = (x(low if row.low is None else row.low), x(high if row.high is None else row.high))
            out.append(
                f'<line class="{row.kind} bar" x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{y}" y2="{y}"/>'
            )
        if row.value is not None:
            out.append(f'<circle class="{row.kind}" cx="{x(row.value):.1f}" cy="{y}" r="4.5"/>')
        out.append(_text("value", WIDTH - 4, y + 4, row.note or number(row.value), "end"))
    return Markup("".join([*out, "</svg>"]))


def lines(
    series: Sequence[tuple[str, Sequence[tuple[float, float]]]], label: str, *, mark: float, goal: float
) -> Markup:
    """Paths over pairs; a vertical line at `mark`, a horizontal one at `goal`; each path's class is its name."""
    points = [point for _, path in series for point in path]
    if not points:
        return Markup("")
    height, bottom = 300, 266
    most = max(x for x, _ in points)
    low, high = min(y for _, y in points), max(goal, *(y for _, y in points))

    def x(value: float) -> float:
        return 60 + (WIDTH - 80) * value / most

    def y(value: float) -> float:
        return bottom - (bottom - 14) * (value - low) / (high - low or 1.0)

    out = _open(height, label)
    step = _step(most)
    for i in range(floor(most / step) + 1):
        place = x(step * i)
        out.append(f'<line class="grid" x1="{place:.1f}" x2="{place:.1f}" y1="14" y2="{bottom}"/>')
        out.append(_text("axis", place, bottom + 18, number(step * i), "middle"))
    rise = _step(high - low)
    for i in range(ceil(low / rise), floor(high / rise) + 1):
        out.append(_text("axis", 52, y(rise * i) + 4, number(rise * i), "end"))
    out.append(f'<line class="goal" x1="60" x2="{WIDTH - 20}" y1="{y(goal):.1f}" y2="{y(goal):.1f}"/>')
    out.append(f'<line class="mark" x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="14" y2="{bottom}"/>')
    for name, path in series:
        way = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in path)
        out.append(f'<polyline class="{escape(name)}" points="{way}"/>')
    return Markup("".join([*out, "</svg>"]))


def _open(height: int, label: str) -> list[str]:
    return [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">']


def _text(kind: str, x: float, y: float, text: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _step(span: float) -> float:
    """A round distance of about six grid lines."""
    rough = 10.0 ** floor(log10(span / 6))
    return next(rough * by for by in (1, 2, 5, 10) if span / (rough * by) <= 7)
