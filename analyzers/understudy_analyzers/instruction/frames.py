"""What holds for the whole reply: how it begins and ends, its case, its language, its punctuation."""

# ruff: noqa: RUF001 - curly quotes are meant

import re
from collections.abc import Iterator

from understudy_analyzers.instruction import grammar
from understudy_analyzers.instruction.grammar import ADJECTIVES, AMOUNT, LATE, NO, QUOTED, denied, relations
from understudy_analyzers.instruction.kind import Kind, Relation
from understudy_analyzers.instruction.prompt import Prompt
from understudy_analyzers.instruction.verdict import Instruction

_LANGUAGES = {
    "english": "en", "spanish": "es", "portuguese": "pt", "arabic": "ar", "hindi": "hi", "french": "fr", "russian": "ru",
    "german": "de", "japanese": "ja", "italian": "it", "bengali": "bn", "ukrainian": "uk", "thai": "th", "urdu": "ur",
    "tamil": "ta", "telugu": "te", "bulgarian": "bg", "korean": "ko", "polish": "pl", "hebrew": "he", "persian": "fa",
    "farsi": "fa", "vietnamese": "vi", "nepali": "ne", "swahili": "sw", "kannada": "kn", "marathi": "mr", "gujarati": "gu",
    "punjabi": "pa", "malayalam": "ml", "finnish": "fi", "chinese": "zh", "mandarin": "zh", "dutch": "nl", "swedish": "sv",
    "turkish": "tr", "greek": "el", "czech": "cs", "danish": "da", "norwegian": "no", "hungarian": "hu", "romanian": "ro",
    "indonesian": "id",
}  # fmt: skip
_TONGUE = "(?P<tongue>" + "|".join(_LANGUAGES) + r")\b"
_REPLY = r"(?:response|answer|reply|output|text|essay|story|poem|letter|email|summary|message|post|article|everything|whole thing|entire thing|haiku|song|rap|it)"
_ONLY = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:in|using|use|into|with) (?:only |just |purely |exclusively |nothing but |entirely )?(?:the )?{_TONGUE}(?: language)?[^.!?\n]{{0,40}}?(?:,|;| -|\.| and| \() ?(?:no|and no|without any|do not use any|don['’]t use any) other languages?",
        rf"\b(?:only|solely|exclusively|entirely|completely|purely|wholly|all|nothing but) (?:be )?(?:(?:written|composed|respond|answer|reply|use|using|write) )?(?:in |using |use )?(?:only )?(?:the )?{_TONGUE}(?: language)?",
        rf"\b(?:in|using|use) (?:the )?{_TONGUE} (?:language )?(?:only|exclusively|alone|throughout)",
        rf"\b(?:entire|whole|full|your|the|complete) (?:whole |entire )?{_REPLY} (?:(?!question|about)\w+ ){{0,5}}(?:in|using) (?:only )?(?:the )?{_TONGUE}",
        rf"(?:^|[.!?,;:\n] ?|\bplease |\band |\bmust |\bshould )(?:then )?(?:respond|answer|reply|write (?:your|the) \w+)(?: to (?:me|this)| back)? (?:only |entirely |exclusively )?(?:in|using) (?:the )?{_TONGUE}",
        rf"\bno (?:other )?language(?:s)? (?:other than|but|except(?: for)?) {_TONGUE}",
        rf"\bno other languages? (?:except|but|than) {_TONGUE}",
    )
)
_NO_OTHER = re.compile(r"\bno other languages?\b", re.IGNORECASE)
_NAMED = re.compile(rf"\b(?:in|to|into|using|use|only) (?:only )?(?:the )?{_TONGUE}", re.IGNORECASE)

_UPPER = r"(?:all[- ]caps|all (?:in )?caps\b|caps lock|(?:all |only |full |fully |entirely |exclusively )?(?:in )?(?:capital letters?|capitals\b|caps\b|upper-? ?case)(?: letters?)?)"
_LOWER = r"(?:all |only |full |fully |entirely |exclusively |completely )?(?:in )?(?:lower-? ?case|small letters|lower-?cased)(?: letters?| english)?"
_WHOLE = (
    r"(?:\b(?:entire|whole|full|all (?:of )?|complete|every(?:thing)?|your|the|only|all|no|entirely|exclusively|throughout|must|should)\b|"
    r"\b(?:answer|respond|reply|write|writ(?:ten|ing)|response|use|make|output|in)\b)"
)
_UPPERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\bin (?:english,? (?:and )?)?(?:in )?(?:all[- ])?(?:caps\b|capitals\b|capital letters|upper-? ?case(?: letters)?)",
        r"\ball (?:in )?(?:capital letters|capitals\b|caps\b|upper-? ?case)",
        r"\ball[- ]caps\b",
        r"\b(?:only|exclusively|solely|nothing but) (?:use |using |in |be in |contain |with )?(?:english )?(?:capital|upper-? ?case)(?: letters)?",
        r"\bus(?:e|ing) (?:only |just |solely |exclusively )(?:capital|upper-? ?case)",
        r"\b(?:capitali[sz]e|uppercase) (?:all|every|each)(?: of)?(?: your| the| single)? (?:letters?|words?|characters?)\b",
        r"\bno lower-? ?case(?: letters)?",
        r"\blower-? ?case(?: letters)? (?:is|are) (?:not|forbidden|prohibited|banned|off)",
        r"\ball (?:of the |the |your )?letters (?:[a-z]+ ){0,6}?(?:capitali[sz]ed|upper-? ?case|capitals?)",
        rf"{NO}(?: [a-z]+){{0,4}} lower-? ?case letters?",
        r"\bevery (?:single )?letter (?:\w+ ){0,4}(?:capitali[sz]ed|upper-? ?case|a capital)",
        r"\bcaps lock\b",
    )
)
_LOWERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\bin (?:english,? (?:and )?)?(?:in )?(?:all[- ]|only |just |entirely )?(?:lower-? ?case(?:d)?|small letters)",
        r"\ball (?:in )?(?:the )?(?:lower-? ?case(?:d)?|small letters)",
        r"\b(?:only|exclusively|solely|just) (?:use |using |in |be in |contain |with )?(?:english )?(?:lower-? ?case|small)\b(?: letters)?",
        r"\b(?:with|us(?:e|ing)|in) (?:only |all |just )?lower-? ?case\b",
        r"\ball (?:of the |the )?letters (?:\w+ ){0,5}?(?:lower-? ?case(?:d)?)",
        r"\b(?:must|should|needs? to|has to|to) be (?:entirely |all |completely |fully )?(?:in )?lower-? ?case",
        rf"{NO}(?: [a-z]+){{0,4}} (?:capital(?:i[sz]ed)?|upper-? ?case) letters?(?! (?:word|to))",
        r"\b(?:capital|upper-? ?case)(?: letters)? (?:is|are) (?:not|forbidden|prohibited|banned|off)",
        r"\bno (?:capitali[sz]ation|capitals|upper-? ?case)\b",
        rf"{NO}(?: [a-z]+){{0,2}} (?:capitals\b|capitali[sz]ations?|capitali[sz]ing|upper-? ?case)\b",
        r"\b(?:not|without) (?:even )?(?:a|one) single (?:capital|upper-? ?case|letter (?:\w+ ){0,5}capitali[sz]ed)",
        r"\bnot a single letter (?:\w+ ){0,6}capitali[sz]ed",
        r"\blower-? ?case (?:letters )?(?:only|throughout)\b",
        r"\bevery (?:single )?letter (?:\w+ ){0,4}lower-? ?case",
    )
)
_ABOUT_CASE = re.compile(
    r"\b(?:password|variable|function|python|string|regex|column|convert\w* (?:a|the|this)|identifier|code|program|method|title case|"
    r"first letter|names? (?:of|in) (?:the )?(?:file|column)|acronym|sort\w*)\b",
    re.IGNORECASE,
)
_WORDS_IN = re.compile(
    r"\b(?:words?|some|few|phrases?|names?|titles?|headings?|sections?|terms?|line|keywords?|subject|each (?:line|section|paragraph)|sentences?) (?:(?!and |or )[a-z]+ ){0,4}$",
    re.IGNORECASE,
)
_CAPS = r"(?:(?:all[- ])?cap(?:s|itals?)\b|(?:all |full |fully |entirely |only )?(?:capital(?: |i[sz]ed )letters?|capital letters?|upper-? ?case(?:d)?(?: letters?)?|capitali[sz]ed|capitals))"
_CAP_WORDS = (
    rf"(?:words? (?:(?:which|that) (?:are|is) |be |being |written |fully )?(?:(?:with|in|of|using) )?(?:all |only |entirely )?(?:in )?{_CAPS}|"
    rf"(?:all[- ]caps?|all[- ]capitali[sz]ed|all[- ]capital|fully[- ]capitali[sz]ed|(?:full(?:y)?[- ])?upper-? ?case(?:d)?|capitali[sz]ed|capital) words?|words? (?:fully |entirely )?(?:in )?all[- ]caps)"
)
_MANY_CAPS = re.compile(
    rf"{AMOUNT}[ -](?:[a-z]{{2,12}} ){{0,3}}?{_CAP_WORDS}{LATE}"
    rf"|(?P<noun>{_CAP_WORDS})",
    re.IGNORECASE,
)
_TIMES = re.compile(rf"^[^.\n]{{0,70}}?(?P<amount>(?:(?<=\W)|^){AMOUNT}(?: times?| such| of (?:them|these)| (?:capitali[sz]ed|such|all[- ]caps|capital) words?|(?=[.,;]|$)){LATE})", re.IGNORECASE)
_STRESS = re.compile(r"\b(?:capitali[sz]|all[- ]caps|capital letters|upper-? ?case)", re.IGNORECASE)
_SOME = re.compile(r"\b(?:use|using|include|have|add|put)\b(?: (?:some|a few|several|certain))? $", re.IGNORECASE)
_NOW = re.compile(r"[^.\n,]{0,40}\b(?:at least|at most|less|more|fewer|times)\b", re.IGNORECASE)
_NUMBER_OF = re.compile(rf"\b(?:number of|those|these|such|there should be|limit) (?:[a-z-]+ ){{0,8}}?(?:words?\b)?[^.\n]{{0,40}}?{AMOUNT}(?: times?| such| (?:capitali[sz]ed )words?)?{LATE}", re.IGNORECASE)

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
    r"\b(?:wrap\w*|put|enclos\w*|surround\w*|plac(?:e|ed|ing)|encas\w*|includ\w*|contain\w*|bracket\w*|us(?:e|ing)|start and end|begin and end|add|have|be|is|set|give|present\w*|deliver\w*|within|inside|in|between)\b"
    r"(?P<what>(?:(?!\b(?:wrap|enclose|surround|put|place)\w*\b)[^.\n\"“”]){0,90}?)\b(?:double )?(?:quot(?:e|ation)s?(?: marks?)?|quotations? marks?)\b(?P<then>[^.\n]{0,50})",
    re.IGNORECASE,
)
_ALL = re.compile(
    r"\b(?:entire|whole|complete|full|all of|everything|your (?:response|answer|reply|output)|the (?:response|answer|reply|output|poem|email|letter|story)|"
    r"(?:response|answer|reply|output|it) (?:[a-z]+ ){0,4}(?:wrapped|enclosed|surrounded|put|placed|in)|wrap(?:ped)? (?:it|your|the)|start and end|begin and end)\b",
    re.IGNORECASE,
)
_PASSIVELY = re.compile(
    r"\b(?:your|the|entire|whole|full) (?:[a-z]+ )?(?:response|answer|reply|output|text|story|poem|email|letter) (?:[^.\n\"“”]{0,60} )?(?:be|is) (?:wrapped|enclosed|surrounded|put|placed|in|inside|within)\b",
    re.IGNORECASE,
)
_QUOTING = re.compile(r"\b(?:title|name|word|words|keyword|phrase|dialogue|quote from|quotes by|each|every|term|author|speech|character|sentence|line)s?\b", re.IGNORECASE)

