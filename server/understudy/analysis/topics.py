"""`understudy topics`: learns topics of one's own traffic, or makes them of lists of words."""

import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from understudy.analysis.inputs import Duplicates, Seen, load
from understudy.capture.row import WITHHELD
from understudy.category.codebook import OTHER, TOPICS, Codebook, named, read
from understudy.category.learn import continued, learn, listed
from understudy.category.terms import terms
from understudy.errors import LINE, ConfigError, DataError, shown

CLUSTERS = 200_000
"""Conversations that are read; more tell nothing new."""
SHOWN = 6
"""Telling words that are printed of each topic."""


def run(
    captures: Sequence[Path],
    out: Path,
    topics: int = 24,
    lists: Path | None = None,
    names: Path | None = None,
) -> int:
    """Read prompts, write a codebook, print what its topics are and how the prompts fall; the exit code.

    `names` is an older codebook: of the topics learnt, those that it has keep the names they have there.

    Raises:
        ConfigError: the lists or the output cannot be used.
        DataError: an input is broken, or has too few prompts.
    """
    prompts = _prompts(captures)
    if not prompts:
        raise DataError(
            "topics: no prompt in these files: give captures that were made with capture.content = true"
        )
    made = learn(prompts, topics) if lists is None else listed(_lists(lists), prompts)
    if names is not None:
        made = continued(made, read(names, "--names"))
    made.save(out)
    book = read(out)
    _told(book, prompts)
    told = shown(out, LINE)
    print(f'{told}: {len(book.names)} topics, codebook {book.hash}: [categories.topic] codebook = "{told}"')
    return 0


def _prompts(captures: Sequence[Path]) -> list[str]:
    """The first prompt of every conversation: a template that all of one user's turns repeat is one prompt."""
    found: dict[str, str] = {}
    for item in load(captures, Seen(), Duplicates.SUFFIX):
        request = item.pair.request
        if item.content and request.text.strip() and request.text != WITHHELD:
            found.setdefault(request.cluster, request.text)
            if len(found) >= CLUSTERS:
                break
    return list(dict.fromkeys(found.values()))


def _lists(path: Path) -> dict[str, list[str]]:
    """Topic -> texts of words."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"--lists: {path}: {error.strerror}; name a TOML file that can be read") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"--lists: {path} is not TOML ({error}); mend that line") from None
    made: dict[str, list[str]] = {}
    for name, said in data.items():
        texts = [said] if isinstance(said, str) else list(said.values()) if isinstance(said, dict) else []
        if not texts or not all(isinstance(text, str) and terms(text) for text in texts):
            raise ConfigError(
                f'--lists: {path}: {name} holds no words; write {name} = "words in a row", or a table of such lines'
            )
        if not named(name):
            raise ConfigError(
                f"--lists: {path}: {name!r} cannot name a topic; use up to 40 letters, digits and .+-, and not {OTHER}"
            )
        made[name] = texts
    if not 2 <= len(made) <= TOPICS:
        raise ConfigError(f"--lists: {path} has {len(made)} topics; write 2 to {TOPICS}")
    return made


def _told(book: Codebook, prompts: Sequence[str]) -> None:
    """Each topic's share of the prompts, and the terms that speak most for it."""
    share = Counter(book.topic(terms(prompt)) for prompt in prompts)
    common = Counter(term for prompt in prompts for term in terms(prompt) & book.index.keys())
    for number, name in enumerate(book.names):
        speaks = {term: float(book.weights[row, number]) * common[term] for term, row in book.index.items()}
        best = sorted(speaks, key=lambda term: (-speaks[term], term))[:SHOWN]
        print(f"{share[name] / len(prompts):6.1%}  {name:24} {shown(' '.join(best), LINE)}")
    print(f"{share[OTHER] / len(prompts):6.1%}  {OTHER}")
