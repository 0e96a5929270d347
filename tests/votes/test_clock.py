"""Wrong times: one row far ahead silences no breach, certifies nothing, and is told."""

from pathlib import Path
from typing import Any

import pytest
from understudy.errors import DataError
from understudy.votes import text
from understudy.votes.command import run
from understudy.votes.run import judge

from tests.votes.files import named, rows, written

START = 170_000_000
"""Tick in which the rows begin: November 2023."""
YEARS = 86_400.0 * 365 * 3
GOOD = rows(2400, first=START)
BROKEN = [*GOOD, *rows(600, 0.34, first=START + 240, seed=5)]
NAMED = named(("all", "failure"), ts=10.0 * START)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many blocks."""
    monkeypatch.setattr(text, "BLOCK", 8192)


def spoilt(some: list[dict[str, Any]], place: int, ts: float, cells: int = 1) -> list[dict[str, Any]]:
    """With one pair of a wrong time, which has a row for each of its cells."""
    wrong = [
        some[place] | {"ts": ts, "metric": metric} for metric in ("failure", "format", "numbers")[:cells]
    ]
    return [*NAMED, *some[:place], *wrong, *some[place + 1 :]]


@pytest.mark.parametrize("place", [0, 100, 2999])
@pytest.mark.parametrize("ts", [1.7e12, 10.0 * START + YEARS, 9e10], ids=["milliseconds", "years", "ages"])
def test_one_row_far_ahead_silences_no_breach(tmp_path: Path, place: int, ts: float) -> None:
    paths = [written(tmp_path / "votes.csv", spoilt(BROKEN, place, ts, cells=3))]
    outcome = judge(paths)
    assert outcome.state == "BREACH"
    assert (outcome.counters["late"], outcome.counters["rejected"]) == (0, 3)
    assert any("far ahead of every other row" in note for note in outcome.notes)
    assert run(paths, tmp_path / "out", strict=True, quiet=True) == 1


def test_a_row_some_hours_ahead_closes_no_tick_of_the_others(tmp_path: Path) -> None:
    outcome = judge([written(tmp_path / "votes.csv", spoilt(BROKEN, 100, 10.0 * START + 20_000))])
    assert outcome.state == "BREACH" and outcome.counters["late"] == 0


@pytest.mark.parametrize("gap", [3600.0, 86_400.0 * 40])
def test_a_gap_in_the_traffic_is_believed(tmp_path: Path, gap: float) -> None:
    later = [row | {"ts": row["ts"] + gap} for row in rows(600, first=START + 240, seed=5)]
    outcome = judge([written(tmp_path / "votes.csv", [*NAMED, *GOOD, *later])])
    assert outcome.cells[0].votes == 3000
    assert (outcome.counters["late"], outcome.counters["rejected"]) == (0, 0)


def test_days_of_one_time_each_are_believed(tmp_path: Path) -> None:
    days = [row | {"ts": 10.0 * START + n // 100 * 86_400 * 7} for n, row in enumerate(rows(1000))]
    outcome = judge([written(tmp_path / "votes.csv", [*NAMED, *days])])
    assert (outcome.cells[0].votes, outcome.counters["rejected"]) == (1000, 0)


def test_rows_that_came_late_are_missing_and_keep_their_cell_from_within(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    behind = rows(300, 1.0, first=START, seed=9)
    paths = [written(tmp_path / "votes.csv", [*NAMED, *GOOD, *behind])]
    outcome = judge(paths)
    assert outcome.counters["late"] > 100
    assert [cell.state for cell in outcome.cells] == ["NOT_ENOUGH_EVIDENCE"]
    assert run(paths, tmp_path / "out", quiet=True) == 0
    assert run(paths, tmp_path / "out", strict=True, quiet=True) == 1, "a breach may hide in them"
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("WARNING: ") and "late" in first and "--slack-s" in first
    assert outcome.summary()["warnings"] == list(outcome.warnings)


def test_a_second_file_in_milliseconds_is_refused_as_a_first_one_is(tmp_path: Path) -> None:
    wrong = [row | {"ts": row["ts"] * 1000} for row in GOOD]
    paths = [written(tmp_path / "a.csv", GOOD), written(tmp_path / "b.csv", wrong)]
    with pytest.raises(DataError, match=r"b\.csv: 'ts' is 1.7e\+12, no time in seconds; divide it by 1000"):
        judge(paths)
