"""Every instruction of a prompt."""

from collections.abc import Callable, Iterator
from functools import lru_cache

from understudy_analyzers.instruction import forms, frames, keywords, lengths
from understudy_analyzers.instruction.kind import Kind
from understudy_analyzers.instruction.prompt import Prompt
from understudy_analyzers.instruction.verdict import Instruction

_Rule = Callable[[Prompt], Iterator[Instruction]]
_RULES: tuple[tuple[_Rule, tuple[str, ...]], ...] = (
    (lengths.words, ("word",)),
    (lengths.sentences, ("sentence",)),
    (lengths.totals, ("number of",)),
    (lengths.paragraphs, ("paragraph", "***", "asteris", "aster")),
    (keywords.keywords, ("word", "term", "phrase", "name", "key", "line", "letter", '"', "'", "“", "‘", "`")),
    (keywords.letters, ("letter",)),
    (keywords.symbols, ("mark", "hash", "point", "sign", "semicolon", "ampersand")),
    (forms.bullets, ("bullet",)),
    (forms.listed, ("bullet",)),
    (forms.highlights, ("highlight", "italic", "bold", "emphas")),
    (forms.sections, ("mark", "label", "section", "part", "chapter", "day", "start", "begin")),
    (forms.placeholders, ("placeholder", "place-holder", "bracket")),
    (forms.postscript, ("p.", "ps", "post")),
    (forms.json, ("json",)),
    (forms.title, ("<<", "double")),
    (forms.two, ("***", "asteri")),
    (forms.choice, ("one of", "one from", "any of", "my answer is")),
    (frames.commas, ("comma",)),
    (frames.case, ("case", "capital", "caps", "small letters")),
    (frames.language, ("language", "respond", "answer", "reply", "only", "entire", "response", "write", "exclusively", "using")),
    (frames.quotation, ("quot",)),
    (frames.ending, ("end", "finish", "conclud", "clos", "last", "final", "sign off", "wrap up", "complet", "terminat", "round off", "stop")),
    (frames.repeat, ("repeat", "restat", "copy", "echo", "reproduc", "quot", "recit", "writ")),
)  # fmt: skip
"""Rules, each with the words without one of which it is not tried."""


@lru_cache(maxsize=512)
def detect(prompt: str) -> tuple[Instruction, ...]:
    """The instructions a prompt gives, in the order in which they stand there; () when it gives none."""
    read = Prompt.of(prompt)
    found = [one for rule, needles in _RULES if any(needle in read.lower for needle in needles) for one in rule(read)]
    return tuple(sorted(dict.fromkeys(_agreed(found)), key=lambda one: (one.start, one.kind)))


def _agreed(found: list[Instruction]) -> Iterator[Instruction]:
    """Without those that another explains: an alphabet's case says its language, a section's mark its paragraphs."""
    kinds = {one.kind for one in found}
    for one in found:
        match one.kind:
            case Kind.LANGUAGE if one.words == ("en",) and kinds & {Kind.UPPER, Kind.LOWER}:
                continue
            case Kind.PARAGRAPHS if not one.words and Kind.SECTIONS in kinds:
                continue
            case Kind.SECTIONS if one.words == ("Paragraph",) and Kind.FIRST_WORD in kinds:
                continue
            case Kind.EXISTENCE | Kind.FORBIDDEN if _inside(one, found):
                continue
        yield one


def _inside(one: Instruction, found: list[Instruction]) -> bool:
    """Whether what looks like a keyword is part of another instruction: its mark, its phrase, its first word."""
    words = {word.lower() for word in one.words}
    others = (Kind.END, Kind.FIRST_WORD, Kind.SECTIONS, Kind.POSTSCRIPT, Kind.CHOICE, Kind.REPEAT)
    for other in found:
        if other.kind not in others or other.kind is Kind.REPEAT:
            continue
        if other.start < one.end and one.start < other.end and words & {word.lower() for word in other.words}:
            return True
        if other.kind is Kind.SECTIONS and any(word.lower().startswith(other.words[0].lower()) for word in one.words):
            return True
    return False
