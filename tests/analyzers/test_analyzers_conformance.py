from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.pair import Leg, Pair
from understudy.plugins import load
from understudy.score import Analyzer, Metric, Score, Sense
from understudy.testing import a_pair, check_analyzer

NAMES = ("refusal", "tone", "format", "agreement", "numbers", "language", "drift")
ANALYZERS: dict[str, Analyzer] = {name: cls() for name, cls in load("analyzers", NAMES).items()}  # type: ignore[operator]


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_analyzer_passes_the_conformance_kit(name: str) -> None:
    check_analyzer(ANALYZERS[name])


def test_the_metric_names_are_the_ones_that_tolerances_speak_of() -> None:
    metrics = {
        metric.name: (metric.sense, metric.judged_coupled) for a in ANALYZERS.values() for metric in a.metrics
    }
    assert metrics == {
        "refusal": (Sense.BOTH, True),
        "formality": (Sense.BOTH, True),
        "hedging": (Sense.BOTH, True),
        "verbosity": (Sense.BOTH, True),
        "format": (Sense.BAD, True),
        "wrong_language": (Sense.BAD, True),
        "degenerate": (Sense.BAD, True),
        "agreement_exact": (Sense.AGREE, False),
        "agreement_edit": (Sense.AGREE, False),
        "task_agreement": (Sense.AGREE, True),
        "numbers": (Sense.AGREE, True),
    }


def test_a_failed_leg_is_left_out_and_the_others_are_still_scored() -> None:
    prompt, text = "Give name as JSON: Anna.", '{"name": "Anna"}'
    for analyzer in ANALYZERS.values():
        for score in analyzer.score(a_pair(prompt, text, "", text)):
            assert Leg.CANDIDATE not in score.values and not score.unscored
            assert Leg.CONTROL in score.values


def test_a_censored_pair_is_judged_on_the_prefix_its_legs_share_by_prefix_safe_metrics_only() -> None:
    whole = "I'm sorry, but I can't help with that. Please talk to a friend first."
    pair = a_pair("How do I pick a lock?", whole[:40], whole, censored=True)
    scores = [score for analyzer in ANALYZERS.values() for score in analyzer.score(pair)]
    safe = {metric.name for a in ANALYZERS.values() for metric in a.metrics if metric.prefix_safe}
    assert {"refusal"} <= {s.metric for s in scores} and safe == {"refusal", "wrong_language"}
    assert all(len(set(s.values.values())) == 1 for s in scores)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.text(min_size=1, max_size=400))
def test_identical_outputs_never_differ_whatever_they_say(prompt: str, text: str) -> None:
    for analyzer in ANALYZERS.values():
        for score in analyzer.score(a_pair(prompt, text, text, text)):
            assert len(set(score.values.values())) == 1
            if score.sense is Sense.AGREE:
                assert set(score.values.values()) == {1.0}


class _Broken:
    name, version = "broken", "1"
    metrics = (Metric("broken", Sense.BAD, "nothing"),)

    def __init__(self, value: float = 0.5, metric: str = "broken") -> None:
        self.value, self.metric = value, metric

    def score(self, pair: Pair) -> Sequence[Score]:
        return [Score(self.metric, Sense.BAD, {Leg.BASELINE: self.value}, {})]


@pytest.mark.parametrize(
    ("analyzer", "rule"),
    [
        (_Broken(1.5), "within"),
        (_Broken(float("nan")), "within"),
        (_Broken(metric="other"), "declared"),
        (_Broken(), "identical outputs score equally"),
    ],
)
def test_the_kit_names_the_rule_that_an_analyzer_breaks(analyzer: Analyzer, rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        check_analyzer(analyzer, big=False)


def test_the_kit_catches_an_analyzer_that_raises() -> None:
    class Raises(_Broken):
        def score(self, pair: Pair) -> Sequence[Score]:
            raise KeyError(pair.id)

    with pytest.raises(AssertionError, match="never raises: KeyError"):
        check_analyzer(Raises(), big=False)
