"""Agreement: what two replies share, from the byte to the meaning, and where they part."""

# ruff: noqa: RUF001 - the letters are meant

import gzip
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from understudy.pair import Finish, Leg
from understudy.testing import a_pair, an_output
from understudy_analyzers.agreement import Agreement, likeness
from understudy_analyzers.agreement.choice import chosen, options
from understudy_analyzers.agreement.form import normal
from understudy_analyzers.agreement.part import part
from understudy_analyzers.agreement.stem import stem

PROSE = (
    "The river rises in the hills above the town and runs for a day before it meets the sea. Along its "
    "banks stand mills that once ground the corn of the whole valley, and most of them still turn in spring. "
    "Visitors come for the quiet paths, the old bridges and the market that is held on the first Saturday of "
    "the month."
)
ASK = "Which is a fruit?\nA) stone\nB) red pear\nC) pear\nD) iron\nAnswer with one letter."


@pytest.mark.parametrize(
    ("prompt", "base", "other", "same"),
    [
        ("Give name as JSON.", '{"a": 1, "b": [2]}', '{ "b":[2],\n"a":1 }', 1.0),
        ("Give name as JSON.", '{"a": 1}', '{"a": 2}', 0.0),
        (
            "Write a Python function add.",
            "def add(a, b):\n    return a + b",
            "```python\ndef add(a,b):\n  return a+b\n```",
            1.0,
        ),
        (
            "Write a Python function add.",
            "def add(a, b):\n    return a + b",
            "def add(a, b):\n    return a - b",
            0.0,
        ),
        ("Write a Go function add.", "```go\nreturn a + b\n```", "```go\nreturn a+b\n```", 1.0),
        ("Write a Go function add.", "```go\nreturn a + b\n```", "```go\nreturn a - b\n```", 0.0),
        ("Name the root.", "x = 5", "x = -5", 0.0),
        ("Good?", "👍", "👎", 0.0),
        ("What is 2 plus 3?", "2 + 3 = 5. The answer is 5.", "The answer is 5.", 1.0),
        ("What is 2 plus 3?", "The answer is 5.", "2 + 3 = 6. The answer is 6.", 0.0),
        ("Which? A) x B) y C) z Letter only.", "B", "B) y", 1.0),
        ("Which? A) x B) y C) z Letter only.", "B", "C", 0.0),
        (ASK, "C", "The correct answer is (C), because a pear grows on a tree.", 1.0),
        (ASK, "C) pear", "pear", 1.0),
        (ASK, "C", "red pear", 0.0),
        ("Make a numbered list of a, b.", "1. apples\n2. pears", "1) Apples\n2) pears", 1.0),
        ("Make a numbered list of a, b.", "1. apples\n2. pears", "1. apples\n2. plums", 0.0),
        ("Give CSV (item, count).", "item,count\na,1", "item, count\na, 1", 1.0),
        ("How?", "I'm sorry, but I can't help with that.", "I cannot assist with this request.", 1.0),
        ("Translate to Spanish: The dog sleeps.", "El perro duerme.", "el perro duerme", 1.0),
        ("Translate to Spanish: The dog sleeps.", "El perro duerme.", "El gato duerme.", 0.0),
    ],
)
def test_task_agreement_compares_what_was_asked_for(
    scored: Any, prompt: str, base: str, other: str, same: float
) -> None:
    assert scored(Agreement(), a_pair(prompt, base, other)).value("task_agreement") == same


def test_one_skipped_number_breaks_an_enumeration_and_long_prose_is_graded(scored: Any) -> None:
    words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen".split()
    whole, skipped = ", ".join(words) + ".", ", ".join(words[:6] + words[7:]) + "."
    count = a_pair("Count from 1 to 14 in words.", whole, skipped)
    assert scored(Agreement(), count).value("task_agreement") == 0.0
    changed = PROSE.replace("quiet", "calm").replace("old bridges", "ancient bridges")
    assert scored(Agreement(), a_pair("Describe it.", PROSE, changed)).value("task_agreement") == 1.0
    assert scored(Agreement(), a_pair("Describe it.", PROSE, "Bees " * 60)).value("task_agreement") == 0.0


def test_agreement_is_keyed_by_the_leg_compared(scored: Any) -> None:
    scores = scored(Agreement(), a_pair("Say it.", "Hello there.", "Hullo there.", "Hello there."))
    assert scores.scores["agreement_exact"].values == {Leg.CANDIDATE: 0.0, Leg.CONTROL: 1.0}
    assert 0.8 < scores.value("agreement_edit") < 1.0


def test_what_is_identical_agrees_in_every_way(scored: Any) -> None:
    scores = scored(Agreement(), a_pair("Describe it.", PROSE, PROSE, PROSE)).scores
    assert set(scores) == {"agreement_exact", "agreement_edit", "agreement_semantic", "task_agreement"}
    assert all(score.values == {Leg.CANDIDATE: 1.0, Leg.CONTROL: 1.0} for score in scores.values())


def test_where_two_replies_part_is_told_by_character_token_length_and_ending(scored: Any) -> None:
    base = replace(an_output("The cat sat here."), token_ids=(1, 2, 3, 4))
    other = replace(an_output("The cat ran off and away.", finish=Finish.UNKNOWN), token_ids=(1, 2, 9))
    score = scored(Agreement(), a_pair("Say it.", base, other)).scores["agreement_exact"]
    assert "character 8 (32%), token 2; 1.47 times as long; finish stop against unknown" in score.explanation
    assert {(span.leg, span.start) for span in score.spans} == {(Leg.BASELINE, 8), (Leg.CANDIDATE, 8)}
    assert part(base, base, base.text, base.text).token is None


