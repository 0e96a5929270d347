"""An instruction by IFEval's own name and arguments, as a data set or a declared contract writes it."""

from collections.abc import Mapping

from understudy_analyzers.instruction.kind import Kind, Relation
from understudy_analyzers.instruction.verdict import ANSWERS, DIVIDER, Instruction

_COUNTS = ("num_words", "num_sentences", "num_bullets", "num_highlights", "num_placeholders", "num_sections",
           "num_paragraphs", "frequency", "let_frequency", "capital_frequency")  # fmt: skip
_RELATIONS = ("relation", "let_relation", "capital_relation")
_WORDS = ("keyword", "letter", "language", "first_word", "postscript_marker", "section_spliter", "section_splitter",
          "prompt_to_repeat", "end_phrase")  # fmt: skip
_IMPLIED: Mapping[Kind, Relation] = {
    Kind.BULLETS: Relation.EXACT, Kind.PARAGRAPHS: Relation.EXACT, Kind.FIRST_WORD: Relation.EXACT,
    Kind.PLACEHOLDERS: Relation.LEAST, Kind.HIGHLIGHTS: Relation.LEAST, Kind.SECTIONS: Relation.LEAST,
}  # fmt: skip


def declare(name: str, arguments: Mapping[str, object]) -> Instruction:
    """The instruction called `name` (`keywords:existence`; a language before it, `en:`, is left out).

    Raises:
        ValueError: there is no such kind, or its arguments are of the wrong type.
    """
    kind = Kind(":".join(name.split(":")[-2:]))
    given = {key: value for key, value in arguments.items() if value is not None}
    words = [str(given[key]) for key in _WORDS if key in given]
    for key in ("keywords", "forbidden_words"):
        if isinstance(listed := given.get(key, ()), list | tuple):
            words += map(str, listed)
    if kind is Kind.CHOICE and not words:
        words += ANSWERS
    if kind is Kind.PARAGRAPHS:
        words.append(DIVIDER)
    return Instruction(
        kind,
        tuple(words),
        next((Relation(str(given[key])) for key in _RELATIONS if key in given), _IMPLIED.get(kind)),
        next((int(str(given[key])) for key in _COUNTS if key in given), None),
        int(str(given["nth_paragraph"])) if "nth_paragraph" in given else None,
    )