_CLOSE = r"(?:finish|end|conclud\w*|clos\w*|wrap up|sign off|terminat\w*|cap off|round off|stop)"
_END = re.compile(
    rf"\b(?:{_CLOSE}(?:s|es|ing|ed)?)\b(?P<gap>(?:(?!\b(?:start|begin|post-?script|title|each|every)\w*)[^.\n\"“”]){{0,80}}?)\b(?:with|by saying|by writing|by stating|by asking|on|in|using)\b"
    rf"(?P<noun>(?:(?!\b(?:start|begin|post-?script|without|no)\w*)[^.\n\"“”:]){{0,70}}?)(?P<colon>:?)\s{{0,3}}(?P<quoted>{QUOTED})",
    re.IGNORECASE,
)
_END_BARE = re.compile(
    rf"\b{_CLOSE}(?:s|ing)?\b(?:(?! each| every)[^.\n\"“”:]){{0,60}}?\bwith(?P<exact> (?:this|the|these|an?)?(?: ?exact| following| same| closing| final| phrase| words?| sentence| line| question| statement){{0,5}})?(?P<colon>:)?\s{{1,3}}(?P<rest>[A-Z][^\n\"“”]{{2,160}})",
    re.IGNORECASE,
)
_LAST = re.compile(
    rf"\b(?:(?:very )?(?:last|final|closing|end(?:ing)?)(?: exact)?(?: sentence| words?| line| phrase| thing| statement| part)?|very end) (?:of|in) (?:your|the|this) (?:entire |whole |complete )?(?:[a-z]+)[^.\n\"“”:]{{0,30}}?(?:should|must|has to|needs to|is to|will|shall)? ?(?:be|read|say|state|contain|include)s?(?: exactly| precisely)?(?: like| as)?(?: (?:this|the|following|exact|phrase|sentence|words?|question)){{0,4}}(?P<colon>:?)\s{{1,3}}(?P<said>{QUOTED}|(?P<rest>[^\n\"“”]{{3,160}}))",
    re.IGNORECASE,
)
_AS_LAST = re.compile(
    rf"\b(?:use|make|put|place|add|include|have)\b[^.\n\"“”]{{0,30}}(?P<quoted>{QUOTED})[^.\n\"“”]{{0,40}}\b(?:as|at|be) the (?:very )?(?:last|final|end|closing)\b",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"(?:^|[.!?,;:\n(\-]|\b(?:and|then|please|should|must|to|also|that|it|ll|response|answer|reply|poem|story|letter|email|essay|song|article|post|limerick|text|output|finally|you|sure|before|by|can|will|always|rant|rap|blog))\W*$",
    re.IGNORECASE,
)

