"""Capitals and small letters asked for: of all of a reply, or of so many words."""

# ruff: noqa: E501 - patterns read better unbroken, and curly quotes are meant

import re
from collections.abc import Iterator

from understudy_analyzers.instruction.grammar import (
    ADJECTIVES,
    AMOUNT,
    LATE,
    NO,
    denied,
    relations,
)
from understudy_analyzers.instruction.kind import Kind, Relation
from understudy_analyzers.instruction.prompt import Prompt
from understudy_analyzers.instruction.verdict import Instruction

_UPPERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\bin (?:english,? (?:and )?)?(?:in )?(?:all[- ])?(?:caps\b|capitals\b|capital letters|upper-? ?case(?: letters)?)",
        r"\ball (?:in )?(?:capital letters|capitals\b|caps\b|upper-? ?case)",
        r"\ball[- ]caps\b",
        r"\b(?:only|exclusively|solely|nothing but) (?:use |using |in |be in |contain |with )?(?:english )?(?:capital|upper-? ?case)(?: letters)?",
        r"\bus(?:e|ing) (?:only |just |solely |exclusively )(?:capital|upper-? ?case)",
        r"\b(?:capitali[sz]e|uppercase) (?:all|every|each)(?: of)?(?: your| the| single)? (?:letters?|words?|characters?)\b",
        r"\bno lower-? ?case(?: letters)?",
        r"\blower-? ?case(?: letters)? (?:is|are) (?:not|forbidden|prohibited|banned|off)",
        r"\ball (?:of the |the |your )?letters (?:[a-z]+ ){0,6}?(?:capitali[sz]ed|upper-? ?case|capitals?)",
        rf"{NO}(?: [a-z]+){{0,4}} lower-? ?case letters?",
        r"\bevery (?:single )?letter (?:\w+ ){0,4}(?:capitali[sz]ed|upper-? ?case|a capital)",
        r"\bcaps lock\b",
        r"\beverything (?:[a-z]+ ){0,3}(?:must|should|has to|needs to|is to) be (?:capitali[sz]ed|(?:in )?upper-? ?case)",
    )
)
_LOWERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\bin (?:english,? (?:and )?)?(?:in )?(?:all[- ]|only |just |entirely )?(?:lower-? ?case(?:d)?|small letters)",
        r"\ball (?:in )?(?:the )?(?:lower-? ?case(?:d)?|small letters)",
        r"\b(?:only|exclusively|solely|just) (?:use |using |in |be in |contain |with )?(?:english )?(?:lower-? ?case|small)\b(?: letters)?",
        r"\b(?:with|us(?:e|ing)|in) (?:only |all |just )?lower-? ?case\b",
        r"\ball (?:of the |the )?letters (?:\w+ ){0,5}?(?:lower-? ?case(?:d)?)",
        r"\b(?:must|should|needs? to|has to|to) be (?:entirely |all |completely |fully )?(?:in )?lower-? ?case",
        rf"{NO}(?: [a-z]+){{0,4}} (?:capital(?:i[sz]ed)?|upper-? ?case) letters?(?! (?:word|to))",
        r"\b(?:capital|upper-? ?case)(?: letters)? (?:is|are) (?:not|forbidden|prohibited|banned|off)",
        r"\bno (?:capitali[sz]ation|capitals|upper-? ?case)\b",
        rf"{NO}(?: [a-z]+){{0,2}} (?:capitals\b|capitali[sz]ations?|capitali[sz]ing|upper-? ?case)\b",
        r"\b(?:not|without) (?:even )?(?:a|one) single (?:capital|upper-? ?case|letter (?:\w+ ){0,5}capitali[sz]ed)",
        r"\bnot a single letter (?:\w+ ){0,6}capitali[sz]ed",
        r"\blower-? ?case (?:letters )?(?:only|throughout)\b",
        r"\bevery (?:single )?letter (?:\w+ ){0,4}lower-? ?case",
    )
)
_ABOUT_CASE = re.compile(
    r"\b(?:password|variable|function|python|string|regex|column|convert\w* (?:a|the|this)|identifier|code|program|method|title case|"
    r"first letter|names? (?:of|in) (?:the )?(?:file|column)|acronym|sort\w*)\b",
    re.IGNORECASE,
)
_WORDS_IN = re.compile(
    r"\b(?:words?|some|few|phrases?|names?|titles?|headings?|sections?|terms?|line|keywords?|subject|each (?:line|section|paragraph)|sentences?) (?:(?!and |or )[a-z]+ ){0,4}$",
    re.IGNORECASE,
)
_CAPS = r"(?:(?:all[- ])?cap(?:s|itals?)\b|(?:all |full |fully |entirely |only )?(?:capital(?: |i[sz]ed )letters?|capital letters?|upper-? ?case(?:d)?(?: letters?)?|capitali[sz]ed|capitals))"
_CAP_WORDS = (
    rf"(?:words? (?:or phrases? )?(?:(?:which|that) (?:are|is) |are |be |being |written |fully )?(?:(?:with|in|of|using) )?(?:all |only |entirely )?(?:in )?{_CAPS}|"
    rf"(?:all[- ]caps?|all[- ]capitali[sz]ed|all[- ]capital|fully[- ]capitali[sz]ed|(?:full(?:y)?[- ])?upper-? ?case(?:d)?|capitali[sz]ed|capital) words?|words? (?:fully |entirely )?(?:in )?all[- ]caps)"
)
_MANY_CAPS = re.compile(
    rf"{AMOUNT}[ -](?:[a-z]{{2,12}} ){{0,3}}?{_CAP_WORDS}{LATE}"
    rf"|(?P<noun>{_CAP_WORDS})",
    re.IGNORECASE,
)
_TIMES = re.compile(
    rf"^[^.\n]{{0,70}}?(?P<amount>(?:(?<=\W)|^){AMOUNT}(?: times?| such| of (?:them|these)| (?:capitali[sz]ed|such|all[- ]caps|capital) words?|(?=[.,;]|$)){LATE})",
    re.IGNORECASE,
)
_STRESS = re.compile(r"\b(?:capitali[sz]|all[- ]caps|capital letters|upper-? ?case)", re.IGNORECASE)
_CAPITALISE = re.compile(rf"\bcapitali[sz](?:e|ing) {AMOUNT} {ADJECTIVES}words?\b{LATE}", re.IGNORECASE)
_SOME = re.compile(
    r"\b(?:use|using|include|have|add|put)\b(?: (?:some|a few|several|certain))? $", re.IGNORECASE
)
_NOW = re.compile(r"[^.\n,]{0,40}\b(?:at least|at most|less|more|fewer|times)\b", re.IGNORECASE)
_NUMBER_OF = re.compile(
    rf"\b(?:number of|those|these|such|there should be|limit) (?:[a-z-]+ ){{0,8}}?(?:words?\b)?[^.\n]{{0,40}}?{AMOUNT}(?: times?| such| (?:capitali[sz]ed )words?)?{LATE}",
    re.IGNORECASE,
)


