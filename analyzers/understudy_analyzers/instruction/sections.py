"""Sections asked for, and the mark each begins with: `4 sections marked with SECTION X`."""

# ruff: noqa: E501 - patterns read better unbroken

import re
from collections.abc import Iterator

from understudy_analyzers.instruction.grammar import ADJECTIVES, AMOUNT, LATE, least, relations
from understudy_analyzers.instruction.kind import Kind, Relation
from understudy_analyzers.instruction.marks import LIGHT
from understudy_analyzers.instruction.prompt import Prompt
from understudy_analyzers.instruction.verdict import Instruction

MOST = 20
"""Marks tried: more are a text's own headings."""
_NOUNS = frozenset(
    "section paragraph part chapter day step audience act scene stanza verse topic phase week module lesson episode "
    "slide".split()
)
_MARK = re.compile(
    r"\b(?P<mark>[A-Z][A-Za-z]{2,15}) (?P<number>[\[<{]?(?:X|N|Y|#|i|\d{1,2}|number)\b[\]>}]?|#)"
)
_MARKED = re.compile(
    r"\b(?:mark|label|start|begin|denot|not(?:ed|e)\b|indicat|head|titl|call|nam|separat|prefix|introduc|number|divid|explicitl|section|format|such as|like|as)\w*",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(r"\n[ \t]{0,8}(?:[*-] )?$")
_AMOUNT = re.compile(rf"{AMOUNT}[ -]{ADJECTIVES}(?P<noun>[a-z]{{3,16}})\b{LATE}", re.IGNORECASE)
_LIT = re.compile(LIGHT, re.IGNORECASE)


def sections(prompt: Prompt) -> Iterator[Instruction]:
    """How many sections, under which mark; the first mark that is told a number for."""
    text = prompt.text
    amounts = [
        found
        for found in _AMOUNT.finditer(text)
        if not _LIT.search(text[max(0, found.start() - 30) : found.end() + 20])
    ]
    for tried, found in enumerate(_MARK.finditer(text)):
        if not amounts or tried == MOST:
            return
        if not _is_mark(text, found):
            continue
        mark = found["mark"]
        nouns = (mark.lower().rstrip("s"), "section", "part", "chapter", "paragraph")
        for said in amounts:
            apart = said.end() <= found.start() or found.end() < said.start()
            if not apart or said["noun"].lower().rstrip("s") not in nouns:
                continue
            for relation, number in relations(said, Relation.LEAST):
                # "Section 1" shows a mark when it is the first or the last of them.
                if not found["number"].isdigit() or f"{mark} {number}" in text or f"{mark} 1" in text:
                    yield Instruction(Kind.SECTIONS, (mark,), least(relation), number, None, *said.span())
                    return


def _is_mark(text: str, found: re.Match[str]) -> bool:
    """Whether a capitalised word and a number are said to mark sections."""
    number = found["number"]
    if not _MARKED.search(text[max(0, found.start() - 60) : found.start()]):
        return False
    if found["mark"].lower() not in _NOUNS and (not found["mark"].isupper() or number[0].isdigit()):
        return False
    # A numbered line of an example stands for itself.
    return not (number.isdigit() and _EXAMPLE.search(text[max(0, found.start() - 12) : found.start()]))
