"""The case asked for of all of a reply: `in all capital letters`, `no capital letters are allowed`."""

# ruff: noqa: E501, RUF001 - patterns read better unbroken, and curly quotes are meant

import re
from collections.abc import Iterator

from understudy_analyzers.instruction import capitals
from understudy_analyzers.instruction.grammar import NO, denied
from understudy_analyzers.instruction.kind import Kind
from understudy_analyzers.instruction.prompt import Prompt
from understudy_analyzers.instruction.verdict import Instruction

_CAPITAL = (
    r"(?:capital(?: letters?| characters?)|capitals\b|caps\b|upper-? ?case(?:d)?(?: letters?| characters?)?)"
)
_SMALL = r"(?:lower-? ?case(?:d)?(?: letters?| characters?)?|small letters)"
_BARRED = r"(?:(?:is|are) (?:strictly )?(?:not|forbidden|prohibited|banned|off)|(?:should|must|may|can|shall|will|do|does)(?: not|n['’]t| never)|cannot|never)\b"
_REPLY = r"(?:response|output|answer|reply|text|message|essay|story|poem|letter|email)"


def _patterns(wanted: str, other: str, verb: str) -> tuple[re.Pattern[str], ...]:
    """How one case is asked for: by its name, or by barring the other."""
    return tuple(
        re.compile(pattern, re.IGNORECASE)
        for pattern in (
            rf"\b(?:in|with|using) (?:english,? (?:and )?)?(?:in )?(?:all[- ]|only |just |entirely |exclusively )?(?:of )?(?:english )?{wanted}",
            rf"\ball (?:in )?(?:the )?{wanted}",
            rf"\b(?:only|exclusively|solely|just|nothing but) (?:use |using |in |be in |contain |with )?(?:english )?{wanted}",
            rf"\buse (?:only |all |just |solely |exclusively )?{wanted}",
            rf"\b{wanted} (?:only|throughout|exclusively)\b",
            rf"\ball (?:of )?(?:the |your )?letters (?:[a-z]+ ){{0,6}}?(?:{verb}|{wanted})",
            rf"\b(?:every|each) (?:single )?(?:letter|word|character)\b (?:[a-z]+ ){{0,6}}?(?:{verb}|{wanted}|a capital)",
            rf"\b(?:everything|(?:entire|whole|full|complete|your|the) {_REPLY}) (?:[a-z]+ ){{0,3}}?(?:must|should|has to|needs to|is to) be (?:entirely |all |completely |fully )?(?:in )?(?:{verb}|{wanted})",
            rf"\bit (?:must|should|has to|needs to) be (?:entirely |all |completely |fully )?(?:in )?{wanted}",
            rf"\b{other} {_BARRED}",
            rf"{NO}(?: [a-z]+){{0,4}} {other}(?! (?:words?|to)\b)",
        )
    )


_UPPERS = (
    *_patterns(_CAPITAL, _SMALL, r"capitali[sz]ed|upper-?cased"),
    *(
        re.compile(pattern, re.IGNORECASE)
        for pattern in (
            r"\ball[- ]caps\b",
            r"\bcaps lock\b",
            r"\b(?:capitali[sz]e|uppercase) (?:all|every|each)(?: of)?(?: your| the| single)? (?:letters?|words?|characters?)\b(?! of)",
        )
    ),
)
_LOWERS = (
    *_patterns(_SMALL, _CAPITAL, r"lower-?cased"),
    *(
        re.compile(pattern, re.IGNORECASE)
        for pattern in (
            r"\bno (?:capitali[sz]ation|capitals|upper-? ?case)\b",
            rf"{NO}(?: [a-z]+){{0,2}} (?:capitali[sz]ed letters|capitali[sz]ations?|capitali[sz]ing|capitali[sz]e (?:any|anything|a |words|letters))",
            r"\b(?:not|without) (?:even )?(?:a|one) single (?:capital|upper-? ?case|letter (?:[a-z]+ ){0,5}capitali[sz]ed)",
        )
    ),
)
_MATTER = re.compile(
    r"\b(?:password|variable|function|python|string|regex|column|convert\w* (?:a|the|this)|identifier|code|program|method|title case|"
    r"first letter|names? (?:of|in) (?:the )?(?:file|column)|acronym|sort\w*)\b",
    re.IGNORECASE,
)
"""Where case is what a prompt is about."""
_PART_BEFORE = re.compile(
    r"(?<!every )(?<!each )(?<!single )\b(?:words?|some|few|phrases?|names?|titles?|headings?|sections?|terms?|line|keywords?|subject|each (?:line|section|paragraph)|sentences?) "
    r"(?:(?!and |or )[a-z]+ ){0,4}$",
    re.IGNORECASE,
)
_PART_AFTER = re.compile(
    r"[ -]?(?:words?|names?|titles?|abbreviation|headings?|for (?:the|each|all|every|at least|more|less) (?:title|name|heading|word|key|\w+))\b",
    re.IGNORECASE,
)
"""Where it is asked for of a part."""


def case(prompt: Prompt) -> Iterator[Instruction]:
    """The case of all of the reply, and words in capitals, so many of them."""
    counted = list(capitals.counted(prompt))
    yield from counted
    for kind, patterns in ((Kind.LOWER, _LOWERS), (Kind.UPPER, _UPPERS)):
        for pattern in patterns:
            if (found := _whole(prompt, pattern, counted)) is not None:
                yield Instruction(kind, start=found.start(), end=found.end())
                return


def _whole(prompt: Prompt, pattern: re.Pattern[str], counted: list[Instruction]) -> re.Match[str] | None:
    """Where a case is asked for of all of the reply; None when nowhere."""
    text = prompt.plain
    for found in pattern.finditer(text):
        if any(one.start < found.end() and found.start() < one.end for one in counted):
            continue
        before = re.split(r"[.!?;:\n]", text[max(0, found.start() - 60) : found.start()])[-1]
        if _PART_BEFORE.search(before) or _PART_AFTER.match(text[found.end() : found.end() + 40]):
            continue
        if _MATTER.search(prompt.sentence(*found.span())):
            continue
        if not denied(text, found.start(), 20) or re.match(NO, found.group(), re.IGNORECASE):
            return found
    return None
