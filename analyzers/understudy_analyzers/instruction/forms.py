"""Marks asked for: bullets, highlights, sections, placeholders, titles, postscripts, JSON, two responses, answers to choose from."""

# ruff: noqa: RUF001 - curly quotes are meant

import re
from collections.abc import Iterator

from understudy_analyzers.instruction import grammar
from understudy_analyzers.instruction.grammar import ADJECTIVES, AMOUNT, LATE, N, QUOTED, amount, denied, relations
from understudy_analyzers.instruction.kind import Kind, Relation
from understudy_analyzers.instruction.prompt import Prompt
from understudy_analyzers.instruction.verdict import ANSWERS, Instruction

_BULLETS = amount(r"bullet(?:ed)?(?:[- ](?:points?|items?|list items?))?s?")
_BULLET_LIST = re.compile(
    rf"\bbullet(?:ed|ed point|[- ]point)?[- ]list (?:of|with|containing|that (?:has|contains)) {AMOUNT}[ -](?:items?|points?|entries|bullets?|elements){LATE}",
    re.IGNORECASE,
)
_THINGS = re.compile(rf"{AMOUNT} (?!words?|sentences?|paragraphs?|times|sections?|letters?)[a-z-]{{3,15}}", re.IGNORECASE)
_INTO = re.compile(r"\b(?:us(?:e|ing)|in|into|as|with|form of)(?: the| a| markdown| list of| format of){0,3} bullet", re.IGNORECASE)
_EACH = re.compile(r" ?(?:\w+ ){0,2}(?:per|each|for each|for every|in each|under each)\b", re.IGNORECASE)
_GIVEN = re.compile(r"\b(?:following|these|those|given|below|above|first|last|from|into)(?: the)? $", re.IGNORECASE)

_LIGHT = r"(?:highlight\w*|itali[cs]\w*|bold\w*|emphasi[sz]\w*)"
_PIECES = r"(?:text )?(?:sections?|parts?|phrases?|words?|passages?|portions?|sentences?|areas?|pieces?|keywords?|segments?|texts?|terms?|elements?|spans?)"
_HIGHLIGHTS = re.compile(
    rf"\b{_LIGHT}(?:/\w{{1,10}})?(?: [a-z]{{1,12}}){{0,3}}? {AMOUNT}[ -]{ADJECTIVES}{_PIECES}\b{LATE}", re.IGNORECASE
)
_HIGHLIGHTED = re.compile(
    rf"{AMOUNT}[ -]{ADJECTIVES}(?:{_LIGHT}[ -])?(?:[a-z]{{1,9}} )?{_PIECES}\b{LATE}(?P<gap>[^.\n]{{0,50}})", re.IGNORECASE
)
_MARKUP = re.compile(r"\*{1,2}[^*\n]{1,60}\*{1,2}|markdown|asterisk|[\"'(]\*{1,2}[\"')]|with \*|\bitali[cs]", re.IGNORECASE)
_STARRED = re.compile(r"\*|asterisk")
_NAMED = re.compile(
    rf"\b{_LIGHT} (?:the|its|a|one|each)\b[^.\n]{{0,60}}?(?:with|between|by|using|in)\b[^.\n]{{0,40}}(?:\*|asterisk)", re.IGNORECASE
)
_SOME = re.compile(
    rf"\b{_LIGHT} (?:some|a few|several|the|any|certain|key|important|main) (?:of the |key |important |main |relevant ){{0,2}}{_PIECES}\b", re.IGNORECASE
)
_NAMES = re.compile(rf"\b{_LIGHT} (?:each|every|all(?: of)?(?: the)?) (?:section|title|heading|step)s?\b", re.IGNORECASE)
_SECTIONS_SAID = amount(r"(?:sections?|parts?|chapters?|paragraphs?)")

