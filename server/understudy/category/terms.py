"""What of a prompt tells its topic: the beginnings of its words, and of scripts without spaces every two characters.

Six letters stand for a word, so that `multiply` and `multiplication` are one term and no stemmer is needed for every
language. Chinese characters are taken in twos, Katakana words by four, Hangul by two (what follows are endings), and
Arabic words without their article. Figures, marks and single letters tell nothing.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

HEAD, TAIL = 600, 200
"""Characters read from each end: what a prompt is about is said where it begins, or where it ends."""
STEM = 6
"""Letters that stand for a word."""

_PLAIN = re.compile(r"[a-z]{2,}")
_WIDE = re.compile(
    r"[\u3400-\u9fff]{2,}|[\u30a1-\u30fe]{2,}|[\uac00-\ud7a3]{2,}|[\u0900-\u0963\u0966-\u097f]{2,}"
    r"|[^\W\d_\u0900-\u097f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]{2,}"
)


def spoken(text: str) -> str:
    """The part of a prompt that is read, in lower case."""
    if len(text) > HEAD + TAIL:
        text = text[:HEAD] + "\n" + text[-TAIL:]
    return text.lower()


def terms(text: str) -> set[str]:
    """The terms of a prompt."""
    text = spoken(text)
    if text.isascii():
        return {word[:STEM] for word in _PLAIN.findall(text)}
    return {term for word in _WIDE.findall(text) for term in _terms(word)}


def words(text: str) -> Iterator[tuple[str, str]]:
    """Its terms and what was written for them, for names that people read."""
    for word in _WIDE.findall(spoken(text)):
        for term in _terms(word):
            yield term, term if word[0] >= "\u3400" else word


def _terms(word: str) -> Iterator[str]:
    first = word[0]
    if first < "\u0600":
        yield word[:STEM]
    elif "\u3400" <= first <= "\u9fff":
        yield from map("".join, pairwise(word))
    elif "\u30a0" <= first <= "\u30ff":
        yield word[:4]
    elif "\uac00" <= first <= "\ud7a3":
        yield word[:2]
    else:
        yield word.removeprefix("\u0627\u0644")[:STEM]
