"""Numbers against the graders of GSM8K, other ways of writing the same answers, and digits changed in clean texts."""

# ruff: noqa: E501 - the letters are meant

import random
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path

from understudy.pair import Leg
from understudy.testing import a_pair
from understudy_analyzers.numbers import Numbers, final

from bench.stats import Limit
from eval.found import Figure, Section
from eval.split import held, rows
from eval.stats import agreement, mean, over, recall

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
TARGET = 0.985
LONG = 1_000
"""Characters of a text in which one digit is changed."""
NEAR = 0.05
"""Share of its length within which the change has to be found."""


def measure(data: Path) -> Section:
    """The figures of numbers, on held-out prompts."""
    questions = [
        row for row in rows(data / "numeric" / "example_model_solutions.jsonl.gz") if held(row["question"])
    ]
    graded, paired, wrong = [], [], []
    by: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    told: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    numbers = Numbers()
    for row in questions:
        prompt, gold = row["question"], final(row["ground_truth"])
        for model in MODELS:
            truth, text = float(row[model]["is_correct"]), row[model]["solution"]
            case = (prompt, truth, float(final(text) == gold))
            graded.append(case)
            by[model].append(case)
            if case[1] != case[2]:
                wrong.append(f"{model} {prompt[:24]!r}")
            paired.append((prompt, truth, _agreed(numbers, prompt, row["ground_truth"], text)))
            own = re.search(r"\nA: (\S+)\s*$", text)
            if own is not None:
                # The same working without its answer line: the last sentence has to tell.
                bare = text[: own.start()]
                told[model].append((prompt, 1.0, float(final(bare, prompt) == final(own.group(1)))))
    rivals = [
        (
            row["question"],
            float(both),
            _agreed(numbers, row["question"], row[one]["solution"], row[other]["solution"]),
        )
        for row in questions
        for one, other in combinations(MODELS, 2)
        if (both := row[one]["is_correct"] and row[other]["is_correct"])
        or row[one]["is_correct"]
        or row[other]["is_correct"]
    ]
    styled = _styled([(row["question"], row["ground_truth"]) for row in questions])
    return Section(
        "numbers",
        (
            Figure("final answer: equal to the gold one where the grader says so", over(graded, agreement), TARGET, by=_by(by, agreement)),
            Figure("pairs: replies agree with the gold solution where the grader says so", over(paired, agreement), TARGET),
            Figure("pairs: two models agree where both are right, and differ where one is", over(rivals, agreement), TARGET),
            Figure(
                "final answer: in other styles, languages and locales",
                over([case for cases in styled.values() for case in cases], agreement),
                TARGET,
                by=_by(styled, agreement),
                note="gold answers put into sentences that no grader of these models sees",
            ),
            Figure(
                "final answer: without any mark",
                over([case for cases in told.values() for case in cases], agreement),
                by=_by(told, agreement),
                note="the answer line taken away; the last line of working is all there is",
            ),
            *_changed(data, numbers),
        ),
        tuple(wrong),
    )  # fmt: skip


def _agreed(numbers: Numbers, prompt: str, base: str, other: str) -> float:
    (score,) = numbers.score(a_pair(prompt, base, other))
    return float(score.values[Leg.CANDIDATE] > 0.5)


def _by(
    cases: Mapping[str, list[tuple[str, float, float]]], statistic: Callable[..., float]
) -> dict[str, float]:
    found = {name: over(some, statistic) for name, some in cases.items()}
    return {name: estimate.value for name, estimate in found.items() if estimate is not None}


