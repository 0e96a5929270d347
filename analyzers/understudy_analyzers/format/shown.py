"""What a reply shows without being asked: each structure it begins is held to itself."""

import re

from understudy_analyzers import structure
from understudy_analyzers.format import code, document, emphasis, grid, listing, mapping, markup
from understudy_analyzers.format.fault import Fault

_SAMPLES = ("markdown", "md", "gfm")
_NUMBERED = re.compile(r"^[ \t]{0,12}(?:\*\*|__|#{1,4} )?\d{1,3}[.)]", re.MULTILINE)
_CSV_LINE = re.compile(r"^[^,\n]{0,40}(?:,[^,\n]{0,40}){2,30}$|^[^,\n]{0,40},[^\s,][^,\n]{0,40}$")


def applies(text: str) -> bool:
    """Whether a text shows any structure that can break."""
    return (
        "```" in text
        or "~~~" in text
        or len(_NUMBERED.findall(text)) >= 3
        or ("|" in text and next(grid.faults(text), None) is not None)
        or ("|" in text and any(map(structure.is_rule, text.split("\n"))))
        or structure.looks_json(text)
        or markup.whole(text)
    )


def broken(text: str, ruled: bool = True, heads: frozenset[str] = frozenset()) -> Fault | None:
    """The first structure of a reply that is broken.

    `ruled`: rows between bars need a rule to be a table. `heads`: those of the tables that other replies have.
    """
    blocks = structure.fences(text)
    if blocks and not blocks[-1].closed:
        return Fault("code fence never closed", blocks[-1].start)
    for block in blocks:
        if fault := fenced(block.language, block.body):
            return fault.later(block.at)
    prose = structure.outside(text, [block for block in blocks if block.language not in _SAMPLES])
    if fault := next(grid.faults(prose, ruled), None) or grid.ruleless(prose, heads):
        return fault
    if not blocks:
        if structure.looks_json(text):
            found = document.read(text)
            return found.fault
        if markup.whole(text):
            return markup.broken(text, markup.hypertext(text))
    return listing.jump(prose) or emphasis.broken(prose)


def fenced(language: str, body: str) -> Fault | None:
    """What is broken in a block that names its language."""
    match language:
        case "json" | "jsonl":
            return document.shown(body)
        case "xml" | "svg" | "xsd" | "rss":
            return markup.broken(body) if "<" in body else None
        case "html" | "htm":
            return markup.broken(body, html=True) if "<" in body else None
        case "yaml" | "yml":
            return mapping.broken(body) if mapping.likely(body) else None
        case "csv":
            return grid.broken(body, 0)
        case _:
            return code.broken(language, body)


def program(text: str) -> bool:
    """True when a whole reply is Python of several lines, without a fence."""
    return (
        structure.looks_python(text)
        and text.strip().count("\n") >= 1
        and structure.python_of(text) is not None
    )


def separated(text: str) -> bool:
    """True when a whole reply is CSV: three lines or more, all of them of as many short fields."""
    lines = text.strip().split("\n")
    if len(lines) < 3 or len(lines) > 2_000 or not all(map(_CSV_LINE.match, lines)):
        return False
    if sum(line.rstrip().endswith((".", "!", "?", ",")) for line in lines) * 2 > len(lines):
        return False
    rows = structure.separated(text.strip(), ",")
    return rows is not None and structure.even(rows)
