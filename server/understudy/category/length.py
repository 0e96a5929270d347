"""How long a request is: its prompt, and the reply it allows."""

from dataclasses import dataclass

from understudy.errors import ConfigError
from understudy.pair import Category, Request

CHARACTERS_PER_TOKEN = 4
"""Estimate used when the wire carries no token ids."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where medium and long begin."""

    medium_prompt_tokens: int = 128
    """Prompt tokens (estimated from characters) from which a request is medium."""
    long_prompt_tokens: int = 1024
    """Prompt tokens from which a request is long."""
    medium_max_tokens: int = 128
    """max_tokens from which a request is medium."""
    long_max_tokens: int = 512
    """max_tokens from which a request is long."""

    def __post_init__(self) -> None:
        if not 0 < self.medium_prompt_tokens < self.long_prompt_tokens:
            raise ConfigError(
                "category.length.medium_prompt_tokens must lie below long_prompt_tokens: lower it"
            )
        if not 0 < self.medium_max_tokens < self.long_max_tokens:
            raise ConfigError("category.length.medium_max_tokens must lie below long_max_tokens: lower it")


class Length:
    """short | medium | long: the larger of what the prompt and what max_tokens say."""

    name = "length"

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()

    def categorize(self, request: Request) -> Category | None:
        """Always a value: every request has a length."""
        s = self._settings
        ids = request.token_ids
        prompt = len(ids) if ids is not None else len(request.text) // CHARACTERS_PER_TOKEN
        reply = request.sampling.max_tokens or 0
        if prompt >= s.long_prompt_tokens or reply >= s.long_max_tokens:
            return Category("long", "rule")
        if prompt >= s.medium_prompt_tokens or reply >= s.medium_max_tokens:
            return Category("medium", "rule")
        return Category("short", "rule")