_REPEAT = re.compile(
    r"\b(?:repeat(?:ing)?|restat(?:e|ing)|copy|echo|reproduc(?:e|ing)|quot(?:e|ing)|writ(?:e|ing) out|recit(?:e|ing))\b[^.\n]{0,60}?\b(?:request|prompt|sentence|question|text|instructions?|query|it|message|task|everything|all)\b",
    re.IGNORECASE,
)
_EXACTLY = re.compile(
    r"\bword[- ](?:for|by)[- ]word\b|\bwithout (?:any )?chang|\bexact|\bas it is\b|\bas is\b|\bverbatim\b|\bdo not change\b|\bbefore (?:you )?(?:say|repeat|giv|answer|respond|outputt?|anything)|"
    r"\bfirst\b|\bnot say (?:any|anything)|\bunchanged\b|\bvery beginning\b",
    re.IGNORECASE,
)
_BELOW = re.compile(r"\b(?:below|following|comes next|that follows)\b", re.IGNORECASE)
_HERE = re.compile(r"\brepeat[^\n\"“]{0,30}[\"“](?P<said>[^\"”\n]{15,600})[\"”]", re.IGNORECASE)


def commas(prompt: Prompt) -> Iterator[Instruction]:
    """`do not use any commas`."""
    found = _COMMA.search(prompt.plain) or _COMMAS_OUT.search(prompt.plain)
    if found is not None and not re.search(r"\b(?:csv|numbers? without)\b", found.group(), re.IGNORECASE):
        yield Instruction(Kind.COMMA, start=found.start(), end=found.end())


