"""Words that a reply must have, or must not have."""

# ruff: noqa: E501, RUF001 - patterns read better unbroken, and curly quotes are meant

import re
from collections.abc import Iterator

from understudy_analyzers.instruction.counts import NOT_WORDS, counts
from understudy_analyzers.instruction.grammar import (
    QUOTED,
    QUOTES,
    WORDS,
    denied,
    items,
)
from understudy_analyzers.instruction.kind import Kind
from understudy_analyzers.instruction.prompt import Prompt
from understudy_analyzers.instruction.verdict import Instruction

_NAMES = r"(?:key ?-?words?|keys?|words?|terms?|phrases?|names?|expressions?|lines?)"
_USE = (
    r"(?:includ(?:e|es|ing)|contain(?:s|ing)?|us(?:e|es|ing)|utili[sz](?:e|es|ing)|incorporat(?:e|es|ing)|mention(?:s|ing)?|"
    r"ha(?:s|ve|ving)|featur(?:e|es|ing)|add(?:ing)?|employ(?:s|ing)?|insert(?:ing)?|weav(?:e|ing) in|work(?:ing)? in|"
    r"say(?:s|ing)?|writ(?:e|ing)|repeat(?:ing)?|forget|with)"
)
_FILL = (
    r"(?:(?:all|both|each|any|either|of|the|these|those|following|exact|specific|two|three|four|five|six|\d{1,2}|important|"
    r"negative|single|mandatory|required|forbidden|banned|somewhere|also|actual|literal|in|your|response|it|reply|answer) ){0,6}"
)
_SUCH = r"(?:,? (?:such as|like|namely|of))?:?(?: |\n|)(?:[-*] )?"
_LIST = rf"(?P<list>{QUOTES}|[\[(]?{WORDS})"
_HELD = re.compile(rf"\b(?P<use>{_USE}) {_FILL}(?P<name>{_NAMES}){_SUCH}(?<=[ \n\[(]){_LIST}", re.IGNORECASE)
_BANNED = re.compile(
    rf"\b(?:avoid(?:s|ing)?|exclud(?:e|es|ing)|omit(?:s|ting)?|leave out|leaving out|skip(?:ping)?|ban(?:s|ning)?|free of|"
    rf"steer clear of|stay away from|without|no) {_FILL}(?P<name>{_NAMES}){_SUCH}(?<=[ \n\[(]){_LIST}",
    re.IGNORECASE,
)
_DIRECT = re.compile(
    rf"\b(?:mention(?:s|ing)?|includ(?:e|es|ing)|contain(?:s|ing)?|us(?:e|es|ing)|say(?:s|ing)?|avoid(?:ing)?|exclud(?:e|ing)|omit(?:ting)?) (?:both |all of |neither )?"
    rf"(?P<list>{QUOTES})",
    re.IGNORECASE,
)
_PASSIVE = re.compile(
    rf"(?P<lead>\b(?:the )?(?P<name>(?:key ?-?)?(?:words?|terms?|phrases?)) {_LIST}|(?<![\w\"'])(?P<quoted>{QUOTES}))"
    r",? (?P<modal>should|must|can|may|has to|have to|needs? to|ought to|is|are|does|do|shall|will|doesn['’]t|don['’]t|isn['’]t|aren['’]t|"
    r"cannot|can['’]t|mustn['’]t|shouldn['’]t|won['’]t)(?P<not>(?: not| never| both| each| all| also){0,2}) ?"
    r"(?P<verb>(?:be )?(?:appear|show up|occur|includ|us|in (?:there|it|your)|mention|present|found|featured|part of|absent|avoided|excluded|omitted|"
    r"forbidden|banned|prohibited|off[- ]limits|off the table|allowed|permitted|left out|disallowed|not allowed|not permitted)\w*)",
    re.IGNORECASE,
)
_ENSURED = re.compile(
    rf"\b(?:sure|ensure)(?: that)? (?:all )?(?:the |both )?(?P<name>(?:key ?-?)?(?:words?|terms?|phrases?)) {_LIST} (?:both |all )?(?:appears?|shows? up|occurs?)\b",
    re.IGNORECASE,
)
_THERE = re.compile(
    rf"\b(?:following|these) (?P<name>{_NAMES}) (?:(?P<bad>(?:(?:should|must|may|can) ?not|cannot|are not|are) (?:be )?(?:allowed|used|included|permitted|mentioned|forbidden|banned|prohibited|off[- ]limits|appear))|(?:should|must|have to|need to|are to) (?:all )?(?:be (?:present|included|used|mentioned|found)|appear))[^.\n:]{{0,30}}:\s{{0,2}}{_LIST}",
    re.IGNORECASE,
)
_LABEL = re.compile(
    rf"(?:^|[.!?\n(] ?)(?P<bad>(?:forbidden|banned|prohibited|taboo|disallowed) )?(?:required |mandatory |must-have |necessary |important )?(?P<name>key ?words?|words?|terms?)"
    rf"(?P<to> to (?:avoid|exclude|omit|include|use|mention|incorporate|be avoided|be included))?:\s{{0,2}}{_LIST}",
    re.IGNORECASE,
)
_SURE = re.compile(r"\b(?:sure|ensur\w+|see to it|check|certain)(?: that)? ?$", re.IGNORECASE)