def test_a_reply_that_differs_in_case_and_punctuation_alone_is_said_to(scored: Any) -> None:
    assert normal("  Ｔhe CAT, sat! ") == normal("the cat\nsat") == "the cat sat"
    assert normal("वह की थी।") != normal("वह कि था।")
    score = scored(Agreement(), a_pair("Say it.", "The cat, sat!", "the cat sat")).scores["agreement_exact"]
    assert score.values[Leg.CANDIDATE] == 0.0 and "same words" in score.explanation


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("(b)", "B"),
        ("**B**", "B"),
        ("B) red pear", "B"),
        ("B. red pear", "B"),
        ("Answer: B", "B"),
        ("The correct answer is (B).", "B"),
        ("The best choice here is **B**, a pear.", "B"),
        (r"A stone is none. \boxed{B}", "B"),
        (r"\boxed{\text{(B) red pear}}", "B"),
        ("Option A is wrong. The correct option is B because pears are fruit.", "B"),
        ("La respuesta correcta es la B.", "B"),
        ("Die richtige Antwort ist B, weil Birnen Obst sind.", "B"),
        ("La bonne réponse est B.", "B"),
        ("正确答案是B。", "B"),
        ("正解はBです。", "B"),
        ("정답은 B입니다.", "B"),
        ("Правильный ответ: B", "B"),
        ("It is the red pear.", "B"),
        ("Option A is wrong, a stone is hard. Therefore, B.", "B"),
        ("<answer>B</answer>", "B"),
        ("B) red pear. Option A is a stone and option C is no better.", "B"),
        ("A pear grows on a tree, so pear it is.", "C"),
        ("I would rather not say.", None),
    ],
)
def test_a_choice_is_read_by_letter_by_phrase_and_by_text(text: str, letter: str | None) -> None:
    assert chosen(text, options(ASK)) == letter


def test_the_options_of_a_prompt_are_read_in_lines_and_in_a_row() -> None:
    assert options(ASK) == {"A": "stone", "B": "red pear", "C": "pear", "D": "iron"}
    assert options("Which? A) x B) y C) z") == {"A": "x", "B": "y", "C": "z"}
    assert options("A. Smith wrote it.") == {}


def test_forms_of_a_word_share_a_stem_and_other_words_do_not() -> None:
    for forms in ("run running runs ran", "city cities", "make making made makes", "stop stopped stopping"):
        assert len({stem(form) for form in forms.split()}) == 1, forms
    assert stem("happily") == stem("happy") and stem("creation") == stem("creates")
    assert len({stem(word) for word in "bus business care car cart universe".split()}) == 6


def test_likeness_grows_with_what_is_shared_and_sees_denial_and_other_numbers() -> None:
    base = "A young man is riding a brown horse through the field."
    reworded = "A young man rides his brown horse across a field."
    other = "A woman is cutting vegetables in a kitchen."
    assert likeness(base, base) == 1.0
    assert likeness(base, reworded) > 0.7 > 0.3 > likeness(base, other)
    assert likeness(base, reworded) == pytest.approx(likeness(reworded, base))
    rides, cuts = "若い男性が馬に乗って野原を走っている。", "女性が台所で野菜を切っている。"
    assert likeness(rides, "野原で馬に乗る若い男の人。") > 2 * likeness(rides, cuts)
    said = "The terminals are connected to the battery."
    assert likeness(said, "The terminals are not connected to the battery.") < likeness(
        said, "The terminals are now connected to the battery."
    )


class Letters:
    """An embedder for tests: how often each letter occurs."""

    name = "letters-1"

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        letters = "abcdefghijklmnopqrstuvwxyz"
        return np.array([[text.count(letter) for letter in letters] for text in texts], np.float32)


def test_an_embedding_model_takes_the_place_of_the_lexical_measure_and_is_told(scored: Any) -> None:
    score = scored(Agreement(embedder=Letters()), a_pair("Describe it.", PROSE, PROSE[::-1])).scores[
        "agreement_semantic"
    ]
    assert score.values[Leg.CANDIDATE] == pytest.approx(1.0)
    assert score.version.endswith("+letters-1")


def test_a_missing_embedding_library_is_said_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ValueError, match="pip install sentence-transformers"):
        Agreement(embedding="some/model")


@pytest.mark.parametrize("piece", ["a", "word ", "A) ", "answer is ", "é", "日本", "not ", "-1, "])
def test_a_megabyte_of_anything_is_compared_in_bounded_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    started = time.process_time()
    Agreement().score(a_pair(ASK, text, text[: len(text) // 2] + "x" + text[len(text) // 2 :]))
    assert time.process_time() - started < 0.5


@pytest.mark.data
def test_likeness_ranks_sentences_as_people_do(data: Path) -> None:
    from eval.stats import spearman

    with gzip.open(data / "semantic" / "2015.test.tsv.gz", "rt", encoding="utf-8") as file:
        rated = [row for line in file if (row := line.rstrip("\n").split("\t"))[0]][::6]
    said = np.array([(float(score), likeness(one, other)) for score, one, other, *_ in rated])
    assert spearman(said) >= 0.70
