"""T5, T6: how soon an equal candidate is certified, how often one at its tolerance is, and how calmly states change."""

import math
from typing import Any

import numpy as np
from understudy.drift.tolerance import Tolerances

from sim.delay import detect, rest, told
from sim.plan import TAU, Plan
from sim.runs import CELL_WEIGHT, TICK_WEIGHT, Runs, draw, fastest, mix

PER_TICK = 10
CELLS = 60
LARGEST_SHARE = 0.1
"""A cell's largest share of the page budget: x * v <= .05 at x = .5."""


def certificate(rng: np.random.Generator, plan: Plan, *, p01: float) -> dict[str, Any]:
    """Pairs from a lane's start to WITHIN, candidate and baseline equal."""
    n = plan.certificate_runs
    runs, chances = Runs(n), mix(p01, 0.0)
    delays = np.full(n, math.inf)
    for tick in range(500):
        runs.sow(CELL_WEIGHT / CELLS, TICK_WEIGHT)
        runs.tick(draw(rng, PER_TICK, chances, n))
        delays[runs.certified & np.isinf(delays)] = (tick + 1) * PER_TICK
        if np.isfinite(delays).all():
            break
    best = math.log(1.0 / Tolerances.default().alpha_within) / fastest(chances, sign=-1)
    return {"p01": p01, "best": best, "delays": told(delays)}


def false_certificate(rng: np.random.Generator, plan: Plan, *, p01: float, month: bool) -> dict[str, Any]:
    """Lanes at the tolerance that are certified at least once: from their start alone, or with a month's weight."""
    n, ticks, per_tick = 2 * plan.certificate_runs, (200 if plan.quick else 1000), 50
    runs, chances = Runs(n), mix(p01, TAU)
    wrong = np.zeros(n, dtype=bool)
    for _ in range(ticks):
        # No breach in the way, which would end a certificate: its detector gets no weight.
        runs.sow(0.0, 0.5 / ticks if month else 0.0)
        runs.tick(draw(rng, per_tick, chances, n))
        wrong |= runs.certified
    return {"p01": p01, "month": month, "runs": n, "pairs": ticks * per_tick, "wrong": int(wrong.sum())}


def flips(rng: np.random.Generator, plan: Plan, *, p01: float, latched: bool) -> dict[str, Any]:
    """Changes into and out of BREACH at the tolerance, a month's weight within the run; a cell of the largest share.

    `latched`: the run begins in BREACH, as after a repair that goes back to the tolerance exactly.
    """
    n, per_tick = plan.certificate_runs // 2, 20
    ticks = plan.flip_pairs // per_tick
    runs, chances = Runs(n), mix(p01, TAU)
    if latched:
        runs.latch()
    changed, before = 0, runs.breach.copy()
    for _ in range(ticks):
        runs.sow(LARGEST_SHARE * 0.5 / ticks, 0.5 / ticks)
        runs.tick(draw(rng, per_tick, chances, n))
        changed += int((runs.breach != before).sum())
        before = runs.breach.copy()
    return {"p01": p01, "latched": latched, "runs": n, "pairs": plan.flip_pairs, "flips": changed}


def repair(rng: np.random.Generator, plan: Plan, *, p01: float) -> dict[str, Any]:
    """Votes to a BREACH at twice the tolerance, and from the repair to its end: the same distance, both ways.

    A repair is judged by what follows it, not by how bad it was: after a greater harm it takes as long, while the
    harm itself is found sooner.
    """
    n, chances = plan.certificate_runs // 4, mix(p01, 2 * TAU)
    runs = Runs(n)
    rest(rng, runs, p01=p01, cells=CELLS, pairs=2000, per_tick=PER_TICK)
    found = detect(rng, runs, chances, cells=CELLS, per_tick=PER_TICK, ticks=4000)
    # Those that were found are over and gone; others of their kind, in BREACH for as long as that took, are repaired.
    runs = Runs(n)
    runs.latch()
    middle = float(np.median(found))
    for _ in range(math.ceil(middle / PER_TICK)):
        runs.sow(CELL_WEIGHT / CELLS, TICK_WEIGHT)
        runs.tick(draw(rng, PER_TICK, chances, n))
    cleared = np.full(n, math.inf)
    for tick in range(4000):
        runs.sow(CELL_WEIGHT / CELLS, TICK_WEIGHT)
        runs.tick(draw(rng, PER_TICK, mix(p01, 0.0), n))
        cleared[~runs.breach & np.isinf(cleared)] = (tick + 1) * PER_TICK
        if np.isfinite(cleared).all():
            break
    return {"p01": p01, "delta": 2 * TAU, "found": told(found), "cleared": told(cleared)}
