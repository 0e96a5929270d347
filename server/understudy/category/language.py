"""The language of the prompt, by py3langid restricted to a configured set."""

import re
from dataclasses import dataclass
from typing import Protocol

from understudy.errors import ConfigError
from understudy.pair import Category, Request

OTHER = "other"
"""Too short, too uncertain, or not words at all."""

_NOISE = re.compile(r"```[^`]{0,4000}(?:```|$)|https?://\S{1,300}|\S{1,80}@\S{1,80}|[\d\W_]{3,}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Which languages are told apart, and how sure the detector must be."""

    languages: tuple[str, ...] = (
        *(
            "ar",
            "bg",
            "cs",
            "da",
            "de",
            "el",
            "en",
            "es",
            "fi",
            "fr",
            "he",
            "hi",
            "hu",
            "id",
            "it",
            "ja",
            "ko",
        ),
        *("nl", "no", "pl", "pt", "ro", "ru", "sv", "th", "tr", "uk", "vi", "zh"),
    )
    """ISO 639-1 codes. Few, and those you serve: each further kin costs accuracy on short prompts."""
    min_letters: int = 12
    """Letters (an ideograph counts three) below which a prompt does not say its language."""
    min_probability: float = 0.8
    """Probability below which the language counts as unknown."""

    def __post_init__(self) -> None:
        if len(self.languages) < 2:
            raise ConfigError("category.language.languages must hold at least two ISO 639-1 codes: add some")
        if not 0.0 <= self.min_probability <= 1.0:
            raise ConfigError("category.language.min_probability must be within 0..1: set it there")
        if self.min_letters < 1:
            raise ConfigError("category.language.min_letters must be at least 1: raise it")


class _Identifier(Protocol):
    def classify(self, text: str) -> tuple[str, float]: ...


class Language:
    """Detected language of the prompt; "other" when it is too short or uncertain, None without text."""

    name = "language"

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._identifier: _Identifier | None = None

    def categorize(self, request: Request) -> Category | None:
        """One detection over at most 400 characters."""
        if not request.text:
            return None
        text = request.text[:1_000]
        text = " ".join(_NOISE.sub(" ", text).split())[:400]
        letters = sum((3 if ord(c) > 0x2E80 else 1) for c in text[:200] if c.isalpha())
        if letters < self._settings.min_letters:
            return Category(OTHER, "detected")
        if self._identifier is None:
            self._identifier = _load(self._settings.languages)
        code, probability = self._identifier.classify(text)
        return Category(code if probability >= self._settings.min_probability else OTHER, "detected")


def _load(languages: tuple[str, ...]) -> _Identifier:
    """py3langid's model (half a second, 40 MB), on first use only."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    try:
        identifier.set_languages(list(languages))
    except ValueError as error:
        raise ConfigError(
            f"category.language.languages: {error}; keep to ISO 639-1 codes it knows"
        ) from error
    made: _Identifier = identifier
    return made
