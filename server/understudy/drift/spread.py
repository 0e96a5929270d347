"""The global detector: an upgrade that hurt everything a little, and no cell enough.

Per lane, the sum of M over the cells that are not in breach; E[sum] is at most the start weights spent, so
crossing 1 / x_0 happens at most x_0 times a month in expectation. Left when the sum has fallen to 1 % of an
alarm.
"""

import math

import numpy as np

from understudy.drift import judge
from understudy.drift.bet import VALUES, Ints
from understudy.drift.family import Family
from understudy.drift.judge import Thresholds
from understudy.drift.tolerance import Tier
from understudy.drift.verdict import Change, State, Verdict, Why, lane_of
from understudy.drift.vote import ALL, EVERY


class Spread:
    """Latches per lane."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._latched: dict[str, Verdict] = {}

    def verdicts(self) -> list[Verdict]:
        """Of the lanes that are latched, each as of its alarm."""
        return [verdict for _, verdict in sorted(self._latched.items())]

    def test(self, family: Family, active: Ints, tick: int, hashed: str, at: Thresholds) -> list[Change]:
        """Test the lanes that have a vote in this tick."""
        made = []
        sums = judge.spread(family)
        for k in np.unique(family.lane[active]).tolist():
            lane, value = family.lanes[k], sums[k]
            old = self._latched.get(lane)
            if old is None and value >= self._threshold:
                new = self._verdict(family, k, value, tick, hashed, at)
                self._latched[lane] = new
                made.append(Change(State.NOT_ENOUGH_EVIDENCE, Tier.NONE, new))
            elif old is not None and value <= 0.01 * self._threshold:
                made += self.close(lane, tick, hashed, Why.COLLECTING)
        return made

    def close(self, lane: str, tick: int, hashed: str, reason: Why = Why.LANE_CLOSED) -> list[Change]:
        """Release a lane's latch."""
        old = self._latched.pop(lane, None)
        if old is None:
            return []
        new = _made(lane, State.NOT_ENOUGH_EVIDENCE, reason, Tier.NONE, tick, hashed, self._threshold)
        return [Change(old.state, old.tier, new)]

    def _verdict(
        self, family: Family, k: int, value: float, tick: int, hashed: str, at: Thresholds
    ) -> Verdict:
        cells = np.flatnonzero((family.lane == k) & family.judged & ~family.cells["breach"])
        counts = family.histogram[cells].sum(axis=0)
        votes = int(counts.sum())
        whole = [i for i in cells.tolist() if family.names[i][1] == ALL]
        clusters = max((int(family.cells["clusters"][i]) for i in whole), default=0)
        return _made(
            family.lanes[k],
            State.BREACH,
            Why.SPREAD,
            Tier.PAGE,
            tick,
            hashed,
            at.spread,
            votes=votes,
            effect=float(counts @ VALUES) / votes if votes else 0.0,
            evidence=math.log(value),
            clusters=clusters,
        )

    def dump(self) -> list[list[object]]:
        """For the snapshot."""
        return [
            [lane, v.votes, v.effect, v.evidence, v.clusters, v.tick, v.tolerances]
            for lane, v in sorted(self._latched.items())
        ]

    def load(self, rows: list[list[object]]) -> None:
        """From the snapshot."""
        self._latched = {}
        for lane, votes, effect, evidence, clusters, tick, hashed in rows:
            self._latched[str(lane)] = _made(
                str(lane),
                State.BREACH,
                Why.SPREAD,
                Tier.PAGE,
                int(str(tick)),
                str(hashed),
                self._threshold,
                votes=int(str(votes)),
                effect=float(str(effect)),
                evidence=float(str(evidence)),
                clusters=int(str(clusters)),
            )


def _made(
    lane: str,
    state: State,
    reason: Why,
    tier: Tier,
    tick: int,
    hashed: str,
    threshold: float,
    *,
    votes: int = 0,
    effect: float = 0.0,
    evidence: float = 0.0,
    clusters: int = 0,
) -> Verdict:
    """A verdict about a lane as a whole: slice and metric are `*`, the effect is pooled over its cells."""
    return Verdict(
        slice=EVERY,
        metric=EVERY,
        lane=lane_of(lane),
        state=state,
        reason=reason,
        votes=votes,
        effect=effect,
        low=-1.0,
        high=1.0,
        evidence=evidence,
        threshold=math.log(threshold),
        certificate=0.0,
        certificate_threshold=0.0,
        tier=tier,
        tau=0.0,
        tick=tick,
        more_pairs=None,
        severity=1 if state is State.BREACH else 0,
        clusters=clusters,
        coverage=1.0,
        unscored=0.0,
        mde=None,
        recent=effect,
        recent_votes=votes,
        tolerances=hashed,
    )
