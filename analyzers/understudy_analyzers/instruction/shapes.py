"""What a reply must have or be: a postscript, a title, JSON, two responses, one of the answers to choose from."""

# ruff: noqa: E501, RUF001 - patterns read better unbroken, and curly quotes are meant

import re
from collections.abc import Iterator

from understudy_analyzers.instruction import grammar
from understudy_analyzers.instruction.grammar import (
    QUOTED,
    denied,
)
from understudy_analyzers.instruction.kind import Kind
from understudy_analyzers.instruction.prompt import Prompt
from understudy_analyzers.instruction.verdict import ANSWERS, Instruction

_PS = r"P\.? ?(?P<second>P\.? ?)?S\b\.?"
_POSTSCRIPT = re.compile(
    rf"\bpost-?\s?script\b(?:(?!\bpost-?\s?script\b)[^\n]){{0,60}}?(?<![A-Za-z.])(?P<marker>{_PS})"
    rf"|\b(?:add|includ|put|write|end|finish|conclude|append|close|have|give|need|leave|sign off|place|attach|use|with|there (?:should|must) be)\w*\b[^.\n]{{0,60}}?[\s\"'(“‘](?P<marked>{_PS.replace('second', 'other')})",
    re.IGNORECASE,
)
_BARE_PS = re.compile(
    r"\b(?:add|includ|put|write|end|finish|conclude|append|close|have|give|need|with)\w*\b[^.\n]{0,40}\bpost-?script\b",
    re.IGNORECASE,
)
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
_TITLE = re.compile(
    r"<<[^<>\n]{1,60}>>|\bdouble(?:d)? ang(?:le|ular|led) (?:bracket|quot)|\bdouble chevrons|\bdouble (?:<|less-than)",
    re.IGNORECASE,
)
_STARS = re.compile(
    r"(?<!\*)\*{6,7}(?!\*)|\b(?:six|6)(?: consecutive)? ast(?:e)?risks?(?: symbols?| marks?| signs?)?|\b(?:six|6) \"?\*\"?s?\b",
    re.IGNORECASE,
)
_PARTING = re.compile(
    r"\bseparat|\bdivid|\bsplit|\bbetween|\bdelimit|\bapart|\btwo\b|\bboth\b|\b2\b|\n\*{6}", re.IGNORECASE
)
_MANY = re.compile(
    r"\b(?:three|four|five|six|3|4|5|6) (?:[a-z]+ ){0,2}(?:responses|answers|versions|alternatives|options|replies)\b",
    re.IGNORECASE,
)
_CHOOSE = re.compile(
    r"\b(?:answer|respond|reply|response|say|choose|pick|select|output|contain|include|use|give)\w*\b[^.\n]{0,80}?"
    r"\b(?:one|any) (?:of|from)(?: among)?(?: the| these| those)?(?: following)?(?: [a-z]+){0,3}:?[ \n(\[]{1,3}"
    rf"(?P<list>[-*]? ?{QUOTED}(?:(?: ?, ?(?:and |or )?| (?:and|or|/) |\n[-*]? ?){QUOTED}){{1,8}})",
    re.IGNORECASE,
)


def postscript(prompt: Prompt) -> Iterator[Instruction]:
    """`add a postscript starting with P.P.S`."""
    text = prompt.plain
    if (found := _POSTSCRIPT.search(text)) is not None:
        if not denied(text, found.start()):
            second = found["second"] or found["other"]
            yield Instruction(
                Kind.POSTSCRIPT, ("P.P.S" if second else "P.S.",), None, None, None, *found.span()
            )
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
