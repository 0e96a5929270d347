"""What a run comes to: the targets, the delays by F, and the peers beside the product on the same pairs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bench.page import number
from sim.delay import heard
from sim.peers.rules import RULES
from sim.stats import quantile, share

DELAYS = ("after 2k", "after 20k", "after 200k")
MARK = {True: "[green]met[/]", False: "[red]missed[/]", None: "[yellow]open[/]"}


def delays(found: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every change that was simulated: F, the delays, and the efficiency F by the median delay."""
    made = []
    for name, f in found.items():
        if name.startswith(("T2", "T3")):
            made.append(
                {"kind": "announced" if name.startswith("T3") else "unannounced", **_row(f, f["delays"])}
            )
        elif name.startswith("T4"):
            for which in ("short", "long", "endless"):
                kind = f"after {f[f'{which}_pairs']:,} clean"
                made.append({"kind": kind, **_row(f, f[f"{which}_delays"])})
    return made


def _row(f: Mapping[str, Any], told: list[float | None]) -> dict[str, Any]:
    values = heard(told)
    middle, tail = (quantile(values, q) for q in (0.5, 0.9))
    return {
        "p01": f["p01"],
        "delta": f["delta"],
        "cells": f["cells"],
        "best": f["best"],
        "median": None if middle is None else middle.value,
        "p90": None if tail is None else tail.value,
        "efficiency": None if middle is None else f["best"] / middle.value,
        "runs": len(told),
    }


