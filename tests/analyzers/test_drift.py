"""Long-output drift: what degenerates and from where, and what only looks like it."""

# ruff: noqa: E501, RUF001 - phrases and texts read better unbroken, and their letters are meant

import json
import random
import time
from typing import Any

import pytest
from understudy.pair import Finish, Leg, Output
from understudy.score import Score
from understudy.testing import a_pair, an_output
from understudy_analyzers.drift import Drift
from understudy_analyzers.drift.loop import counted, loop
from understudy_analyzers.drift.recur import density
from understudy_analyzers.drift.splice import splice

PROSE = (
    "The river rises in the hills above the town and runs for a day before it meets the sea. Along its "
    "banks stand mills that once ground the corn of the whole valley, and most of them still turn in spring. "
    "Visitors come for the quiet paths, the old bridges and the market that is held on the first Saturday of "
    "the month."
)
MORE = (
    " In summer the water is low enough to wade across, and children build dams of stones where the road "
    "fords it. When autumn storms arrive, farmers drive their sheep up to higher fields, because the meadows flood "
    "within hours. Old people remember years in which ice closed the harbour and carts crossed to the other shore."
)
LONG = f"{PROSE}\n\n{MORE.strip()}"
ASK = "Describe the river."


def degenerate(text: str, prompt: str = ASK) -> Score:
    (score,) = Drift().score(a_pair(prompt, LONG, text))
    assert score.values[Leg.BASELINE] == 0.0
    return score


def onset(score: Score) -> int:
    return next(span.start for span in score.spans if span.leg is Leg.CANDIDATE)


@pytest.mark.parametrize(
    ("tail", "label"),
    [
        (" and the old bridges" * 12, "loop"),
        (" the the the the the the the the the the and so on.", "stammer"),
        (
            " It is held on the first Saturday of the month." * 6 + " Then it ended here in peace at last.",
            "loop",
        ),
        ("\nUser: and now tell me more\nAssistant: gladly", "spill-over"),
        ("<|im_end|>\n<|im_start|>user", "spill-over"),
        (" \ufffd\ufffd\ufffd br\ufffdken", "garbled"),
        (" #$%^&*(){}[]<>~`!@#$%^&*()_+=-#$%^&", "garbled"),
        ("\n```python\nprint(1)\n\nThis prints the number one, and the river runs on as before.\n", "fence"),
        (" I'm sorry, but I can't help with that request.", "refusal"),
        (
            " " + "Der Fluss ist im Winter sehr kalt, und die Leute gehen nicht mehr an das Wasser. " * 2,
            "language",
        ),
        (" 河流在冬天非常寒冷，人们不再去水边散步，孩子们也都留在家里。", "language"),
    ],
)
def test_a_degenerate_tail_is_seen_and_its_onset_found(tail: str, label: str) -> None:
    text = LONG + tail
    score = degenerate(text)
    assert score.values == {Leg.BASELINE: 0.0, Leg.CANDIDATE: 1.0}
    assert label in {span.label for span in score.spans}
    assert abs(onset(score) - len(LONG)) <= 0.1 * len(text)


@pytest.mark.parametrize(
    ("middle", "label"),
    [
        (" and the old bridges" * 12, "loop"),
        ("".join(f"\n{n}. Walk along the bank until you come to the second mill." for n in range(2, 12)), "loop"),
        ("".join(f" Repeat the step {n} more times until it is done ({n})." for n in range(8, 20)), "loop"),
        (" As an AI language model, I cannot continue with this.", "refusal"),
        (" Lo siento, pero no puedo ayudar con eso.", "refusal"),
        (" 抱歉，我无法继续。", "refusal"),
        (" La rivière est très froide en hiver et les gens ne vont plus sur les bords de l'eau pour se promener.", "language"),
        ("<|eot_id|>", "spill-over"),
        (" Ã©tÃ© Ã  la riviÃ¨re", "garbled"),
    ],
)  # fmt: skip
def test_a_degeneration_that_more_text_follows_is_seen_where_it_begins(middle: str, label: str) -> None:
    score = degenerate(LONG + middle + "\n\n" + LONG[::-1].title()[::-1])
    assert score.values[Leg.CANDIDATE] == 1.0
    assert label in {span.label for span in score.spans}
    assert abs(onset(score) - len(LONG)) <= 80


