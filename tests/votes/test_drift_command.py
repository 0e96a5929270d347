"""`understudy drift`: stored votes come to the verdicts that they would have come to live."""

import json
import random
import stat
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from understudy.drift.engine import Drift
from understudy.drift.tolerance import Tolerances
from understudy.drift.vote import Vote
from understudy.errors import DataError
from understudy.votes import part, text
from understudy.votes.command import run
from understudy.votes.lines import changed
from understudy.votes.lines import text as line
from understudy.votes.run import Settings, judge

from tests.votes.files import LANE, announced, lines, named, rows, untimed, written

START = [announced("rollout 42"), *named(("all", "failure"), ("all", "format"))]
BROKEN = [
    *START,
    *sorted([*rows(600, 0.3), *rows(600, 0.0, metric="format", seed=2)], key=lambda row: row["ts"]),
]


def told(path: Path, out: Path, capsys: pytest.CaptureFixture[str], **more: Any) -> dict[str, Any]:
    assert run([path], out, as_json=True, **more) == 0
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    return made


@pytest.mark.parametrize("name", ["votes.parquet", "votes.csv", "votes.jsonl", "votes.jsonl.gz", "votes"])
def test_every_form_of_the_same_votes_gives_the_same_verdicts(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, BROKEN)
    assert run([path], tmp_path / "out", quiet=True) == 0
    reference = written(tmp_path / "reference.jsonl", BROKEN)
    assert run([reference], tmp_path / "expected", quiet=True) == 0
    assert (tmp_path / "out/verdicts.jsonl").read_bytes() == (
        tmp_path / "expected/verdicts.jsonl"
    ).read_bytes()
    found = lines(tmp_path / "out")
    assert {one["to"] for one in found if one["metric"] == "failure"} >= {"BREACH"}
    assert {one["to"] for one in found if one["metric"] == "format"} == {"WITHIN"}


def test_the_engine_fed_by_hand_says_the_same_bytes(tmp_path: Path) -> None:
    assert run([written(tmp_path / "votes.csv", BROKEN)], tmp_path / "out", quiet=True) == 0
    drift = Drift(Tolerances.default())
    drift.announce("rollout 42")
    drift.declare(LANE, ["all"], ["failure", "format"])
    votes = [row for row in BROKEN if "d" in row]
    drift.add(Vote(r["ts"], r["slice"], r["metric"], r["cluster"], r["d"], LANE) for r in votes)
    expected = "".join(line(changed(change, 10.0)) for change in drift.close(59))
    assert (tmp_path / "out/verdicts.jsonl").read_text() == expected != ""


def test_a_line_says_when_its_tick_ended_and_what_the_verdict_rests_on(tmp_path: Path) -> None:
    assert run([written(tmp_path / "votes.csv", BROKEN)], tmp_path / "out", quiet=True) == 0
    breach = next(one for one in lines(tmp_path / "out") if one["to"] == "BREACH")
    assert (breach["lane"], breach["slice"], breach["metric"]) == (LANE, "all", "failure")
    assert (breach["from"], breach["tier"], breach["reason"]) == (
        "NOT_ENOUGH_EVIDENCE",
        "page",
        "tolerance_exceeded",
    )
    assert breach["ts"] == (breach["tick"] + 1) * 10.0
    assert breach["evidence"] >= breach["threshold"] and breach["n"] <= 100
    low, high = breach["interval"]
    assert low <= breach["effect"] <= high
    assert breach["tolerances"] == Tolerances.default().hash()


def test_small_blocks_and_large_ones_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quoted = [
        row | {"cluster": f'{row.get("cluster")}, "so\ncalled"'} if "d" in row else row for row in BROKEN
    ]
    paths = [written(tmp_path / name, quoted) for name in ("votes.csv", "votes.jsonl")]
    for size in (4096, 1 << 20):
        monkeypatch.setattr(text, "BLOCK", size)
        for path in paths:
            assert run([path], tmp_path / f"{path.suffix}{size}", quiet=True) == 0
    made = {
        (tmp_path / f"{p.suffix}{size}/verdicts.jsonl").read_bytes()
        for p in paths
        for size in (4096, 1 << 20)
    }
    assert len(made) == 1


