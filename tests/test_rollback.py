"""A machine may switch the primary only with evidence and every precondition; all else is a named hold."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.drift.tolerance import Tier
from understudy.drift.verdict import State as Verdicted
from understudy.drift.verdict import Verdict
from understudy.errors import ConfigError
from understudy.pair import Leg
from understudy.rollback import (
    Action,
    Blocker,
    Decision,
    Facts,
    Note,
    RollbackState,
    Settings,
    Why,
    after,
    decide,
    rearmed,
    rolled_back,
)

from tests.verdicts import LANE, OTHER, a_verdict

S = 1_000_000_000
NOW = 1_800_000_000 * S
READY = Facts(
    primary=Leg.CANDIDATE,
    candidate=LANE.candidate,
    target=LANE.baseline,
    recorded=LANE.baseline,
    probed_ns=NOW - 2 * S,
    control=True,
    aa_healthy=True,
    watermark_age_s=3.0,
)
FRESH = RollbackState()


def test_evidence_and_every_precondition_roll_back() -> None:
    decision = decide([a_verdict()], FRESH, READY, NOW, Settings())
    assert (decision.action, decision.reason, decision.blocked_by) == (Action.ROLLBACK, Why.BREACH, ())
    assert (decision.lane, decision.cells) == (LANE, (("task=math", "refusal_lost"),))
    assert "180 votes" in decision.detail


@pytest.mark.parametrize(
    ("blocker", "facts", "verdict", "state", "settings"),
    [
        (Blocker.DISABLED, {}, {}, {}, {"automatic": False}),
        (Blocker.IN_PROGRESS, {"in_progress": True}, {}, {}, {}),
        (Blocker.COOL_DOWN, {}, {}, {"switched_ns": NOW - 599 * S}, {}),
        (Blocker.INSTRUMENT_FAULT, {"aa_healthy": False}, {}, {}, {}),
        (Blocker.COVERAGE, {}, {"coverage": 0.949}, {}, {}),
        (Blocker.COVERAGE, {}, {"coverage": float("nan")}, {}, {}),
        (Blocker.CLUSTERS, {}, {"clusters": 29}, {}, {}),
        (Blocker.STALE, {"watermark_age_s": 601.0}, {}, {}, {}),
        (Blocker.STALE, {"watermark_age_s": None}, {}, {}, {}),
        (Blocker.OTHER_CANDIDATE, {"candidate": "e" * 64}, {}, {}, {}),
        (Blocker.TARGET_DEAD, {"probed_ns": None}, {}, {}, {}),
        (Blocker.TARGET_DEAD, {"probed_ns": NOW - 11 * S}, {}, {}, {}),
        (Blocker.TARGET_CHANGED, {"target": "f" * 64}, {}, {}, {}),
        (Blocker.TARGET_CHANGED, {"target": ""}, {}, {}, {}),
        (Blocker.TARGET_UNRECORDED, {"recorded": ""}, {}, {}, {}),
        (Blocker.OTHER_BASELINE, {"recorded": "e" * 64, "target": "e" * 64}, {}, {}, {}),
    ],
)
def test_each_missing_precondition_holds_and_is_named(
    blocker: Blocker,
    facts: dict[str, Any],
    verdict: dict[str, Any],
    state: dict[str, Any],
    settings: dict[str, Any],
) -> None:
    decision = decide(
        [a_verdict(**verdict)],
        replace(FRESH, **state),
        replace(READY, **facts),
        NOW,
        Settings(**settings),
    )
    assert (decision.action, decision.reason, decision.blocked_by) == (Action.HOLD, Why.BLOCKED, (blocker,))


GONE = replace(READY, silent_s=10.0)


def test_a_candidate_that_is_not_there_is_rolled_back_without_any_evidence() -> None:
    decision = decide([], FRESH, GONE, NOW, Settings())
    assert (decision.action, decision.reason) == (Action.ROLLBACK, Why.CANDIDATE_UNREACHABLE)
    assert "10 s" in decision.detail
    # What asks for caution with evidence does not: there is none.
    dark = replace(GONE, watermark_age_s=None, aa_healthy=False)
    just_switched = replace(FRESH, switched_ns=NOW - 20 * S)
    assert decide([], just_switched, dark, NOW, Settings()).action is Action.ROLLBACK


@pytest.mark.parametrize(
    ("facts", "settings"),
    [
        ({"silent_s": 9.9}, {}),
        ({"silent_s": 0.0}, {}),
        ({"silent_s": None}, {}),
        ({"silent_s": 1e6}, {"unreachable_s": 0.0}),
        ({"silent_s": 1e6, "primary": Leg.BASELINE}, {}),
    ],
)
def test_a_short_silence_or_that_of_the_baseline_switches_nothing(
    facts: dict[str, Any], settings: dict[str, Any]
) -> None:
    assert decide([], FRESH, replace(READY, **facts), NOW, Settings(**settings)).action is Action.NONE


@pytest.mark.parametrize(
    ("blocker", "facts", "settings"),
    [
        (Blocker.DISABLED, {}, {"automatic": False}),
        (Blocker.IN_PROGRESS, {"in_progress": True}, {}),
        (Blocker.TARGET_DEAD, {"probed_ns": NOW - 11 * S}, {}),
        (Blocker.TARGET_CHANGED, {"target": "f" * 64}, {}),
        (Blocker.TARGET_UNRECORDED, {"recorded": ""}, {}),
    ],
)
def test_nobody_is_moved_to_a_baseline_that_is_no_better(
    blocker: Blocker, facts: dict[str, Any], settings: dict[str, Any]
) -> None:
    decision = decide([], FRESH, replace(GONE, **facts), NOW, Settings(**settings))
    assert (decision.action, decision.reason, decision.blocked_by) == (Action.HOLD, Why.BLOCKED, (blocker,))


def test_a_latch_outlasts_the_candidates_silence() -> None:
    latched = replace(FRESH, latched=True)
    assert decide([], latched, GONE, NOW, Settings()).reason is Why.LATCHED


def test_an_instrument_fault_in_the_same_lane_blocks_and_in_another_lane_does_not() -> None:
    fault = a_verdict(Verdicted.INSTRUMENT_FAULT, slice="all")
    assert decide([a_verdict(), fault], FRESH, READY, NOW, Settings()).blocked_by == (
        Blocker.INSTRUMENT_FAULT,
    )
    elsewhere = replace(fault, lane=OTHER)
    assert decide([a_verdict(), elsewhere], FRESH, READY, NOW, Settings()).action is Action.ROLLBACK


def test_no_control_and_an_undecided_control_do_not_block_but_are_said() -> None:
    without = decide([a_verdict()], FRESH, replace(READY, control=False, aa_healthy=None), NOW, Settings())
    undecided = decide([a_verdict()], FRESH, replace(READY, aa_healthy=None), NOW, Settings())
    assert (without.action, without.notes) == (Action.ROLLBACK, (Note.NO_CONTROL,))
    assert (undecided.action, undecided.notes) == (Action.ROLLBACK, (Note.CONTROL_UNDECIDED,))


def test_pre_rollout_a_breach_closes_the_gate_and_switches_nothing() -> None:
    decision = decide([a_verdict()], FRESH, replace(READY, primary=Leg.BASELINE), NOW, Settings())
    assert (decision.action, decision.reason) == (Action.HOLD, Why.GATE_CLOSED)


def test_page_tier_evidence_holds() -> None:
    decision = decide([a_verdict(tier=Tier.PAGE)], FRESH, READY, NOW, Settings())
    assert (decision.action, decision.reason) == (Action.HOLD, Why.BELOW_TIER)


def test_a_breach_in_another_lane_does_not_hide_the_one_that_counts() -> None:
    old = a_verdict(lane=OTHER, slice="a")
    decision = decide([old, a_verdict()], FRESH, READY, NOW, Settings())
    assert (decision.action, decision.lane) == (Action.ROLLBACK, LANE)


def test_the_latch_holds_until_rearm_and_the_cool_down_follows_it() -> None:
    state = rolled_back(FRESH, NOW)
    # Even if the candidate should serve again by mistake, and even without any breach.
    for verdicts in ([], [a_verdict()]):
        decision = decide(verdicts, state, READY, NOW + 9999 * S, Settings())
        assert (decision.action, decision.reason) == (Action.HOLD, Why.LATCHED)
    later = NOW + 9999 * S
    open_again = rearmed(state, later)
    ready = replace(READY, probed_ns=later)
    assert decide([a_verdict()], open_again, ready, later, Settings()).blocked_by == (Blocker.COOL_DOWN,)
    past = later + 601 * S
    ready = replace(READY, probed_ns=past)
    assert decide([a_verdict()], open_again, ready, past, Settings()).action is Action.ROLLBACK


def test_a_rollback_the_relay_did_not_acknowledge_is_tried_again() -> None:
    decision = decide([a_verdict()], FRESH, READY, NOW, Settings())
    state = after(FRESH, decision, [a_verdict()])
    assert decide([a_verdict()], state, READY, NOW, Settings()).action is Action.ROLLBACK


def test_a_hold_clears_only_by_certificates_or_a_closed_lane_never_by_silence() -> None:
    verdicts = [a_verdict(tier=Tier.PAGE), a_verdict(tier=Tier.PAGE, slice="all")]
    state = after(FRESH, decide(verdicts, FRESH, READY, NOW, Settings()), verdicts)

    def step(seen: list[Verdict]) -> Decision:
        nonlocal state
        decision = decide(seen, state, READY, NOW, Settings())
        state = after(state, decision, seen)
        return decision

    assert step([]).reason is Why.HELD
    assert step([a_verdict(Verdicted.NOT_ENOUGH_EVIDENCE)]).reason is Why.HELD
    assert step([a_verdict(Verdicted.WITHIN)]).reason is Why.HELD
    # The first certificate has expired by the time the second comes: it still counts.
    cleared = step([a_verdict(Verdicted.NOT_ENOUGH_EVIDENCE), a_verdict(Verdicted.WITHIN, slice="all")])
    assert (cleared.action, cleared.reason) == (Action.CLEAR, Why.CERTIFIED)
    assert step([]).action is Action.NONE


def test_closing_the_lane_clears() -> None:
    verdicts = [a_verdict(tier=Tier.PAGE)]
    state = after(FRESH, decide(verdicts, FRESH, READY, NOW, Settings()), verdicts)
    assert decide([], state, READY, NOW, Settings(), closed=[LANE]).action is Action.CLEAR


_verdicts = st.builds(
    lambda state, tier, coverage, clusters, lane: a_verdict(
        state, tier, coverage=coverage, clusters=clusters, lane=lane
    ),
    st.sampled_from(list(Verdicted)),
    st.sampled_from(list(Tier)),
    st.sampled_from([0.0, 0.94, 0.95, 1.0]),
    st.sampled_from([0, 29, 30, 500]),
    st.sampled_from([LANE, OTHER]),
)
_prints = st.sampled_from(["", LANE.baseline, LANE.candidate, OTHER.candidate])
_facts = st.builds(
    Facts,
    primary=st.sampled_from([Leg.BASELINE, Leg.CANDIDATE]),
    candidate=_prints,
    target=_prints,
    recorded=_prints,
    probed_ns=st.sampled_from([None, NOW - 60 * S, NOW - S]),
    control=st.booleans(),
    aa_healthy=st.sampled_from([None, True, False]),
    watermark_age_s=st.sampled_from([None, 1.0, 9999.0]),
    in_progress=st.booleans(),
)
# Mostly ready, so that rollbacks do happen among the examples.
_near = st.builds(
    lambda facts, keep: facts if keep else READY,
    _facts,
    st.booleans(),
)


@given(
    st.lists(_verdicts, max_size=5),
    st.builds(
        RollbackState,
        latched=st.booleans(),
        switched_ns=st.sampled_from([None, NOW - 10 * S, NOW - 9999 * S]),
    ),
    _near,
    st.booleans(),
)
def test_never_a_rollback_without_all_preconditions(
    verdicts: list[Verdict], state: RollbackState, facts: Facts, automatic: bool
) -> None:
    decision = decide(verdicts, state, facts, NOW, Settings(automatic=automatic))
    if decision.action is not Action.ROLLBACK:
        return
    assert automatic and not state.latched and not facts.in_progress
    assert state.switched_ns is None or NOW - state.switched_ns > 600 * S
    assert facts.primary is Leg.CANDIDATE and facts.aa_healthy is not False
    assert facts.probed_ns is not None and NOW - facts.probed_ns <= 10 * S
    assert facts.recorded and facts.target == facts.recorded
    assert facts.watermark_age_s is not None
    assert decision.lane is not None
    assert (decision.lane.baseline, decision.lane.candidate) == (facts.recorded, facts.candidate)
    assert any(
        v.state is Verdicted.BREACH
        and v.tier is Tier.ROLLBACK
        and v.lane == decision.lane
        and v.coverage >= 0.95
        and v.clusters >= 30
        for v in verdicts
    )


def test_settings_out_of_range_are_one_line_errors() -> None:
    with pytest.raises(ConfigError, match=r"rollback\.coverage = 95: must be in \(0, 1\]"):
        Settings(coverage=95)
