"""Words of any script: what is counted, where each stands, and where sentences end.

A word is a run of letters; in Chinese, Japanese and Korean, which put no spaces where lists of words need them, every
character is one. The end of a sentence is the word ".", whatever mark or line break ended it, and every text begins
and ends with one: so a list of words can say "at the start of a sentence" and "at the end of one".
"""

import re
from collections.abc import Iterator
from functools import lru_cache

END = "."
NUMBER = "0"
"""Every number is this word."""

_LETTERS = (
    "a-z\u00aa\u00b5\u00ba\u00df-\u00f6\u00f8-\u0373\u0376-\u037d\u0386-\u052f\u0591-\u05c7\u05d0-\u05f2"
    "\u0620-\u0669\u066e-\u06d3\u0900-\u0963\u0970-\u10ff\u1e00-\u1fff"
)
_ENDS = ".!?\u2026\u3002\uff01\uff1f\uff61\u0964\u061f\u06d4"
_TOKEN = re.compile(
    rf"[{_LETTERS}]+(?:'[{_LETTERS}]+){{0,4}}"
    r"|[\u1100-\u11ff\u3005\u3040-\u30ff\u3131-\u318e\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]"
    r"|\d+(?:[.,]\d+){0,8}"
    # A full stop inside a name or a number ends nothing; bounded, or a run of dots would be read over and over.
    r"|[.!?\u2026]{1,40}+(?=[\s\"')\]*_]|$)|[\u3002\uff01\uff1f\uff61\u0964\u061f\u06d4]{1,40}|\n"
    r"|[:;=][-']?[()dp](?!\w)|[\u2600-\u27bf\u2b50\U0001f300-\U0001faff]"
)
_APART = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,200}`|https?://\S+", re.DOTALL)


def fold(text: str) -> str:
    """The text in lower case, of the same length, its code and addresses blanked: they have no tone."""
    if "`" in text or "://" in text:
        text = _APART.sub(lambda found: " " * len(found[0]), text)
    low = text.lower()
    if len(low) != len(text):
        low = "".join(lower if len(lower := c.lower()) == 1 else c for c in text)
    return low.replace("\u2019", "'")


def split(low: str) -> Iterator[tuple[str, int]]:
    """Every token of a folded text and where it starts: words, numbers, ends of sentences, faces."""
    for found in _TOKEN.finditer(low):
        yield found[0], found.start()


def ends(token: str) -> bool:
    """True of a token that ends a sentence."""
    return token[0] in _ENDS or token == "\n"


def face(token: str) -> bool:
    """True of an emoji or emoticon."""
    return token[0] in ":;=" or "\u2600" <= token[0] <= "\u2b50" or token[0] >= "\U0001f300"


def plain(text: str) -> list[str]:
    """The words of an entry of a list."""
    found = []
    for token, _ in split(fold(text)):
        found.append(END if ends(token) else NUMBER if token[0].isdigit() else token)
    return found


_AFTER = {"n't": "not", "'re": "are", "'ve": "have", "'ll": "will", "'m": "am", "'d": "would"}
_IS = frozenset("it that what he she there here who where how when this everything something".split())
_RUN = {
    "cannot": ("can", "not"),
    "can't": ("can", "not"),
    "won't": ("will", "not"),
    "shan't": ("shall", "not"),
    "ain't": ("is", "not"),
    "let's": ("let", "us"),
    "y'all": ("you", "all"),
    "cant": ("can", "not"),
    "dont": ("do", "not"),
    "doesnt": ("does", "not"),
    "didnt": ("did", "not"),
    "isnt": ("is", "not"),
    "wasnt": ("was", "not"),
    "havent": ("have", "not"),
    "couldnt": ("could", "not"),
    "wouldnt": ("would", "not"),
    "im": ("i", "am"),
    "ive": ("i", "have"),
    "youre": ("you", "are"),
    "thats": ("that", "is"),
}


@lru_cache(maxsize=4096)
def undone(word: str) -> tuple[str, ...]:
    """The words of an English contraction ("don't": do, not); none where it is no contraction."""
    if word in _RUN:
        return _RUN[word]
    for end, meant in _AFTER.items():
        if word.endswith(end) and len(word) > len(end):
            return word[: -len(end)], meant
    return (word[:-2], "is") if word.endswith("'s") and word[:-2] in _IS else ()
