"""Tone, language, format and long-output drift: what each must and must not see."""

from typing import Any

import pytest
from understudy.pair import Leg
from understudy.testing import a_pair
from understudy_analyzers.drift import Drift
from understudy_analyzers.expectation import Structure, expect
from understudy_analyzers.format import Format
from understudy_analyzers.language import Language, asked
from understudy_analyzers.tone import Tone

PROSE = (
    "The river rises in the hills above the town and runs for a day before it meets the sea. Along its "
    "banks stand mills that once ground the corn of the whole valley, and most of them still turn in spring. "
    "Visitors come for the quiet paths, the old bridges and the market that is held on the first Saturday of "
    "the month."
)


def test_tone_moves_with_register_and_length_and_not_with_content(scored: Any) -> None:
    casual, formal = (
        "hey Anna, gimme the report asap. thx!",
        "Dear Anna, would you please give me the report as soon as possible. Thank you very much.",
    )
    shift = scored(Tone(), a_pair("Make this formal", casual, formal))
    assert shift.change("formality") > 0.3 and shift.change("verbosity") > 0.1
    assert scored(Tone(), a_pair("", formal, formal.replace("Anna", "Boris"))).change("formality") == 0
    unsure = "Perhaps it might rain, it seems likely, though I think it could also stay dry."
    assert (
        scored(Tone(), a_pair("", "It will rain tomorrow, and the day after will be dry.", unsure)).change(
            "hedging"
        )
        > 0.3
    )


def test_length_doubled_and_halved_are_opposite_and_bounded(scored: Any) -> None:
    up = scored(Tone(), a_pair("", PROSE, PROSE * 2)).change("verbosity")
    down = scored(Tone(), a_pair("", PROSE * 2, PROSE)).change("verbosity")
    assert up == pytest.approx(-down) and up == pytest.approx(0.25, abs=0.03)
    assert scored(Tone(), a_pair("", PROSE, PROSE * 900)).value("verbosity") == 1.0
    assert abs(scored(Tone(), a_pair("", "Yes", "Yes.")).change("verbosity")) < 0.02


@pytest.mark.parametrize(
    ("prompt", "language"),
    [
        ("Translate to Spanish: The dog sleeps.", "es"),
        ("The cat waits now. Translate into German.", "de"),
        ("Summarize the text below in French.", "fr"),
        ("Schreibe einen Brief auf Deutsch.", "de"),
        ("Responde en inglés, por favor.", "en"),
        ("Translate from French into Italian: bonjour", "it"),
        ("Explain the history of the German language.", None),
        ("What does the word Spanish mean?", None),
    ],
)
def test_the_language_asked_for_is_read_from_the_prompt(prompt: str, language: str | None) -> None:
    assert asked(prompt) == language


def test_a_reply_in_another_language_is_wrong_and_a_short_one_says_nothing(scored: Any) -> None:
    ask = "Translate to Spanish: The dog eats bread in the kitchen every day."
    right, wrong = (
        "El perro come pan en la cocina todos los días.",
        "The dog eats bread in the kitchen every day.",
    )
    assert scored(Language(), a_pair(ask, right, wrong)).change("wrong_language") == 1.0
    own = "Please tell me something about the weather in autumn."
    german = "Im Herbst wird es kühler und die Blätter fallen von den Bäumen."
    assert (
        scored(Language(), a_pair(own, "In autumn it gets cooler and leaves fall.", german)).change(
            "wrong_language"
        )
        == 1
    )
    assert "wrong_language" not in scored(Language(), a_pair(own, "Cool.", "Kühl."))
    assert "wrong_language" not in scored(
        Language(), a_pair("Return JSON: " + own, '{"a": "Blätter fallen"}')
    )


@pytest.mark.parametrize(
    ("prompt", "structure"),
    [
        ("Extract name, age as JSON: Anna is 5.", Structure.JSON),
        ("How do I parse JSON in Python?", None),
        ("Write a Python function that sorts.", Structure.CODE),
        ("Write a Markdown table with the columns item and count: 3 pears.", Structure.TABLE),
        ("Compute the subtotal of the following table.", None),
        ("Summarize these bullet points.", None),
        ("Make a numbered list with apples and pears.", Structure.NUMBERED),
        ("What is a table tennis ball made of?", None),
    ],
)
def test_a_structure_is_expected_only_when_it_is_asked_for(prompt: str, structure: Structure | None) -> None:
    assert expect(prompt).structure is structure


