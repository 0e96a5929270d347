"""From the drift engine's verdicts to what a report shows of cells, and to the run's answer in words."""

from collections.abc import Sequence
from typing import Any

from understudy.drift.verdict import Verdict
from understudy.drift.vote import EVERY
from understudy.report.data import SHOWN, CellReport, State


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
        discovered=v.discovered,
    )


def told(cell: CellReport) -> dict[str, Any]:
    """A cell as JSON values."""
    return {
        "slice": cell.slice,
        "metric": cell.metric,
        "state": cell.state.value,
        "reason": cell.reason,
        "votes": cell.votes,
        "pairs_to_breach": cell.breached_at,
        "effect": cell.effect,
        "interval": [cell.low, cell.high],
        "tau": cell.tau,
        "smallest_effect_seen": cell.smallest,
        "more_pairs": cell.more_pairs,
        **({"discovered": True} if cell.discovered else {}),
    }


def overall(cells: Sequence[CellReport], *, faulty: bool = False) -> State:
    """The run's one word: a breach anywhere, else a fault, else within everywhere judged, else undecided."""
    states = {cell.state for cell in cells if cell.asked}
    if State.BREACH in states:
        return State.BREACH
    if faulty or State.INSTRUMENT_FAULT in states:
        return State.INSTRUMENT_FAULT
    return State.WITHIN if states == {State.WITHIN} else State.NOT_ENOUGH_EVIDENCE


def headline(state: State, cells: Sequence[CellReport]) -> str:
    """The answer in a sentence or two."""
    judged = [cell for cell in cells if cell.asked]
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
            f"{worst.metric}{' (a slice nobody named)' if worst.discovered else ''}, "
            f"{100 * (worst.effect or 0):.1f} points worse (tolerance {100 * worst.tau:g})."
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


def counts(cells: Sequence[CellReport]) -> dict[str, int]:
    """Cells by their verdict as a person says it, those shown and not judged too: they add up."""
    made = {state.words: 0 for state in State} | {SHOWN: 0}
    for cell in cells:
        made[cell.words] += 1
    return made


def tally(cells: Sequence[CellReport]) -> str:
    """The same as a sentence, with the reason why some are not judged."""
    said = ", ".join(f"{count:,} {words}" for words, count in counts(cells).items() if count)
    shown = sorted({cell.metric for cell in cells if not cell.judged})
    if not shown:
        return f"{len(cells):,} cells: {said}."
    return f"{len(cells):,} cells: {said} ({', '.join(shown)}: judged = false in the tolerances)."