def case(prompt: Prompt) -> Iterator[Instruction]:
    """`in all capital letters`; `no capital letters are allowed`; words in capitals, so many times."""
    text = prompt.plain
    counted = list(_capitals(prompt))
    yield from counted
    for kind, patterns in ((Kind.LOWER, _LOWERS), (Kind.UPPER, _UPPERS)):
        if (found := next((one for one in map(lambda p: _cased(prompt, p, counted), patterns) if one), None)) is not None:
            yield Instruction(kind, start=found.start(), end=found.end())
            return
    del text


def _cased(prompt: Prompt, pattern: re.Pattern[str], counted: list[Instruction]) -> re.Match[str] | None:
    text = prompt.plain
    for found in pattern.finditer(text):
        if any(one.start < found.end() and found.start() < one.end for one in counted):
            continue
        before = re.split(r"[.!?;:\n]", text[max(0, found.start() - 60) : found.start()])[-1]
        if _WORDS_IN.search(before) or _ABOUT_CASE.search(prompt.sentence(*found.span())):
            continue
        if re.match(r"\W{0,2}(?:words?|names?|titles?|abbreviation|headings?|for (?:the|each|all|every) (?:title|name|heading|word|key))\b", text[found.end() : found.end() + 40], re.IGNORECASE):
            continue
        first = found.group().lower()
        if denied(text, found.start(), 20) and not re.match(rf"{NO}", first, re.IGNORECASE):
            continue
        return found
    return None


