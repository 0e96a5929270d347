"""Agreement on the task: what was asked for is compared in the form it was asked in.

JSON by value, code by syntax tree, tables by cells, lists by items, choices by letter, answers by number,
refusals by stance, short replies by their words, long prose by likeness. It is 0 or 1 wherever a reply is right
or wrong, and graded for prose.
"""

# ruff: noqa: RUF001 - the letters are meant

import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

from rapidfuzz.distance import Indel

from understudy_analyzers import judge, refusal, structure
from understudy_analyzers.agreement.choice import chosen, options
from understudy_analyzers.agreement.form import blankless, words
from understudy_analyzers.expectation import Expectation, Structure
from understudy_analyzers.numbers import equal, numbers, results
from understudy_analyzers.numbers import wanted as asks
from understudy_analyzers.numbers.compare import written

SHORT = 30
"""Words up to which a reply is right or wrong as a whole."""
LONGEST = 12_000
"""Characters in which an enumeration is looked for."""
MEANING = 0.3
"""Share that likeness in meaning has beside wording in the grade of prose: both apart tell one model on two servers
from another model, another style or another reply less well (AlpacaEval's vicuna and Mixtral, prompts not held out)."""
SAME, OTHER = 0.65, 0.25
"""Similarity from which long prose counts as agreeing fully, and below which not at all."""

_OPERATIONS = re.compile("[+<>=^≤≥≠×÷]")
_TOKEN = re.compile(r"\w+|[^\w\s]")

Like = Callable[[], float]
"""Likeness in meaning of the two texts compared, reckoned when it is asked for."""


def task(base: str, other: str, prompt: str, wanted: Expectation, like: Like) -> judge.Found:
    """Agreement of two texts on the task; the note names what was compared."""
    if base == other:
        return judge.SAME
    stances = [refusal.read(base, prompt), refusal.read(other, prompt)]
    if (sided := refusal.agree(stances)) is not None:
        told = " against ".join(reading.stance for reading in stances)
        return judge.Found(float(sided), note=f"refusal: {told}")
    for compare in (_json, _code, _choice, _number, _cells, _items):
        if (found := compare(base, other, prompt, wanted, like)) is not None:
            return found
    ours, theirs = words(base), words(other)
    if min(len(ours), len(theirs)) <= SHORT:
        if not ours and not theirs:
            return judge.Found(float(blankless(base) == blankless(other)), note="no words, as they stand")
        same = ours == theirs and _signs(base) == _signs(other)
        return judge.Found(float(same), note="short reply, word by word")
    similar = (1 - MEANING) * wording(ours, theirs) + MEANING * like()
    graded = (similar - OTHER) / (SAME - OTHER)
    return judge.Found(min(1.0, max(0.0, graded)), note=f"prose, similarity {similar:.2f}")


def _signs(text: str) -> tuple[list[str], list[Decimal]]:
    """What words leave out: signs of operations, and numbers with their own."""
    return _OPERATIONS.findall(text), numbers(text)


def wording(ours: list[str], theirs: list[str]) -> float:
    """Share of words in common, rare order changes forgiven: the mean of bag and sequence overlap."""
    total = len(ours) + len(theirs)
    if not total:
        return 1.0
    bag = 2 * (Counter(ours) & Counter(theirs)).total() / total
    return 0.6 * bag + 0.4 * float(Indel.normalized_similarity(ours, theirs))


def _json(base: str, other: str, prompt: str, wanted: Expectation, like: Like) -> judge.Found | None:
    if wanted.structure is not Structure.JSON and not (
        structure.looks_json(base) or structure.looks_json(other)
    ):
        return None
    left, right = structure.json_of(base), structure.json_of(other)
    if left is None and right is None:
        return None
    return judge.Found(float(left == right), note="JSON by value")


def _code(base: str, other: str, prompt: str, wanted: Expectation, like: Like) -> judge.Found | None:
    if wanted.structure is not Structure.CODE and not structure.looks_python(base):
        return None
    left, right = structure.python_of(base), structure.python_of(other)
    if left is None and right is None:
        return _tokens(base, other)
    if left is None or right is None:
        return judge.Found(0.0, note="one side's code does not parse")
    if left == right:
        return judge.Found(1.0, note="same syntax tree")
    return judge.Found(_programs(words(base), words(other)), note="other syntax tree")


def _tokens(base: str, other: str) -> judge.Found | None:
    """Code of another language than Python: token by token, blanks aside."""
    left, right = (
        [_TOKEN.findall(block.body) for block in structure.fences(text[:LONGEST])] for text in (base, other)
    )
    if not left or not right:
        return None
    if left == right:
        return judge.Found(1.0, note="same code, blanks aside")
    ours, theirs = ([token for block in side for token in block] for side in (left, right))
    return judge.Found(_programs(ours, theirs), note="other code")


def _programs(ours: list[str], theirs: list[str]) -> float:
    """Two programs of some length may differ and both be right: graded by their words, as prose is."""
    return wording(ours, theirs) if min(len(ours), len(theirs)) > 2 * SHORT else 0.0


def _choice(base: str, other: str, prompt: str, wanted: Expectation, like: Like) -> judge.Found | None:
    alone = len(base.strip()) <= 3 and len(other.strip()) <= 3
    if wanted.structure is not Structure.CHOICE and not alone:
        return None
    offered = options(prompt) if wanted.structure is Structure.CHOICE else {}
    left, right = chosen(base, offered), chosen(other, offered)
    if left is None and right is None:
        return None
    return judge.Found(float(left == right), note=f"choice {left} against {right}")


def _number(base: str, other: str, prompt: str, wanted: Expectation, like: Like) -> judge.Found | None:
    if wanted.structure is not None:
        return None
    answers = results(base, other, prompt, asks(prompt))
    if answers is None or answers[0] is None or answers[1] is None:
        return None
    left, right = answers[0].value, answers[1].value
    return judge.Found(float(equal(left, right)), note=f"answer {written(left)} against {written(right)}")


def _cells(base: str, other: str, prompt: str, wanted: Expectation, like: Like) -> judge.Found | None:
    if wanted.structure is Structure.TABLE:
        left, right = structure.table(base), structure.table(other)
    elif wanted.structure is Structure.CSV:
        left, right = structure.csv(base), structure.csv(other)
    else:
        return None
    if left is None and right is None:
        return None
    return judge.Found(float(left == right), note="table by cells")


def _items(base: str, other: str, prompt: str, wanted: Expectation, like: Like) -> judge.Found | None:
    """Lists in Markdown, and enumerations of many short items such as numbers in words."""
    if wanted.structure in (Structure.BULLETS, Structure.NUMBERED):
        left = structure.bullets(base) or [item for _, item in structure.numbered(base)]
        right = structure.bullets(other) or [item for _, item in structure.numbered(other)]
        if left or right:
            if all(len(item.split()) <= 5 for item in left + right):
                same = [words(item) for item in left] == [words(item) for item in right]
                return judge.Found(float(same), note=f"{len(left)} against {len(right)} items")
            return None
    left, right = enumerated(base), enumerated(other)
    if len(left) < 8 and len(right) < 8:
        return None
    return judge.Found(float(left == right), note=f"enumeration of {len(left)} against {len(right)}")


def enumerated(text: str) -> list[str]:
    """The items of a text that is one long enumeration, comma after comma; empty when it is not."""
    if text.count(",", 0, LONGEST) < 7:
        return []
    parts = [" ".join(words(part)) for part in text[:LONGEST].split(",")]
    return parts if len(parts) >= 8 and sorted(map(len, parts))[len(parts) * 9 // 10] <= 48 else []
