"""What a rule sees at a look, and what it says: fired or not, for every run at once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
LEAST = 100
"""Pairs before any rule of ours or theirs is asked; some are not defined before."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Pairs of each run, shape (runs,); a reply is bad or not."""

    minus: Ints
    """Only the baseline's is bad: D = -1."""
    plus: Ints
    """Only the candidate's: D = +1."""
    both: Ints
    """Both."""
    noise: Ints
    """The baseline's differs from its own second reply, in as many pairs again."""


@dataclass(frozen=True, slots=True)
class Look:
    """The end of a tick."""

    tick: Counts
    """Of the tick alone."""
    all: Counts
    """Since the run began."""
    n: int
    """Pairs since then, of each run."""
    per_tick: int

    @property
    def mean(self) -> Floats:
        """Mean of D so far."""
        made: Floats = (self.all.plus - self.all.minus) / self.n
        return made

    @property
    def variance(self) -> Floats:
        """Sample variance of D so far."""
        squares = (self.all.plus + self.all.minus) / self.n
        made: Floats = (squares - self.mean**2) * self.n / (self.n - 1)
        return made


Judge = Callable[[Look], Bools]


@dataclass(frozen=True, slots=True)
class Scene:
    """What a rule may know before a run begins."""

    runs: int
    ticks: int
    """Looks that will be taken at most."""
    per_tick: int
    seed: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule and how it is set."""

    name: str
    against: str
    """What its alarm denies: `tau` = the candidate is worse by at most tau; `no change` = it is the same."""
    setting: str
    source: str
    make: Callable[[Scene], Judge]
    slow: bool = False
    """In plain Python, pair by pair: shown fewer runs."""
    ours: bool = False
