"""The answer of a reply: the number that it marks as its result, else the one that its last sentence comes to.

Marks, strongest first: a LaTeX box, four hashes, "the answer is" in twelve languages or a line "A: ...", bold
type at the end. Without a mark the last sentence that has numbers is read; what the prompt had given already
("to drive the 300 miles") and what only says when or how often ("in 3 days") gives way to what is left.
"""

# ruff: noqa: E501, RUF001 - word lists read better unbroken, and their letters are meant

import re
from dataclasses import dataclass
from decimal import Decimal, DivisionByZero, InvalidOperation
from functools import lru_cache
from itertools import pairwise

from understudy_analyzers.judge import thought
from understudy_analyzers.numbers.digits import fold
from understudy_analyzers.numbers.latex import boxed, plain
from understudy_analyzers.numbers.numeral import Numeral, numerals
from understudy_analyzers.numbers.words import spoken

READ = 20_000
"""Characters of a reply that are searched, from its end: answers stand last."""
CLOSING = 600
"""Characters from the end in which bold type marks an answer."""
BARE = 40
"""Characters up to which a reply may be nothing but a number."""
PHRASE = 120
"""Characters of a marked phrase."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The number a reply comes to: its value, its place in the reply, and what marks it."""

    value: Decimal
    start: int
    end: int
    mark: str
    """boxed, hashes, said, bare (the reply is nothing else), bold, or last: no mark at all."""

    @property
    def stated(self) -> bool:
        """True when the reply itself says that this is its answer."""
        return self.mark in ("boxed", "hashes", "said", "bare")


_NOUNS = {
    "answer": "en", "ans.": "en", "solution": "en", "respuesta": "es", "solución": "es", "resultado final": "es",
    "réponse": "fr", "antwort": "de", "lösung": "de", "ergebnis": "de", "resposta": "pt", "solução": "pt",
    "risposta": "it", "soluzione": "it", "risultato finale": "it", "ответ": "ru", "答案": "zh", "答": "zh", "答え": "ja", "正解": "ja",
    "回答": "ja", "정답": "ko", "답": "ko", "الإجابة": "ar", "الاجابة": "ar", "الجواب": "ar", "إجابة": "ar", "उत्तर": "hi", "जवाब": "hi",
}  # fmt: skip
"""What an answer is called, and in which language."""
_IS = re.compile(
    r"[^\d\n.!?。！？:=]{0,48}?"
    r"(?:(?<![^\W\d_])(?:is|be|was|are|equals?|es|sería|será|est|serait|ist|lautet|beträgt|wäre|é|seria|è|sarebbe|sarà|равен|равна|равно|будет|"
    r"составляет|هي|هو|है|होगा)(?![^\W\d_])|[:=—–→]|-(?= )|是|为|為|等于|は|が|은|는)",
    re.IGNORECASE,
)
_HINDI = re.compile(r"[ *:]{0,4}(?=[$₹]? ?[0-9])")
"""In Hindi the verb comes last: "the answer 12 is"."""
_DIGIT = re.compile("[0-9]")
_STOP = re.compile(r"[.!?](?=\s|$|\*)|[。！？\n]")
_LEAD = re.compile(r"[\s*_:=$\\(\[{]{0,12}")
_EQUALS = re.compile(r"[=≈⇒→](?=[^=]{0,60}[0-9])")
_COLON = re.compile(r":(?=[\s*][^0-9]{0,60}[0-9])")
_HASHES = re.compile(r"####\s{0,8}((?:(?:final )?answer:? ?)?[^0-9\n]{0,24}[0-9][^\n]{0,60})", re.IGNORECASE)
_HEADING = re.compile(
    r"\s*(?:\*\*)?(?:step|part|day|question|problem|case|section|phase|[0-9]{1,2}[.)]\s)", re.IGNORECASE
)
_BOLD = re.compile(r"(?:\*\*|__)([^*\n]{1,100})(?:\*\*|__)(?!\s{0,2}:)")
_LABEL = re.compile(
    r"(?:step|part|day|question|problem|case|section|phase|option|equation|figure|table|page|no\.|#)\s?$",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"(?:\b(?:to \w{2,12}|pace of|speed of|rate of|with|in|after|for|over|every|per|within|from|by|than|on|at|to|when|if|between|each of|of the|of his|of her|of their|of its|of these|"
    r"all|for each of|en|después de|durante|cada|por|dans|après|pendant|pour|chaque|nach|für|in den|pro|alle|em|depois de|dopo|ogni|per)"
    r"(?: the| his| her| their| all| first| last| next| other)?)\s$",
    re.IGNORECASE,
)
_COURTESY = re.compile(
    r"\b(?:let me know|hope (?:this|that)|feel free|if you (?:have|need|want)|would you like)\b",
    re.IGNORECASE,
)
_FRACTION = re.compile(r" ?[/⁄] ?([0-9]{1,6})(?![0-9/])")
_MIXED = re.compile(r" ([0-9]{1,4})[/⁄]([0-9]{1,4})(?![0-9/])")
_ASKED = re.compile(
    r"\bhow (?:many|much)\b|\bwhat (?:is|was|are|will be|would be) (?:the |his |her |their )?(?:\w+ ){0,2}(?:total|number|amount|sum|average|mean|"
    r"product|ratio|percentage|probability|price|cost|profit|value|area|perimeter|volume|speed|distance|age)\b|"
    r"\b(?:calculate|compute|evaluate|find) (?:the|what|how|its)\b|\bcuánt[oa]s?\b|\bcombien\b|\bwie ?viele?\b|\bquant[oaie]s?\b|"
    r"多少|几[个個]|何[個人円本枚匹冊回歳]|いくつ|いくら|몇|얼마|\bсколько\b|كم |कितन",
    re.IGNORECASE,
)


