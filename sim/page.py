"""One HTML file: every target with its interval, the delays, and the peers. No script, no external asset."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from bench.page import page
from sim.plot import Dot, dots, lines
from sim.table import DELAYS, between, delayed, percent

LOGARITHMIC = ("false alarms a month",)
"""Groups of targets whose figures differ by orders of magnitude."""
TOP = 8.0
"""Of the picture of evidence: log of evidence by threshold."""


def render(told: Mapping[str, Any]) -> str:
    """The whole page."""
    return page(
        Path(__file__).parent,
        told=told,
        plots=[*_targets(told["targets"]), *_peers(told)],
        trace=_trace(told),
        between=between,
        percent=percent,
        delayed=delayed,
        after=DELAYS,
    )


def _targets(targets: Sequence[Mapping[str, Any]]) -> list[tuple[str, Markup]]:
    """A plot for each group of several targets; a vertical line where they share a goal."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for one in targets:
        groups.setdefault(one["group"], []).append(one)
    made = []
    for group, rows in groups.items():
        goals = {one["target"] for one in rows}
        drawn = [
            Dot(
                one["setting"],
                one["value"],
                one["low"],
                one["high"],
                {True: "ours", False: "missed", None: "open"}[one["met"]],
                "" if one["value"] is not None else "never",
            )
            for one in rows
        ]
        goal = goals.pop() if len(goals) == 1 else None
        if len(rows) > 1:
            picture = dots(drawn, group, goal=goal, logarithmic=group.startswith(LOGARITHMIC))
            made.append((f"{rows[0]['target_of']}: {group}", picture))
    return made


def _peers(told: Mapping[str, Any]) -> list[tuple[str, Markup]]:
    made = []
    for p01, rows in list(told["peers"].items())[:1]:
        for scene, title in (
            ("calm", "share of runs with a false alarm, no difference"),
            ("tolerated", "share of runs with an alarm, a harm of exactly tau"),
            ("better", "share of runs with an alarm after an improvement of 5 points"),
        ):
            shares = [
                _dot(row, row[scene]["fired"], percent(row[scene]))
                for row in rows
                if scene in row and row[scene]["fired"]
            ]
            made.append((f"{title}, p01 {p01}", dots(shares, title)))
        for scene, said in zip(("first", *DELAYS), ("the first pair", "2k", "20k", "200k"), strict=True):
            title = f"median pairs to the alarm, harm of 5 points {'from' if scene == 'first' else 'after'} {said}"
            late = [
                _dot(row, row[scene]["median"] or (None, None, None), delayed(row[scene]))
                for row in rows
                if scene in row
            ]
            made.append((f"{title}, p01 {p01}", dots(late, title, logarithmic=True)))
    return made


def _dot(row: Mapping[str, Any], found: Sequence[float | None], note: str) -> Dot:
    value, low, high = found
    return Dot(row["name"], value, low, high, "ours" if row["ours"] else "peer", note)


def _trace(told: Mapping[str, Any]) -> Markup:
    trace = told["trace"]
    if trace is None:
        return Markup("")
    # Above the picture's top there is nothing more to see: the alarm has long been given.
    points = [[pairs, min(again, TOP), min(once, TOP)] for pairs, again, once in trace["points"]]
    series = [("once", [(p[0], p[2]) for p in points]), ("again", [(p[0], p[1]) for p in points])]
    return lines(series, "evidence of one cell by its threshold", mark=trace["clean"], goal=0.0)
