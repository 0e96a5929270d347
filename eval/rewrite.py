"""Rewrites of real texts that change one dimension of tone and leave the content: what tone must see.

Each is a rule on whole words that leaves a text it does not apply to as it is.
"""

# ruff: noqa: RUF001 - other alphabets are meant

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A rewrite, the metric it must move and in which direction."""

    metric: str
    sign: int
    rewrite: Callable[[str], str]


def _swap(pairs: Mapping[str, str], every: int = 1) -> Callable[[str], str]:
    """Each whole word for another, its capital kept; only every nth of them."""
    pattern = re.compile(rf"\b({'|'.join(sorted(pairs, key=len, reverse=True))})\b", re.IGNORECASE)

    def swap(text: str) -> str:
        seen = 0

        def other(found: re.Match[str]) -> str:
            nonlocal seen
            seen += 1
            if seen % every:
                return found[0]
            new = pairs[found[0].lower()]
            return new[0].upper() + new[1:] if found[0][0].isupper() else new

        return pattern.sub(other, text)

    return swap


_LONG = {
    "don't": "do not",
    "doesn't": "does not",
    "didn't": "did not",
    "can't": "cannot",
    "won't": "will not",
    "isn't": "is not",
    "aren't": "are not",
    "wasn't": "was not",
    "it's": "it is",
    "that's": "that is",
    "there's": "there is",
    "here's": "here is",
    "i'm": "i am",
    "you're": "you are",
    "they're": "they are",
    "we're": "we are",
    "i've": "i have",
    "you've": "you have",
    "i'd": "i would",
    "you'd": "you would",
    "i'll": "i will",
    "you'll": "you will",
}
_SHORT = {long: short for short, long in _LONG.items() if long[0] != "c"}
_WARM = {
    "great": "terrible",
    "good": "bad",
    "best": "worst",
    "better": "worse",
    "important": "pointless",
    "helpful": "useless",
    "easy": "difficult",
    "beautiful": "ugly",
    "popular": "hated",
    "enjoy": "endure",
    "success": "failure",
    "benefits": "dangers",
    "improve": "damage",
    "happy": "sad",
    "love": "hate",
    "healthy": "sick",
    "effective": "useless",
    "famous": "notorious",
}
_FIRM = {
    "is": "is probably",
    "are": "are perhaps",
    "will": "might",
    "was": "was possibly",
    "can": "could perhaps",
}
_REGISTER = {
    "utilize": "use",
    "however": "but",
    "therefore": "so",
    "additionally": "plus",
    "furthermore": "plus",
    "many": "lots of",
    "numerous": "a bunch of",
    "very": "super",
    "children": "kids",
    "various": "a bunch of",
    "such as": "like, you know,",
    "obtain": "get",
    "ensure": "make sure",
    "assistance": "help",
    "individuals": "folks",
    "people": "folks",
}


def _please(text: str) -> str:
    return re.sub(r"(?m)^((?:\d+[.)]|[-*]) )(?=[A-Z][a-z])", r"\1Please note: ", text, count=3)


def _ask(text: str) -> str:
    return text.rstrip() + "\n\nPlease let me know if you have any questions. Thank you!"


def _snap(text: str) -> str:
    return "Why do you even ask? " + text


def _exclaim(text: str) -> str:
    return re.sub(r"(?<=[a-z])\.(?=\s|$)", "!", text, count=4)


def _smile(text: str) -> str:
    return re.sub(r"(?<=[a-z])\.(?=\s|$)", ". \U0001f60a", text, count=2)


ENGLISH: Mapping[str, Rewrite] = {
    "contractions undone": Rewrite("formality", 1, _swap(_LONG)),
    "contractions made": Rewrite("formality", -1, _swap(_SHORT)),
    "register lowered": Rewrite("formality", -1, _swap(_REGISTER)),
    "please added": Rewrite("politeness", 1, _please),
    "thanks and offer added": Rewrite("politeness", 1, _ask),
    "curt question added": Rewrite("politeness", -1, _snap),
    "praise turned to blame": Rewrite("sentiment", -1, _swap(_WARM)),
    "hedges added": Rewrite("hedging", 1, _swap(_FIRM, every=3)),
    "exclamation added": Rewrite("emphasis", 1, _exclaim),
    "emoji added": Rewrite("emphasis", 1, _smile),
    "reader addressed": Rewrite("address", 1, _swap({"the": "your"}, every=4)),
}


def _replace(*pairs: tuple[str, str]) -> Callable[[str], str]:
    """Each pattern for another text; "b" stands for a word's border, which Python's own finds in no Devanagari."""

    def replace(text: str) -> str:
        for old, new in pairs:
            text = re.sub(old, new, text)
        return text

    return replace


FAMILIAR: Mapping[str, Rewrite] = {
    "es": Rewrite("formality", -1, _replace((r"\busted(es)?\b", "tú"), (r"\bUsted(es)?\b", "Tú"))),
    "fr": Rewrite(
        "formality",
        -1,
        _replace((r"\bvous\b", "tu"), (r"\bVous\b", "Tu"), (r"\bvotre\b", "ton"), (r"\bvos\b", "tes")),
    ),
    "de": Rewrite(
        "formality",
        -1,
        _replace(
            (r"(?<=[a-zäöüß,] )Sie\b", "du"),
            (r"(?<=[a-zäöüß,] )Ihnen\b", "dir"),
            (r"(?<=[a-zäöüß,] )Ihr(e[nmrs]?)?\b", r"dein\1"),
        ),
    ),
    "ru": Rewrite(
        "formality",
        -1,
        _replace(
            (r"\b[вВ]ы\b", "ты"),
            (r"\b[вВ]ас\b", "тебя"),
            (r"\b[вВ]ам\b", "тебе"),
            (r"\b[вВ]аш(а|и|ей|их)?\b", "твои"),
        ),
    ),
    "hi": Rewrite(
        "formality",
        -1,
        _replace(
            ("आपके", "तुम्हारे"), ("आपका", "तुम्हारा"), ("आपकी", "तुम्हारी"), ("आपको", "तुम्हें"), ("आप(?= )", "तुम")
        ),
    ),
    "zh": Rewrite("formality", -1, _replace(("您", "你"))),
    "ja": Rewrite(
        "formality",
        -1,
        _replace(("です。", "だ。"), ("ました。", "た。"), ("ります。", "る。"), ("します。", "する。")),
    ),
    "ko": Rewrite(
        "formality", -1, _replace(("입니다\\.", "이다."), ("합니다\\.", "한다."), ("습니다\\.", "다."))
    ),
}
"""Language -> the polite form of address or of a sentence's end for the familiar one. Verbs are left as they are."""


_NOUNS = (
    "kettle",
    "harbour",
    "violin",
    "meadow",
    "ledger",
    "window",
    "engine",
    "orchard",
    "candle",
    "bridge",
)
_NAMES = ("Marlow", "Quenby", "Astrid", "Tobin", "Ilse", "Corvin")


def content(text: str) -> str:
    """Other things, names and numbers said in the same words: what tone must not see."""
    text = re.sub(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b", lambda found: _NAMES[len(found[0]) % len(_NAMES)], text)
    text = re.sub(r"\d", lambda found: str((int(found[0]) + 3) % 10), text)
    noun = r"(?<=\bthe )(?!best|worst|most|least|good|great|bad)[a-z]{4,}\b(?=[ .,;])"
    return re.sub(noun, lambda found: _NOUNS[len(found[0]) % len(_NOUNS)], text)
