"""Every instruction of a prompt."""

# ruff: noqa: E501, RUF001 - patterns read better unbroken, and curly quotes are meant

import re
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache

from understudy_analyzers.instruction import (
    case,
    counts,
    echo,
    frames,
    keywords,
    lengths,
    marks,
    paragraphs,
    sections,
    shapes,
)
from understudy_analyzers.instruction.kind import Kind
from understudy_analyzers.instruction.prompt import Prompt
from understudy_analyzers.instruction.verdict import Instruction

_PLAIN = frozenset((Kind.TITLE, Kind.TWO, Kind.REPEAT, Kind.CHOICE, Kind.PLACEHOLDERS, Kind.HIGHLIGHTS))
"""What nobody asks about: marks that mean nothing elsewhere."""
_LAST = frozenset((Kind.WORDS, Kind.SENTENCES, Kind.BULLETS))
"""What may end a question: `what is a quark, in fewer than 50 words?`"""
_STOP = re.compile(r"[.!?\n][\"”')]?(?:\s+|$)")
_END = re.compile(r"[.!?](?=[\s\"”')]|$)|\n")
_QUESTION = re.compile(
    r"\s*(?:(?:and|but|so|also),? )?(?:how|what|why|which|who|whose|where|when|is|are|does|did|do (?!not\b|n)|was|were|has|should|"
    r"am i|can (?:i|we|he|she|they|it|one|a|the)|could (?:i|we|he|she|they))\b",
    re.IGNORECASE,
)
_TOLD = re.compile(
    r"\b(?:i|we|he|she|they|you|who|\w+er) (?:wrote|have written|has written|told|said|says|once)\b[^.?!]*$",
    re.IGNORECASE,
)

_Rule = Callable[[Prompt], Iterator[Instruction]]
KEPT = 8_000
"""Characters up to which a prompt's instructions are remembered."""
_RULES: tuple[tuple[_Rule, Collection[str]], ...] = (
    (lengths.words, ("word",)),
    (lengths.sentences, ("sentence",)),
    (lengths.totals, ("number of",)),
    (paragraphs.paragraphs, ("paragraph", "***", "asteris", "aster")),
    (keywords.keywords, ("word", "term", "phrase", "name", "key", "line", "letter", '"', "'", "“", "‘", "`")),
    (counts.letters, ("letter",)),
    (counts.symbols, ("'s", "’s", "mark", "hash", "point", "sign", "semicolon", "ampersand")),
    (marks.bullets, ("bullet",)),
    (marks.listed, ("bullet",)),
    (marks.highlights, ("highlight", "italic", "bold", "emphas")),
    (sections.sections, ("mark", "label", "section", "part", "chapter", "day", "start", "begin")),
    (marks.placeholders, ("placeholder", "place-holder", "bracket")),
    (shapes.postscript, ("p.", "ps", "post")),
    (shapes.json, ("json",)),
    (shapes.title, ("<<", "double")),
    (shapes.two, ("***", "asteri")),
    (shapes.choice, ("one of", "one from", "any of", "my answer is")),
    (frames.commas, ("comma",)),
    (case.case, ("case", "capital", "caps", "small letters")),
    (frames.language, frames.LANGUAGES),
    (frames.quotation, ("quot",)),
    (frames.ending, ("end", "finish", "conclud", "clos", "last", "final", "sign off", "wrap up", "complet", "terminat", "round off", "stop")),
    (echo.repeat, ("repeat", "restat", "copy", "echo", "reproduc", "quot", "recit", "writ")),
)  # fmt: skip
"""Rules, each with the words without one of which it is not tried."""


def detect(prompt: str) -> tuple[Instruction, ...]:
    """The instructions a prompt gives, in the order in which they stand there; () when it gives none."""
    return _known(prompt) if len(prompt) <= KEPT else _detect(prompt)


@lru_cache(maxsize=512)
def _known(prompt: str) -> tuple[Instruction, ...]:
    return _detect(prompt)


def _detect(prompt: str) -> tuple[Instruction, ...]:
    read = Prompt.of(prompt)
    found = [
        one
        for rule, needles in _RULES
        if any(needle in read.lower for needle in needles)
        for one in rule(read)
    ]
    return tuple(sorted(dict.fromkeys(_agreed(found, read)), key=lambda one: (one.start, one.kind)))


def _agreed(found: list[Instruction], read: Prompt) -> Iterator[Instruction]:
    """Without those that another explains: an alphabet's case says its language, a section's mark its paragraphs."""
    found = [one for one in found if not _asks(one, read)]
    kinds = {one.kind for one in found}
    for one in found:
        match one.kind:
            case Kind.LANGUAGE if one.words == ("en",) and kinds & {Kind.UPPER, Kind.LOWER}:
                continue
            case Kind.PARAGRAPHS if not one.words and Kind.SECTIONS in kinds:
                continue
            case Kind.WORDS if any(other.kind is Kind.CAPITALS and _overlap(one, other) for other in found):
                continue
            case Kind.SECTIONS if one.words == ("Paragraph",) and Kind.FIRST_WORD in kinds:
                continue
            case Kind.EXISTENCE | Kind.FORBIDDEN if _inside(one, found):
                continue
        yield one


def _overlap(one: Instruction, other: Instruction) -> bool:
    return one.start < other.end and other.start < one.end


def _asks(one: Instruction, read: Prompt) -> bool:
    """Whether what looks like an order is in a question about the matter, or told of somebody else's."""
    if one.kind in _PLAIN:
        return False
    before = _STOP.split(read.plain[max(0, one.start - 240) : one.start])[-1]
    start = read.plain[one.start : one.end]
    if _TOLD.search(before):
        return True
    if not _QUESTION.match(before or start):
        return False
    after = read.plain[one.end : one.end + 240]
    stop = _END.search(after)
    if stop is None or stop.group()[0] != "?":
        return False
    return not (one.kind in _LAST and stop.start() < 3)


def _inside(one: Instruction, found: list[Instruction]) -> bool:
    """Whether what looks like a keyword is part of another instruction: its mark, its phrase, its first word."""
    words = {word.lower() for word in one.words}
    others = (Kind.END, Kind.FIRST_WORD, Kind.SECTIONS, Kind.POSTSCRIPT, Kind.CHOICE, Kind.REPEAT)
    for other in found:
        if other.kind not in others or other.kind is Kind.REPEAT:
            continue
        if _overlap(one, other) and words & {word.lower() for word in other.words}:
            return True
        if other.kind is Kind.SECTIONS and any(
            word.lower().startswith(other.words[0].lower()) for word in one.words
        ):
            return True
    return False