_MARK = re.compile(
    r"(?P<mark>\b[A-Z][A-Za-z]{2,15}) (?P<quote>[\[<{]?(?:X|N|Y|#|i|\d{1,2}|number)\b[\]>}]?|#)",
)
_MARKED = re.compile(
    r"\b(?:mark|label|start|begin|denot|not(?:ed|e)\b|indicat|head|titl|call|nam|separat|prefix|introduc|number|divid|explicitl|section|format|such as|like|as)\w*",
    re.IGNORECASE,
)
_PLACEHOLDERS = amount(r"place ?-?holders?")
_BRACKETED = re.compile(
    rf"{AMOUNT} {ADJECTIVES}(?:fields?|variables?|blanks?|items?|slots?|spots?|parts?) (?:[a-z]+ ){{0,4}}(?:in|with|within|using|by) square brackets{LATE}",
    re.IGNORECASE,
)
_SQUARE = re.compile(r"\bbrackets?\b|\[[^\]\n]{1,60}\]", re.IGNORECASE)

_PS = r"P\.? ?(?P<second>P\.? ?)?S\b\.?"
_POSTSCRIPT = re.compile(
    rf"\bpost-?\s?script\b(?:(?!\bpost-?\s?script\b)[^\n]){{0,60}}?(?<![A-Za-z.])(?P<marker>{_PS})"
    rf"|\b(?:add|includ|put|write|end|finish|conclude|append|close|have|give|need|leave|sign off|place|attach|use|with)\w*\b[^.\n]{{0,60}}?[\s\"'(“‘](?P<marked>{_PS.replace('second', 'other')})",
    re.IGNORECASE,
)
_BARE_PS = re.compile(r"\b(?:add|includ|put|write|end|finish|conclude|append|close|have|give|need|with)\w*\b[^.\n]{0,40}\bpost-?script\b", re.IGNORECASE)

_JSON = re.compile(
    r"\b(?:in|as|into|using|use|only|with|of|be|is|to|returns?|outputs?|produces?|provides?|gives?|generates?|creates?|write|contain|valid|wrap\w*|format\w*|proper) "
    r"(?:(?:an?|the|valid|raw|pure|proper|one|single|well-formed|strict|entirely|only|just|correct|plain|minified|entire|in|with|of|following|a) ){0,4}json\b(?! ?-?(?:schema|path|parser|web|ld\b|rpc|placeholder|api|files?\b|strings?\b|data from|librar|column|field|key|document))"
    r"|\bjson (?:format|output|response|block|only|formatted|blob)\b",
    re.IGNORECASE,
)
_NOT_JSON = re.compile(
    r"\b(?:pars(?:e|es|ing)|loads?|reads?|reading|explain|validat\w*|function|script|program|code|class|method|query|convert\w* (?:a |the |this )?json|"
    r"what is|what are|difference|how (?:do|can|to)|import|store[sd]?|api|dataset|from (?:a |the )?json)\b",
    re.IGNORECASE,
)
_TITLE = re.compile(r"<<[^<>\n]{1,60}>>|\bdouble(?:d)? ang(?:le|ular|led) (?:bracket|quot)|\bdouble chevrons|\bdouble (?:<|less-than)", re.IGNORECASE)
_STARS = re.compile(r"(?<!\*)\*{6,7}(?!\*)|\b(?:six|6)(?: consecutive)? ast(?:e)?risks?(?: symbols?| marks?| signs?)?|\b(?:six|6) \"?\*\"?s?\b", re.IGNORECASE)
_PARTING = re.compile(r"\bseparat|\bdivid|\bsplit|\bbetween|\bdelimit|\bapart|\btwo\b|\bboth\b|\b2\b|\n\*{6}", re.IGNORECASE)
_MANY = re.compile(r"\b(?:three|four|five|six|3|4|5|6) (?:[a-z]+ ){0,2}(?:responses|answers|versions|alternatives|options|replies)\b", re.IGNORECASE)

