"""What an analysis found: the cells, the means, and the answer in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from understudy.drift.verdict import Change, Verdict
from understudy.drift.vote import EVERY
from understudy.report import SHOWN, CellReport, Mean, ReportData, State, Worst


@dataclass(frozen=True, slots=True)
class Result:
    """What an analysis found."""

    state: State
    headline: str
    pairs: int
    votes: int
    """Votes in the slice `all`: distinct clusters."""
    cells: tuple[CellReport, ...]
    means: tuple[Mean, ...]
    worst: tuple[Worst, ...]
    verdicts: tuple[Verdict, ...]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    provenance: tuple[tuple[str, str], ...]

    def agreement(self) -> dict[str, dict[str, float]]:
        """Slice -> {exact, edit, task, flips}: plain shares; flips = 1 - task."""
        names = {"agreement_exact": "exact", "agreement_edit": "edit", "task_agreement": "task"}
        made: dict[str, dict[str, float]] = {}
        for mean in self.means:
            if mean.metric in names and mean.candidate is not None:
                made.setdefault(mean.slice, {})[names[mean.metric]] = round(mean.candidate, 6)
        for shares in made.values():
            if "task" in shares:
                shares["flips"] = round(1.0 - shares["task"], 6)
        return made

    def counts(self) -> dict[str, int]:
        """Cells by their verdict as a person says it, those shown and not judged too: they add up."""
        made = {state.words: 0 for state in State} | {SHOWN: 0}
        for cell in self.cells:
            made[cell.words] += 1
        return made

    def tally(self) -> str:
        """The same as a sentence, with the reason why some are not judged."""
        counts = {words: count for words, count in self.counts().items() if count}
        shown = sorted({cell.metric for cell in self.cells if not cell.judged})
        said = ", ".join(f"{count:,} {words}" for words, count in counts.items())
        if not shown:
            return f"{len(self.cells):,} cells: {said}."
        return f"{len(self.cells):,} cells: {said} ({', '.join(shown)}: judged = false in the tolerances)."

    def summary(self) -> dict[str, Any]:
        """summary.json, and what `--json` prints."""
        return {
            "verdict": self.state.value,
            "headline": self.headline,
            "pairs": self.pairs,
            "votes": self.votes,
            "counts": self.counts(),
            "breaches": [
                {
                    "slice": cell.slice,
                    "metric": cell.metric,
                    "pairs_to_breach": cell.breached_at,
                    "effect": cell.effect,
                    "interval": [cell.low, cell.high],
                    "tau": cell.tau,
                }
                for cell in self.cells
                if cell.state == State.BREACH
            ],
            "agreement": self.agreement(),
            "cells": [
                {
                    "slice": cell.slice,
                    "metric": cell.metric,
                    "state": cell.state.value,
                    "reason": cell.reason,
                    "votes": cell.votes,
                    "effect": cell.effect,
                    "interval": [cell.low, cell.high],
                    "tau": cell.tau,
                    "smallest_effect_seen": cell.smallest,
                    "more_pairs": cell.more_pairs,
                }
                for cell in self.cells
            ],
            "means": [
                {
                    "slice": mean.slice,
                    "metric": mean.metric,
                    "pairs": mean.pairs,
                    "baseline": mean.baseline,
                    "candidate": mean.candidate,
                    "control": mean.control,
                    "unscored": mean.unscored,
                }
                for mean in self.means
            ],
            "notes": list(self.notes),
            "provenance": dict(self.provenance),
        }

    def report(self, title: str) -> ReportData:
        """The page's contents."""
        facts = [
            ("pairs", f"{self.pairs:,}"),
            ("votes", f"{self.votes:,}"),
            ("cells", f"{len(self.cells):,}"),
        ]
        facts += [(words, f"{count:,}") for words, count in self.counts().items() if count]
        agreed = self.agreement().get("all", {})
        if "exact" in agreed:
            facts.append(("identical replies", f"{100 * agreed['exact']:.1f} %"))
        return ReportData(
            title=title,
            state=self.state,
            headline=self.headline,
            facts=tuple(facts),
            cells=self.cells,
            means=self.means,
            worst=self.worst,
            provenance=self.provenance,
            notes=self.notes,
        )


def cell_report(
    v: Verdict,
    *,
    trail: Sequence[tuple[int, float, float]] = (),
    breached_at: int | None = None,
    prefix: str = "",
) -> CellReport:
    """A verdict as a report shows it. The effect of the sum over cells is pooled, and has no interval."""
    bounded = v.votes and v.metric != EVERY
    return CellReport(
        slice=prefix + v.slice,
        metric=v.metric,
        state=State(v.state.value),
        votes=v.votes,
        tau=v.tau,
        effect=v.effect if v.votes else None,
        low=v.low if bounded else None,
        high=v.high if bounded else None,
        smallest=v.mde,
        more_pairs=None if v.state.value == State.BREACH else v.more_pairs,
        breached_at=breached_at,
        trail=tuple(trail),
        reason=v.reason.value,
    )


def overall(cells: Sequence[CellReport], *, faulty: bool = False) -> State:
    """The run's one word: a breach anywhere, else a fault, else within everywhere judged, else undecided."""
    states = {cell.state for cell in cells if cell.judged}
    if State.BREACH in states:
        return State.BREACH
    if faulty or State.INSTRUMENT_FAULT in states:
        return State.INSTRUMENT_FAULT
    return State.WITHIN if states == {State.WITHIN} else State.NOT_ENOUGH_EVIDENCE


def headline(state: State, cells: Sequence[CellReport]) -> str:
    """The answer in a sentence or two."""
    judged = [cell for cell in cells if cell.judged]
    within = sum(cell.state == State.WITHIN for cell in judged)
    if state == State.BREACH:
        breached = [cell for cell in judged if cell.state == State.BREACH]
        worst = max(breached, key=lambda cell: (cell.in_tolerances(cell.low or 0.0), cell.slice != "all"))
        if all(cell.metric == EVERY for cell in breached):
            return (
                f"None of {len(judged) - 1} judged cells breached its tolerance by itself, but all together did: "
                f"{100 * (worst.effect or 0):.1f} points worse in the mean over cells."
            )
        return (
            f"{len(breached)} of {len(judged)} judged cells breached their tolerance; the surest: {worst.slice} "
            f"{worst.metric}, {100 * (worst.effect or 0):.1f} points worse (tolerance {100 * worst.tau:g})."
        )
    if state == State.INSTRUMENT_FAULT:
        return "The baseline differs from itself beyond tolerance: nothing here tells about the candidate."
    if state == State.WITHIN:
        return f"All {within} judged cells are certified within their tolerance."
    seen = sorted(cell.smallest for cell in judged if cell.slice == "all" and cell.smallest is not None)
    said = ""
    if seen:
        least, most = 100 * seen[0], 100 * seen[-1]
        said = f" Over all pairs a harm of {least:.1f} to {most:.1f} points, by metric, would have shown."
    return f"No breach; {within} of {len(judged)} judged cells are certified within their tolerance.{said}"
