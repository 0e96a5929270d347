"""From counts to [0, 1], calibrated so that one number means about as much in every dimension.

Each dimension's gain was chosen so that two replies of one engine to one prompt differ by about .08 (standard deviation
over the pairs of a 13B model on two servers, development prompts). The default tolerance of .05 is then a medium
effect by Cohen's measure (1988: half a standard deviation), whatever the dimension. Verbosity alone is in octaves,
which people can read, and spreads twice as much.
"""

import math
from collections.abc import Mapping

from understudy_analyzers.tone.reading import Reading


def total(reading: Reading, weights: Mapping[str, float]) -> float:
    """Sum of the marks' counts, each times its weight."""
    tally = reading.tally
    return sum(weight * tally[mark] for mark, weight in weights.items() if mark in tally)


def lean(amount: float) -> float:
    """A signed amount on [0, 1]: .5 is neither."""
    return 0.5 + 0.5 * math.tanh(amount)


def rate(amount: float) -> float:
    """An amount of at least 0 on [0, 1): 0 is none."""
    return 1.0 - math.exp(-amount)