def test_rows_out_of_order_within_the_slack_change_nothing(tmp_path: Path) -> None:
    rng = random.Random(3)
    shuffled = sorted(BROKEN, key=lambda row: row["ts"] + rng.uniform(0, 50))
    ordered = judge([written(tmp_path / "a.jsonl", BROKEN)])
    mixed = judge([written(tmp_path / "b.jsonl", shuffled)])
    assert [c.votes for c in mixed.cells] == [c.votes for c in ordered.cells]
    assert mixed.counters["late"] == 0


def test_rows_further_behind_are_late_counted_and_no_votes(tmp_path: Path) -> None:
    straggling = [*BROKEN, *rows(30, 1.0, metric="format", seed=4, first=2)]
    frames = written(tmp_path / "votes.jsonl", straggling)
    by_line = Settings(slack_s=0.0)
    outcome = judge([frames], by_line)
    # They came in the same block, so no tick was closed before them.
    assert outcome.counters["late"] == 0
    split = [written(tmp_path / f"{i}.jsonl", part) for i, part in enumerate((BROKEN, straggling[-30:]))]
    merged = judge(split, by_line)
    assert [c.votes for c in merged.cells] == [c.votes for c in outcome.cells]


def test_late_rows_of_one_file_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "BLOCK", 4096)
    straggling = [*BROKEN, *rows(30, 1.0, metric="format", seed=4, first=2)]
    outcome = judge([written(tmp_path / "votes.jsonl", straggling)])
    assert outcome.counters["late"] == 30
    assert any("late and no vote: 30" in note for note in outcome.notes)


def test_files_of_several_workers_are_read_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "BLOCK", 4096)
    parts = [written(tmp_path / "parts" / f"{i}.jsonl", BROKEN[i::3]) for i in range(3)]
    assert run([tmp_path / "parts"], tmp_path / "out", quiet=True) == 0
    assert run([written(tmp_path / "whole.jsonl", BROKEN)], tmp_path / "whole", quiet=True) == 0
    assert (
        parts
        and (tmp_path / "out/verdicts.jsonl").read_bytes() == (tmp_path / "whole/verdicts.jsonl").read_bytes()
    )


def test_without_times_fifty_pairs_are_a_tick_and_all_is_one_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    votes = [
        dict(row, pair_id=row["cluster"], metric=metric, d=row["d"] if metric == "failure" else 0.0)
        for row in untimed(rows(400, 0.3))
        for metric in ("failure", "format")
    ]
    summary = told(written(tmp_path / "votes.csv", votes), tmp_path / "out", capsys)
    assert (summary["mode"], summary["budget_per"], summary["tick"]) == ("ordered", "run", 50.0)
    breach = next(one for one in lines(tmp_path / "out") if one["to"] == "BREACH")
    assert breach["ts"] % 50 == 0 and breach["n"] == breach["ts"], "a pair's rows are one pair"
    assert [c["votes"] for c in summary["cells"]] == [400, 400], "cells count from their first vote"


def test_a_run_with_times_is_judged_by_its_ticks_and_its_own_budgets(tmp_path: Path) -> None:
    path = written(tmp_path / "votes.csv", [row for row in BROKEN if "d" in row])
    calendar, one_run = judge([path]), judge([path], Settings(run=True))
    assert (calendar.calendar, one_run.calendar) == (True, False)
    assert one_run.cells[0].votes == 600 > calendar.cells[0].votes == 590
    assert any("a cell counts from the tick after its first row" in note for note in calendar.notes)


