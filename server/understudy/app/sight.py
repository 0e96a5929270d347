"""What the controller sees of itself, as the values alerts and metrics are made of: pure functions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from understudy import __version__
from understudy.alert import Alert, Blindness, Health
from understudy.alert import State as Alerting
from understudy.app.pulse import Pulse
from understudy.app.roster import Member
from understudy.app.tally import Tally
from understudy.drift.verdict import State, Verdict, Why
from understudy.drift.vote import ALL
from understudy.pair import Leg
from understudy.pipeline.core import Pipeline
from understudy.pipeline.pool import Pool
from understudy.telemetry import CellReading, EngineReading, Reading


def engine(member: Member) -> EngineReading:
    """An engine's identity for `understudy_engine_info`."""
    fields = member.manifest.get("fields", {})

    def told(name: str) -> str:
        value = fields.get(name, {}).get("value")
        return "" if value is None else str(value)

    return EngineReading(member.fingerprint, told("model"), told("quantization"), told("runtime"))


def reading(
    pipeline: Pipeline,
    pool: Pool,
    verdicts: Sequence[Verdict],
    alerts: Sequence[Alert],
    roster: Mapping[Leg, Member],
    relay: Mapping[str, Any],
    tally: Tally,
    *,
    primary: Leg,
    latched: bool,
    mirror_on: bool,
    watermark_age_s: float | None,
    notify_failures: Mapping[str, float],
    notify_dropped: Mapping[str, float],
    capture_pairs: int | None,
    capture_dropped: Mapping[str, float],
) -> Reading:
    """Every figure of the catalogue at this moment."""
    totals = pipeline.books.totals()
    live = pipeline.books.live
    return Reading(
        version=__version__,
        primary=primary.value,
        latched=latched,
        mirror_on=mirror_on,
        requests=totals.requests,
        eligible=totals.eligible,
        paired=totals.paired,
        in_flight=totals.in_flight,
        shed={("mirror", reason): count for reason, count in totals.shed.items()},
        failed=totals.failed,
        lost=totals.lost,
        skipped=totals.skipped,
        unobserved=totals.unobserved,
        unscored=dict(pipeline.unscored),
        late=pipeline.drift.counters.get("late", 0),
        leg_errors=totals.leg_errors,
        observer_lag_s=max((ledger.lag_seconds for ledger in live), default=None),
        relay_loop_lag_s=relay.get("lag_p99_s"),
        connections=int(relay.get("connections", 0)),
        blind_connections=int(relay.get("blind_connections", 0)),
        path_events=dict(tally.events),
        upstream_failures=dict(tally.upstream_failures),
        callers_unreached=dict(tally.unreached),
        watermark_age_s=watermark_age_s,
        queue_items={"analyzers": pool.queued, "scoring": pipeline.pending},
        queue_bytes={"observer_copy": float(relay.get("observer_unsent_bytes", 0))},
        cells=tuple(
            CellReading(
                v.slice, v.metric, str(v.lane), v.state.value, v.effect, v.evidence_ratio, v.coverage, v.votes
            )
            for v in verdicts
        ),
        alerts_firing=Counter(alert.name for alert in alerts if alert.state is Alerting.FIRING),
        engines={leg.value: engine(member) for leg, member in roster.items()},
        analyzer_seconds={name: spent / 1e9 for name, spent in pool.cost_ns.items()},
        analyzed=pool.answered,
        scores=dict(pipeline.scores),
        notify_failures=notify_failures,
        notify_dropped=notify_dropped,
        capture_pairs=capture_pairs,
        capture_dropped=capture_dropped,
    )


def health(
    pipeline: Pipeline,
    pool: Pool,
    relay: Mapping[str, Any],
    roster: Mapping[Leg, Member],
    *,
    mirror_on: bool,
    observers: int,
    analyzers: int,
    watermark_age_s: float | None,
    baseline_error: str | None,
    pulse: Pulse,
    shadow: Pulse,
    capture_error: str | None,
    blocked: tuple[str, ...],
    allow_equal: bool,
) -> Health:
    """The facts that alerts about ourselves judge.

    `baseline_error` is None when it was not asked yet and "" when it answers; `capture_error` None without a
    capture and "" while it runs.
    """
    totals = pipeline.books.totals()
    baseline = roster[Leg.BASELINE]
    equal = baseline.fingerprint == roster[Leg.CANDIDATE].fingerprint
    return Health(
        mirror_on=mirror_on,
        requests=totals.requests,
        eligible=totals.eligible,
        guarded=totals.skipped.get("effects", 0),
        paired=totals.paired,
        shed=sum(totals.shed.values()),
        failed=sum(totals.failed.values()),
        lost=sum(totals.lost.values()),
        in_flight=totals.in_flight,
        watermark_age_s=watermark_age_s,
        stalled=tuple(f"{one.slice} x {one.metric}" for one in pipeline.drift.stalled()),
        observers_up=observers,
        blindness=Blindness(int(relay["connections"]), int(relay.get("blind_connections", 0)))
        if relay
        else None,
        analyzers_up=len(pool.connected),
        analyzers_expected=analyzers,
        baseline_reachable=None if baseline_error is None else not baseline_error,
        baseline_address=baseline.address,
        baseline_error=baseline_error or "",
        primary=pulse.primary()[0].value,  # the moment it changes: its answers come later
        primary_silent_s=pulse.silent_s,
        primary_error=pulse.error,
        shadow_silent_s=shadow.silent_s,
        shadow_error=shadow.error,
        capture_running=None if capture_error is None else not capture_error,
        capture_error=capture_error or "",
        rollback_blocked=blocked,
        equal_fingerprints=equal and not allow_equal,
        fingerprint=baseline.fingerprint if equal else "",
    )


def overall(verdicts: Sequence[Verdict]) -> str:
    """The worst state there is; WITHIN only when every judged metric of all traffic together is certified."""
    states = {verdict.state for verdict in verdicts}
    for state in (State.INSTRUMENT_FAULT, State.BREACH):
        if state in states:
            return state.value
    whole = [v for v in verdicts if v.slice == ALL and v.votes and v.reason is not Why.SHOWN_ONLY]
    certified = bool(whole) and all(verdict.state is State.WITHIN for verdict in whole)
    return (State.WITHIN if certified else State.NOT_ENOUGH_EVIDENCE).value
