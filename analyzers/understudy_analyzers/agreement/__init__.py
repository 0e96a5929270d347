"""Agreement of each other leg with the baseline: exact, by edits, in meaning, and by what the task is about.

`agreement_exact`, `agreement_edit` and `agreement_semantic` punish harmless rewording, so under greedy or seeded
decoding they are shown and not judged. `task_agreement` compares what matters (see `task`). The explanation of
`agreement_exact` says where the two part, how their lengths compare and how each ended.
"""

from collections.abc import Sequence
from functools import cache

from rapidfuzz.distance import Levenshtein
from understudy.pair import Leg, Output, Pair
from understudy.score import Metric, Score, Sense

from understudy_analyzers import judge
from understudy_analyzers.agreement.embedding import Embedder, Sentences, cosine
from understudy_analyzers.agreement.form import normal
from understudy_analyzers.agreement.part import SHOWN, part
from understudy_analyzers.agreement.semantic import likeness
from understudy_analyzers.agreement.task import task
from understudy_analyzers.expectation import expect

__all__ = ["Agreement", "edit", "likeness"]

NEAR = 4
"""Texts whose lengths differ by more than one part in this many are not the same words."""
LONGEST = 12_000
"""Characters of each text compared by edits: its head and tail beyond that."""


def edit(base: str, other: str) -> float:
    """1 - Levenshtein distance / length of the longer text."""
    return float(Levenshtein.normalized_similarity(_ends(base), _ends(other)))


def _ends(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST // 2] + text[-LONGEST // 2 :]


def exact(base: Output, other: Output, ours: str, theirs: str) -> judge.Found:
    """1 when the texts are equal, outer blanks aside; where they part otherwise."""
    parting = part(base, other, ours, theirs)
    if (at := parting.character) is None:
        return judge.Found(1.0, note=str(parting))
    equal = theirs.strip() == ours.strip()
    near = abs(len(ours) - len(theirs)) * NEAR <= len(ours)
    alike = near and not equal and normal(theirs) == normal(ours)
    return judge.Found(
        float(equal),
        ((min(at, len(theirs)), min(at + SHOWN, len(theirs)), "parts"),),
        str(parting) + ("; same words, other case, blanks or punctuation" if alike else ""),
        ((min(at, len(ours)), min(at + SHOWN, len(ours)), "parts"),),
    )


class Agreement:
    """Exact, edit, semantic and task agreement of each other leg with the baseline.

    Args:
        embedding: A model of sentence-transformers that judges likeness in meaning in place of the lexical measure.
        embedder: Any other model that does.
    """

    name = "agreement"
    metrics = (
        Metric("agreement_exact", Sense.AGREE, "the reply equals the baseline's, outer blanks aside", False),
        Metric("agreement_edit", Sense.AGREE, "the reply is few edits away from the baseline's", False),
        Metric("agreement_semantic", Sense.AGREE, "the reply says in other words what the baseline's does", False),
        Metric("task_agreement", Sense.AGREE, "the reply agrees with the baseline's on what was asked"),
    )  # fmt: skip

    def __init__(self, embedding: str = "", embedder: Embedder | None = None) -> None:
        self._embedder = Sentences(embedding) if embedding else embedder
        # Another model means other scores, and those open another lane.
        self.version = "2" if self._embedder is None else f"2+{self._embedder.name}"

    def score(self, pair: Pair) -> Sequence[Score]:
        """Four scores when the baseline and another leg answered."""
        outputs = {} if pair.censored else judge.texts(pair)
        if Leg.BASELINE not in outputs or len(outputs) < 2:
            return ()
        base = outputs.pop(Leg.BASELINE)
        replies = {output.leg: output for output in pair.legs()}
        lead = replies[Leg.BASELINE]
        first = {leg: exact(lead, replies[leg], base, text) for leg, text in outputs.items()}
        if all(text == base for text in outputs.values()):
            same = dict.fromkeys(outputs, judge.SAME)
            found = (first, same, same, same)
        else:
            like = cache(lambda text: self._like(base, text))
            prompt, wanted = pair.request.text, expect(pair.request.text)
            found = (
                first,
                judge.each(outputs, lambda text: judge.Found(edit(base, text))),
                judge.each(outputs, lambda text: judge.Found(like(text))),
                judge.each(outputs, lambda text: task(base, text, prompt, wanted, lambda: like(text))),
            )
        return [
            judge.score(self.name, self.version, metric, one)
            for metric, one in zip(self.metrics, found, strict=True)
        ]

    def _like(self, base: str, other: str) -> float:
        if base == other:
            return 1.0
        return likeness(base, other) if self._embedder is None else cosine(self._embedder, base, other)
