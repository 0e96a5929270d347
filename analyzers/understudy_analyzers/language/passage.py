"""A passage in another language than the rest of a text: where it starts, where it ends, and in which language.

Every word speaks for or against: in the other language's script or one of its small words alone, for; in the
home language's, against. The passage is the run of words with the largest sum (Kadane's algorithm), so a single
quotation or name does not reach the least sum, and the place is right to a word. The detector has the last word.
"""

# ruff: noqa: RUF001 - the letters are meant

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from understudy_analyzers.language import script
from understudy_analyzers.language.detect import ALONE, SHARED, kin, tell
from understudy_analyzers.language.words import WORDS, small

LEAST = 4.0
"""Sum from which a run of words may be a passage: a dozen words of prose."""
CERTAIN = 0.98
"""Probability that the detector must give to its language."""
VARIED = 3
"""Distinct words that must speak for a passage."""
SHORTEST = 50
"""Letters (an ideograph counts three) of the shortest passage."""
CHUNK = 16
"""Words looked at together for signs of another language."""
BACK = 8
"""Words of no language in particular that may stand between the start of a clause and its first small word."""
LETTERS = 5
"""Letters of another script that weigh as much as a small word."""
RESTED = 0.15
"""Share of a passage's words that must speak for it."""

_SMALL = re.compile(r"[^\W\d_]{2,}|[aeiouyàáèéìíòóùú]")
"""Words whose language is looked up: lone consonants are notes, grades and initials."""
_RUN = re.compile(r"[^\W\d_][^\W_]*")
_CLAUSE = re.compile(r"[.!?:;\n。！？]")


@dataclass(frozen=True, slots=True)
class Passage:
    """Characters [start, end) of a text are in another language."""

    start: int
    end: int
    language: str


@lru_cache(maxsize=64)
def foreign(text: str, home: str) -> Passage | None:
    """The longest passage of a text in another language than `home` (ISO 639-1); None when there is none."""
    counts = script.letters(text)
    ours = next((name for name, codes in SHARED.items() if home in codes), None) or next(
        (name for name, code in ALONE.items() if code == home), "latin"
    )
    best = max(
        (name for name in counts if name != ours and not (home == "ja" and name in ("han", "kana", "latin"))),
        key=lambda name: counts[name],
        default=None,
    )
    if best is not None and counts[best] >= LEAST * LETTERS and (found := _script(text, best, home)):
        return found
    return _words(text, home) if ours in SHARED else None


def _script(text: str, name: str, home: str) -> Passage | None:
    """A passage in another script."""
    number = script.NAMES.index(name)
    # Japanese is written in two: a passage of it is one run, not two that interrupt each other.
    also = {number, *(script.NAMES.index(one) for one in ("han", "kana") if name in ("han", "kana"))}
    if home in ("zh", "ja"):
        also = {number}
    seen = script.scripts(text)
    weights = []
    for word in _RUN.finditer(text):
        of = int(seen[word.start()])
        if not of:
            continue
        size = (word.end() - word.start()) * int(script.WEIGHT[of])
        weights.append((word.start(), word.end(), (1 if of in also else -1) * min(3.0, size / LETTERS)))
    return _heaviest(text, weights, home)


def _words(text: str, home: str) -> Passage | None:
    """A passage in a language of the same script, seen by its small words."""
    candidates = _candidates(_SMALL.findall(text.lower()), home)
    if not candidates:
        return None
    words = [
        (found.start(), found.end(), WORDS.get(found.group().lower(), ())) for found in _SMALL.finditer(text)
    ]
    best: Passage | None = None
    for code in candidates:
        weights = [
            (start, end, 0.0 if (code in codes) == (home in codes) else 1.0 if code in codes else -1.0)
            for start, end, codes in words
        ]
        found = _heaviest(text, weights, home, VARIED)
        if found and (best is None or found.end - found.start > best.end - best.start):
            best = found
    return best


def _candidates(words: Sequence[str], home: str) -> list[str]:
    """Languages whose small words outnumber the home language's somewhere, the clearest three first."""
    clearest: Counter[str] = Counter()
    own = small(home)
    for at in range(0, len(words), CHUNK):
        chunk = words[at : at + CHUNK]
        ours = sum(map(own.__contains__, chunk))
        if ours > CHUNK // 4:
            continue
        theirs = Counter(code for word in chunk if word not in own for code in WORDS.get(word, ()))
        for code, count in theirs.items():
            if count >= 3 and count > ours and not kin(code, home):
                clearest[code] = max(clearest[code], count - ours)
    return [code for code, _ in clearest.most_common(3)]


def _heaviest(text: str, weights: list[tuple[int, int, float]], home: str, varied: int = 1) -> Passage | None:
    """The run of words with the largest sum, if that is large enough and the detector agrees.

    `varied` of them must differ: one word over and over is an abbreviation, a column of a table, a note.
    """
    total, first, best, span = 0.0, 0, 0.0, (0, 0)
    for at, (_, _, weight) in enumerate(weights):
        if total <= 0:
            total, first = 0.0, at
        total += weight
        if total > best:
            best, span = total, (first, at)
    if best < LEAST or best < RESTED * (span[1] - span[0] + 1):
        return None
    run = weights[span[0] : span[1] + 1]
    if len({text[start:end].lower() for start, end, weight in run if weight > 0}) < varied:
        return None
    start, end = _clause(text, weights, span[0]), weights[span[1]][1]
    # French sets a blank within its quotation marks.
    if text[max(0, start - 4) : start].rstrip()[-1:] in tuple('"“«„「'):
        return None
    sample = " ".join(text[start : min(end, start + 400)].split())
    told = tell(sample)
    if (
        told is None
        or told[1] < CERTAIN
        or kin(told[0], home)
        or sum(script.letters(sample).values()) < SHORTEST
    ):
        return None
    return Passage(start, end, told[0])


def _clause(text: str, weights: list[tuple[int, int, float]], at: int) -> int:
    """Where the clause of word `at` starts, when only words of no language in particular stand before it there."""
    for k in range(at, max(0, at - BACK), -1):
        if _CLAUSE.search(text, weights[k - 1][1], weights[k][0]):
            return weights[k][0]
        if weights[k - 1][2]:
            break
    return weights[at][0]
