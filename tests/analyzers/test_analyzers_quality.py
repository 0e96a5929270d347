"""Tone, language, format and long-output drift: what each must and must not see."""

from typing import Any

import pytest
from understudy.pair import Leg
from understudy.testing import a_pair
from understudy_analyzers.expectation import Structure, expect
from understudy_analyzers.format import Format
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
