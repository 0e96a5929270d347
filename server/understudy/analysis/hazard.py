"""The hazard of degeneration along the length: how likely a reply that got so far degenerates next, per engine.

A reply is at risk in every stretch of lengths that it reaches, until it degenerates or ends: the discrete hazard
is events by replies at risk (the actuarial life table; Kaplan & Meier 1958). Ratios per reply would blame the
engine whose replies are longer.
"""

from collections.abc import Iterable, Sequence

from understudy.pair import Leg, Pair
from understudy.report import Stretch
from understudy.score import Score

METRIC = "degenerate"
"""The metric whose first span is where a reply begins to degenerate."""
EDGES = (0, 250, 500, 1_000, 2_000, 4_000, 8_000)
"""Characters at which the stretches begin; the last has no end."""
DEGENERATE = 1.0
"""Value from which a reply degenerated; one that is only cut (.5) did not."""


class Hazard:
    """A life table for each leg, kept as pairs come; a few counts, however many there are."""

    def __init__(self, edges: Sequence[int] = EDGES) -> None:
        self._edges = edges
        self._counts: dict[Leg, list[list[int]]] = {}

    def add(self, pair: Pair, scores: Iterable[Score]) -> None:
        """Take one pair's scores; legs without a value (failed ones) are left out."""
        for score in scores:
            if score.metric != METRIC:
                continue
            lengths = {output.leg: len(output.text) for output in pair.legs()}
            for leg, value in score.values.items():
                length, fell = lengths.get(leg, 0), value >= DEGENERATE
                onsets = (span.start for span in score.spans if span.leg is leg)
                self._count(leg, min(length, min(onsets, default=0)) if fell else length, fell)

    def _count(self, leg: Leg, reached: int, fell: bool) -> None:
        table = self._counts.setdefault(leg, [[0, 0] for _ in self._edges])
        last = max(at for at, start in enumerate(self._edges) if start <= reached)
        for row in table[: last + 1]:
            row[0] += 1
        table[last][1] += fell

    def stretches(self) -> dict[Leg, tuple[Stretch, ...]]:
        """The life tables; a leg that never had a value has none."""
        return {
            leg: tuple(Stretch(start, *row) for start, row in zip(self._edges, table, strict=True))
            for leg, table in self._counts.items()
        }
