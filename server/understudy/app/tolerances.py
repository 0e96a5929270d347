"""`understudy tolerances`: is a file right, what does it say, and what would a change of it mean."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from understudy.app.check import vocabulary
from understudy.config import Analyzers, Categories
from understudy.config import load as load_config
from understudy.drift.bet import BINS, STEPS, kl_inf
from understudy.drift.judge import SPREAD_SHARE
from understudy.drift.load import load, parsed
from understudy.drift.spelling import strange
from understudy.drift.tolerance import Budget, Discovery, Limit, Tolerances
from understudy.errors import LINE, UnderstudyError, shown

DEFAULT = "default"
"""In place of a file: the shipped tolerances."""
DISCORDANT = 0.01
"""Share of pairs in which an equal candidate is worse by chance, and in which it is better: for figures in votes."""
HARM = 0.08
"""The regression for which figures in votes are given."""
MARKER = 0.125
"""Start weight of an announced change."""
WRONG = 3
DIFFERENT = 1

TABLES = ("metrics", "slices", "budget", "discovery")
SCALARS = tuple(f.name for f in fields(Tolerances) if f.name not in TABLES)


# -- check --------------------------------------------------------------------------------------------------


def check(path: Path, config: Path | None, *, as_json: bool) -> int:
    """Print what is wrong with a file, a line each; 0 when nothing is, else 3."""
    problems: list[str] = []
    tolerances: Tolerances | None = None
    try:
        tolerances = load(path)
        settings = load_config(config) if config is not None else None
        analyzers = settings.analyzers if settings is not None else Analyzers()
        categories = settings.categories if settings is not None else Categories()
        problems += [f"{path}: {line}" for line in strange(tolerances, *vocabulary(analyzers, categories))]
    except UnderstudyError as error:
        problems.append(str(error))
    if as_json:
        hashed = tolerances.hash() if tolerances is not None else None
        print(json.dumps({"ok": not problems, "problems": problems, "hash": hashed}))
    else:
        for problem in problems:
            print(shown(problem, LINE))
        if tolerances is not None and not problems:
            rules = f", rules for {shown(', '.join(tolerances.slices), LINE)}" if tolerances.slices else ""
            print(f"{shown(path)}: fine: {len(tolerances.metrics)} metrics{rules}; hash {tolerances.hash()}")
    return WRONG if problems else 0


# -- show ---------------------------------------------------------------------------------------------------


def show(path: Path | None, *, as_json: bool) -> int:
    """Print every number that holds and where it comes from.

    Raises:
        ConfigError: the file is wrong.
    """
    tolerances, said = _read(path)
    told = described(tolerances, said)
    if as_json:
        print(json.dumps({"file": str(path) if path else None, **told}, ensure_ascii=False))
        return 0
    console = _console()
    table = _table("metric", ">tau", "judged", "from", "why")
    for name, entry in told["metrics"].items():
        judged = "yes" if entry["judged"] else "shown only"
        judged += ", without a control too" if entry["absolute"] else ""
        _row(table, name, f"{entry['tau']:g}", judged, entry["from"], entry["reason"])
    console.print(table)
    if told["slices"]:
        console.print()
        table = _table("slice", "metric", ">tau", ">weight")
        for name, rule in told["slices"].items():
            rows = list(rule["tau"].items()) or [("", None)]
            for metric, tau in rows:
                _row(table, name, metric, "" if tau is None else f"{tau:g}", f"{rule['weight']:g}")
        console.print(table)
    console.print()
    table = _table("setting", ">value", "from", "meaning")
    found = {f"discovery.{name}": entry for name, entry in told["discovery"].items()}
    for name, entry in (told["budget"] | told["settings"] | found).items():
        _row(table, name, _value(entry["value"]), entry["from"], MEANINGS[name])
    console.print(table)
    console.print(f"\nhash {told['hash']}", markup=False, soft_wrap=True)
    return 0


MEANINGS = {
    "warn": "expected false alarms a month above tau / 2, all cells together",
    "page": "the same above tau: wakes somebody",
    "rollback": "the same above tau, so sure that a machine may act",
    "alpha_within": "chance of certifying a cell that stands exactly at its tolerance",
    "minimum_clusters": "distinct conversations before a rollback",
    "coverage": "least share of a cell's pairs that must be scored",
    "tick_s": "length of a tick, seconds",
    "ttl_s": "a WITHIN needs a vote this recent, seconds",
    "stalled_ticks": "ticks under the coverage floor before EvidenceStalled",
    "expected_cells": "cells that an announced change reserves evidence for",
    "maximum_cells": "cells of all lanes; further slices share the slice `other`",
    "maximum_lanes": "live lanes; the one silent longest is closed for a new one",
    "discovery.on": "whether intersections of two slices that nobody named are searched",
    "discovery.share": "of the budget, for all of them together",
    "discovery.places": "of them watched at one time",
    "discovery.minimum": "votes before one is proposed or let go",
}


def described(tolerances: Tolerances, said: Mapping[str, Any]) -> dict[str, Any]:
    """Everything as JSON values; `said` is the file as parsed, which tells what it says itself."""

    def source(table: Mapping[str, Any], name: str) -> str:
        entry = table.get(name)
        return (
            "default"
            if entry is None
            else f"file ({', '.join(entry)})"
            if isinstance(entry, dict)
            else "file"
        )

    metrics = said.get("metrics", {})
    budget = said.get("budget", {})
    return {
        "hash": tolerances.hash(),
        "metrics": {
            name: {**asdict(limit), "from": source(metrics, name)}
            for name, limit in tolerances.metrics.items()
        },
        "slices": {
            name: {"tau": dict(rule.tau), "weight": rule.weight} for name, rule in tolerances.slices.items()
        },
        "budget": {
            one.name: {"value": getattr(tolerances.budget, one.name), "from": source(budget, one.name)}
            for one in fields(Budget)
        },
        "discovery": {
            one.name: {
                "value": getattr(tolerances.discovery, one.name),
                "from": source(said.get("discovery", {}), one.name),
            }
            for one in fields(Discovery)
        },
        "settings": {
            name: {"value": getattr(tolerances, name), "from": source(said, name)} for name in SCALARS
        },
    }


# -- diff ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """One number that is another."""

    what: str
    """Dotted, as the file spells it."""
    old: object
    new: object
    means: str


def diff(old: Path, new: Path, *, as_json: bool) -> int:
    """Print what changes; 0 when nothing does, 1 when something does.

    Raises:
        ConfigError: a file is wrong.
    """
    before, after = (_read(None if str(path) == DEFAULT else path)[0] for path in (old, new))
    found = list(differences(before, after))
    lanes = before.hash() != after.hash()
    if as_json:
        told = {
            "same": not lanes,
            "opens_new_lanes": lanes,
            "hashes": [before.hash(), after.hash()],
            "changes": [asdict(one) for one in found],
        }
        print(json.dumps(told, ensure_ascii=False))
        return DIFFERENT if lanes else 0
    console = _console()
    if found:
        table = _table("what", f">{shown(old.name)}", f">{shown(new.name)}", "meaning")
        for one in found:
            _row(table, one.what, _value(one.old), _value(one.new), one.means)
        console.print(table)
        console.print(
            f"Votes are for an equal candidate that differs by chance in {2 * DISCORDANT:.0%} of the pairs, and for a "
            f"harm of {100 * HARM:g} points after an announced change.",
            style="dim",
            markup=False,
        )
    if lanes:
        if not found:
            console.print("Entries come or go that say what holds without them.")
        console.print("Evidence begins anew: every lane is closed and another one opens under the new hash.")
        console.print(f"hash {before.hash()}\n  to {after.hash()}", markup=False, soft_wrap=True)
        return DIFFERENT
    console.print(
        "Nothing that evidence is measured by changes" + ("; only reasons do." if found else "."),
        markup=False,
    )
    return 0


def differences(old: Tolerances, new: Tolerances) -> Iterator[Difference]:
    """Every number that is another, in the file's order, with what that means."""
    for name in dict.fromkeys([*old.metrics, *new.metrics]):
        before, after = old.limit(name), new.limit(name)
        if before.tau != after.tau:
            means = _tau(before.tau, after.tau, old, new)
            yield Difference(f"metrics.{name}.tau", before.tau, after.tau, means)
        for flag, told in (("judged", JUDGED), ("absolute", ABSOLUTE)):
            if getattr(before, flag) != getattr(after, flag):
                now = getattr(after, flag)
                yield Difference(f"metrics.{name}.{flag}", getattr(before, flag), now, told[now])
        if name in old.metrics and name in new.metrics and _reworded(before, after):
            yield Difference(f"metrics.{name}.reason", before.reason, after.reason, "no other evidence")
    for name in dict.fromkeys([*old.slices, *new.slices]):
        yield from _slice(name, old, new)
    for tier in fields(Budget):
        x, y = getattr(old.budget, tier.name), getattr(new.budget, tier.name)
        if x != y:
            means = "more false alarms, sooner" if y > x else "fewer false alarms, later"
            if tier.name != "warn":
                votes = _votes(to_breach(0.02, x, old)), _votes(to_breach(0.02, y, new))
                means += f": {votes[0]} votes become {votes[1]} at tau .02"
            yield Difference(f"budget.{tier.name}", x, y, means)
    for name in SCALARS:
        x, y = getattr(old, name), getattr(new, name)
        if x != y:
            yield Difference(name, x, y, MEANINGS[name])
    if old.discovery.on or new.discovery.on:  # else nothing of it matters
        for one in fields(Discovery):
            x, y = getattr(old.discovery, one.name), getattr(new.discovery, one.name)
            if x != y:
                yield Difference(f"discovery.{one.name}", x, y, MEANINGS[f"discovery.{one.name}"])


