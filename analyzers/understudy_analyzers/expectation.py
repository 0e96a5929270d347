"""What a prompt asks a reply to look like: structure, language of the answer, kind of task.

Rules over the head and tail of the prompt, in English with the common words of Spanish, French, German,
Portuguese and Italian. A rule that is not sure says nothing: an expectation that was never asked for would
turn healthy replies into format breaks.
"""

# ruff: noqa: E501, RUF001 - word lists read better unbroken, and their letters are meant

import re
from dataclasses import dataclass
from enum import StrEnum

READ = 4_000
"""Characters read from each end of a prompt: instructions stand at its start or its end."""


class Structure(StrEnum):
    """A structure that a reply can be asked for."""

    JSON = "json"
    TABLE = "table"
    CSV = "csv"
    BULLETS = "bullets"
    NUMBERED = "numbered"
    CODE = "code"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What was asked for; everything empty when nothing was."""

    structure: Structure | None = None
    items: int | None = None
    """Number of list items or bullets asked for."""
    language: str = ""
    """Programming language of the code asked for, lower case; empty when unnamed."""
    number: bool = False
    """The answer is a number: a sum, a word problem, a conversion."""
    repetition: bool = False
    """The prompt itself asks for something to be repeated."""


_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5, "deux": 2, "trois": 3, "quatre": 4, "cinq": 5,
    "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "três": 3, "quatro": 4, "due": 2, "tre": 3, "quattro": 4, "cinque": 5,
}  # fmt: skip
_N = r"(\d{1,2}|" + "|".join(_WORDS) + r")"

_ASK = (
    r"\b(?:write|make|give|turn|create|return|output|respond|reply|answer|format|provide|produce|extract|generate|"
    r"convert|present|list|use|as|in|into|with|only|valid|devuelve|responde|escribe|como|formato|en|renvoie|réponds|"
    r"écris|format|als|gib|antworte|schreibe|im|retorne|responda|escreva|em|rispondi|scrivi|restituisci)\b"
)
_JSON = re.compile(
    rf"{_ASK}[^.\n]{{0,40}}\bjson\b|\bjson (?:object|array|format|only|response|output|with|blob|schema)|:\s*json\b",
    re.IGNORECASE,
)
_NOT_JSON = re.compile(
    r"\b(?:parse[sr]?|load|read|what is|explain|validate|function|script|program|python|javascript|code) [^.\n]{0,40}"
    r"\bjson\b|\bjson\b[^.\n]{0,24}\b(?:parser|library|file)\b",
    re.IGNORECASE,
)
_CSV = re.compile(
    rf"{_ASK}[^.\n]{{0,30}}\bcsv\b(?! file)|\bcomma[- ]separated (?:values|table)\b", re.IGNORECASE
)
_TABLE = re.compile(
    r"\bmarkdown table\b|\b(?:as|in|into) an? (?:\w+ ){0,2}table\b|\b(?:make|create|write|draw|give|provide|produce|build) (?:\w+ ){0,3}table\b"
    r"(?! (?:of contents|tennis|lamp|read|topic))|\btabla markdown\b|\btableau markdown\b|\bmarkdown-tabelle\b",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"\bnumbered list\b|\blista numerada\b|\bliste numérotée\b|\bnummerierte liste\b|\blista numerata\b",
    re.IGNORECASE,
)
_BULLETS = re.compile(
    r"(?<!from )(?<!these )(?<!given )(?<!following )(?<!list of )\bbullet(?:ed)?[- ]?(?:list|points?)?\b|\bviñetas\b|\bà puces\b|\baufzählung",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"\b(?:write|create|implement|code|define|generate|give me|provide|show|in python,? define)\b[^.\n]{0,60}"
    r"\b(?:function|script|program|class|method|query|snippet|regex|code)\b|\bcode \w+ in python\b|"
    r"\bin python, define\b|\bescribe [^.\n]{0,30}función\b|\bécris [^.\n]{0,30}fonction\b|\bschreibe [^.\n]{0,30}funktion\b",
    re.IGNORECASE,
)
_PROGRAMMING = re.compile(
    r"\b(python|javascript|typescript|java|c\+\+|c#|rust|golang|ruby|php|sql|bash|html|css|swift|kotlin)(?![\w+#])",
    re.IGNORECASE,
)
_CHOICE = re.compile(
    r"\b(?:letter only|one letter|with (?:the|a|only the) letter|correct (?:option|letter|choice)|multiple choice)\b",
    re.IGNORECASE,
)
_OPTION = re.compile(r"(?:^|[\s(])([A-E])[).:] ")
_ITEMS = re.compile(
    rf"\b(?:exactly|list|give(?: me)?|write|name|provide|suggest|contain|have|include|top|make)\b(?: me| exactly| the| at least)? {_N} "
    r"(?:(?!and\b|or\b|to\b)[a-z-]{2,14} ){0,2}"
    r"(?:items|bullet points?|bullets|points|ideas|reasons|tips|examples|ways|steps|suggestions|names|things|facts|words)\b",
    re.IGNORECASE,
)
_EXACT = re.compile(r"\bexactly\b", re.IGNORECASE)
_NUMBER = re.compile(
    r"\bhow (?:many|much|old|far|long|tall)\b|\bwhat(?: is|'s) [-\d(]|\b(?:calculate|compute|solve|evaluate|convert \d)|"
    r"\d\s?[-+*/x×÷^]\s?\d[^.\n]{0,20}[=?]|\bcuánt[oa]s?\b|\bcombien\b|\bwie ?viele?\b|\bwas ist \d|\bquant[oaie]\b|"
    r"\b(?:total|sum|average|percentage|profit|remainder) of\b",
    re.IGNORECASE,
)
_REPEAT = re.compile(
    r"\brepeat(?:ed|ing|s)?\b|\bover and over\b|\b\d{1,6} times\b|\b(?:hundred|thousand|many) times\b|\bforever\b|\becho\b|"
    r"\brepite\b|\brépète\b|\bwiederhol|\brepita\b|\bripeti\b|\bchorus\b|\blyrics\b|\bascii art\b|\bsongs?\b|\brap\b|\bpoems?\b|\bverses?\b|\bballad\b|\bpoema\b|\bgedicht\b|\bpoème\b|\bcanción\b|\bchanson\b|重复|繰り返",
    re.IGNORECASE,
)


def window(prompt: str) -> str:
    """The part of a prompt that rules read: whole, or both ends of a long one."""
    return prompt if len(prompt) <= 2 * READ else prompt[:READ] + "\n" + prompt[-READ:]


def expect(prompt: str) -> Expectation:
    """Read a prompt."""
    if not prompt:
        return Expectation()
    text = window(prompt)
    repetition = _REPEAT.search(text) is not None
    items = None
    if (found := _ITEMS.search(text)) and (
        _EXACT.search(text) or found.group(0).lower().startswith("exactly")
    ):
        value = found.group(1).lower()
        items = int(value) if value.isdigit() else _WORDS[value]
    structure, language, number = None, "", False
    if _JSON.search(text) and not _NOT_JSON.search(text):
        structure = Structure.JSON
    elif _CODE.search(text):
        structure = Structure.CODE
        if named := _PROGRAMMING.search(text):
            language = named.group(1).lower()
    elif _CSV.search(text):
        structure = Structure.CSV
    elif _TABLE.search(text):
        structure = Structure.TABLE
    elif _NUMBERED.search(text):
        structure = Structure.NUMBERED
    elif _BULLETS.search(text):
        structure = Structure.BULLETS
    elif _CHOICE.search(text) or "ABC" in "".join(_OPTION.findall(text)):
        structure = Structure.CHOICE
    else:
        number = _NUMBER.search(text) is not None
    return Expectation(structure, items, language, number, repetition)
