"""Train the weights.

    python -m understudy_analyzers.refusal.train DATA [--out weights.npz]

Two sources, both free to ship. `examples/*.txt` are sentences of our own in twelve languages, by what they do in a
reply, composed here into replies of every class. `refusal_direction` (Apache-2.0; five models' replies to harmless
and to JailbreakBench prompts; it has no stances of its own) is labelled by the signs of the opening: a decline among
the first words is a decline, in part where a pivot and a long answer follow, and so on (`label`); replies to
harmless prompts comply, with a caveat where one opens them. The openings of most were read by eye against their
labels. XSTest is never read here: it measures.
"""

import argparse
import gzip
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from understudy_analyzers.refusal.shape import SHAPE, shape
from understudy_analyzers.refusal.signs import Sign, Signs, signs
from understudy_analyzers.refusal.weights import BUCKETS, CLASSES, PATH, Weights, buckets, save

EXAMPLES = Path(__file__).with_name("examples")
SEED = 7
EACH, ENGLISH = 45, 220
"""Composed replies per class in each language, and in English."""
REAL = 2.0
"""Weight of a real reply beside a composed one."""
ROUNDS, RATE, DECAY, DECAY_SHAPE = 120, 0.08, 2e-4, 2e-5
"""Steps and step length of Adam; squared weights' penalty per reply, for words and for signs."""

Bank = dict[str, list[str]]
Example = tuple[str, str, float]
"""(reply, class, weight)."""


def bank(path: Path) -> Bank:
    """The sentences of one language by kind."""
    found: Bank = {}
    kind = ""
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("[") and line.endswith("]"):
            kind = line[1:-1]
        elif line and not line.startswith("#"):
            found.setdefault(kind, []).append(line)
    return found


@dataclass(frozen=True, slots=True)
class Composer:
    """Composes replies of one language."""

    bank: Bank
    draw: random.Random
    space: str

    def some(self, kind: str, least: int, most: int) -> list[str]:
        """Between least and most different sentences of a kind, their slots filled."""
        lines = self.bank[kind]
        chosen = self.draw.sample(lines, min(len(lines), self.draw.randint(least, most)))
        return [line.replace("{x}", self.draw.choice(self.bank["harm"])) for line in chosen]

    def maybe(self, kind: str, chance: float) -> list[str]:
        """One sentence of a kind, or none."""
        return self.some(kind, 1, 1) if self.draw.random() < chance else []

    def answer(self, least: int, most: int) -> str:
        """Sentences of an answer, running or as a list."""
        lines = self.some("answer", least, most)
        form = self.draw.random()
        if form < 0.35:
            return "\n" + "\n".join(f"{n}. {line}" for n, line in enumerate(lines, 1)) + "\n"
        if form < 0.5:
            return "\n" + "\n".join(f"* {line}" for line in lines) + "\n"
        return self.space.join(lines)

    def compose(self, kind: str) -> str:
        """A reply of one class."""
        some, maybe, draw = self.some, self.maybe, self.draw
        match kind:
            case "decline":
                parts = maybe("opener", 0.35) + some("refuse", 1, 1)
                if draw.random() < 0.7:
                    parts += (
                        some("moral", 0, 2)
                        + maybe("refute", 0.15)
                        + maybe("refuse", 0.2)
                        + some("advice", 0, 2)
                    )
                parts += maybe("closer", 0.45)
            case "redirect":
                parts = (
                    maybe("opener", 0.2) + some("moral", 1, 2) + some("advice", 1, 3) + maybe("moral", 0.3)
                )
                parts += maybe("closer", 0.3)
            case "refute":
                parts = (
                    maybe("opener", 0.15) + some("refute", 1, 2) + some("moral", 0, 2) + maybe("refute", 0.3)
                )
                parts += some("advice", 0, 2) + maybe("closer", 0.25)
            case "inability":
                parts = (
                    maybe("opener", 0.2) + some("lack", 1, 2) + maybe("advice", 0.2) + maybe("closer", 0.4)
                )
            case "partial":
                withheld = some("refuse" if draw.random() < 0.7 else "refute", 1, 1)
                parts = maybe("opener", 0.25) + withheld + some("moral", 0, 2) + maybe("advice", 0.2)
                parts += [
                    *some("pivot", 1, 1),
                    self.answer(3, 9),
                    *maybe("moral", 0.2),
                    *maybe("closer", 0.25),
                ]
            case "caveat":
                parts = maybe("affirm", 0.1) + some("caveat" if draw.random() < 0.75 else "lack", 1, 1)
                parts += [
                    *maybe("pivot", 0.4),
                    self.answer(1, 8),
                    *maybe("caveat", 0.2),
                    *maybe("closer", 0.1),
                ]
            case _:
                parts = self._comply()
        return self.space.join(parts).replace("\n" + self.space, "\n").strip()

    def _comply(self) -> list[str]:
        draw, form = self.draw, self.draw.random()
        if "absurd" in self.bank and draw.random() < 0.2:
            parts = self.maybe("caveat", 0.2) + self.some("absurd", 1, 3) + self.maybe("moral", 0.2)
            return [*parts, self.answer(0, 2), *self.maybe("closer", 0.5)]
        if form < 0.4:
            return [*self.maybe("affirm", 0.2), *self.some("comply", 1, 2), self.answer(0, 3)]
        if form < 0.6:
            quoted = self.draw.choice(self.some("refuse", 1, 1))
            return [*self.some("answer", 1, 2), f'"{quoted}"', self.answer(1, 4)]
        if form < 0.85:
            told = self.some("moral", 1, 2) + self.some("advice", 0, 2)
            answer = self.some("answer", 3, 6)
            at = draw.randint(1, len(answer))
            return self.maybe("affirm", 0.5) + answer[:at] + told + answer[at:]
        answer = [self.answer(2, 7)]
        return [*self.maybe("affirm", 0.6), *answer, *self.maybe("caveat", 0.3), *self.maybe("closer", 0.3)]


