"""Headings and bold text in Markdown: a heading without its blank, a bold passage that never ends."""

import re

from understudy_analyzers.format.fault import Fault

_HEADING = re.compile(r"^#{2,6}[^\s#][^\n]{0,200}$", re.MULTILINE)
_MARK = re.compile(r"`[^`\n]{1,400}`|\*{3,}|\*\*kw\w*|\w\*\*\w|\*\*(?=\S)|(?<=\S)\*\*")


def broken(text: str) -> Fault | None:
    """What is broken in the marks of prose; fenced blocks are to be blanked."""
    if found := _HEADING.search(text) if "##" in text else None:
        return Fault("a heading without a blank behind its marks", found.start(), found.end())
    if "**" not in text:
        return None
    at = 0
    for paragraph in text.split("\n\n"):
        marks = [found for found in _MARK.finditer(paragraph) if found.group() == "**"]
        # Footnotes have marks too, behind a word; a passage is opened before one.
        if len(marks) % 2 and not paragraph[: marks[0].start()][-1:].isalnum():
            return Fault("a bold passage never ends", at + marks[-1].start(), at + len(paragraph))
        at += len(paragraph) + 2
    return None
