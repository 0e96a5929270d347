"""A text read once: its words, and how often each mark of tone stands in it. Every dimension counts from this.

One pass over the words with a look-up each; nothing is searched twice, and nothing at all beyond the first
`READ` characters, because style shows itself early.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from understudy_analyzers.tone import lexicon, tokens

READ = 8_000
SHOWN = 8
"""Places kept of each mark, as evidence."""
_SIZE = {"zh": 0.6, "ja": 0.45, "ko": 0.45}
"""Words a character, where every character is read as one."""
_CHARGED = frozenset({"good", "bad", "not", "very", "slightly"})
_SHOUT = re.compile(r"[A-Z][A-Z']{1,20}(?:[ ,]{1,2}[A-Z][A-Z']{0,20}){2,8}")
"""Three or more words in capitals: one or two are a name or an acronym."""

Place = tuple[int, int]
"""Characters [start, end) of the text."""
Charge = tuple[str, int, int]
"""A mark that sentiment weighs, and the words [first, after) it is."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was counted in one text."""

    language: str
    words: list[str]
    """In lower case, contractions undone, `tokens.END` between sentences and at both ends."""
    at: list[Place]
    """Where each word stands."""
    size: float
    """Words, about as a person would count them."""
    sentences: int
    tally: Mapping[str, int]
    """Mark -> how often: the lists' sections, and `contraction`, `exclaim`, `insist` (??, ?!), `trail` (...),
    `question`, `face` (emoji), `shout` (words in capitals)."""
    places: Mapping[str, list[Place]]
    """Mark -> the first places it stands at."""
    charged: list[Charge]

    def count(self, *marks: str) -> int:
        """How often any of the marks stands in the text."""
        return sum(self.tally.get(mark, 0) for mark in marks)

    def evidence(self, *marks: str) -> tuple[tuple[int, int, str], ...]:
        """The first places of the marks, each labelled with its mark."""
        found = [(start, end, mark) for mark in marks for start, end in self.places.get(mark, ())]
        return tuple(sorted(found)[:SHOWN])


@dataclass(slots=True)
class _Tally:
    """Counts and places while a text is read."""

    counts: dict[str, int] = field(default_factory=dict)
    places: dict[str, list[Place]] = field(default_factory=dict)

    def add(self, mark: str, start: int, end: int, times: int = 1) -> None:
        if mark not in self.counts:
            self.counts[mark] = times
            self.places[mark] = [(start, end)]
            return
        self.counts[mark] += times
        if len(places := self.places[mark]) < SHOWN:
            places.append((start, end))


def read(text: str) -> Reading:
    """Read the first `READ` characters of a text."""
    text = text[:READ]
    low = tokens.fold(text)
    found = list(tokens.split(low))
    language = lexicon.language(token for token, _ in found)
    if language in lexicon.ELIDING and "'" in low:
        found = list(tokens.split(low.replace("'", " ")))
    tally = _Tally()
    words, at = _words(found, language == "en", tally)
    charged = _match(text, words, at, lexicon.LEXICONS[language], tally)
    for shout in _SHOUT.finditer(text):
        tally.add("shout", shout.start(), shout.end(), 1 + shout[0].count(" "))
    sentences = words.count(tokens.END) - 1
    size = (len(words) - sentences - 1) * _SIZE.get(language, 1.0)
    return Reading(language, words, at, size, sentences, tally.counts, tally.places, charged)


def _words(found: list[tuple[str, int]], english: bool, tally: _Tally) -> tuple[list[str], list[Place]]:
    """The words of the tokens and the place of each; what punctuation alone says is counted on the way."""
    words, at = [tokens.END], [(0, 0)]
    for token, start in found:
        end = start + len(token)
        first = token[0]
        if first.isalpha():
            if english and (pieces := tokens.undone(token)):
                tally.add("contraction", start, end)
                words += pieces
                at += [(start, end)] * len(pieces)
                continue
        elif first.isdigit():
            token = tokens.NUMBER
        elif tokens.ends(token):
            _ended(token, start, tally)
            if words[-1] == tokens.END:
                continue
            token = tokens.END
        elif tokens.face(token):
            tally.add("face", start, end)
        words.append(token)
        at.append((start, end))
    if words[-1] != tokens.END or len(words) == 1:
        words.append(tokens.END)
        at.append((at[-1][1], at[-1][1]))
    return words, at


def _ended(token: str, start: int, tally: _Tally) -> None:
    exclaims, asks = token.count("!") + token.count("\uff01"), token.count("?") + token.count("\uff1f")
    end = start + len(token)
    if exclaims:
        tally.add("exclaim", start, end, min(exclaims, 3))
    if asks:
        tally.add("question", start, end)
    if asks > 1 or (asks and exclaims):
        tally.add("insist", start, end)
    if "\u2026" in token or token.count(".") > 2:
        tally.add("trail", start, end)


def _match(
    text: str, words: list[str], at: list[Place], entries: lexicon.Lexicon, tally: _Tally
) -> list[Charge]:
    """Count the marks of every listed word and run of words; those that sentiment weighs are returned in order."""
    charged: list[Charge] = []
    until = 0
    for i, word in enumerate(words):
        if (listed := entries.get(word)) is None:
            continue
        for entry in listed:
            after = i + 1 + len(entry.rest)
            if entry.rest and words[i + 1 : after] != entry.rest:
                continue
            if entry.proper and (words[i - 1] == tokens.END or not text[at[i][0]].isupper()):
                continue
            for mark in entry.marks:
                if i >= until or (not entry.rest and mark in lexicon.INNER):
                    tally.add(mark, at[i][0], at[after - 1][1])
                    if mark in _CHARGED:
                        charged.append((mark, i, after))
            if entry.rest and word != tokens.END:
                # The end of a sentence is also the start of the next.
                until = max(until, after - (words[after - 1] == tokens.END))
            break
    return charged
