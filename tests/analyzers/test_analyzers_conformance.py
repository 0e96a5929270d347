"""The kit proves what it says, and every shipped analyzer passes it."""

import itertools
import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.config import Analyzers
from understudy.pair import Leg, Pair
from understudy.score import Analyzer, Metric, Score, Sense, Span
from understudy.service.build import build
from understudy.testing import a_pair, big_pairs, check_analyzer, conform
from understudy.testing.trial import Meter, held

NAMES = Analyzers().names
ANALYZERS: dict[str, Analyzer] = dict(zip(NAMES, build(NAMES), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_analyzer_passes_the_conformance_kit(name: str) -> None:
    # What a megabyte costs each of them is within what it costs all of them, below.
    assert check_analyzer(ANALYZERS[name], big=False).left_out == ()


def test_all_of_them_together_are_bounded_on_a_megabyte_of_anything() -> None:
    def work(meter: Meter) -> int:
        for analyzer in ANALYZERS.values():
            analyzer.score(a_pair("Write a poem.", "Roses are red, and 3 is 3.", "Violets are blue."))
        for pair in big_pairs():
            with meter.step(pair.id):
                for analyzer in ANALYZERS.values():
                    analyzer.score(pair)
        return meter.steps

    assert held(work, Meter(2.0, 200_000_000)) > 30


def test_metrics_are_named_once_and_those_that_tolerances_speak_of_are_there() -> None:
    metrics = [metric for one in ANALYZERS.values() for metric in one.metrics]
    by_name = {metric.name: (metric.sense, metric.judged_coupled) for metric in metrics}
    assert len(by_name) == len(metrics)
    known = {
        "refusal": (Sense.BOTH, True),
        "formality": (Sense.BOTH, True),
        "hedging": (Sense.BOTH, True),
        "verbosity": (Sense.BOTH, True),
        "format": (Sense.BAD, True),
        "wrong_language": (Sense.BAD, True),
        "degenerate": (Sense.BAD, True),
        "agreement_exact": (Sense.AGREE, False),
        "agreement_edit": (Sense.AGREE, False),
        "agreement_semantic": (Sense.AGREE, False),
        "task_agreement": (Sense.AGREE, True),
        "numbers": (Sense.AGREE, True),
    }
    assert known.items() <= by_name.items()


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
    assert "refusal" in {s.metric for s in scores} and {"refusal", "wrong_language"} <= safe
    assert {s.metric for s in scores} <= safe
    assert all(len(set(s.values.values())) == 1 for s in scores)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.text(min_size=1, max_size=400))
def test_identical_outputs_never_differ_whatever_they_say(prompt: str, text: str) -> None:
    for analyzer in ANALYZERS.values():
        for score in analyzer.score(a_pair(prompt, text, text, text)):
            assert len(set(score.values.values())) == 1
            if score.sense is Sense.AGREE:
                assert set(score.values.values()) == {1.0}


# -- what the kit catches


class Fine:
    """Values by the length of the text; what the others here are made of."""

    name, version = "fine", "1"
    metrics = (Metric("fine", Sense.BAD, "a long reply"),)

    def value(self, text: str) -> float:
        return len(text) % 7 / 7

    def spans(self, pair: Pair) -> tuple[Span, ...]:
        return ()

    def explanation(self, pair: Pair) -> str:
        return ""

    def score(self, pair: Pair) -> Sequence[Score]:
        values = {output.leg: self.value(output.text) for output in pair.legs() if not output.failed}
        told = (self.spans(pair), self.explanation(pair))
        return [Score("fine", Sense.BAD, values, {}, "", "", None, *told)] if values else []


class Beyond(Fine):
    def value(self, text: str) -> float:
        return 1.5


class Nothing(Fine):
    def value(self, text: str) -> float:
        return float("nan")


class Undeclared(Fine):
    metrics = (Metric("other", Sense.BAD, "another"),)


class Unequal(Fine):
    def score(self, pair: Pair) -> Sequence[Score]:
        return [Score("fine", Sense.BAD, {Leg.BASELINE: 0.5}, {})]


class Outside(Fine):
    def spans(self, pair: Pair) -> tuple[Span, ...]:
        return (Span(Leg.BASELINE, 0, len(pair.baseline.text) + 1),)


class Chatty(Fine):
    def explanation(self, pair: Pair) -> str:
        return pair.baseline.text


class Renamed(Fine):
    def score(self, pair: Pair) -> Sequence[Score]:
        return [Score("fine", Sense.BAD, {leg.leg: 0.0 for leg in pair.legs()}, {}, "fine", "2")]


class Unexplained(Fine):
    def score(self, pair: Pair) -> Sequence[Score]:
        return [Score("fine", Sense.BAD, {}, {Leg.BASELINE: ""})]


class Raises(Fine):
    def value(self, text: str) -> float:
        raise KeyError(text)


class Asserts(Fine):
    def value(self, text: str) -> float:
        assert len(text) < 1_000
        return 0.0


class Moody(Fine):
    def __init__(self) -> None:
        self.times = itertools.count()

    def value(self, text: str) -> float:
        return next(self.times) % 5 / 5 if text else 0.0


class Remembers(Fine):
    """The same twice in a row, but another value after other pairs."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def value(self, text: str) -> float:
        if text not in self.seen:
            self.seen.append(text)
        return self.seen.index(text) % 11 / 11


class Hashing(Fine):
    """What a set gives first depends on the process."""

    def value(self, text: str) -> float:
        words = {f"{text[:20]}{n}" for n in range(50)}
        return int(re.sub(r"\D", "", next(iter(words)))[-2:] or 0) / 100


class Exploding(Fine):
    def value(self, text: str) -> float:
        return float(bool(re.match(r"(a+)+$", text)))


class Looping(Fine):
    def value(self, text: str) -> float:
        while text.startswith("(((("):
            pass
        return 0.0


class Hungry(Fine):
    def value(self, text: str) -> float:
        return float(
            len([bytearray(1_000_000 + n) for n in range(250 if text.startswith("[[[[") else 1)]) > 500
        )


class Greedy(Fine):
    def value(self, text: str) -> float:
        return float(len(bytearray(20_000_000_000)) < 0) if text.startswith("[[[[") else 0.0


class Leaving(Fine):
    def value(self, text: str) -> float:
        if text.startswith("[[[["):
            raise SystemExit(3)
        return 0.0


@pytest.mark.parametrize(
    ("analyzer", "rule"),
    [
        (Beyond(), "within"),
        (Nothing(), "within"),
        (Undeclared(), "declared"),
        (Unequal(), "identical outputs score equally"),
        (Outside(), "lies inside the text"),
        (Chatty(), "2000 characters at most"),
        (Renamed(), "version is its own or empty"),
        (Unexplained(), "has a reason"),
        (Raises(), "never raises: KeyError on pair .*conformance.py:"),
        (Asserts(), "never raises: AssertionError"),
        (Moody(), "is deterministic"),
        (Remembers(), "keeps no state"),
        (Hashing(), "deterministic over processes"),
        (Exploding(), "fine is bounded: not done after .* on pair "),
        (Looping(), "fine is bounded: not done after .* on pair "),
        (Hungry(), "fine is bounded: .* MB of 200 MB on pair "),
        (Greedy(), "fine is bounded: out of memory, 200 MB allowed, on pair "),
        (Leaving(), "never raises: SystemExit"),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Fine) else "",
)
def test_the_kit_names_the_rule_that_an_analyzer_breaks(analyzer: Analyzer, rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        check_analyzer(analyzer, big=False, seconds=0.6)


def test_an_analyzer_that_waits_for_something_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Waiting(Fine):
        def value(self, text: str) -> float:
            import threading

            if text.startswith("(((("):
                threading.Event().wait()
            return 0.0

    monkeypatch.setattr("understudy.testing.trial.PATIENCE_S", 0.5)
    with pytest.raises(AssertionError, match=r"fine returns: no end within 0\.5 s on pair "):
        check_analyzer(Waiting(), big=False)


def test_the_kit_tells_what_it_cost_and_what_could_not_be_tried() -> None:
    report = check_analyzer(Fine(), [a_pair("Mine.", "one", "two", id="mine")])
    assert report.left_out == () and report.pairs > 500
    assert report.slowest[1] < 1 and report.largest[1] < 200_000_000

    class Local(Fine):
        def __init__(self, share: float) -> None:
            self.share = share

    second, process = check_analyzer(Local(0.5), big=False).left_out
    assert second == "a second instance: the class needs arguments"
    assert process.startswith("another process: ")


def test_without_a_process_of_its_own_the_same_rules_hold() -> None:
    check_analyzer(Fine(), big=False, isolated=False)
    with pytest.raises(AssertionError, match="within"):
        check_analyzer(Beyond(), big=False, isolated=False)


def test_the_order_of_legs_in_a_mapping_is_no_difference() -> None:
    one = Score("fine", Sense.BAD, {Leg.BASELINE: 0.0, Leg.CANDIDATE: 1.0}, {})
    other = Score("fine", Sense.BAD, {Leg.CANDIDATE: 1, Leg.BASELINE: 0}, {})
    assert conform.digest([one]) == conform.digest([other]) != conform.digest([])
