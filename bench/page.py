"""One HTML file: every figure with its rounds, every target with its interval. No script, no external asset."""

from collections.abc import Mapping, Sequence
from math import ceil, floor, log, log10
from pathlib import Path
from statistics import median
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from bench.targets import RELAYS, added, beyond, series

WIDTH, LEFT, RIGHT, LINE = 920, 370, 790, 24
PLOTS = (
    ("added p50 of a message, 64 streams at 20 ms, us", "latency", "p50_us"),
    ("added p99 of a message, 64 streams at 20 ms, us", "latency", "p99_us"),
    ("most unary calls a second, closed loop", "most", "rps"),
    (
        "highest open-loop rate a second, everything observed or paired; nginx: its most, closed loop",
        "rate",
        "rps",
    ),
    ("the same, each request with a header of its own", "varied", "rps"),
    ("messages a second of streams without a pace", "unpaced", "messages_s"),
    ("streams held with p99 within 10 ms", "held", "streams"),
    ("CPU per call at 1,000 a second, all processes, us", "cost", "cpu_us"),
    ("resident bytes per idle stream", "memory", "bytes"),
    ("added p99 of calls to an engine of finite capacity, us", "scarce", "p99_us"),
)


def render(told: Mapping[str, Any]) -> str:
    """The whole page."""
    plots = []
    for title, measure, figure in PLOTS:
        rows = [
            (name, told["rows"][name]["title"], values)
            for name in told["rows"]
            if (values := _values(told["rounds"], measure, name, figure))
        ]
        plots.append((title, dots(rows, title)))
    return page(Path(__file__).parent, told=told, plots=plots)


def page(folder: Path, **values: Any) -> str:
    """A folder's `page.html`, in the frame and with the colours of `bench/base.html`."""
    loader = FileSystemLoader([folder, Path(__file__).parent])
    made = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return made.get_template("page.html").render(number=number, **values)


def _values(rounds: Mapping[str, Any], measure: str, name: str, figure: str) -> list[float]:
    if measure == "latency":
        found = [] if name == "direct" else added(rounds, name, figure)
    elif measure == "scarce":
        found = [] if name == "direct-finite" else beyond(rounds, measure, name, "direct-finite", figure)
    else:
        found = series(rounds, measure, name, figure)
    return [value for value in found if value is not None]


def number(value: float | None) -> str:
    """Three figures that count; a dash for none."""
    if value is None:
        return "\N{EN DASH}"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def dots(rows: Sequence[tuple[str, str, Sequence[float]]], label: str) -> Markup:
    """A line a row on a logarithmic axis: each round a faint dot, the median a full one."""
    every = [value for _, _, values in rows for value in values if value > 0]
    if not every:
        return Markup("")
    low, high = _decade(min(every), up=False), _decade(max(every), up=True)

    def x(value: float) -> float:
        return LEFT + (RIGHT - LEFT) * log(max(value, low) / low) / log(high / low)

    height = LINE * len(rows) + 34
    out = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">']
    at = low
    while at <= high * 1.001:
        place = f"{x(at):.1f}"
        out.append(f'<line class="grid" x1="{place}" x2="{place}" y1="4" y2="{height - 24}"/>')
        out.append(
            f'<text class="axis" x="{place}" y="{height - 8}" text-anchor="middle">{number(at)}</text>'
        )
        at *= 10
    for index, (name, title, values) in enumerate(rows):
        y = 4 + LINE * index + LINE / 2
        ours = "ours" if name in RELAYS or name.startswith("paired") else "peer"
        out.append(
            f'<text class="label" x="{LEFT - 14}" y="{y + 4}" text-anchor="end">{escape(title)}</text>'
        )
        out += [f'<circle class="{ours} round" cx="{x(value):.1f}" cy="{y}" r="3"/>' for value in values]
        middle = median(values)
        out.append(f'<circle class="{ours}" cx="{x(middle):.1f}" cy="{y}" r="5"/>')
        out.append(
            f'<text class="value" x="{WIDTH - 4}" y="{y + 4}" text-anchor="end">{number(middle)}</text>'
        )
    return Markup("".join([*out, "</svg>"]))


def _decade(value: float, *, up: bool) -> float:
    """The power of ten next to it, below or above."""
    return 10.0 ** (ceil(log10(value) + 1e-9) if up else floor(log10(value)))
