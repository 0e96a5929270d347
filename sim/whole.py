"""T9, T11 and two Shows on whole engines: catastrophes, missing pairs, harmless rewording, refusals both ways."""

import math
from typing import Any

import numpy as np
from understudy.drift.bet import Floats, Ints
from understudy.drift.digest import Hashes
from understudy.drift.engine import MONTH_S, Drift
from understudy.drift.tally import Name
from understudy.drift.tolerance import Tier, Tolerances
from understudy.drift.verdict import Change, State
from understudy.drift.vote import EVERY

from sim.delay import told
from sim.plan import Plan
from sim.runs import LANE, METRIC, draw, mix, tally, tolerances

SCORED, MISSING = 0, 1


def catastrophe(rng: np.random.Generator, plan: Plan, *, cells: int, per_tick: int) -> dict[str, Any]:
    """T9: every reply of one slice is bad, unannounced, after 2,000 clean pairs: its pairs to the rollback tier."""
    slices = [f"s{i:05d}" for i in range(cells)]
    names = ((LANE, slices[0], METRIC),)
    clean, bad = mix(0.01, 0.0), np.array([0.0, 0.01, 0.99])  # where the baseline was bad as well, D = 0
    delays = np.full(plan.catastrophes, math.inf)
    for run in range(plan.catastrophes):
        drift = Drift(tolerances())
        drift.declare(LANE, slices, [METRIC])
        for tick in range(50):
            drift.fold(tally(tick, names, draw(rng, 40, clean, 1)))
        for tick in range(50, 50 + math.ceil(200 / per_tick)):
            changes = drift.fold(tally(tick, names, draw(rng, per_tick, bad, 1)))
            if any(change.verdict.tier is Tier.ROLLBACK for change in changes):
                delays[run] = (tick - 49) * per_tick
                break
    return {"cells": cells, "per_tick": per_tick, "delays": told(delays)}


class Stream:
    """Votes with a cluster each, through the booth."""

    def __init__(self, rng: np.random.Generator, drift: Drift, tick_s: float) -> None:
        self.rng, self.drift, self.tick_s = rng, drift, tick_s

    def vote(self, tick: int, names: list[Name], d: Floats, codes: Ints) -> None:
        """Rows of one tick, each of a pair and a cluster of its own."""
        ids: Hashes = self.rng.integers(0, 2**63, len(names)).astype(np.uint64)
        self.drift.add_columns(np.full(len(names), (tick + 0.5) * self.tick_s), names, ids, ids, d, codes)


def missing(
    rng: np.random.Generator, plan: Plan, *, named: bool, onset: int, share: float = 0.05, tau: float = 0.02
) -> dict[str, Any]:
    """T11: a share of the pairs, all of them bad, has no score; what is left is clean.

    Args:
        rng: of the votes.
        plan: runs and pairs.
        named: they are unscored in the metric; else lost, of which the slice is all that is known.
        onset: pairs without a missing one before that.
        share: of the pairs.
        tau: the tolerance.
    """
    n, per_tick = plan.missing_runs if named else plan.missing_runs // 4, 10
    slices = [f"s{i:05d}" for i in range(n)]
    drift = Drift(tolerances(tau))
    drift.declare(LANE, slices, [METRIC])
    stream = Stream(rng, drift, drift.tick_s)
    known: list[Name] = [(LANE, slice_, METRIC) for slice_ in slices for _ in range(per_tick)]
    gone: list[Name] = known if named else [(LANE, name[1], EVERY) for name in known]
    ticks, begins = (onset + plan.missing_pairs) // per_tick, onset // per_tick
    ever, left = np.zeros(n, dtype=bool), np.full(n, math.inf)
    within, held = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    number = {slice_: i for i, slice_ in enumerate(slices)}
    for tick in range(ticks):
        absent = (rng.random(len(known)) < share) & (tick >= begins)
        d = rng.choice([-1.0, 0.0, 1.0], len(known), p=mix(0.01, 0.0))
        rows = [g if a else k for k, g, a in zip(known, gone, absent.tolist(), strict=True)]
        stream.vote(tick, rows, np.where(absent, 0.0, d), np.where(absent, MISSING, SCORED))
        for change in drift.close(tick):
            if change.verdict.slice in number:
                within[number[change.verdict.slice]] = change.verdict.state is State.WITHIN
        if tick == begins - 1:
            held = within.copy()
        if tick >= begins:
            ever |= within
            pairs = (tick - begins + 1) * per_tick
            left = np.where(within, math.inf, np.minimum(left, pairs))
    return {
        "named": named,
        "onset": onset,
        "share": share,
        "tau": tau,
        "runs": n,
        "pairs": plan.missing_pairs,
        "ever_within": int(ever.sum()),
        "within_at_end": int(within.sum()),
        "held": int(held.sum()),
        "left_after": told(left[held]),
    }


