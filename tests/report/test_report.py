import re
import stat
from html.parser import HTMLParser
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape
from understudy.report import CellReport, Event, Mean, ReportData, State, Worst, render, write
from understudy.report.difference import LIMIT, marked

HOSTILE = "<script>alert('x')</script> & \"quotes\""

OPEN = State.NOT_ENOUGH_EVIDENCE
RISING = tuple((n * 50, n * 0.3, -0.1) for n in range(6))
SURE = ((50, 0.0, 0.4), (600, 0.0, 1.2))
CELLS = (
    CellReport("task=math", "agreement", State.BREACH, 120, 0.03, 0.18, 0.09, 0.27, 0.1, None, 88, RISING),
    CellReport("all", "failure", State.WITHIN, 600, 0.01, 0.0, -0.004, 0.004, 0.03, trail=SURE),
    CellReport("language=de", "refusal_lost", OPEN, 40, 0.02, -0.01, -0.2, 0.2, 0.3, 900),
    CellReport("language=fr", "refusal_lost", OPEN, 0, 0.02),
)
DATA = ReportData(
    title="Understudy: pairs.jsonl",
    state=State.BREACH,
    headline="1 of 4 cells breached: task=math agreement lost 18 points.",
    facts=(("pairs", "800"), ("votes", "799")),
    cells=CELLS,
    means=(Mean("all", "agreement", 800, None, 0.947, None),),
    worst=(
        Worst(
            "id-1", "task=math", "agreement", 1.0, "The sum is 4.", "The sum is 5.", HOSTILE, None, HOSTILE
        ),
    ),
    events=(Event(12.5, "switched to the baseline"),),
    provenance=(("tolerances", "sha256:abc"), ("input", HOSTILE)),
    notes=("No prompts: every id is a cluster.",),
)


class Check(HTMLParser):
    """Every opened element is closed; remembers what it met."""

    VOID = frozenset({"meta", "br", "line", "circle", "polyline"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.tags: set[str] = set()
        self.targets: list[str] = []
        self.ids: set[str] = set()
        self.feed(page)
        assert not self.stack

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "href"):
                self.targets.append(value or "")
            if name == "id":
                self.ids.add(value or "")
        if tag not in self.VOID or tag == "polyline":
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag, tag


def test_a_page_says_the_answer_first_and_is_whole() -> None:
    page = render(DATA)
    check = Check(page)
    assert page.index("1 of 4 cells breached") < page.index("<table")
    assert {"svg", "table", "del", "ins"} <= check.tags
    for text in (
        "switched to the baseline",
        "sha256:abc",
        "every id is a cluster",
        "about 900",
        "88",
        "0.9470",
    ):
        assert text in page
    assert all(target.startswith("#") and target[1:] in check.ids for target in check.targets)


def test_a_page_needs_nothing_from_outside_and_runs_nothing() -> None:
    page = render(DATA)
    assert not re.search(r"https?://|url\(|@import|<script|\bon\w+=", page)
    assert "default-src 'none'" in page


def test_captured_text_cannot_become_markup() -> None:
    page = render(DATA)
    assert "<script" not in page
    assert page.count(str(escape(HOSTILE))) == 3


def test_states_are_told_apart_without_colour() -> None:
    page = render(DATA)
    for state in (State.BREACH, State.WITHIN, State.NOT_ENOUGH_EVIDENCE):
        assert f'aria-label="{state.words}"' in page


def test_a_telephone_gets_drawings_and_tables_of_its_own() -> None:
    page = render(DATA)
    assert (
        page.count('<div class="slim"><svg viewBox="0 0 400 ') == page.count('<div class="broad"><svg') == 3
    )
    for name in ("votes", "effect", "95 % interval", "tolerance", "could have seen", "more pairs"):
        assert page.count(f'data-name="{name}"') == len(CELLS), (
            "a figure keeps its name where there is no head"
        )


def test_a_run_without_cells_still_renders() -> None:
    page = render(ReportData("Understudy", State.NOT_ENOUGH_EVIDENCE, "Nothing was judged."))
    Check(page)
    assert "Not enough evidence" in page


def test_a_changed_word_is_marked_on_both_sides() -> None:
    left, right = marked("The sum is 4.", "The total is 4!")
    assert left == "The <del>sum</del> is 4<del>.</del>"
    assert right == "The <ins>total</ins> is 4<ins>!</ins>"


def test_a_missing_reply_is_said_and_a_long_one_is_cut() -> None:
    left, right = marked("x" * (LIMIT + 7), "")
    assert "7 more characters" in left
    assert "(no reply)" in right


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), st.text(max_size=60))
def test_marking_neither_loses_nor_invents_text(baseline: str, candidate: str) -> None:
    for side, text in zip(marked(baseline, candidate), (baseline, candidate), strict=True):
        if text:
            assert re.sub(r"</?(del|ins)>", "", side) == escape(text)


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write(DATA, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text(encoding="utf-8") == render(DATA)
