"""Sentiment: valences of words, turned by negation and scaled by intensifiers, as a share of the text.

English valences were fitted to the human ratings of the ICWSM 2014 snippets (Hutto & Gilbert; MIT) by
`eval/valence.py`, starting from a list of our own; other languages have that list alone. A negation turns what follows
it within a few words (in Japanese, Korean and Hindi what precedes it) into a weaker opposite.
"""

from collections.abc import Iterator
from pathlib import Path

from understudy_analyzers.judge import Found
from understudy_analyzers.tone import scale
from understudy_analyzers.tone.reading import Reading
from understudy_analyzers.tone.tokens import END

GAIN = 0.55
PRIOR = 10.0
LISTED = 15.0
"""Valence of a word that a list calls good; -15 of a bad one."""

TURNED, RAISED, LOWERED = -0.3, 1.3, 0.6
REACH = {"not": 4, "very": 2, "slightly": 2}
"""How many words a modifier reaches."""
_BEHIND = frozenset({"ja", "ko", "hi"})
_FACTOR = {"not": TURNED, "very": RAISED, "slightly": LOWERED}

Valences = dict[str, float]


def valences() -> Valences:
    """English word -> valence, as fitted."""
    path = Path(__file__).parent / "lists" / "valence.tsv"
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return {word: float(value) for word, value in rows}


def factors(reading: Reading) -> dict[int, float]:
    """Index of a word -> what negations and intensifiers around it make of its valence; 1 where absent."""
    found: dict[int, float] = {}
    words = reading.words
    for mark, start, after in reading.charged:
        if (factor := _FACTOR.get(mark)) is None:
            continue
        behind = mark == "not" and reading.language in _BEHIND
        reach = range(start - 1, -1, -1) if behind else range(after, len(words))
        for index in reach[: REACH[mark]]:
            if words[index] == END:
                break
            found[index] = found.get(index, 1.0) * factor
    return found


def charges(reading: Reading, valence: Valences) -> Iterator[tuple[int, float]]:
    """Index and valence, factors included, of every word that has one."""
    factor = factors(reading)
    if reading.language == "en":
        for index, word in enumerate(reading.words):
            if word in valence:
                yield index, valence[word] * factor.get(index, 1.0)
        return
    for mark, start, _ in reading.charged:
        if mark in ("good", "bad"):
            yield start, (LISTED if mark == "good" else -LISTED) * factor.get(start, 1.0)


_VALENCES = valences()


def of(reading: Reading) -> Found:
    """Valence a word, squashed; .5 = neutral."""
    charged = list(charges(reading, _VALENCES))
    amount = sum(value for _, value in charged) / (reading.size + PRIOR)
    strongest = sorted(charged, key=lambda one: (-abs(one[1]), one[0]))[:4]
    places = tuple((*reading.at[index], "good" if value > 0 else "bad") for index, value in sorted(strongest))
    return Found(scale.lean(GAIN * amount), places, f"valence {amount:+.2f}")
