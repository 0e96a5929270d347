"""Whether a reply does what an instruction asks, taken strictly: as IFEval describes it, on the reply as it is."""

import re
from dataclasses import dataclass, field

from understudy_analyzers import judge
from understudy_analyzers.instruction import layout, tokens
from understudy_analyzers.instruction.kind import Kind, Relation
from understudy_analyzers.instruction.layout import DIVIDER
from understudy_analyzers.instruction.tongue import english, spoken

__all__ = ["ANSWERS", "DIVIDER", "Instruction", "verify"]

ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
"""What a constrained response chooses from where nothing else is named."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One thing that a prompt asks of the reply's form."""

    kind: Kind
    words: tuple[str, ...] = ()
    """Keywords, phrase, letter, marker, language (ISO 639-1), answers to choose from, or the text to repeat. Of
    PARAGRAPHS, what parts them: `***`, or nothing for blank lines."""
    relation: Relation | None = None
    number: int | None = None
    """How many, with `relation`; None where nothing is counted, or any number will do."""
    nth: int | None = None
    """Which paragraph FIRST_WORD is about, from 1."""
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)
    """Where the prompt says so: characters [start, end)."""

    def kept(self, text: str) -> bool:
        """Whether a reply does it."""
        return verify(self, text) is None

    def __str__(self) -> str:
        number = f"{self.relation} {self.number}" if self.number is not None else ""
        return " ".join(part for part in (self.kind.value, number, ", ".join(self.words)[:80]) if part)


def verify(instruction: Instruction, text: str) -> str | None:
    """Why a reply breaks an instruction; None when it keeps it. Of a very long one, head and tail are read."""
    if not text.strip():
        return "nothing was said"
    one, whole, text = instruction, text, judge.view(text).text
    word = one.words[0] if one.words else ""
    match one.kind:
        case Kind.EXISTENCE:
            lowered = text.lower()
            missing = [word for word in one.words if word.lower() not in lowered]
            return f"without {', '.join(missing)}" if missing else None
        case Kind.FORBIDDEN:
            said = [word for word in one.words if _alone(word, text)]
            return f"says {', '.join(said)}" if said else None
        case Kind.FREQUENCY | Kind.LETTERS:
            return _counted(one, text.lower().count(word.lower()) if word else 0, f"times {word}")
        case Kind.LANGUAGE:
            return spoken(text, word)
        case Kind.SENTENCES:
            return _counted(one, tokens.sentences(text), "sentences")
        case Kind.WORDS:
            return _counted(one, tokens.words(text), "words")
        case Kind.PARAGRAPHS:
            return _paragraphs(one, text)
        case Kind.FIRST_WORD:
            return _first_word(one, text)
        case Kind.PLACEHOLDERS:
            return _counted(one, layout.placeholders(text), "placeholders")
        case Kind.POSTSCRIPT:
            return None if _postscript(word).search(text) else f"no {word}"
        case Kind.BULLETS:
            return _counted(one, layout.bullets(text), "bullets")
        case Kind.CHOICE:
            return None if any(word in text for word in one.words) else "none of the answers to choose from"
        case Kind.HIGHLIGHTS:
            return _counted(one, layout.highlights(text), "highlighted passages")
        case Kind.SECTIONS:
            return _counted(one, layout.sections(text, word), f"sections marked {word}")
        case Kind.JSON:
            return None if layout.is_json(whole) else "not JSON"
        case Kind.TITLE:
            return None if layout.titled(text) else "no title in double angular brackets"
        case Kind.TWO:
            return None if layout.two(text) else "not two different responses with ****** between them"
        case Kind.REPEAT:
            begun = text.strip().lower().startswith(word.strip().lower())
            return None if begun else "does not begin with the request"
        case Kind.END:
            ended = text.strip().strip('"').lower().endswith(word.strip().lower())
            return None if ended else f"does not end with {word!r}"
        case Kind.QUOTATION:
            inner = text.strip()
            return (
                None
                if len(inner) > 1 and inner[0] == inner[-1] == '"'
                else "not wrapped in double quotation marks"
            )
        case Kind.CAPITALS:
            return _counted(one, tokens.capitals(text), "words in capitals")
        case Kind.UPPER:
            return english(text) if text.isupper() else "not all in capitals"
        case Kind.LOWER:
            return english(text) if text.islower() else "not all in lower case"
        case Kind.COMMA:
            return "a comma" if "," in text else None


def _counted(one: Instruction, count: int, what: str) -> str | None:
    if one.number is None or one.relation is None or one.relation.holds(count, one.number):
        return None
    return f"{count} {what}, {one.relation} {one.number} asked for"


def _alone(word: str, text: str) -> bool:
    """Whether a word stands in a text as one: bounded by what is no letter where it ends in one."""
    return re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) is not None if word else False


def _paragraphs(one: Instruction, text: str) -> str | None:
    if DIVIDER in one.words:
        parts = layout.divided(text)
        return (
            "an empty paragraph between dividers"
            if parts is None
            else _counted(one, len(parts), "paragraphs")
        )
    # Where blank lines part them, whether a heading or a greeting counts is nobody's rule: either count will do.
    if _counted(one, len(layout.blocks(text)), "") is None:
        return None
    return _counted(one, layout.prose(text), "paragraphs")


def _first_word(one: Instruction, text: str) -> str | None:
    found = layout.blocks(text)
    if (fault := _counted(one, len(found), "paragraphs")) is not None:
        return fault
    nth = one.nth or 1
    if nth > len(found):
        return f"no paragraph {nth}"
    word = layout.first_word(found[nth - 1])
    return None if word == one.words[0].lower() else f"paragraph {nth} begins with {word!r}"


def _postscript(marker: str) -> re.Pattern[str]:
    match marker.upper().replace(".", "").replace(" ", ""):
        case "PPS":
            return re.compile(r"p\.\s?p\.\s?s", re.IGNORECASE)
        case "PS":
            return re.compile(r"p\.\s?s\.", re.IGNORECASE)
        case _:
            return re.compile(re.escape(marker), re.IGNORECASE)
