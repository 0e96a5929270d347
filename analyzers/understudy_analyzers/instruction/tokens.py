"""Words, sentences and words in capitals, counted as IFEval's tools count them.

Sentences are what NLTK's Punkt (Kiss & Strunk 2006) makes of English: every stop ends one, whatever follows, unless
the word before it is an abbreviation, an initial or a number that goes on in lower case; a line break ends none.
"""

import re

_WORD = re.compile(r"\w+")
_CHUNK = re.compile(r"\S+")
_ENDS = ".?!"
_AFTER = frozenset("?!)\";}]*:@'({[")
"""What may touch a stop and still leave it one. Curly quotes and commas are not among them."""
_CLOSING = re.compile(r"[\"')\]}]{1,20}$")
_OPENING = "\"'`([{*_#-:;&@"
LONGEST = 40
"""Characters of the longest number that ends a sentence no more than a word does."""
_NUMBER = re.compile(r"-?[\d.,]*\d[\d.,:/-]*")
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof sr jr st mt ft vs etc inc ltd co corp gen col sgt capt lt gov sen rep rev hon jan feb aug "
    "sept oct nov dec e.g i.e u.s u.k u.n d.c a.m p.m ph.d m.d b.a m.a cf vol al".split()
)
_STARTERS = frozenset(
    "the a an this that these those it he she they we you i his her its their our my your there here in on at by for "
    "from with as if when while where what who how why which and but or so then to of after before since because "
    "although however also not no yes all some many most each every one is are was were do does did can will".split()
)
"""Words that begin a sentence when they are capitalised: otherwise they are written small."""

_TOKEN = re.compile(r"[^\s,;:@#$%&?!()\[\]{}<>\"…]+")
_CLITIC = re.compile(r"(?<=\w)(?:N'T|'(?:S|M|D|LL|RE|VE))\b")
_JOINED = frozenset(("CANNOT", "GONNA", "GIMME", "GOTTA", "LEMME", "WANNA"))


def words(text: str) -> int:
    """How many words: runs of letters, digits and underscores."""
    return sum(1 for _ in _WORD.finditer(text))


def sentences(text: str) -> int:
    """How many sentences."""
    count, chunks = 0, [found.group() for found in _CHUNK.finditer(text)]
    for at, chunk in enumerate(chunks):
        following = chunks[at + 1] if at + 1 < len(chunks) else ""
        end = _stop(chunk, bool(following))
        if end is None:
            continue
        rest = chunk[end + 1 :]
        if _breaks(chunk[: end + 1], rest or following):
            # Closing quotes and brackets belong to the sentence before; anything else begins the next.
            count += bool(following) or bool(_CLOSING.sub("", rest))
    return count + bool(chunks)


def _stop(chunk: str, goes_on: bool) -> int | None:
    """Where a chunk between spaces has the stop that may end a sentence."""
    for at in range(len(chunk) - 1, -1, -1):
        if chunk[at] in _ENDS and (chunk[at + 1] in _AFTER if at + 1 < len(chunk) else goes_on):
            return at
        if at < len(chunk) - 200:
            break
    return None


def _breaks(before: str, after: str) -> bool:
    """Whether a stop at the end of `before` ends a sentence."""
    if before[-1] != ".":
        return True
    word = before.lstrip(_OPENING)[:-1].lower()
    next_word = after.lstrip(_OPENING)
    if before.endswith(".."):
        return _starts(next_word)
    small = next_word[:1].islower() and next_word == after
    if len(word) <= LONGEST and _NUMBER.fullmatch(word):
        return not small
    if word.rpartition("-")[2] in _ABBREVIATIONS:
        return _starts(next_word)
    if len(word) == 1 and word.isalpha():
        return not small and (not next_word[:1].isupper() or _starts(next_word))
    return True


def _starts(word: str) -> bool:
    return word[:1].isupper() and re.split(r"[\W_]", word, maxsplit=1)[0].lower() in _STARTERS


def capitals(text: str) -> int:
    """How many words in capitals, a contraction ("DON'T") counting as two."""
    count = 0
    for found in _TOKEN.finditer(text):
        token = found.group()
        if token.isupper():
            for part in token.split("--"):
                count += part.isupper() + len(_CLITIC.findall(part[:100])) + (part.strip(".*_") in _JOINED)
    return count
