"""The evaluation for a terminal: every figure with its interval and target, the worst parts beside it."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bench.page import number

MARK = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}
SIGN = {"at least": ">=", "at most": "<="}
PARTS = 3
"""Parts of a breakdown that are shown, the worst first."""


def show(told: Mapping[str, Any], console: Console) -> None:
    """A table a section."""
    for section in told["sections"]:
        table = Table(title=section["name"], box=SIMPLE, title_justify="left", title_style="bold")
        table.add_column("")
        table.add_column("what")
        for head in ("target", "value", "95 %", "cases"):
            table.add_column(head, justify="right")
        table.add_column("worst of its parts")
        for figure in section["figures"]:
            table.add_row(MARK[figure["met"]], figure["name"], goal(figure), *found(figure), parts(figure))
            if figure["note"]:
                table.add_row("", f"[dim]{figure['note']}[/]")
        console.print(table)


def goal(figure: Mapping[str, Any]) -> str:
    """`>= .93`; empty when a figure is only told."""
    return "" if figure["target"] is None else f"{SIGN[figure['limit']]} {number(figure['target'])}"


def found(figure: Mapping[str, Any]) -> tuple[str, str, str]:
    """Value, interval and number of cases."""
    told = figure["found"]
    if told is None:
        return "-", "", ""
    between = "" if told["low"] is None else f"[{number(told['low'])}, {number(told['high'])}]"
    return number(told["value"]), between.replace("[", "\\["), f"{told['rounds']:,}"


def parts(figure: Mapping[str, Any]) -> str:
    """The worst parts of a breakdown."""
    worst = sorted(figure["by"].items(), key=lambda part: part[1], reverse=figure["limit"] == "at most")
    return ", ".join(f"{name} {number(value)}" for name, value in worst[:PARTS])
