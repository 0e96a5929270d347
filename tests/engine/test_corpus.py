from collections import Counter

import pytest
from understudy.engine.corpus import WEIGHTS, Split, correct, declines, sample, split_of
from understudy.engine.families import FAMILIES
from understudy.engine.words import spell


def test_the_same_seed_draws_the_same_examples() -> None:
    assert sample(3, 200, Split.HELD_OUT) == sample(3, 200, Split.HELD_OUT)
    assert sample(3, 50, Split.HELD_OUT) != sample(4, 50, Split.HELD_OUT)


def test_a_held_out_prompt_is_never_trained_on() -> None:
    held = {e.prompt for e in sample(1, 1500, Split.HELD_OUT)}
    trained = {e.prompt for e in sample(2, 1500, Split.TRAIN)}
    assert not held & trained
    assert {split_of(p) for p in held} == {Split.HELD_OUT}


def test_prompts_and_ids_are_distinct() -> None:
    examples = sample(5, 2000, Split.HELD_OUT)
    assert len({e.prompt for e in examples}) == len({e.id for e in examples}) == 2000


@pytest.mark.parametrize("category", FAMILIES)
def test_a_reference_reply_is_right_and_another_is_not(category: str) -> None:
    examples = sample(7, 25, Split.HELD_OUT, {category: 1.0})
    assert all(correct(e, e.reply) and correct(e, e.reply + "\n") for e in examples)
    assert not any(correct(e, "") or correct(e, "zz") for e in examples)


def test_refusal_asks_for_both_decisions_in_every_language() -> None:
    examples = sample(8, 600, Split.HELD_OUT, {"refusal": 1.0})
    seen = Counter((e.language, e.expects) for e in examples)
    assert set(seen) == {(n, x) for n in ("en", "es", "de", "fr") for x in ("refusal", "answer")}
    assert min(seen.values()) > 20
    assert all(declines(e.reply) == (e.expects == "refusal") for e in examples)


def test_every_category_is_drawn_by_default() -> None:
    assert {e.category for e in sample(9, 600, Split.HELD_OUT)} == set(WEIGHTS) == set(FAMILIES)


@pytest.mark.parametrize(
    ("n", "language", "words"),
    [
        (121, "en", "one hundred twenty-one"),
        (100, "es", "cien"),
        (731, "es", "setecientos treinta y uno"),
        (321, "de", "dreihunderteinundzwanzig"),
        (71, "fr", "soixante et onze"),
        (80, "fr", "quatre-vingts"),
        (280, "fr", "deux cent quatre-vingts"),
        (400, "fr", "quatre cents"),
    ],
)
def test_numbers_are_spelled_as_people_do(n: int, language: str, words: str) -> None:
    assert spell(n, language) == words
