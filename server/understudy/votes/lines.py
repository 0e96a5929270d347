"""The line that a change of verdict is in every verdicts.jsonl: of one stream the same bytes live and offline.

Nothing in it depends on when or where it was written: its time is the end of the tick that decided it.
"""

import json
from collections.abc import Mapping
from typing import Any

from understudy.drift.verdict import Change, Verdict
from understudy.pair import Lane


def changed(change: Change, tick_s: float) -> dict[str, Any]:
    """A change of a cell's state or tier; the fields are those of docs/drift.md."""
    told = standing(change.verdict, tick_s)
    head = {name: told.pop(name) for name in ("ts", "lane", "slice", "metric")}
    return {
        **head,
        "from": str(change.was),
        "to": told.pop("state"),
        "from_tier": str(change.was_tier),
    } | told


def standing(verdict: Verdict, tick_s: float) -> dict[str, Any]:
    """A cell as it stands after a tick."""
    v = verdict
    return {
        "ts": (v.tick + 1) * tick_s,
        "lane": key(v.lane),
        "slice": v.slice,
        "metric": v.metric,
        "state": str(v.state),
        "tier": str(v.tier),
        "reason": str(v.reason),
        "n": v.votes,
        "effect": v.effect,
        "interval": [v.low, v.high],
        "tau": v.tau,
        "evidence": v.evidence,
        "threshold": v.threshold,
        "certificate": v.certificate,
        "certificate_threshold": v.certificate_threshold,
        "severity": v.severity,
        "recent": v.recent,
        "recent_n": v.recent_votes,
        "smallest": v.mde,
        "more": v.more_pairs,
        "clusters": v.clusters,
        "coverage": v.coverage,
        "unscored": v.unscored,
        "tick": v.tick,
        "tolerances": v.tolerances,
        **({"discovered": True} if v.discovered else {}),
    }


def key(lane: Lane) -> str:
    """A lane as the `lane` column of votes spells it."""
    return f"{lane.baseline}..{lane.candidate}" if lane.baseline else lane.candidate


def text(told: Mapping[str, Any]) -> str:
    """One line, its end included."""
    return json.dumps(told, ensure_ascii=False) + "\n"