def test_budgets_and_tolerances_can_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "votes.csv", BROKEN)
    (tmp_path / "t.toml").write_text("[metrics.failure]\ntau = 0.9\n[metrics.formt]\ntau = 0.5\n")
    summary = told(
        path, tmp_path / "out", capsys, tolerances=tmp_path / "t.toml", budget={"page": 0.1, "warn": None}
    )
    assert summary["budget"] == {"warn": 2.0, "page": 0.1, "rollback": 0.01}
    assert summary["verdict"] != "BREACH"
    assert any("limit formt, in which nothing voted; did you mean format?" in n for n in summary["notes"])
    assert run([path], tmp_path / "out", budget={"page": 5.0}, quiet=True) == 3
    assert "budget is not ordered" in capsys.readouterr().err


def test_the_table_names_the_cells_and_what_they_lack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "votes.csv", [*BROKEN, *rows(40, slice_="task=math", metric="format")])
    assert run([path], tmp_path / "out", quiet=True, strict=True) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("BREACH") and "more" in printed.splitlines()[3]
    math = next(row for row in printed.splitlines() if "task=math" in row and "format" in row)
    assert math.split()[-1].isdecimal(), "about so many more votes"
    assert "1,230 votes" in printed and "verdicts.jsonl" in printed


def test_outputs_are_for_the_owner_alone_and_say_the_same_twice(tmp_path: Path) -> None:
    path = written(tmp_path / "votes.csv", BROKEN)
    for name in ("a", "b"):
        assert run([path], tmp_path / name, quiet=True) == 0
    names = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert names == ["summary.json", "verdicts.jsonl"]
    assert {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "a").iterdir()} == {0o600}
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_interrupted_it_leaves_nothing_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    path = written(tmp_path / "votes.csv", BROKEN)
    monkeypatch.setattr(Drift, "close", interrupted)
    assert run([path], tmp_path / "out", quiet=True) == 130
    assert not (tmp_path / "out").exists()


def test_pairs_shed_and_lost_lower_the_coverage_of_every_cell_of_their_slice(tmp_path: Path) -> None:
    lost = [row | {"metric": "*", "outcome": "lost", "pair_id": row["cluster"]} for row in rows(60, first=5)]
    shed = [row | {"outcome": "shed"} for row in rows(60, first=20, metric="format", seed=9)]
    outcome = judge([written(tmp_path / "votes.jsonl", [*START, *rows(600), *lost, *shed])])
    (cell,) = [v for v in outcome.verdicts if v.metric == "failure"]
    assert cell.votes == 600 and cell.unscored == pytest.approx(60 / 660)
    assert cell.state == "NOT_ENOUGH_EVIDENCE" and cell.reason in ("unscored_high", "coverage_low")


def test_a_marker_on_votes_is_an_announced_change(tmp_path: Path) -> None:
    plain = [*named(("all", "failure")), *rows(500, 0.0), *rows(300, 0.2, first=50, seed=5)]
    marked = [row | {"marker": "v2"} if row["ts"] >= 500 else row for row in plain]
    found = []
    for name, some in (("plain", plain), ("marked", marked)):
        assert run([written(tmp_path / f"{name}.jsonl", some)], tmp_path / name, quiet=True) == 0
        found.append(next(one["n"] for one in lines(tmp_path / name) if one["to"] == "BREACH"))
    assert found[1] < found[0]


def test_cells_named_late_count_from_the_next_tick(tmp_path: Path) -> None:
    late = [*rows(100), *named(("all", "failure"), ts=55.0)]
    # Named at once as well by its first row: the row at 55 s tells nothing new.
    outcome = judge([written(tmp_path / "a.jsonl", late)])
    assert outcome.cells[0].votes == 90
    exact = [*named(("all", "failure"), ts=30.0), *rows(100, first=3)]
    assert judge([written(tmp_path / "b.jsonl", exact)]).cells[0].votes == 100
    inside = [*named(("all", "failure"), ts=30.5), *rows(100, first=3)]
    assert judge([written(tmp_path / "c.jsonl", inside)]).cells[0].votes == 90


