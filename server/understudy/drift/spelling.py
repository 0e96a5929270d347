"""Names in a tolerances file that nothing answers to: a limit on a misspelt name would never be applied."""

from collections.abc import Collection
from difflib import get_close_matches

from understudy.drift.cross import JOIN, joined, parts
from understudy.drift.tolerance import DEFAULTS, OTHER, Tolerances
from understudy.drift.vote import ALL, cell_metrics
from understudy.score import Metric

FALLBACKS = frozenset({"default", "flip"})
"""Entries of [metrics] that are no metric: they stand for those without an entry. A slice has none."""
TOLD = 20
"""Names that nothing answers to, told one by one."""
LISTED = "use one of:"


def made(metrics: Collection[Metric]) -> set[str]:
    """Every name a tolerance may have where these metrics are scored; the shipped names are always known."""
    names = {*cell_metrics(metrics), *DEFAULTS} - FALLBACKS
    return names | {name + "_coupled" for name in names if not name.endswith("_coupled")}


def strange(
    tolerances: Tolerances, metrics: Collection[str] | None, categorizers: Collection[str]
) -> list[str]:
    """A line for each of the first names that are neither a metric (None: not known here) nor a slice there can be.

    What else is wrong is counted in a last line, and all metrics there are are listed once: a file may hold thousands.
    """
    known = metrics if metrics is not None else ()
    unknown: list[tuple[str, str]] = []
    lines: list[str] = []
    if metrics is not None:
        strangers = (name for name in tolerances.metrics if name not in known and name not in FALLBACKS)
        unknown += [(f"metrics.{name}", name) for name in strangers]
    for name, rule in tolerances.slices.items():
        if name not in (ALL, OTHER):
            lines += [f"tolerances: {line}" for line in slices(f"slices.{name}", (name,), categorizers)]
        if metrics is not None:
            unknown += [(f"slices.{name}.tau.{one}", one) for one in rule.tau if one not in known]
    listed = False
    told: list[str] = []
    for where, name in unknown[:TOLD]:
        how = mend(name, known)
        if how.startswith(LISTED):
            how, listed = ("use one of the names above" if listed else how), True
        told.append(f"tolerances: {where} is no metric of the loaded analyzers; {how}")
    more = len(unknown) - len(told) + max(0, len(told) + len(lines) - TOLD)
    return (told + lines)[:TOLD] + ([f"tolerances: and {more:,} more such names"] if more else [])


def slices(where: str, names: Collection[str], categorizers: Collection[str]) -> list[str]:
    """One line for each name that is neither `<categorizer>=<value>` nor two of these, sorted and joined by `&`.

    Which values there are nobody can know.
    """
    lines = []
    for name in names:
        if JOIN in name:
            lines += _intersection(where, name, categorizers)
            continue
        categorizer, equals, value = name.partition("=")
        if not equals or not value or not categorizer:
            some = ", ".join(f"{one}=..." for one in sorted(categorizers))
            lines.append(f"{where}: {name!r} is no slice; write <categorizer>=<value>: {some}")
        elif categorizer not in categorizers:
            lines.append(
                f"{where}: {name!r} names no categorizer that is configured; {mend(categorizer, categorizers)}"
            )
    return lines


def _intersection(where: str, name: str, categorizers: Collection[str]) -> list[str]:
    sides = name.split(JOIN)
    wrong = slices(where, sides, categorizers)
    if wrong or parts(name) is not None:
        return wrong
    if len(sides) == 2 and parts(joined(*sides)) is not None:
        return [f"{where}: {name!r} is not sorted; did you mean {joined(*sides)}?"]
    return [
        f"{where}: {name!r} is no slice; two slices of different categorizers make one: language=de&task=math"
    ]


def mend(name: str, known: Collection[str]) -> str:
    """The nearest known name, or all of them."""
    near = get_close_matches(name, sorted(known), 1)
    return f"did you mean {near[0]}?" if near else f"{LISTED} {', '.join(sorted(known))}"
