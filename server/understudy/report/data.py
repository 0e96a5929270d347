"""What a report is made from: one frozen value, filled by `analyze` and by the demo alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

SHOWN = "shown, not judged"
"""What a person reads of a cell that the tolerances never judge."""


class State(StrEnum):
    """The verdict of a cell, or of the whole run."""

    BREACH = "BREACH"
    WITHIN = "WITHIN"
    NOT_ENOUGH_EVIDENCE = "NOT_ENOUGH_EVIDENCE"
    INSTRUMENT_FAULT = "INSTRUMENT_FAULT"

    @property
    def words(self) -> str:
        """As a person says it."""
        return self.value.replace("_", " ").lower()


@dataclass(frozen=True, slots=True)
class CellReport:
    """One slice and metric: the verdict and what it rests on."""

    slice: str
    metric: str
    state: State
    votes: int
    tau: float
    """Tolerance, in [0, 1]."""
    effect: float | None = None
    """Mean paired difference, in [-1, 1], positive = the candidate is worse; None without a vote."""
    low: float | None = None
    """Time-uniform confidence limits of the effect."""
    high: float | None = None
    smallest: float | None = None
    """The smallest effect that this many votes would have shown; None when no effect would."""
    more_pairs: int | None = None
    """About so many more votes until a verdict at the present rate; None when unknown or decided."""
    breached_at: int | None = None
    """Votes of the cell when it breached."""
    trail: tuple[tuple[int, float, float], ...] = ()
    """(pairs so far, breach, certificate evidence), the latter two as shares of their log threshold."""
    reason: str = ""
    """The drift engine's named reason; 'shown_only' is a metric that is never judged."""
    discovered: bool = False
    """An intersection of two slices that nobody named."""

    @property
    def judged(self) -> bool:
        """False for a metric that is shown only."""
        return self.reason != "shown_only"

    @property
    def asked(self) -> bool:
        """False for what says nothing about the run: shown only, or discovered and no breach, a mere suspicion."""
        return self.judged and (not self.discovered or self.state == State.BREACH)

    def in_tolerances(self, effect: float) -> float:
        """An effect as a multiple of the tolerance; 0 for the sum over cells, which has none."""
        return effect / self.tau if self.tau else 0.0

    @property
    def words(self) -> str:
        """The verdict as a person says it."""
        return self.state.words if self.judged else SHOWN


@dataclass(frozen=True, slots=True)
class Mean:
    """A metric's plain means on one slice, before any statistics."""

    slice: str
    metric: str
    pairs: int
    baseline: float | None
    candidate: float | None
    """For agreement metrics: the mean agreement of the candidate with the baseline."""
    control: float | None
    unscored: int = 0


@dataclass(frozen=True, slots=True)
class Worst:
    """A pair worth reading."""

    id: str
    slice: str
    metric: str
    difference: float
    baseline: str
    candidate: str
    prompt: str = ""
    control: str | None = None
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Replies of one leg that reached `start` characters."""

    start: int
    reached: int
    """Replies that came so far sound."""
    degenerated: int
    """Those of them that did not come to the next stretch sound."""

    @property
    def hazard(self) -> float:
        """Chance to degenerate within the stretch; 0 when nothing reached it."""
        return self.degenerated / self.reached if self.reached else 0.0


def abreast(stretches: Mapping[str, Sequence[Stretch]]) -> list[tuple[Stretch, ...]]:
    """The legs' stretches side by side, as far as any reply came."""
    return [row for row in zip(*stretches.values(), strict=True) if any(one.reached for one in row)]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened during a live run."""

    seconds: float
    """Since the run's start."""
    what: str


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything the report shows."""

    title: str
    state: State
    headline: str
    """One sentence: the answer."""
    facts: tuple[tuple[str, str], ...] = ()
    """(name, value), shown large: pairs, votes, duration ..."""
    cells: tuple[CellReport, ...] = ()
    means: tuple[Mean, ...] = ()
    worst: tuple[Worst, ...] = ()
    stretches: Mapping[str, tuple[Stretch, ...]] = field(default_factory=dict)
    """Leg -> its replies along their length; empty when no reply degenerated."""
    events: tuple[Event, ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()
    """(name, value): inputs, engines' manifests, tolerance hash, analyzer versions, release."""
    notes: tuple[str, ...] = ()
    """Assumptions and gaps, a sentence each."""
