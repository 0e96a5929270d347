"""Drift detectors of River (PyPI `river`): they ask whether anything changed, not whether it is bad.

ADWIN: Bifet & Gavalda, SDM 2007. Page-Hinkley: Page, Biometrika 1954; Gama et al., ACM Computing Surveys 2014.
"""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import numpy as np

from sim.peers.look import Bools, Judge, Look, Scene


def installed() -> str:
    """Its version; empty without it."""
    if find_spec("river") is None:
        return ""
    try:
        return version("river")
    except PackageNotFoundError:
        return ""


def adwin(scene: Scene) -> Judge:
    """ADWIN with its defaults (delta .002), of (1 + D) / 2, since it is made for values in [0, 1]."""
    from river.drift import ADWIN

    return _each(scene, ADWIN, lambda d: (1.0 + d) / 2.0)


def page_hinkley(scene: Scene) -> Judge:
    """Page-Hinkley with its defaults (delta .005, threshold 50, both directions), of D."""
    from river.drift import PageHinkley

    return _each(scene, PageHinkley, lambda d: d)


def _each(
    scene: Scene, make: Callable[[], Any], scale: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]
) -> Judge:
    """A detector for every run; the pairs of a tick come in any order."""
    detectors: list[Any] = [make() for _ in range(scene.runs)]
    rng = np.random.default_rng(scene.seed)
    fired = np.zeros(scene.runs, dtype=bool)

    def judge(look: Look) -> Bools:
        for run, detector in enumerate(detectors):
            if fired[run]:
                continue
            d = np.zeros(look.per_tick)
            minus, plus = int(look.tick.minus[run]), int(look.tick.plus[run])
            d[:minus], d[minus : minus + plus] = -1.0, 1.0
            rng.shuffle(d)
            for value in scale(d).tolist():
                detector.update(value)
                if detector.drift_detected:
                    fired[run] = True
                    break
        return fired.copy()

    return judge
