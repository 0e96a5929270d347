"""Which words mark what, in twelve languages: closed lists of our own, one file a language.

A file has sections, each a mark, with entries parted by commas. An entry is one word or a run of words; one that
begins with a capital counts only where the text writes it so inside a sentence (German "Sie"). A run is read as one
thing: the words inside it mark nothing by themselves, except pronouns and negations. Section `none` holds runs that
mark nothing at all, and `stop` the words by which a language is known.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from understudy_analyzers.tone.tokens import plain

LANGUAGES = ("en", "es", "fr", "de", "pt", "it", "ru", "zh", "ja", "ko", "ar", "hi")
"""The first of them is taken where nothing tells."""
ELIDING = frozenset({"fr", "it"})
"""Their apostrophe parts two words."""
_PRONOUNS = frozenset({"you", "t", "v"})
INNER = _PRONOUNS | {"not"}
"""Marks that count inside a longer entry too."""
_VOTERS = 300
_LISTS = Path(__file__).parent / "lists"


@dataclass(frozen=True, slots=True)
class Entry:
    """A word or run of words that was listed."""

    rest: list[str]
    """The words after the first."""
    marks: tuple[str, ...]
    proper: bool
    """Counts only with a capital inside a sentence."""


Lexicon = Mapping[str, tuple[Entry, ...]]
"""First word -> the entries that begin with it, longest first."""


def listed(name: str) -> dict[str, list[str]]:
    """Section -> entries of one file; `any` holds those of every language."""
    lines = (_LISTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    sections: dict[str, list[str]] = {}
    for section in " ".join(line for line in lines if not line.startswith("#")).split("[")[1:]:
        mark, entries = section.split("]")
        sections[mark] = [entry.strip() for entry in entries.split(",") if entry.strip()]
    return sections


def compiled(language: str) -> Lexicon:
    """The entries of a language, with those of every language."""
    marks: dict[tuple[str, ...], dict[str, None]] = {}
    proper: set[tuple[str, ...]] = set()
    for source in ("any", language):
        for mark, entries in listed(source).items():
            if mark == "stop":
                continue
            for entry in entries:
                words = tuple(plain(entry.replace("'", " ") if source in ELIDING else entry))
                known = marks.setdefault(words, {})
                if mark != "none":
                    known[mark] = None
                if entry[0].isupper():
                    proper.add(words)
    found: dict[str, list[Entry]] = {}
    for words, own in marks.items():
        first = marks.get(words[:1], {}) if words[:1] not in proper else {}
        both = (*own, *(mark for mark in first if mark in _PRONOUNS and mark not in own))
        found.setdefault(words[0], []).append(Entry(list(words[1:]), both, words in proper))
    return {first: tuple(sorted(entries, key=lambda one: -len(one.rest))) for first, entries in found.items()}


def _votes() -> Mapping[str, tuple[str, ...]]:
    """Word -> the languages it speaks for."""
    found: dict[str, list[str]] = {}
    for language in LANGUAGES:
        single = {first for first, entries in LEXICONS[language].items() if not entries[-1].rest}
        for word in single.difference(_FACES).union(listed(language)["stop"]):
            found.setdefault(word, []).append(language)
    return {word: tuple(languages) for word, languages in found.items()}


LEXICONS: Mapping[str, Lexicon] = {language: compiled(language) for language in LANGUAGES}
_FACES = frozenset(face for faces in listed("any").values() for face in faces)
_VOTES = _votes()


def language(words: Iterable[str]) -> str:
    """The language that most of the first few hundred words speak for."""
    votes = dict.fromkeys(LANGUAGES, 0)
    for _, word in zip(range(_VOTERS), words, strict=False):
        for one in _VOTES.get(word, ()):
            votes[one] += 1
    return max(votes, key=votes.__getitem__)
