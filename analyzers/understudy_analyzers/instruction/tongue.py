"""Whether a reply is in the language asked for."""

import re
from collections.abc import Mapping

from understudy_analyzers.language import LANGUAGES, detect, kin
from understudy_analyzers.language.detect import SHARED

LIKELY, CLEAR = 0.5, 0.8
"""Probability from which a text is in another language than one asked for, and than English, which a name or two in
capitals may not look like."""
HALF = 0.5
"""Share of a reply's letters that must be of the script asked for."""
MANY = 60
"""Words of a text of which one or the other is a small word of its language, if it is in any."""

_NAGARI: Mapping[str, frozenset[str]] = {
    code: frozenset(listed.split())
    for code, listed in {
        "hi": "है हैं की के में और से ने पर यह भी था थे थी लिए किया कर जो तो इस उस कि साथ हूँ रहा रही",
        "mr": "आहे आहेत आणि मध्ये हे ते व होते साठी मी आम्ही तुम्ही आपण नाही म्हणून पण किंवा असे असते केले जाते त्या जे आपल्या",
        "ne": "छ छन् र मा को लागि पनि यो गर्न भएको थियो हुन्छ तपाईं म गर्ने हो छैन हरू गरेर तथा वा यस",
    }.items()
}
"""Small words that part three languages of one script, each list without those that it shares."""
_LATIN = frozenset(SHARED["latin"])
_SWAHILI = frozenset(
    "na ya wa kwa ni katika la za kuwa hii yako kama au lakini sana wewe mimi huo hiyo vya cha ili je".split()
)
_ENGLISH = re.compile(
    r"\b(?:the|and|of|to|is|in|for|that|with|you|your|are|on|it|this|as|or|be|we|my|i|a|an)\b", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_][\w\u0900-\u097f]{0,40}")
_READ = 20_000


def spoken(text: str, wanted: str, least: float = LIKELY) -> str | None:
    """Why a text is not in the language `wanted` (ISO 639-1); None when it is, or does not say which it is in."""
    if wanted == "sw":
        return _swahili(text)
    told = detect(text)
    if told is None:
        return None
    nagari, latin = wanted in _NAGARI, wanted in _LATIN
    if told[0] == ("hi" if nagari else wanted):
        if told[1] < HALF and not latin:
            return f"more than half in another script than that of {wanted}"
        return _nagari(text, wanted) if nagari else None
    if wanted not in LANGUAGES and not nagari:
        return None
    if latin is (told[0] in _LATIN) and (told[1] < least or (kin(told[0], wanted) and told[1] < 0.95)):
        return None
    return f"in {told[0]}, {wanted} asked for"


def english(text: str) -> str | None:
    """Why a text is not English; None when it is, or is too short to tell."""
    if (fault := spoken(text, "en", CLEAR)) is not None:
        return fault
    if "{" in text or sum(1 for _ in _WORD.finditer(text[:_READ])) < MANY:
        return None
    return None if _ENGLISH.search(text[:_READ]) else "no English word in it"


def _nagari(text: str, wanted: str) -> str | None:
    """Broken when another language of the script has clearly more small words."""
    found = _WORD.findall(text[:_READ])
    counts = {code: sum(word in small for word in found) for code, small in _NAGARI.items()}
    best = max(counts, key=lambda code: counts[code])
    return f"in {best}, {wanted} asked for" if counts[best] > 2 * counts[wanted] + 2 else None


def _swahili(text: str) -> str | None:
    """Swahili is not among the languages told apart: its small words must be a sixth of all, English ones fewer."""
    found = _WORD.findall(text[:_READ])
    count = sum(word.lower() in _SWAHILI for word in found)
    other = sum(1 for _ in _ENGLISH.finditer(text[:_READ]))
    return "not in sw" if len(found) > 4 and (count * 10 < len(found) or other >= count) else None
