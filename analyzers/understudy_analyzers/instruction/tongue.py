"""Whether a reply is in the language asked for."""

import re
from collections.abc import Mapping

from understudy_analyzers.language import LANGUAGES, detect, kin

_SMALL: Mapping[str, str] = {
    "hi": "है हैं का के की में और से को ने पर यह भी था थे थी लिए",
    "mr": "आहे आहेत आणि च्या मध्ये हे ते या व तो ती होते साठी एक आम्ही मी तुम्ही",
    "ne": "छ छन् हो र मा को का लागि पनि यो गर्न भएको थियो हुन्छ तपाईं म गर्ने",
    "sw": "na ya wa kwa ni katika la za kuwa hii yako kama au lakini sana wewe mimi huo hiyo vya cha",
}
"""Small words that tell languages apart which the detector does not know, and Hindi from its kin."""
_WORD = re.compile(r"[^\W\d_][\w\u0900-\u097f]{0,40}")
_FEW = 40
"""Letters below which a text in the script of its language is not held to more."""


def spoken(text: str, wanted: str) -> str | None:
    """Why a text is not in the language `wanted` (ISO 639-1); None when it is, or does not say which it is in."""
    if wanted in ("mr", "ne", "sw") or (wanted == "hi" and "है" not in text):
        return _small(text, wanted)
    told = detect(text)
    if told is None or told[0] == wanted or wanted not in LANGUAGES:
        return None
    if kin(told[0], wanted) and len(text) < _FEW:
        return None
    return f"in {told[0]}, {wanted} asked for"


def _small(text: str, wanted: str) -> str | None:
    """By small words: the language asked for must have the most of them."""
    found = _WORD.findall(text[:20_000])
    counts = {code: sum(word.lower() in set_of for word in found) for code, set_of in _SETS.items()}
    best = max(counts, key=lambda code: counts[code])
    if wanted != "sw" and not any("\u0900" <= letter <= "\u097f" for letter in text[:2000]):
        return f"not in the script of {wanted}"
    if counts[best] == 0:
        return None if len(found) < 5 else f"not in {wanted}"
    return None if counts[wanted] == counts[best] else f"in {best}, {wanted} asked for"


_SETS = {code: frozenset(listed.split()) for code, listed in _SMALL.items()}
