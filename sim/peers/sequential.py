"""Sequential tests that stay valid at every look, begun once: their evidence is an average over the whole past."""

import math

import numpy as np

from sim.peers.look import Bools, Judge, Look, Scene
from sim.plan import TAU

ALPHA = 0.05
TUNING = 5000
"""GrowthBook's default sequential tuning parameter: the sample size at which the interval is tightest."""
MIXTURE = 0.03
"""Standard deviation of mSPRT's mixture: the effect looked for, 3 points beyond tau, which favours it."""


def asymptotic(scene: Scene) -> Judge:
    """The asymptotic confidence sequence as GrowthBook computes it: alarm when its lower end exceeds tau.

    Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, arXiv 2103.06476: half width
    s sqrt(2 (n rho^2 + 1) / (n rho)^2 ln(sqrt(n rho^2 + 1) / alpha)), with rho from their equation for the tightest
    n; GrowthBook gbstats, `sequential_interval_halfwidth`. There on two samples, here on paired differences.
    """
    del scene
    rho2 = (-2.0 * math.log(ALPHA) + math.log(-2.0 * math.log(ALPHA) + 1.0)) / TUNING

    def judge(look: Look) -> Bools:
        inner = look.n * rho2 + 1.0
        half = np.sqrt(look.variance) * math.sqrt(
            2.0 * inner * math.log(math.sqrt(inner) / ALPHA) / (look.n**2 * rho2)
        )
        fired: Bools = look.mean - half > TAU
        return fired

    return judge


def mixture(scene: Scene) -> Judge:
    """The mixture sequential probability ratio test with a normal mixture: alarm when it reaches 1 / alpha upwards.

    Johari, Pekelis & Walsh, arXiv 1512.04922: sqrt(V / (V + n t^2)) exp(n^2 t^2 (mean - tau)^2 / (2 V (V + n t^2))),
    V the variance of D, estimated as it goes.
    """
    del scene

    def judge(look: Look) -> Bools:
        v = np.maximum(look.variance, 1e-6)
        spread = look.n * MIXTURE**2
        beyond = look.mean - TAU
        log = 0.5 * np.log(v / (v + spread)) + look.n * spread * beyond**2 / (2.0 * v * (v + spread))
        fired: Bools = (log >= -math.log(ALPHA)) & (beyond > 0)
        return fired

    return judge
