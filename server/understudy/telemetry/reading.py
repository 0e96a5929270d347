"""All figures at one moment, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

VERDICTS = ("BREACH", "WITHIN", "NOT_ENOUGH_EVIDENCE", "INSTRUMENT_FAULT")


@dataclass(frozen=True, slots=True)
class CellReading:
    """One cell's figures."""

    slice: str
    metric: str
    lane: str
    """Short form."""
    verdict: str
    """One of `VERDICTS`."""
    effect: float
    evidence_ratio: float
    """Breach evidence over its threshold: 1 = breach."""
    coverage: float
    votes: int = 0


@dataclass(frozen=True, slots=True)
class EngineReading:
    """One engine as it describes itself."""

    fingerprint: str
    model: str = ""
    quantization: str = ""
    runtime: str = ""


Counts = Mapping[str, float]
"""Label value -> cumulative count (or level, for gauges)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All figures at one moment. Counts are cumulative since the controller's start; a restart resets them."""

    version: str = ""
    primary: str = ""
    """baseline | candidate."""
    latched: bool = False
    mirror_on: bool = True
    requests: int = 0
    eligible: int = 0
    paired: int = 0
    in_flight: int = 0
    shed: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """(stage, reason) -> count."""
    failed: Counts = field(default_factory=dict)
    lost: Counts = field(default_factory=dict)
    skipped: Counts = field(default_factory=dict)
    unobserved: Counts = field(default_factory=dict)
    unscored: Counts = field(default_factory=dict)
    """By reason."""
    late: int = 0
    leg_errors: Counts = field(default_factory=dict)
    """By leg."""
    observer_lag_s: float | None = None
    relay_loop_lag_s: float | None = None
    connections: int = 0
    blind_connections: int = 0
    path_events: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """(relay | compat, event) -> count."""
    upstream_failures: Counts = field(default_factory=dict)
    callers_unreached: Counts = field(default_factory=dict)
    """By leg."""
    watermark_age_s: float | None = None
    queue_items: Counts = field(default_factory=dict)
    queue_bytes: Counts = field(default_factory=dict)
    """By queue."""
    cells: tuple[CellReading, ...] = ()
    alerts_firing: Counts = field(default_factory=dict)
    """By alertname."""
    engines: Mapping[str, EngineReading] = field(default_factory=dict)
    """By leg."""
    analyzer_seconds: Counts = field(default_factory=dict)
    analyzed: int = 0
    """Pairs that the analyzers took these seconds over."""
    scores: Mapping[tuple[str, str, str], float] = field(default_factory=dict)
    """(analyzer, metric, result) -> count; result is scored | unscored."""
    notify_failures: Counts = field(default_factory=dict)
    notify_dropped: Counts = field(default_factory=dict)
    """By notifier."""
    capture_bytes: int | None = None
    """None: no capture configured."""
    capture_pairs: int | None = None
    capture_dropped: Counts = field(default_factory=dict)
    """By reason."""
