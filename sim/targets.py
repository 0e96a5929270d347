"""The targets of the specification, held against what the jobs found.

`met` is True or False when the whole 95 % interval says so, None when it straddles the target. What must never
happen at all, and what is deterministic, is decided by its count.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from understudy.drift.tolerance import Budget

from bench.stats import Estimate, Limit, met
from sim.delay import heard
from sim.stats import apart, quantile, rate, ratio, scaled, share

Found = Mapping[str, Mapping[str, Any]]
"""Job -> its figures."""
PAGE, ROLLBACK = Budget().page, Budget().rollback


def targets(found: Found) -> list[dict[str, Any]]:
    """Every target that was simulated."""
    made: list[dict[str, Any]] = []
    for name, figures in found.items():
        for each in judged(name, figures):
            made.append(each)
    engine = next((i for i, one in enumerate(made) if one["target_of"] != "T1"), len(made))
    return [*made[:engine], *_months(found), *made[engine:]]


def judged(name: str, f: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """The targets of one job."""
    kind = " ".join(name.split()[:2]).rstrip(",")
    p01 = f"p01 {f['p01']:g}" if "p01" in f else ""
    if kind == "T1 accelerated":
        found = scaled(rate(f["alarms"], f["runs"], f["runs"]), 2000)
        group = f"alarms of 2,000 runs of {f['pairs']:,} pairs at tau, alpha .05"
        yield target(name, group, p01, 130, found)
    elif kind == "T1 month":
        for tier, budget in (("page", PAGE), ("rollback", ROLLBACK)):
            told = f[tier]
            found = scaled(Estimate(told["value"], told["low"], told["high"], f["runs"]), 1.0, told["rest"])
            group = f"false alarms a month with every cell at tau, {tier} tier"
            yield target(f"{name}, {tier}", group, f"{f['cells']:,} cells, {p01}", budget, found)
    elif name.startswith(("T2", "T3")):
        yield from _delays(name, f)
    elif name.startswith("T4"):
        for which, said in (("long", f"{f['long_pairs']:,}"), ("endless", "10^8")):
            by = f[f"{which}_ratio"]
            found = apart(None if by is None else Estimate(by[0], by[1], by[2], f["runs"]))
            group = f"by how much the delay after {said} clean pairs differs from that after 2,000"
            fine = f[f"{which}_finite"]
            yield target(
                f"{name}, {which}", group, p01, 0.15, found, verdict=None if fine else False, decided=not fine
            )
    elif kind == "T5 certificate":
        group = "pairs from a lane's start to WITHIN, candidate equal, median"
        found = quantile(heard(f["delays"]), 0.5)
        yield target(name, group, p01, 1000, found, stretch=f["p01"] > 0.02)
    elif kind == "T5 false":
        bound = 0.075 if f["month"] else 0.05
        group = "lanes at tau ever certified, from their start" + (
            " and a month's weight" if f["month"] else ""
        )
        yield target(name, group, p01, bound, share(f["wrong"], f["runs"]))
    elif kind == "T6 flips":
        found = rate(f["flips"], f["runs"] * f["pairs"] / 1e5, f["runs"])
        group = "flips per 100k pairs at tau, begun " + ("in BREACH" if f["latched"] else "fresh")
        yield target(name, group, p01, 0.1, found)
    elif kind == "T6 repair":
        group = (
            "pairs until a repair is cleared by those until the harm was found, the same distance from tau"
        )
        yield target(name, group, p01, 1.5, _ratio(f["cleared"], f["found"]))
    elif name.startswith("T7"):
        ways = f["ways"]
        unlike = sum(
            (way["tallies"], way["lines"]) != (ways[0]["tallies"], ways[0]["lines"]) for way in ways[1:]
        )
        group = f"of {len(ways) - 1} other ways of delivery, those with other counts or other verdict bytes"
        fine = unlike == 0 and ways[0]["count"] > 3
        found = Estimate(unlike, None, None, len(ways) - 1)
        yield target(name, group, f"{f['votes']:,} votes", 0, found, verdict=fine, decided=True)
    elif kind == "T8 ticks":
        setting = f"{f['voting']:.0%} of the cells voting, {f['control']:,} instrument checks"
        yield target(name, "CPU ms a tick of 3,000 cells", setting, 10, quantile(np.array(f["cpu_ms"]), 0.5))
    elif kind == "T8 votes":
        setting = "as Vote objects" if f["objects"] else "as arrays"
        yield target(name, "CPU us a vote, row to count", setting, 2, quantile(np.array(f["cpu_us"]), 0.5))
    elif name.startswith("T9"):
        setting = f"one of {f['cells']:,} cells, {f['per_tick']} a tick"
        group = "pairs to the rollback tier when every pair is bad, p90"
        yield target(name, group, setting, 60 + f["per_tick"], quantile(heard(f["delays"]), 0.9))
    elif kind == "T8 memory":
        found = Estimate(f["bytes_per_cell"], None, None, 1)
        setting = f"{f['votes_per_cell']} votes each, of {f['cells']:,}"
        yield target(name, "bytes that a cell holds in memory", setting, 16_384, found, stretch=True)
    elif name.startswith("T10"):
        said = "all" if f["share"] == 1.0 else "half"
        group = "runs at tau with an alarm at alpha .05, turns of a conversation correlated"
        setting = f"{f['length']} ticks a conversation, {said} of its turns alike"
        found = share(f["runs_with_alarm"], f["runs"])
        if f["once"]:
            yield target(name, group, setting, 0.05, found)
        else:
            group = "the same if every turn had a vote, as the product does not count"
            yield target(name, group, setting, 0.05, found, stretch=True)
    elif name.startswith("T11"):
        yield from _missing(name, f)
    elif name == "rewording":
        setting = f"{f['judged']} judged cells, {f['pairs']:,} pairs"
        yield never(name, "alarms while 6 % are reworded and nothing else", setting, f["alarms"], f["cells"])
    elif name == "opposite":
        group = "runs in which refusals gained here and lost there are both found"
        found = share(f["found"], f["runs"])
        setting = f"{100 * f['delta']:g} points, {f['pairs']:,} pairs"
        yield target(name, group, setting, 0.9, found, limit=Limit.LEAST)


def _delays(name: str, f: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Delays by F, less the ticks that the target allows."""
    delays, best = heard(f["delays"]), f["best"]
    marked = name.startswith("T3")
    factors = [(0.5, 1.35, 1, "median")] if marked else [(0.5, 1.25, 1, "median"), (0.9, 1.75, 2, "p90")]
    for q, most, ticks, said in factors:
        found = scaled(quantile(delays, q), 1.0 / best, -ticks * f["per_tick"] / best)
        kind = "announced" if marked else "unannounced"
        group = f"{kind} change: {said} delay less {ticks} tick{'s' * (ticks > 1)}, by F"
        yield target(f"{name}, {said}", group, f"p01 {f['p01']:g}, mean {f['delta']:g}", most, found)


