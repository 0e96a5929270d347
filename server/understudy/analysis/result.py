"""What an analysis found: the cells, the means, and the answer in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from understudy.drift.verdict import Change, Verdict
from understudy.pair import Leg
from understudy.report import CellReport, Mean, ReportData, State, Stretch, Worst
from understudy.report.cells import counts, told


@dataclass(frozen=True, slots=True)
class Cost:
    """What an analyzer took."""

    name: str
    identity: str
    """Its version, and the parameters that it was made with."""
    seconds: float
    """In all, of the clock of the process it ran in."""
    pairs: int
    """That it was given."""

    def told(self) -> dict[str, Any]:
        """As JSON; `ms` is the mean of a pair, null when it was given none."""
        mean = round(1e3 * self.seconds / self.pairs, 3) if self.pairs else None
        return {
            "name": self.name,
            "version": self.identity,
            "pairs": self.pairs,
            "seconds": round(self.seconds, 3),
            "ms": mean,
        }


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
    costs: tuple[Cost, ...] = ()
    stretches: Mapping[Leg, tuple[Stretch, ...]] = field(default_factory=dict)
    """Leg -> how many replies came how far, and how many degenerated there."""

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

    def degenerating(self) -> dict[str, tuple[Stretch, ...]]:
        """The stretches by the leg's name, for a person: nothing when no reply degenerated."""
        if not any(one.degenerated for each in self.stretches.values() for one in each):
            return {}
        return {leg.value: each for leg, each in self.stretches.items()}

    def summary(self) -> dict[str, Any]:
        """summary.json, and what `--json` prints."""
        return {
            "verdict": self.state.value,
            "headline": self.headline,
            "pairs": self.pairs,
            "votes": self.votes,
            "counts": counts(self.cells),
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
            "cells": [told(cell) for cell in self.cells],
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
            "hazard": {
                leg.value: [
                    {"from": one.start, "reached": one.reached, "degenerated": one.degenerated}
                    for one in stretches
                ]
                for leg, stretches in self.stretches.items()
            },
            "analyzers": [cost.told() for cost in self.costs],
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
        facts += [(words, f"{count:,}") for words, count in counts(self.cells).items() if count]
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
            stretches=self.degenerating(),
            provenance=self.provenance,
            notes=self.notes,
        )
