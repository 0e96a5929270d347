"""What a prompt asks a reply to look like: structure, what it must hold, language of the code, kind of task.

Rules over the head and tail of the prompt, in English with the common words of Spanish, French, German,
Portuguese, Italian, Russian, Chinese, Japanese and Korean. A rule that is not sure says nothing: an
expectation that was never asked for would turn healthy replies into format breaks.
"""

# ruff: noqa: E501, RUF001 - word lists read better unbroken, and their letters are meant

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

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
    XML = "xml"
    HTML = "html"
    YAML = "yaml"
    HEADINGS = "headings"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What was asked for; everything empty when nothing was."""

    structure: Structure | None = None
    items: int | None = None
    """Number of list items or bullets asked for."""
    language: str = ""
    """Programming language of the code asked for, lower case; "markdown" of a table that is to be Markdown."""
    number: bool = False
    """The answer is a number: a sum, a word problem, a conversion."""
    repetition: bool = False
    """The prompt itself asks for something to be repeated."""
    alone: bool = False
    """The structure is to be the whole reply; a code fence around it is no prose."""
    keys: tuple[str, ...] = ()
    """Names that every JSON object asked for must have."""


_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5, "deux": 2, "trois": 3, "quatre": 4, "cinq": 5,
    "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "três": 3, "quatro": 4, "due": 2, "tre": 3, "quattro": 4, "cinque": 5,
}  # fmt: skip
_N = r"(\d{1,2}|" + "|".join(_WORDS) + r")"

_VERB = (
    r"\b(?:write|make|give|turn|create|build|draft|design|return|output|respond|reply|answer|format|provide|produce|extract|generate|"
    r"convert|present|list|show|summari[sz]e|describe|wrap|use|devuelve|responde|escribe|dame|renvoie|réponds|écris|donne|gib|"
    r"antworte|schreibe|erstelle|retorne|responda|escreva|rispondi|scrivi|restituisci|crea|верни|ответь|напиши)\b"
)
_ASK = (
    _VERB.removesuffix(r")\b")
    + r"|as|in|into|with|only|valid|como|formato|en|format|als|im|em|com|come|con|в|формате)\b"
)
_JSON = re.compile(
    rf"{_ASK}[^.\n]{{0,40}}\bjson(?![a-z])|\bjson (?:object|array|format|only|please|response|output|with|blob|schema|document|block)|:\s*json\b|"
    r"[以用為为] ?json|(?<![a-z])json ?(?:格式|形式|フォーマット|で|형식|으로|로)",
    re.IGNORECASE,
)
_NOT_JSON = re.compile(
    r"\b(?:function|script|program|python|javascript|code) [^.?!\n]{0,80}\bjson\b|"
    r"\b(?:parse[sr]?|load|read|what is|explain|validate) (?:(?!reply|respond|answer|return|output)[^.?!\n]){0,80}\bjson\b|\bjson\b[^.\n]{0,24}\b(?:parser|library|file)\b",
    re.IGNORECASE,
)
_CSV = re.compile(
    rf"{_ASK}[^.\n]{{0,30}}\bcsv(?![a-z])(?! file)|\bcomma[- ]separated (?:values|table)\b|(?<![a-z])csv ?(?:格式|形式|형식)",
    re.IGNORECASE,
)
_XML = re.compile(
    rf"{_VERB}[^.\n]{{0,50}}\bxml (?:document|format|output|block|snippet|fragment|only|structure|response|representation)|"
    r"\b(?:in|as|into|to|only|valid|well-formed|en|als|im|em) (?:an? )?xml\b(?! (?:files?|parsers?))|"
    r"(?<![a-z])xml ?(?:格式|形式|형식)",
    re.IGNORECASE,
)
_HTML = re.compile(
    rf"{_VERB}[^.\n]{{0,40}}\bhtml (?:page|document|table|list|form|snippet|fragment|email|template|code|format|output)\b|"
    r"\b(?:rendered|formatted|written|output|answer|respond|reply) (?:as|in) (?:valid )?html\b|\bas an? (?:valid )?html\b",
    re.IGNORECASE,
)
_YAML = re.compile(
    rf"{_VERB}[^.\n]{{0,50}}\byaml\b(?! (?:parser|files))|\b(?:in|as|valid) yaml format\b|\byaml only\b|(?<![a-z])yaml ?(?:格式|形式|형식)",
    re.IGNORECASE,
)
_PROGRAM = re.compile(
    r"\b(?:parse[sr]?|load|read|what is|explain|validate|function|script|program|difference) [^.\n]{0,60}\b(?:xml|yaml|html)\b|"
    r"\bconvert [^.\n]{0,60}\b(?:xml|yaml|html)\b[^.\n]{0,30} (?:in)?to\b",
    re.IGNORECASE,
)
_TABLE = re.compile(
    r"\bmarkdown table\b|\b(?:as|in|into) an? (?:\w+ ){0,2}table\b|\b(?:make|create|write|draw|give|provide|produce|build) (?:\w+ ){0,3}table\b"
    r"(?! (?:of contents|tennis|lamp|read|topic))|\b(?:in|as) (?:\w+ )?table (?:format|form)\b|\btabla markdown\b|\btableau markdown\b|\bmarkdown-tabelle\b|"
    r"\b(?:en|como|als|em|come|in|sous forme de|in forma di|como uma) (?:una? |einer? |uma |un )?(?:tabla|tabelle|tableau|tabela|tabella)\b|"
    r"в виде таблиц|表格形式|以表格|用表格|表形式|表で|표로|표 형식",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"\bnumbered (?:list|steps)\b|\blista numerada\b|\bliste numérotée\b|\bnummerierte liste\b|\b(?:lista numerata|elenco numerato)\b|"
    r"нумерованн\w{1,4} спис|编号列表|編號列表|番号付き|번호 매기기",
    re.IGNORECASE,
)
_BULLETS = re.compile(
    r"(?<!from )(?<!these )(?<!given )(?<!following )(?<!list of )\bbullet(?:ed)?[- ]?(?:list|points?|form|format)\b|\bbulleted\b|\b(?:use|using|with|in|as) bullets\b|\bviñetas\b|\bà puces\b|\baufzählung|"
    r"\belenco puntato\b|маркированн\w{1,4} спис|项目符号|箇条書き|글머리",
    re.IGNORECASE,
)
_HEADINGS = re.compile(
    r"\bmarkdown (?:section )?head(?:ing|er)s?\b|\bhead(?:ing|er)s? in markdown\b|\buse (?:#{1,6}|h[1-3]) (?:for )?(?:section )?head(?:ing|er)s?\b",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"\b(?:write|create|implement|code|define|generate|give me|provide|show|in python,? define)\b[^.\n]{0,60}"
    r"\b(?:function|script|program|class|method|query|(?<!xml )(?<!html )(?<!yaml )(?<!json )snippet|regex|(?<!dress )(?<!area )(?<!zip )(?<!promo )(?<!bar )code(?! of ))\b|\bcode \w+ in python\b|"
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
_NOT = re.compile(
    r"\b(?:no|not|don't|never|without|avoid|instead of|rather than|nor|sin|ohne|sans|sem|senza)\b[^.!?,;:\n]{0,40}$|不要[^。\n]{0,20}$",
    re.IGNORECASE,
)
_NONE = re.compile(r"\b(?:no|not|without|avoid|never)(?: (?:use|in|as|an?|any))? \w{2,20}$", re.IGNORECASE)
_ALONE = re.compile(
    r"\b(?:only|just|solely|exclusively|nothing (?:else )?but)\b[^.\n]{0,40}\b(?:json|xml|csv|yaml|html)\b|\b(?:json|xml|csv|yaml|html)(?: \w+){0,2} (?:only|alone)\b|"
    r"\bnothing else\b|\b(?:entire|whole|complete) (?:output|response|answer|reply)\b|\ball of your (?:output|response|answer|reply)\b|"
    r"\banything (?:else|outside|before|after|other|besides|around)\b|\bno (?:other|additional|extra|further|surrounding) (?:text|prose|words?|comment\w*|explanation\w*|content|output)\b|"
    r"\b(?:no|without)(?: any)? (?:explanation|preamble|commentary|prose|introduction|extra text|additional text|other text)\w*\b|"
    r"\b(?:solo|únicamente|uniquement|seulement|rien d'autre|ausschließlich|nur|apenas|somente|soltanto|только)\b[^.\n]{0,30}\b(?:json|xml|csv|yaml)\b|[仅只][^。\n]{0,8}json",
    re.IGNORECASE,
)
_KEYS = re.compile(
    r"\b(?:keys?|fields?|properties|attributes|claves|campos|clés|champs|schlüsseln?|feldern?|chiavi|campi)\b"
    r"(?: (?:named|called|are|is|should be|must be))? ?:? ?((?:[\"'`]?[A-Za-z_]\w{0,30}[\"'`]?(?:, and |, or |, | and | & | y | et | und | e )){0,14}[\"'`]?[A-Za-z_]\w{0,30}[\"'`]?)",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z_]\w{0,30}")
_NO_KEY = frozenset(
    "and or the a an in of for to with from as must should each its values value that which are is be name-value only "
    "using where if you your this these those it on at by not no do y et und e following below".split()
)
_ITEMS = re.compile(
    rf"\b(?:exactly|list|give(?: me)?|write|name|provide|suggest|contain|have|include|top|make)\b(?: me| exactly| the| at least)? {_N} "
    r"(?:(?!and\b|or\b|to\b)[a-z-]{2,14} ){0,2}"
    r"(?:items|bullet points?|bullets|points|ideas|reasons|tips|examples|ways|steps|suggestions|names|things|facts|words)\b",
    re.IGNORECASE,
)
_LISTED = re.compile(rf"\bnumbered list of (?:the )?(?:top )?{_N}\b(?! ?(?:-|–|to|or|and)\b)", re.IGNORECASE)
_ABOUT = re.compile(
    r"\b(?:at least|at most|up to|about|around|roughly|or more|or fewer|minimum|maximum)\b|\d ?[-–] ?\d",
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
    return _expect(window(prompt)) if prompt else Expectation()


@lru_cache(maxsize=32)
def _expect(text: str) -> Expectation:
    """Several analyzers ask about the same prompt, one after the other."""
    repetition = _REPEAT.search(text) is not None
    structure, language = _structure(text)
    number = structure is None and _NUMBER.search(text) is not None
    alone = structure in _DOCUMENTS and _ALONE.search(text) is not None
    keys = _keys(text) if structure is Structure.JSON else ()
    items = _items(text)
    if structure is Structure.NUMBERED and items is None:
        items = _listed(text)
    return Expectation(structure, items, language, number, repetition, alone, keys)


_DOCUMENTS = (Structure.JSON, Structure.XML, Structure.HTML, Structure.CSV, Structure.YAML)


_RULES: tuple[tuple[Structure, re.Pattern[str], tuple[str, ...]], ...] = (
    (Structure.CSV, _CSV, ("csv", "comma")),
    (Structure.XML, _XML, ("xml",)),
    (Structure.HTML, _HTML, ("html",)),
    (Structure.YAML, _YAML, ("yaml",)),
    (Structure.TABLE, _TABLE, ("tab", "таблиц", "表", "표")),
    (
        Structure.NUMBERED,
        _NUMBERED,
        ("number", "numer", "numér", "nummer", "нумер", "编号", "編號", "番号", "번호"),
    ),
    (
        Structure.BULLETS,
        _BULLETS,
        ("bullet", "viñet", "puce", "aufz", "punt", "маркир", "项目", "箇条", "글머리"),
    ),
    (Structure.HEADINGS, _HEADINGS, ("head",)),
)
"""Structure, what asks for it, and the words without one of which that is not looked for."""


def _structure(text: str) -> tuple[Structure | None, str]:
    """The structure asked for and the language of code."""
    lowered = text.lower()
    if "json" in lowered and _asked(_JSON, text) and not _NOT_JSON.search(text):
        return Structure.JSON, ""
    code = _CODE.search(text)
    if code and (named := _PROGRAMMING.search(text)):
        return Structure.CODE, named.group(1).lower()
    for structure, pattern, needles in _RULES:
        if not any(needle in lowered for needle in needles) or not _asked(pattern, text):
            continue
        if structure in (Structure.XML, Structure.HTML, Structure.YAML) and _PROGRAM.search(text):
            continue
        return structure, "markdown" if structure is Structure.TABLE and "markdown" in lowered else ""
    if code:
        # A class or a program may be one of people: code is the last of what "write a program as a table" asks for.
        return Structure.CODE, ""
    if _CHOICE.search(text) or "ABC" in "".join(_OPTION.findall(text)):
        return Structure.CHOICE, ""
    return None, ""


def _asked(pattern: re.Pattern[str], text: str) -> bool:
    """Whether a structure is asked for, and not asked to be left out."""
    for count, found in enumerate(pattern.finditer(text)):
        if count == 8:
            break
        before = text[max(0, found.start() - 48) : found.start()]
        if not _NOT.search(before) and not _NONE.search(found.group()[-48:]):
            return True
    return False


def _items(text: str) -> int | None:
    """How many items were asked for, where the prompt says exactly how many."""
    found = _ITEMS.search(text) if _EXACT.search(text) else None
    if found is None or "at least" in found.group().lower():
        return None
    if not _EXACT.search(text, max(0, found.start() - 24), found.end()):
        return None
    return _count(found.group(1))


def _listed(text: str) -> int | None:
    """How many items a numbered list was asked to have."""
    found = _LISTED.search(text)
    return _count(found.group(1)) if found and not _ABOUT.search(text) else None


def _count(word: str) -> int:
    value = word.lower()
    return int(value) if value.isdigit() else _WORDS[value]


def _keys(text: str) -> tuple[str, ...]:
    """The names listed after "keys" or "fields"; none when the list is not plainly one of names."""
    for count, found in enumerate(_KEYS.finditer(text)):
        if count == 4:
            break
        listed, end = found.group(1), text[found.end() : found.end() + 1]
        names = [
            name for name in _NAME.findall(listed) if name.lower() not in ("and", "or", "y", "et", "und", "e")
        ]
        quoted = listed.count('"') + listed.count("'") + listed.count("`") >= 2 * len(names)
        plain = end in ("", ".", ":", ";", "\n", ",", ")") and not _NO_KEY & {name.lower() for name in names}
        if names and (quoted or (plain and len(names) >= 2)):
            return tuple(dict.fromkeys(names))
    return ()
