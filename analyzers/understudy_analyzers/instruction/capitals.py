"""Words in capitals asked for, so many of them."""

# ruff: noqa: E501 - patterns read better unbroken

import re
from collections.abc import Iterator

from understudy_analyzers.instruction.grammar import ADJECTIVES, AMOUNT, LATE, relations
from understudy_analyzers.instruction.kind import Kind, Relation
from understudy_analyzers.instruction.prompt import Prompt
from understudy_analyzers.instruction.verdict import Instruction

MOST = 60
"""Words that may be meant to be in capitals; more are the length of a reply that is in capitals."""

_CAPS = r"(?:all[- ]cap(?:s|itals?)\b|caps\b|(?:all |full |fully |entirely |only )?(?:capital(?:i[sz]ed)? letters?|upper-? ?case(?:d)?(?: letters?)?|capitali[sz]ed|capitals))"
_WORDS = (
    rf"(?:words? (?:or phrases? )?(?:(?:which|that) (?:are|is) |are |be |being |written |fully )?(?:(?:with|in|of|using) )?(?:all |only |entirely )?(?:in )?{_CAPS}|"
    rf"(?:all[- ]caps?|all[- ]capitali[sz]ed|all[- ]capital|fully[- ]capitali[sz]ed|(?:full(?:y)?[- ])?upper-? ?case(?:d)?|capitali[sz]ed|capital) words?)"
)
"""`words with all capital letters`, `all-caps words`."""
_MANY = (
    re.compile(rf"{AMOUNT}[ -](?:[a-z]{{2,12}} ){{0,3}}?{_WORDS}{LATE}", re.IGNORECASE),
    re.compile(
        rf"\bcapitali[sz](?:e|ing) (?:[a-z]+ ){{0,3}}?{AMOUNT} {ADJECTIVES}words?\b{LATE}", re.IGNORECASE
    ),
    re.compile(
        rf"{AMOUNT} (?:of (?:the|your|these) )?{ADJECTIVES}words?\b{LATE}(?:(?! and\b|,)[^.?!:\n]){{0,40}}?\b{_CAPS}",
        re.IGNORECASE,
    ),
    re.compile(rf"\b{_CAPS} (?:for|of|on|to) {AMOUNT} {ADJECTIVES}words?\b{LATE}", re.IGNORECASE),
)
_NOUN = re.compile(_WORDS, re.IGNORECASE)
_TIMES = re.compile(
    rf"^[^.\n]{{0,70}}?(?P<amount>(?:(?<=\W)|^){AMOUNT}(?: times?| such| of (?:them|these)| (?:capitali[sz]ed|such|all[- ]caps|capital) words?|(?=[.,;)]|$)){LATE})",
    re.IGNORECASE,
)
"""How often, after them."""
_SOME = re.compile(
    r"\b(?:use|using|include|have|add|put)\b(?: (?:some|a few|several|certain))? $", re.IGNORECASE
)
_NOW = re.compile(r"[^.\n,]{0,40}\b(?:at least|at most|less|more|fewer|times)\b", re.IGNORECASE)
_STRESS = re.compile(r"\b(?:capitali[sz]|all[- ]caps|capital letters|upper-? ?case)", re.IGNORECASE)
_SUCH = re.compile(
    rf"\b(?:number of|those|these|such|there should be|limit) (?:[a-z-]+ ){{0,8}}?(?:words?\b)?[^.\n]{{0,40}}?{AMOUNT}(?: times?\b| such\b| (?:capitali[sz]ed |all[- ]caps )?words?\b| of (?:them|these)\b|(?=[.,;)]|$)){LATE}",
    re.IGNORECASE,
)
"""How many, in a sentence of its own."""


def counted(prompt: Prompt) -> Iterator[Instruction]:
    """`use words with all capital letters, less than 10 times`."""
    text = prompt.plain
    said = list(
        dict.fromkeys(
            one for pattern in _MANY for found in pattern.finditer(text) for one in _told(found, found)
        )
    )
    some = None
    for found in () if said else _NOUN.finditer(text):
        rest = re.split(r"(?<=[\w\")])[.!?](?=\s|$)|\n", text[found.end() : found.end() + 110])[0]
        if (times := _TIMES.match(rest)) is not None:
            said += _told(times, found, found.end() + times.end())
        if _SOME.search(text[max(0, found.start() - 30) : found.start()]) and not _NOW.match(rest):
            some = found
    if not said and "word" in prompt.lower:
        said = _elsewhere(text)
    if some is not None and not any(one.relation in (Relation.LEAST, Relation.EXACT) for one in said):
        said.append(Instruction(Kind.CAPITALS, (), Relation.LEAST, 1, None, *some.span()))
    yield from dict.fromkeys(said)


def _told(amount: re.Match[str], found: re.Match[str], end: int | None = None) -> list[Instruction]:
    return [
        Instruction(Kind.CAPITALS, (), relation, number, None, found.start(), end or found.end())
        for relation, number in relations(amount)
        if number <= MOST
    ]


def _elsewhere(text: str) -> list[Instruction]:
    """How many, where another sentence says so: `Limit those words to less than 20`."""
    for at in _STRESS.finditer(text):
        more = _SUCH.search(text[at.end() : at.end() + 160])
        if (
            more is not None
            and "sentence" not in more.group().lower()
            and (said := _told(more, at, at.end() + more.end()))
        ):
            return said
    return []