def composed() -> Iterator[Example]:
    """Replies of our own making."""
    for path in sorted(EXAMPLES.glob("*.txt")):
        language = path.stem
        composer = Composer(
            bank(path), random.Random(f"{SEED} {language}"), "" if language in ("zh", "ja") else " "
        )
        for kind in CLASSES:
            for _ in range(ENGLISH if language == "en" else EACH):
                yield composer.compose(kind), kind, 1.0


def label(found: Signs, harmful: bool) -> str:
    """The class of a real reply by its signs; see the module."""
    soon = {sign: found.first[sign][0] < 200 for sign in found.first}
    answered = found.count[Sign.PIVOT] > 0 and (found.steps >= 3 or found.rest > 900)
    if not harmful:
        return "caveat" if soon.get(Sign.CAVEAT) or soon.get(Sign.INABILITY) else "comply"
    if soon.get(Sign.DECLINE):
        return "partial" if answered and found.steps >= 3 else "decline"
    if soon.get(Sign.INABILITY):
        return "caveat" if answered else "inability"
    if found.work or found.steps >= 3:
        return "comply"
    if soon.get(Sign.REFUTE):
        return "refute"
    return "redirect" if found.count[Sign.MORAL] >= 4 and found.count[Sign.ADVICE] >= 2 else "comply"


def real(data: Path, without: str = "") -> Iterator[Example]:
    """Replies of refusal_direction, all models or all but those whose name starts with `without`."""
    for path in sorted((data / "refusal" / "refusal_direction").glob("*.json.gz")):
        if without and path.name.startswith(without):
            continue
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows = json.load(file)
        for row in rows:
            # One model runs on and answers itself; its first turn is the reply.
            text = row["response"].split("assistant\n\n")[0]
            if found := signs(text, row["prompt"]):
                yield text, label(found, "_jbb_" in path.name), REAL


def train(examples: Sequence[Example]) -> Weights:
    """Fit the regression by Adam over all examples at once; those without any sign teach nothing."""
    read = [(found, kind, weight) for text, kind, weight in examples if (found := signs(text))]
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for row, (found, _, _) in enumerate(read):
        for part in buckets(found):
            rows += [row] * len(part)
            columns += part
            values += [max(1, len(part)) ** -0.5] * len(part)
    words = _Sparse(np.array(rows), np.array(columns), np.array(values, dtype=np.float32), len(read))
    shapes = np.array([shape(found) for found, _, _ in read], dtype=np.float32)
    wanted = np.zeros((len(read), len(CLASSES)), dtype=np.float32)
    for row, (_, kind, _) in enumerate(read):
        wanted[row, CLASSES.index(kind)] = 1
    share = np.array([weight for _, _, weight in read], dtype=np.float32)[:, None]
    share /= share.sum()
    state = [np.zeros((size, len(CLASSES)), dtype=np.float32) for size in (BUCKETS, len(SHAPE), 1)]
    decay = (DECAY, DECAY_SHAPE, 0.0)
    first = [np.zeros_like(part) for part in state]
    second = [np.zeros_like(part) for part in state]
    for step in range(1, ROUNDS + 1):
        logits = words.times(state[0]) + shapes @ state[1] + state[2]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = (odds / odds.sum(axis=1, keepdims=True) - wanted) * share
        slopes = (words.across(error), shapes.T @ error, error.sum(axis=0, keepdims=True))
        for i, slope in enumerate(slopes):
            slope = slope + decay[i] * state[i]
            first[i] = 0.9 * first[i] + 0.1 * slope
            second[i] = 0.999 * second[i] + 0.001 * slope**2
            pace = RATE * (1 - 0.999**step) ** 0.5 / (1 - 0.9**step)
            state[i] -= pace * first[i] / (np.sqrt(second[i]) + 1e-8)
    return Weights(state[0], state[1], state[2][0])


class _Sparse:
    """A sparse matrix by rows and by columns, for products with narrow dense ones."""

    def __init__(
        self,
        rows: npt.NDArray[np.int64],
        columns: npt.NDArray[np.int64],
        values: npt.NDArray[np.float32],
        height: int,
    ) -> None:
        self._sides = []
        for own, other, size in ((rows, columns, height), (columns, rows, BUCKETS)):
            order = np.argsort(own, kind="stable")
            kept, starts = np.unique(own[order], return_index=True)
            self._sides.append((other[order], values[order][:, None], kept, starts, size))

    def times(self, dense: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return self._product(0, dense)

    def across(self, dense: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return self._product(1, dense)

    def _product(self, side: int, dense: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        other, values, kept, starts, size = self._sides[side]
        out = np.zeros((size, dense.shape[1]), dtype=np.float32)
        out[kept] = np.add.reduceat(dense[other] * values, starts, axis=0)
        return out


def main() -> None:
    """Train on everything and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path, help="the folder of labelled data")
    parser.add_argument("--out", type=Path, default=PATH)
    given = parser.parse_args()
    save(train([*composed(), *real(given.data)]), given.out)


if __name__ == "__main__":
    main()
