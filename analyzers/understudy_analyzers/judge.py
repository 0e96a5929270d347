"""How the shipped analyzers read a pair: bounded views of the texts, and one judgement per distinct text.

The legs of a pair often say the same: each distinct text is judged once, so identical outputs cost one
judgement and cannot score differently. Failed legs are left out, because the `failure` metric covers them.
A pair whose client cancelled is judged on the prefix that all its legs have, or the cut itself would look
like drift.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from understudy.pair import Leg, Output, Pair
from understudy.score import Metric, Score, Span

HEAD, TAIL = 60_000, 40_000
"""Characters read of a text longer than both together: its start and its end."""
SHOWN = 8
"""Places of one leg that are shown as evidence."""

THOUGHT = "</think>"
"""Where a reasoning model ends thinking aloud."""

Place = tuple[int, int, str]
"""(start, end, label) in characters of the text judged."""


@dataclass(frozen=True, slots=True)
class View:
    """What is read of one text: all of it, or head and tail of a very long one."""

    text: str
    cut: int = -1
    """Where in `text` the middle was left out; -1 when nothing was."""
    skipped: int = 0

    def original(self, position: int) -> int:
        """Position in the whole text of a position in the view."""
        return position if self.cut < 0 or position < self.cut else position + self.skipped


def view(text: str) -> View:
    """A bounded view of any text."""
    if len(text) <= HEAD + TAIL:
        return View(text)
    return View(text[:HEAD] + "\n" + text[-TAIL:], HEAD + 1, len(text) - HEAD - TAIL - 1)


@dataclass(frozen=True, slots=True)
class Found:
    """A judgement of one text: the value, the places in it that are evidence, and why."""

    value: float
    places: tuple[Place, ...] = ()
    note: str = ""
    against: tuple[Place, ...] = ()
    """Places in the baseline's text, of a judgement that held the two against each other."""


SAME = Found(1.0, note="identical")
"""What agreement says of a text that equals the baseline's."""


def thought(text: str, start: int = 0) -> int:
    """Where, from `start` on, a reasoning model's reply begins: after what it thought aloud, which is no part of it."""
    end = text.rfind(THOUGHT, start)
    return start if end < 0 else end + len(THOUGHT)


def texts(pair: Pair, *, spent: bool = False) -> dict[Leg, str]:
    """The text of every leg that did not fail; of a censored pair, the prefix that all of them have.

    `spent`: those too that failed by nothing but their token budget.
    """
    legs: list[Output] = [output for output in pair.legs() if not output.failed or (spent and _spent(output))]
    if pair.censored and legs:
        shared = min(len(output.text) for output in legs)
        return {output.leg: output.text[:shared] for output in legs}
    return {output.leg: output.text for output in legs}


def _spent(output: Output) -> bool:
    """Whether a leg's only failure is that its token budget came to an end before it did."""
    return (
        bool(output.text)
        and output.truncated_by == "max_tokens"
        and not replace(output, truncated_by="").failed
    )


def each(outputs: Mapping[Leg, str], judge: Callable[[str], Found | None]) -> dict[Leg, Found]:
    """Judge every leg's text; None (does not apply) leaves the leg out. Equal texts are judged once."""
    known: dict[str, Found | None] = {}
    found: dict[Leg, Found] = {}
    for leg, text in outputs.items():
        if text not in known:
            known[text] = judge(text)
        if (one := known[text]) is not None:
            found[leg] = one
    return found


def score(name: str, version: str, metric: Metric, found: Mapping[Leg, Found]) -> Score:
    """The Score of per-leg judgements, with their places as spans and their notes as explanation."""
    spans = [Span(leg, *place) for leg, one in found.items() for place in one.places[:SHOWN]]
    if against := {place: None for one in found.values() for place in one.against[:SHOWN]}:
        spans = [Span(Leg.BASELINE, *place) for place in against] + spans
    return Score(
        metric.name,
        metric.sense,
        {leg: min(1.0, max(0.0, one.value)) for leg, one in found.items()},
        {},
        name,
        version,
        None,
        tuple(spans),
        explain((leg, one.note) for leg, one in found.items()),
        metric.judged_coupled,
    )


def explain(notes: Iterable[tuple[Leg, str]]) -> str:
    """`baseline: ...; candidate: ...`, legs with the same note named together."""
    by_note: dict[str, list[str]] = {}
    for leg, note in notes:
        if note:
            by_note.setdefault(note, []).append(leg.value)
    return "; ".join(f"{', '.join(legs)}: {note}" for note, legs in by_note.items())[:500]