JUDGED = {True: "judged from now on", False: "shown from now on, never a verdict"}
ABSOLUTE = {True: "judged without a control too", False: "judged against the control only"}


def _slice(name: str, old: Tolerances, new: Tolerances) -> Iterator[Difference]:
    before, after = old.slices.get(name), new.slices.get(name)
    metrics = dict.fromkeys([*(before.tau if before else ()), *(after.tau if after else ())])
    for metric in metrics:
        x, y = old.tau(name, metric), new.tau(name, metric)
        if x != y:
            yield Difference(f"slices.{name}.tau.{metric}", x, y, _tau(x, y, old, new))
    x, y = old.weight(name), new.weight(name)
    if x != y:
        means = (
            "a larger share of the budget: found sooner"
            if y > x
            else "a smaller share of the budget: found later"
        )
        yield Difference(f"slices.{name}.weight", x, y, means)
    if (before is None) != (after is None) and not metrics and x == y:
        yield Difference(
            f"slices.{name}", before is not None, after is not None, "named, with nothing that differs"
        )


def _tau(x: float, y: float, old: Tolerances, new: Tolerances) -> str:
    certify = to_certify(x, old), to_certify(y, new)
    breach = to_breach(x, old.budget.page, old), to_breach(y, new.budget.page, new)
    return (
        f"{'tighter' if y < x else 'looser'}: WITHIN takes {_votes(certify[1])} votes, before {_votes(certify[0])}; "
        f"BREACH {_votes(breach[1])}, before {_votes(breach[0])}"
    )


