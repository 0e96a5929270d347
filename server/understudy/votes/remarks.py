"""What a reader of `understudy drift`'s answer has to know: what was assumed, what is missing, what was left out."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from understudy.drift.engine import Drift
from understudy.drift.spelling import FALLBACKS, mend
from understudy.drift.tolerance import DEFAULTS
from understudy.votes.outcome import Mode

NAMED = 8
"""Ignored columns that are told by name."""


def remarks(
    drift: Drift,
    mode: Mode,
    counters: Mapping[str, int],
    *,
    calendar: bool,
    slack_s: float,
    named: bool,
    metrics: Collection[str],
    silent: Collection[str],
    ignored: Collection[str],
    rejected: Sequence[str],
    overrides: bool,
) -> Iterator[str]:
    """A sentence each."""
    budget = drift.tolerances.budget
    if calendar:
        yield (
            f"Time is the rows' own, in ticks of {drift.tick_s:g} s: at most {budget.page:g} false alarms are expected "
            f"in 30 days at the page tier, {budget.rollback:g} at the rollback tier."
        )
    else:
        yield (
            f"The whole input counts as one rollout: at most {budget.page:g} false alarms are expected in it at the "
            f"page tier, {budget.rollback:g} at the rollback tier."
        )
    if mode is Mode.ORDERED:
        yield f"Rows were taken in order, and judged after every {drift.tick_s:g} pairs."
    elif mode is Mode.TIMED:
        yield (
            f"A row may stand {slack_s:g} s behind later ones. What stood further behind is late and no vote: "
            f"{counters.get('late', 0):,}; it counts as missing."
        )
    if calendar and not named:
        yield "No row names cells beforehand, so a cell counts from the tick after its first row."
    if silent:
        told = ", ".join(sorted(silent)[:NAMED])
        yield (
            f"Slices that were named and had no pair, of which nothing is said: {told}"
            f"{', ...' if len(silent) > NAMED else ''}."
        )
    if counters.get("rejected"):
        told = "".join(f"; {one}" for one in rejected)
        yield f"Rejected, and counted as missing: {counters['rejected']:,} rows{told}."
    if counters.get("overflow"):
        yield (
            f"{counters['overflow']:,} rows of further slices went to the slice 'other': there is room for "
            f"maximum_cells = {drift.tolerances.maximum_cells:,} cells."
        )
    if ignored:
        told = ", ".join(sorted(ignored)[:NAMED])
        yield f"Ignored columns: {told}{', ...' if len(ignored) > NAMED else ''}."
    for name in drift.tolerances.metrics:
        if metrics and name not in DEFAULTS and name not in FALLBACKS and name not in metrics:
            yield f"The tolerances limit {name}, in which nothing voted; {mend(name, metrics)}"
    if mode is Mode.KEPT and overrides:
        yield "The live run judged by its own tolerances and ticks: its verdicts may differ from these."


def warned(counters: Mapping[str, int], rows: int, coverage: float) -> Iterator[str]:
    """What a reader must know before the verdict: lanes that it leaves out, rows that were no votes."""
    if closed := counters.get("closed"):
        yield (
            f"Lanes that were closed to make room for others: {closed:,}. Their verdicts stand in verdicts.jsonl "
            "alone, and a breach may hide there; raise maximum_lanes in the tolerances, or give fewer lanes at once."
        )
    late, rejected = counters.get("late", 0), counters.get("rejected", 0)
    if late + rejected > (1.0 - coverage) * rows:
        mend = "give a larger --slack-s, or sort the rows by ts" if late >= rejected else "mend the rows"
        yield (
            f"{late + rejected:,} of {rows:,} rows are no votes ({late:,} late, {rejected:,} rejected): the verdict "
            f"does not rest on them, and a breach may hide there; {mend}."
        )


def gap(name: str, expected: int, after: int) -> str:
    """Votes are missing between two parts of a live run or before the first, or its evidence was set back."""
    if expected < 0:
        what = f"the live run's evidence began before the votes that are here: its tick {after:,} was closed already"
    elif after < expected:
        what = f"the live run's evidence was set back from tick {expected:,} to tick {after:,}"
    else:
        what = f"votes of ticks {expected + 1:,} to {after:,} are not here"
    return f"{name}: {what}, so its verdicts may differ."