def keywords(prompt: Prompt) -> Iterator[Instruction]:
    """`include the keywords "a" and "b"`, `do not use the word c`, `mention the word d at least twice`."""
    counted = list(counts(prompt))
    yield from counted
    taken = [(one.start, one.end) for one in counted]
    for pattern in (_HELD, _BANNED, _DIRECT, _PASSIVE, _ENSURED, _THERE, _LABEL):
        for found in pattern.finditer(prompt.text):
            listed, at = _listed(found)
            if not listed or any(start < found.end(at) and found.start(at) < end for start, end in taken):
                continue
            if (kind := _stance(prompt.text, found, pattern)) is not None:
                taken.append(found.span(at))
                yield Instruction(kind, listed, None, None, None, *found.span())


def _listed(found: re.Match[str]) -> tuple[tuple[str, ...], str]:
    """The words named, and the group that names them; none when prose goes on where a word might stand."""
    groups = found.groupdict()
    at = "list" if groups.get("list") else "quoted"
    said = groups[at]
    if re.search(QUOTED, said):
        listed = tuple(word for word in items(said) if re.search(r"[^\W\d_]{2}|^[^\W\d_]$", word))
        head = groups.get("name")
        if head is None and any(len(word.split()) > 3 or not re.match(r"\w", word) for word in listed):
            return (), at
        return listed, at
    name = (groups.get("name") or "").lower()
    if "word" not in name and "term" not in name:
        return (), at
    said = said.lstrip("[(")
    parts = re.split(r" ?, ?(?:and |or |& )?| (?:and|or|nor|&) | ?/ ?", said)
    listed = tuple(dict.fromkeys(part for part in parts if part))
    cut = next((n for n, word in enumerate(listed) if word.lower() in NOT_WORDS), len(listed))
    if cut == 0:
        return (), at
    follows = found.string[found.end(at) : found.end(at) + 1]
    several = name.endswith("s")
    if cut == len(listed) and follows == "-":
        return (), at
    # "the words trust, brand and law": a plural must name several, a singular one ("or" joins as many).
    if several and cut == 1 and not name.startswith("key") and follows not in ("", ".", ",", "\n"):
        return (), at
    return (listed[:1] if not several and " or " not in said and " and " not in said else listed[:cut]), at


def _stance(text: str, found: re.Match[str], pattern: re.Pattern[str]) -> Kind | None:
    """Whether words are asked for or forbidden; None when neither."""
    if pattern is _LABEL:
        if found["bad"] or re.search("avoid|exclud|omit", found["to"] or ""):
            return Kind.FORBIDDEN
        return (
            Kind.EXISTENCE
            if found["to"] or re.match(r"\W*(?:required|mandatory|must|necessary)", found.group(), re.I)
            else None
        )
    if pattern is _ENSURED:
        return Kind.EXISTENCE
    if pattern is _THERE:
        return Kind.FORBIDDEN if found["bad"] else Kind.EXISTENCE
    if pattern is _BANNED:
        return None if denied(text, found.start()) else Kind.FORBIDDEN
    if pattern is _PASSIVE:
        modal, verb = found["modal"].lower(), found["verb"].lower()
        bad = (
            re.search(r"absent|avoid|exclud|omit|forbid|bann|prohib|off|left|disallow|not ", verb) is not None
        )
        no = (
            "n't" in modal
            or "n’t" in modal
            or "not" in modal
            or "not" in found["not"].lower()
            or "never" in found["not"].lower()
        )
        if bad:
            return None if no else Kind.FORBIDDEN
        if no:
            return Kind.FORBIDDEN
        if modal in (
            "should",
            "must",
            "has to",
            "have to",
            "need to",
            "needs to",
            "ought to",
            "shall",
        ) and not re.search("allow|permit", verb):
            return Kind.EXISTENCE
        if (
            modal in ("is", "are")
            and re.search("includ|us|mention|present", verb)
            and _SURE.search(text[max(0, found.start() - 40) : found.start()])
        ):
            return Kind.EXISTENCE
        return None
    no = denied(text, found.start())
    verb = found.group().split(maxsplit=1)[0].lower()
    if verb == "forget":
        return (
            Kind.EXISTENCE
            if re.search(r"n['’]t $|\bnot $|never $", text[max(0, found.start() - 8) : found.start()])
            else None
        )
    if pattern is _DIRECT:
        if verb.startswith(("avoid", "exclud", "omit")):
            return None if no else Kind.FORBIDDEN
        if no:
            return Kind.FORBIDDEN
        return (
            Kind.EXISTENCE
            if verb.startswith(("mention", "includ", "contain")) and _commanded(text, found.start())
            else None
        )
    if no:
        return Kind.FORBIDDEN
    if verb.startswith("ha") and found["name"].lower().startswith("name"):
        return None
    if verb == "with" and "word" not in found["name"].lower():
        return None
    if verb.startswith(("say", "writ", "repeat", "ha")) and not _commanded(text, found.start()):
        return None
    return Kind.EXISTENCE


def _commanded(text: str, at: int) -> bool:
    """Whether a verb is an order: at the head of a clause, or what the reply must or should do."""
    before = re.split(r"[.!?\n]", text[max(0, at - 60) : at])[-1]
    return (
        not before.strip()
        or re.search(
            r"(?:\b(?:and|also|please|to|must|should|that|it|which|sure|then|but|you|shall|ought|poem|story|essay|letter|response|answer|reply|text)|[,:;)])\s*$",
            before,
            re.IGNORECASE,
        )
        is not None
    )
