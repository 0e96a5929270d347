"""One HTML file: each fault's ratios round by round, and every target. No script, no external asset."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.page import dots, page

PLOTS = (
    ("p99 of a message with the fault, by the mirror off", "message_p99_us"),
    ("p99 of a call with the fault, by the mirror off", "call_p99_us"),
)


def render(told: Mapping[str, Any]) -> str:
    """The whole page."""
    plots = []
    for title, figure in PLOTS:
        rows = []
        for name, rounds in told["rounds"].items():
            good = [one for one in rounds if one and one["off"][figure]]
            if good:
                ratios = [one["on"][figure] / one["off"][figure] for one in good]
                rows.append((name, told["faults"][name]["title"], ratios))
        plots.append((title, dots(rows, title)))
    return page(Path(__file__).parent, told=told, plots=plots)
