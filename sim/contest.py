"""The peers' runs: every rule looks at the same pairs at the end of every tick, until it fires."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from understudy.drift.bet import Floats

from sim.delay import CELLS, told, unannounced
from sim.peers.look import LEAST, Counts, Look, Rule, Scene
from sim.peers.rules import present
from sim.plan import TAU, Plan
from sim.runs import Runs, draw, fastest, mix

PER_TICK = 20
BOTH = 0.05
"""Share of the pairs in which both replies are bad: most rules do not see them."""
DELTA = 0.05
SLOW_PAIRS = 12_000_000
"""About what the rules in plain Python are shown of a scene."""


@dataclass(frozen=True, slots=True)
class Act:
    """What happens in a scene: so many clean pairs, then so many with a mean of delta."""

    name: str
    clean: int
    delta: float
    pairs: int


def acts(plan: Plan) -> dict[str, Act]:
    """The scenes by name."""
    horizon = plan.horizon
    made = (
        Act("calm", 0, 0.0, plan.contest_pairs),
        Act("tolerated", 0, TAU, plan.contest_pairs),
        Act("first", 0, DELTA, horizon),
        Act("after 2k", 2_000, DELTA, horizon),
        Act("after 20k", 20_000, DELTA, horizon),
        Act("after 200k", plan.long_clean, DELTA, 4 * horizon),
        Act("better", 2_000, -DELTA, plan.contest_pairs),
    )
    return {act.name: act for act in made}


def contest(rng: np.random.Generator, plan: Plan, *, scene: str, p01: float) -> dict[str, Any]:
    """One scene: of each rule, how many runs it fired in before the change, and its delays after it."""
    act = acts(plan)[scene]
    rules = present()
    found = play(rng, rules, act, p01=p01, runs=plan.contest_runs, slow_runs=plan.slow_runs)
    best = None
    if act.delta > TAU:
        gained = fastest(mix(p01, act.delta))
        ticks = (act.clean + act.pairs) // PER_TICK
        best = {
            "understudy": math.log(ticks / 0.05) / gained,
            "understudy, shipped": unannounced(CELLS) / gained,
        }
    return {
        "scene": scene,
        "p01": p01,
        "clean": act.clean,
        "delta": act.delta,
        "pairs": act.pairs,
        "best": best,
        "rules": found,
    }


def play(
    rng: np.random.Generator, rules: Sequence[Rule], act: Act, *, p01: float, runs: int, slow_runs: int
) -> dict[str, dict[str, Any]]:
    """Every rule on the same counts."""
    ticks = (act.clean + act.pairs) // PER_TICK
    few = max(1, min(slow_runs, SLOW_PAIRS // (act.clean + act.pairs)))
    seed = int(rng.integers(2**31))
    scene = Scene(runs, ticks, PER_TICK, seed)
    own = {rule.name for rule in rules if rule.ours}
    judges = {rule.name: rule.make(replace(scene, runs=few) if rule.slow else scene) for rule in rules}
    fired = {rule.name: np.full(few if rule.slow else runs, math.inf) for rule in rules}
    before, after = _chances(p01, 0.0), _chances(p01, act.delta)
    total = np.zeros((4, runs), dtype=np.int64)
    for tick in range(1, ticks + 1):
        n = tick * PER_TICK
        drawn = rng.multinomial(PER_TICK, before if n <= act.clean else after, size=runs)
        noise = rng.binomial(PER_TICK, 2.0 * p01, runs)
        here = np.stack([drawn[:, 0], drawn[:, 1], drawn[:, 2], noise])
        total = total + here
        look = Look(Counts(*here), Counts(*total), n, PER_TICK)
        for name in list(judges):
            says = judges[name](look)
            if n >= LEAST or name in own:
                at = fired[name]
                at[says[: len(at)] & np.isinf(at)] = n
                if np.isfinite(at).all():
                    del judges[name]
        if not judges:
            break
    return {rule.name: _summary(fired[rule.name], act.clean) for rule in rules}


def _chances(p01: float, delta: float) -> Floats:
    """Of minus, plus, both, and neither."""
    minus, _, plus = mix(p01, delta)
    return np.array([minus, plus, BOTH, 1.0 - minus - plus - BOTH])


def _summary(fired: Floats, clean: int) -> dict[str, Any]:
    early = fired <= clean
    return {"runs": len(fired), "early": int(early.sum()), "delays": told(fired[~early] - clean)}


def trace(rng: np.random.Generator, plan: Plan) -> dict[str, Any]:
    """One cell's evidence by its threshold: 20,000 clean pairs, then 5 points worse; restarted, and begun once."""
    p01, alpha = 0.01, 0.05
    clean, worse = 20_000, 24_000
    ticks = (clean + worse) // PER_TICK
    again, once = Runs(1, alpha=alpha), Runs(1, alpha=alpha)
    points: list[list[float]] = []
    for tick in range(ticks):
        chances = mix(p01, 0.0 if tick * PER_TICK < clean else DELTA)
        counts = draw(rng, PER_TICK, chances, 1)
        again.sow(1.0 / ticks)
        once.sow(1.0 if tick == 0 else 0.0)
        # Only counted: neither starts anew at its alarm, so that the picture goes on.
        again.count(counts)
        once.count(counts)
        if (tick + 1) % 10 == 0:
            values = (float(runs.value()[0]) * alpha for runs in (again, once))
            points.append([(tick + 1) * PER_TICK, *(math.log(max(value, 1e-12)) for value in values)])
    del plan
    return {"clean": clean, "delta": DELTA, "points": points}
