"""T2, T3, T4: how many votes pass between a change and its BREACH.

F is the number of votes the best bet would need if it knew the change and began with it: ln(threshold / start
weight) / KL_inf. Efficiency is F by the delay that half of the runs do not exceed.
"""

import math
from typing import Any

import numpy as np
from understudy.drift.bet import Floats
from understudy.drift.tolerance import Budget

from sim.plan import MONTH_TICKS, Plan
from sim.runs import CELL_WEIGHT, NAMED, TICK_WEIGHT, Runs, draw, fastest, mix
from sim.stats import ratio

X = Budget().page
CELLS = 300
"""Cells that share the budget, where nothing else is said."""
ANNOUNCED_CELLS = 60
MARKER = 0.125
PER_TICK = 20
CLEAN = 2000
"""Clean pairs before a change."""


def unannounced(cells: int = CELLS) -> float:
    """Nats to an alarm from the start weight of one tick."""
    return math.log(2.0 * MONTH_TICKS * cells / X)


def announced(cells: int = ANNOUNCED_CELLS) -> float:
    """The same from the start weight of a marker."""
    return math.log(cells / (X * MARKER))


def detect(
    rng: np.random.Generator,
    runs: Runs,
    chances: Floats,
    *,
    cells: int,
    per_tick: int,
    ticks: int,
    marker: float = 0.0,
) -> Floats:
    """Votes from now to BREACH of each run that is not in it; infinite where `ticks` do not suffice.

    Args:
        rng: of the votes.
        runs: they are used up.
        chances: of D = -1, 0, +1 from now on.
        cells: among which the budget is shared.
        per_tick: votes of each run in a tick.
        ticks: when to give up.
        marker: the weight of an announcement, which comes with the change.
    """
    runs.keep(~runs.breach)
    delays = np.full(len(runs), math.inf)
    here = np.arange(len(runs))
    for tick in range(ticks):
        if not len(here):
            break
        weight = CELL_WEIGHT + (NAMED * marker if tick == 0 else 0.0)
        runs.sow(weight / cells, TICK_WEIGHT)
        runs.tick(draw(rng, per_tick, chances, len(here)))
        found = runs.breach & np.isinf(delays[here])
        delays[here[found]] = (tick + 1) * per_tick
        going = np.isinf(delays[here])
        if going.sum() < 0.7 * len(here):
            runs.keep(going)
            here = here[going]
    return delays


def rest(rng: np.random.Generator, runs: Runs, *, p01: float, cells: int, pairs: int, per_tick: int) -> None:
    """So many pairs without any change."""
    chances = mix(p01, 0.0)
    for _ in range(max(1, pairs // per_tick)):
        runs.sow(CELL_WEIGHT / cells, TICK_WEIGHT)
        runs.tick(draw(rng, per_tick, chances, len(runs)))


def change(rng: np.random.Generator, plan: Plan, *, p01: float, delta: float, marked: bool) -> dict[str, Any]:
    """T2 or T3: from clean to a mean of delta, at about 150 ticks per F, so that a tick weighs little."""
    cells = ANNOUNCED_CELLS if marked else CELLS
    chances = mix(p01, delta)
    best = (announced() if marked else unannounced()) / fastest(chances)
    per_tick = max(1, round(best / 150))
    runs = Runs(plan.delay_runs)
    rest(rng, runs, p01=p01, cells=cells, pairs=CLEAN, per_tick=per_tick)
    early = int(runs.breach.sum())
    delays = detect(
        rng,
        runs,
        chances,
        cells=cells,
        per_tick=per_tick,
        ticks=math.ceil(3 * best / per_tick),
        marker=MARKER if marked else 0.0,
    )
    return {
        "p01": p01,
        "delta": delta,
        "cells": cells,
        "per_tick": per_tick,
        "best": best,
        "early": early,
        "delays": told(delays),
    }


def told(delays: Floats) -> list[float | None]:
    """As JSON has it: None for a run that never got there."""
    return [float(delay) if math.isfinite(delay) else None for delay in delays]


def heard(delays: list[float | None]) -> Floats:
    """And back."""
    return np.array([math.inf if delay is None else delay for delay in delays])


def past(rng: np.random.Generator, plan: Plan, *, p01: float, delta: float = 0.05) -> dict[str, Any]:
    """T4: the same change after 2k and after 200k clean pairs, and (a Show) after 10^8 fed as counts."""
    n, chances = plan.delay_runs // 2, mix(p01, delta)
    best = unannounced() / fastest(chances)
    made: dict[str, Any] = {"p01": p01, "delta": delta, "best": best, "cells": CELLS, "runs": n}
    found: dict[str, Floats] = {}
    for name, pairs, per_tick in (
        ("short", CLEAN, PER_TICK),
        ("long", plan.long_clean, PER_TICK),
        ("endless", 10**8, 10**8 // (50 if plan.quick else 1000)),
    ):
        runs = Runs(n)
        rest(rng, runs, p01=p01, cells=CELLS, pairs=pairs, per_tick=per_tick)
        wealth = runs.family.wealth
        made[f"{name}_finite"] = bool(np.isfinite(wealth).all() and (runs.value() > 0).all())
        made[f"{name}_pairs"] = pairs
        made[f"{name}_early"] = int(runs.breach.sum())
        found[name] = detect(
            rng, runs, chances, cells=CELLS, per_tick=PER_TICK, ticks=math.ceil(3 * best / PER_TICK)
        )
        made[f"{name}_delays"] = told(found[name])
    for name in ("long", "endless"):
        by = ratio(found[name], found["short"], rng)
        made[f"{name}_ratio"] = None if by is None else [by.value, by.low, by.high]
    return made
