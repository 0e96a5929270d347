"""Plain means per slice and metric, and the pairs worth reading: running sums and short lists."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from understudy.drift.cross import parts
from understudy.drift.vote import ALL, Resolution, Vote
from understudy.pair import Leg, Pair
from understudy.report import CellReport, Mean, State, Worst
from understudy.score import Score, Sense

KEPT = 4
"""Pairs remembered for each cell."""
SHOWN = 12
"""Pairs shown in a report."""


def slices_of(pair: Pair) -> list[str]:
    """The slices a pair belongs to, as the drift room names them."""
    return [ALL, *(f"{name}={category.value}" for name, category in sorted(pair.request.categories.items()))]


@dataclass(slots=True)
class _Sum:
    pairs: int = 0
    unscored: int = 0
    totals: dict[Leg, float] = field(default_factory=dict)
    counts: dict[Leg, int] = field(default_factory=dict)

    def mean(self, leg: Leg) -> float | None:
        count = self.counts.get(leg, 0)
        return self.totals[leg] / count if count else None


class Means:
    """Running means of every metric on every slice."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], _Sum] = {}

    def add(self, slices: Sequence[str], scores: Iterable[Score]) -> None:
        """Take one pair's scores."""
        for score in scores:
            for slice_ in slices:
                kept = self._sums.setdefault((slice_, score.metric), _Sum())
                kept.pairs += 1
                # Without a control there is nothing that could have been scored: not a gap.
                kept.unscored += any(reason != "no_control" for reason in score.unscored.values())
                for leg, value in score.values.items():
                    kept.totals[leg] = kept.totals.get(leg, 0.0) + value
                    kept.counts[leg] = kept.counts.get(leg, 0) + 1

    def all(self) -> tuple[Mean, ...]:
        """Every mean, the slice `all` first."""
        return tuple(
            Mean(
                slice_,
                metric,
                kept.pairs,
                kept.mean(Leg.BASELINE),
                kept.mean(Leg.CANDIDATE),
                kept.mean(Leg.CONTROL),
                kept.unscored,
            )
            for (slice_, metric), kept in sorted(
                self._sums.items(), key=lambda item: (item[0][0] != ALL, item[0])
            )
        )


class Worsts:
    """The pairs with the largest differences, a few of each cell."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], list[tuple[float, int, Pair, str]]] = {}

    def add(
        self,
        index: int,
        pair: Pair,
        votes: Iterable[Vote],
        scores: Sequence[Score],
        discovered: Sequence[tuple[str, str, str]] = (),
    ) -> None:
        """Take one pair; only differences above 0 are remembered.

        `discovered` are the (lane, slice, metric) that the engine found by now: the pair has no votes of its own there.
        """
        slices = {f"{name}={category.value}" for name, category in pair.request.categories.items()}
        said = {score.metric: score.explanation for score in scores}
        carried = (Resolution.SCORED, Resolution.FAILED, Resolution.TIMED_OUT)
        comparison = f"{pair.lane.baseline}..{pair.lane.candidate}"
        seen = set()
        for vote in votes:
            if vote.lane == comparison and vote.outcome in carried:
                seen.add(vote.metric)
                self._offer((vote.slice, vote.metric), vote.d, index, pair, said)
                for lane, slice_, metric in discovered if vote.slice == ALL and vote.d > 0 else ():
                    if (lane, metric) == (vote.lane, vote.metric) and slices.issuperset(
                        parts(slice_) or ("",)
                    ):
                        self._offer((slice_, metric), vote.d, index, pair, said)
        for score in scores:
            # Agreement is not judged without a control, and yet a disagreement is worth reading.
            agreed = score.values.get(Leg.CANDIDATE) if score.sense == Sense.AGREE else None
            if (
                agreed is not None
                and score.judged_coupled
                and not seen & {score.metric, score.metric + "_coupled"}
            ):
                self._offer((ALL, score.metric), 1.0 - agreed, index, pair, said)

    def _offer(
        self, cell: tuple[str, str], difference: float, index: int, pair: Pair, said: dict[str, str]
    ) -> None:
        if difference <= 0:
            return
        kept = self._kept.setdefault(cell, [])
        entry = (difference, -index, pair, _explained(cell[1], said))
        if len(kept) < KEPT:
            heapq.heappush(kept, entry)
        elif entry[:2] > kept[0][:2]:
            heapq.heapreplace(kept, entry)

    def of(self, cells: Sequence[CellReport]) -> tuple[Worst, ...]:
        """Those to show: of breached cells first, each pair once."""
        breached = [(c.slice, c.metric) for c in cells if c.state == State.BREACH]
        breached.sort(key=lambda cell: cell[0] == ALL)  # the narrower slice says more
        others = [cell for cell in self._kept if cell[0] == ALL and cell not in breached]
        chosen: list[Worst] = []
        shown: set[str] = set()
        for cells_, most in ((breached, SHOWN), (others, SHOWN)):
            # One of each cell in turn, so that no metric crowds out the rest.
            ranked = [sorted(self._kept.get(cell, ()), key=lambda e: (-e[0], -e[1])) for cell in cells_]
            for rank in range(KEPT):
                for cell, entries in zip(cells_, ranked, strict=True):
                    if rank < len(entries) and len(chosen) < most and entries[rank][2].id not in shown:
                        shown.add(entries[rank][2].id)
                        chosen.append(_worst(cell, entries[rank]))
        return tuple(chosen)


def _explained(metric: str, said: dict[str, str]) -> str:
    for suffix in ("", "_coupled", "_gained", "_lost", "_flip"):
        if metric.removesuffix(suffix) in said:
            return said[metric.removesuffix(suffix)]
    return ""


def _worst(cell: tuple[str, str], entry: tuple[float, int, Pair, str]) -> Worst:
    difference, _, pair, explanation = entry

    def text(leg: Leg) -> str:
        output = next(output for output in pair.legs() if output.leg == leg)
        return output.text or (f"(failed: {output.error})" if output.error else "")

    return Worst(
        id=pair.id,
        slice=cell[0],
        metric=cell[1],
        difference=difference,
        baseline=text(Leg.BASELINE),
        candidate=text(Leg.CANDIDATE),
        prompt=pair.request.text,
        control=text(Leg.CONTROL) if pair.control else None,
        explanation=explanation,
    )
