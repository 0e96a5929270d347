"""A codebook of topics: what terms speak for which, learnt once, the same in every process that reads the file.

A prompt is the set of its terms, each with its weight idf (rarer terms tell more), and a topic is a direction among
the terms. The similarity is what the prompt's terms weigh together in that direction, over the prompt's length; terms
that the codebook does not know count for the length, so that a prompt it knows little of is like no topic.
"""

import hashlib
import re
from collections.abc import Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

FORMAT = 1
OTHER = "other"
TOPICS = 64
"""Most topics a codebook may have: each is a slice in which every metric needs evidence of its own."""
TERMS = 65_536
_NAME = re.compile(r"[^\W_][\w.+-]{0,39}")


@dataclass(frozen=True, slots=True)
class Codebook:
    """Topics and what speaks for them."""

    names: tuple[str, ...]
    """Of the topics."""
    index: dict[str, int]
    """Term -> its row."""
    weights: "Floats"
    """Shape (terms, topics): what a term speaks for a topic."""
    squares: "Floats"
    """Shape (terms,): idf squared."""
    unknown: float
    """idf squared of a term that is not in the codebook."""
    floor: float
    """Similarity below which a prompt is `other`."""
    hash: str = ""
    """First 12 hexadecimal digits of the content's sha256."""
    rows: dict[str, tuple[float, tuple[tuple[int, float], ...]]] = field(init=False, repr=False)
    """Term -> (idf squared, ((topic, weight), ...)): a prompt has few terms, and numpy's calls cost more than they."""

    def __post_init__(self) -> None:
        weights, squares = self.weights.tolist(), self.squares.tolist()
        rows = {
            term: (squares[row], tuple((topic, w) for topic, w in enumerate(weights[row]) if w))
            for term, row in self.index.items()
        }
        object.__setattr__(self, "rows", rows)

    def similar(self, found: Set[str]) -> list[float]:
        """Similarity to every topic; empty when no term is known."""
        known = self.rows.keys() & found
        if not known:
            return []
        made, length = [0.0] * len(self.names), (len(found) - len(known)) * self.unknown
        for term in sorted(
            known
        ):  # sums must not depend on the order that a set happens to have in this process
            square, row = self.rows[term]
            length += square
            for topic, weight in row:
                made[topic] += weight
        return [one / length**0.5 for one in made]

    def topic(self, found: Set[str]) -> str:
        """The most similar topic, or `other`."""
        similar = self.similar(found)
        best = max(similar, default=0.0)
        return self.names[similar.index(best)] if similar and best >= self.floor else OTHER

    def save(self, path: Path) -> None:
        """Write it as .npz.

        Raises:
            ConfigError: it cannot be written.
        """
        import io

        import numpy as np

        from understudy import durable

        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            format=np.array(FORMAT),
            names=np.array(self.names),
            terms=np.array(list(self.index)),
            weights=self.weights.astype(np.float16),
            squares=self.squares.astype(np.float32),
            unknown=np.array(self.unknown),
            floor=np.array(self.floor),
        )
        try:
            durable.write(path, buffer.getvalue())
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}; give a place that can be written") from None


def named(name: str) -> bool:
    """Whether a topic may be called so: it becomes part of a slice's name."""
    return _NAME.fullmatch(name) is not None and name != OTHER


def read(path: Path, key: str = "categories.topic.codebook") -> Codebook:
    """Read and check a codebook; `key` is where it was named.

    Raises:
        ConfigError: it is not there, or is no codebook that this release reads; one line with the mend.
    """
    import io

    import numpy as np

    def bad(what: str) -> ConfigError:
        mend = "make one with `understudy topics`, or leave it out for the shipped one"
        return ConfigError(f"{key}: {path} {what}; {mend}")

    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise bad("does not exist") from None
    except OSError as error:
        raise bad(f"cannot be read ({error.strerror or error})") from None
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            told: dict[str, Any] = {name: file[name] for name in file.files}
    except (
        Exception
    ):  # of a damaged archive or header zipfile, zlib, numpy and ast raise a dozen different ones
        raise bad("is no codebook: not a .npz file of arrays") from None
    missing = {"format", "names", "terms", "weights", "squares", "unknown", "floor"} - told.keys()
    if missing:
        raise bad(f"is no codebook: it has no {', '.join(sorted(missing))}")
    form = told["format"]
    if form.shape or form.dtype.kind not in "iu" or int(form) != FORMAT:
        raise bad(f"is of format {form}, this release reads {FORMAT}".replace("\n", " "))
    return _checked(told, bad)


def _checked(told: dict[str, Any], bad: Any) -> Codebook:
    """The codebook of a file's arrays, all of it in range."""
    import numpy as np

    names, terms = told["names"], told["terms"]
    weights, squares = told["weights"], told["squares"]
    if names.dtype.kind != "U" or names.ndim != 1 or not 2 <= len(names) <= TOPICS:
        raise bad(f"must name 2 to {TOPICS} topics")
    for name in names.tolist():
        if not named(name):
            raise bad(f"names a topic {name!r}: letters, digits and .+- make a name, up to 40 of them")
    if len(set(names.tolist())) < len(names) or len(set(terms.tolist())) < len(terms):
        raise bad("names a topic or a term twice")
    if terms.dtype.kind != "U" or terms.ndim != 1 or not 1 <= len(terms) <= TERMS:
        raise bad(f"must hold 1 to {TERMS} terms")
    if weights.shape != (len(terms), len(names)) or squares.shape != (len(terms),):
        raise bad("has weights of another shape than its terms and topics")
    numbers = [weights, squares, told["unknown"], told["floor"]]
    if (
        any(one.dtype.kind != "f" or not np.isfinite(one).all() for one in numbers)
        or np.less_equal(squares, 0).any()
    ):
        raise bad("holds a weight that is no positive, finite number")
    unknown, floor = float(told["unknown"]), float(told["floor"])
    if unknown <= 0 or not 0 <= floor <= 1:
        raise bad("has a floor that is not within 0..1, or unknown terms without a weight")
    content = hashlib.sha256()
    for array in (names, terms, weights, squares, told["unknown"], told["floor"]):
        content.update(repr((array.dtype.kind, array.shape)).encode())
        content.update("\n".join(array.tolist()).encode() if array.dtype.kind == "U" else array.tobytes())
    return Codebook(
        tuple(names.tolist()),
        {term: row for row, term in enumerate(terms.tolist())},
        weights.astype(np.float32),
        squares.astype(np.float32),
        unknown,
        floor,
        content.hexdigest()[:12],
    )
