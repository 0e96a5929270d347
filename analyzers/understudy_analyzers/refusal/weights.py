"""The trained part: a multinomial logistic regression over the signs and the words around them.

Words are cut to six letters, which is stemming enough in twelve languages; scripts that part no words give
characters. Runs of one, two and three of them, opening and body apart, are hashed into BUCKETS. The weights are
eight-bit numbers in `weights.npz` beside this file, made by `train`; they are read once, on first use.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
import numpy.typing as npt

from understudy_analyzers.refusal.shape import SHAPE, shape
from understudy_analyzers.refusal.signs import Signs

CLASSES = ("decline", "redirect", "refute", "inability", "partial", "caveat", "comply")
"""What is told apart: the stances, and a refusal in part whatever its kind."""
BUCKETS = 1 << 14
OPENING, BODY = 220, 900
"""Characters whose words are read: the opening, and what follows it."""
PATH = Path(__file__).with_name("weights.npz")

Array = npt.NDArray[np.float32]

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\d_\u3040-\u30ff\u3400-\u9fff]+|\d+")


def _runs(text: str, mark: str, longest: int) -> list[int]:
    words = [word[:6] if not word.isdigit() else "0" for word in _WORD.findall(text)]
    found = {f"{mark}{word}" for word in words}
    for length in range(2, longest + 1):
        found.update(mark + " ".join(words[i : i + length]) for i in range(len(words) - length + 1))
    return sorted(crc32(run.encode("utf-8", "surrogatepass")) % BUCKETS for run in found)


def buckets(found: Signs) -> tuple[list[int], list[int]]:
    """The buckets of a reply's opening and of its body."""
    return _runs(found.text[:OPENING], "o", 3), _runs(found.text[OPENING:BODY], "b", 2)


@dataclass(frozen=True, slots=True)
class Weights:
    """A trained model; arrays of shape (BUCKETS, classes), (signs, classes) and (classes,)."""

    words: Array
    shape: Array
    bias: Array

    def chances(self, found: Signs) -> dict[str, float]:
        """Probability of each class."""
        logits = self.bias + np.asarray(shape(found), dtype=np.float32) @ self.shape
        for part in buckets(found):
            if part:
                logits = logits + self.words[part].sum(axis=0) / np.sqrt(np.float32(len(part)))
        odds = np.exp(logits - logits.max())
        return dict(zip(CLASSES, (odds / odds.sum()).tolist(), strict=True))


def save(weights: Weights, path: Path = PATH) -> None:
    """Write the weights, each class's words as eight-bit numbers and their scale."""
    scale = np.abs(weights.words).max() / 127 or 1.0
    np.savez_compressed(
        path,
        words=np.round(weights.words / scale).astype(np.int8),
        scale=np.float32(scale),
        shape=weights.shape.astype(np.float32),
        bias=weights.bias.astype(np.float32),
    )


@cache
def load(path: Path = PATH) -> Weights:
    """Read the weights: arrays alone, never code."""
    with np.load(path, allow_pickle=False) as file:
        words = file["words"].astype(np.float32) * file["scale"]
        weights = Weights(words, file["shape"], file["bias"])
    if weights.words.shape != (BUCKETS, len(CLASSES)) or weights.shape.shape != (len(SHAPE), len(CLASSES)):
        raise ValueError(
            f"{path}: not the weights of this version: run python -m understudy_analyzers.refusal.train"
        )
    return weights