_CHOOSE = re.compile(
    r"\b(?:answer|respond|reply|response|say|choose|pick|select|output|contain|include|use|give)\w*\b[^.\n]{0,80}?"
    r"\b(?:one|any) (?:of|from)(?: among)?(?: the| these| those)?(?: following)?(?: [a-z]+){0,3}:?[ \n(\[]{1,3}"
    rf"(?P<list>[-*]? ?{QUOTED}(?:(?: ?, ?(?:and |or )?| (?:and|or|/) |\n[-*]? ?){QUOTED}){{1,8}})",
    re.IGNORECASE,
)


def bullets(prompt: Prompt) -> Iterator[Instruction]:
    """`exactly 3 bullet points`."""
    for pattern in (_BULLETS, _BULLET_LIST):
        for found in pattern.finditer(prompt.plain):
            before = prompt.plain[max(0, found.start() - 16) : found.start()]
            if re.match("one|a single|1", found["low"]) and "point" not in found["noun"].lower():
                continue
            if _EACH.match(prompt.plain[found.end() : found.end() + 30]) or _GIVEN.search(before) or denied(prompt.plain, found.start()):
                continue
            for relation, number in relations(found, Relation.EXACT):
                yield Instruction(Kind.BULLETS, (), relation, number, None, *found.span())


def listed(prompt: Prompt) -> Iterator[Instruction]:
    """`name exactly 3 dogs using bullet points`: the number of things is that of bullets."""
    if _BULLETS.search(prompt.plain) is None and (found := _THINGS.search(prompt.plain)) is not None:
        if _INTO.search(prompt.plain) and (found["exact"] or "").lower() == "exactly":
            yield Instruction(Kind.BULLETS, (), Relation.EXACT, grammar.value(found["low"]), None, *found.span())


def highlights(prompt: Prompt) -> Iterator[Instruction]:
    """`highlight at least 3 sections with markdown, i.e. *highlighted section*`."""
    text = prompt.text
    for found in _HIGHLIGHTS.finditer(text):
        if _near(text, found):
            for relation, number in relations(found, Relation.LEAST):
                yield Instruction(Kind.HIGHLIGHTS, (), _least(relation), number, None, *found.span())
            return
    for found in _HIGHLIGHTED.finditer(text):
        if re.search(_LIGHT, found.group(), re.IGNORECASE) and _near(text, found):
            for relation, number in relations(found, Relation.LEAST):
                yield Instruction(Kind.HIGHLIGHTS, (), _least(relation), number, None, *found.span())
            return
    if (found_all := _NAMES.search(text)) is not None and _near(text, found_all):
        for said in _SECTIONS_SAID.finditer(text):
            for relation, number in relations(said, Relation.LEAST):
                yield Instruction(Kind.HIGHLIGHTS, (), _least(relation), number, None, *found_all.span())
                return
    if (named := _NAMED.search(text) or _SOME.search(text)) is not None and _STARRED.search(text[named.start() : named.end() + 120]):
        yield Instruction(Kind.HIGHLIGHTS, (), Relation.LEAST, 1, None, *named.span())


def _near(text: str, found: re.Match[str]) -> bool:
    return _MARKUP.search(text[max(0, found.start() - 80) : found.end() + 160]) is not None


def _least(relation: Relation) -> Relation:
    """More are no harm: of what must be shown, "3" and "exactly 3" are as many at least."""
    return Relation.LEAST if relation is Relation.EXACT else relation


