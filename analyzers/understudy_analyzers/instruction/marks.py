"""Marks asked for, and how many: bullets, highlights, placeholders."""

# ruff: noqa: E501 - patterns read better unbroken, and curly quotes are meant

import re
from collections.abc import Iterator

from understudy_analyzers.instruction import grammar
from understudy_analyzers.instruction.grammar import (
    ADJECTIVES,
    AMOUNT,
    LATE,
    amount,
    denied,
    least,
    relations,
)
from understudy_analyzers.instruction.kind import Kind, Relation
from understudy_analyzers.instruction.prompt import Prompt
from understudy_analyzers.instruction.verdict import Instruction

_BULLETS = amount(r"bullet(?:ed)?(?:[- ](?:points?|items?|list items?))?s?")
_BULLET_LIST = re.compile(
    rf"\bbullet(?:ed|ed point|[- ]point)?[- ]list (?:of|with|containing|that (?:has|contains)) {AMOUNT}[ -](?:items?|points?|entries|bullets?|elements){LATE}",
    re.IGNORECASE,
)
_THINGS = re.compile(
    rf"{AMOUNT} (?!words?|sentences?|paragraphs?|times|sections?|letters?)[a-z-]{{3,15}}", re.IGNORECASE
)
_INTO = re.compile(
    r"\b(?:us(?:e|ing)|in|into|as|with|form of)(?: the| a| markdown| list of| format of){0,3} bullet",
    re.IGNORECASE,
)
_EACH = re.compile(r" ?(?:\w+ ){0,2}(?:per|each|for each|for every|in each|under each)\b", re.IGNORECASE)
_GIVEN = re.compile(
    r"\b(?:following|these|those|given|below|above|first|last|from|into)(?: the)? $", re.IGNORECASE
)
LIGHT = r"(?:highlight\w*|itali[cs]\w*|bold\w*|emphasi[sz]\w*)"
_PIECES = r"(?:text )?(?:sections?|parts?|phrases?|words?|passages?|portions?|sentences?|areas?|pieces?|keywords?|segments?|texts?|terms?|elements?|spans?|points?)"
_HIGHLIGHTS = re.compile(
    rf"\b{LIGHT}(?:/\w{{1,10}})?(?: [a-z]{{1,12}}){{0,3}}? {AMOUNT}[ -]{ADJECTIVES}{_PIECES}\b{LATE}",
    re.IGNORECASE,
)
_HIGHLIGHTED = re.compile(
    rf"{AMOUNT}[ -]{ADJECTIVES}(?:\*{{0,2}}{LIGHT}\*{{0,2}}[ -])?(?:[a-z]{{1,9}} )?{_PIECES}\b{LATE}(?P<gap>[^.\n]{{0,50}})",
    re.IGNORECASE,
)
_MARKUP = re.compile(
    r"\*{1,2}[^*\n]{1,60}\*{1,2}|markdown|asterisk|[\"'(]\*{1,2}[\"')]|with \*|\bitali[cs]", re.IGNORECASE
)
_STARRED = re.compile(r"(?<!\*)\*{1,2}(?!\*)|\bwith (?:an )?asterisks?\b")
_NAMED = re.compile(
    rf"\b{LIGHT} (?:the|its|a|one|each)\b[^.\n]{{0,60}}?(?:with|between|by|using|in)\b[^.\n]{{0,40}}(?:\*|asterisk)",
    re.IGNORECASE,
)
_SOME = re.compile(
    rf"\b{LIGHT} (?:some|a few|several|the|any|certain|key|important|main) (?:of the |key |important |main |relevant ){{0,2}}{_PIECES}\b",
    re.IGNORECASE,
)
_NAMES = re.compile(
    rf"\b{LIGHT} (?:each|every|all(?: of)?(?: the)?) (?:section|title|heading|step)s?\b", re.IGNORECASE
)
_SECTIONS_SAID = amount(r"(?:sections?|parts?|chapters?|paragraphs?)")
_PLACEHOLDERS = amount(r"place ?-?holders?")
_BRACKETED = re.compile(
    rf"{AMOUNT} {ADJECTIVES}(?:fields?|variables?|blanks?|items?|slots?|spots?|parts?) (?:[a-z]+ ){{0,4}}(?:in|with|within|using|by) square brackets{LATE}",
    re.IGNORECASE,
)
_SQUARE = re.compile(r"\bbrackets?\b|\[[^\]\n]{1,60}\]", re.IGNORECASE)


def bullets(prompt: Prompt) -> Iterator[Instruction]:
    """`exactly 3 bullet points`."""
    for pattern in (_BULLETS, _BULLET_LIST):
        for found in pattern.finditer(prompt.plain):
            before = prompt.plain[max(0, found.start() - 16) : found.start()]
            if re.match("one|a single|1", found["low"]) and "point" not in found["noun"].lower():
                continue
            if (
                _EACH.match(prompt.plain[found.end() : found.end() + 30])
                or _GIVEN.search(before)
                or denied(prompt.plain, found.start())
            ):
                continue
            for relation, number in relations(found, Relation.EXACT):
                yield Instruction(Kind.BULLETS, (), relation, number, None, *found.span())


def listed(prompt: Prompt) -> Iterator[Instruction]:
    """`name exactly 3 dogs using bullet points`: the number of things is that of bullets."""
    if _BULLETS.search(prompt.plain) is None and (found := _THINGS.search(prompt.plain)) is not None:
        if _INTO.search(prompt.plain) and (found["exact"] or "").lower() == "exactly":
            yield Instruction(
                Kind.BULLETS, (), Relation.EXACT, grammar.value(found["low"]), None, *found.span()
            )


def highlights(prompt: Prompt) -> Iterator[Instruction]:
    """`highlight at least 3 sections with markdown, i.e. *highlighted section*`."""
    text = prompt.text
    for found in _HIGHLIGHTS.finditer(text):
        if _near(text, found):
            for relation, number in relations(found, Relation.LEAST):
                yield Instruction(Kind.HIGHLIGHTS, (), least(relation), number, None, *found.span())
            return
    for found in _HIGHLIGHTED.finditer(text):
        if re.search(LIGHT, found.group(), re.IGNORECASE) and _near(text, found):
            for relation, number in relations(found, Relation.LEAST):
                yield Instruction(Kind.HIGHLIGHTS, (), least(relation), number, None, *found.span())
            return
    if (found_all := _NAMES.search(text)) is not None and _near(text, found_all):
        for said in _SECTIONS_SAID.finditer(text):
            for relation, number in relations(said, Relation.LEAST):
                yield Instruction(Kind.HIGHLIGHTS, (), least(relation), number, None, *found_all.span())
                return
    if (named := _NAMED.search(text) or _SOME.search(text)) is not None and _STARRED.search(
        text[named.start() : named.end() + 120]
    ):
        yield Instruction(Kind.HIGHLIGHTS, (), Relation.LEAST, 1, None, *named.span())


def _near(text: str, found: re.Match[str]) -> bool:
    return _MARKUP.search(text[max(0, found.start() - 80) : found.end() + 160]) is not None


def placeholders(prompt: Prompt) -> Iterator[Instruction]:
    """`at least 3 placeholders represented by square brackets, such as [name]`."""
    if _SQUARE.search(prompt.text) is None:
        return
    for pattern in (_PLACEHOLDERS, _BRACKETED):
        for found in pattern.finditer(prompt.plain):
            for relation, number in relations(found, Relation.LEAST):
                yield Instruction(Kind.PLACEHOLDERS, (), relation, number, None, *found.span())
                return
