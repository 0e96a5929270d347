"""The type of task, by rules over both ends of the prompt.

Rules are tried in order and the first that speaks decides. A prompt that nothing speaks for is a question when it asks,
or a sum when it gives amounts too, and chat when not.

Most prompts hold the stems of one rule or of none, and to look for them takes a fraction of the time that all the rules
do.
"""

import re
from typing import Final

from understudy.category.rules import AMOUNTS, ASKS, GREETS, MARK, RULES, WIDE
from understudy.pair import Category, Request

HEAD, TAIL = 700, 300
"""Characters read from each end: instructions stand at the start or the end."""

DENSE: Final = 300
"""Characters read from the start, and half as many from the end, of other scripts: fewer letters say as much."""

STEM: Final = 4
"""Letters of a word that stand for it, if it has so many."""

ELSEWHERE: Final = "\u0370"
"""From here on letters are no Latin ones."""

_FIGURES: Final = frozenset({"0"})
"""Stands for whatever figures there are: arithmetic needs no word."""
_FENCE: Final = frozenset({"`"})
"""Stands for the mark that code is set off with."""
_STEMS: Final = frozenset().union(*(stems for _, stems, _ in RULES))
_WORD: Final = re.compile(r"\w+")
_DIGIT: Final = re.compile(r"\d")


def told(text: str) -> frozenset[str]:
    """The stems that rules know of the words in a text, already in lower case."""
    stems = _STEMS.intersection([word[:STEM] for word in _WORD.findall(text)])
    if _DIGIT.search(text):
        stems |= _FIGURES
    if "```" in text:
        stems |= _FENCE
    return stems


class Task:
    """The type of task: one of tool, translation, summarisation, extraction, code, counting and so on, else chat."""

    name = "task"
    version = "2"
    """Of the rules: the same names are other slices now."""

    def categorize(self, request: Request) -> Category | None:
        """The first rule that speaks; None without a prompt text."""
        text = request.text
        if not text.strip():
            return None
        if len(text) > HEAD + TAIL:
            text = text[:HEAD] + "\n" + text[-TAIL:]
        # Folded once: a pattern that ignores case cannot skip ahead to its first letter.
        text = text.lower()
        stems = told(text)
        if stems:
            for value, known, rule in RULES:
                if not known.isdisjoint(stems) and rule.search(text):
                    return Category(value, "rule")
        if not text.isascii() and max(text) >= ELSEWHERE:
            if len(text) > DENSE + DENSE // 2:
                text = text[:DENSE] + "\n" + text[-DENSE // 2 :]
            for value, rule in WIDE:
                if rule.search(text):
                    return Category(value, "rule")
        return Category(_otherwise(text), "rule")


def _otherwise(text: str) -> str:
    """What a prompt is that no rule speaks for: a sum when it asks and gives two amounts, a question when it asks."""
    if not ASKS.search(text) or GREETS.search(text):
        return "chat"
    return "math" if MARK.search(text) and len(AMOUNTS.findall(text)) > 1 else "question"
