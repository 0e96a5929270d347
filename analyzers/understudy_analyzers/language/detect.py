"""Which language is a text in? Its script first, then byte statistics and small words together.

Hangul, kana, Greek, Hebrew, Thai and most scripts of India are one language each, as far as we tell languages
apart. Languages that share a script are told by py3langid (naive Bayes over byte n-grams, Lui & Baldwin 2012)
times a vote for every small word: `p(language) * exp(WEIGHT * votes)`, normalised over the script's languages.
"""

import math
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Protocol

from understudy_analyzers.language import script
from understudy_analyzers.language.words import endings, votes

SHARED: Mapping[str, tuple[str, ...]] = {
    "latin": tuple(
        "cs da de en es et fi fr hr hu id it lt lv nl no pl pt ro sk sl sv tr vi".split(),
    ),
    "cyrillic": ("bg", "ru", "uk"),
    "arabic": ("ar", "fa", "ur"),
}
"""Scripts of several languages, as ISO 639-1 codes. Close kin of one of them (gl, ca, ms) are left out on purpose."""
ALONE: Mapping[str, str] = {
    "greek": "el", "hebrew": "he", "devanagari": "hi", "bengali": "bn", "gurmukhi": "pa", "gujarati": "gu",
    "tamil": "ta", "telugu": "te", "kannada": "kn", "malayalam": "ml", "sinhala": "si", "thai": "th", "lao": "lo",
    "georgian": "ka", "armenian": "hy", "ethiopic": "am", "khmer": "km", "han": "zh", "kana": "ja", "hangul": "ko",
}  # fmt: skip
LANGUAGES = tuple(sorted({*ALONE.values(), *(code for codes in SHARED.values() for code in codes)}))
"""Languages told apart."""
SHORTEST = 12
"""Letters (an ideograph counts three) below which a text does not say its language."""
SURE = 0.9
"""Probability from which a detected language counts as found."""
SAMPLE = 500
"""Characters detected per text: half from its start, half from its end, where drift shows."""
WEIGHT = 1.0
"""What one vote adds to a language's log-probability."""
ENDED = 0.5
"""What a word's ending adds."""
PRIOR: Mapping[str, float] = {
    "en": 0.8,
    "es": 0.6,
    "ru": 1.0,
    "fr": 0.5,
    "de": 0.5,
    "pt": 0.5,
    "it": 0.4,
    "id": 0.3,
}
"""What a language is more likely beforehand, as log-odds: a few words of Russian letters are hardly Bulgarian."""
CLEAR = 8
"""Votes more than for any other language, and twice as many, that say it by themselves."""
FOREIGN = 0.4
"""Share of the letters from which a script other than Latin says the language: Latin names are in every text."""
KANA = 0.05
"""Share of kana from which Han letters are Japanese."""

_CODE = re.compile(
    r"```(?!markdown|md\b|text|txt)[^`]{0,20000}(?:```|$)|`[^`\n]{1,200}`|https?://\S{1,400}|"
    r"(?<!\S)[^\s@]{1,80}@\S{1,80}|\$[^$\n]{1,200}\$|<[^<>\n]{1,120}>"
)
_FIGURES = re.compile(r"[\d\W_]{3,}")
_KIN = (
    {"da", "no", "sv"},
    {"cs", "sk"},
    {"hr", "sl", "sr"},
    {"ru", "uk", "bg", "sr", "mk", "be"},
    {"hi", "ur", "mr", "ne"},
    {"fa", "ar", "ur"},
    {"es", "gl", "ca"},
    {"pt", "gl"},
    {"id", "ms"},
)


class _Identifier(Protocol):
    def rank(self, text: str) -> list[tuple[str, float]]: ...


@cache
def _identifier() -> _Identifier:
    """py3langid's model, loaded once on first use (half a second, 40 MB)."""
    import numpy as np
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    made = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    made.set_languages(sorted(code for codes in SHARED.values() for code in codes))
    # As it comes, each row is half floats strewn over memory; in this shape the same numbers are had sooner.
    made.nb_ptc = np.ascontiguousarray(made.nb_ptc, dtype=np.float32)
    identifier: _Identifier = made
    return identifier


def prepare(text: str) -> str:
    """What of a text says its language: words, without code, addresses, markup and figures."""
    if len(text) > SAMPLE * 6:
        text = text[: SAMPLE * 3] + "\n" + text[-SAMPLE * 3 :]
    if any(sign in text for sign in "`@$<") or "://" in text:
        text = _CODE.sub(" ", text)
    text = " ".join(_FIGURES.sub(" ", text).split())
    return text if len(text) <= SAMPLE else text[: SAMPLE // 2] + " " + text[-SAMPLE // 2 :]


def letters(text: str) -> int:
    """Letters of a text, ideographs and syllables counted threefold because each says more."""
    return sum(script.letters(text).values())


def detect(text: str) -> tuple[str, float] | None:
    """(language, probability) of a text; None when it is too short to tell."""
    return tell(prepare(text))


@lru_cache(maxsize=64)
def tell(text: str) -> tuple[str, float] | None:
    """(language, probability) of words alone; None when they are too few to tell."""
    counts = script.letters(text)
    total = sum(counts.values())
    if total < SHORTEST:
        return None
    main, most = next(iter(counts.items()))
    if main == "latin" and len(counts) > 1:
        other = max((name for name in counts if name != "latin"), key=lambda name: counts[name])
        if counts[other] >= FOREIGN * total:
            main, most = other, counts[other]
    if main in ("han", "kana"):
        kana, han = counts.get("kana", 0), counts.get("han", 0)
        return ("ja" if kana >= KANA * (kana + han) else "zh"), (kana + han) / total
    if main in ALONE:
        return ALONE[main], most / total
    return _among(text, SHARED[main])


def _among(text: str, codes: tuple[str, ...]) -> tuple[str, float]:
    """The most probable of languages that share a script."""
    voted = votes(text)
    ours = sorted(((voted.get(code, 0), code) for code in codes), reverse=True)
    (most, first), (more, _) = ours[:2]
    if most - more >= max(CLEAR, more):
        return first, 1 / (1 + math.exp(WEIGHT * (more - most)))
    ended = endings(text)
    scores = {
        code: math.log(max(p, 1e-12))
        + WEIGHT * voted.get(code, 0)
        + ENDED * ended.get(code, 0)
        + PRIOR.get(code, 0.0)
        for code, p in _identifier().rank(text)
        if code in codes
    }
    code = max(sorted(scores), key=lambda one: scores[one])
    return code, 1 / sum(math.exp(score - scores[code]) for score in scores.values())


def kin(left: str, right: str) -> bool:
    """True for languages a detector confuses on short texts."""
    return left == right or any(left in group and right in group for group in _KIN)