@pytest.mark.parametrize(
    ("prompt", "whole", "bad"),
    [
        ("Give a as JSON.", '{"a": 1}', '{"a": 1'),
        ("", '[{"a": 1}]', '[{"a": 1}'),
        ("Write a Python function.", "def f(x):\n    return x", "def f(x)\n    return x"),
        ("Explain.", "Use this:\n```sh\nls\n```", "Use this:\n```sh\nls\n"),
        ("Make a markdown table.", "| a | b |\n| --- | --- |\n| 1 | 2 |", "| a | b |\n| --- | --- |\n| 1 |"),
        ("Give CSV.", "a,b\n1,2", "a,b\n1"),
        ("Make a numbered list.", "1. a\n2. b\n3. c", "1. a\n4. b"),
        ("Give exactly 3 bullet points.", "- a\n- b\n- c", "- a\n- b"),
    ],
)
def test_a_broken_structure_is_bad_and_a_whole_one_is_not(
    scored: Any, prompt: str, whole: str, bad: str
) -> None:
    assert scored(Format(), a_pair(prompt, whole, bad)).change("format") == 1.0
    assert scored(Format(), a_pair(prompt, bad, whole)).change("format") == -1.0


def test_a_refusal_is_no_broken_format_and_plain_talk_has_none(scored: Any) -> None:
    refused = scored(
        Format(), a_pair("Give a as JSON.", '{"a": 1}', "I'm sorry, but I can't help with that.")
    )
    assert Leg.CANDIDATE not in refused.scores["format"].values
    assert "format" not in scored(Format(), a_pair("How are you?", "Fine, thanks.", "Very well."))


@pytest.mark.parametrize(
    ("tail", "label"),
    [
        (" and the old bridges" * 12, "loop"),
        (" the the the the the the the the the the and so on.", "stammer"),
        (
            " It is held on the first Saturday of the month." * 6 + " Then it ended here in peace at last.",
            "recurring",
        ),
        ("\nUser: and now tell me more\nAssistant: gladly", "spill-over"),
        (" \ufffd\ufffd\ufffd br\ufffdken", "garbled"),
        (" #$%^&*(){}[]<>~`!@#$%^&*()_+=-#$%^&", "garbled"),
    ],
)
def test_a_degenerate_tail_is_seen_and_its_onset_found(tail: str, label: str) -> None:
    text = PROSE + tail
    (score,) = Drift().score(a_pair("Describe the river.", PROSE, text))
    assert score.values == {Leg.BASELINE: 0.0, Leg.CANDIDATE: 1.0}
    assert score.spans[0].label == label
    assert abs(score.spans[0].start - len(PROSE)) <= 0.15 * len(text)


def test_a_tail_that_is_only_cut_counts_half(scored: Any) -> None:
    assert (
        scored(Drift(), a_pair("Describe the river.", PROSE, PROSE[: PROSE.rindex(" the ") + 4])).value(
            "degenerate"
        )
        == 0.5
    )


@pytest.mark.parametrize(
    "text",
    [
        "-" * 200,
        "Contents\n" + "\n".join(f"Chapter {n} .................... {n}" for n in range(1, 30)),
        "\n".join(f"| row {n} | yes | no |" for n in range(60)),
        "\n".join(f"- item {n}" for n in range(80)),
        "\n".join(f"x{n} = f(x{n - 1})" for n in range(1, 60)),
        "[" + ", ".join(f'{{"a": {n}, "b": "none"}}' for n in range(60)) + "]",
        ", ".join(f"{n} bottles of beer on the wall" for n in range(99, 60, -1)) + ".",
        "Ha ha ha! That was a good one. " + PROSE,
    ],
)
def test_legitimate_repetition_is_clean(scored: Any, text: str) -> None:
    assert scored(Drift(), a_pair("Go on.", PROSE, text)).value("degenerate") == 0.0


def test_repetition_that_was_asked_for_is_clean(scored: Any) -> None:
    assert (
        scored(Drift(), a_pair("Repeat the word tea 40 times.", "tea " * 40, "tea " * 40)).value("degenerate")
        == 0.0
    )
