"""From a pair and its scores to votes: one paired difference D in [-1, 1] per slice and metric.

Design: drift engine, "One paired difference per vote". Positive D = the candidate is worse.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from understudy.drift.tolerance import Tolerances
from understudy.drift.verdict import lane_key
from understudy.pair import Finish, Lane, Leg, Output, Pair, Stratum
from understudy.score import Metric, Score, Sense

ALL = "all"
"""The slice every pair belongs to."""
EVERY = "*"
"""As a metric: the row is about every cell of its slice (a pair that was shed or lost)."""
FAILURE = "failure"
UNSCORED = "unscored"
NO_CONTROL = "no_control"


class Resolution(StrEnum):
    """What became of an admitted pair in one cell."""

    SCORED = "scored"
    FAILED = "failed"
    """A leg failed; the `failure` metric carries a difference."""
    TIMED_OUT = "timed_out"
    """As failed, by our deadline."""
    SHED = "shed"
    """Dropped by us or by a limit, before its outcome was known: coverage only."""
    UNSCORED = "unscored"
    """The metric applies and has no value: missing."""
    LOST = "lost"
    """Nobody knows: missing."""

    __hash__ = str.__hash__  # of all the work on a vote, Enum's would be a tenth


@dataclass(frozen=True, slots=True)
class Vote:
    """One row of a votes file. Rows that are unscored, lost or shed carry no difference."""

    ts: float
    """Admission, seconds since the epoch."""
    slice: str
    metric: str
    cluster: str
    d: float = 0.0
    """In [-1, 1]."""
    lane: str = ""
    """`baseline..candidate` fingerprints; equal fingerprints make the row an instrument check (A/A)."""
    marker: str = ""
    """Name of an announced change that took effect with this row."""
    outcome: str = Resolution.SCORED
    pair_id: str = ""
    partition: int = -1
    """Informational; the partition is computed from the cluster."""


def failed(output: Output) -> bool:
    """True when the caller got no whole answer: `Output.failed`, or cut at its token budget."""
    return output.failed or output.truncated_by == "max_tokens" or output.finish is Finish.LENGTH


@dataclass(frozen=True, slots=True)
class _Row:
    metric: str
    d: float
    outcome: Resolution = Resolution.SCORED
    instrument: bool = False


def ballot(
    pair: Pair,
    scores: Iterable[Score],
    tolerances: Tolerances,
    *,
    prefix_safe: frozenset[str] = frozenset(),
    marker: str = "",
) -> tuple[Vote, ...]:
    """Return the votes of a pair: every metric in the slice `all` and in each of the pair's categories.

    Args:
        pair: the pair; its `admitted_ns` orders the votes.
        scores: everything the analyzers said about it.
        tolerances: which unsigned metrics may be judged without a control, and which are only shown.
        prefix_safe: metrics that may be scored on a reply the client cut short (from the analyzers' Metrics).
        marker: name of an announced change this pair is the first of.
    """
    if "mirror_off" in (pair.baseline.cancelled_by, pair.candidate.cancelled_by):
        rows = [_Row(EVERY, 0.0, Resolution.SHED)]
    elif pair.censored:
        rows = [
            row for score in scores if score.metric in prefix_safe for row in _rows(pair, score, tolerances)
        ]
    else:
        kept = list(scores)
        rows = [_failure(pair), _unscored(pair, kept)]
        rows += [row for score in kept for row in _rows(pair, score, tolerances)]
        if pair.control is not None and pair.control.cancelled_by != "mirror_off":
            d = float(failed(pair.control)) - float(failed(pair.baseline))
            rows.append(_Row(FAILURE, d, instrument=True))
    slices = [
        ALL,
        *(f"{name}={category.value}" for name, category in sorted(pair.request.categories.items())),
    ]
    lane = lane_key(pair.lane)
    mirror = lane_key(Lane(pair.lane.baseline, pair.lane.baseline))
    ts = pair.admitted_ns / 1e9
    return tuple(
        Vote(
            ts,
            slice_,
            row.metric,
            pair.request.cluster or pair.id,
            row.d,
            mirror if row.instrument else lane,
            "" if row.instrument else marker,
            row.outcome,
            pair.id,
        )
        for slice_ in slices
        for row in rows
    )


def cell_metrics(metrics: Iterable[Metric]) -> list[str]:
    """Names of the cells' metrics that scores of these metrics may have votes in."""
    names = [FAILURE, UNSCORED]
    for metric in metrics:
        match metric.sense:
            case Sense.BAD:
                names.append(metric.name)
            case Sense.BOTH:
                names += [metric.name + end for end in ("_gained", "_lost", "_flip", "_flip_coupled")]
            case Sense.AGREE:
                names += [metric.name, metric.name + "_coupled"]
    return names


def _failure(pair: Pair) -> _Row:
    baseline, candidate = failed(pair.baseline), failed(pair.candidate)
    outcome = Resolution.FAILED if baseline or candidate else Resolution.SCORED
    if "deadline" in (pair.baseline.cancelled_by, pair.candidate.cancelled_by):
        outcome = Resolution.TIMED_OUT
    return _Row(FAILURE, float(candidate) - float(baseline), outcome)


def _unscored(pair: Pair, scores: list[Score]) -> _Row:
    """1 for a leg that some metric could not score. A failed leg is `failure`'s business, not this one's."""

    def missing(leg: Leg, output: Output) -> bool:
        return not failed(output) and any(s.unscored.get(leg, NO_CONTROL) != NO_CONTROL for s in scores)

    candidate, baseline = missing(Leg.CANDIDATE, pair.candidate), missing(Leg.BASELINE, pair.baseline)
    return _Row(UNSCORED, float(candidate) - float(baseline))


def _rows(pair: Pair, score: Score, tolerances: Tolerances) -> Iterator[_Row]:
    """The differences of one score; nothing where `failure` carries the pair or the metric does not apply."""
    broken = failed(pair.baseline) or failed(pair.candidate)
    if score.sense is Sense.AGREE:
        yield from _agree(pair, score, tolerances, broken)
        return
    base, cand, ctrl = (score.values.get(leg) for leg in (Leg.BASELINE, Leg.CANDIDATE, Leg.CONTROL))
    both = score.sense is Sense.BOTH
    flip = f"{score.metric}_flip" + ("_coupled" if pair.stratum is Stratum.COUPLED else "")
    names = (
        ((f"{score.metric}_gained", 1.0), (f"{score.metric}_lost", -1.0)) if both else ((score.metric, 1.0),)
    )
    if base is None or cand is None:
        if not broken and _could_not(score, Leg.BASELINE, Leg.CANDIDATE):
            for name, _ in names:
                yield _Row(name, 0.0, Resolution.UNSCORED)
            if both and (pair.control is not None or tolerances.limit(flip).absolute):
                yield _Row(flip, 0.0, Resolution.UNSCORED)
        return
    for name, sign in names:
        yield _Row(name, sign * (cand - base))
        if ctrl is not None:
            yield _Row(name, sign * (ctrl - base), instrument=True)
    if both:
        noise = abs(ctrl - base) if ctrl is not None else 0.0 if tolerances.limit(flip).absolute else None
        if noise is not None:
            yield _Row(flip, abs(cand - base) - noise)
        elif _could_not(score, Leg.CONTROL) and not broken:
            yield _Row(flip, 0.0, Resolution.UNSCORED)


def _agree(pair: Pair, score: Score, tolerances: Tolerances, broken: bool) -> Iterator[_Row]:
    name = score.metric
    if pair.stratum is Stratum.COUPLED:
        name += "_coupled"
        # Greedy rewording is harmless: such a metric is voted on only where the tolerances say "shown".
        if not score.judged_coupled and tolerances.limit(name).judged:
            return
    cand, ctrl = score.values.get(Leg.CANDIDATE), score.values.get(Leg.CONTROL)
    if ctrl is None and tolerances.limit(name).absolute:
        ctrl = 1.0
    if ctrl is None:
        if _could_not(score, Leg.CONTROL) and not broken and not (pair.control and failed(pair.control)):
            yield _Row(name, 0.0, Resolution.UNSCORED)
    elif cand is not None:
        yield _Row(name, ctrl - cand)
    elif not broken and _could_not(score, Leg.CANDIDATE):
        yield _Row(name, 0.0, Resolution.UNSCORED)


def _could_not(score: Score, *legs: Leg) -> bool:
    return any(score.unscored.get(leg, NO_CONTROL) != NO_CONTROL for leg in legs)