def _capitals(prompt: Prompt) -> Iterator[Instruction]:
    text = prompt.plain
    some = None
    said: list[Instruction] = []
    for found in _MANY_CAPS.finditer(text):
        if found["low"]:
            said += [Instruction(Kind.CAPITALS, (), relation, number, None, *found.span()) for relation, number in relations(found)]
            continue
        rest = text[found.end() : found.end() + 110]
        times = _TIMES.match(re.split(r"(?<=[\w\")])[.!?](?=\s|$)|\n", rest)[0])
        if times is not None and (told := relations(times)):
            end = found.end() + times.end()
            said += [Instruction(Kind.CAPITALS, (), relation, number, None, found.start(), end) for relation, number in told]
        if _SOME.search(text[max(0, found.start() - 30) : found.start()]) and not _NOW.match(rest):
            some = found
    if not said and _STRESS.search(text) and re.search(r"\bwords?\b", text):
        for at in _STRESS.finditer(text):
            follow = text[at.end() : at.end() + 160]
            if (more := _NUMBER_OF.search(follow)) is not None and (told := relations(more)) and "sentence" not in more.group().lower():
                said += [
                    Instruction(Kind.CAPITALS, (), relation, number, None, at.start(), at.end() + more.end()) for relation, number in told
                ]
                break
    if some is not None and not any(one.relation in (Relation.LEAST, Relation.EXACT) for one in said):
        said.append(Instruction(Kind.CAPITALS, (), Relation.LEAST, 1, None, *some.span()))
    yield from dict.fromkeys(said)


def language(prompt: Prompt) -> Iterator[Instruction]:
    """`respond using only the Kannada language, no other language is allowed`."""
    for pattern in _ONLY:
        for found in pattern.finditer(prompt.plain):
            if denied(prompt.plain, found.start("tongue"), 20) and not found.group().lower().startswith("no"):
                continue
            if re.match(r"[- ]?(?:speaking|speakers?|words?|names?|phrases?|class|teacher|style|history|literature|dictionary|restaurant|cuisine|food)\b", prompt.plain[found.end("tongue") : found.end("tongue") + 14].strip(), re.I):
                continue
            yield Instruction(Kind.LANGUAGE, (_LANGUAGES[found["tongue"].lower()],), start=found.start(), end=found.end())
            return
    if (alone := _NO_OTHER.search(prompt.plain)) is not None:
        named = [one for one in _NAMED.finditer(prompt.plain[: alone.start()])]
        if named:
            yield Instruction(Kind.LANGUAGE, (_LANGUAGES[named[-1]["tongue"].lower()],), start=named[-1].start(), end=alone.end())


