"""Likeness in meaning, read off the words alone: no model, no network, a fraction of a millisecond.

It is the share of each text's stems that the other one has, by what they say, averaged over the two: the same stem
counts whole, a near synonym and another spelling in part. Other numbers and a denial on one side only take a little
off. The few constants were tuned on rated sentence pairs (SemEval STS, those not held out).
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import numpy as np
from rapidfuzz.distance import JaroWinkler
from rapidfuzz.process import cdist

from understudy_analyzers.agreement.form import blankless, terms
from understudy_analyzers.agreement.stem import stem
from understudy_analyzers.agreement.weight import DENIALS, weight

SYNONYM = 0.8
"""What a near synonym counts beside the same stem."""
SPELLING = 0.85
"""Likeness of two words (Jaro and Winkler's) from which one may be another spelling or form of the other."""
CELLS = 10_000
"""Pairs of words that are compared by spelling; of longer texts only stems and synonyms are."""
NUMBERS, DENIED = 0.05, 0.03
"""What other numbers, and a denial on one side only, take off."""


def likeness(base: str, other: str) -> float:
    """How alike two texts are in meaning: 1 the same, 0 nothing in common."""
    ours, theirs = terms(base), terms(other)
    if ours == theirs:
        return float(bool(ours) or blankless(base) == blankless(other))
    if not ours or not theirs:
        return 0.0
    left, right = _stems(ours), _stems(theirs)
    partly_left, partly_right = _partly(
        [one for one in left if one not in right], [one for one in right if one not in left]
    )
    value = (_covered(left, right, partly_left) + _covered(right, left, partly_right)) / 2
    value -= NUMBERS * (_numbers(left) != _numbers(right))
    value -= DENIED * (DENIALS.isdisjoint(left) != DENIALS.isdisjoint(right))
    return max(0.0, value)


def _stems(words: list[str]) -> dict[str, float]:
    return {stem(word): weight(word) for word in words}


def _numbers(stems: Mapping[str, float]) -> set[str]:
    return {one for one in stems if one[0].isdigit()}


def _covered(stems: Mapping[str, float], others: Mapping[str, float], partly: Mapping[str, float]) -> float:
    """The share of a text, by what its stems weigh, that the other one has."""
    have = sum(
        weighs if one in others else weighs * partly[one] if one in partly else 0.0
        for one, weighs in stems.items()
    )
    return have / sum(stems.values())


def _partly(left: list[str], right: list[str]) -> tuple[dict[str, float], dict[str, float]]:
    """What the stems of each side that the other lacks count all the same: near synonyms, other spellings."""
    groups = synonyms()
    ours = {group for one in left for group in groups.get(one, ())}
    theirs = {group for one in right for group in groups.get(one, ())}
    partly_left = {one: SYNONYM for one in left if not theirs.isdisjoint(groups.get(one, ()))}
    partly_right = {one: SYNONYM for one in right if not ours.isdisjoint(groups.get(one, ()))}
    spelt_left = [one for one in left if len(one) > 3 and not one[0].isdigit()]
    spelt_right = [one for one in right if len(one) > 3 and not one[0].isdigit()]
    if 0 < len(spelt_left) * len(spelt_right) <= CELLS:
        near = cdist(
            spelt_left, spelt_right, scorer=JaroWinkler.similarity, score_cutoff=SPELLING, dtype=np.float32
        )
        for partly, words, best in (
            (partly_left, spelt_left, near.max(axis=1)),
            (partly_right, spelt_right, near.max(axis=0)),
        ):
            for at in np.flatnonzero(best):
                partly[words[at]] = max(partly.get(words[at], 0.0), float(best[at]))
    return partly_left, partly_right


@cache
def synonyms() -> Mapping[str, tuple[int, ...]]:
    """Stem -> the groups of near synonyms that it is in."""
    found: dict[str, tuple[int, ...]] = {}
    text = files(__package__).joinpath("synonyms.txt").read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines()):
        for word in {stem(word) for word in line.split() if not line.startswith("#")}:
            found[word] = (*found.get(word, ()), number)
    return found
