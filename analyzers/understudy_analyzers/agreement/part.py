"""Where two outputs part: the first character and token that differ, their lengths, and how each ended."""

from dataclasses import dataclass

from rapidfuzz.distance import Prefix
from understudy.pair import Output

SHOWN = 60
"""Characters shown from where two texts part."""


@dataclass(frozen=True, slots=True)
class Parting:
    """How another output departs from the baseline's."""

    character: int | None
    """Index of the first character that differs; None when the texts are equal."""
    share: float
    """The same as a share of the longer text: 1 when the texts are equal."""
    token: int | None
    """Index of the first token that differs; None without token ids on both sides, or when all are equal."""
    ratio: float | None
    """Length of the other text over the baseline's; None when the baseline's is empty."""
    finish: str
    """`stop` when both ended so, else `stop against length`."""

    def __str__(self) -> str:
        if self.character is None:
            told = "same text"
        else:
            told = f"parts at character {self.character} ({self.share:.0%})"
        if self.token is not None:
            told += f", token {self.token}"
        if self.ratio is not None and self.character is not None:
            told += f"; {self.ratio:.2f} times as long"
        return told + f"; finish {self.finish}"


def part(base: Output, other: Output, ours: str, theirs: str) -> Parting:
    """Where `theirs` departs from `ours`, the texts judged of two outputs."""
    equal, longest = ours == theirs, max(len(ours), len(theirs))
    at = None if equal else Prefix.similarity(ours, theirs)
    return Parting(
        at,
        1.0 if at is None else at / longest,
        _token(base.token_ids, other.token_ids),
        len(theirs) / len(ours) if ours else None,
        base.finish.value
        if base.finish is other.finish
        else f"{base.finish.value} against {other.finish.value}",
    )


def _token(ours: tuple[int, ...] | None, theirs: tuple[int, ...] | None) -> int | None:
    if ours is None or theirs is None or ours == theirs:
        return None
    return next(
        (n for n, (one, other) in enumerate(zip(ours, theirs, strict=False)) if one != other),
        min(len(ours), len(theirs)),
    )
