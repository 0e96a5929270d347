"""Words and letters asked for so many times."""

# ruff: noqa: E501, RUF001 - patterns read better unbroken, and curly quotes are meant

import re
from collections.abc import Iterator

from understudy_analyzers.instruction import grammar
from understudy_analyzers.instruction.grammar import (
    AMOUNT,
    LATE,
    NO,
    QUOTED,
    WORD,
    denied,
    relations,
)
from understudy_analyzers.instruction.kind import Kind, Relation
from understudy_analyzers.instruction.prompt import Prompt
from understudy_analyzers.instruction.verdict import Instruction

NOT_WORDS = frozenset(
    "in that which of to for from you with is as at on and or the a an your it below above only must should related provided "
    "given into such have has are no not per each count limit counts processor document file doc long length maximum minimum "
    "limits games game search searches art choice order i we they this these those when where if so but by about who what how "
    "correctly incorrectly more less than like up do does can starting beginning ending using used need needed based then "
    "written spelled typed appear appears appearing occur occurs show shows be will would before after other else another "
    "following problem problems between within spoken".split()
)
"""What follows "word" in prose where no word is named."""
_TIMES = re.compile(
    rf"(?:(?:{AMOUNT}[ -](?:separate |different |distinct )?(?P<times>times?|occurrences?|instances?|mentions?|appearances?|uses)\b{LATE})"
    r"|(?P<never>(?:doesn['’]t|does not|not|never|should not|must not)(?: [a-z]+){0,2} at all))",
    re.IGNORECASE,
)
_ONCE = re.compile(
    r"\b(?:(?P<before>at (?:the )?(?:very )?(?:least|most)|(?:no|not) (?:more|less|fewer) than|more than|less than|fewer than|"
    r"exactly|only|just|a minimum of|a maximum of|up to) )?(?P<n>once|twice|thrice)\b(?: (?P<after>or (?:more|less|fewer)|only|at (?:the )?(?:least|most)))?",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    rf"(?:(?<![-\d])\b(?:key ?-?word|word|term|phrase|name)s?(?: |: ?|(?=[\"'“‘`]))(?P<word>{QUOTED}|{WORD})|(?P<quoted>{QUOTED})|\bletters? (?:of )?(?P<letter>{QUOTED}|[a-z#!?]\b))"
    r"(?!(?<=[.!?].)[)\]]? (?-i:[A-Z]))(?P<gap>(?:(?!\b(?:the|a) (?:letter|word|keyword)\b| and (?:the|include|contain|use|make|have|add|mention|do)\b|\bhighlight|\bparagraph|\bsection|\bsentences?\b)[^.\n\"“”]){0,70}?)"
    rf"\b(?P<amount>(?=[a-z\d])(?:{_TIMES.pattern}|{_ONCE.pattern}))",
    re.IGNORECASE,
)
_COUNTED_AFTER = re.compile(
    rf"{AMOUNT} (?:separate |different )?(?P<times>times?|occurrences?|instances?|mentions?|appearances?|uses|copies)(?: of| the| include| use| mention| say| write){{0,3}}"
    rf" (?:(?:key ?-?word|word|term|phrase|name) (?P<word>{QUOTED}|{WORD})|(?P<quoted>{QUOTED})|letter (?P<letter>{QUOTED}|[a-z]\b))",
    re.IGNORECASE,
)
_NO_LETTER = re.compile(
    rf"{NO}(?:\W+(?:us\w*|includ\w*|contain\w*|hav\w*|writ\w*|any|the|words?|with|that|a|single|to|employ\w*|appear\w*|feature|be)){{0,6}} letters? (?P<letter>{QUOTED}|[a-z]\b)",
    re.IGNORECASE,
)
_SYMBOLS = {
    "exclamation mark": "!", "exclamation point": "!", "question mark": "?", "hashtag": "#", "hash sign": "#", "semicolon": ";",
    "ampersand": "&", "asterisk": "",
}  # fmt: skip
_SYMBOL = re.compile(
    rf"{AMOUNT} {grammar.ADJECTIVES}(?P<symbol>{'|'.join(_SYMBOLS)})s?\b{LATE}", re.IGNORECASE
)
_PLURAL = re.compile(rf"{AMOUNT} (?:letter )?[\"']?(?P<letter>[a-z])[\"']?['’]s\b{LATE}", re.IGNORECASE)
_WORDS_WITH = re.compile(
    r"\bwords? (?:that|which|with|containing|having|where)(?: [a-z]+){0,3} ?$", re.IGNORECASE
)
_EXAMPLE = re.compile(r"(?:\bsuch as|\blike|e\.g\.,?|i\.e\.,?|for example,?)[ (]$", re.IGNORECASE)