def to_certify(tau: float, tolerances: Tolerances) -> float:
    """About how many votes WITHIN takes for an equal candidate: ln(1 / alpha_W) / KL_inf (design, "Certificate")."""
    return math.log(1.0 / tolerances.alpha_within) / max(_growth(0.0, tau, -1), 1e-12)


def to_breach(tau: float, x: float, tolerances: Tolerances) -> float:
    """About how many votes a harm takes after an announced change: ln(cells / (x w)) / KL_inf (design, T3)."""
    named = 1.0 - tolerances.discovery.share if tolerances.discovery.on else 1.0
    share = x * (1.0 - SPREAD_SHARE) * named * MARKER / tolerances.expected_cells
    rate = _growth(HARM, tau, 1)
    return math.log(1.0 / share) / rate if rate > 1e-12 else math.inf


def _growth(delta: float, tau: float, sign: int) -> float:
    """KL_inf of paired differences of a binary metric, nats a vote."""
    p = np.zeros((1, BINS))
    p[0, 0], p[0, -1] = DISCORDANT, DISCORDANT + delta
    p[0, STEPS] = 1.0 - p.sum()
    return float(kl_inf(p, np.array([tau]), sign)[0])


def _votes(number: float) -> str:
    return f"{math.ceil(number):,}" if math.isfinite(number) else "no number of"


def _reworded(before: Limit, after: Limit) -> bool:
    return before.reason != after.reason and (before.tau, before.judged) == (after.tau, after.judged)


# -- both ---------------------------------------------------------------------------------------------------


def _read(path: Path | None) -> tuple[Tolerances, Mapping[str, Any]]:
    """The tolerances, and what their file says itself."""
    if path is None:
        return Tolerances.default(), {}
    return load(path), parsed(path)


def _console() -> Console:
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=160)


def _table(*names: str) -> Table:
    """Columns; a name that begins with > is of figures."""
    columns = [
        Column(Text(name.lstrip(">")), justify="right" if name.startswith(">") else "left", overflow="fold")
        for name in names
    ]
    return Table(*columns, box=None, pad_edge=False, header_style="bold")


def _row(table: Table, *values: str) -> None:
    table.add_row(*(Text(shown(value, LINE)) for value in values))  # no markup: names may hold brackets


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else str(value)
