"""Facts about ourselves and the conditions that make them alerts.

Every fact is three-valued where it can be unknown: True, False, or None = not known just now. Unknown neither
fires nor resolves anything. Each condition is a pure function of the facts and of what was seen before.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from understudy.alert.value import Name, Severity


@dataclass(frozen=True, slots=True)
class Blindness:
    """Connections relayed without being understood."""

    connections: int = 0
    """Open connections of callers."""
    blind: int = 0
    """Of these, how many can no longer be followed."""


@dataclass(frozen=True, slots=True)
class Health:
    """What the controller knows about the product itself. Counts are cumulative since its start."""

    mirror_on: bool = True
    requests: int = 0
    """Requests seen by the observers."""
    eligible: int = 0
    guarded: int = 0
    """Requests not eligible because answering them has effects: no pairs come of them, but if all are such, who
    expects pairs must hear of it."""
    paired: int = 0
    shed: int = 0
    failed: int = 0
    lost: int = 0
    in_flight: int = 0
    watermark_age_s: float | None = None
    """Age of the oldest request that is not resolved; None without an observer."""
    stalled: tuple[str, ...] | None = None
    """Cells that get pairs but too few scores, as text; None before the first tick."""
    observers_up: int | None = None
    observers_expected: int = 1
    blindness: Blindness | None = None
    analyzers_up: int | None = None
    analyzers_expected: int = 1
    baseline_reachable: bool | None = None
    """By a real inference probe."""
    baseline_address: str = ""
    baseline_error: str = ""
    primary: str = ""
    """Who serves the callers: baseline or candidate."""
    primary_silent_s: float | None = None
    """How long it has answered no connection; 0: it answers; None: not known."""
    primary_error: str = ""
    shadow_silent_s: float | None = None
    """The same for the other one, which rehearses."""
    shadow_error: str = ""
    capture_running: bool | None = None
    """None when no capture is configured."""
    capture_error: str = ""
    rollback_blocked: tuple[str, ...] | None = None
    """What stands between a rollback-tier breach and the rollback; empty: nothing."""
    equal_fingerprints: bool | None = None
    """Baseline and candidate are the same engine, outside an A/A run."""
    fingerprint: str = ""
    """The fingerprint both engines have, when they are equal."""

    @property
    def traffic(self) -> int:
        """Requests that pairs may be expected of."""
        return self.eligible or self.guarded


@dataclass(slots=True)
class Memory:
    """Since when counters stand still; owned by the book."""

    requests: tuple[int, int] = (0, 0)
    """(value, wall clock when it last changed)."""
    paired: tuple[int, int] = (0, 0)
    traffic_at_pair: int = 0
    """`traffic` when `paired` last changed: what came since then has had no pair."""
    started_ns: int = 0

    def see(self, health: Health, now_ns: int) -> None:
        """Note what changed. A counter that fell is a restart and counts as a change."""
        if not self.started_ns:
            self.started_ns = now_ns
            self.requests, self.paired = (health.requests, now_ns), (health.paired, now_ns)
            self.traffic_at_pair = health.traffic
        if health.requests != self.requests[0]:
            self.requests = (health.requests, now_ns)
        # With no traffic since the last pair there is nothing to wait for: the clock starts with the traffic.
        waiting = health.traffic > self.traffic_at_pair
        if health.paired != self.paired[0] or not waiting:
            self.paired = (health.paired, now_ns)
            self.traffic_at_pair = health.traffic


@dataclass(frozen=True, slots=True)
class Finding:
    """What one condition says now."""

    active: bool | None
    """None: unknown, so nothing changes."""
    summary: str = ""
    description: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    """Beyond alertname and severity."""
    moot: bool = False
    """What was said with these labels is about what no longer is: it ends now, without waiting to be sure."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a fact is worth an alert."""

    zero_pairs_s: float = 120.0
    """Eligible traffic without a single pair, seconds."""
    no_requests_s: float = 900.0
    """Mirror on and no request seen at all, seconds; 0 turns this half off."""
    watermark_age_s: float = 300.0
    """Oldest unresolved request, seconds."""
    blind_share: float = 0.01
    """Share of connections that may be blind."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition over `Health`: how long it must hold, how bad it is, and how it is judged."""

    name: Name
    severity: Severity
    for_s: float
    judge: Callable[[Health, Memory, Limits, int], Iterator[Finding]]


