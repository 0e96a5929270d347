"""Marks the words in which two texts differ."""

import re

from markupsafe import Markup, escape

WORD = re.compile(r"\s+|\w+|[^\w\s]")
LIMIT = 4_000
"""Characters of a text that are shown."""


def marked(baseline: str, candidate: str) -> tuple[Markup, Markup]:
    """Both texts, escaped: <del> around what only the baseline says, <ins> what only the candidate."""
    from rapidfuzz.distance import Indel

    left, right = WORD.findall(baseline[:LIMIT]), WORD.findall(candidate[:LIMIT])
    lines: tuple[list[Markup], list[Markup]] = ([], [])
    for step in Indel.opcodes(left, right):
        gone = "".join(left[step.src_start : step.src_end])
        come = "".join(right[step.dest_start : step.dest_end])
        if step.tag == "equal":
            lines[0].append(escape(gone))
            lines[1].append(escape(come))
        else:
            if gone:
                lines[0].append(Markup("<del>{}</del>").format(gone))
            if come:
                lines[1].append(Markup("<ins>{}</ins>").format(come))
    return _whole(lines[0], baseline), _whole(lines[1], candidate)


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
