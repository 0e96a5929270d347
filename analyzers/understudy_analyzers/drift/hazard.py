"""The hazard of degeneration along the length: how likely a reply that got so far degenerates next, per engine.

A reply is at risk in every bucket of lengths that it reaches, until it degenerates or ends: the discrete hazard
is events by replies at risk (the actuarial life table; Kaplan & Meier 1958). Ratios per reply would blame the
engine whose replies are longer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from understudy.pair import Leg, Pair
from understudy.score import Score

EDGES = (0, 250, 500, 1_000, 2_000, 4_000, 8_000)
"""Characters at which the buckets begin; the last has no end."""
DEGENERATE = 1.0
"""Value of the metric from which a reply degenerated; one that is only cut (.5) did not."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Replies of one leg that reached `start` characters."""

    start: int
    exposure: int
    """Replies that reached it sound."""
    events: int
    """Those of them whose onset lies before the next bucket."""

    @property
    def hazard(self) -> float:
        """Chance to degenerate within the bucket; 0 when nothing reached it."""
        return self.events / self.exposure if self.exposure else 0.0


def hazard(
    scored: Iterable[tuple[Pair, Score]], edges: Sequence[int] = EDGES
) -> Mapping[Leg, tuple[Bucket, ...]]:
    """Exposure and events per bucket and leg, of pairs with their `degenerate` scores.

    Legs that have no value (failed ones) are left out. The onset is the leg's first span.
    """
    counts: dict[Leg, list[list[int]]] = {}
    for pair, score in scored:
        lengths = {output.leg: len(output.text) for output in pair.legs()}
        for leg, value in score.values.items():
            length, fell = lengths.get(leg, 0), value >= DEGENERATE
            onset = (
                min((span.start for span in score.spans if span.leg is leg), default=0) if fell else length
            )
            table = counts.setdefault(leg, [[0, 0] for _ in edges])
            for at, start in enumerate(edges):
                if min(length, onset) < start:
                    break
                table[at][0] += 1
                end = edges[at + 1] if at + 1 < len(edges) else None
                if fell and (end is None or onset < end):
                    table[at][1] += 1
                    break
    return {
        leg: tuple(Bucket(start, *row) for start, row in zip(edges, table, strict=True))
        for leg, table in counts.items()
    }
