"""Numbers: how they are written, which one is the answer, and which ones two replies do not share."""

# ruff: noqa: RUF001 - the letters are meant

import gzip
import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from understudy.pair import Leg
from understudy.testing import a_pair
from understudy_analyzers.numbers import Numbers, answer, equal, final, numbers, stated, value
from understudy_analyzers.numbers.compare import compare
from understudy_analyzers.numbers.words import spoken

LONG = " ".join(
    f"In the year {1900 + n} the mill ground {40 * n + 7} sacks of corn for the town." for n in range(30)
)


@pytest.mark.parametrize(
    ("token", "number"),
    [
        ("1,234.5", "1234.5"),
        ("1.234,5", "1234.5"),
        ("1 234", "1234"),
        ("1\u202f234,50", "1234.50"),
        ("1'234'567", "1234567"),
        ("12,34,567", "1234567"),
        ("1,00,000.5", "100000.5"),
        ("1.000.000", "1000000"),
        ("3.141", "3.141"),
        ("3,141", "3141"),
        ("0,125", "0.125"),
        ("-0,5", "-0.5"),
        ("１２３", "123"),
        ("١٬٢٣٤٫٥", "1234.5"),
        ("१,२३,४५६", "123456"),
        (r"12{,}000", "12000"),
    ],
)
def test_numbers_are_read_in_every_locale(token: str, number: str) -> None:
    assert f"{value(token):f}" == number
    assert numbers(token) in ([Decimal(number)], [abs(Decimal(number))], [Decimal(number.lstrip("-"))])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("16-3 = 13, and 5 - 3 is not -3.", "16 3 13 5 3 -3"),
        ("It fell by -$1,200 to $5-$10.", "-1200 5 10"),
        ("[1,2,3,4] and 1.2.3", "1 2 3 4 1 2 3"),
        ("6.02e23, 3 x 10^8, 1.5×10⁻³ and 2 \\times 10^{4}", "6.02e23 3e8 0.0015 20000"),
        ("1.8 billion people, 5k steps, 3 lakh, 2 miles", "1.8e9 5000 300000 2"),
        ("3,5 Millionen Euro und 1.234 Stück zu 2,50", "3500000 1234 2.5"),
        ("1万2000円と3億", "12000 300000000"),
        ("答案是42个，H2O and x2 are names", "42"),
        ("1. Take 5 eggs\n2. Add 10 g\n", "5 10"),
        (".5 of it", "0.5"),
        ("no digits here", ""),
    ],
)
def test_every_numeral_of_a_text_is_read_and_list_markers_are_not(text: str, found: str) -> None:
    assert numbers(text) == [Decimal(one) for one in found.split()]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("#### 1,200\nCheck: 7", "1200"),
        ("She pays 3 + 4.\n#### $18 dollars", "18"),
        ("#### 2. Multiply by 7\nWe get 21 apples.", "21"),
        (r"so \boxed{42} after 3 steps", "42"),
        (r"Thus $\boxed{\frac{3}{4}}$ of 12", "0.75"),
        (r"$$\boxed{\text{12 eggs}}$$", "12"),
        (r"\boxed{\$1{,}234.50}", "1234.5"),
        (r"\boxed{x = -\dfrac{1}{2}}", "-0.5"),
        (r"\boxed{3\frac{1}{2}}", "3.5"),
        (r"\boxed{75\%}", "75"),
        ("So 16 - 7 = 9.\nA: 9", "9"),
        ("The answer is 12 because 5 + 8 is 13.", "12"),
        ("**Final Answer:** She needs **$2,125** for 4 weeks.", "2125"),
        ("**Answer:**\n\n12 apples", "12"),
        ("The final answer to the question is therefore 3 * 4 = 12.", "12"),
        ("The answer is twelve. I hope that 3 people like it.", "12"),
        ("Die Antwort ist 12. Das sind 3 mehr als 9.", "12"),
        ("Die Antwort lautet 1.234 Euro.", "1234"),
        ("La respuesta es 1.250,5 euros en 3 días.", "1250.5"),
        ("La réponse est donc 1 234 pour 5 jours.", "1234"),
        ("A resposta final é: 45 reais. Ela tinha 90.", "45"),
        ("La risposta è ventuno. Erano 30.", "21"),
        ("答案是42个苹果。她原来有50个。", "42"),
        ("答：小明有十二个苹果。", "12"),
        ("答えは１２個です。最初は20個でした。", "12"),
        ("정답은 15개입니다. 처음에는 20개였습니다.", "15"),
        ("الجواب هو ٤٥ دولارًا. كان لديها ٩٠.", "45"),
        ("Ответ: 1 250 рублей. Было 2 000.", "1250"),
        ("सही उत्तर १२ है। पहले 20 थे।", "12"),
        ("So, she has **$12** left.", "12"),
        ("So, she has **$12** left after 3 days.", "12"),
        ("**Step 1:** 5 + 7 = 12\n**Step 2:** 12 * 2 = 24\n\n**Total: $24** per day", "24"),
        ("Therefore, it costs $45.50 in total for 3 shirts.", "45.5"),
        ("He will be 40 years old in 5 years.", "40"),
        ("5 + 7 = 12. So Anna has 12 eggs for 3 days!\n\nLet me know if you have questions.", "12"),
        ("<think>Maybe the answer is 5.</think>\nShe has 7 left.", "7"),
        ("It takes 1/2 of a cup.", "0.5"),
        ("The answer is 2½ cups.", "2.5"),
        ("3 kilometres are 3000 metres.", "3000"),
        ("twelve", "12"),
    ],
)
def test_the_answer_is_the_marked_number_or_what_the_last_sentence_comes_to(text: str, result: str) -> None:
    assert final(text) == Decimal(result)


