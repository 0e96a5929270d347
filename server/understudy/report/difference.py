"""Marks the words in which two texts differ."""

import re
from collections.abc import Iterable

from markupsafe import Markup, escape

WORD = re.compile(r"\s+|\w+|[^\w\s]")
LIMIT = 4_000
"""Characters of a text that are shown."""


def marked(baseline: str, candidate: str) -> tuple[Markup, Markup]:
    """Both texts, escaped: <del> around what only the baseline says, <ins> what only the candidate."""
    from rapidfuzz.distance import Indel

    left, right = WORD.findall(baseline[:LIMIT]), WORD.findall(candidate[:LIMIT])
    lines: tuple[list[Markup], list[Markup]] = ([], [])
    for equal, gone, come in _joined(
        (step.tag == "equal", left[step.src_start : step.src_end], right[step.dest_start : step.dest_end])
        for step in Indel.opcodes(left, right)
    ):
        if equal:
            lines[0].append(escape(gone))
            lines[1].append(escape(come))
        else:
            if gone:
                lines[0].append(Markup("<del>{}</del>").format(gone))
            if come:
                lines[1].append(Markup("<ins>{}</ins>").format(come))
    return _whole(lines[0], baseline), _whole(lines[1], candidate)


def _joined(steps: Iterable[tuple[bool, list[str], list[str]]]) -> list[tuple[bool, str, str]]:
    """Changes with nothing but a space between them as one: five new words read as one new phrase."""
    made: list[tuple[bool, str, str]] = []
    for equal, gone, come in steps:
        made.append((equal, "".join(gone), "".join(come)))
        if not equal and len(made) > 2 and not made[-3][0] and made[-2][0] and made[-2][1].isspace():
            first, between, last = made[-3:]
            joined = (False, first[1] + between[1] + last[1], first[2] + between[2] + last[2])
            made[-3:] = [joined]
        elif not equal and len(made) > 1 and not made[-2][0]:
            made[-2:] = [(False, made[-2][1] + made[-1][1], made[-2][2] + made[-1][2])]
    return made


def _whole(pieces: list[Markup], text: str) -> Markup:
    if not text:
        return Markup('<span class="none">(no reply)</span>')
    joined = Markup("").join(pieces)
    rest = len(text) - LIMIT
    return (
        joined + Markup('<span class="none"> ... {} more characters</span>').format(rest)
        if rest > 0
        else joined
    )
