"""How prompts say how many, and which words: numbers with their relation, quotations, lists of words."""

# ruff: noqa: RUF001 - curly quotes and dashes are meant

import re

from understudy_analyzers.instruction.kind import Relation

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()
_TENS = {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_NAMED = {
    **{word: value for value, word in enumerate(_ONES)}, **_TENS, "once": 1, "twice": 2, "thrice": 3,
    "a single": 1, "single": 1, "a couple of": 2, "half a dozen": 6, "a dozen": 12, "a hundred": 100,
    "one hundred": 100, "two hundred": 200, "three hundred": 300, "four hundred": 400, "five hundred": 500,
    "a thousand": 1000, "one thousand": 1000,
}  # fmt: skip
N = (
    r"(?:\d{1,3}(?:,\d{3}){1,2}|\d{1,6}|"
    + "|".join(sorted(_NAMED, key=len, reverse=True))
    + r")(?![\w%.]*\d)"
)
_LEAST = (
    r"at (?:the )?(?:very |bare )?least|(?:no|not) (?:fewer|less) than|(?:a |the )?minimum(?: of)?|min\.?|"
    r"(?:no|not) shorter than"
)
_MORE = r"(?:more|greater|longer|higher) than|over|above|exceed(?:s|ing)?|upwards of"
_MOST = (
    r"at (?:the )?(?:very )?most|(?:no|not) (?:more|longer|greater) than|(?:not|never|n['’]t) (?:to )?exceed|up to|"
    r"(?:a |the )?max(?:imum)?\.?(?: of)?|within|limit(?:ed|ing)?(?: [\w'’]{1,14}){0,4} to|"
    r"cap(?:ped)?(?: [\w'’]{1,14}){0,3} at"
)
_FEWER = r"(?:less|fewer|shorter|lower) than|under|below"
_EXACT = r"exactly|precisely|only|no more and no less than|just"
_BEFORE = (
    rf"(?:(?P<least>{_LEAST})|(?P<most>{_MOST})|(?P<more>{_MORE})|(?P<fewer>{_FEWER})|(?P<exact>{_EXACT})|"
    r"(?P<between>between|from)|(?P<about>about|around|approximately|roughly|approx\.|some|nearly|almost|~))"
)
_UP = (
    r"or (?:more|greater|above|longer|over)|at (?:the )?(?:very )?least|(?:at )?(?:a |the )?minimum|"
    r"and (?:above|up|over)"
)
_DOWN = (
    r"or (?:less|fewer|under|below|shorter)|at (?:the )?(?:very )?most|(?:at )?(?:a |the )?maximum|max\b|tops"
)
_AFTER = r"(?: |, | \()(?:(?P<{0}up>" + _UP + r")|(?P<{0}down>" + _DOWN + r"))\b"
AMOUNT = (
    rf"(?:\b{_BEFORE} (?:a total (?:number )?of |the |a |an |of )?)?(?<![\w$€£.,#-])(?P<low>{N})(?P<plus>\+)?"
    rf"(?: ?(?P<dash>-|–|—|to|and|or) ?(?P<high>{N}))?(?:{_AFTER.format('')})?"
)
"""`at least 3`, `between 3 and 5`, `3+`, `3 or more`: read by `relations`."""
LATE = rf"(?:{_AFTER.format('late_')})?"
"""What may say so after the noun: `3 words or less`."""
ADJECTIVES = (
    r"(?:(?!(?:and|or|the|of|times|in|for|to|with|per|each|every|such|example) )[a-z][a-z-]{1,14} ){0,3}?"
)
QUOTED = (
    r"(?:\"[^\"\n]{1,160}\"|“[^”\n]{1,160}”|(?<!\w)'[^'\n]{1,80}'(?!\w)|‘[^’\n]{1,80}’(?!\w)|`[^`\n]{1,80}`|"
    r"«[^»\n]{1,80}»)"
)
WORD = r"(?:[^\W\d_][\w’'-]{0,30})"
_NEXT = r"(?: ?, ?(?:and |or |& )?| (?:and|or|nor|&) | ?/ ?)"
QUOTES = rf"(?:[\[(]?{QUOTED}(?:{_NEXT}(?:the (?:key ?)?(?:word|term|phrase) )?{QUOTED}){{0,20}})"
WORDS = rf"(?:{WORD}(?:{_NEXT}{WORD}){{0,20}})"
NO = (
    r"(?:\b(?:not|never|without|avoid(?:s|ing)?|refrain(?:s|ing)? from|exclud(?:e|es|ing)|omit(?:s|ting)?|no|cannot|"
    r"nor|forbidden (?:to|from)|prohibited from|abstain from|steer clear of|stay away from|leave out|"
    r"free of|free from|devoid of|zero|skip|eliminate|forgo|ban)|n['’]t)\b"
)
_ITEM = re.compile(rf"{QUOTED}|{WORD}")
_DENIED = re.compile(rf"{NO}(?:\W+[\w’']+){{0,5}}\W*$", re.IGNORECASE)
_REMINDED = re.compile(r"\b(?:forget|fail|neglect|hesitate|miss|only)\b", re.IGNORECASE)
_CLAUSE = re.compile(r"[.!?;,\n]")
_EDGES = "\"'“”‘’`«» "


def value(word: str) -> int:
    """The value of a number as `N` matches it."""
    word = word.lower().replace(",", "")
    return int(word) if word.isdigit() else _NAMED[word]


def relations(found: re.Match[str], bare: Relation | None = None) -> list[tuple[Relation, int]]:
    """What an AMOUNT says; a number alone says `bare`, or nothing."""
    said = found.groupdict()
    low = value(said["low"])
    if said["about"]:
        return []
    if said["high"] is not None:
        high = value(said["high"])
        joined = said["dash"] != "and" or said["between"]
        return [(Relation.LEAST, low), (Relation.LESS, high + 1)] if joined and low < high else []
    if said["exact"]:
        return [(Relation.EXACT, low)]
    if said["least"] or said["plus"] or said["up"] or said.get("late_up"):
        return [(Relation.LEAST, low)]
    if said["most"] or said["down"] or said.get("late_down"):
        return [(Relation.LESS, low + 1)]
    if said["fewer"]:
        return [(Relation.LESS, low)]
    if said["more"]:
        before = found.string[max(0, found.start() - 40) : found.start()]
        return [
            (Relation.LESS, low + 1)
            if re.search(rf"{NO}[^.!?]*$", before, re.I)
            else (Relation.LEAST, low + 1)
        ]
    return [(bare, low)] if bare is not None else []


def least(relation: Relation) -> Relation:
    """Of what must be shown, more are no harm: "3" and "exactly 3" are as many at least."""
    return Relation.LEAST if relation is Relation.EXACT else relation


def amount(noun: str, after: str = "") -> re.Pattern[str]:
    """A pattern of so many of something."""
    return re.compile(rf"{AMOUNT}[ -]{ADJECTIVES}(?P<noun>{noun})\b{LATE}{after}", re.IGNORECASE)


def items(listed: str) -> tuple[str, ...]:
    """The words of a list, unquoted: quoted ones alone when any is."""
    quoted = re.findall(QUOTED, listed)
    if not quoted:
        quoted = [word for word in re.findall(WORD, listed) if word.lower() not in ("and", "or", "nor")]
    return tuple(dict.fromkeys(word for one in quoted if (word := unquote(one))))


def unquote(text: str) -> str:
    """A quotation's inside."""
    return text.strip(_EDGES).rstrip(",").strip()


def denied(text: str, at: int, reach: int = 45) -> bool:
    """Whether what begins at `at` is under a negation of its own sentence, a few words before."""
    clause = _CLAUSE.split(text[max(0, at - reach) : at])[-1]
    return _DENIED.search(clause) is not None and _REMINDED.search(clause) is None