def test_a_loop_begins_where_its_piece_comes_for_the_second_time() -> None:
    found = loop(LONG + " over and over, again" * 10)
    assert found is not None and found.period == 21 and found.start == len(LONG) and found.rounds == 10


def test_a_paragraph_said_three_times_is_a_loop_and_twice_is_none() -> None:
    assert loop((PROSE + "\n") * 3) is not None
    assert loop((PROSE + "\n") * 2) is None


def test_figures_that_count_do_not_hide_a_loop() -> None:
    steps = "".join(f"Step {n}: check that the water is low enough to cross.\n" for n in range(97, 106))
    found = counted(PROSE + "\n" + steps)
    assert (
        found is not None
        and abs(found.onset - len(PROSE) - len("Step 97: check that the water is low enough to cross.\n"))
        <= 3
    )


@pytest.mark.parametrize(
    "text",
    [
        "-" * 200,
        "Contents\n" + "\n".join(f"Chapter {n} .................... {n}" for n in range(1, 30)),
        "\n".join(f"| row {n} | yes | no |" for n in range(60)),
        "| a | b | c | d |\n| --- | --- | --- | --- |\n" + "| | | | |\n" * 12 + "\nFill in the form above.",
        "\n".join(f"- item {n}" for n in range(80)),
        "\n".join(f"x{n} = f(x{n - 1})" for n in range(1, 60)),
        "[" + ", ".join(f'{{"a": {n}, "b": "none"}}' for n in range(60)) + "]",
        ", ".join(f"{n} bottles of beer on the wall" for n in range(99, 60, -1)) + ".",
        "Ha ha ha! That was a good one. " + PROSE,
        "Name: ______________________________\nDate: ______________________________\n" + PROSE,
        "Use this:\n```html\n" + "<tr>\n  <td></td>\n  <td></td>\n</tr>\n" * 8 + "```\nIt has eight rows.",
        "1/3 = 0.33333333333333333333 and so on. " + PROSE,
        "Dear Ann,\n\nI'm sorry, but I can't come to your party.\n\n" + LONG + " I cannot wait to see you. I can't help it.",
        LONG + ' The miller said: "I\'m sorry, but I can\'t help you with that." ' + MORE,
        LONG + "\n\n```sh\nls\n```\n\nand then ```x``` inline.",
    ],
)  # fmt: skip
def test_legitimate_repetition_and_speech_are_clean(scored: Any, text: str) -> None:
    assert scored(Drift(), a_pair("Go on.", PROSE, text)).value("degenerate") == 0.0


def test_repetition_that_was_asked_for_is_clean(scored: Any) -> None:
    ask = "Repeat the word tea 40 times."
    assert scored(Drift(), a_pair(ask, "tea " * 40, "tea " * 40)).value("degenerate") == 0.0


def test_a_translation_may_hold_two_languages(scored: Any) -> None:
    text = f"{PROSE}\n\nDer Fluss entspringt in den Hügeln über der Stadt und fließt einen Tag lang, bis er das Meer erreicht. Die Mühlen stehen noch."
    ask = "Write a paragraph on a river and then translate it into German."
    assert scored(Drift(), a_pair(ask, PROSE, text)).value("degenerate") == 0.0


def test_a_dialogue_that_was_asked_for_is_no_spill_over(scored: Any) -> None:
    text = "User: hello\nAssistant: hi\nUser: and now?\nAssistant: nothing more."
    assert (
        scored(Drift(), a_pair("Write a dialogue of a user and a bot.", text, text)).value("degenerate")
        == 0.0
    )


