"""What a prompt is about: the nearest topic of a codebook, `other` when none is near.

The shipped codebook knows 25 topics of general traffic in 16 languages. One of your own traffic is learnt with
`understudy topics`; see docs/slices.md.
"""

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from understudy.category.codebook import Codebook, read
from understudy.category.terms import terms
from understudy.pair import Category, Request


@dataclass(frozen=True, slots=True)
class Settings:
    """Which topics."""

    codebook: str = ""
    """A file that `understudy topics` wrote; empty = the shipped topics."""


class Topic:
    """The topic of the prompt; None without text."""

    name = "topic"

    def __init__(self, settings: Settings | None = None) -> None:
        """Read the codebook.

        Raises:
            ConfigError: there is none, or it is broken.
        """
        named = (settings or Settings()).codebook
        self.codebook = read(Path(named)) if named else shipped()
        self.version = self.codebook.hash
        """Of the codebook: with another one, the same names are other slices."""

    def categorize(self, request: Request) -> Category | None:
        """One look at the terms of both ends."""
        if not request.text or request.text.isspace():
            return None
        return Category(self.codebook.topic(terms(request.text)), "detected")


def shipped() -> Codebook:
    """The topics that come with this release."""
    with as_file(files("understudy.category").joinpath("topics.npz")) as path:
        return read(path)
