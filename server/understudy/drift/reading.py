"""From a family's arrays to verdicts: every number an operator sees, for the cells asked for only."""

import math

import numpy as np

from understudy.drift.bet import VALUES, Floats, Ints, detectable, interval, kl_inf, shares
from understudy.drift.family import FLOOR, Bools, Family
from understudy.drift.judge import STATES, Thresholds, missing_share
from understudy.drift.tolerance import Tier
from understudy.drift.verdict import State, Verdict, Why, lane_of

LEAST_START = 1e-9
"""Start weight assumed for the smallest detectable effect of a cell that has had none yet."""
_BLOCKED = {1: Why.BLOCKED_CLUSTERS, 2: Why.BLOCKED_COVERAGE, 3: Why.BLOCKED_INSTRUMENT}


def read(
    family: Family, cells: Ints, codes: Ints, fault: Bools, tick: int, ttl: int, at: Thresholds, hashed: str
) -> list[Verdict]:
    """Verdicts of some cells of the comparison; `codes` are the state codes of all."""
    if not len(cells):
        return []
    c = family.cells
    counts, tau = family.histogram[cells], family.tau[cells]
    votes = counts.sum(axis=1)
    p = shares(counts)
    low, high = interval(counts)
    started = np.maximum(c["opening"][cells], LEAST_START)
    mde = detectable(counts, tau, math.log(at.page) - np.log(started))
    effect = np.where(votes > 0, p @ VALUES, 0.0)
    evidence = _log(family, cells, "page")
    certificate = _log(family, cells, "certificate")
    more = _more(p, tau, effect, evidence, certificate, at)
    poor, hidden = missing_share(family)
    made = []
    for k, i in enumerate(cells.tolist()):
        lane, slice_, metric = family.names[i]
        state = STATES[codes[i]]
        scored, missing, shed = (int(c[f"since_{name}"][i]) for name in ("scored", "missing", "shed"))
        pairs = scored + missing + shed
        reason = _why(family, i, state, poor, hidden, fault, tick, ttl, at)
        # A breach in which the certificate has come to nothing yet is not on its way out, whatever the mean says.
        leaving = state is State.BREACH and effect[k] <= tau[k] and certificate[k] > 0.0
        undecided = reason is Why.COLLECTING or leaving
        recent = int(c["change_votes"][i])
        made.append(
            Verdict(
                slice=slice_,
                metric=metric,
                lane=lane_of(lane),
                state=state,
                reason=reason,
                votes=int(votes[k]),
                effect=float(effect[k]),
                low=float(low[k]),
                high=float(high[k]),
                evidence=float(evidence[k]),
                threshold=math.log(at.page),
                certificate=float(certificate[k]),
                certificate_threshold=math.log(at.within),
                tier=Tier(int(c["tier"][i])),
                tau=float(tau[k]),
                tick=tick,
                more_pairs=int(more[k]) if undecided and votes[k] and more[k] <= 1e9 else None,
                severity=int(c["severity"][i]),
                clusters=int(c["clusters"][i]),
                coverage=scored / pairs if pairs else 1.0,
                unscored=missing / (scored + missing) if scored + missing else 0.0,
                mde=None if math.isnan(mde[k]) or not family.judged[i] else float(mde[k]),
                recent=int(c["change_sum"][i]) / 32 / recent if recent else 0.0,
                recent_votes=recent,
                tolerances=hashed,
                discovered=family.names[i] in family.found,
            )
        )
    return made


def _log(family: Family, cells: Ints, name: str) -> Floats:
    j = family.at[name]
    made: Floats = np.log(np.maximum(family.value[cells, j] + family.pending[cells, j], FLOOR))
    return made


def _more(
    p: Floats, tau: Floats, effect: Floats, evidence: Floats, certificate: Floats, at: Thresholds
) -> Floats:
    """About how many more votes: what is missing to the threshold, over the rate the cell gains it at."""
    above = effect > tau
    rate = np.where(above, kl_inf(p, tau), kl_inf(p, tau, -1))
    needed = np.where(above, math.log(at.page) - evidence, math.log(at.within) - certificate)
    with np.errstate(divide="ignore", invalid="ignore"):
        made: Floats = np.where(rate > 0, np.ceil(np.maximum(needed, 0.0) / rate), np.inf)
    least: Floats = np.maximum(made, 1.0)
    return least


def _why(
    family: Family,
    i: int,
    state: State,
    poor: Bools,
    hidden: Bools,
    fault: Bools,
    tick: int,
    ttl: int,
    at: Thresholds,
) -> Why:
    c = family.cells
    if fault[i]:
        return Why.CONTROL_BREACHED
    if state is State.BREACH:
        sure = c["tier"][i] < Tier.ROLLBACK and c["blocked"][i]
        return _BLOCKED[int(c["blocked"][i])] if sure else Why.EXCEEDED
    if state is State.WITHIN:
        return Why.CERTIFIED
    if not family.judged[i]:
        return Why.SHOWN_ONLY
    if poor[i]:
        return Why.COVERAGE_LOW
    if hidden[i]:
        return Why.UNSCORED_HIGH
    if not c["scored"][i]:
        return Why.NO_VOTES
    certified = family.value[i, family.at["certificate"]] >= at.within
    return Why.EXPIRED if certified and c["last"][i] + ttl < tick else Why.COLLECTING
