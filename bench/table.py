"""What a run comes to: medians of each row, the cost of control replies, and how both are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import page
from bench.measure import Figures
from bench.rows import ROWS
from bench.stats import estimate, ratios
from bench.targets import added, beyond, series

BARE = ("direct", "direct-finite")
TABLES = (
    (
        "latency, streams, cost",
        (
            ("+p50 us", "added_p50_us"),
            ("+p99 us", "added_p99_us"),
            ("held", "streams"),
            ("CPU us", "cpu_us"),
            ("B/idle", "idle_stream_bytes"),
        ),
    ),
    (
        "rates a second",
        (
            ("most", "most_rps"),
            ("kept", "rate_rps"),
            ("varied", "varied_rps"),
            ("messages", "messages_s"),
            ("of them kept", "messages_kept"),
        ),
    ),
    (
        "an engine of finite capacity",
        (("+p50 us", "finite_p50_us"), ("+p99 us", "finite_p99_us"), ("controls", "controls")),
    ),
)


def summary(
    found: Mapping[str, Mapping[str, Sequence[Figures | None]]], checked: Mapping[str, Sequence[int]]
) -> dict[str, dict[str, Any]]:
    """Row -> its medians, None where it was not measured."""

    def middle(values: Sequence[float | None]) -> float | None:
        kept = [value for value in values if value is not None]
        return median(kept) if kept else None

    return {
        one.name: {
            "title": one.title,
            "added_p50_us": None if one.name in BARE else middle(added(found, one.name, "p50_us")),
            "added_p99_us": None if one.name in BARE else middle(added(found, one.name, "p99_us")),
            "most_rps": middle(series(found, "most", one.name, "rps")),
            "rate_rps": middle(series(found, "rate", one.name, "rps")),
            "varied_rps": middle(series(found, "varied", one.name, "rps")),
            "messages_s": middle(series(found, "unpaced", one.name, "messages_s")),
            "messages_kept": middle(series(found, "unpaced", one.name, "kept")),
            "streams": middle(series(found, "held", one.name, "streams")),
            "cpu_us": middle(series(found, "cost", one.name, "cpu_us")),
            "idle_stream_bytes": middle(series(found, "memory", one.name, "bytes")),
            "finite_p50_us": None if one.name in BARE else middle(_scarce(found, one.name, "p50_us")),
            "finite_p99_us": None if one.name in BARE else middle(_scarce(found, one.name, "p99_us")),
            "controls": middle(series(found, "scarce", one.name, "controls")),
            "checked": checked.get(one.name, [0, 0])[0],
            "differed": checked.get(one.name, [0, 0])[1],
        }
        for one in ROWS
    }


def _scarce(
    found: Mapping[str, Mapping[str, Sequence[Figures | None]]], name: str, figure: str
) -> list[float | None]:
    return beyond(found, "scarce", name, "direct-finite", figure)


def control(found: Mapping[str, Mapping[str, Sequence[Figures | None]]]) -> dict[str, Any]:
    """What control replies cost the callers of an engine of finite capacity: latency with them by that without."""
    told: dict[str, Any] = {}
    for figure in ("p50_us", "p99_us"):
        with_, without = (series(found, "scarce", f"paired-{name}", figure) for name in ("control", "finite"))
        cost = estimate(ratios(with_, without))
        told[figure.removesuffix("_us")] = None if cost is None else asdict(cost)
    return told


def show(told: Mapping[str, Any], console: Console) -> None:
    """The table of rows, the targets, and what was unusable."""
    for title, columns in TABLES:
        table = Table(title=f"{title}: medians over rounds", title_justify="left")
        for head in ("row", *(head for head, _ in columns)):
            table.add_column(head, justify="left" if head == "row" else "right", no_wrap=True)
        for name, each in told["rows"].items():
            figures = [each[figure] for _, figure in columns]
            if any(figure is not None for figure in figures):
                table.add_row(name, *map(page.number, figures))
        if table.row_count:
            console.print(table)
    costs = [
        f"{name} {page.number(cost['value'])} times that without" + _between(cost)
        for name, cost in told["control"].items()
        if cost is not None
    ]
    if costs:
        console.print(f"callers with control replies for 1 %: {'; '.join(costs)}")
    verdicts = Table(title="targets", title_justify="left")
    for head in ("", "what", "target", "value", "95 %"):
        verdicts.add_column(head, justify="right" if head in ("target", "value", "95 %") else "left")
    for one in told["targets"]:
        mark = {True: "[green]met[/]", False: "[red]missed[/]", None: "[yellow]open[/]"}[one["met"]]
        sign = "<=" if one["limit"] == "at most" else ">="
        goal, value = f"{sign} {page.number(one['target'])}", page.number(one["value"])
        if one["bound"]:
            value += f" ({one['bound']})"
        verdicts.add_row(mark, one["what"], goal, value, _between(one, ""))
    console.print(verdicts)
    if told["quick"]:
        console.print("[yellow]quick: too few rounds for an interval, so ratios decide nothing[/]")
    if told["machine"]["load_before"] > 0.5:
        console.print(
            f"[yellow]the machine was busy before the run: load {told['machine']['load_before']}[/]"
        )
    for note in told["notes"]:
        console.print(f"[yellow]note:[/] {note}")


def _between(one: Mapping[str, Any], lead: str = ", ") -> str:
    """The interval in words; an end that is not known is left open."""
    if one["low"] is None and one["high"] is None:
        return ""
    return f"{lead}{page.number(one['low'])} to {page.number(one['high'])}"
