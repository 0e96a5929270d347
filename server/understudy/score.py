"""What an analyzer says about a pair, and the protocol an analyzer follows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from understudy.pair import Leg, Pair


class Sense(StrEnum):
    """How a metric's leg values become a paired difference D, positive = the candidate is worse."""

    BAD = "bad"
    """One bad direction, values in [0, 1] with 1 = bad. D = v(candidate) - v(baseline)."""
    BOTH = "both"
    """No agreed bad direction, values in [0, 1]. Two one-sided metrics, `<name>_gained` with
    D = v(candidate) - v(baseline) and `<name>_lost` with the opposite sign, and the unsigned
    `<name>_flip` against the control."""
    AGREE = "agree"
    """Unsigned similarity to the baseline's reply, values in [0, 1] keyed by the *other* leg:
    {candidate: a(baseline, candidate), control: a(baseline, control)}. D = a(control) - a(candidate)."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric an analyzer declares before it scores anything."""

    name: str
    """Lower case words joined by underscores; unique over the loaded analyzers."""
    sense: Sense
    doc: str
    """One line for an SRE: what a high value means."""
    judged_coupled: bool = True
    """False for AGREE metrics that punish harmless rewording (exact, edit): under greedy or seeded decoding
    they are shown, never judged."""
    prefix_safe: bool = False
    """True when the metric may be scored on a reply the client cut short."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of one leg's text that is evidence for a score: characters [start, end)."""

    leg: Leg
    start: int
    end: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """One metric's values for one pair. Never NaN: a leg that could not be scored is in `unscored`."""

    metric: str
    sense: Sense
    values: Mapping[Leg, float]
    """In [0, 1]; for AGREE keyed by the leg compared with the baseline."""
    unscored: Mapping[Leg, str]
    """Leg -> reason, for the legs without a value. A leg in neither map does not apply."""
    analyzer: str = ""
    version: str = ""
    parameters: Mapping[str, str] | None = None
    spans: tuple[Span, ...] = ()
    explanation: str = ""
    judged_coupled: bool = True


@runtime_checkable
class Analyzer(Protocol):
    """Scores pairs. Pure and deterministic: same pair, same scores; no I/O after construction.

    A metric that does not apply to a pair (no JSON was asked for) is left out; one that applies but could not
    be computed is a Score with the leg in `unscored`. The pipeline catches exceptions and turns them into
    unscored scores, so that a defect is counted and never loses a pair.
    """

    @property
    def name(self) -> str:
        """Lower-case name, unique over the loaded analyzers."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever scores may: a new version opens a new lane."""
        ...

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Every metric it may ever score."""
        ...

    def score(self, pair: Pair) -> Sequence[Score]:
        """Return the scores of the metrics that apply to this pair."""
        ...
