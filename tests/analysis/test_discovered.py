"""A slice nobody named, through a whole analysis: it is told as found, and a mere suspicion decides nothing."""

import json
from pathlib import Path

from understudy.analysis.analyze import Settings, analyze
from understudy.config import Analyzers, Categories
from understudy.report import CellReport, State
from understudy.report.cells import headline, overall

HARMED = "language=de&task=math"
FEW = Settings(analyzers=Analyzers(names=("format",)), categories=Categories(names=()))


def pairs(path: Path, harmed: bool) -> Path:
    """A twentieth of the German and of the mathematical pairs are both, and there the candidate's JSON is broken."""
    lines = []
    for n in range(3000):
        both = n % 60 == 0
        language = "de" if both or n % 3 == 1 else f"l{n % 5}"
        task = "math" if both or n % 3 == 2 else f"t{n % 7}"
        candidate = '{"a": ' if both and harmed else '{"a": 1}'
        line = {
            "id": f"p{n}",
            "prompt": f"Return JSON for item {n}.",
            "category": {"language": language, "task": task},
            "baseline": '{"a": 1}',
            "candidate": candidate,
        }
        lines.append(json.dumps(line) + "\n")
    path.write_text("".join(lines))
    return path


def test_a_harm_where_two_slices_meet_is_named_and_its_pairs_are_shown(tmp_path: Path) -> None:
    result = analyze([pairs(tmp_path / "pairs.jsonl", harmed=True)], tmp_path / "out", FEW)
    found = [cell for cell in result.cells if cell.slice == HARMED and cell.metric == "format"]
    assert [(cell.state, cell.discovered) for cell in found] == [(State.BREACH, True)]
    assert "(a slice nobody named)" in result.headline and HARMED in result.headline
    assert any(worst.slice == HARMED for worst in result.worst)
    lines = [json.loads(line) for line in (tmp_path / "out" / "verdicts.jsonl").read_text().splitlines()]
    said = {line["slice"] for line in lines if line.get("discovered")}
    assert HARMED in said and not any("&" not in slice_ for slice_ in said)
    assert not any("discovered" in line for line in lines if "&" not in line["slice"])
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert any(cell["slice"] == HARMED and cell["discovered"] for cell in summary["cells"])
    assert ">found<" in (tmp_path / "out" / "report.html").read_text()


def test_without_a_harm_nothing_is_found(tmp_path: Path) -> None:
    result = analyze([pairs(tmp_path / "pairs.jsonl", harmed=False)], None, FEW)
    assert not any(cell.discovered for cell in result.cells) and not any(
        "&" in cell.slice for cell in result.cells
    )


def test_a_mere_suspicion_does_not_keep_a_run_from_being_certified() -> None:
    sure = CellReport("all", "format", State.WITHIN, 900, 0.02, 0.0, -0.01, 0.01)
    suspect = CellReport(
        HARMED, "format", State.NOT_ENOUGH_EVIDENCE, 7, 0.02, 0.0, -1.0, 1.0, discovered=True
    )
    breached = CellReport(HARMED, "format", State.BREACH, 70, 0.02, 0.3, 0.2, 0.4, discovered=True)
    assert overall((sure, suspect)) is State.WITHIN
    assert (
        headline(State.WITHIN, (sure, suspect)) == "All 1 judged cells are certified within their tolerance."
    )
    assert overall((sure, breached)) is State.BREACH
