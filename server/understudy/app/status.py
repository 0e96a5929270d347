"""The state of a deployment as one JSON value: what `understudy status`, the page and the demo show."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from understudy.alert import Alert
from understudy.drift.tolerance import Tier
from understudy.drift.verdict import Change, State, Verdict
from understudy.pipeline.ledger import Totals

SHOWN = 500
"""Cells listed at most: breaches first, then the ones nearest to a decision."""


def cell(verdict: Verdict) -> dict[str, Any]:
    """One cell's verdict."""
    told = asdict(verdict)
    told["lane"] = str(verdict.lane)
    told["tier"] = str(verdict.tier)
    told["evidence_ratio"] = verdict.evidence_ratio
    return told


def line(change: Change, ns: int) -> dict[str, Any]:
    """One state change, as written to verdicts.jsonl (issue 4 names the columns)."""
    verdict = change.verdict
    return {
        "ts": ns / 1e9,
        "tick": verdict.tick,
        "lane": f"{verdict.lane.baseline}..{verdict.lane.candidate}",
        "slice": verdict.slice,
        "metric": verdict.metric,
        "from": change.was.value,
        "to": verdict.state.value,
        "reason": verdict.reason.value,
        "n": verdict.votes,
        "effect": verdict.effect,
        "low": verdict.low,
        "high": verdict.high,
        "evidence": verdict.evidence,
        "threshold": verdict.threshold,
        "tier": str(verdict.tier),
        "tau": verdict.tau,
        "tolerances": verdict.tolerances,
    }


def alert(one: Alert) -> dict[str, Any]:
    """One alert."""
    return {
        "fingerprint": one.fingerprint,
        "name": one.name,
        "state": one.state.value,
        "severity": one.severity.value,
        "labels": dict(one.labels),
        "annotations": dict(one.annotations),
        "starts_ns": one.starts_ns,
    }


def totals(told: Totals) -> dict[str, Any]:
    """The accounting."""
    return {**asdict(told), "accounted": told.accounted}


def cells(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Verdicts in the order to look at them."""
    order = {State.BREACH: 0, State.INSTRUMENT_FAULT: 1, State.NOT_ENOUGH_EVIDENCE: 2, State.WITHIN: 3}
    ranked = sorted(
        verdicts, key=lambda v: (order[v.state], -int(v.tier), v.threshold - v.evidence, v.slice, v.metric)
    )
    return [cell(verdict) for verdict in ranked[:SHOWN]]


def overall(verdicts: Sequence[Verdict]) -> str:
    """One word for all cells: the worst state there is; WITHIN only when some cell is and none is worse."""
    states = {verdict.state for verdict in verdicts}
    for state in (State.INSTRUMENT_FAULT, State.BREACH):
        if state in states:
            return state.value
    warned = any(verdict.tier >= Tier.WARN for verdict in verdicts)
    return State.WITHIN.value if State.WITHIN in states and not warned else State.NOT_ENOUGH_EVIDENCE.value
