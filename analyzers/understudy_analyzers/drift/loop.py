"""Loops: a piece of text that comes again and again, anywhere in it, exactly or with a counter that changes.

Every stretch of a loop equals the text one period before it. The periods worth trying are the distances between
equal 12-grams, found by sorting their hashes; along each, the longest run of equal characters is the loop. That
is O(n log n) for any text, and exact: a loop is never guessed from statistics.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from operator import eq

import numpy as np
import numpy.typing as npt

from understudy_analyzers.language.script import codes

GRAM = 12
"""Characters that must be equal for a distance to be worth trying."""
LONGEST = 2_000
"""Characters of the longest period looked for."""
LOOPED = 48
"""Characters a loop must cover at least."""
NEAR = 1_000
"""Characters before a loop in which its piece may have stood already."""
PERIODS = 6
"""Distances tried, the most frequent first."""
COUNTED = 30
"""Letters in a piece that repeats but for its figures: what has fewer is a table, a list or a song of bottles."""

RULER = re.compile(r"^[\s\-=_*.#~|+:·•─━═─]*$")
_FIGURES = re.compile(r"\d+|(?<![^\W_])[A-Za-z](?=[.):])")


@dataclass(frozen=True, slots=True)
class Loop:
    """`text[start:end]` is one piece of `period` characters, over and over."""

    start: int
    """Where the piece stands for the first time."""
    end: int
    period: int

    @property
    def rounds(self) -> float:
        """How often the piece comes."""
        return (self.end - self.start) / self.period

    known: bool = False
    """It stood in the text before, with other marks around it, so that its first round here repeats it already."""

    @property
    def onset(self) -> int:
        """Where it comes for the second time: until there nothing was wrong."""
        return self.start if self.known else self.start + self.period


def loop(text: str, lenient: bool = False) -> Loop | None:
    """The longest loop of a text; None when nothing in it is one. `lenient`: code, data and verse repeat themselves."""
    best: Loop | None = None
    for found in _runs(text):
        if _counts(text, found, lenient) and (
            best is None or found.end - found.start > best.end - best.start
        ):
            best = found
    return None if best is None else _seen(text, best)


def _seen(text: str, found: Loop) -> Loop:
    """The same loop, `known` when its longest line without figures stood in the text just before it."""
    piece = text[found.start : found.start + found.period]
    core = max(_FIGURES.split(piece.strip()), key=len).strip(" \t\n.:;,()*-")
    before = text[max(0, found.start - NEAR) : found.start]
    return replace(found, known=len(core) >= GRAM and core in before)


def counted(text: str, least: int = 5) -> Loop | None:
    """A loop of `least` rounds in which figures count as equal ("Step 7: check it again."); None when there is none."""
    plain, marked = _FIGURES.subn("0", text)
    if marked < least - 1:
        return None
    runs = _runs(plain)
    if not runs:
        return None
    marks = [(found.start(), found.end()) for found in _FIGURES.finditer(text)]
    starts, shift = [], 0
    shifts = [0]
    for start, end in marks:
        starts.append(start - shift + 1)
        shift += end - start - 1
        shifts.append(shift)

    def original(at: int) -> int:
        return min(len(text), at + shifts[bisect_right(starts, at)])

    for found in runs:
        piece = plain[found.start : found.start + found.period]
        if (
            found.rounds >= least
            and "0" in piece
            and not any(sign in piece for sign in "|[{")
            and sum(map(str.isalpha, piece)) >= COUNTED
            and len(piece.split()) >= 6
        ):
            start, onset = original(found.start), original(found.start + found.period)
            return _seen(text, Loop(start, original(found.end), max(1, onset - start)))
    return None


def _counts(text: str, found: Loop, lenient: bool) -> bool:
    """Whether repetition so long is a loop rather than a ruler, a blank form, a row of a table, a refrain."""
    size = found.end - found.start
    piece = text[found.start : found.start + found.period]
    ends = found.end >= len(text.rstrip())
    if size < LOOPED or not piece.strip():
        return False
    if RULER.match(piece):
        return ends and size >= 400
    if not ends and ("|" in piece or sum(map(str.isalnum, piece)) < 0.3 * len(piece)):
        return False
    if lenient and sum(map(str.isalpha, piece)) < 18:
        return found.rounds >= (6 if ends else 12) and size >= (200 if ends else 400)
    return found.rounds >= 4 or (found.rounds >= 2.9 and sum(map(str.isalnum, piece)) >= 60)


def again(text: str) -> bool:
    """True when words come again in the same order often enough for a loop, or words are no measure of a text."""
    words = text.split()
    four = len(words) - 3 - len(set(zip(words, words[1:], words[2:], words[3:], strict=False)))
    return four >= 4 or sum(map(eq, words, words[1:])) >= 3 or max(map(len, words), default=0) >= LOOPED // 2


def _runs(text: str) -> list[Loop]:
    """The longest stretch that repeats at each of the most frequent distances."""
    size = len(text)
    if size < LOOPED or not again(text):
        return []
    seen = codes(text)
    found = []
    for period in _periods(seen):
        differs = np.flatnonzero(seen[period:] != seen[:-period])
        bounds = np.concatenate(([-1], differs, [size - period]))
        gaps = np.diff(bounds)
        at = int(gaps.argmax())
        length = int(gaps[at]) - 1
        if length >= max(2 * period - period // 8, 24):
            start = int(bounds[at]) + 1
            found.append(Loop(start, start + length + period, period))
    return found


def _periods(seen: npt.NDArray[np.uint32]) -> list[int]:
    """The most frequent distances from a 12-gram to where it last was."""
    hashed = seen.astype(np.uint64)
    width = 1
    with np.errstate(over="ignore"):
        while width * 2 <= GRAM:
            hashed = hashed[:-width] * np.uint64(0x9E3779B97F4A7C15 + 2 * width) + hashed[width:]
            width *= 2
        rest = GRAM - width
        hashed = hashed[:-rest] * np.uint64(0xBF58476D1CE4E5B9) + hashed[rest:]
    order = np.argsort(hashed, kind="stable")
    ordered = hashed[order]
    distances = np.diff(order)[ordered[1:] == ordered[:-1]]
    distances = distances[distances <= min(LONGEST, len(seen) // 2)]
    if len(distances) < 24:
        return []
    counts = np.bincount(distances)
    frequent = np.argsort(-counts, kind="stable")[:PERIODS]
    return [int(period) for period in frequent if counts[period] >= 12]
