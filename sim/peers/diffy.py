"""Diffy's rule (Twitter, 2015): differences of candidate and primary, beside those of primary and secondary.

A field is flagged while raw > noise, |raw - noise| / (raw + noise) exceeds the relative threshold and
|raw - noise| / requests the absolute one (Diffy, DifferencesFilterFactory; defaults 20 % and 0.03 %). A difference
counts whichever way it goes, and no number of requests is asked for.
"""

import numpy as np

from sim.peers.look import Bools, Judge, Look, Scene

RELATIVE = 0.20
ABSOLUTE = 0.0003


def thresholds(scene: Scene) -> Judge:
    """Both thresholds at every look."""
    del scene

    def judge(look: Look) -> Bools:
        raw, noise = look.all.plus + look.all.minus, look.all.noise
        gap = np.abs(raw - noise)
        relative = gap > RELATIVE * (raw + noise)
        fired: Bools = (raw > noise) & relative & (gap > ABSOLUTE * look.n)
        return fired

    return judge
