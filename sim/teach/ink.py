"""Pictures for the pages: one panel after another in an SVG that carries its own colours, light and dark."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import escape

WIDTH = 920
LEFT, RIGHT = 64, 900
POINTS = 460
"""Points of a line: every other pixel."""

_STYLE = """
  text { font: 12px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
  text.title { font-weight: 600; font-size: 13px; }
  .grid { stroke-width: 1; }
  .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
  .dash { fill: none; stroke-width: 1.4; stroke-dasharray: 6 4; }
  .band { stroke: none; fill-opacity: .18; }
"""
_NAMES = ("paper", "rule", "ink", "soft", "red", "blue", "amber", "green")
_LIGHT = ("#fbfbfa", "#dfe3e8", "#1b1f24", "#59616b", "#b3261e", "#2757c4", "#b26a00", "#1a7146")
_DARK = ("#14171b", "#333a44", "#e8ebef", "#a3adb9", "#ff8a7e", "#8fb2ff", "#f0b95a", "#6fd3a0")


def _css() -> str:
    """Colours written out: not every program that draws SVG knows variables."""

    def palette(colours: Sequence[str]) -> list[str]:
        paper, rule, ink, *_ = colours
        rules = [
            f".paper {{ fill: {paper} }}",
            f".grid {{ stroke: {rule} }}",
            f"text.title {{ fill: {ink} }}",
        ]
        for name, colour in list(zip(_NAMES, colours, strict=True))[2:]:
            rules.append(f".line.{name}, .dash.{name} {{ stroke: {colour} }}")
            rules.append(f".band.{name}, .dot.{name}, text.{name} {{ fill: {colour} }}")
        return rules

    light = "".join(f"  {rule}\n" for rule in palette(_LIGHT))
    dark = "".join(f"    {rule}\n" for rule in palette(_DARK))
    return f"{_STYLE}{light}  @media (prefers-color-scheme: dark) {{\n{dark}  }}\n"


@dataclass(frozen=True, slots=True)
class Axis:
    """From values to places, linear or logarithmic."""

    low: float
    high: float
    start: float
    """Place of `low`, pixels."""
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The place of a value; what lies outside is put on the edge."""
        low, high, value = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.start + (self.end - self.start) * (value - low) / (high - low)


@dataclass(frozen=True, slots=True)
class Panel:
    """A plot: everything it draws is a piece of SVG."""

    x: Axis
    y: Axis

    @classmethod
    def of(
        cls,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        top: float,
        bottom: float,
        left: float = LEFT,
        right: float = RIGHT,
        log: str = "",
    ) -> "Panel":
        """From ranges of values and the pixels of the frame; `log`: "x", "y" or "xy"."""
        return cls(Axis(*x, left, right, "x" in log), Axis(*y, bottom, top, "y" in log))

    def frame(
        self, title: str, xs: Iterable[tuple[float, str]], ys: Iterable[tuple[float, str]], unit: str = ""
    ) -> str:
        """Title, grid and the names of the ticks: (value, name)."""
        left, right, top, bottom = self.x.start, self.x.end, self.y.end, self.y.start
        out = [f'<text class="title" x="{left:g}" y="{top - 10:g}">{escape(title)}</text>']
        for value, name in ys:
            y = self.y.at(value)
            out.append(f'<line class="grid" x1="{left:g}" x2="{right:g}" y1="{y:.1f}" y2="{y:.1f}"/>')
            out.append(_text(left - 6, y + 4, name, "end"))
        for value, name in xs:
            x = self.x.at(value)
            out.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top:g}" y2="{bottom:g}"/>')
            out.append(_text(x, bottom + 16, name, "middle"))
        if unit:
            out.append(_text(right, bottom + 32, unit, "end"))
        return "".join(out)

    def line(self, xs: Sequence[float], ys: Sequence[float], colour: str, kind: str = "line") -> str:
        """A path; gaps (NaN) part it."""
        pieces: list[list[str]] = [[]]
        for k in _thin(len(xs)):
            if math.isnan(ys[k]):
                pieces.append([])
            else:
                pieces[-1].append(f"{self.x.at(xs[k]):.1f},{self.y.at(ys[k]):.1f}")
        return "".join(
            f'<polyline class="{kind} {colour}" points="{" ".join(piece)}"/>' for piece in pieces if piece
        )

    def steps(self, xs: Sequence[float], ys: Sequence[float], colour: str, kind: str = "dash") -> str:
        """A line that jumps: `ys[i]` holds from `xs[i]` to `xs[i + 1]`."""
        told = [(x, y) for i, y in enumerate(ys) for x in xs[i : i + 2]]
        points = " ".join(f"{self.x.at(x):.1f},{self.y.at(y):.1f}" for x, y in told)
        return f'<polyline class="{kind} {colour}" points="{points}"/>'

    def band(self, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], colour: str) -> str:
        """The area between two lines."""
        chosen = list(_thin(len(xs)))
        there = [f"{self.x.at(xs[k]):.1f},{self.y.at(highs[k]):.1f}" for k in chosen]
        back = [f"{self.x.at(xs[k]):.1f},{self.y.at(lows[k]):.1f}" for k in reversed(chosen)]
        return f'<polygon class="band {colour}" points="{" ".join(there + back)}"/>'

    def level(self, value: float, name: str, colour: str, *, left: bool = False) -> str:
        """A threshold across the panel, named at one of its ends."""
        y, x = self.y.at(value), self.x.start + 4 if left else self.x.end
        return (
            f'<line class="dash {colour}" x1="{self.x.start:g}" x2="{self.x.end:g}" y1="{y:.1f}" y2="{y:.1f}"/>'
            + _text(x, y - 4, name, "start" if left else "end", colour)
        )

    def moment(
        self, value: float, name: str, colour: str = "soft", *, row: int = 0, before: bool = False
    ) -> str:
        """Something that happened: a vertical line, named beside it; `row` puts the name lower, `before` left."""
        x, y = self.x.at(value), self.y.end
        place, anchor = (x - 4, "end") if before else (x + 4, "start")
        return (
            f'<line class="dash {colour}" x1="{x:.1f}" x2="{x:.1f}" y1="{y:g}" y2="{self.y.start:g}"/>'
            + _text(place, y + 13 + 15 * row, name, anchor, colour)
        )

    def dots(self, told: Iterable[tuple[float, float]], colour: str) -> str:
        """Points."""
        return "".join(
            f'<circle class="dot {colour}" cx="{self.x.at(x):.1f}" cy="{self.y.at(y):.1f}" r="4"/>'
            for x, y in told
        )

    def note(self, x: float, y: float, text: str, colour: str = "soft", anchor: str = "start") -> str:
        """Words at a value."""
        return _text(self.x.at(x), self.y.at(y), text, anchor, colour)


def picture(height: int, label: str, parts: Iterable[str]) -> str:
    """A whole SVG file; `label` says what it shows to those who cannot see it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-label="{escape(label)}">\n<style>{_css()}</style>\n'
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="6"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _text(x: float, y: float, text: str, anchor: str, colour: str = "soft") -> str:
    return f'<text class="{colour}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _thin(count: int) -> Iterable[int]:
    step = max(1, math.ceil(count / POINTS))
    kept = list(range(0, count, step))
    return kept if not count or kept[-1] == count - 1 else [*kept, count - 1]
