"""T10: conversations whose turns depend on each other, through the product's booth."""

from typing import Any

import numpy as np
from understudy.drift.bet import BINS
from understudy.drift.booth import Booth
from understudy.drift.digest import Hashes
from understudy.drift.digest import mix as hashed

from sim.boundary import ALPHA
from sim.plan import TAU, Plan
from sim.runs import Runs, mix

STARTED = 5
"""Conversations that begin in each tick of each run."""
TICK_S = 600.0
P01 = 0.02


def talks(
    rng: np.random.Generator, plan: Plan, *, length: int, share: float, once: bool = True
) -> dict[str, Any]:
    """Alarms of runs at the tolerance, start weight 1 each, when every conversation has a turn in `length` ticks.

    Args:
        rng: of the votes.
        plan: runs and ticks.
        length: ticks that a conversation spans, one turn in each.
        share: of the turns that repeat the conversation's own difference; the others are drawn anew.
        once: one vote per conversation, as the product counts; else one per turn, to see what that would do.
    """
    n, ticks = plan.talk_runs if once else plan.talk_runs // 6, plan.talk_ticks
    booth = Booth(TICK_S, 8)
    runs = Runs(n, alpha=ALPHA)
    names = list(runs.family.names)
    known = set(names)
    chances, values = mix(P01, TAU), np.array([-1.0, 0.0, 1.0])
    group = np.repeat(np.arange(n), STARTED)
    alive: list[tuple[np.ndarray[Any, np.dtype[np.float64]], Hashes]] = []
    votes = 0
    for tick in range(ticks):
        own = rng.choice(values, len(group), p=chances)
        alive.append((own, rng.integers(0, 2**63, len(group)).astype(np.uint64)))
        alive = alive[-length:]
        d = np.concatenate([each for each, _ in alive])
        clusters = np.concatenate([ids for _, ids in alive])
        run = np.tile(group, len(alive))
        if share < 1.0:
            fresh = rng.random(len(d)) >= share
            d = np.where(fresh, rng.choice(values, len(d), p=chances), d)
        pairs = hashed(clusters, np.full(len(clusters), tick, dtype=np.uint64))
        ts = TICK_S * (tick + rng.random(len(d)))
        booth.columns(
            ts,
            [names[i] for i in run.tolist()],
            clusters if once else pairs,
            pairs,
            d,
            np.zeros(len(d), dtype=np.int64),
        )
        runs.sow(1.0 / ticks)
        report = booth.close(tick, known)
        votes += int(report.rows[report.rows[:, 2] < BINS, 3].sum())
        runs.take(report)
    return {
        "length": length,
        "share": share,
        "once": once,
        "runs": n,
        "turns": int(STARTED * sum(min(tick + 1, length) for tick in range(ticks))),
        "votes": votes / n,
        "alarms": int(runs.alarms.sum()),
        "runs_with_alarm": int((runs.alarms > 0).sum()),
    }
