"""Likeness in meaning by an embedding model, for those who have one: a plug-in, never loaded by default.

    [analyzers.parameters.agreement]
    embedding = "/models/all-MiniLM-L6-v2"   # a folder, or a name that the hub or its local cache knows

The analyzer's metrics stay; the model's cosine takes the place of the lexical measure. Any other library's model
is an `Embedder`: an entry point of one's own makes `Agreement(embedder=...)`.
"""

import importlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class Embedder(Protocol):
    """Anything that turns texts into vectors; the same texts always into the same ones."""

    @property
    def name(self) -> str:
        """Which model it is, with its revision where there are several: part of the analyzer's version."""
        ...

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """One row per text, shape (len(texts), width)."""
        ...


class Sentences:
    """An embedder by the sentence-transformers library.

    Args:
        model: A folder that holds a model, or a name that the hub or its local cache knows.
        longest: Characters of a text that are embedded; the model's own limit may be shorter.

    Raises:
        ValueError: the library is not installed, or cannot load the model; says what to do.
    """

    def __init__(self, model: str, longest: int = 8_000) -> None:
        try:
            library: Any = importlib.import_module("sentence_transformers")
        except ImportError as error:
            raise ValueError(
                f"embedding: sentence-transformers cannot be imported ({error}): pip install sentence-transformers, "
                "or leave embedding out: the lexical measure needs nothing"
            ) from error
        try:
            self._model: Any = library.SentenceTransformer(model, device="cpu")
        except Exception as error:  # whatever a model's files hold
            raise ValueError(
                f"embedding: model {model!r} cannot be loaded ({' '.join(str(error).split())[:200]}): "
                "name a folder that holds one, or a name on the hub"
            ) from error
        self.name, self._longest = model, longest

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The model's vectors of the texts' first `longest` characters."""
        cut = [text[: self._longest] for text in texts]
        return np.asarray(self._model.encode(cut, show_progress_bar=False), dtype=np.float32)


def cosine(embedder: Embedder, one: str, other: str) -> float:
    """Cosine of two texts' vectors, 0 where they point apart."""
    left, right = np.asarray(embedder.embed([one, other]), dtype=np.float64)
    norm = float(np.linalg.norm(left) * np.linalg.norm(right))
    value = float(left @ right) / norm if norm > 0 else 0.0
    return min(1.0, max(0.0, value)) if np.isfinite(value) else 0.0
