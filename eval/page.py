"""One HTML file: every figure with its interval and target, and its parts as dots. No script, no external asset."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from bench.page import page
from eval.table import goal
from sim.plot import Dot, dots


def render(told: Mapping[str, Any]) -> str:
    """The whole page."""
    plots = [(section["name"], picture) for section in told["sections"] if (picture := _plots(section))]
    return page(Path(__file__).parent, told=told, plots=plots, goal=goal)


def _plots(section: Mapping[str, Any]) -> list[tuple[str, Markup]]:
    """A picture for each figure with parts."""
    made = []
    for figure in section["figures"]:
        if len(figure["by"]) < 2:
            continue
        rows = [_dot(figure, "all", figure["found"]["value"])] if figure["found"] else []
        rows += [_dot(figure, name, value) for name, value in sorted(figure["by"].items())]
        made.append((figure["name"], dots(rows, figure["name"], goal=figure["target"])))
    return made


def _dot(figure: Mapping[str, Any], name: str, value: float) -> Dot:
    if figure["target"] is None:
        return Dot(name, value, kind="peer")
    good = value >= figure["target"] if figure["limit"] == "at least" else value <= figure["target"]
    return Dot(name, value, kind="ours" if good else "missed")
