"""Degeneration along the length: of the replies that came so far, how many fell there."""

import json
from pathlib import Path

from rich.console import Console
from understudy.analysis.analyze import analyze
from understudy.analysis.command import show
from understudy.analysis.hazard import Hazard
from understudy.pair import Leg
from understudy.score import Score, Sense, Span
from understudy.testing import a_pair

SOUND = "The river runs through the valley, and every village on its banks keeps another story of the flood. "
WHOLE = SOUND + (
    "Old bridges cross it where the rock is firm, and mills stand empty. "
    "In summer children swim below them, and in autumn the water carries leaves to the sea. "
)


def counts(hazard: Hazard, leg: Leg) -> list[tuple[int, int, int]]:
    return [(one.start, one.reached, one.degenerated) for one in hazard.stretches()[leg]]


def test_only_replies_that_got_so_far_are_at_risk_there() -> None:
    hazard = Hazard(edges=(0, 250, 500, 1_000))
    for _ in range(4):
        pair = a_pair("Go on.", "x" * 600, "x" * 900)
        values = {Leg.BASELINE: 0.0, Leg.CANDIDATE: 1.0}
        span = Span(Leg.CANDIDATE, 620, 900, "loop")
        hazard.add(
            pair,
            [Score("degenerate", Sense.BAD, values, {}, spans=(span,)), Score("other", Sense.BAD, {}, {})],
        )
    hazard.add(
        a_pair("Go on.", "x" * 300),
        [Score("degenerate", Sense.BAD, {Leg.BASELINE: 0.5, Leg.CANDIDATE: 0}, {})],
    )
    assert counts(hazard, Leg.BASELINE) == [(0, 5, 0), (250, 5, 0), (500, 4, 0), (1_000, 0, 0)]
    assert counts(hazard, Leg.CANDIDATE) == [(0, 5, 0), (250, 5, 0), (500, 4, 4), (1_000, 0, 0)]
    assert [one.hazard for one in hazard.stretches()[Leg.CANDIDATE]] == [0, 0, 1, 0]


def test_an_analysis_tells_it_in_the_summary_the_page_and_the_terminal(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.jsonl"
    loop = WHOLE + "and the old bridges " * 30
    rows = [
        {"id": str(n), "prompt": f"Describe river {n}.", "baseline": SOUND, "candidate": SOUND}
        for n in range(9)
    ]
    rows.append({"id": "9", "prompt": "Describe the flood.", "baseline": WHOLE, "candidate": loop})
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = analyze([pairs], tmp_path / "out")
    told = json.loads((tmp_path / "out/summary.json").read_text())["hazard"]
    assert [one["degenerated"] for one in told["candidate"]] == [0, 1, 0, 0, 0, 0, 0]
    assert sum(one["degenerated"] for one in told["baseline"]) == 0 and told["baseline"][0]["reached"] == 10
    assert "Degeneration along the length" in (tmp_path / "out/report.html").read_text()
    console = Console(width=120)
    with console.capture() as printed:
        show(result, console, tmp_path)
    assert "degenerating from character" in printed.get() and "1 of 1" in printed.get()
