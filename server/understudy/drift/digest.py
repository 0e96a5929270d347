"""Stable 64-bit hashes of texts, and of hashes."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]


def digest(text: str) -> int:
    """A stable 64-bit hash."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def digests(texts: Sequence[str]) -> Hashes:
    """`digest` of each; the votes of a pair share their texts, so each is hashed once."""
    place = dict.fromkeys(texts)
    hashed = [blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in place]
    made = np.frombuffer(b"".join(hashed), dtype="<u8").astype(np.uint64)
    if len(place) == len(texts):
        return made
    which = dict(zip(place, range(len(place)), strict=True))
    return made[[which[text] for text in texts]]


def mix(a: Hashes, b: Hashes) -> Hashes:
    """Combine two hashes (splitmix64's finaliser); both are uint64, which wraps."""
    x: Hashes = a * np.uint64(0x9E3779B97F4A7C15) + b
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
