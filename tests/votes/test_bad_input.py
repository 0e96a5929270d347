"""Bad input: a broken file is one line with the place and the mend, a bad row is missing and never WITHIN."""

import gzip
import math
import os
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from understudy.errors import ConfigError, DataError
from understudy.testing import a_pair
from understudy.votes import text
from understudy.votes.command import run
from understudy.votes.inputs import sources
from understudy.votes.run import Settings, judge

from tests.votes.files import named, rows, untimed, written

HEAD = b"ts,slice,metric,cluster,d\n"
GOOD = b'{"ts": 1, "slice": "all", "metric": "m", "cluster": "c", "d": 0}\n'


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("votes.csv", b"", "is empty; give a file of votes"),
        ("votes.csv", HEAD, "holds no votes; give a file with rows"),
        ("votes.csv", b"ts,slice,metric,cluster\n1,all,m,c\n", "no column 'd' .*votes have slice"),
        (
            "votes.csv",
            b"ts,slice,metrc,cluster,d\n1,a,m,c,0\n",
            "no column 'metric' .*rename 'metrc' to 'metric'",
        ),
        ("votes.csv", b"slice,metric,d\nall,m,0\n", "no column 'cluster'"),
        ("votes.csv", b"id,baseline,candidate\n1,a,b\n", "holds pairs and no votes; .*understudy analyze"),
        ("votes.csv", HEAD + b"1,all,m,c,bad\n", "row 1: column 'd' is 'bad'; write a number from -1 to 1"),
        ("votes.csv", HEAD + b"2026-01-01,all,m,c,0\n", "row 1: column 'ts' is '2026-01-01'; write seconds"),
        (
            "votes.csv",
            HEAD + b"1,all,m,c,0\n" + b"2,all,m,c,0,9\n",
            "row 2 has 6 fields and the header 5; mend",
        ),
        ("votes.csv", HEAD + b"1,all,m,c,0\n2,all,m", "row 2 has 3 fields and the header 5; mend"),
        ("votes.csv", HEAD + b'1,"a",m,c\n2,all,m,c,0\n', "row 1 has 4 fields and the header 5; mend"),
        ("votes.csv", b"x" * 200_000 + b"," + HEAD, "row 0, the header: field larger than field limit"),
        ("votes.csv", HEAD + b"1,all,m,\xff,0\n", "not UTF-8; save"),
        ("votes.csv", b"d,d,slice,metric,cluster\n0,0,a,m,c\n", "names column 'd' twice"),
        (
            "votes.csv",
            HEAD + b"1700000000000,all,m,c,0\n",
            "'ts' is 1.7e.12, no time in seconds; divide it by 1000",
        ),
        ("votes.jsonl", b"", "is empty"),
        ("votes.jsonl", b"\n\n", "holds no votes; give one JSON object a line"),
        ("votes.jsonl", GOOD + GOOD[:20], ":2: a half-written line; mend or remove"),
        ("votes.jsonl", GOOD + b"nonsense\n" + GOOD, ":2: not JSON .*; mend or remove"),
        (
            "votes.jsonl",
            GOOD + GOOD.replace(b": 0}", b": 1" + b"0" * 10_000 + b"}"),
            ":2: a number of thousands of digits; mend or remove the line",
        ),
        ("votes.jsonl", GOOD + b'{"a":' + b"[" * 100_000 + b"\n", ":2: nested too deeply"),
        ("votes.jsonl", GOOD + b"[1]\n", ":2: not a JSON object; give one vote a line"),
        ("votes.jsonl", GOOD + b'{"slice": "\xff"}\n', ":2: not UTF-8"),
        (
            "votes.jsonl",
            GOOD + GOOD.replace(b": 0}", b": [0]}"),
            ":2: 'd' is a list or an object; write a number",
        ),
        ("votes.jsonl", GOOD + GOOD.replace(b": 0}", b": true}") + b"{\n", ":2: 'd' is true; write a number"),
        (
            "votes.jsonl.gz",
            gzip.compress(GOOD * 50, mtime=0)[:-10],
            "cannot be unpacked .*; copy the file again",
        ),
        ("votes.jsonl.gz", b"no gzip at all", "cannot be unpacked"),
        ("votes.parquet", b"", "is empty"),
        ("votes.parquet", b"PAR1 and nothing more", "half a Parquet file: its end is missing; copy it again"),
        ("votes.parquet", b"PAR1 rubbish PAR1", "a damaged Parquet file"),
        ("votes.parquet", b"a,b\n", "is no Parquet file; give one"),
        ("votes.bin", bytes(range(256)), "is neither Parquet nor CSV nor JSON Lines"),
    ],
)
def test_a_broken_file_is_one_line_with_the_place_and_the_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, data: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        judge([path])
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    assert run([path], tmp_path / "out", quiet=True) == 3
    said = capsys.readouterr().err
    assert said.startswith("understudy: ") and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"d": pl.lit("0.5")}, "column 'd' is String; write numbers from -1 to 1"),
        ({"d": pl.lit(value=True)}, "column 'd' is Boolean"),
        ({"ts": pl.lit("noon")}, "column 'ts' is String; write seconds since the epoch"),
        ({"slice": pl.concat_list("slice")}, "column 'slice' is List"),
    ],
)
def test_a_parquet_column_of_the_wrong_type_is_named(
    tmp_path: Path, change: dict[str, pl.Expr], message: str
) -> None:
    frame = pl.DataFrame(rows(5)).with_columns(**change)
    frame.write_parquet(tmp_path / "votes.parquet")
    with pytest.raises(DataError, match=message):
        judge([tmp_path / "votes.parquet"])


