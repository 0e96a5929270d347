"""Tests made for one look, taken at every look: the habit that every dashboard invites."""

from statistics import NormalDist

import numpy as np

from sim.peers.look import Bools, Judge, Look, Scene
from sim.plan import TAU

ALPHA = 0.05
DISCORDANT = 10
"""Pairs that differ, below which McNemar's chi-square is not used."""
CHI_SQUARE = NormalDist().inv_cdf(1.0 - ALPHA / 2) ** 2
"""The 95 % point with one degree of freedom, 3.841."""


def z_test(tau: float, quantile: float, *, two_sided: bool = False) -> Judge:
    """Student's ratio of the mean of D beyond tau, against a normal quantile."""

    def judge(look: Look) -> Bools:
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (look.mean - tau) / np.sqrt(look.variance / look.n)
        return np.nan_to_num(np.abs(z) if two_sided else z, nan=0.0) >= quantile

    return judge


def tolerant(scene: Scene) -> Judge:
    """One-sided at 5 %, at every look."""
    del scene
    return z_test(TAU, NormalDist().inv_cdf(1.0 - ALPHA))


def plain(scene: Scene) -> Judge:
    """Two-sided at 5 % against no change, at every look."""
    del scene
    return z_test(0.0, NormalDist().inv_cdf(1.0 - ALPHA / 2), two_sided=True)


def bonferroni(scene: Scene) -> Judge:
    """One-sided at 5 % over all looks of the run, whose number has to be known."""
    return z_test(TAU, NormalDist().inv_cdf(1.0 - ALPHA / scene.ticks))


def mcnemar(scene: Scene) -> Judge:
    """McNemar (1947): (b - c)^2 / (b + c) of the pairs that differ, against chi-square with 1 degree at 5 %."""
    del scene

    def judge(look: Look) -> Bools:
        b, c = look.all.plus, look.all.minus
        statistic = (b - c) ** 2 / np.maximum(b + c, 1)
        fired: Bools = (b + c >= DISCORDANT) & (statistic >= CHI_SQUARE)
        return fired

    return judge
