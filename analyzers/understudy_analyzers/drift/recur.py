"""Sentences that keep coming back with others in between, words that stammer, text that compresses as loops do."""

# ruff: noqa: RUF001 - the letters are meant

import re
import zlib
from collections import Counter
from operator import eq

from understudy_analyzers.drift.loop import RULER

ROUNDS = 4
"""Times a sentence must come to keep coming back."""
SENTENCE = 24
"""Characters from which a sentence or line that comes back counts."""
LONGEST = 600
"""Characters of the longest sentence or line that is looked at."""
DENSE = 0.055
"""zlib ratio below which 2,000 characters and more are a loop whatever it looks like."""
WINDOW = 2_000
"""Bytes compressed at a time to find where dense text begins."""

_WORD = re.compile(r"[^\W\d_]+")
_GAP = re.compile(r"[\s,;.!?*\"-]{1,4}(?:\d{1,4}[.)]\s{1,3})?")
_END = re.compile(r"[.!?\n。！？]")


def recurring(text: str) -> tuple[int, str] | None:
    """A sentence that keeps coming back: (where it comes the second time, the sentence); None when none does."""
    if len(text) < 4 * SENTENCE:
        return None
    ends = [found.end() for found in _END.finditer(text)]
    units = [
        (start, " ".join(text[start:end].lower().split()))
        for start, end in zip([0, *ends], ends, strict=False)
        if SENTENCE <= end - start <= LONGEST
    ]
    counts = Counter(unit for _, unit in units if len(unit) >= SENTENCE)
    if not counts:
        return None
    unit, times = counts.most_common(1)[0]
    if times < ROUNDS or RULER.match(unit) or any(sign in unit for sign in "|[]{}_"):
        return None
    again = {one: n for one, n in counts.items() if n >= ROUNDS}
    places = [start for start, one in units if one in again]
    repeated = sum(len(one) * (n - 1) for one, n in again.items())
    # Where it keeps coming back, hardly anything else may be said, however long the text around it is.
    if repeated < max(0.6 * (places[-1] - places[0]), 4 * SENTENCE):
        return None
    second = [start for start, one in units if one == unit][1]
    return second, unit


def stammer(text: str) -> tuple[int, str] | None:
    """The same word many times in a row anywhere: (start, word)."""
    words = text.split()
    if sum(map(eq, words, words[1:])) < 4:
        return None
    last, run, start, end = "", 0, 0, 0
    for found in _WORD.finditer(text):
        word = found.group()
        if word == last and _GAP.fullmatch(text, end, found.start()):
            run += 1
            if run >= 8:
                return start, word
        else:
            last, run, start = word, 1, found.start()
        end = found.end()
    return None


def density(text: str) -> float:
    """Compressed by whole size (zlib) of a text's last 20,000 characters, 1 for one that is too short to say."""
    raw = text[-20_000:].encode("utf-8", "replace")
    return len(zlib.compress(raw, 6)) / len(raw) if len(raw) >= WINDOW else 1.0


def dense(text: str) -> tuple[int, str] | None:
    """Where a text begins to compress as only a loop does; counting in words stays above twice the limit."""
    if density(text) >= DENSE:
        return None
    for start in range(0, min(len(text), 100_000), WINDOW // 2):
        raw = text[start : start + WINDOW].encode("utf-8", "replace")
        if raw and len(zlib.compress(raw, 6)) < 3 * DENSE * len(raw):
            return start, ""
    return 0, ""