def case(prompt: Prompt) -> Iterator[Instruction]:
    """`in all capital letters`; `no capital letters are allowed`; words in capitals, so many times."""
    text = prompt.plain
    counted = list(_capitals(prompt))
    yield from counted
    for kind, patterns in ((Kind.LOWER, _LOWERS), (Kind.UPPER, _UPPERS)):
        if (
            found := next((one for one in map(lambda p: _cased(prompt, p, counted), patterns) if one), None)
        ) is not None:
            yield Instruction(kind, start=found.start(), end=found.end())
            return
    del text


def _cased(prompt: Prompt, pattern: re.Pattern[str], counted: list[Instruction]) -> re.Match[str] | None:
    text = prompt.plain
    for found in pattern.finditer(text):
        if any(one.start < found.end() and found.start() < one.end for one in counted):
            continue
        before = re.split(r"[.!?;:\n]", text[max(0, found.start() - 60) : found.start()])[-1]
        if _WORDS_IN.search(before) or _ABOUT_CASE.search(prompt.sentence(*found.span())):
            continue
        if re.match(
            r"\W{0,2}(?:words?|names?|titles?|abbreviation|headings?|for (?:the|each|all|every) (?:title|name|heading|word|key))\b",
            text[found.end() : found.end() + 40],
            re.IGNORECASE,
        ):
            continue
        first = found.group().lower()
        if denied(text, found.start(), 20) and not re.match(rf"{NO}", first, re.IGNORECASE):
            continue
        return found
    return None


def _capitals(prompt: Prompt) -> Iterator[Instruction]:
    text = prompt.plain
    some = None
    said: list[Instruction] = []
    for order in _CAPITALISE.finditer(text):
        said += [
            Instruction(Kind.CAPITALS, (), relation, number, None, *order.span())
            for relation, number in relations(order)
        ]
    for found in _MANY_CAPS.finditer(text):
        if found["low"]:
            said += [
                Instruction(Kind.CAPITALS, (), relation, number, None, *found.span())
                for relation, number in relations(found)
            ]
            continue
        rest = text[found.end() : found.end() + 110]
        times = _TIMES.match(re.split(r"(?<=[\w\")])[.!?](?=\s|$)|\n", rest)[0])
        if times is not None and (told := relations(times)):
            end = found.end() + times.end()
            said += [
                Instruction(Kind.CAPITALS, (), relation, number, None, found.start(), end)
                for relation, number in told
            ]
        if _SOME.search(text[max(0, found.start() - 30) : found.start()]) and not _NOW.match(rest):
            some = found
    if not said and _STRESS.search(text) and re.search(r"\bwords?\b", text):
        for at in _STRESS.finditer(text):
            follow = text[at.end() : at.end() + 160]
            if (
                (more := _NUMBER_OF.search(follow)) is not None
                and (told := relations(more))
                and "sentence" not in more.group().lower()
            ):
                said += [
                    Instruction(Kind.CAPITALS, (), relation, number, None, at.start(), at.end() + more.end())
                    for relation, number in told
                ]
                break
    if some is not None and not any(one.relation in (Relation.LEAST, Relation.EXACT) for one in said):
        said.append(Instruction(Kind.CAPITALS, (), Relation.LEAST, 1, None, *some.span()))
    yield from dict.fromkeys(said)
