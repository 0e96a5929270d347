"""Kayenta's judge (Netflix and Google, 2018): a Mann-Whitney test on two series of points.

Each tick is a point, the share of bad replies of either engine in it; the last 60 are compared. The metric is High when
the 98 % confidence interval of the shift lies above 0.25 times its estimate (Kayenta, MannWhitneyClassifier: tolerance
0.25, confidence level 0.98). The interval is that of the ordered pairwise differences, whose ranks come from the normal
approximation (Hollander & Wolfe); Kayenta finds the same ends by root finding, as R's wilcox.test does.
"""

import math
from statistics import NormalDist

import numpy as np

from sim.peers.look import Bools, Floats, Judge, Look, Scene

POINTS = 60
TOLERANCE = 0.25
CONFIDENCE = 0.98
EVERY = 10
"""Ticks between two judgements, the analysis interval."""
RANK = POINTS**2 // 2 - math.ceil(
    NormalDist().inv_cdf(0.5 + CONFIDENCE / 2) * math.sqrt(POINTS * POINTS * (2 * POINTS + 1) / 12)
)
"""Differences left out at either end of the ordered ones."""


def high(baseline: Floats, candidate: Floats) -> Bools:
    """Of series of shape (runs, 60): whether the candidate's is judged High."""
    shifts = (candidate[:, :, None] - baseline[:, None, :]).reshape(len(baseline), -1)
    middle = shifts.shape[1] // 2
    ordered = np.partition(shifts, (RANK, middle), axis=1)
    fired: Bools = ordered[:, RANK] > TOLERANCE * np.abs(ordered[:, middle])
    return fired


def mann_whitney(scene: Scene) -> Judge:
    """A sliding window of 60 points, judged every 10 ticks."""
    series = np.zeros((2, scene.runs, POINTS))

    def judge(look: Look) -> Bools:
        nonlocal series
        ticks = look.n // look.per_tick
        at = (ticks - 1) % POINTS
        runs = series.shape[1]
        series[0, :, at] = (look.tick.minus + look.tick.both)[:runs] / look.per_tick
        series[1, :, at] = (look.tick.plus + look.tick.both)[:runs] / look.per_tick
        if ticks < POINTS or ticks % EVERY:
            return np.zeros(runs, dtype=bool)
        return high(series[0], series[1])

    return judge
