"""Texts in their normal form: width, case, blanks and punctuation folded away."""

import re
import unicodedata
from operator import add

READ = 72_000
"""Characters of a text that are folded."""
WORDS = 6_000
"""Words of each text compared."""

_WORD = re.compile(r"[\w\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e]+")
"""Vowel signs are no letters to the pattern language, and yet part of a word."""
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_RUN = re.compile(
    r"[\u3040-\u309f]{1,400}|[\u3400-\u9fff]{1,400}|[\u30a0-\u30ff]{1,400}|[\uac00-\ud7af]{1,400}|[\u0e00-\u0e7f]{1,400}"
)
_NOT = re.compile(r"n['\u2019]t\b")


def folded(text: str) -> str:
    """A text in compatibility form (NFKC) and one case."""
    text = text[:READ]
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def words(text: str) -> list[str]:
    """The words of a text, case and width folded; characters where the script writes no spaces."""
    whole = folded(text)
    return _WORD.findall(whole if whole.isascii() else _WIDE.sub(r" \g<0> ", whole))[:WORDS]


def terms(text: str) -> list[str]:
    """Its words for what they mean: "isn't" is "is not", and scripts without spaces are read in characters."""
    whole = _NOT.sub(" not", folded(text)).replace("cannot", "can not")
    return _WORD.findall(whole if whole.isascii() else _RUN.sub(_pairs, whole))[:WORDS]


def _pairs(run: re.Match[str]) -> str:
    """Han characters mean something by themselves and more in pairs, Hiragana binds; the others spell."""
    characters = run.group()
    pairs = " ".join(map(add, characters, characters[1:]))
    if "\u3040" <= characters[0] < "\u30a0":
        return f" {' '.join(characters)} "
    if "\u3400" <= characters[0] <= "\u9fff":
        return f" {' '.join(characters)} {pairs} "
    return f" {pairs or characters} "


def blankless(text: str) -> str:
    """A text without its blanks: what two texts without any word are compared by."""
    return "".join(text[:READ].split())


def normal(text: str) -> str:
    """A text as its words alone: equal where two texts differ in case, width, blanks and punctuation only."""
    return " ".join(words(text))
