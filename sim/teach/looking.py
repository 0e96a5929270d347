"""Why looking again and again at a z-test fails, on a cell exactly at its tolerance: nothing is wrong there."""

import math

import numpy as np
from understudy.drift.bet import Floats

from sim.plan import TAU
from sim.runs import Runs, draw, mix
from sim.teach.ink import Panel, picture

SEED = 4
RUNS, LOOKS, EACH = 1000, 400, 50
"""20,000 votes in each run, a look after every 50."""
ALPHA, Z = 0.05, 1.6449
FIRST = 4
"""Looks before the z-test begins: its normal approximation wants some votes."""


def simulated() -> tuple[Floats, Floats, Floats]:
    """(z of every run and look, share of runs the z-test stopped so far, the same of the engine)."""
    rng = np.random.default_rng(SEED)
    chances = mix(0.01, TAU)
    runs = Runs(RUNS, alpha=ALPHA)
    sums, squares = np.zeros(RUNS), np.zeros(RUNS)
    z, ours = np.zeros((RUNS, LOOKS)), np.zeros(LOOKS)
    for look in range(LOOKS):
        counts = draw(rng, EACH, chances, RUNS)
        # The whole month's weight in one run, as if it were the only cell: the expected alarms are ALPHA at most.
        runs.sow(1.0 / LOOKS)
        runs.tick(counts)
        ours[look] = (runs.alarms > 0).mean()
        sums += counts[:, 2] - counts[:, 0]
        squares += counts[:, 2] + counts[:, 0]
        n = EACH * (look + 1)
        mean = sums / n
        spread = np.sqrt(np.maximum(squares / n - mean**2, 1e-12) / n)
        z[:, look] = (mean - TAU) / spread if look >= FIRST else 0.0
    theirs: Floats = np.maximum.accumulate(z >= Z, axis=1).mean(axis=0)
    return z, theirs, ours


def drawn() -> tuple[str, dict[str, float]]:
    """The picture, and the shares it ends with."""
    z, theirs, ours = simulated()
    votes = [float(EACH * (look + 1)) for look in range(LOOKS)]
    # A run that a single look at the end would have left in peace.
    crossing = np.flatnonzero((z.max(axis=1) >= 2.0) & (z[:, -1] < 0.5) & (z[:, :100].max(axis=1) < Z))
    run = z[int(crossing[0])]
    upper = Panel.of((0, 20_000), (-3, 3), top=40, bottom=200)
    lower = Panel.of((0, 20_000), (0, 0.5), top=280, bottom=480)
    xs = [(float(v), f"{v:,}") for v in range(0, 20_001, 2500)]
    once = float((z[:, -1] >= Z).mean())
    parts = [
        upper.frame(
            "one run: z after every 50 votes, mean exactly at tau", xs, [(v, f"{v}") for v in range(-3, 4)]
        ),
        upper.level(Z, "z = 1.645: 5 % for one look", "red", left=True),
        upper.line(votes, [float(v) for v in run], "blue"),
        lower.frame(
            "share of 1,000 runs that were called a regression so far",
            xs,
            [(v / 10, f".{v}") for v in range(6)],
            "votes of the cell",
        ),
        lower.line(votes, [float(v) for v in theirs], "red"),
        lower.line(votes, [float(v) for v in ours], "green"),
        lower.level(ALPHA, "5 %", "soft"),
        lower.note(12_500, float(theirs[250]) + 0.02, "z-test, looked at all the time", "red"),
        lower.note(12_500, 0.06, "the engine with a budget of 5 %", "green"),
    ]
    label = "A z-test looked at repeatedly calls false regressions ever more often; the engine does not"
    ends = {"repeated": float(theirs[-1]), "once": once, "engine": float(ours[-1])}
    assert not any(map(math.isnan, ends.values()))
    return picture(525, label, parts), ends