def test_a_half_copied_parquet_file_is_told_from_a_whole_one(tmp_path: Path) -> None:
    path = written(tmp_path / "votes.parquet", rows(500))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="half a Parquet file"):
        judge([path])


def test_files_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    timed, other = written(tmp_path / "a.csv", rows(5)), written(tmp_path / "b.csv", untimed(rows(5)))
    with pytest.raises(DataError, match=r"b.csv: has no column 'ts' while a.csv has one"):
        sources([timed, other])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds neither \*.parquet"):
        judge([tmp_path / "empty"])


def test_a_capture_of_pairs_is_sent_to_analyze(tmp_path: Path) -> None:
    from understudy.capture import ParquetCapture, Settings

    capture = ParquetCapture(Settings(directory=str(tmp_path / "captures")))
    capture.write([(a_pair(), ())])
    capture.close()
    with pytest.raises(DataError, match=r"no column 'slice'|holds pairs and no votes"):
        judge([tmp_path / "captures"])


BAD: list[tuple[dict[str, Any], str]] = [
    ({"d": math.nan}, "d is no number"),
    ({"d": None}, "d is no number"),
    ({"d": math.inf}, "d is inf"),
    ({"d": 1.5}, "d is 1.5; write one from -1 to 1"),
    ({"d": "high"}, "d is no number"),
    ({"outcome": "vanished"}, "outcome is 'vanished'; write one of scored"),
    ({"cluster": None}, "cluster is missing"),
    ({"metric": "*"}, "metric '\\*' is for pairs of which nothing is known"),
    ({"metric": None}, "metric is missing"),
    ({"ts": None}, "ts is no time"),
    ({"ts": math.nan}, "ts is no time"),
    ({"ts": "soon"}, "ts is no time"),
]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_a_bad_row_is_rejected_counted_as_missing_and_never_within(
    tmp_path: Path, bad: dict[str, Any], reason: str, suffix: str
) -> None:
    good = [*named(("all", "failure")), *rows(2000)]
    spoilt = [row | bad if n % 20 == 7 else row for n, row in enumerate(good)]
    clean, outcome = (judge([written(tmp_path / f"{n}{suffix}", r)]) for n, r in enumerate((good, spoilt)))
    assert [v.state for v in clean.verdicts] == ["WITHIN"]
    assert [v.state for v in outcome.verdicts] == ["NOT_ENOUGH_EVIDENCE"]
    (cell,) = outcome.verdicts
    assert (cell.votes, outcome.counters["rejected"]) == (1900, 100)
    assert cell.unscored == pytest.approx(0.05)
    (note,) = [note for note in outcome.notes if note.startswith("Rejected")]
    assert "100 rows" in note and f"{suffix} row 8: " in note
    import re

    assert re.search(reason, note)


