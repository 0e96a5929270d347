"""What holds for all of a reply: how it ends, what it is wrapped in, its language, no commas."""

# ruff: noqa: E501, RUF001 - patterns read better unbroken, and curly quotes are meant

import re
from collections.abc import Iterator

from understudy_analyzers.instruction import grammar
from understudy_analyzers.instruction.grammar import (
    NO,
    QUOTED,
    denied,
)
from understudy_analyzers.instruction.kind import Kind
from understudy_analyzers.instruction.prompt import Prompt
from understudy_analyzers.instruction.verdict import Instruction

LANGUAGES = {
    "english": "en", "spanish": "es", "portuguese": "pt", "arabic": "ar", "hindi": "hi", "french": "fr", "russian": "ru",
    "german": "de", "japanese": "ja", "italian": "it", "bengali": "bn", "ukrainian": "uk", "thai": "th", "urdu": "ur",
    "tamil": "ta", "telugu": "te", "bulgarian": "bg", "korean": "ko", "polish": "pl", "hebrew": "he", "persian": "fa",
    "farsi": "fa", "vietnamese": "vi", "nepali": "ne", "swahili": "sw", "kannada": "kn", "marathi": "mr", "gujarati": "gu",
    "punjabi": "pa", "malayalam": "ml", "finnish": "fi", "chinese": "zh", "mandarin": "zh", "dutch": "nl", "swedish": "sv",
    "turkish": "tr", "greek": "el", "czech": "cs", "danish": "da", "norwegian": "no", "hungarian": "hu", "romanian": "ro",
    "indonesian": "id",
}  # fmt: skip
_TONGUE = "(?P<tongue>" + "|".join(LANGUAGES) + r")\b"
_REPLY = r"(?:response|answer|reply|output|text|essay|story|poem|letter|email|summary|message|post|article|everything|whole thing|entire thing|haiku|song|rap|it)"
_ONLY = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:in|using|use|into|with) (?:only |just |purely |exclusively |nothing but |entirely )?(?:the )?{_TONGUE}(?: language)?[^.!?\n]{{0,40}}?(?:,|;| -|\.| and| \() ?(?:no|and no|without any|do not use any|don['’]t use any) other languages?",
        rf"\b(?:only|solely|exclusively|entirely|completely|purely|wholly|all|nothing but) (?:be )?(?:(?:written|composed|respond|answer|reply|use|using|write) )?(?:in |using |use )?(?:only )?(?:the )?{_TONGUE}(?: language)?",
        rf"\b(?:in|using|use|speak|write) (?:the )?{_TONGUE} (?:language )?(?:only|exclusively|alone|throughout)",
        rf"\b(?:entire|whole|full|your|the|complete) (?:whole |entire )?{_REPLY} (?:(?!question|about)\w+ ){{0,5}}(?:in|using) (?:only )?(?:the )?{_TONGUE}",
        rf"(?:^|[.!?,;:\n] ?|\bplease |\band |\bmust |\bshould )(?:then )?(?:respond|answer|reply|write (?:your|the) \w+)(?: to (?:me|this)| back)? (?:only |entirely |exclusively )?(?:in|using) (?:the )?{_TONGUE}",
        rf"\bno (?:other )?language(?:s)? (?:other than|but|except(?: for)?) {_TONGUE}",
        rf"\bno other languages? (?:except|but|than) {_TONGUE}",
    )
)
_SAYING = re.compile(
    r"\b(?:answer|respon|repl|writ|output|us(?:e|ing)|sp[eo]|explain|describ|tell|give|translat|make|creat|rewrit|compos|"
    r"draft|summar|explain|your|please|greet|list|provide|language)",
    re.IGNORECASE,
)
_PIECE = re.compile(
    r"\b(?:words?|sentences?|lines?|paragraphs?|parts?|half|sections?|title|stanzas?|verses?|bits?) (?:of|in) (?:the )?$",
    re.IGNORECASE,
)
_NO_OTHER = re.compile(r"\bno other languages?\b", re.IGNORECASE)
_NAMED = re.compile(rf"\b(?:in|to|into|using|use|only) (?:only )?(?:the )?{_TONGUE}", re.IGNORECASE)
_COMMA = re.compile(
    rf"{NO}(?:[\s\W]+(?:us\w*|the|any|a|single|contain\w*|includ\w*|ha(?:ve|ving)|put|add\w*|employ\w*|writ\w*|with|insert\w*|place|plac\w*|allowed|permitted|be|there|to|of|have|"
    r"even|one|at|all|in|your|response|answer|reply|entire|whole|make|type|utili[sz]\w*|should|must|periods?|semicolons?|or|and|punctuation|such|as|like|kind|from|from|feature|i|want|see|do|rely|on|resort)){0,9}"
    r"[\s\W]+commas?\b(?! (?:splice|separated|before|after|between))|\bcomma-free\b|\bcommaless\b",
    re.IGNORECASE,
)
_COMMAS_OUT = re.compile(
    r"\bcommas? (?:[a-z]+ ){0,4}?(?:(?:not|never|n't) (?:be )?(?:allowed|permitted|used|included|present|appear|to be)|prohibited|forbidden|banned|off[- ]limits|disallowed|avoided|out of the question)"
    r"|\bcommas? (?:are|is) (?:strictly )?(?:not|forbidden|prohibited|banned|off)",
    re.IGNORECASE,
)
_WRAP = re.compile(
    r"\b(?:wrap\w*|put|enclos\w*|surround\w*|plac(?:e|ed|ing)|encas\w*|includ\w*|contain\w*|bracket\w*|us(?:e|ing)|start and end|begin and end|add|have|be|is|set|give|with|present\w*|deliver\w*|within|inside|in|between)\b"
    r"(?P<what>(?:(?!\b(?:wrap|enclose|surround|put|place)\w*\b)[^.?!\n\"“”]){0,90}?)\b(?:double )?(?:quot(?:e|ation)s?(?: marks?)?|quotations? marks?)\b(?P<then>[^.\n]{0,50})",
    re.IGNORECASE,
)
_ALL = re.compile(
    r"\b(?:entire|whole|complete|full|all of|everything|your (?:response|answer|reply|output)|the (?:response|answer|reply|output|poem|email|letter|story)|"
    r"(?:response|answer|reply|output) (?:[a-z]+ ){0,4}(?:wrapped|enclosed|surrounded|put|placed|in)|wrap(?:ped)? (?:your|the)|start and end|begin and end)\b",
    re.IGNORECASE,
)
_PASSIVELY = re.compile(
    r"\bit (?:also )?(?:should|must|has to|needs to|is to) be (?:wrapped|enclosed|surrounded|put|placed|inside)\b|"
    r"\b(?:your|the|entire|whole|full) (?:[a-z]+ )?(?:response|answer|reply|output|text|story|poem|email|letter) (?:[^.\n\"“”]{0,60} )?(?:be|is) (?:wrapped|enclosed|surrounded|contained|put|placed|in|inside|within)\b",
    re.IGNORECASE,
)
_WHOLLY = re.compile(
    r"\b(?:entire|whole|complete|full) [a-z]+ (?:(?!and |with )[a-z]+ ){0,4}(?:in|inside|within|between|by|with) (?:double )?quot|"
    r"\b(?:begin|start)s? and (?:end|finish)(?:s|es)? with (?:a )?double quot|"
    r"\b(?:response|answer|reply|output) (?:to be )?(?:wrapped|enclosed|surrounded|put|placed)\b|"
    r"quotation marks (?:should|must|have to) (?:wrap|surround|enclose) (?:your|the)\b",
    re.IGNORECASE,
)
_QUOTING = re.compile(
    r"\b(?:title|name|word|words|keyword|phrase|dialogue|quote from|quotes by|each|every|term|author|speech|character|sentence|line)s?\b",
    re.IGNORECASE,
)
_CLOSE = r"(?:finish|end|conclud\w*|clos\w*|wrap up|sign off|terminat\w*|cap off|round off|stop)"
_END = re.compile(
    rf"\b(?:{_CLOSE}(?P<third>s|es)?(?:ing)?)\b(?! up| result)(?P<gap>(?:(?!\b(?:start|begin|post-?script|title|each|every)\w*)[^.\n\"“”]){{0,80}}?)\b(?:with|by saying|by writing|by stating|by asking|on|in|using)\b"
    rf"(?P<noun>(?:(?!\b(?:start|begin|post-?script|without|no)\w*)[^.\n\"“”:]){{0,70}}?)(?P<colon>:?)\s{{0,3}}(?P<quoted>{QUOTED})",
    re.IGNORECASE,
)
_END_BARE = re.compile(
    rf"\b{_CLOSE}(?:s|ing)?\b(?:(?! each| every)[^.\n\"“”:]){{0,60}}?\bwith(?P<exact> (?:this|the|these|an?)?(?: ?exact| following| same| closing| final| phrase| words?| sentence| line| question| statement){{0,5}})?(?P<colon>:)?\s{{1,3}}(?=(?P<rest>(?-i:[A-Z])[^\n\"“”]{{2,160}}))",
    re.IGNORECASE,
)
_LAST = re.compile(
    rf"\b(?:(?:very )?(?:last|final|closing|end(?:ing)?)(?: exact)?(?: sentence| words?| line| phrase| thing| statement| part)?|very end) (?:of|in) (?:your|the|this) (?:entire |whole |complete )?(?:[a-z]+)[^.\n\"“”:]{{0,30}}?(?:should|must|has to|needs to|is to|will|shall)? ?(?:be|read|say|state|contain|include)s?(?: exactly| precisely)?(?: like| as)?(?: (?:this|the|following|exact|phrase|sentence|words?|question)){{0,4}}(?P<colon>:?)\s{{1,3}}(?P<said>{QUOTED}|(?P<rest>[^\n\"“”]{{3,160}}))",
    re.IGNORECASE,
)
_FINAL = re.compile(
    rf"\b(?:your|the) (?:very )?(?:last|final|closing) (?:sentence|line|words?|phrase) (?:(?:should|must|has to|have to|needs to|is to|are to|will) )?(?:be|read|say)(?: exactly)?:? (?P<quoted>{QUOTED})",
    re.IGNORECASE,
)
_AS_LAST = re.compile(
    rf"\b(?:use|make|put|place|add|include|have)\b[^.\n\"“”]{{0,30}}(?P<quoted>{QUOTED})(?:[^.\n\"“”]{{0,40}}\b(?:as|at|be))? the (?:very )?(?:last|final|end|closing)\b"
    rf"|\bat the very end(?: of (?:your|the) [a-z]+)?,? (?:please )?(?:write|add|say|put|include|state)s?:? (?P<then>{QUOTED})",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"(?:^|[.!?,;:\n(\-]|\b(?:and|then|please|should|must|to|also|that|it|ll|response|answer|reply|poem|story|letter|email|essay|song|article|post|limerick|text|output|finally|you|sure|before|by|can|will|always|rant|rap|blog))\W*$",
    re.IGNORECASE,
)

_WHAT_ENDS = re.compile(
    r"\b(?:that|which|it|response|answer|reply|poem|story|letter|email|essay|song|article|post|limerick|text|output|rant|rap|blog|"
    r"speech|message|note|finally|always)\W*$",
    re.IGNORECASE,
)


def commas(prompt: Prompt) -> Iterator[Instruction]:
    """`do not use any commas`."""
    found = _COMMA.search(prompt.plain) or _COMMAS_OUT.search(prompt.plain)
    if found is not None and not re.search(r"\b(?:csv|numbers? without)\b", found.group(), re.IGNORECASE):
        yield Instruction(Kind.COMMA, start=found.start(), end=found.end())


def language(prompt: Prompt) -> Iterator[Instruction]:
    """`respond using only the Kannada language, no other language is allowed`."""
    for pattern in _ONLY:
        for found in pattern.finditer(prompt.plain):
            if denied(prompt.plain, found.start("tongue"), 20) and not found.group().lower().startswith("no"):
                continue
            if re.match(
                r"[- ]?(?:speaking|speakers?|words?|names?|phrases?|class|teacher|style|history|literature|dictionary|restaurant|cuisine|food)\b",
                prompt.plain[found.end("tongue") : found.end("tongue") + 14].strip(),
                re.I,
            ):
                continue
            if _PIECE.search(prompt.plain[max(0, found.start() - 30) : found.start()]):
                continue
            if not _SAYING.search(prompt.sentence(*found.span())):
                continue
            yield Instruction(
                Kind.LANGUAGE, (LANGUAGES[found["tongue"].lower()],), start=found.start(), end=found.end()
            )
            return
    if (alone := _NO_OTHER.search(prompt.plain)) is not None:
        named = [one for one in _NAMED.finditer(prompt.plain[: alone.start()])]
        if named:
            yield Instruction(
                Kind.LANGUAGE,
                (LANGUAGES[named[-1]["tongue"].lower()],),
                start=named[-1].start(),
                end=alone.end(),
            )


def quotation(prompt: Prompt) -> Iterator[Instruction]:
    """`wrap your entire response with double quotation marks`."""
    for found in _WRAP.finditer(prompt.plain):
        if denied(prompt.plain, found.start()):
            continue
        sentence = prompt.sentence(*found.span())
        if _PASSIVELY.search(sentence) or _WHOLLY.search(sentence) or _ALL.search(found.group()):
            between = found["what"]
            if _QUOTING.search(between) and not re.search(
                r"\b(?:entire|whole|complete|full|everything)\b", found.group(), re.IGNORECASE
            ):
                continue
            yield Instruction(Kind.QUOTATION, start=found.start(), end=found.end())
            return


def ending(prompt: Prompt) -> Iterator[Instruction]:
    """`finish your response with this exact phrase: "Is there anything else I can help with?"`."""
    text = prompt.text
    for found in _END.finditer(text):
        if not _SUBJECT.search(text[max(0, found.start() - 30) : found.start()]) or denied(
            text, found.start()
        ):
            continue
        if found["third"] and not _WHAT_ENDS.search(text[max(0, found.start() - 30) : found.start()]):
            continue
        phrase = grammar.unquote(found["quoted"])
        if (one := _phrase(phrase)) is not None:
            yield Instruction(Kind.END, (one,), start=found.start(), end=found.end())
            return
    for pattern in (_LAST, _AS_LAST, _FINAL):
        for found in pattern.finditer(text):
            groups = found.groupdict()
            said = groups.get("quoted") or groups.get("then") or groups.get("said") or ""
            if groups.get("rest") is not None:
                if not groups.get("colon"):
                    continue
                said = _first_sentence(groups["rest"])
            if (one := _phrase(grammar.unquote(said))) is not None:
                yield Instruction(Kind.END, (one,), start=found.start(), end=found.end())
                return
    for found in _END_BARE.finditer(text):
        if not (found["colon"] or "exact" in (found["exact"] or "") or "phrase" in (found["exact"] or "")):
            continue
        if not _SUBJECT.search(text[max(0, found.start() - 30) : found.start()]) or denied(
            text, found.start()
        ):
            continue
        if (one := _phrase(_first_sentence(found["rest"]))) is not None:
            yield Instruction(Kind.END, (one,), start=found.start(), end=found.end())
            return


def _phrase(text: str) -> str | None:
    if (
        len(text) < 3
        or re.match(r"p\.? ?(?:p\.? ?)?s\b|\*|#|<<", text, re.IGNORECASE)
        or not re.search(r"\w", text)
    ):
        return None
    return text


def _first_sentence(text: str) -> str:
    """Up to the end of the line; of several sentences the last words may be about the phrase, not of it."""
    parts = re.split(
        r"(?<=[.!?])\s+(?=(?:No|Do|Don['’]t|Nothing|Make|Also|Your|The|Please|There|You)\b)", text, maxsplit=1
    )
    return parts[0].strip()