def counts(prompt: Prompt) -> Iterator[Instruction]:
    """Words and letters with how many times."""
    text = prompt.text
    for found in _COUNTED.finditer(text):
        token, kind = _token(found)
        if token is None or _EXAMPLE.search(text[max(0, found.start() - 12) : found.start()]):
            continue
        lead = text[max(0, found.start() - 40) : found.start()]
        if kind is Kind.LETTERS and _WORDS_WITH.search(lead):
            continue
        if found["never"] or re.search(r"\bnot\b[^.]{0,20}\bat all$", found.group(), re.IGNORECASE):
            said = [(Relation.LESS, 1)]
        elif found["n"]:
            said = _once(found, denied(text, found.start()))
        else:
            said = relations(found)
            if denied(lead, len(lead)) and found["more"]:
                said = [(Relation.LESS, grammar.value(found["low"]) + 1)]
        for relation, number in said:
            yield Instruction(kind, (token,), relation, number, None, *found.span())
    for found in _COUNTED_AFTER.finditer(text):
        token, kind = _token(found)
        if token is not None:
            for relation, number in relations(found):
                yield Instruction(kind, (token,), relation, number, None, *found.span())


def _token(found: re.Match[str]) -> tuple[str | None, Kind]:
    """The word or letter counted, and which of both it is."""
    if found["letter"]:
        letter = grammar.unquote(found["letter"]).lower()
        return (letter if len(letter) == 1 else None), Kind.LETTERS
    word = grammar.unquote(found["word"] or found["quoted"])
    if re.search(r"[=(){}<>\\]", word):
        return None, Kind.FREQUENCY
    if found["word"] and word.lower() in NOT_WORDS and not re.match(QUOTED, found["word"]):
        return None, Kind.FREQUENCY
    if len(word) == 1 and not word.isalnum():
        return word, Kind.LETTERS
    return (word if re.search(r"\w", word) and len(word.split()) <= 4 else None), Kind.FREQUENCY


def _once(found: re.Match[str], no: bool) -> list[tuple[Relation, int]]:
    number = grammar.value(found["n"])
    said = f"{found['before'] or ''} {found['after'] or ''}".lower()
    if no and "more than" in said:
        return [(Relation.LESS, number + 1)]
    if re.search(r"at the least|at least|minimum|or more|(?:no|not) (?:less|fewer)|very least", said):
        return [(Relation.LEAST, number)]
    if re.search(r"most|maximum|up to|or (?:less|fewer)|(?:no|not) more", said):
        return [(Relation.LESS, number + 1)]
    if "more than" in said:
        return [(Relation.LEAST, number + 1)]
    if "than" in said:
        return [(Relation.LESS, number)]
    if re.search("exactly|only|just", said):
        return [(Relation.EXACT, number)]
    return []


def letters(prompt: Prompt) -> Iterator[Instruction]:
    """`without the letter e`, `six exclamation marks or more`; letters with times are among the keywords."""
    for found in _NO_LETTER.finditer(prompt.text):
        letter = grammar.unquote(found["letter"]).lower()
        follows = prompt.text[found.end() : found.end() + 50]
        if _WORDS_WITH.search(prompt.text[max(0, found.start() - 30) : found.start()]):
            continue
        if len(letter) == 1 and not re.match(r"[^.\n]{0,30}\b(?:times?|once|twice)\b", follows):
            yield Instruction(Kind.LETTERS, (letter,), Relation.LESS, 1, None, *found.span())


def symbols(prompt: Prompt) -> Iterator[Instruction]:
    """`at least 4 hashtags`, `three z's or more`."""
    for found in _PLURAL.finditer(prompt.plain):
        for relation, number in relations(found):
            yield Instruction(Kind.LETTERS, (found["letter"].lower(),), relation, number, None, *found.span())
    for found in _SYMBOL.finditer(prompt.plain):
        if symbol := _SYMBOLS[found["symbol"].lower()]:
            for relation, number in relations(found):
                yield Instruction(Kind.LETTERS, (symbol,), relation, number, None, *found.span())
