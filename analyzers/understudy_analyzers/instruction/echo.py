"""A request to say the request again first."""

# ruff: noqa: E501, RUF001 - patterns read better unbroken, and curly quotes are meant

import re
from collections.abc import Iterator

from understudy_analyzers.instruction.grammar import (
    NO,
    denied,
)
from understudy_analyzers.instruction.kind import Kind
from understudy_analyzers.instruction.prompt import Prompt
from understudy_analyzers.instruction.verdict import Instruction

_REPEAT = re.compile(
    r"\b(?:repeat(?:ing)?(?! (?:the |this )?(?:key ?)?(?:word|letter|phrase|line|chorus|verse)s?\b)|restat(?:e|ing)|copy|echo|reproduc(?:e|ing)|quot(?:e|ing)|writ(?:e|ing) out|recit(?:e|ing))\b[^.\n]{0,60}?\b(?:request|prompt|sentence|question|text|instructions?|query|it|message|task|everything|all)\b|\brepeat(?:ing)? (?:the )?(?:following )?(?:request|sentence|question|prompt)?:? ?[\"“]",
    re.IGNORECASE,
)
_EXACTLY = re.compile(
    r"\bword[- ](?:for|by)[- ]word\b|\bwithout (?:any )?chang|\bexact|\bas it is\b|\bas is\b|\bverbatim\b|\bdo not change\b|\bbefore (?:you )?(?:say|repeat|giv|answer|respond|outputt?|anything)|"
    r"\bfirst\b|\bnot say (?:any|anything)|\bunchanged\b|\bvery beginning\b",
    re.IGNORECASE,
)
_CHANGED = re.compile(r"\bbut (?:change|replace|swap|with|in)\b|\bexcept\b", re.IGNORECASE)
_BELOW = re.compile(r"\b(?:below|following|comes next|that follows)\b", re.IGNORECASE)
_LEADS = re.compile(
    r"[^.\n]{0,60}\b(?:request|task|question|prompt|instructions?|this)\b[^.\n]{0,20}[.:]?", re.IGNORECASE
)
"""What leads up to a request, and is none itself."""
_HERE = re.compile(r"\brepeat[^\n\"“]{0,30}[\"“](?P<said>[^\"”\n]{15,600})[\"”]", re.IGNORECASE)


def repeat(prompt: Prompt) -> Iterator[Instruction]:
    """`First repeat the request word for word without change, then give your answer`."""
    text = prompt.text
    for found in _REPEAT.finditer(text):
        line = text[text.rfind("\n", 0, found.start()) + 1 :]
        near = text[max(0, found.start() - 100) : found.end() + 200]
        if not _EXACTLY.search(near) or re.match(rf"[^.]{{0,40}}{NO}[^.]{{0,10}}repeat", line, re.IGNORECASE):
            continue
        if _CHANGED.search(text[found.end() : found.end() + 60]):
            return
        if denied(text, found.start(), 20):
            continue
        if (here := _HERE.match(text[found.start() : found.start() + 700])) is not None:
            wanted: str | None = here["said"]
        else:
            above, below = _above(text, found), _below(text, found)
            under = _BELOW.search(prompt.sentence(*found.span())) or (below and _LEADS.fullmatch(above or ""))
            wanted = below if under else above or below
        if wanted:
            yield Instruction(Kind.REPEAT, (wanted,), start=found.start(), end=found.end())
            return


def _below(text: str, found: re.Match[str]) -> str | None:
    """What stands after the order to repeat, from the next blank line on."""
    at = text.find("\n\n", found.end())
    if at < 0:
        at = text.find("\n", found.end())
    if at >= 0:
        return text[at:].strip() or None
    colon = text.find(": ", found.end())
    return text[colon + 1 :].strip() if 0 <= colon < found.end() + 120 else None


def _above(text: str, found: re.Match[str]) -> str | None:
    """What stands before the sentence or line that orders to repeat."""
    before = text[: found.start()]
    line = before.rfind("\n")
    stop = max((one.end() for one in re.finditer(r"[.!?][\"'”’)]?\s", before)), default=0)
    # An order has a line of its own, or follows the request's last sentence.
    at = line + 1 if line >= 0 and (before[line:].count(" ") < 14) else stop
    return text[:at].strip() or None
