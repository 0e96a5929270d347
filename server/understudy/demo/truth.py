"""The truth that named slices are held against: exactness lost, measured before the run and not by its verdicts."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from understudy import plugins
from understudy.category.build import build
from understudy.config import Categories
from understudy.demo.traffic import tokens
from understudy.drift.cross import parts
from understudy.drift.vote import ALL
from understudy.engine.corpus import Example, heldout
from understudy.pair import Request, Sampling

CATEGORY = "category="
"""Slices of the corpus's own categories, which the shipped table measures."""

Loss = Mapping[str, Any]
"""{n, baseline, candidate, loss, low, high}: prompts, right shares, exactness lost and its 95 % interval."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One held-out prompt that both engines were asked beforehand, and whether each was right."""

    example: Example
    baseline: bool
    candidate: bool


def measured(quantization: str) -> list[Measured]:
    """The held-out prompts of training.json and who was right on them; empty for a quantization not in it."""
    record = json.loads(files("understudy.engine").joinpath("weights/training.json").read_text())
    table = record["exactness"]
    if quantization not in table:
        return []
    drawn = heldout(record["held_out_seed"], record["held_out_per_category"])
    told = []
    for category, examples in drawn.items():
        full, low = set(table["none"][category]["wrong"]), set(table[quantization][category]["wrong"])
        told += [Measured(e, i not in full, i not in low) for i, e in enumerate(examples)]
    return told


def loss(held: Sequence[Measured]) -> Loss:
    """Exactness lost on some prompts, with Newcombe's 95 % interval of the difference of two shares.

    Method 10 of Newcombe 1998, the pairing left unused, so it is on the wide side.
    """
    n = len(held)
    full, low = sum(m.baseline for m in held), sum(m.candidate for m in held)
    a, b = full / n, low / n
    (al, au), (bl, bu) = _wilson(full, n), _wilson(low, n)
    return {
        "n": n,
        "baseline": a,
        "candidate": b,
        "loss": a - b,
        "low": a - b - math.hypot(a - al, bu - b),
        "high": a - b + math.hypot(au - a, b - bl),
    }


def _wilson(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    share = right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half, middle + half


def slices(examples: Iterable[Example]) -> dict[str, list[Example]]:
    """Slice -> its prompts, by the categorizers that the proxy runs."""
    categorizers = build(plugins.load("categorizers", Categories().names))
    found: dict[str, list[Example]] = {}
    for example in examples:
        request = Request(
            id=example.id,
            cluster=example.id,
            method="",
            model="",
            text=example.prompt,
            sampling=Sampling(max_tokens=tokens(example)),
            received_ns=0,
            metadata={"category": example.category},
        )
        found.setdefault(ALL, []).append(example)
        for categorizer in categorizers:
            category = categorizer.categorize(request)
            if category is not None:
                found.setdefault(f"{categorizer.name}={category.value}", []).append(example)
    return found


def aliases(members: Mapping[str, Sequence[Example]]) -> dict[str, str]:
    """Slice -> another slice of exactly the same prompts, a declared category where one is among them."""
    first: dict[frozenset[str], str] = {}
    told = {}
    for name in sorted(members, key=lambda name: (name != ALL, not name.startswith(CATEGORY), name)):
        held = frozenset(example.id for example in members[name])
        if held in first:
            told[name] = first[held]
        first.setdefault(held, name)
    return told


def truth(
    names: Iterable[str], members: Mapping[str, Sequence[Example]], table: Iterable[Measured]
) -> dict[str, Loss | None]:
    """Slice -> its loss of exactness as measured beforehand, or None where nothing was.

    Args:
        names: The slices asked about.
        members: Slice -> the prompts this run sent.
        table: What was measured.

    A slice loses the mean of its categories' losses, each measured on the held-out prompts that fall into the
    slice, weighted by how many of the category this run asked there. The intervals are joined by MOVER (Zou and
    Donner 2008: squared distances to the limits add up); a category with prompts in the slice but none in the
    table may have lost or gained anything, and widens the interval by its whole weight.
    """
    known = {m.example.id: m for m in table}
    places = slices(m.example for m in known.values())
    told: dict[str, Loss | None] = {}
    for name in names:
        strata: dict[str, list[Measured]] = {}
        for example in _of(name, places):
            strata.setdefault(example.category, []).append(known[example.id])
        told[name] = _joined(
            Counter(example.category for example in _of(name, members)),
            {category: loss(held) for category, held in strata.items()},
        )
    return told


def _of(name: str, held: Mapping[str, Sequence[Example]]) -> Sequence[Example]:
    """The prompts of a slice, or of an intersection of two."""
    both = parts(name)
    if both is None:
        return held.get(name, ())
    others = {example.id for example in held.get(both[1], ())}
    return [example for example in held.get(both[0], ()) if example.id in others]


def _joined(counts: Counter[str], strata: Mapping[str, Loss]) -> Loss | None:
    shares = {c: n / counts.total() for c, n in sorted(counts.items()) if c in strata}
    if not shares:
        return None
    unknown = 1 - math.fsum(shares.values())

    def mean(field: str) -> float:
        return math.fsum(share * strata[c][field] for c, share in shares.items())

    def distance(limit: str) -> float:
        return unknown + math.hypot(
            *(share * (strata[c][limit] - strata[c]["loss"]) for c, share in shares.items())
        )

    lost, known = mean("loss"), 1 - unknown
    return {
        "n": sum(strata[c]["n"] for c in shares),
        "baseline": mean("baseline") / known,
        "candidate": mean("candidate") / known,
        "loss": lost / known,
        "low": lost - distance("low"),
        "high": lost + distance("high"),
        "shares": shares,
    }
