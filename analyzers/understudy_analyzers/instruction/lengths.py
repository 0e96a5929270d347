"""Lengths asked for: so many words, so many sentences."""

# ruff: noqa: E501 - patterns read better unbroken, and curly quotes are meant

import re
from collections.abc import Iterator

from understudy_analyzers.instruction import grammar
from understudy_analyzers.instruction.grammar import (
    AMOUNT,
    LATE,
    amount,
    relations,
)
from understudy_analyzers.instruction.kind import Kind, Relation
from understudy_analyzers.instruction.prompt import Prompt
from understudy_analyzers.instruction.verdict import Instruction

_WORDS = amount("words?")
_COUNT = re.compile(
    rf"(?:\b(?P<bound>minimum|maximum) )?\bword (?:count|limit)(?: [a-z]{{1,10}}){{0,4}}?:? {AMOUNT}(?: words)?{LATE}",
    re.IGNORECASE,
)
_SENTENCES = amount("sentences?")
_OTHERS = re.compile(
    r"^ ?(?:or phrases? )?(?:\(|should |must |be |that (?:are |is )?|which (?:are |is )?|are |written |all ){0,4}"
    r"(?:(?:in|with|of|using) (?:all |only |full )?(?:capital|caps\b|upper|bold|italic)|capitali[sz]ed|all[- ]caps|uppercase|"
    r"(?:start|begin|end|contain|relat|mean)(?:s|ing|ning|ed)?\b|rhym|that (?:rhyme|start|begin|end|mean|describe|are|can be used)|(?:for|per|in) (?:each|every)|each\b|per\b|from (?:the|this)|"
    r"(?:to|you) (?:learn|describe|know))",
    re.IGNORECASE,
)
"""What follows words or sentences that are not the length of the reply."""
_PART = re.compile(
    r"\b(?:each|every|per|paragraphs? (?:of|with|has|have|having|containing)|lines? of|sentences? (?:of|with)|titles? of|"
    r"(?:\d{1,3}|two|three|four|five|six|ten) (?:[a-z]+ ){0,2}[a-z]{3,}s(?: of| with| in| each)?|list|name|give me|find|highlight|capitali[sz]e|bold|italici[sz]e|underline|suggest|learn|password\b[^.]{0,30})"
    r"(?: [a-z]+){0,3} ?$",
    re.IGNORECASE,
)
"""What stands before them then."""
_OUTSIDE = re.compile(
    r"\b(?:do (?:most|all|any|many)|does|did|how many|says?|said|is it|are there|is there)\b[^.?!\n]{0,100}$",
    re.IGNORECASE,
)
"""What makes a sentence one about lengths, not an order: a question, or somebody's opinion."""
_HALF = re.compile(
    rf"\b(?:at least|no fewer than|no less than|not less than|a minimum of|(?P<more>more than|over)) (?P<n>{grammar.N})(?: words| sentences)? (?:and|but) $",
    re.IGNORECASE,
)
"""The first half of `no fewer than 500 and no more than 700 words`."""
FEW = 12
"""Words that are a name's rather than a reply's, where a name is spoken of."""
_NAMING = re.compile(
    r"\b(?:name|title|headline|subject|phrase|slogan|label|caption|tagline|heading|brand|nickname)s?\b[^.?!\n]{0,80}$",
    re.IGNORECASE,
)
_CASED = re.compile(r"caps|capital|upper|unique|distinct|different|\bnew|(?<!or )more words", re.IGNORECASE)
_TOTAL = re.compile(
    rf"\bnumber of (?P<what>words|sentences)\b(?P<gap>[^.\n]{{0,50}}?)\b(?:be|is|of|exceed|reach|to|range)\b[^.\n]{{0,20}}?{AMOUNT}",
    re.IGNORECASE,
)


def words(prompt: Prompt) -> Iterator[Instruction]:
    """`at least 300 words`, `300+ words`, `100 to 120 words`, `a word limit of 50`."""
    yield from _length(prompt, Kind.WORDS, _WORDS)
    for found in _COUNT.finditer(prompt.plain):
        said = relations(found)
        if not said and not found["about"]:
            number = grammar.value(found["low"])
            if (found["bound"] or "").lower() == "minimum":
                said = [(Relation.LEAST, number)]
            elif found["bound"] or "limit" in found.group().lower():
                said = [(Relation.LESS, number + 1)]
        for relation, number in said:
            yield Instruction(Kind.WORDS, (), relation, number, None, *found.span())


def sentences(prompt: Prompt) -> Iterator[Instruction]:
    """`fewer than 6 sentences`."""
    yield from _length(prompt, Kind.SENTENCES, _SENTENCES)


def _length(prompt: Prompt, kind: Kind, pattern: re.Pattern[str]) -> Iterator[Instruction]:
    text = prompt.plain
    for found in pattern.finditer(text):
        before = text[max(0, found.start() - 120) : found.start()]
        if (
            _OTHERS.match(text[found.end() : found.end() + 60])
            or _OUTSIDE.search(before)
            or _CASED.search(found.group())
        ):
            continue
        if (found["noun"].lower() != "word" and _PART.search(before[-50:])) or (
            found["exact"] or ""
        ).lower() in ("only", "just"):
            continue
        for relation, number in relations(found):
            if kind is Kind.WORDS and number <= FEW and _NAMING.search(before):
                continue
            yield Instruction(kind, (), relation, number, None, *found.span())
            if relation is Relation.LESS and (half := _HALF.search(before[-50:])) is not None:
                least = grammar.value(half["n"]) + bool(half["more"])
                yield Instruction(kind, (), Relation.LEAST, least, None, *found.span())


def totals(prompt: Prompt) -> Iterator[Instruction]:
    """`the number of sentences should be in the range of 40 to 60`."""
    for found in _TOTAL.finditer(prompt.plain):
        if not _CASED.search(found["gap"]):
            kind = Kind.WORDS if found["what"].lower() == "words" else Kind.SENTENCES
            for relation, number in relations(found):
                yield Instruction(kind, (), relation, number, None, *found.span())
