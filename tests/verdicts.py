"""Builders of verdicts for the rooms that read them."""

from dataclasses import replace
from typing import Any

from understudy.drift.tolerance import Tier
from understudy.drift.verdict import State, Verdict, Why
from understudy.pair import Lane

LANE = Lane("b" * 64, "c" * 64)
OTHER = Lane("b" * 64, "d" * 64)


def a_verdict(state: State = State.BREACH, tier: Tier | None = None, **changes: Any) -> Verdict:
    """A verdict of cell (task=math x refusal_lost); a breach is at the rollback tier unless said."""
    made = Verdict(
        slice="task=math",
        metric="refusal_lost",
        lane=LANE,
        state=state,
        reason=Why.EXCEEDED if state is State.BREACH else Why.COLLECTING,
        votes=180,
        effect=0.15,
        low=0.07,
        high=0.24,
        evidence=12.0,
        threshold=9.0,
        certificate=-3.0,
        certificate_threshold=3.0,
        tier=(Tier.ROLLBACK if state is State.BREACH else Tier.NONE) if tier is None else tier,
        tau=0.02,
        tick=40,
        more_pairs=None,
        severity=3,
        clusters=31,
        coverage=0.99,
        unscored=0.0,
        mde=None,
        recent=0.15,
        recent_votes=180,
        tolerances="t" * 64,
    )
    return replace(made, **changes)
