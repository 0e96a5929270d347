"""Paragraphs asked for: how many, what parts them, and the word one of them begins with."""

# ruff: noqa: E501 - patterns read better unbroken, and curly quotes are meant

import re
from collections.abc import Iterator

from understudy_analyzers.instruction import grammar
from understudy_analyzers.instruction.grammar import (
    QUOTED,
    WORD,
    amount,
    relations,
)
from understudy_analyzers.instruction.kind import Kind, Relation
from understudy_analyzers.instruction.layout import DIVIDER
from understudy_analyzers.instruction.prompt import Prompt
from understudy_analyzers.instruction.verdict import Instruction

_PARTS = r"paragraphs?|stanzas?|verses?|parts?|sections?|steps?|advices?|blocks?|items?|pieces?"
_PARAGRAPHS = amount("paragraphs?")
_DIVIDED = amount(_PARTS)
_STARS = re.compile(
    r"(?<!\*)\*{3}(?!\*)|\b(?:three|3)(?: consecutive)? (?:asterisks?|aster?isk|\"?\*\"?)", re.IGNORECASE
)
_RULES = re.compile(r"^[ \t]*\*{3}[ \t]*$", re.MULTILINE)
_LIGHT = re.compile(r"\b(?:highlight|itali|bold|emphasi)\w*[^.\n]{0,30}$", re.IGNORECASE)
_LIT = re.compile(r"[^.\n]{0,15}\b(?:highlight|itali|bold|emphasi)", re.IGNORECASE)
_BOTH = re.compile(r"\b(?:separat|divid|split)\w*[^.\n]{0,80}? and [^.\n]{0,80}", re.IGNORECASE)
_GIVEN = re.compile(
    r"\b(?:following|these|those|given|below|above|first|last|next|previous)(?: the)? $", re.IGNORECASE
)
_NTH = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
_ORDINAL = r"(?P<nth>" + "|".join(_NTH) + r"|\d{1,2}-?(?:st|nd|rd|th)|last|final|opening|closing)"
_HEAD = rf"(?:(?:the )?(?:exact |single |first |keyword |word |term ){{0,3}}:? ?)(?P<word>{QUOTED}|{WORD})"
_BEGIN = r"(?:start|begin|open|commence|kick off|lead)(?:s|ing|ning)?(?: (?:off|out))?"
_FIRST = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_ORDINAL} paragraph(?:(?! paragraph)[^.\n]){{0,40}}? {_BEGIN} (?:with|by) {_HEAD}",
        rf"\bparagraph (?:number |no\. |#)?(?P<nth>{grammar.N})(?:(?! paragraph)[^.\n]){{0,40}}? {_BEGIN} with {_HEAD}",
        rf"\b{_BEGIN} (?:the )?(?:very )?{_ORDINAL} paragraph with {_HEAD}",
        rf"\b{_BEGIN} paragraph (?:number )?(?P<nth>{grammar.N}) with {_HEAD}",
        rf"\b(?:first|opening|initial|starting) word (?:of|in) (?:the |your )?(?:very )?{_ORDINAL} paragraph (?:should|must|has to|needs to|will|is to) be {_HEAD}",
        rf"\b(?:first|opening|initial|starting) word (?:of|in) paragraph (?:number )?(?P<nth>{grammar.N}) (?:should|must|has to|needs to|will|is to) be {_HEAD}",
        rf"(?P<word>{QUOTED})(?: should| must| has to)? (?:be|as) the (?:very )?first word (?:of|in) the (?:very )?{_ORDINAL} paragraph",
    )
)


def paragraphs(prompt: Prompt) -> Iterator[Instruction]:
    """So many paragraphs between `***`, or between blank lines; a paragraph that begins with a word."""
    text = prompt.plain
    firsts = list(_firsts(prompt))
    counted = [(found, relations(found, Relation.EXACT)) for found in _PARAGRAPHS.finditer(text)]
    counted = [
        (found, said)
        for found, said in counted
        if said and not _GIVEN.search(text[max(0, found.start() - 20) : found.start()])
    ]
    if firsts:
        number = counted[0][1][0][1] if counted and len(counted[0][1]) == 1 else None
        for one, last in firsts:
            nth = number if last else one.nth
            if nth is not None:
                relation = counted[0][1][0][0] if number is not None else None
                yield Instruction(Kind.FIRST_WORD, one.words, relation, number, nth, one.start, one.end)
    elif (stars := _STARS.search(text)) is not None:
        if (parts := _divided(text, stars)) is not None:
            yield Instruction(Kind.PARAGRAPHS, (DIVIDER,), *parts)
    else:
        for found, said in counted:
            if (
                found["least"]
                or found["most"]
                or found["fewer"]
                or found["more"]
                or (found["exact"] or "").lower() == "exactly"
            ):
                if re.match(r" ?(?:per|each|for each|in each)\b", text[found.end() : found.end() + 12]):
                    continue
                for relation, number in said:
                    yield Instruction(Kind.PARAGRAPHS, (), relation, number, None, *found.span())
                break


def _divided(text: str, stars: re.Match[str]) -> tuple[Relation, int, None, int, int] | None:
    """How many parts there must be between `***`: as said, as shown by an example, or the two that are named."""
    best = None
    for found in _DIVIDED.finditer(text):
        said = relations(found, Relation.EXACT)
        if len(said) != 1 or said[0][1] < 2:
            continue
        if not (
            _LIGHT.search(text[max(0, found.start() - 40) : found.start()])
            or _LIT.match(text[found.end() : found.end() + 40])
        ):
            away = abs(found.start() - stars.start()) + 10_000 * (
                not found["noun"].lower().startswith("para")
            )
            best = min(best or (away, found, said[0]), (away, found, said[0]), key=lambda one: one[0])
    if best is not None:
        return (*best[2], None, best[1].start(), stars.end())
    if (shown := len(_RULES.findall(text))) > 1 or (shown == 1 and _BOTH.search(text) is None):
        return Relation.EXACT, shown + 1, None, *stars.span()
    if shown == 1 or _BOTH.search(text[max(0, stars.start() - 200) : stars.end()]):
        return Relation.EXACT, 2, None, *stars.span()
    return None


def _firsts(prompt: Prompt) -> Iterator[tuple[Instruction, bool]]:
    """Paragraphs whose first word is told, and whether it is the last one."""
    seen = set()
    for pattern in _FIRST:
        for found in pattern.finditer(prompt.text):
            word = grammar.unquote(found["word"]).lower()
            name = found["nth"].lower()
            if (
                not word
                or " " in word
                or word in ("a", "an", "the", "your", "this", "its")
                or (word, name) in seen
            ):
                continue
            seen.add((word, name))
            last = name in ("last", "final", "closing")
            nth = (
                None
                if last
                else 1
                if name == "opening"
                else _NTH.index(name) + 1
                if name in _NTH
                else grammar.value(name.rstrip("stndrh-"))
            )
            yield Instruction(Kind.FIRST_WORD, (word,), None, None, nth, *found.span()), last
