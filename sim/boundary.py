"""T1: false alarms of cells exactly at their tolerance, in three ways.

Accelerated: each run spends a whole month's start weight, which deployments share among all cells, at alpha .05.
Tilted: one cell of a real deployment alarms too rarely to be waited for. Its votes are drawn from what the detector
bets on instead, and each alarm counts with the likelihood ratio, which is the detector's own value: exact importance
sampling.
Months: whole engines with all their cells, weights, markers and the sum over cells.
"""

from typing import Any

import numpy as np
from understudy.drift.bet import GRID, RHO, Floats
from understudy.drift.engine import MONTH_S, Drift
from understudy.drift.judge import SPREAD_SHARE
from understudy.drift.tolerance import Budget, Tier
from understudy.drift.verdict import Why

from sim.plan import DISCORDANCE, TAU, Plan
from sim.runs import LANE, METRIC, NAMED, Runs, draw, mix, tally, tolerances
from sim.stats import mean

ALPHA = 0.05
MARKERS = 6
"""Announced changes in each simulated month of a whole engine."""
MONTH_VOTES = 28_800
"""Of each of its cells, in that month."""
PER_TICK = 10


def accelerated(rng: np.random.Generator, plan: Plan, *, p01: float) -> dict[str, Any]:
    """Alarms of runs with start weight 1 each at threshold 1 / .05, a look every 10 pairs."""
    ticks = plan.boundary_pairs // PER_TICK
    runs = Runs(plan.boundary_runs, alpha=ALPHA)
    chances = mix(p01, TAU)
    for _ in range(ticks):
        runs.sow(1.0 / ticks)
        runs.tick(draw(rng, PER_TICK, chances, plan.boundary_runs))
    return {
        "p01": p01,
        "runs": plan.boundary_runs,
        "pairs": plan.boundary_pairs,
        "alarms": int(runs.alarms.sum()),
        "runs_with_alarm": int((runs.alarms > 0).sum()),
    }


def tilted(rng: np.random.Generator, plan: Plan, *, p01: float, cells: int) -> dict[str, Any]:
    """Expected alarms a month of `cells` cells at tau, at both tiers, by importance sampling."""
    n, ticks, per_tick = plan.tilted_runs, plan.tilted_ticks, 25
    budget = Budget()
    # M is linear in its starts: a cell with 1 / cells of the named cells' weight alarms at 1 / x where one with all of
    # it is at cells / (x NAMED).
    spent = {"page": budget.page * (1.0 - SPREAD_SHARE), "rollback": budget.rollback}
    levels = {tier: cells / (x * NAMED) for tier, x in spent.items()}
    runs = Runs(n, alpha=ALPHA)  # of which only M is used
    chances = mix(p01, TAU)
    bets = RHO / (1.0 + TAU)
    tilt = chances[None, :] * (1.0 + bets[:, None] * (np.array([-1.0, 0.0, 1.0]) - TAU)[None, :])
    begins = rng.integers(0, ticks, n)
    bet = rng.integers(0, GRID, n)
    gained = {name: np.zeros(n) for name in levels}
    here = np.arange(n)
    for tick in range(ticks):
        p: Floats = np.where((tick >= begins[here])[:, None], tilt[bet[here]], chances[None, :])
        runs.sow(1.0 / ticks)
        runs.count(rng.multinomial(per_tick, p / p.sum(axis=1, keepdims=True)))
        value, left = runs.value(), 1.0 - (tick + 1) / ticks
        for name, level in levels.items():
            fresh = (value >= level) & (gained[name][here] == 0)
            gained[name][here[fresh]] = 1.0 / (value[fresh] + left)
        going = gained["rollback"][here] == 0
        runs.family.reset(np.flatnonzero(~going), "page")  # or they would grow without end
        if going.sum() < 0.7 * len(here):
            runs.keep(going)
            here = here[going]
            if not len(here):
                break
    made: dict[str, Any] = {"p01": p01, "cells": cells, "runs": n, "ticks": ticks, "pairs": ticks * per_tick}
    for name in levels:
        found = mean(cells * gained[name])
        # What else may spend of the budget is counted as spent: discovered slices, and the sum over cells.
        rest = (1.0 - NAMED) * spent[name] + (budget.page * SPREAD_SHARE if name == "page" else 0.0)
        made[name] = {"value": found.value, "low": found.low, "high": found.high, "rest": rest}
    return made


def months(rng: np.random.Generator, plan: Plan, *, part: int) -> dict[str, Any]:
    """Alarms of a whole engine over several months, all cells at tau in four mixes."""
    cells, ticks = plan.month_cells, plan.month_ticks
    drift = Drift(tolerances(), tick_s=MONTH_S / ticks)
    slices = [f"s{i:05d}" for i in range(cells)]
    names = tuple((LANE, slice_, METRIC) for slice_ in slices)
    drift.declare(LANE, slices, [METRIC])
    chances = np.stack([mix(DISCORDANCE[i % len(DISCORDANCE)], TAU) for i in range(cells)])
    total, votes = plan.months * ticks, MONTH_VOTES // ticks
    for k in range(plan.months * MARKERS):
        drift.announce(f"change {k}", tick=k * ticks // MARKERS)
    counted = {"page": 0, "spread": 0, "rollback": 0, "within": 0}
    for tick in range(total):
        for change in drift.fold(tally(tick, names, rng.multinomial(votes, chances))):
            tier, was = change.verdict.tier, change.was_tier
            spread = change.verdict.reason is Why.SPREAD
            counted["spread"] += spread
            counted["page"] += not spread and was < Tier.PAGE <= tier
            counted["rollback"] += was < Tier.ROLLBACK <= tier
            counted["within"] += change.verdict.state == "WITHIN"
    return {
        "part": part,
        "months": plan.months,
        "cells": cells,
        "ticks": ticks,
        "votes": votes * total,
        **counted,
    }
