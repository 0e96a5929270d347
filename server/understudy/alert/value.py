"""The alert itself: identity, state and words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Name(StrEnum):
    """Every alert there is; each has a runbook `docs/runbooks/<name>.md`."""

    BREACH = "Breach"
    """A cell (slice x metric) is beyond its tolerance, with evidence."""
    INSTRUMENT_FAULT = "InstrumentFault"
    """The same engine differs from itself: what we measure with is at fault."""
    ZERO_PAIRS = "ZeroPairs"
    EVIDENCE_STALLED = "EvidenceStalled"
    OBSERVER_BLIND = "ObserverBlind"
    OBSERVER_DOWN = "ObserverDown"
    ANALYZERS_DOWN = "AnalyzersDown"
    BASELINE_UNREACHABLE = "BaselineUnreachable"
    PRIMARY_UNREACHABLE = "PrimaryUnreachable"
    """Whoever serves the callers is not there: they get errors now."""
    CANDIDATE_UNREACHABLE = "CandidateUnreachable"
    """The candidate rehearses and is not there: every pair counts as its failure."""
    CAPTURE_STOPPED = "CaptureStopped"
    ROLLBACK_BLOCKED = "RollbackBlocked"
    ACCOUNTING_BROKEN = "AccountingBroken"
    EQUAL_FINGERPRINTS = "EqualFingerprints"


class State(StrEnum):
    """Where an alert stands."""

    PENDING = "pending"
    """The condition holds, but not yet for long enough; nobody is told."""
    FIRING = "firing"
    RESOLVED = "resolved"


class Severity(StrEnum):
    """How soon a person must look."""

    WARNING = "warning"
    """A ticket: within days."""
    CRITICAL = "critical"
    """A page: now."""


class Notice(StrEnum):
    """Why an alert is handed to the notifiers now."""

    FIRED = "fired"
    RESENT = "resent"
    """Only for peers that forget what is not repeated (Alertmanager)."""
    REPEATED = "repeated"
    """A reminder for people: it still fires."""
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """Why an alert ended. There is no 'timed out': silence resolves nothing."""

    CERTIFIED = "certified"
    """The cell left BREACH by a positive certificate."""
    LANE_CLOSED = "lane_closed"
    """The pair of engines it spoke about is no longer compared."""
    CONDITION_CLEARED = "condition_cleared"
    """The condition was positively seen not to hold."""


_OFFSET, _PRIME = 0xCBF29CE484222325, 0x100000001B3


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return the identity of a label set as 16 hex digits.

    FNV-1a 64 over sorted `name 0xff value 0xff`, which is how Prometheus and Alertmanager do it
    (prometheus/common, model/signature.go), so that ours can be looked up there.
    """
    value = _OFFSET
    for name in sorted(labels):
        for byte in name.encode() + b"\xff" + labels[name].encode() + b"\xff":
            value = ((value ^ byte) * _PRIME) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert at one moment."""

    labels: Mapping[str, str]
    """Identity: stable and of low cardinality. Never a score, a count or a run id."""
    annotations: Mapping[str, str]
    """summary, description (with the numbers), runbook, and `resolution` once resolved."""
    state: State
    severity: Severity
    starts_ns: int
    """Wall clock when it began to fire (pending: when the condition began)."""
    ends_ns: int
    """Firing: until when a peer may believe it without hearing of it again. Resolved: when it ended."""
    notice: Notice
    fingerprint: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Fill in the fingerprint: it follows from the labels."""
        object.__setattr__(self, "fingerprint", fingerprint(self.labels))

    @property
    def name(self) -> str:
        """The label `alertname`."""
        return self.labels["alertname"]

    @property
    def group(self) -> Mapping[str, str]:
        """What is told together: one message for all cells that an engine pair breached."""
        return {key: self.labels[key] for key in ("alertname", "lane") if key in self.labels}
