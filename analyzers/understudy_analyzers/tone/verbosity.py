"""Verbosity: how long a reply is beside the baseline's."""

import math
from collections.abc import Mapping

from understudy.pair import Leg

from understudy_analyzers.judge import Found

OCTAVES = 4.0
"""A reply 2**2 times as long as the baseline's moves verbosity by half of its range."""
PRIOR = 24
"""Characters added to both lengths, so that "Yes" against "Yes." is no change of style."""


def of(outputs: Mapping[Leg, str]) -> dict[Leg, Found]:
    """Length against the baseline's, in octaves: .5 is as long, 1 four times as long or more, 0 a quarter."""
    base = outputs.get(Leg.BASELINE)
    if base is None:
        return {}
    found = {}
    for leg, text in outputs.items():
        ratio = math.log2((len(text) + PRIOR) / (len(base) + PRIOR))
        value = 0.5 + min(0.5, max(-0.5, ratio / OCTAVES))
        found[leg] = Found(value, note=f"{len(text)} characters")
    return found