# The texts of one pair: agreement on the task and agreement on numbers both ask.
@lru_cache(maxsize=8)
def answer(text: str, prompt: str = "") -> Answer | None:
    """The answer of a reply to a prompt; None when there is no number in it."""
    offset = thought(text, max(0, len(text) - READ))
    tail = fold(text[offset:])
    for read in (_bare, _boxed, _hashes, _said, _bold, _last):
        if (found := read(tail, prompt)) is not None:
            return Answer(found.value, found.start + offset, found.end + offset, found.mark)
    return None


def stated(text: str) -> Decimal | None:
    """The answer that the text itself marks as such: four hashes, a LaTeX box, "the answer is"."""
    found = answer(text)
    return found.value if found is not None and found.stated else None


def final(text: str, prompt: str = "") -> Decimal | None:
    """The value of the answer, marked or not; None when the text has no number."""
    found = answer(text, prompt)
    return None if found is None else found.value


def asked(prompt: str) -> bool:
    """True when the end of a prompt asks for a number."""
    return _ASKED.search(prompt[-600:]) is not None


def _bare(tail: str, prompt: str) -> Answer | None:
    if len(tail) > BARE or any(map(str.isalpha, tail)):
        return None
    found = numerals(tail, most=2)
    return Answer(found[0].value, found[0].start, found[0].end, "bare") if len(found) == 1 else None


def _boxed(tail: str, prompt: str) -> Answer | None:
    if (place := boxed(tail)) is None:
        return None
    return _read(tail[slice(*place)], place[0], "boxed")


def _hashes(tail: str, prompt: str) -> Answer | None:
    # Four hashes are a Markdown heading as well: "#### Step 3", "#### 2. Multiply".
    if "####" in tail:
        for found in reversed(list(_HASHES.finditer(tail))):
            if not _HEADING.match(found.group(1)):
                return _read(found.group(1), found.start(1), "hashes")
    return None


def _said(tail: str, prompt: str) -> Answer | None:
    low = tail.lower()
    if len(low) != len(tail):
        low = tail
    places = {
        (at + len(noun), language) for noun, language in _NOUNS.items() for at in _last_places(low, noun)
    }
    if (at := max(low.rfind("\na:"), 0 if low.startswith("a:") else -1)) >= 0 and "\nb:" not in low[at:]:
        places.add((low.index("a:", at) + 1, "en"))
    for at, language in sorted(places, reverse=True):
        after = _IS.match(tail, at) or (_HINDI.match(tail, at) if language == "hi" else None)
        if after is None:
            continue
        start = _LEAD.match(tail, after.end()).end()  # type: ignore[union-attr]
        # The lead may hold a box's or a currency's mark, which say nothing here.
        phrase = tail[start : start + PHRASE]
        if (stop := _STOP.search(phrase)) is not None:
            phrase = phrase[: stop.start()]
        if (found := _read(phrase, start, "said", language)) is not None:
            return found
    return None


def _last_places(low: str, noun: str, most: int = 3) -> list[int]:
    """Where a noun stands, last first; within a longer word of an alphabet it does not count."""
    places: list[int] = []
    at = low.rfind(noun)
    while at >= 0 and len(places) < most:
        before, after = low[at - 1 : at], low[at + len(noun) : at + len(noun) + 2]
        inside = before.isalpha() and before < "\u0530"
        if not inside and not (
            noun.isascii() and after[:1].isalpha() and not (after[0] == "s" and not after[1:].isalpha())
        ):
            places.append(at)
        at = low.rfind(noun, 0, at)
    return places


