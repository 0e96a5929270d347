"""Number by number: which numerals of two texts are the same, and which became others, where.

What two texts have in common at their start and end is skipped; the rest is aligned as sequences of values. When
the two are the same text but for numbers, every change is a change of fact, however few they are.
"""

import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from itertools import starmap, zip_longest

from rapidfuzz.distance import Indel, Postfix, Prefix

from understudy_analyzers import judge
from understudy_analyzers.numbers.digits import fold
from understudy_analyzers.numbers.numeral import Numeral, numerals

_MASK = str.maketrans("123456789", "0" * 9)
_RUN = re.compile("[0-9]{1,999}")

ALIGNED = 1_500
"""Numerals of each text that are aligned; of more, those before the first difference of values count."""


@dataclass(frozen=True, slots=True)
class Change:
    """One numeral that the other text has not: what it was and what it became, None where it is missing."""

    base: Numeral | None
    other: Numeral | None

    def __str__(self) -> str:
        return f"{written(self.base)} became {written(self.other)}"


@dataclass(frozen=True, slots=True)
class Compared:
    """The numerals of two texts held against each other."""

    ours: int
    theirs: int
    common: int
    """Numerals of the same value that both have, wherever they stand."""
    changes: tuple[Change, ...]
    """In order of the texts, with places in the whole texts."""
    alone: bool
    """The texts are the same but for their numerals."""

    @property
    def share(self) -> float:
        """Numerals in common: 1 all, 0 none (Dice)."""
        total = self.ours + self.theirs
        return 2 * self.common / total if total else 1.0

    @property
    def reordered(self) -> bool:
        """What changed is the order alone: the numerals that one text lacks here it has there."""
        ours = Counter(change.base and change.base.value for change in self.changes)
        return ours == Counter(change.other and change.other.value for change in self.changes)


def written(number: Numeral | Decimal | None) -> str:
    """A number as plain digits, short."""
    if number is None:
        return "none"
    value = number.value if isinstance(number, Numeral) else number
    # Only the exponent says how long plain digits would be.
    text = f"{value:f}" if abs(value.adjusted()) <= 24 else f"{value:.6e}"
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text[:40]


def compare(base: str, other: str) -> Compared:
    """Hold the numerals of two texts against each other."""
    seen, shown = judge.view(base), judge.view(other)
    left, right = numerals(seen.text), numerals(shown.text)
    ours, theirs = Counter(one.value for one in left), Counter(one.value for one in right)
    start = Prefix.similarity(seen.text, shown.text)
    end = min(Postfix.similarity(seen.text, shown.text), len(seen.text) - start, len(shown.text) - start)
    changes = _changes(
        [one for one in left if one.end >= start and one.start <= len(seen.text) - end],
        [one for one in right if one.end >= start and one.start <= len(shown.text) - end],
    )
    digits = _digits(seen.text, shown.text)
    return Compared(
        len(left),
        len(right),
        (ours & theirs).total(),
        tuple(Change(_moved(one.base, seen), _moved(one.other, shown)) for one in changes or digits),
        bool(digits) or (len(left) == len(right) and _rest(seen.text, left) == _rest(shown.text, right)),
    )


def _digits(base: str, other: str) -> list[Change]:
    """The runs of digits that differ between texts that differ in digits alone, list markers and names included."""
    if len(base) != len(other):
        return []
    ours, theirs = fold(base), fold(other)
    if ours == theirs or ours.translate(_MASK) != theirs.translate(_MASK):
        return []
    return [
        Change(_run(ours, *place), _run(theirs, *place))
        for place in (found.span() for found in _RUN.finditer(ours))
        if ours[slice(*place)] != theirs[slice(*place)]
    ]


def _run(text: str, start: int, end: int) -> Numeral:
    return Numeral(Decimal(text[start:end]), start, end)


def _changes(left: list[Numeral], right: list[Numeral]) -> list[Change]:
    """What is between two numerals that both have is one change each, as far as both sides have any."""
    left, right = left[:ALIGNED], right[:ALIGNED]
    found: list[Change] = []
    gone: list[Numeral] = []
    come: list[Numeral] = []
    for step in Indel.opcodes([one.value for one in left], [one.value for one in right]):
        if step.tag == "equal":
            found += starmap(Change, zip_longest(gone, come))
            gone, come = [], []
        gone += left[step.src_start : step.src_end] if step.tag == "delete" else []
        come += right[step.dest_start : step.dest_end] if step.tag == "insert" else []
    return [*found, *starmap(Change, zip_longest(gone, come))]


def _rest(text: str, found: list[Numeral]) -> list[str]:
    """What stands between the numerals."""
    edges = [0, *(at for one in found for at in (one.start, one.end)), len(text)]
    return [text[one:other] for one, other in zip(edges[::2], edges[1::2], strict=True)]


def _moved(one: Numeral | None, view: judge.View) -> Numeral | None:
    """A numeral with its place in the whole text."""
    if one is None or view.cut < 0:
        return one
    return Numeral(one.value, view.original(one.start), view.original(one.end))
