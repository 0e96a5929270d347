"""Language: is a reply in the language it should be in, and legible?

Expected is the language the prompt asks for ("Translate to Spanish", "auf Deutsch"), else the prompt's own.
A reply in another language is wrong (1), one that passes into another language for a while is wrong in part (.5),
mojibake is no language at all (1). Text that says little about its language does not apply: code, JSON, tables
of numbers, a few letters. When in doubt nothing is wrong.
"""

import re
from collections.abc import Sequence
from itertools import islice

from understudy.pair import Pair
from understudy.score import Metric, Score, Sense

from understudy_analyzers import judge, structure
from understudy_analyzers.expectation import Structure, expect, window
from understudy_analyzers.language.detect import LANGUAGES, SURE, detect, kin, letters, prepare
from understudy_analyzers.language.mojibake import mojibake
from understudy_analyzers.language.names import about, asked
from understudy_analyzers.language.passage import Passage, foreign

__all__ = [
    "LANGUAGES", "SURE", "Language", "Passage", "about", "asked", "detect", "foreign", "kin", "letters", "mojibake",
    "prepare",
]  # fmt: skip

ENOUGH = 20
"""Letters from which a reply's language can be wrong."""

_HOW = re.compile(
    r"\bhow (?:do|would|can|does) (?:you|i|one|we)\b|\bcómo se dice\b|\bcomment dit-on\b|\bwie sagt man\b",
    re.I,
)


_PIECE = re.compile(r"[\"“«„「]([^\"”»“」\n]{1,400})[\"”»“」]|^([^\n]{12,2000})$", re.MULTILINE)


class Language:
    """Whether each leg's reply is in another language than the one expected."""

    name = "language"
    version = "2"
    metrics = (
        Metric(
            "wrong_language",
            Sense.BAD,
            "the reply is in another language than asked for, in part (.5) or whole",
            prefix_safe=True,
        ),
    )

    def score(self, pair: Pair) -> Sequence[Score]:
        """One score when the expected language is known and a reply is long enough to tell.

        Without a prompt (the wire carries token ids) the language that most of a reply is in counts as expected.
        """
        prompt = pair.request.text
        if not prompt.strip():
            found = judge.each(judge.texts(pair), lambda text: read(text, (), ""))
            return (judge.score(self.name, self.version, self.metrics[0], found),) if found else ()
        if expect(prompt).structure in (Structure.JSON, Structure.CODE, Structure.CSV, Structure.CHOICE):
            return ()
        wanted = asked(prompt)
        own = detect(prompt) if wanted is None or _HOW.search(window(prompt)) else None
        if wanted is None:
            if own is None or own[1] < SURE:
                return ()
            wanted = own[0]
        if wanted not in LANGUAGES:
            return ()
        # "How do you say ... in French?" may be answered in French or about French.
        allowed = (wanted, own[0]) if own else (wanted,)
        found = judge.each(judge.texts(pair), lambda text: read(text, allowed, prompt))
        return (judge.score(self.name, self.version, self.metrics[0], found),) if found else ()


def read(text: str, allowed: Sequence[str], prompt: str) -> judge.Found | None:
    """Judge one reply that should be in one of the languages `allowed`; None when it does not say its language.

    A passage in another language is no fault when the prompt is about languages, or names that one.
    """
    if structure.looks_json(text) or structure.looks_python(text):
        return None
    seen = judge.view(text)
    if (garbled := mojibake(seen.text)) is not None and mojibake(prompt) is None:
        start = seen.original(garbled[0])
        return judge.Found(1.0, ((start, len(text), "mojibake"),), f"mojibake: {garbled[1]!r}")
    if (told := detect(text)) is None:
        return None
    code, probability = told
    allowed = allowed or (code,)
    note = f"{code} ({probability:.2f}), expected {allowed[0]}"
    if probability >= SURE and not any(kin(code, one) for one in allowed):
        if letters(prepare(text)) < ENOUGH:
            return None
        if not excused(seen.text, code, allowed[0], prompt):
            return judge.Found(1.0, ((0, len(text), code),), note)
        return judge.Found(0.0, (), note)
    passage = foreign(seen.text, allowed[0])
    if passage is not None and not about(prompt, passage.language) and not speaks(prompt, passage.language):
        start, end = seen.original(passage.start), seen.original(passage.end)
        note = f"{passage.language} from character {start} ({start / len(text):.0%}), expected {allowed[0]}"
        return judge.Found(0.5, ((start, end, passage.language),), note)
    return judge.Found(0.0, (), note)


def speaks(prompt: str, code: str) -> bool:
    """True when a prompt asks in language `code` for an answer in another: it may be spoken of in the former."""
    return asked(prompt) is not None and (own := detect(prompt)) is not None and own[0] == code


def excused(text: str, code: str, wanted: str, prompt: str) -> bool:
    """True when a reply in language `code` may be right although `wanted` was expected.

    Nothing was asked for, and the prompt is about languages or names this one; or a translation was asked for, and
    the reply speaks of it in the prompt's language, with the translation in quotation marks or lines of its own.
    """
    if asked(prompt) is None:
        return about(prompt, code)
    if not speaks(prompt, code):
        return False
    pieces = (piece for found in _PIECE.finditer(text[:8_000]) if (piece := found.group(1) or found.group(2)))
    return any(
        kin(told[0], wanted) for piece in islice(pieces, 40) if (told := detect(piece)) and told[1] >= SURE
    )