def rewording(rng: np.random.Generator, plan: Plan) -> dict[str, Any]:
    """A Show: under greedy decoding 6 % of the replies are worded otherwise, nothing else differs: silence."""
    slices, ticks, per_tick = [f"s{i:02d}" for i in range(12)], plan.month_ticks // 2, 40
    chances = {
        "agreement_exact_coupled": np.array([0.0, 0.94, 0.06]),
        "agreement_edit_coupled": np.array([0.0, 0.97, 0.03]),
        "task_agreement_coupled": mix(0.004, 0.0),
        "refusal_gained": mix(0.002, 0.0),
        "refusal_lost": mix(0.002, 0.0),
        "verbosity_gained": mix(0.02, 0.0),
        "verbosity_lost": mix(0.02, 0.0),
        "failure": mix(0.001, 0.0),
    }
    names = tuple(sorted((LANE, slice_, metric) for slice_ in slices for metric in chances))
    p = np.stack([chances[metric] for _, _, metric in names])
    drift = Drift(Tolerances.default(), tick_s=MONTH_S / ticks)
    drift.declare(LANE, slices, list(chances))
    drift.announce("start")
    changes: list[Change] = []
    for tick in range(ticks):
        changes += drift.fold(tally(tick, names, rng.multinomial(per_tick, p)))
    loud = [change for change in changes if change.verdict.tier > Tier.NONE]
    certified = sum(verdict.state is State.WITHIN for verdict in drift.verdicts())
    judged = sum(not metric.startswith("agreement") for _, _, metric in names)
    return {
        "cells": len(names),
        "judged": judged,
        "pairs": ticks * per_tick,
        "alarms": len(loud),
        "within": certified,
    }


def opposite(rng: np.random.Generator, plan: Plan, *, delta: float = 0.08) -> dict[str, Any]:
    """A Show: one slice refuses more, another as much less, so that nothing moves over all: both are found."""
    runs, ticks, per_tick = plan.catastrophes, 150, 20
    chosen = Tolerances.default()
    slices, metrics = ["all", "task=chat", "task=code"], ["refusal_gained", "refusal_lost"]
    names = tuple((LANE, slice_, metric) for slice_ in slices for metric in metrics)
    found, silent = 0, 0
    for _ in range(runs):
        drift = Drift(chosen)
        drift.declare(LANE, slices, metrics)
        drift.announce("start")
        breached: set[tuple[str, str]] = set()
        for tick in range(ticks):
            chat = draw(rng, per_tick, mix(0.01, delta), 1)[0]
            code = draw(rng, per_tick, mix(0.01, -delta), 1)[0]
            whole = chat + code
            counts = np.stack([whole, whole[::-1], chat, chat[::-1], code, code[::-1]])
            for change in drift.fold(tally(tick, names, counts)):
                if change.verdict.state is State.BREACH:
                    breached.add((change.verdict.slice, change.verdict.metric))
        found += {("task=chat", "refusal_gained"), ("task=code", "refusal_lost")} <= breached
        silent += not any(slice_ == "all" for slice_, _ in breached)
    return {"runs": runs, "delta": delta, "found": found, "all_silent": silent, "pairs": ticks * per_tick}