def test_a_parquet_file_may_hold_other_types_and_columns(tmp_path: Path) -> None:
    frame = pl.DataFrame(untimed(rows(200)), infer_schema_length=None).with_columns(
        pl.int_range(200).alias("cluster"),
        pl.col("slice").cast(pl.Categorical),
        pl.col("d").cast(pl.Int8),
        pl.lit(7).alias("mood"),
        pl.lit(3).alias("partition"),
    )
    frame = frame.with_columns(pl.from_epoch(pl.int_range(200) * 5 + 1_700_000_000).alias("ts"))
    frame.write_parquet(tmp_path / "votes.parquet")
    outcome = judge([tmp_path / "votes.parquet"])
    assert outcome.cells[0].votes == 198
    assert any(note == "Ignored columns: mood." for note in outcome.notes)


def test_a_million_lines_are_read_in_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from understudy.votes import part

    monkeypatch.setattr(part, "SLICE", 100)
    path = written(tmp_path / "votes.parquet", BROKEN)
    assert judge([path]).rows == 1200
    with pytest.raises(DataError, match="no such file"):
        judge([tmp_path / "none.parquet"])


def test_a_slice_that_callers_name_cannot_act_on_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = "task=\x1b[2J\x9b31m\u202e\nx"
    path = written(tmp_path / "votes\x1b[2J.jsonl", [*rows(600, 0.3, slice_=bad, odd=1)])
    assert run([path], tmp_path / "out\x1b[2J", quiet=True) == 0
    assert run([tmp_path / "none\x1b[2J"], tmp_path / "out", quiet=True) == 3
    told = capsys.readouterr()
    assert not {"\x1b", "\x9b", "\u202e"} & set(told.out + told.err)
    assert r"\x1b[2J\x9b31m\u202e" in told.out.replace("\n", "") and r"none\x1b[2J" in told.err
    assert json.loads((tmp_path / "out\x1b[2J/summary.json").read_text())["cells"][0]["slice"] == bad


def test_an_error_of_another_file_is_not_told_as_one_of_the_verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "votes.csv", BROKEN)
    (tmp_path / "file").write_text("in the way")
    assert run([path], tmp_path / "file" / "out", quiet=True) == 3
    assert "verdicts.jsonl: Not a directory; give a place that can be written" in capsys.readouterr().err

    def broken(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr("understudy.votes.command.judge", broken)
    with pytest.raises(OSError, match=r"Input/output error.*votes\.csv"):
        run([path], tmp_path / "out", quiet=True)
    assert not (tmp_path / "out").exists()


def test_without_times_a_pair_that_goes_on_in_the_next_block_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part, "SLICE", 99)  # of two rows a pair: the fiftieth pair is cut
    votes = [
        dict(row, pair_id=row["cluster"], metric=metric)
        for row in untimed(rows(400))
        for metric in ("failure", "format")
    ]
    outcome = judge([written(tmp_path / "votes.parquet", votes)])
    assert [c.votes for c in outcome.cells] == [400, 400] and not outcome.counters["late"]


def test_lanes_closed_for_want_of_room_are_said_and_a_strict_run_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limit = tmp_path / "mine.toml"
    limit.write_text("maximum_lanes = 2\n")
    votes = [
        dict(row, lane=f"base..{name}")
        for first, name in enumerate("abc")
        for row in rows(300, 1.0 if name == "a" else 0.0, first=40 * first)
    ]
    path = written(tmp_path / "votes.csv", votes)
    assert run([path], tmp_path / "out", tolerances=limit, strict=True) == 1
    assert "closed to make room for others: 1" in " ".join(capsys.readouterr().out.split())


def test_a_slice_that_was_named_and_had_no_pair_is_not_passed_over(tmp_path: Path) -> None:
    votes = [*named(("all", "failure"), ("task=math", "failure"), ("task=math", "format")), *rows(2000)]
    outcome = judge([written(tmp_path / "votes.jsonl", votes)])
    assert outcome.state == "WITHIN"
    assert any("had no pair, of which nothing is said: task=math." in note for note in outcome.notes)
