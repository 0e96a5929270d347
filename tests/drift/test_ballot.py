"""From a pair to its votes: which differences count, and which must not."""

from dataclasses import replace

from understudy.drift.tolerance import Tolerances
from understudy.drift.vote import Resolution, Vote, ballot
from understudy.pair import Category, Finish, Lane, Leg, Output, Pair, Request, Sampling
from understudy.score import Score, Sense

B, C, K = Leg.BASELINE, Leg.CANDIDATE, Leg.CONTROL
DEFAULT = Tolerances.default()


def pair(control: bool = True, temperature: float = 0.7, **more: object) -> Pair:
    request = Request("p1", "talk", "/m", "model", "hi", Sampling(temperature), 0, categories={
        "task": Category("math", "rule")
    })  # fmt: skip
    made = Pair(
        request,
        Output(B, "four", Finish.STOP),
        Output(C, "five", Finish.STOP),
        Lane("b", "c"),
        Output(K, "four", Finish.STOP) if control else None,
        admitted_ns=5_000_000_000,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def score(
    metric: str, sense: Sense, values: dict[Leg, float], unscored: dict[Leg, str] | None = None
) -> Score:
    return Score(metric, sense, values, unscored or {})


def found(votes: tuple[Vote, ...], slice_: str = "all", lane: str = "b..c") -> dict[str, tuple[float, str]]:
    chosen = [v for v in votes if v.slice == slice_ and v.lane == lane]
    assert len({v.metric for v in chosen}) == len(chosen)
    return {v.metric: (v.d, str(v.outcome)) for v in chosen}


def test_a_pair_votes_in_all_and_in_each_of_its_categories() -> None:
    made = ballot(pair(), [score("format", Sense.BAD, {B: 0.0, C: 1.0, K: 0.0})], DEFAULT)
    assert found(made) == found(made, "task=math")
    assert found(made) == {"failure": (0, "scored"), "unscored": (0, "scored"), "format": (1, "scored")}
    assert {(v.ts, v.cluster, v.pair_id) for v in made} == {(5.0, "talk", "p1")}
    assert found(made, lane="b..b") == {"failure": (0, "scored"), "format": (0, "scored")}


def test_without_a_bad_direction_both_directions_and_the_flip_vote() -> None:
    lost = ballot(pair(), [score("refusal", Sense.BOTH, {B: 1.0, C: 0.0, K: 1.0})], DEFAULT)
    assert found(lost)["refusal_gained"][0] == -1
    assert found(lost)["refusal_lost"][0] == 1
    assert found(lost)["refusal_flip"][0] == 1
    noisy = ballot(pair(), [score("refusal", Sense.BOTH, {B: 1.0, C: 1.0, K: 0.0})], DEFAULT)
    assert found(noisy)["refusal_flip"][0] == -1
    coupled = ballot(pair(temperature=0), [score("refusal", Sense.BOTH, {B: 1.0, C: 0.0, K: 1.0})], DEFAULT)
    assert "refusal_flip_coupled" in found(coupled) and "refusal_flip" not in found(coupled)


def test_agreement_is_measured_against_the_control_or_not_at_all() -> None:
    both = score("task_agreement", Sense.AGREE, {C: 0.25, K: 1.0})
    assert found(ballot(pair(), [both], DEFAULT))["task_agreement"] == (0.75, "scored")
    alone = score("task_agreement", Sense.AGREE, {C: 0.0}, {K: "no_control"})
    assert found(ballot(pair(control=False), [alone], DEFAULT)).keys() == {"failure", "unscored"}
    absolute = Tolerances.from_dict({"metrics": {"task_agreement": {"absolute": True}}})
    assert found(ballot(pair(control=False), [alone], absolute))["task_agreement"] == (1.0, "scored")


def test_under_greedy_decoding_harmless_rewording_is_shown_and_the_task_is_judged() -> None:
    exact = replace(score("agreement_exact", Sense.AGREE, {C: 0.0, K: 1.0}), judged_coupled=False)
    words = replace(score("word_overlap", Sense.AGREE, {C: 0.0, K: 1.0}), judged_coupled=False)
    task = score("task_agreement", Sense.AGREE, {C: 1.0, K: 1.0})
    made = found(ballot(pair(temperature=0), [exact, words, task], DEFAULT))
    assert made["task_agreement_coupled"] == (0.0, "scored")
    assert "agreement_exact_coupled" in made and not DEFAULT.limit("agreement_exact_coupled").judged
    assert not any(name.startswith("word_overlap") for name in made)


def test_a_candidate_that_hangs_fails_or_never_stops_votes_failure() -> None:
    for broken in (
        Output(C, "", cancelled_by="deadline", status=4),
        Output(C, "half", error="out of memory"),
        Output(C, ""),
        Output(C, "and and and", Finish.LENGTH, truncated_by="max_tokens"),
    ):
        unscorable = score("format", Sense.BAD, {B: 0.0}, {C: "empty"})
        made = found(ballot(pair(candidate=broken), [unscorable], DEFAULT))
        assert made["failure"][0] == 1
        assert made["unscored"] == (0, "scored") and "format" not in made
    both = pair(candidate=Output(C, ""), baseline=Output(B, ""))
    assert found(ballot(both, [], DEFAULT))["failure"] == (0, "failed")


def test_what_could_not_be_scored_is_missing_and_counted_by_leg() -> None:
    made = found(ballot(pair(), [score("refusal", Sense.BOTH, {B: 0.0, K: 0.0}, {C: "crashed"})], DEFAULT))
    assert made["unscored"] == (1.0, "scored")
    assert {made[f"refusal_{end}"][1] for end in ("gained", "lost", "flip")} == {"unscored"}


def test_a_client_cancel_leaves_prefix_safe_metrics_and_no_failure() -> None:
    cut = pair(censored=True, candidate=Output(C, "fi", Finish.CANCELLED))
    scores = [
        score("wrong_language", Sense.BAD, {B: 0.0, C: 1.0}),
        score("format", Sense.BAD, {B: 0.0, C: 1.0}),
    ]
    made = found(ballot(cut, scores, DEFAULT, prefix_safe=frozenset({"wrong_language"})))
    assert made == {"wrong_language": (1.0, "scored")}


def test_the_kill_switch_sheds_a_pair() -> None:
    made = ballot(pair(candidate=Output(C, "", status=1, cancelled_by="mirror_off")), [], DEFAULT)
    assert {(v.metric, v.outcome) for v in made} == {("*", Resolution.SHED)}
