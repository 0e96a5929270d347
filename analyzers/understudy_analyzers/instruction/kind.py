"""Which kinds of instruction there are, and how a count relates to the number asked for."""

from enum import StrEnum


class Kind(StrEnum):
    """The instruction types of IFEval, under their published names."""

    EXISTENCE = "keywords:existence"
    FREQUENCY = "keywords:frequency"
    FORBIDDEN = "keywords:forbidden_words"
    LETTERS = "keywords:letter_frequency"
    LANGUAGE = "language:response_language"
    SENTENCES = "length_constraints:number_sentences"
    PARAGRAPHS = "length_constraints:number_paragraphs"
    WORDS = "length_constraints:number_words"
    FIRST_WORD = "length_constraints:nth_paragraph_first_word"
    PLACEHOLDERS = "detectable_content:number_placeholders"
    POSTSCRIPT = "detectable_content:postscript"
    BULLETS = "detectable_format:number_bullet_lists"
    CHOICE = "detectable_format:constrained_response"
    HIGHLIGHTS = "detectable_format:number_highlighted_sections"
    SECTIONS = "detectable_format:multiple_sections"
    JSON = "detectable_format:json_format"
    TITLE = "detectable_format:title"
    TWO = "combination:two_responses"
    REPEAT = "combination:repeat_prompt"
    END = "startend:end_checker"
    QUOTATION = "startend:quotation"
    CAPITALS = "change_case:capital_word_frequency"
    UPPER = "change_case:english_capital"
    LOWER = "change_case:english_lowercase"
    COMMA = "punctuation:no_comma"


class Relation(StrEnum):
    """How the count found must relate to the number asked for. "At most 5" is "less than 6"."""

    LEAST = "at least"
    LESS = "less than"
    EXACT = "exactly"

    def holds(self, count: int, number: int) -> bool:
        """Whether a count keeps to `<relation> <number>`."""
        match self:
            case Relation.LEAST:
                return count >= number
            case Relation.LESS:
                return count < number
            case Relation.EXACT:
                return count == number
