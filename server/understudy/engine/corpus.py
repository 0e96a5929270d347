"""Synthetic instruction data: deterministic by seed, with one right reply per prompt and a checker for it.

A prompt belongs to the held-out split if the sha256 of its text is 0 modulo HELD_OUT, so that no prompt can
be in both splits, whatever the seed and the number drawn.
"""

import ast
import hashlib
import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from understudy.engine.families import FAMILIES
from understudy.engine.phrases import DECLINES

HELD_OUT = 10
"""One prompt in this many is held out of training."""

WEIGHTS: Mapping[str, float] = {name: 1.0 for name in FAMILIES} | {
    "refusal": 1.6,
    "counting": 0.35,
    "sequence": 0.5,
}
"""Share of each category in a sample: counting is rare because its replies are twenty times as long."""


class Split(StrEnum):
    """Which side of the hash a prompt falls on."""

    TRAIN = "train"
    HELD_OUT = "held_out"


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt, its one right reply, and how to tell whether another reply is right too."""

    id: str
    """Category and the first 12 hex digits of the prompt's sha256."""
    category: str
    language: str
    """Of the prompt and of the reply's wording: en, es, de or fr (translations reply in another)."""
    prompt: str
    reply: str
    expects: str
    """text | number | json | list | choice | code | refusal | answer."""


def split_of(prompt: str) -> Split:
    """The split a prompt belongs to."""
    digest = hashlib.sha256(prompt.encode()).digest()
    return Split.HELD_OUT if int.from_bytes(digest[:8], "big") % HELD_OUT == 0 else Split.TRAIN


def sample(
    seed: int, n: int, split: Split | str, weights: Mapping[str, float] | None = None, distinct: bool = True
) -> list[Example]:
    """Draw n examples with distinct prompts.

    Args:
        seed: Same seed, same examples in the same order.
        n: How many.
        split: Which side of the hash.
        weights: Category -> share; WEIGHTS if None, and a category left out is not drawn.
        distinct: False lets a prompt come twice (training draws millions).
    """
    return list(_draw(random.Random(seed), n, Split(split), dict(weights or WEIGHTS), distinct))


def _draw(
    rng: random.Random, n: int, split: Split, weights: dict[str, float], distinct: bool
) -> Iterator[Example]:
    names, shares = list(weights), list(weights.values())
    seen: set[str] = set()
    for category in rng.choices(names, shares, k=n):
        while True:
            drawn = FAMILIES[category](rng)
            if split_of(drawn.prompt) is split and not (distinct and drawn.prompt in seen):
                break
        if distinct:
            seen.add(drawn.prompt)
        digest = hashlib.sha256(drawn.prompt.encode()).hexdigest()
        yield Example(
            f"{category}-{digest[:12]}", category, drawn.language, drawn.prompt, drawn.reply, drawn.expects
        )


def heldout(seed: int, n: int) -> dict[str, list[Example]]:
    """Category -> the n held-out prompts on which training.json measures exactness."""
    return {c: sample(seed, n, Split.HELD_OUT, {c: 1.0}) for c in WEIGHTS}


def fingerprint(examples: Iterable[Example]) -> str:
    """Sha256 over prompts and right replies, in their order: tells a table measured on other prompts."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(f"{example.prompt}\0{example.reply}\0".encode())
    return digest.hexdigest()


def correct(example: Example, reply: str) -> bool:
    """Whether a reply is right: the ground truth of the demo, by what the task asks for and not by wording."""
    reply = reply.strip()
    match example.expects:
        case "number":
            found = re.findall(r"-?\d+", reply)
            return bool(found) and found[-1] == re.findall(r"\d+", example.reply)[-1]
        case "json":
            try:
                return bool(json.loads(reply) == json.loads(example.reply))
            except ValueError:
                return False
        case "code":
            try:
                return ast.dump(ast.parse(reply)) == ast.dump(ast.parse(example.reply))
            except (SyntaxError, ValueError):
                return False
        case "list":
            return [line.strip() for line in reply.splitlines()] == example.reply.splitlines()
        case "refusal" | "answer":
            return declines(reply) == (example.expects == "refusal") and (
                example.expects == "refusal" or _words(reply) == _words(example.reply)
            )
        case "choice":
            return reply[:1] == example.reply
        case _:
            return _words(reply) == _words(example.reply)


def declines(reply: str) -> bool:
    """Whether a reply of this model's is a refusal: its own fixed openings, which quantization may garble."""
    opening = _words(reply)[:4]
    return any(opening == _words(text)[:4] for text in DECLINES)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
