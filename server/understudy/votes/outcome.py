"""What `understudy drift` found: the cells, the counters, and the answer in words."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from understudy.drift.engine import Drift
from understudy.drift.verdict import Verdict, Why
from understudy.report import CellReport, State
from understudy.report.cells import cell_report, counts, headline, overall, told
from understudy.votes.lines import key

COUNTERS = ("rejected", "late", "duplicate", "repeat", "overflow", "crowded")
"""Rows that are no votes, by reason, and intersections without room; docs/drift.md says what each means."""


class Mode(StrEnum):
    """Where a row's time comes from."""

    KEPT = "kept"
    """A live run kept the votes, and said which tick was closed when."""
    TIMED = "timed"
    """The column `ts`."""
    ORDERED = "ordered"
    """Its place in the file."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found."""

    state: State
    headline: str
    cells: tuple[CellReport, ...]
    verdicts: tuple[Verdict, ...]
    inputs: tuple[str, ...]
    mode: Mode
    calendar: bool
    """False: the input is one rollout with its own budgets."""
    rows: int
    changes: int
    """Lines of verdicts.jsonl."""
    span: tuple[float, float] | None
    """First and last time, seconds; None without times."""
    tick_s: float
    """Seconds, or pairs where rows have no time."""
    counters: Mapping[str, int]
    budget: Mapping[str, float]
    tolerances: str
    """Hash."""
    analyzers: str
    lanes: tuple[str, ...]
    faults: tuple[str, ...]
    """Cells in which the control differs from the baseline."""
    stalled: tuple[str, ...]
    """Cells whose coverage was under its floor for too long at the end."""
    affected: tuple[str, ...]
    warnings: tuple[str, ...]
    """What must be known before the verdict."""
    notes: tuple[str, ...]

    @property
    def votes(self) -> int:
        """Over all cells."""
        return sum(cell.votes for cell in self.cells if cell.metric != "*")

    def summary(self) -> dict[str, Any]:
        """summary.json, and what `--json` prints."""
        return {
            "verdict": self.state.value,
            "headline": self.headline,
            "inputs": list(self.inputs),
            "mode": self.mode.value,
            "budget_per": "30 days" if self.calendar else "run",
            "budget": dict(self.budget),
            "rows": self.rows,
            "votes": self.votes,
            "counters": {name: self.counters.get(name, 0) for name in COUNTERS},
            "first_ts": self.span[0] if self.span else None,
            "last_ts": self.span[1] if self.span else None,
            "tick": self.tick_s,
            "lanes": list(self.lanes),
            "changes": self.changes,
            "counts": counts(self.cells),
            "breaches": [told(cell) for cell in self.cells if cell.state == State.BREACH],
            "affected": list(self.affected),
            "instrument_faults": list(self.faults),
            "stalled": list(self.stalled),
            "cells": [told(cell) for cell in self.cells],
            "tolerances": self.tolerances,
            "analyzers": self.analyzers,
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }


def made(
    drift: Drift,
    *,
    inputs: tuple[str, ...],
    mode: Mode,
    calendar: bool,
    rows: int,
    changes: int,
    span: tuple[float, float] | None,
    counters: Mapping[str, int],
    breached: Mapping[tuple[str, str, str], int],
    warnings: tuple[str, ...],
    notes: tuple[str, ...],
) -> Outcome:
    """From an engine that has taken everything."""
    # Cells that were named and that no pair ever touched say nothing.
    verdicts = [v for v in drift.verdicts() if v.votes or v.coverage < 1.0 or v.reason is Why.SPREAD]
    several = len({v.lane for v in verdicts}) > 1
    cells = tuple(
        cell_report(
            v,
            breached_at=breached.get((str(v.lane), v.slice, v.metric)),
            prefix=f"{v.lane} " if several else "",
        )
        for v in verdicts
    )
    faults = drift.instrument_faults()
    state = overall(cells, faulty=bool(faults))
    return Outcome(
        state=state,
        headline=headline(state, cells),
        cells=cells,
        verdicts=tuple(verdicts),
        inputs=inputs,
        mode=mode,
        calendar=calendar,
        rows=rows,
        changes=changes,
        span=span,
        tick_s=drift.tick_s,
        counters=counters,
        budget=asdict(drift.tolerances.budget),
        tolerances=drift.tolerances.hash(),
        analyzers=drift.analyzers,
        lanes=tuple(drift.lanes),
        faults=tuple(f"{slice_} x {metric}" for _, slice_, metric in faults),
        stalled=tuple(f"{one.slice} x {one.metric} ({key(one.lane)})" for one in drift.stalled()),
        affected=tuple(f"{slice_} x {metric}" for _, slice_, metric in drift.affected()),
        warnings=warnings,
        notes=notes,
    )