def _zero_pairs(health: Health, memory: Memory, limits: Limits, now_ns: int) -> Iterator[Finding]:
    if not health.mirror_on:
        # Asked for by the operator: no pairs is then what must be.
        yield Finding(False)
        return
    waited = (now_ns - memory.paired[1]) / 1e9
    traffic = health.traffic - memory.traffic_at_pair
    silent = (now_ns - memory.requests[1]) / 1e9
    if traffic > 0 and waited >= limits.zero_pairs_s:
        yield Finding(
            True,
            "no pairs although there is traffic",
            f"{traffic} eligible requests and no pair for {waited:.0f} s "
            f"(shed {health.shed}, failed {health.failed}, lost {health.lost}, in flight {health.in_flight}"
            + (f", never asked twice because of effects {health.guarded})" if health.guarded else ")"),
        )
    elif limits.no_requests_s and silent >= limits.no_requests_s:
        yield Finding(
            True,
            "mirroring is on but no request was seen",
            f"no request for {silent:.0f} s: callers may bypass the relay, or the observer sees nothing",
        )
    elif traffic > 0 or health.requests == 0:
        yield Finding(None)
    else:
        yield Finding(False)


def _stalled(health: Health, memory: Memory, limits: Limits, now_ns: int) -> Iterator[Finding]:
    age, stalled = health.watermark_age_s, health.stalled
    if age is not None and age > limits.watermark_age_s:
        yield Finding(
            True,
            "evidence stands still",
            f"the watermark is {age:.0f} s old (limit {limits.watermark_age_s:.0f})",
        )
    elif stalled:
        yield Finding(
            True,
            "too few pairs are scored",
            f"{len(stalled)} cells are under their coverage floor, so nothing is certified there: "
            + "; ".join(stalled[:3]),
        )
    else:
        yield Finding(None if age is None or stalled is None else False)


def _blind(health: Health, memory: Memory, limits: Limits, now_ns: int) -> Iterator[Finding]:
    seen = health.blindness
    if seen is None:
        yield Finding(None)
        return
    share = seen.blind / max(seen.connections, seen.blind, 1)
    yield Finding(
        share > limits.blind_share,
        "connections are relayed unobserved",
        f"{seen.blind} of {seen.connections} connections are blind "
        f"({share:.1%}, limit {limits.blind_share:.0%}): callers are served, "
        "but their requests are not compared",
    )


def _down(what: str, up: int | None, expected: int, effect: str) -> Finding:
    if up is None:
        return Finding(None)
    return Finding(up < expected, f"{what} down", f"{up} of {expected} {what} up: {effect}")


def _observer_down(health: Health, memory: Memory, limits: Limits, now_ns: int) -> Iterator[Finding]:
    yield _down(
        "observers", health.observers_up, health.observers_expected, "callers are served, nothing is paired"
    )


def _analyzers_down(health: Health, memory: Memory, limits: Limits, now_ns: int) -> Iterator[Finding]:
    yield _down(
        "analyzers", health.analyzers_up, health.analyzers_expected, "pairs wait and may be shed unscored"
    )


def _baseline(health: Health, memory: Memory, limits: Limits, now_ns: int) -> Iterator[Finding]:
    ok = health.baseline_reachable
    yield Finding(
        None if ok is None else not ok,
        "the baseline does not answer",
        f"probe of {health.baseline_address or 'the baseline'} failed"
        f"{': ' + health.baseline_error if health.baseline_error else ''}; a rollback would have no target",
    )