def _months(found: Found) -> list[dict[str, Any]]:
    """Alarms of whole engines, all their months together."""
    parts = [f for name, f in found.items() if name.startswith("T1 engine")]
    if not parts:
        return []
    months = sum(part["months"] for part in parts)
    made = []
    for tier, budget in (("page", PAGE), ("rollback", ROLLBACK)):
        count = sum(part[tier] + (part["spread"] if tier == "page" else 0) for part in parts)
        group = f"the same counted in whole engines, {tier} tier"
        setting = f"{parts[0]['cells']:,} cells, {months} months"
        # So few months cannot tell .01 from 0: that one is shown beside the other, which is judged.
        told_ = rate(count, months, months)
        made.append(target(f"T1 engine, {tier}", group, setting, budget, told_, stretch=tier == "rollback"))
    return made


def _missing(name: str, f: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """T11, and beside it how soon a certificate is left, and that few missing pairs do not forbid one."""
    said = "unscored" if f["named"] else "lost"
    setting = f"{said}, {f['runs']} cells of {f['pairs']:,} pairs"
    if f["share"] < 0.05:
        group = f"cells WITHIN at the end while {f['share']:.1%} of the pairs are missing"
        most = share(f["within_at_end"], f["runs"])
        yield target(name, group, setting, 0.9, most, limit=Limit.LEAST, stretch=True)
    elif f["onset"]:
        group = f"pairs until WITHIN is left once {f['share']:.0%} go missing after {f['onset']:,} clean ones, p90"
        found = quantile(heard(f["left_after"]), 0.9)
        yield target(name, group, f"{said}, {f['held']} cells", 1000, found, stretch=True)
    else:
        group = f"cells ever WITHIN while {f['share']:.0%} of the pairs, all bad, are missing"
        yield never(name, group, setting, f["ever_within"], f["runs"])


def _ratio(values: list[float | None], base: list[float | None]) -> Estimate | None:
    return ratio(heard(values), heard(base), np.random.default_rng(1))


def never(name: str, group: str, setting: str, count: int, runs: int) -> dict[str, Any]:
    """A target of 0: decided by the count; the interval says what share it could still be."""
    return target(
        name, group, setting, 0, Estimate(count, None, None, runs), verdict=count == 0, decided=True
    )


def target(
    id_: str,
    group: str,
    setting: str,
    goal: float,
    found: Estimate | None,
    *,
    limit: Limit = Limit.MOST,
    verdict: bool | None = None,
    decided: bool = False,
    stretch: bool = False,
) -> dict[str, Any]:
    """One row of the table of targets.

    Args:
        id_: the job, and what of it.
        group: what is measured, in words.
        setting: of which there are several in a group.
        goal: the figure of the specification.
        found: None = most runs never got there, which misses.
        limit: which side is good.
        verdict: what is decided otherwise than by the interval, when `decided`.
        decided: take `verdict`.
        stretch: shown beside the target, not of it.
    """
    judged_ = verdict if decided else False if found is None else met(found, goal, limit)
    return {
        "id": id_,
        "target_of": id_.split()[0] if id_[0] == "T" else "shows",
        "group": group,
        "setting": setting,
        "target": goal,
        "limit": limit.value,
        "value": None if found is None else found.value,
        "met": judged_,
        "stretch": stretch,
        "low": None if found is None else found.low,
        "high": None if found is None else found.high,
        "runs": 0 if found is None else found.rounds,
    }