def test_what_the_prompt_gave_is_no_answer_where_another_number_is_left() -> None:
    prompt = "A car drives 300 miles at 60 mph. How many hours does it take?"
    assert final("It will take 5 hours to travel 300 miles.", prompt) == 5


def test_an_answer_says_what_marks_it_and_where_it_stands() -> None:
    text = "First 3, then 4.\n\nThe answer is **12** eggs."
    found = answer(text)
    assert found is not None and (found.mark, text[found.start : found.end]) == ("said", "12")
    assert stated("We saw 3 birds and 4 cats.") is None and final("No number at all.") is None


@pytest.mark.parametrize(
    ("phrase", "language", "number"),
    [
        ("forty-two", "en", 42),
        ("three hundred and five thousand two hundred", "en", 305_200),
        ("two dozen eggs", "en", 24),
        ("a day", "en", None),
        ("a hundred", "en", 100),
        ("treinta y cinco", "es", 35),
        ("mil doscientos", "es", 1200),
        ("quatre-vingt-dix-sept", "fr", 97),
        ("deux cent soixante et onze", "fr", 271),
        ("zweihundertfünfundvierzig", "de", 245),
        ("eintausend", "de", 1000),
        ("vinte e um", "pt", 21),
        ("duecentocinquantuno", "it", 251),
        ("двадцать пять", "ru", 25),
        ("三百二十一个", "zh", 321),
        ("十二個", "ja", 12),
        ("पच्चीस नहीं, बारह", "hi", 12),
        ("no number", "en", None),
    ],
)
def test_number_words_are_read_in_the_language_that_is_expected(
    phrase: str, language: str, number: int | None
) -> None:
    assert spoken(phrase, language) == number


def test_rounding_to_fewer_decimals_is_the_same_answer_and_another_digit_is_not() -> None:
    assert equal(Decimal("33.33"), Decimal("33.3333")) and equal(Decimal("3.0"), Decimal("3"))
    assert not equal(Decimal("33.33"), Decimal("33.34")) and not equal(Decimal("3"), Decimal("3.4"))


def test_another_way_to_the_same_result_is_the_same_number(scored: Any) -> None:
    story = "Anna has 29 pens and gets 38 more. How many pens is that?"
    other = "30 + 38 - 1 = 67. The answer is 67."
    assert scored(Numbers(), a_pair(story, "29 + 38 = 67", other)).value("numbers") == 1
    wrong = "29 + 38 = 57. The answer is 57."
    assert scored(Numbers(), a_pair(story, "29 + 38 = 67", wrong)).value("numbers") == 0


