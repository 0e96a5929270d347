"""The categorizers that a config names, built with their settings."""

from collections.abc import Iterable, Mapping
from typing import cast

from understudy.category import Categorizer
from understudy.category.topic import Settings as TopicSettings
from understudy.category.topic import Topic


def build(classes: Mapping[str, object], topic: TopicSettings | None = None) -> list[Categorizer]:
    """One of each class, in order; `topic` are the settings of the shipped one of that name.

    Raises:
        ConfigError: a codebook is missing or broken.
    """
    return [
        Topic(topic) if made is Topic else cast(Categorizer, cast(type, made)()) for made in classes.values()
    ]


def versions(categorizers: Iterable[Categorizer]) -> dict[str, str]:
    """Categorizer -> its version, of those that have one: with another version the same names are other slices."""
    told = {one.name: getattr(one, "version", "") for one in categorizers}
    return {name: version for name, version in told.items() if version}
