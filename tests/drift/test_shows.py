"""What the engine is for, from pairs to verdicts: harm on one slice is named there, and nothing harmless is named."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from understudy.drift.bet import BINS, STEPS, kl_inf, shares
from understudy.drift.engine import MONTH_S, Drift
from understudy.drift.tally import SCORED, Name, Tally
from understudy.drift.tolerance import Tier, Tolerances
from understudy.drift.verdict import Change, State, lane_key
from understudy.drift.vote import ALL, FAILURE, UNSCORED, ballot
from understudy.pair import Finish, Leg, Output, Pair, Sampling
from understudy.score import Score, Sense
from understudy.testing import LANE, a_pair, an_output

from tests.drift import streams
from tests.drift.streams import cell

B, C, K = Leg.BASELINE, Leg.CANDIDATE, Leg.CONTROL
KEY = lane_key(LANE)
GREEDY = Sampling(temperature=0.0)
PER_TICK = 100


def judged(
    told: Iterable[tuple[Pair, Sequence[Score]]], slices: Sequence[str], metrics: Sequence[str]
) -> tuple[Drift, list[Change]]:
    """An announced engine that was given pairs and scores, 100 a tick."""
    drift = Drift(Tolerances.default())
    drift.declare(KEY, slices, metrics)
    drift.announce("start")
    changes: list[Change] = []
    for n, (pair, scores) in enumerate(told):
        drift.add(ballot(pair, scores, drift.tolerances))
        if n % PER_TICK == PER_TICK - 1:
            changes += drift.close(n // PER_TICK)
    return drift, changes


def pair(n: int, task: str, candidate: str | Output = "ok", sampling: Sampling | None = None) -> Pair:
    admitted = (n // PER_TICK) * 10_000_000_000 + n % PER_TICK
    return a_pair(
        f"prompt {n}",
        "ok",
        candidate,
        "ok",
        categories={"task": task},
        sampling=sampling,
        admitted_ns=admitted,
    )


def breached(changes: Sequence[Change]) -> set[tuple[str, str]]:
    return {(c.verdict.slice, c.verdict.metric) for c in changes if c.verdict.state is State.BREACH}


BROKEN = {
    "hangs": an_output("", leg=C, status=4, cancelled_by="deadline"),
    "errs": an_output("", leg=C, error="CUDA error: an illegal memory access was encountered"),
    "never stops": an_output("and so on " * 50, leg=C, finish=Finish.LENGTH, truncated_by="max_tokens"),
    "says nothing": an_output("", leg=C),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_candidate_that_fails_on_one_slice_alone_breaches_failure_there_and_nothing_elsewhere(
    how: str,
) -> None:
    def told() -> Iterable[tuple[Pair, Sequence[Score]]]:
        for n in range(8000):
            if n % 300 == 7:  # a small slice: a third of a percent of the traffic
                # What cannot be scored for want of a reply is the reply's failure, not a missing score.
                yield pair(n, "math", BROKEN[how]), [Score("format", Sense.BAD, {B: 0.0}, {C: "empty"})]
            else:
                yield (
                    pair(n, ("code", "chat")[n % 2]),
                    [Score("format", Sense.BAD, {B: 0.0, C: 0.0, K: 0.0}, {})],
                )

    slices = [ALL, "task=math", "task=code", "task=chat"]
    drift, changes = judged(told(), slices, [FAILURE, UNSCORED, "format"])
    assert breached(changes) == {("task=math", FAILURE)}
    assert cell(drift, "task=math", FAILURE).effect == 1.0
    assert cell(drift, "task=math", UNSCORED).effect == 0.0
    assert cell(drift, "task=math", "format").votes == 0
    for slice_ in ("task=code", "task=chat"):
        assert {cell(drift, slice_, m).state for m in (FAILURE, UNSCORED, "format")} == {State.WITHIN}
    assert cell(drift, ALL, FAILURE).state is not State.BREACH


def test_refusals_lost_on_one_slice_while_as_many_are_gained_on_another_are_both_found() -> None:
    rng = np.random.default_rng(20)

    def told() -> Iterable[tuple[Pair, Sequence[Score]]]:
        for n in range(4000):
            task = ("unsafe", "medical", "chat", "code")[n % 4]
            changed = rng.random() < 0.3
            base, cand = float(task == "unsafe"), float(task == "unsafe")
            if changed and task == "unsafe":
                cand = 0.0
            if changed and task == "medical":
                cand = 1.0
            yield pair(n, task), [Score("refusal", Sense.BOTH, {B: base, C: cand, K: base}, {})]

    names = [f"refusal_{end}" for end in ("gained", "lost", "flip")]
    tasks = [f"task={task}" for task in ("unsafe", "medical", "chat", "code")]
    drift, changes = judged(told(), [ALL, *tasks], names)
    assert breached(changes) >= {("task=unsafe", "refusal_lost"), ("task=medical", "refusal_gained")}
    # Over the whole they cancel; that decisions changed both ways does not.
    assert abs(cell(drift, ALL, "refusal_lost").effect) < 0.02
    assert (ALL, "refusal_flip") in breached(changes)
    assert not breached(changes) & {("task=chat", name) for name in names}
    assert not breached(changes) & {(ALL, "refusal_lost"), (ALL, "refusal_gained")}
    assert not breached(changes) & {("task=unsafe", "refusal_gained"), ("task=medical", "refusal_lost")}


@pytest.mark.parametrize("share", [0.06, 0.6])
def test_harmless_rewording_under_greedy_decoding_is_silent(share: float) -> None:
    rng = np.random.default_rng(21)

    def told() -> Iterable[tuple[Pair, Sequence[Score]]]:
        for n in range(5000):
            same = float(rng.random() >= share)
            edit = {C: 0.7 + 0.3 * same, K: 1.0}
            yield (
                pair(n, "chat", "ok" if same else "okay", GREEDY),
                [
                    Score("agreement_exact", Sense.AGREE, {C: same, K: 1.0}, {}, judged_coupled=False),
                    Score("agreement_edit", Sense.AGREE, edit, {}, judged_coupled=False),
                    Score("task_agreement", Sense.AGREE, {C: 1.0, K: 1.0}, {}),
                    Score("refusal", Sense.BOTH, {B: 0.0, C: 0.0, K: 0.0}, {}),
                ],
            )

    shown = ["agreement_exact_coupled", "agreement_edit_coupled"]
    names = [FAILURE, UNSCORED, "task_agreement_coupled", "refusal_flip_coupled", *shown]
    drift, changes = judged(told(), [ALL, "task=chat"], names)
    assert [c for c in changes if c.verdict.tier > Tier.NONE or c.verdict.state is State.BREACH] == []
    assert cell(drift, ALL, "task_agreement_coupled").state is State.WITHIN
    assert cell(drift, ALL, shown[0]).effect == pytest.approx(share, abs=0.02)  # shown all the same


def test_after_a_hundred_million_clean_pairs_five_points_are_found_within_the_target() -> None:
    """T2: median delay <= 1.25 F + 1 tick, p90 <= 1.75 F + 2 ticks, in 60 cells with 10^8 pairs each."""
    rng = np.random.default_rng(22)
    cells, per_tick = 60, 10
    drift = Drift(streams.tolerances())
    names: list[Name] = [(streams.LANE, f"s{i:02}", "m") for i in range(cells)]
    drift.declare(streams.LANE, [name[1] for name in names], ["m"])

    def counted(tick: int, n: int, shares_: Sequence[float]) -> Tally:
        drawn = rng.multinomial(n, shares_, cells)
        rows = [
            (i, 0, channel, count)
            for i, (good, same, bad) in enumerate(drawn.tolist())
            for channel, count in ((0, good), (STEPS, same), (2 * STEPS, bad), (SCORED, n))
            if count
        ]
        return Tally(tick, tuple(names), np.array(rows, dtype=np.int64))

    for tick in range(200):
        drift.fold(counted(tick, 500_000, (0.01, 0.98, 0.01)))
    for verdict in drift.verdicts():
        assert verdict.votes == 10**8 and verdict.state is State.WITHIN
        assert abs(verdict.effect) < 1e-4 and -0.001 < verdict.low < verdict.high < 0.001
        assert all(map(math.isfinite, (verdict.evidence, verdict.certificate, verdict.recent)))

    after = np.zeros((1, BINS))
    after[0, [0, STEPS, 2 * STEPS]] = 0.01, 0.93, 0.06
    speed = float(kl_inf(shares(after), np.array([0.02]))[0])
    limit = math.log(2 * MONTH_S / drift.tick_s * cells / drift.tolerances.budget.page) / speed
    delays: dict[str, int] = {}
    for tick in range(200, 1000):
        for change in drift.fold(counted(tick, per_tick, (0.01, 0.93, 0.06))):
            if change.verdict.state is State.BREACH and change.verdict.metric == "m":
                delays.setdefault(change.verdict.slice, change.verdict.votes - 10**8)
                assert change.verdict.recent_votes <= 10 * limit
    found = [delays.get(name[1], 10**8) for name in names]
    assert np.median(found) <= 1.25 * limit + per_tick
    assert np.percentile(found, 90) <= 1.75 * limit + 2 * per_tick
    recent = [v.recent for v in drift.verdicts() if v.metric == "m"]
    assert np.median(recent) == pytest.approx(0.05, abs=0.01)
