"""`/api/status`: what the product knows now, as JSON. Numbers and names only; never a prompt or a reply."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from understudy.alert import Alert
from understudy.drift.verdict import Verdict
from understudy.rollback import Decision, Signal
from understudy.telemetry import Reading


def describe(
    reading: Reading,
    verdicts: Sequence[Verdict],
    alerts: Sequence[Alert],
    decision: Decision | None,
    signal: Signal | None,
    now_ns: int,
    same: Mapping[tuple[str, str], str] | None = None,
) -> dict[str, Any]:
    """Return the status as JSON types; every field is always present, unknown is null.

    `same` tells slices that another is shown for, as `Aliases.leaders` does.
    """
    return {
        "now_ns": now_ns,
        "version": reading.version,
        "primary": reading.primary or None,
        "latched": reading.latched,
        "mirror_on": reading.mirror_on,
        "counts": {
            "requests": reading.requests,
            "eligible": reading.eligible,
            "paired": reading.paired,
            "shed": int(sum(value for (stage, _), value in reading.shed.items() if stage == "mirror")),
            "shed_later": int(sum(value for (stage, _), value in reading.shed.items() if stage != "mirror")),
            "failed": int(sum(reading.failed.values())),
            "lost": int(sum(reading.lost.values())),
            "in_flight": reading.in_flight,
        },
        "capture_dropped": {reason: int(count) for reason, count in reading.capture_dropped.items()},
        "analyzers": {
            name: {
                "seconds": spent,
                "ms": _number(1e3 * spent / reading.analyzed if reading.analyzed else None),
            }
            for name, spent in reading.analyzer_seconds.items()
        },
        "watermark_age_s": _number(reading.watermark_age_s),
        "engines": {
            leg: {
                "fingerprint": engine.fingerprint,
                "model": engine.model,
                "quantization": engine.quantization,
                "runtime": engine.runtime,
            }
            for leg, engine in reading.engines.items()
        },
        "verdicts": [
            _verdict(verdict) | {"same_as": (same or {}).get((str(verdict.lane), verdict.slice))}
            for verdict in verdicts
        ],
        "alerts": [
            {
                "name": alert.name,
                "state": alert.state.value,
                "severity": alert.severity.value,
                "labels": dict(alert.labels),
                "annotations": dict(alert.annotations),
                "starts_ns": alert.starts_ns,
                "fingerprint": alert.fingerprint,
            }
            for alert in alerts
        ],
        "decision": None
        if decision is None
        else {
            "action": decision.action.value,
            "reason": decision.reason.value,
            "blocked_by": [blocker.value for blocker in decision.blocked_by],
            "notes": [note.value for note in decision.notes],
            "detail": decision.detail,
        },
        "signal": None
        if signal is None
        else {
            "action": signal.action.value,
            "reason": signal.reason.value,
            "issued_ns": signal.issued_ns,
            "target": signal.target,
            "detail": signal.detail,
        },
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "slice": verdict.slice,
        "metric": verdict.metric,
        "lane": str(verdict.lane),
        "state": str(verdict.state),
        "reason": str(verdict.reason),
        "tier": str(verdict.tier),
        "votes": verdict.votes,
        "effect": _number(verdict.effect),
        "low": _number(verdict.low),
        "high": _number(verdict.high),
        "recent": _number(verdict.recent),
        "recent_votes": verdict.recent_votes,
        "mde": _number(verdict.mde),
        "clusters": verdict.clusters,
        "tau": _number(verdict.tau),
        "evidence": _number(verdict.evidence),
        "threshold": _number(verdict.threshold),
        "certificate": _number(verdict.certificate),
        "certificate_threshold": _number(verdict.certificate_threshold),
        "evidence_ratio": _number(verdict.evidence_ratio),
        "severity": verdict.severity,
        "coverage": _number(verdict.coverage),
        "unscored": _number(verdict.unscored),
        "more_pairs": verdict.more_pairs,
        "discovered": verdict.discovered,
    }


def _number(value: float | None) -> float | None:
    """JSON knows neither NaN nor infinity."""
    return value if value is not None and math.isfinite(value) else None