def _bold(tail: str, prompt: str) -> Answer | None:
    start = tail.rfind("\n", 0, max(0, len(tail) - CLOSING)) + 1
    if "**" not in tail[start:] and "__" not in tail[start:]:
        return None
    for found in reversed(list(_BOLD.finditer(tail, start))):
        inner = found.group(1)
        if inner.rstrip().endswith(":") or _HEADING.match(inner):
            continue
        if (one := _read(inner, found.start(1), "bold")) is not None:
            # Numbers in a later paragraph say that this one was no conclusion.
            after = tail[found.end() :]
            later = after.partition("\n\n")[2]
            return None if numerals(later, most=1) else one
    return None


def _last(tail: str, prompt: str) -> Answer | None:
    end = len(tail)
    for start, stop in _sentences(tail):
        if _DIGIT.search(tail, start, stop) and not _COURTESY.search(tail, start, stop):
            return _read(tail[start:stop], start, "last", prompt=prompt)
        end = start
    if end == 0 and len(tail) <= PHRASE and (number := spoken(tail, "en")) is not None:
        return Answer(number, 0, len(tail), "last")
    return None


def _sentences(tail: str) -> list[tuple[int, int]]:
    """The places of the last sentences and lines, last first."""
    window = max(0, len(tail) - 4_000)
    stops = [found.end() for found in _STOP.finditer(tail, window)]
    edges = [window if window else 0, *stops, len(tail)]
    return [(one, other) for one, other in pairwise(edges) if other > one][::-1]


def _read(phrase: str, offset: int, mark: str, language: str = "en", prompt: str = "") -> Answer | None:
    """The number that a phrase comes to: behind its last equals sign or colon, and no aside."""
    text = plain(phrase)
    comma = language not in ("en", "zh", "ja", "ko", "hi", "ar") or None
    for pattern in (_EQUALS, _COLON):
        found = list(pattern.finditer(text))
        if found and (one := _one(text, found[-1].end(), comma, mark, prompt)) is not None:
            return _placed(one, text, phrase, offset, mark)
    if (one := _one(text, 0, comma, mark, prompt)) is not None:
        return _placed(one, text, phrase, offset, mark)
    if mark != "last" and (number := spoken(text, language)) is not None:
        return Answer(number, offset, offset + len(phrase), mark)
    return None


def _one(text: str, start: int, comma: bool | None, mark: str, prompt: str) -> Numeral | None:
    found = _fractions(text, [one for one in numerals(text, comma) if one.start >= start])
    found = [one for one in found if not _LABEL.search(text, max(0, one.start - 12), one.start)] or found
    if len(found) > 1:
        if mark == "last" and prompt:
            given = _given(prompt)
            found = [one for one in found if one.value not in given] or found
        found = [one for one in found if not _ASIDE.search(text, max(0, one.start - 24), one.start)] or found
    if not found:
        return None
    # A sentence ends with what it comes to; a marked phrase, and what stands behind an equals sign, begins with it.
    return found[-1] if mark == "last" and not start else found[0]


def _fractions(text: str, found: list[Numeral]) -> list[Numeral]:
    """The numerals with fractions as one: "1/2", "2 3/4"."""
    if "/" not in text and "⁄" not in text:
        return found
    whole: list[Numeral] = []
    for one in found:
        if not whole or one.start >= whole[-1].end:
            whole.append(_whole(text, one))
    return whole


def _whole(text: str, one: Numeral) -> Numeral:
    """The numeral with the fraction that it is part of."""
    try:
        if (mixed := _MIXED.match(text, one.end)) is not None:
            part = Decimal(mixed.group(1)) / Decimal(mixed.group(2))
            return Numeral(one.value + part.copy_sign(one.value), one.start, mixed.end())
        if (over := _FRACTION.match(text, one.end)) is not None and text[one.start - 1 : one.start] != "/":
            return Numeral(one.value / Decimal(over.group(1)), one.start, over.end())
    except (DivisionByZero, InvalidOperation):
        pass
    return one


def _placed(one: Numeral, text: str, phrase: str, offset: int, mark: str) -> Answer:
    """Where markup was taken out, the place is that of the whole phrase."""
    if text == phrase:
        return Answer(one.value, offset + one.start, offset + one.end, mark)
    return Answer(one.value, offset, offset + len(phrase), mark)


@lru_cache(maxsize=64)
def _given(prompt: str) -> frozenset[Decimal]:
    return frozenset(one.value for one in numerals(prompt[-4_000:], most=200))
