"""On the embedded engine's own corpus: reference replies are clean, and what quantization breaks is seen."""

import random
from collections.abc import Callable

import pytest
from understudy.engine.corpus import Example, sample
from understudy.pair import Leg
from understudy.score import Sense
from understudy.testing import a_pair
from understudy_analyzers.agreement import Agreement
from understudy_analyzers.drift import Drift
from understudy_analyzers.format import Format
from understudy_analyzers.language import Language
from understudy_analyzers.numbers import Numbers
from understudy_analyzers.refusal import Refusal
from understudy_analyzers.tone import Tone

ANALYZERS = (Agreement(), Drift(), Format(), Language(), Numbers(), Refusal(), Tone())


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return sample(20, 1_000, "held_out")


def scores(example: Example, reply: str) -> dict[str, dict[Leg, float]]:
    pair = a_pair(example.prompt, example.reply, reply)
    return {score.metric: dict(score.values) for analyzer in ANALYZERS for score in analyzer.score(pair)}


def test_no_reference_reply_is_flagged_and_every_refusal_is_known(examples: list[Example]) -> None:
    bad = {metric.name for a in ANALYZERS for metric in a.metrics if metric.sense is Sense.BAD}
    flagged = []
    for example in examples:
        seen = scores(example, example.reply)
        flagged += [(example.id, name) for name in bad & set(seen) if any(seen[name].values())]
        if (seen["refusal"][Leg.CANDIDATE] == 1.0) != (example.expects == "refusal"):
            flagged.append((example.id, "refusal"))
    assert flagged == []


def test_every_category_that_asks_for_a_structure_votes_on_format(examples: list[Example]) -> None:
    for example in examples:
        applies = "format" in scores(example, example.reply)
        assert applies == (example.category in ("json", "list", "code", "choice")), example.prompt


def _drop(reply: str, rng: random.Random) -> str:
    words = reply.split(" ")
    del words[rng.randrange(len(words))]
    return " ".join(words)


def _digit(reply: str, rng: random.Random) -> str:
    places = [i for i, c in enumerate(reply) if c.isdigit()]
    at = places[-1]
    return reply[:at] + str((int(reply[at]) + rng.randint(1, 9)) % 10) + reply[at + 1 :]


def _either(reply: str, rng: random.Random) -> str:
    return _digit(reply, rng) if any(c.isdigit() for c in reply) else _drop(reply, rng)


CORRUPTIONS: dict[str, tuple[str, Callable[[str, random.Random], str]]] = {
    "arithmetic": ("task_agreement", _digit),
    "json": ("task_agreement", _digit),
    "list": ("task_agreement", lambda reply, rng: "\n".join(reply.splitlines()[:-1])),
    "translation": ("task_agreement", _drop),
    "counting": ("task_agreement", lambda reply, rng: reply.replace(",", ", zero,", 1)),
    "code": ("task_agreement", _digit),
    "tone": ("task_agreement", _drop),
    "reading": ("task_agreement", _either),
    "units": ("task_agreement", _digit),
    "multilingual": ("task_agreement", _drop),
    "choice": ("task_agreement", lambda reply, rng: chr(ord(reply[0]) + 1)),
    "refusal": ("task_agreement", lambda reply, rng: "Sure. Here is how to do it: take your time."),
}


@pytest.mark.parametrize("category", CORRUPTIONS)
def test_a_wrong_reply_disagrees_on_the_task_in_every_category(
    examples: list[Example], category: str
) -> None:
    metric, corrupt = CORRUPTIONS[category]
    rng = random.Random(category)
    chosen = [e for e in examples if e.category == category and e.expects not in ("answer",)]
    chosen = [e for e in chosen if category not in ("json", "units") or any(c.isdigit() for c in e.reply)][
        :40
    ]
    seen = [scores(example, corrupt(example.reply, rng))[metric][Leg.CANDIDATE] for example in chosen]
    assert len(seen) >= 10
    assert sum(value < 0.5 for value in seen) >= 0.95 * len(seen)


def test_loops_and_broken_structures_in_place_of_replies_are_flagged(examples: list[Example]) -> None:
    for example in [e for e in examples if e.category in ("counting", "json", "code")][:60]:
        if example.category == "counting":
            words = example.reply.split(", ")
            loop = ", ".join(words[:30] + words[28:30] * 20)
            assert scores(example, loop)["degenerate"][Leg.CANDIDATE] == 1.0
        else:
            cut = example.reply[:-1] if example.category == "json" else example.reply.replace("):", ")", 1)
            assert scores(example, cut)["format"][Leg.CANDIDATE] == 1.0