def quotation(prompt: Prompt) -> Iterator[Instruction]:
    """`wrap your entire response with double quotation marks`."""
    for found in _WRAP.finditer(prompt.plain):
        if denied(prompt.plain, found.start()):
            continue
        passive = _PASSIVELY.search(prompt.sentence(*found.span())[:400]) is not None
        if passive or (_ALL.search(found.group())) is not None:
            between = found["what"]
            if _QUOTING.search(between) and not re.search(r"\b(?:entire|whole|complete|full|everything)\b", found.group(), re.I):
                continue
            yield Instruction(Kind.QUOTATION, start=found.start(), end=found.end())
            return


def ending(prompt: Prompt) -> Iterator[Instruction]:
    """`finish your response with this exact phrase: "Is there anything else I can help with?"`."""
    text = prompt.text
    for found in _END.finditer(text):
        if not _SUBJECT.search(text[max(0, found.start() - 30) : found.start()]) or denied(text, found.start()):
            continue
        phrase = grammar.unquote(found["quoted"])
        if (one := _phrase(phrase)) is not None:
            yield Instruction(Kind.END, (one,), start=found.start(), end=found.end())
            return
    for pattern in (_LAST, _AS_LAST):
        for found in pattern.finditer(text):
            groups = found.groupdict()
            said = groups.get("quoted") or groups.get("said") or ""
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
        if not _SUBJECT.search(text[max(0, found.start() - 30) : found.start()]) or denied(text, found.start()):
            continue
        if (one := _phrase(_first_sentence(found["rest"]))) is not None:
            yield Instruction(Kind.END, (one,), start=found.start(), end=found.end())
            return


def _phrase(text: str) -> str | None:
    if len(text) < 3 or re.match(r"p\.? ?(?:p\.? ?)?s\b|\*|#|<<", text, re.IGNORECASE) or not re.search(r"\w", text):
        return None
    return text


def _first_sentence(text: str) -> str:
    """Up to the end of the line; of several sentences the last words may be about the phrase, not of it."""
    parts = re.split(r"(?<=[.!?])\s+(?=(?:No|Do|Don['’]t|Nothing|Make|Also|Your|The|Please|There|You)\b)", text, maxsplit=1)
    return parts[0].strip()


def repeat(prompt: Prompt) -> Iterator[Instruction]:
    """`First repeat the request word for word without change, then give your answer`."""
    text = prompt.text
    for found in _REPEAT.finditer(text):
        line = text[text.rfind("\n", 0, found.start()) + 1 :]
        near = text[max(0, found.start() - 100) : found.end() + 200]
        if not _EXACTLY.search(near) or re.match(rf"[^.]{{0,40}}{NO}[^.]{{0,10}}repeat", line, re.IGNORECASE):
            continue
        if denied(text, found.start(), 20):
            continue
        if (here := _HERE.match(text[found.start() : found.start() + 700])) is not None:
            wanted: str | None = here["said"]
        elif _BELOW.search(prompt.sentence(*found.span())) or text[: found.start()].strip().count(" ") <= 3:
            wanted = _below(text, found)
        else:
            wanted = _above(text, found) or _below(text, found)
        if wanted:
            yield Instruction(Kind.REPEAT, (wanted,), start=found.start(), end=found.end())
            return


def _below(text: str, found: re.Match[str]) -> str | None:
    """What stands after the order to repeat, from the next blank line on."""
    at = text.find("\n\n", found.end())
    if at < 0:
        at = text.find("\n", found.end())
    return text[at:].strip() or None if at >= 0 else None


def _above(text: str, found: re.Match[str]) -> str | None:
    """What stands before the sentence or line that orders to repeat."""
    before = text[: found.start()]
    line = before.rfind("\n")
    stop = max((one.end() for one in re.finditer(r"[.!?][\"'”’)]?\s", before)), default=0)
    # An order has a line of its own, or follows the request's last sentence.
    at = line + 1 if line >= 0 and (before[line:].count(" ") < 14) else stop
    return text[:at].strip() or None


__all__ = ["ADJECTIVES", "capitals", "case", "commas", "ending", "language", "quotation", "repeat"]
