"""The truth that named slices are held against: exactness lost, measured before the run and not by its verdicts."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any, cast

from understudy import plugins
from understudy.category import Categorizer
from understudy.demo.traffic import tokens
from understudy.drift.vote import ALL
from understudy.engine.corpus import Example
from understudy.pair import Request, Sampling

CATEGORY = "category="
"""Slices of the corpus's own categories, which the shipped table measures."""

Loss = Mapping[str, Any]


def losses(quantization: str) -> dict[str, Loss]:
    """Exactness lost by category: the table training.json holds, measured on held-out prompts.

    Returns category -> {n, baseline, candidate, loss, low, high}, with Newcombe's 95 % interval of the
    difference of two shares (method 10 of Newcombe 1998, the pairing left unused, so it is on the wide side).
    """
    record = json.loads(files("understudy.engine").joinpath("weights/training.json").read_text())
    table = record["exactness"]
    if quantization not in table:
        return {}
    told: dict[str, Loss] = {}
    for category, full in table["none"].items():
        low = table[quantization][category]
        a, b = full["right"] / full["n"], low["right"] / low["n"]
        (al, au), (bl, bu) = _wilson(full["right"], full["n"]), _wilson(low["right"], low["n"])
        loss = a - b
        told[category] = {
            "n": full["n"],
            "baseline": a,
            "candidate": b,
            "loss": loss,
            "low": loss - math.hypot(a - al, bu - b),
            "high": loss + math.hypot(au - a, b - bl),
        }
    return told


def _wilson(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    share = right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half, middle + half


def slices(examples: Iterable[Example]) -> dict[str, list[Example]]:
    """Slice -> its prompts, by the categorizers that the proxy runs."""
    loaded = plugins.load("categorizers", ("declared", "language", "task", "length"))
    categorizers = [cast(Categorizer, cast(type, cls)()) for cls in loaded.values()]
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
    names: Iterable[str], members: Mapping[str, Sequence[Example]], measured: Mapping[str, Loss]
) -> dict[str, Loss | None]:
    """Slice -> its loss of exactness as the table of categories tells it, or None where it cannot.

    A slice that holds all prompts of some categories loses their mean, weighted by how many of each were asked;
    its interval joins theirs (MOVER: Zou and Donner 2008, squared distances to the limits add up). A slice that
    holds only a part of some category is undecided: nothing was measured of that part.
    """
    return {name: _union(members.get(name, ()), members, measured) for name in names}


def _union(
    held: Sequence[Example], members: Mapping[str, Sequence[Example]], measured: Mapping[str, Loss]
) -> Loss | None:
    counts = Counter(example.category for example in held)
    if not counts or any(
        category not in measured or count < len(members[CATEGORY + category])
        for category, count in counts.items()
    ):
        return None
    if len(counts) == 1:
        return measured[next(iter(counts))]
    shares = {category: count / len(held) for category, count in sorted(counts.items())}

    def mean(field: str) -> float:
        return math.fsum(share * measured[category][field] for category, share in shares.items())

    def distance(limit: str) -> float:
        return math.hypot(
            *(share * (measured[c][limit] - measured[c]["loss"]) for c, share in shares.items())
        )

    loss = mean("loss")
    return {
        "n": sum(measured[category]["n"] for category in shares),
        "baseline": mean("baseline"),
        "candidate": mean("candidate"),
        "loss": loss,
        "low": loss - distance("low"),
        "high": loss + distance("high"),
        "shares": shares,
    }