def sections(prompt: Prompt) -> Iterator[Instruction]:
    """`4 sections marked with SECTION X`."""
    text = prompt.text
    for found in _MARK.finditer(text):
        mark, number = found["mark"], found["quote"]
        if not _MARKED.search(text[max(0, found.start() - 60) : found.start()]):
            continue
        noun = re.escape(mark.rstrip("s").lower())
        if mark.lower() not in ("section", "paragraph", "part", "chapter", "day", "step", "audience", "act", "scene", "stanza", "verse", "topic", "phase", "week", "module", "lesson", "episode", "slide"):
            if not (mark.isupper() and not number[0].isdigit()):
                continue
        if re.search(r"\n[ \t]*(?:[*-] )?$", text[max(0, found.start() - 5) : found.start()]) and number.isdigit():
            continue  # a line of an example, of which another mark is the point
        digit = number.strip("[]<>{}").isdigit()
        for said in re.finditer(rf"{AMOUNT}[ -]{ADJECTIVES}(?:{noun}|section|part|chapter|paragraph)s?\b{LATE}", text, re.IGNORECASE):
            if said.start() <= found.end() and said.end() > found.start():
                continue
            for relation, many in relations(said, Relation.LEAST):
                if digit and not re.search(rf"\b{re.escape(mark)} {many}\b|{re.escape(mark)} 1\b", text):
                    continue
                yield Instruction(Kind.SECTIONS, (mark,), _least(relation), many, None, said.start(), said.end())
                return


def placeholders(prompt: Prompt) -> Iterator[Instruction]:
    """`at least 3 placeholders represented by square brackets, such as [name]`."""
    if _SQUARE.search(prompt.text) is None:
        return
    for pattern in (_PLACEHOLDERS, _BRACKETED):
        for found in pattern.finditer(prompt.plain):
            for relation, number in relations(found, Relation.LEAST):
                yield Instruction(Kind.PLACEHOLDERS, (), relation, number, None, *found.span())
                return


def postscript(prompt: Prompt) -> Iterator[Instruction]:
    """`add a postscript starting with P.P.S`."""
    text = prompt.plain
    if (found := _POSTSCRIPT.search(text)) is not None:
        if not denied(text, found.start()):
            second = found["second"] or found["other"]
            yield Instruction(Kind.POSTSCRIPT, ("P.P.S" if second else "P.S.",), None, None, None, *found.span())
    elif (bare := _BARE_PS.search(text)) is not None and not denied(text, bare.start()):
        yield Instruction(Kind.POSTSCRIPT, ("P.S.",), None, None, None, *bare.span())


def json(prompt: Prompt) -> Iterator[Instruction]:
    """`wrap the entire output in JSON format`."""
    for found in _JSON.finditer(prompt.plain):
        sentence = prompt.sentence(*found.span())
        if not _NOT_JSON.search(sentence) and not denied(prompt.plain, found.start()):
            yield Instruction(Kind.JSON, start=found.start(), end=found.end())
            return


def title(prompt: Prompt) -> Iterator[Instruction]:
    """`a title wrapped in double angular brackets, i.e. <<title>>`."""
    found = _TITLE.search(prompt.text)
    if found is not None and not denied(prompt.text, found.start()):
        yield Instruction(Kind.TITLE, start=found.start(), end=found.end())


def two(prompt: Prompt) -> Iterator[Instruction]:
    """`two different responses separated by 6 asterisk symbols: ******`."""
    found = _STARS.search(prompt.text)
    if found is None or _MANY.search(prompt.plain):
        return
    if _PARTING.search(prompt.text[max(0, found.start() - 200) : found.end() + 60]):
        yield Instruction(Kind.TWO, start=found.start(), end=found.end())


def choice(prompt: Prompt) -> Iterator[Instruction]:
    """`answer with one of the following phrases: "My answer is yes.", "My answer is no."`."""
    text = prompt.text
    if (at := prompt.lower.find("my answer is yes")) >= 0 and "my answer is no" in prompt.lower:
        yield Instruction(Kind.CHOICE, ANSWERS, start=at, end=at + 16)
    elif (found := _CHOOSE.search(text)) is not None:
        words = tuple(dict.fromkeys(grammar.unquote(one) for one in re.findall(QUOTED, found["list"])))
        if len(words) > 1:
            yield Instruction(Kind.CHOICE, words, start=found.start(), end=found.end())


__all__ = ["N", "bullets", "choice", "highlights", "json", "placeholders", "postscript", "sections", "title", "two"]