def test_what_no_number_of_rows_can_tell_is_rejected_by_the_engine_too(tmp_path: Path) -> None:
    twice = [row | {"cluster": "one talk", "pair_id": "same"} for row in rows(10)]
    outcome = judge([written(tmp_path / "votes.jsonl", [*named(("all", "failure")), *twice])])
    assert outcome.counters["duplicate"] == 9 and outcome.cells[0].votes == 1
    again = [row | {"cluster": "one talk"} for row in rows(10)]
    outcome = judge([written(tmp_path / "more.jsonl", [*named(("all", "failure")), *again])])
    assert outcome.counters["repeat"] == 9 and outcome.cells[0].votes == 1


def test_a_cell_explosion_is_bounded_and_told(tmp_path: Path) -> None:
    from understudy.drift.tolerance import Tolerances
    from understudy.votes.run import Settings

    many = [row | {"slice": f"user={n}"} for n, row in enumerate(rows(400))]
    settings = Settings(tolerances=Tolerances.from_dict({"maximum_cells": 20}))
    outcome = judge([written(tmp_path / "votes.csv", many)], settings)
    assert len(outcome.cells) <= 21
    assert any("maximum_cells = 20" in note for note in outcome.notes)


def test_a_stray_quote_is_found_without_looking_at_every_line_from_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many looks as lines, each over the whole block, would be hours for a file of some hundred MB."""
    looked = 0

    class Counting(bytes):
        def count(self, what: Any, start: Any = None, end: Any = None) -> int:
            nonlocal looked
            looked += (len(self) if end is None else end) - (start or 0)
            return super().count(what, start, end)

    block = Counting(HEAD + b'0,all,m,"c,0\n' + b'1,all,m,"a, b",0\n' * 5000)
    assert text._end(block, quoted=True) == len(HEAD)
    assert looked <= 2 * len(block)
    whole = Counting(HEAD + b'1,all,m,"a,\nb",0\n' * 5000)
    assert text._end(whole, quoted=True) == len(whole)
    path = tmp_path / "votes.csv"
    path.write_bytes(block)
    with pytest.raises(DataError, match=r"votes\.csv: row "):
        judge([path])


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "votes.csv")
    with pytest.raises(DataError, match=r"votes.csv: is a pipe; give a regular file"):
        judge([tmp_path / "votes.csv"])


def test_empty_last_fields_and_quotes_are_no_short_rows(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    path.write_bytes(b"slice,metric,cluster,d,marker\n" + b'"a, b",m,c,0,\n' + b"all,m,d,0,\n")
    assert judge([path]).counters.get("rejected", 0) == 0


@pytest.mark.parametrize("option", ["slack_s", "tick_s"])
@pytest.mark.parametrize("number", [math.inf, math.nan, -1.0, 1e300])
def test_a_time_that_is_none_is_refused_by_its_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, number: float
) -> None:
    path = written(tmp_path / "votes.csv", rows(5))
    given: dict[str, Any] = {option: number}
    assert run([path], tmp_path / "out", quiet=True, **given) == 3
    said = capsys.readouterr().err
    assert said.startswith(f"understudy: --{option.replace('_', '-')}: is ") and said.count("\n") == 1


def test_a_tick_of_nearly_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--tick-s: is 1e-300; write seconds from 0\.1 to 86400"):
        judge([written(tmp_path / "votes.csv", rows(5))], Settings(tick_s=1e-300))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"ts,slice,metric,cluster,d\n,all,m,c,0\n,all,m,d,0\n", r"row 1: ts is no time; write seconds"),
        (b"ts,slice,metric,cluster,d\n1,all,m,c,nan\n2,all,m,d,nan\n", r"row 1: d is no number"),
    ],
)
def test_a_file_without_any_vote_is_an_error_and_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes, message: str
) -> None:
    (tmp_path / "votes.csv").write_bytes(data)
    assert run([tmp_path / "votes.csv"], tmp_path / "out", quiet=True) == 3
    told = capsys.readouterr()
    assert "no row is a vote: " in told.err and re.search(message, told.err) and told.err.count("\n") == 1
    assert not told.out and not (tmp_path / "out").exists()