STYLES: Mapping[str, str] = {
    "boxed": r"We compute {a} + {b}. Therefore the total is $\boxed{{{v}}}$.",
    "boxed text": r"$$\boxed{{{v} \text{{ apples}}}}$$",
    "boxed currency": r"so he pays \[ \boxed{{\${v}}} \]",
    "hashes": "First {a}, then {b}.\n#### {v}",
    "hashes unit": "First {a}, then {b}.\n\n#### ${v} per day",
    "bold": "So, after {a} days, she has **${v}** left.",
    "bold line": "Step one gives {a}.\nStep two gives {b}.\n\n**Total: {v} apples**",
    "bold answer": "**Answer:** {v}\n\nThis follows because {a} and {b} add up.",
    "the answer is": "Working: {a} and {b}. The answer is {v}.",
    "final answer": "Final Answer: The final answer is ${v}$. I hope it is correct.",
    "sentence": "There were {a} at first.\nTherefore, Anna has {v} apples left.",
    "sentence aside": "Therefore, the trip costs ${v} in total for {a} people.",
    "equation": "Total = {a} + {b} = {v}",
    "es": "Primero {a}. La respuesta es {v} euros.",
    "fr": "D'abord {a}. La réponse est donc {v} pommes.",
    "de": "Zuerst {a}. Die Antwort lautet: {v} Äpfel.",
    "pt": "Primeiro {a}. A resposta final é {v} reais.",
    "it": "Prima {a}. La risposta è {v} mele.",
    "ru": "Сначала {a}. Ответ: {v} яблок.",
    "zh": "先有{a}个。所以答案是{v}个苹果。",
    "ja": "最初は{a}個です。答えは{v}個です。",
    "ko": "처음에는 {a}개. 정답은 {v}개입니다.",
    "ar": "في البداية {a}. الجواب هو {v} تفاحة.",
    "hi": "पहले {a} थे। सही उत्तर {v} है।",
}
"""A sentence per style; v is the answer, a and b are other numbers."""


def _locale(style: str, value: int) -> str:
    """The value as the style's locale groups it."""
    text = f"{value:,}"
    return {"es": text.replace(",", "."), "de": text.replace(",", "."), "it": text.replace(",", "."), "pt": text.replace(",", "."),
            "fr": text.replace(",", "\u202f"), "ru": text.replace(",", " "), "hi": _indian(value)}.get(style, text)  # fmt: skip


def _indian(value: int) -> str:
    head, last = divmod(value, 1000)
    groups: list[str] = []
    while head:
        head, pair = divmod(head, 100)
        groups.insert(0, f"{pair:02d}" if head else str(pair))
    return ",".join([*groups, f"{last:03d}"]) if groups else str(last)


def _styled(questions: list[tuple[str, str]]) -> dict[str, list[tuple[str, float, float]]]:
    found: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for prompt, truth in questions:
        gold = final(truth)
        if gold is None or gold != int(gold) or gold < 0:
            continue
        draw = random.Random(prompt)
        a, b = draw.randint(2, 99), draw.randint(2, 99)
        for style, sentence in STYLES.items():
            # Every other question has its answer a thousand times as large, so that separators are met.
            value = int(gold) * (1000 if draw.random() < 0.5 else 1)
            text = sentence.format(v=_locale(style, value), a=a, b=b)
            found[style].append((prompt, 1.0, float(final(text) == value)))
    return found


def _changed(data: Path, numbers: Numbers) -> tuple[Figure, ...]:
    """One digit changed in a long clean reply: is it seen, where, and is nothing seen where none was?"""
    seen, near, clean = [], [], []
    for model in ("vicuna-13b-v1.5", "Mixtral-8x7B-Instruct-v0.1"):
        for row in rows(data / "pairs" / "alpaca_eval" / f"{model}.json.gz"):
            prompt, text = row["instruction"], row["output"]
            places = [at for at, character in enumerate(text) if character in "0123456789"]
            if not held(prompt) or len(text) < LONG or not places:
                continue
            draw = random.Random(prompt)
            at = draw.choice(places)
            other = text[:at] + str((int(text[at]) + draw.randint(1, 9)) % 10) + text[at + 1 :]
            scores = numbers.score(a_pair(prompt, text, other))
            value = scores[0].values[Leg.CANDIDATE] if scores else 1.0
            starts = [span.start for score in scores for span in score.spans if span.leg is Leg.CANDIDATE]
            seen.append((prompt, 1.0, float(value < 1.0)))
            near.append((prompt, 1.0, float(any(abs(one - at) <= NEAR * len(text) for one in starts))))
            again = numbers.score(a_pair(prompt, text, text))
            clean.append((prompt, 0.0, float(bool(again) and again[0].values[Leg.CANDIDATE] < 1.0)))
    return (
        Figure("one changed digit in a long text: seen", over(seen, recall), 0.95),
        Figure("one changed digit in a long text: found within 5 % of its place", over(near, recall), 0.95),
        Figure("untouched long texts: flagged", over(clean, mean), 0.01, Limit.MOST),
    )