def peers(found: Mapping[str, Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """p01 -> a row for each rule, with shares and delays and their intervals."""
    scenes: dict[str, dict[str, Mapping[str, Any]]] = {}
    for f in found.values():
        if "scene" in f:
            scenes.setdefault(f"{f['p01']:g}", {})[f["scene"]] = f
    made: dict[str, list[dict[str, Any]]] = {}
    for p01, acts in scenes.items():
        rows = made.setdefault(p01, [])
        for rule in RULES:
            if any(rule.name not in act["rules"] for act in acts.values()):
                continue
            row: dict[str, Any] = {
                "name": rule.name,
                "against": rule.against,
                "setting": rule.setting,
                "source": rule.source,
                "ours": rule.ours,
            }
            for scene, act in acts.items():
                row[scene] = _scene(act["rules"][rule.name], act, rule.name)
            rows.append(row)
    return made


def _scene(told: Mapping[str, Any], act: Mapping[str, Any], name: str) -> dict[str, Any]:
    values = heard(told["delays"])
    fired = share(int(np.isfinite(values).sum()), len(values)) if len(values) else None
    middle = quantile(values, 0.5)
    best = (act["best"] or {}).get(name)
    return {
        "runs": told["runs"],
        "early": told["early"] / told["runs"],
        "fired": None if fired is None else [fired.value, fired.low, fired.high],
        "median": None if middle is None else [middle.value, middle.low, middle.high],
        "horizon": act["pairs"],
        "efficiency": None if best is None or middle is None else best / middle.value,
    }


def show(told: Mapping[str, Any], console: Console) -> None:
    """Everything, for a terminal."""
    _targets(told, console)
    if told["delays"]:
        table = _table(
            "votes from a change to its BREACH; F = votes the best bet needs; efficiency = F / median",
            ("change", "p01", "mean", "F", "median", "p90", "efficiency"),
        )
        for row in told["delays"]:
            figures = (row["best"], row["median"], row["p90"], row["efficiency"])
            table.add_row(row["kind"], f"{row['p01']:g}", f"{row['delta']:g}", *map(number, figures))
        console.print(table)
    for p01, rows in told["peers"].items():
        _peers(p01, rows, told["rules"], console)
    for note in told["notes"]:
        console.print(f"[yellow]note:[/] {note}")


def _targets(told: Mapping[str, Any], console: Console) -> None:
    """A line a group with its worst setting, then every setting that is not met."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for one in told["targets"]:
        if not one["stretch"]:
            groups.setdefault(one["group"], []).append(one)
    heads = ("", "T", "what", "target", "worst", "95 %", "runs", "settings")
    table = _table("targets, each by its worst setting: exact or bootstrap 95 % intervals", heads)
    unmet = []
    for group, rows in groups.items():
        worst = max(rows, key=_badness)
        verdicts = {one["met"] for one in rows}
        mark = MARK[False if False in verdicts else None if None in verdicts else True]
        several = f"{sum(one['met'] is True for one in rows)} of {len(rows)} met" if len(rows) > 1 else ""
        table.add_row(mark, worst["target_of"], group, *_figures(worst), several)
        unmet += [one for one in rows if one["met"] is not True and len(rows) > 1]
    console.print(table)
    if unmet:
        table = _table(
            "of these, what is not met", ("", "T", "what", "setting", "target", "value", "95 %", "runs")
        )
        for one in unmet:
            table.add_row(MARK[one["met"]], one["target_of"], one["group"], one["setting"], *_figures(one))
        console.print(table)
    shown = [one for one in told["targets"] if one["stretch"]]
    if shown:
        table = _table("beside the targets", ("T", "what", "setting", "value", "95 %", "runs"))
        for one in shown:
            table.add_row(one["target_of"], one["group"], one["setting"], *_figures(one)[1:])
        console.print(table)
    if told["quick"]:
        console.print("[yellow]quick: few and short runs; many intervals decide nothing[/]")


def _badness(one: Mapping[str, Any]) -> tuple[int, float]:
    """Missed before open before met, then by how far."""
    value = float("inf") if one["value"] is None else one["value"]
    by = value / one["target"] if one["target"] else value
    return {True: 0, None: 1, False: 2}[one["met"]], -by if one["limit"] == "at least" else by


def _figures(one: Mapping[str, Any]) -> tuple[str, str, str, str]:
    sign = "<=" if one["limit"] == "at most" else ">="
    value = "never" if one["value"] is None else number(one["value"])
    return f"{sign} {number(one['target'])}", value, between(one), f"{one['runs']:,}"


def _peers(p01: str, rows: list[dict[str, Any]], rules: Mapping[str, Any], console: Console) -> None:
    acts = rules["acts"]
    title = (
        f"on the same pairs, p01 {p01}, tau .02, a look every {rules['per_tick']} pairs: share of runs of "
        f"{acts['calm']['pairs']:,} pairs with a false alarm; median pairs to the alarm at a mean of {rules['delta']:g}"
    )
    table = _table(
        title,
        (
            *("rule", "denies", "false, mean 0", "at tau"),
            *(f"clean {acts[name]['clean']:,}" for name in DELAYS),
            *("from the first pair", "on improvement", "F / delay"),
        ),
    )
    for row in rows:
        after = [delayed(row.get(name)) for name in DELAYS]
        better = row.get("better")
        efficiency = (row.get("after 20k") or {}).get("efficiency")
        table.add_row(
            f"[bold]{row['name']}[/]" if row["ours"] else row["name"],
            row["against"],
            percent(row.get("calm")),
            percent(row.get("tolerated")),
            *after,
            delayed(row.get("first")),
            percent(better),
            number(efficiency),
        )
    console.print(table)


def percent(scene: Mapping[str, Any] | None) -> str:
    """Share of runs that fired."""
    if scene is None or scene["fired"] is None:
        return "\N{EN DASH}"
    return f"{scene['fired'][0]:.1%}"


def delayed(scene: Mapping[str, Any] | None) -> str:
    """The median delay, with the share of runs that had fired before the change, or that never did."""
    if scene is None:
        return "\N{EN DASH}"
    if scene["fired"] is None:
        return "fired before: 100%"
    said = number(scene["median"][0]) if scene["median"] else f"> {scene['horizon']:,}"
    missed = 1.0 - scene["fired"][0]
    notes = []
    if scene["early"] >= 0.005:
        notes.append(f"before: {scene['early']:.0%}")
    if missed >= 0.005:
        notes.append(f"never: {missed:.0%}")
    return said + (f" ({', '.join(notes)})" if notes else "")


def between(one: Mapping[str, Any]) -> str:
    """An interval in words, open where an end is not known."""
    if one["low"] is None and one["high"] is None:
        return ""
    return f"{number(one['low'])} to {number(one['high'])}"


def _table(title: str, heads: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False, collapse_padding=True)
    for head in heads:
        words = head in ("", "T", "what", "setting", "rule", "denies", "change", "settings")
        table.add_column(head, justify="left" if words else "right")
    return table
