"""The product's own detector, set twice: for one cell alone as the peers are, and as it ships."""

import numpy as np

from sim.peers.look import Bools, Judge, Look, Scene
from sim.runs import CELL_WEIGHT, TICK_WEIGHT, Runs

ALPHA = 0.05
CELLS = 300


def alone(scene: Scene) -> Judge:
    """Start weight 1 over the run's ticks, threshold 1 / .05: at most .05 false alarms in it."""
    runs = Runs(scene.runs, alpha=ALPHA)

    def judge(look: Look) -> Bools:
        before = runs.alarms.copy()
        runs.sow(1.0 / scene.ticks)
        runs.tick(_counts(look))
        return runs.alarms > before

    return judge


def shipped(scene: Scene) -> Judge:
    """One cell of 300 that share x = .5 a month, with ticks of 10 s: the change is not announced."""
    runs = Runs(scene.runs)

    def judge(look: Look) -> Bools:
        runs.sow(CELL_WEIGHT / CELLS, TICK_WEIGHT)
        runs.tick(_counts(look))
        return runs.breach.copy()

    return judge


def _counts(look: Look) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    minus, plus = look.tick.minus, look.tick.plus
    return np.stack([minus, look.per_tick - minus - plus, plus], axis=1)