def test_json_that_turns_into_prose_breaks_where_it_does() -> None:
    whole = json.dumps({"name": "Anna", "age": 5, "home": "by the river"})
    broken = '{"name": "Anna", and then the story goes on about the river and all of its many old mills'
    (score,) = Drift().score(a_pair("Give name, age and home as JSON: ...", whole, broken))
    assert score.values == {Leg.BASELINE: 0.0, Leg.CANDIDATE: 1.0}
    assert abs(onset(score) - len('{"name": "Anna",')) <= 2


def test_a_fence_left_open_in_the_middle_is_found_where_the_code_turns_into_prose() -> None:
    code = "```python\nfor x in range(3):\n    print(x)\n"
    text = f"{PROSE}\n\n{code}\n{MORE.strip()}\n\n```python\nprint(1)\n```\n"
    score = degenerate(text)
    assert "fence" in {span.label for span in score.spans}
    assert abs(onset(score) - len(PROSE) - 2 - len(code)) <= 4


def test_code_that_is_open_where_the_text_ends_is_only_cut(scored: Any) -> None:
    text = LONG + "\n```python\nfor x in range(3):\n    print(x)"
    assert scored(Drift(), a_pair(ASK, LONG, text)).value("degenerate") == 0.5


def test_a_topic_left_for_good_is_seen() -> None:
    rng = random.Random(3)

    def prose(stems: str, words: int) -> str:
        known = stems.split()
        return " ".join(rng.choice(known) + rng.choice(("", "ing", "er")) for _ in range(words)) + "."

    bread = "knead dough flour yeast crust bakery loaves kitchen butter water spoon salted risen slices warm oven table cloth"
    stars = "planet orbit galaxy comet lunar nebula gravity telescope cosmic meteor asteroid spectrum vacuum photon quasar radiation"
    ask = "Describe how bread is baked at home, step by step, for beginners."
    score = degenerate(prose(bread, 400) + " " + prose(stars, 200), ask)
    assert "topic" in {span.label for span in score.spans}


def test_a_tail_that_is_only_cut_counts_half(scored: Any) -> None:
    cut = PROSE[: PROSE.rindex(" the ") + 4]
    assert scored(Drift(), a_pair(ASK, PROSE, cut)).value("degenerate") == 0.5


def test_a_reply_that_declines_from_its_start_is_not_a_splice() -> None:
    assert splice("I'm sorry, but I can't help with that request. " + LONG) is None


def test_text_that_loops_compresses_better_than_any_language() -> None:
    assert density("tea and " * 600) < 0.055 < density((LONG + " ") * 4)


def test_replies_that_say_the_same_but_end_otherwise_differ_in_their_end_alone() -> None:
    pair = a_pair(ASK, LONG, LONG)
    (score,) = Drift().score(pair)
    assert set(score.values.values()) == {0.0} and pair.baseline.finish is not Finish.LENGTH


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "ab" * 50_000,
        "I'm sorry " * 10_000,
        "```\n" * 25_000,
        "Ã©" * 50_000,
        "<|" * 50_000,
        ". \n" * 33_000,
        "1. 2. 3. " * 11_000,
        "{" * 100_000,
        " ".join(str(n * 7919 % 10_007) for n in range(20_000)),
        "слово word " * 9_000,
    ],
)
def test_any_text_is_judged_in_a_moment(text: str) -> None:
    began = time.process_time()
    Drift().score(a_pair("Go on.", LONG, text))
    assert time.process_time() - began < 1.0


def test_a_loop_that_ran_into_its_budget_is_a_loop_and_a_sound_reply_cut_there_is_not() -> None:
    def spent(text: str) -> Output:
        return an_output(text, leg=Leg.CANDIDATE, finish=Finish.LENGTH, truncated_by="max_tokens")

    (looped,) = Drift().score(a_pair(ASK, LONG, spent(LONG + " and the old bridges" * 40)))
    assert dict(looped.values) == {Leg.BASELINE: 0.0, Leg.CANDIDATE: 1.0}
    (cut,) = Drift().score(a_pair(ASK, LONG, spent(LONG)))
    assert dict(cut.values) == {Leg.BASELINE: 0.0, Leg.CANDIDATE: 0.0}, "failure has the cut"