def _primary(health: Health, memory: Memory, limits: Limits, now_ns: int) -> Iterator[Finding]:
    silent = health.primary_silent_s
    yield Finding(
        None if silent is None else silent > 0,
        f"the primary ({health.primary}) does not answer",
        f"no answer for {silent or 0:.0f} s, so callers get errors"
        f"{': ' + health.primary_error if health.primary_error else ''}",
        {"leg": health.primary},
    )
    for leg in ("baseline", "candidate"):
        if health.primary and leg != health.primary:
            yield Finding(False, labels={"leg": leg}, moot=True)


def _candidate(health: Health, memory: Memory, limits: Limits, now_ns: int) -> Iterator[Finding]:
    if health.primary == "candidate":
        yield Finding(False, moot=True)  # then PrimaryUnreachable says it
        return
    silent = health.shadow_silent_s
    yield Finding(
        None if silent is None else silent > 0,
        "the candidate does not answer",
        f"no answer for {silent or 0:.0f} s; the baseline serves, so callers are fine, but each request that is "
        "mirrored meanwhile counts as a failure of the candidate"
        f"{': ' + health.shadow_error if health.shadow_error else ''}",
    )


def _capture(health: Health, memory: Memory, limits: Limits, now_ns: int) -> Iterator[Finding]:
    ok = health.capture_running
    yield Finding(
        None if ok is None else not ok,
        "capture stopped",
        f"pairs are judged but not kept{': ' + health.capture_error if health.capture_error else ''}",
    )


def _blocked(health: Health, memory: Memory, limits: Limits, now_ns: int) -> Iterator[Finding]:
    if health.rollback_blocked is None:
        yield Finding(None)
    for by in health.rollback_blocked or ():
        yield Finding(
            True,
            f"a rollback is due but blocked by {by}",
            f"{by} stands against it, so the candidate still serves",
            {"by": by},
        )


def _accounting(health: Health, memory: Memory, limits: Limits, now_ns: int) -> Iterator[Finding]:
    told = health.paired + health.shed + health.failed + health.lost + health.in_flight
    yield Finding(
        told != health.eligible,
        "requests are not accounted for",
        f"eligible {health.eligible} != paired {health.paired} + shed {health.shed} + failed {health.failed} "
        f"+ lost {health.lost} + in flight {health.in_flight} = {told}: a defect of ours",
    )


def _equal(health: Health, memory: Memory, limits: Limits, now_ns: int) -> Iterator[Finding]:
    yield Finding(
        health.equal_fingerprints,
        "baseline and candidate are the same engine",
        f"both have fingerprint {health.fingerprint[:12] or 'unknown'}: no regression could be seen",
    )


RULES: tuple[Rule, ...] = (
    # Time already passed is inside the judgement of ZeroPairs; the others wait here. A rollback is tried again
    # at every step, so a probe that was slow once is no reason to wake anybody.
    Rule(Name.ZERO_PAIRS, Severity.CRITICAL, 0, _zero_pairs),
    Rule(Name.EVIDENCE_STALLED, Severity.WARNING, 60, _stalled),
    Rule(Name.OBSERVER_BLIND, Severity.WARNING, 30, _blind),
    Rule(Name.OBSERVER_DOWN, Severity.CRITICAL, 15, _observer_down),
    Rule(Name.ANALYZERS_DOWN, Severity.CRITICAL, 15, _analyzers_down),
    Rule(Name.BASELINE_UNREACHABLE, Severity.CRITICAL, 15, _baseline),
    # Before the rollback that follows when it is the candidate (rollback.unreachable_s).
    Rule(Name.PRIMARY_UNREACHABLE, Severity.CRITICAL, 5, _primary),
    # No caller feels it, but the evidence it makes ends in a Breach: its cause is to be known first.
    Rule(Name.CANDIDATE_UNREACHABLE, Severity.WARNING, 5, _candidate),
    Rule(Name.CAPTURE_STOPPED, Severity.WARNING, 15, _capture),
    Rule(Name.ROLLBACK_BLOCKED, Severity.CRITICAL, 10, _blocked),
    Rule(Name.ACCOUNTING_BROKEN, Severity.WARNING, 15, _accounting),
    Rule(Name.EQUAL_FINGERPRINTS, Severity.WARNING, 0, _equal),
)
