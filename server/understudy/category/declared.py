"""The category that the caller declares in a request's metadata."""

import re
from dataclasses import dataclass

from understudy.errors import ConfigError
from understudy.pair import Category, Request

OTHER = "other"
"""The value of requests beyond the cap of distinct values."""

_CLEAN = re.compile(r"[^a-z0-9._/-]+")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the declaration stands and how many values it may have."""

    keys: tuple[str, ...] = ("category",)
    """Request metadata keys, lower case; the first present counts. The mirror must allow them."""
    max_values: int = 64
    """Distinct values kept; further ones become "other", so that a caller cannot flood the slices."""
    max_length: int = 40
    """Characters of a value kept."""

    def __post_init__(self) -> None:
        if not self.keys or any(key != key.lower() or not key for key in self.keys):
            raise ConfigError(
                "category.declared.keys must name at least one key, in lower case: write them so"
            )
        if not 1 <= self.max_values <= 1_000:
            raise ConfigError("category.declared.max_values must be within 1..1000: set it there")
        if not 1 <= self.max_length <= 100:
            raise ConfigError("category.declared.max_length must be within 1..100: set it there")


class Declared:
    """Value of the configured metadata key, cleaned to lower-case letters, digits and `._/-`."""

    name = "category"

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._seen: set[str] = set()

    def categorize(self, request: Request) -> Category | None:
        """The declared value, "other" beyond the cap, None when nothing usable is declared."""
        for key in self._settings.keys:
            if declared := request.metadata.get(key):
                value = _CLEAN.sub("-", declared[:200].strip().lower()).strip("-")[
                    : self._settings.max_length
                ]
                if not value:
                    return None
                if value not in self._seen:
                    if len(self._seen) >= self._settings.max_values:
                        return Category(OTHER, "declared")
                    self._seen.add(value)
                return Category(value, "declared")
        return None
