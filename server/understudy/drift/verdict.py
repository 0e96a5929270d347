"""What the engine says about a cell: the state, why, and every number it rests on."""

import math
from dataclasses import dataclass
from enum import StrEnum

from understudy.drift.tolerance import Tier
from understudy.pair import Lane


class State(StrEnum):
    """The answers; the third is an honest one."""

    NOT_ENOUGH_EVIDENCE = "NOT_ENOUGH_EVIDENCE"
    WITHIN = "WITHIN"
    BREACH = "BREACH"
    INSTRUMENT_FAULT = "INSTRUMENT_FAULT"
    """The baseline differs from itself: the measurement is at fault, and nothing may act on it."""


class Why(StrEnum):
    """Named reasons of a state."""

    NO_VOTES = "no_votes"
    COLLECTING = "collecting"
    """Evidence of neither kind has reached its threshold."""
    CERTIFIED = "certified"
    EXPIRED = "certificate_expired"
    """Certified, but the last vote is older than the time to live."""
    COVERAGE_LOW = "coverage_low"
    UNSCORED_HIGH = "unscored_high"
    """More pairs are missing than half the tolerance: they could hide a breach."""
    SHOWN_ONLY = "shown_only"
    EXCEEDED = "tolerance_exceeded"
    BLOCKED_CLUSTERS = "rollback_blocked_clusters"
    """A breach sure enough for a rollback, from too few distinct clusters."""
    BLOCKED_COVERAGE = "rollback_blocked_coverage"
    BLOCKED_INSTRUMENT = "rollback_blocked_instrument"
    """Some control cell of the same baseline is at fault."""
    CONTROL_BREACHED = "control_breached"
    LANE_CLOSED = "lane_closed"
    RETIRED = "retired"
    """A discovered slice gave up its place: new votes did not bear it out, it fell silent, or another bore more."""
    SPREAD = "spread_over_cells"
    """No cell alone, all together: the change hurt everything a little."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One cell's verdict after a tick. All effects are means of D, positive = the candidate is worse."""

    slice: str
    metric: str
    lane: Lane
    state: State
    reason: Why
    votes: int
    """Votes counted since the lane's start, one per cluster and 24 h."""
    effect: float
    """Mean of D since the lane's start; 0.0 without votes."""
    low: float
    """Lower end of the time-uniform 95 % confidence sequence of that mean."""
    high: float
    """Upper end."""
    evidence: float
    """ln M: log of the breach detector's value at tau; floored at -700."""
    threshold: float
    """ln of the value at which the page tier fires."""
    certificate: float
    """ln V: log of the certificate's value; WITHIN needs `certificate_threshold`."""
    certificate_threshold: float
    tier: Tier
    """Highest tier reached and not left: NONE, WARN (tau / 2), PAGE, ROLLBACK."""
    tau: float
    tick: int
    """The tick after which this held."""
    more_pairs: int | None
    """About how many more votes until the state would be decided, if the cell goes on as so far.

    In a BREACH: until it would be left, and only once there is evidence for that (a certificate above 0).
    """
    severity: int
    """0, 1, 3 or 6: the largest multiple of tau that is itself breached."""
    clusters: int
    """Distinct clusters, counted up to the tolerance file's minimum."""
    coverage: float
    """Share of admitted pairs that were scored, since the certificate's start; 1.0 without pairs."""
    unscored: float
    """Share of pairs missing (unscored or lost), since the certificate's start."""
    mde: float | None
    """Smallest mean effect these votes would have shown as a BREACH; None when none could."""
    recent: float
    """Mean of D since the estimated change."""
    recent_votes: int
    """Votes since the estimated change."""
    tolerances: str
    """Hash of the tolerance file."""
    discovered: bool = False
    """The slice is an intersection that nobody named: found by `drift/search.py`, judged on later votes alone."""

    @property
    def evidence_ratio(self) -> float:
        """M over its threshold, for gauges: 1 = breach."""
        return math.exp(min(700.0, self.evidence - self.threshold))


@dataclass(frozen=True, slots=True)
class Change:
    """A cell's state or tier changed; `verdict.votes` at its first BREACH is its pairs-to-breach."""

    was: State
    was_tier: Tier
    verdict: Verdict

    @property
    def tick(self) -> int:
        """The tick that decided it."""
        return self.verdict.tick


@dataclass(frozen=True, slots=True)
class EvidenceStalled:
    """A fact worth an alert of its own: pairs arrive, scores do not."""

    lane: Lane
    slice: str
    metric: str
    ticks: int
    """Ticks in a row, among those with pairs, under the coverage floor."""
    coverage: float
    """Share scored since the certificate's start."""


def lane_key(lane: Lane) -> str:
    """The `lane` column of votes: both fingerprints whole."""
    return f"{lane.baseline}..{lane.candidate}"


def lane_of(key: str) -> Lane:
    """The lane a key names; a key without `..` is the candidate's name alone."""
    baseline, dots, candidate = key.partition("..")
    return Lane(baseline, candidate) if dots else Lane("", key)


def same(lane: str) -> bool:
    """Whether a key is of a lane of one engine with itself: the instrument check."""
    baseline, dots, candidate = lane.partition("..")
    return bool(dots) and baseline == candidate
