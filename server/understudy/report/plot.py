"""Inline SVG: effects with their intervals, and evidence over time. Colours come from the page's style."""

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from understudy.report.data import CellReport, State

WIDTH = 920
NARROW = 400
"""Width of the second drawing of each plot, which a telephone shows in its place: text keeps its size."""
LINES = 8
"""Cells drawn in the evidence plots: as many as there are distinguishable colours."""


def points(value: float | None, *, sign: bool = True) -> str:
    """A share as percentage points, `+8.1`; a dash when there is none."""
    if value is None:
        return "\N{EN DASH}"
    value = round(100 * value, 1) + 0.0  # no minus zero
    text = f"{value:+.1f}" if sign else f"{value:.1f}"
    return text.replace("-", "\N{MINUS SIGN}")


def forest(cells: Sequence[CellReport], width: int = WIDTH) -> Markup:
    """A row a cell: its effect, its interval and its tolerance; names and figures above it when narrow."""
    drawn = [cell for cell in cells if cell.effect is not None]
    if not drawn:
        return Markup("")
    narrow = width < WIDTH
    row, top, left, right = (46, 30, 14, width - 14) if narrow else (22, 30, 330, 690)
    lowest = min(min(cell.low if cell.low is not None else 0.0, 0.0) for cell in drawn)
    highest = max(max(cell.high if cell.high is not None else 0.0, cell.tau) for cell in drawn)
    step = _step((highest - lowest) / 6)
    first, last = math.floor(lowest / step), math.ceil(highest / step)
    lowest, highest = first * step, last * step

    def x(value: float) -> float:
        return left + (right - left) * (value - lowest) / (highest - lowest)

    height = top + row * len(drawn) + 30
    bottom = height - 26
    out = [_open(width, height, f"Effect of {len(drawn)} cells with confidence intervals and tolerances")]
    for index in range(first, last + 1):
        at, name = x(index * step), "zero" if index == 0 else "grid"
        out.append(f'<line class="{name}" x1="{at:.1f}" x2="{at:.1f}" y1="{top - 8}" y2="{bottom}"/>')
        label = points(index * step, sign=index != 0).removesuffix(".0")
        out.append(f'<text class="axis" x="{at:.1f}" y="{bottom + 16}" text-anchor="middle">{label}</text>')
    out.append(f'<text class="axis" x="{left}" y="14">\N{LEFTWARDS ARROW} candidate better</text>')
    out.append(
        f'<text class="axis" x="{right}" y="14" text-anchor="end">candidate worse \N{RIGHTWARDS ARROW}</text>'
    )
    if not narrow:
        out.append(f'<text class="axis" x="{width - 4}" y="14" text-anchor="end">points [95 %]</text>')
    for index, cell in enumerate(drawn):
        y = top + row * index + (row - 12 if narrow else row / 2)
        beside = y - 14 if narrow else y + 4
        low = cell.effect if cell.low is None else cell.low
        high = cell.effect if cell.high is None else cell.high
        assert cell.effect is not None and low is not None and high is not None
        state, tau = _class(cell.state), x(cell.tau)
        label = escape(_short(f"{cell.slice} \N{MIDDLE DOT} {cell.metric}", 48))
        place = "start" if narrow else "end"
        out.append(
            f'<text class="label" x="{4 if narrow else left - 14}" y="{beside:.1f}" text-anchor="{place}">'
            f"{label}</text>"
        )
        out.append(f'<g class="{state}"><title>{label}: {cell.state.words}</title>')
        out.append(f'<line class="interval" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<circle cx="{x(cell.effect):.1f}" cy="{y:.1f}" r="4.5"/></g>')
        out.append(f'<line class="tau" x1="{tau:.1f}" x2="{tau:.1f}" y1="{y - 8:.1f}" y2="{y + 8:.1f}"/>')
        said = points(cell.effect)
        if not narrow:
            said += f" [{points(cell.low)}, {points(cell.high)}]"
        out.append(f'<text class="value" x="{width - 4}" y="{beside:.1f}" text-anchor="end">{said}</text>')
    return Markup("".join([*out, "</svg>"]))


def evidence(cells: Sequence[CellReport], which: int, width: int = WIDTH) -> Markup:
    """Evidence against pairs, as a share of its log threshold. `which`: 1 breach, 2 certificate."""
    drawn = [cell for cell in cells if cell.trail][:LINES]
    if not drawn:
        return Markup("")
    height, left, right, top, bottom = 300, 34 if width < WIDTH else 46, width - 12, 16, 262
    most = max(cell.trail[-1][0] for cell in drawn)
    ceiling = max(1.25, min(2.0, max(point[which] for cell in drawn for point in cell.trail) * 1.08))
    floor = -0.25

    def x(pairs: float) -> float:
        return left + (right - left) * pairs / max(most, 1)

    def y(share: float) -> float:
        return bottom - (bottom - top) * (min(max(share, floor), ceiling) - floor) / (ceiling - floor)

    name = "breach" if which == 1 else "certificate"
    out = [
        _open(width, height, f"{name} evidence of {len(drawn)} cells over pairs, as a share of the threshold")
    ]
    for share in (0.0, 0.5, 1.0, 1.5, 2.0):
        if share <= ceiling:
            kind = "threshold" if share == 1 else "grid"
            out.append(
                f'<line class="{kind}" x1="{left}" x2="{right}" y1="{y(share):.1f}" y2="{y(share):.1f}"/>'
            )
            out.append(
                f'<text class="axis" x="{left - 6}" y="{y(share) + 4:.1f}" text-anchor="end">{share:g}</text>'
            )
    out.append(f'<text class="axis" x="{right}" y="{y(1) - 6:.1f}" text-anchor="end">threshold</text>')
    step = max(1, round(_step(most / (3 if width < WIDTH else 6))))
    for pairs in range(0, most + 1, step):
        out.append(
            f'<text class="axis" x="{x(pairs):.1f}" y="{bottom + 18}" text-anchor="middle">{pairs:,}</text>'
        )
    out.append(f'<text class="axis" x="{right}" y="{height - 4}" text-anchor="end">pairs</text>')
    for index, cell in enumerate(drawn):
        line = " ".join(f"{x(point[0]):.1f},{y(point[which]):.1f}" for point in _thin(cell.trail))
        label = escape(f"{cell.slice} \N{MIDDLE DOT} {cell.metric}")
        out.append(f'<polyline class="line s{index}" points="{line}"><title>{label}</title></polyline>')
    return Markup("".join([*out, "</svg>"]))


def _open(width: int, height: int, label: str) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">'


def _thin(trail: Sequence[tuple[int, float, float]], most: int = 400) -> Sequence[tuple[int, float, float]]:
    return trail if len(trail) <= most else [*trail[:: len(trail) // most + 1], trail[-1]]


def _step(about: float) -> float:
    """1, 2 or 5 times a power of ten, at least `about`."""
    power = 10.0 ** math.floor(math.log10(max(about, 1e-6)))
    return next(power * unit for unit in (1, 2, 5, 10) if power * unit >= about * (1 - 1e-9))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _class(state: State) -> str:
    return {State.BREACH: "breach", State.WITHIN: "within", State.INSTRUMENT_FAULT: "fault"}.get(
        state, "open"
    )