def test_a_reply_that_is_a_number_is_an_answer_whatever_was_asked(scored: Any) -> None:
    worked = "First 20 - 5 = 15, and then 15 + 3 = **18**."
    assert scored(Numbers(), a_pair("", "$18", worked)).value("numbers") == 1
    assert scored(Numbers(), a_pair("", "19.", worked)).value("numbers") == 0
    # Two bare numbers are no mark of what is counted: "2 cats" is more than a number.
    assert answer("2 cats").mark == "last"  # type: ignore[union-attr]


def test_numbers_of_prose_are_compared_one_by_one(scored: Any) -> None:
    text = "The shop opens at {} and closes at 18."
    assert scored(Numbers(), a_pair("When?", text.format(9), text.format(8))).value("numbers") == 0.5
    assert "numbers" not in scored(Numbers(), a_pair("Say hello.", "Hello.", "Hi."))


def test_one_changed_digit_in_a_long_text_is_seen_and_shown_on_both_sides(scored: Any) -> None:
    at = LONG.index("1913") + 3
    changed = LONG[:at] + "8" + LONG[at + 1 :]
    score = scored(Numbers(), a_pair("Tell me of the mill.", LONG, changed)).scores["numbers"]
    assert score.values == {Leg.CANDIDATE: 0.5} and "1913 became 1918" in score.explanation
    places = {span.leg: (span.start, span.end, span.label) for span in score.spans}
    assert places == {
        Leg.BASELINE: (at - 3, at + 1, "became 1918"),
        Leg.CANDIDATE: (at - 3, at + 1, "was 1913"),
    }


def test_a_digit_changed_on_the_way_to_the_same_answer_is_seen(scored: Any) -> None:
    ask, text = "How many are 5 and 7 and 9?", "5 + 7 = {}, then 12 + 9 = 21. The answer is 21."
    assert scored(Numbers(), a_pair(ask, text.format(12), text.format(13))).value("numbers") == 0.5


def test_numbers_left_out_and_put_in_are_told_apart_from_changed_ones() -> None:
    seen = compare("Take 5 eggs, 200 g flour, 3 pears.", "Take 5 eggs, and 3 pears, then 9 nuts.")
    assert [(c.base and c.base.value, c.other and c.other.value) for c in seen.changes] == [
        (200, None),
        (None, 9),
    ]
    assert (seen.ours, seen.theirs, seen.common, seen.alone) == (3, 3, 2, False)


def test_identical_replies_agree_and_tell_the_answer_that_they_give(scored: Any) -> None:
    text = "So she has **$12** left."
    score = scored(Numbers(), a_pair("How much is left?", text, text, text)).scores["numbers"]
    assert set(score.values.values()) == {1.0} and "answer 12" in score.explanation


@pytest.mark.parametrize(
    "piece", ["9", "1,", "1,234,", "-$", "1 234 ", "answer is ", "####", r"\boxed{", "**1", "½", "1/"]
)
def test_a_megabyte_of_anything_is_read_in_bounded_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    started = time.process_time()
    Numbers().score(a_pair("How many?", text, text[:-3] + "7 8"))
    assert time.process_time() - started < 0.5


@pytest.mark.data
def test_final_answers_are_read_as_the_graders_read_them(data: Path) -> None:
    right = total = 0
    with gzip.open(data / "numeric" / "example_model_solutions.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file][::4]
    for row in rows:
        gold = final(row["ground_truth"])
        for model in ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"):
            given = row[model]
            right += (final(given["solution"]) == gold) == given["is_correct"]
            total += 1
    assert right / total >= 0.985, right / total


@pytest.mark.parametrize(
    ("base", "other"),
    [
        ("The bridge is safe.", "The bridge, built in 1913, is safe."),
        ("Founded in 1913.\nIt makes H2O sensors.", "Founded in 1918.\nIt makes H2O sensors."),
    ],
)
def test_what_only_the_candidate_says_is_held_against_a_control_that_says_the_same(
    base: str, other: str
) -> None:
    (score,) = Numbers().score(a_pair("Tell me about it.", base, other, base))
    assert score.values[Leg.CONTROL] == 1.0 and score.values[Leg.CANDIDATE] < 1.0
