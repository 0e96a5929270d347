import gzip
import json
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from understudy.analysis import convert, inputs
from understudy.analysis.analyze import Settings, analyze
from understudy.analysis.command import run
from understudy.analysis.inputs import Duplicates, Seen, files, load
from understudy.capture import ParquetCapture
from understudy.capture import Settings as CaptureSettings
from understudy.config import Analyzers, Categories
from understudy.drift.load import load as read
from understudy.errors import ConfigError, DataError
from understudy.pair import Category, Finish, Leg
from understudy.report import State
from understudy.report.cells import headline
from understudy.score import Score, Sense
from understudy.testing import a_pair, an_output

DATA = Path(os.environ.get("UNDERSTUDY_DATA", "../shared/data")) / "pairs" / "llama31_8b"
FEW = Settings(analyzers=Analyzers(names=("format", "agreement")), categories=Categories(names=()))


def lines(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def row(number: int, baseline: object = "{}", candidate: object = "{}", **more: object) -> dict[str, object]:
    prompt = f"Return JSON for item {number}."
    return {"id": f"p{number}", "prompt": prompt, "baseline": baseline, "candidate": candidate, **more}


# -- reading


def test_a_line_becomes_a_pair(tmp_path: Path) -> None:
    left = {"text": "4", "finish_reason": "length", "latency_ms": 20, "first_ms": 5}
    right = {"error": "out of memory", "status": 8}
    more: dict[str, Any] = {
        "category": {"task": "math"},
        "control": "4",
        "sampling": {"temperature": 0, "stop": ["x"]},
    }
    path = lines(tmp_path / "pairs.jsonl", [row(1, left, right, **more)])
    ((pair, scores, content, line),) = load([path], Seen())
    assert (scores, content, line) == ((), True, 1)
    assert (pair.baseline.finish, pair.baseline.truncated_by) == (Finish.LENGTH, "max_tokens")
    assert (pair.baseline.first_ns, pair.baseline.last_ns) == (5_000_000, 20_000_000)
    assert pair.candidate.failed and pair.candidate.error == "out of memory"
    assert pair.control and pair.control.leg is Leg.CONTROL
    assert pair.request.categories == {"task": Category("math", "declared")}
    assert pair.stratum == "coupled" and pair.request.sampling.stop == ("x",)
    assert pair.request.cluster != pair.id, "the cluster comes of the prompt"


def test_without_a_prompt_the_cluster_is_the_id(tmp_path: Path) -> None:
    seen = Seen()
    path = lines(tmp_path / "pairs.jsonl", [{"id": 7, "baseline": "a", "candidate": "b"}])
    ((pair, *_),) = load([path], seen)
    assert (pair.id, pair.request.cluster, seen.no_prompt) == ("7", "7", 1)


def test_a_duplicate_id_is_an_error_or_gets_a_suffix_and_is_never_dropped(tmp_path: Path) -> None:
    bare = [{"id": "a", "baseline": "x", "candidate": "x"}] * 3
    path = lines(tmp_path / "pairs.jsonl", bare)
    with pytest.raises(DataError, match=r"pairs.jsonl:2: id 'a' comes twice.*--duplicates suffix"):
        list(load([path], Seen()))
    items = list(load([path], Seen(), Duplicates.SUFFIX))
    assert [item.pair.id for item in items] == ["a", "a#2", "a#3"]
    assert {item.pair.request.cluster for item in items} == {"a"}


GOOD = b'{"id": "a", "baseline": "x", "candidate": "x"}\n'
BROKEN = [
    (b"", r"pairs.jsonl: is empty; give"),
    (b"\n\n", r"pairs.jsonl: holds no pairs; give"),
    (GOOD + GOOD[:20], r"pairs.jsonl:2: a half-written line; mend"),
    (GOOD + b"id,prompt", r"pairs.jsonl:2: not JSON .*; mend"),
    (GOOD + b"nonsense\n" + GOOD, r"pairs.jsonl:2: not JSON .*; mend"),
    (GOOD + b'{"id": "\xff"}\n', r"pairs.jsonl:2: not UTF-8 at byte 9; save"),
    (b"[1]\n", r"pairs.jsonl:1: not a JSON object; give"),
    (GOOD + b'{"id": ' + b"9" * 10_000 + b"}\n", r":2: a number of thousands of digits; mend"),
    (GOOD + b"[" * 100_000 + b"\n", r":2: nested too deeply; mend"),
    (
        b'{"id": "a", "baseline": {"text": "x", "latency_s": 1e999}, "candidate": "x"}\n',
        r":1: a number beyond all limits; mend",
    ),
    (b'{"baseline": "x", "candidate": "x"}\n', r"pairs.jsonl:1: no 'id'; give"),
    (b'{"id": "a", "baseline": "x"}\n', r"pairs.jsonl:1: no 'candidate'; give"),
    (b'{"id": "a", "baseline": 3, "candidate": "x"}\n', r":1: 'baseline' is neither .*; give"),
    (b'{"id": "a", "baseline": {}, "candidate": "x"}\n', r":1: 'baseline' has no 'text'; give"),
    (b'{"id": "a", "baseline": "x", "candidate": "x", "category": 1.5}\n', r":1: 'category' .*; give"),
]


@pytest.mark.parametrize(("data", "message"), BROKEN)
def test_a_broken_input_is_one_line_with_file_line_and_mend(
    tmp_path: Path, data: bytes, message: str
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        list(load([path], Seen()))
    assert "\n" not in str(caught.value)


def test_a_line_without_end_is_not_unpacked_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "LONGEST", 1000)
    path = tmp_path / "pairs.jsonl.gz"
    path.write_bytes(gzip.compress(GOOD + b"0" * 1_001))
    with pytest.raises(DataError, match=r"gz:2: no line ends within .* MiB; give one JSON object a line"):
        list(load([path], Seen()))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pairs.jsonl")
    with pytest.raises(DataError, match=r"pairs.jsonl: is a pipe; give a regular file"):
        list(load([tmp_path / "pairs.jsonl"], Seen()))


def test_a_cut_gzip_and_a_missing_file_are_named(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl.gz"
    path.write_bytes(gzip.compress(GOOD * 50)[:-10])
    with pytest.raises(DataError, match=r"pairs.jsonl.gz:\d+: .*copy the file again"):
        list(load([path], Seen(), Duplicates.SUFFIX))
    with pytest.raises(DataError, match="no such file"):
        files([tmp_path / "none.jsonl"])


def test_a_capture_is_read_in_order_of_admission(tmp_path: Path) -> None:
    capture = ParquetCapture(CaptureSettings(directory=str(tmp_path / "c"), content=True))
    capture.write([(a_pair(f"p{n}", id=f"r{n}", admitted_ns=n), ()) for n in (3, 1, 2)])
    capture.close()
    assert [item.pair.id for item in load([tmp_path / "c"], Seen())] == ["r1", "r2", "r3"]


# -- analyzing


def damaged(count: int, every: int) -> list[dict[str, object]]:
    return [
        row(n, '{"a": 1}', '{"a": 1' if n % every == 0 and n % 2 == 0 else '{"a": 1}', category="ab"[n % 2])
        for n in range(count)
    ]


def test_a_broken_slice_breaches_and_a_healthy_one_is_certified(tmp_path: Path) -> None:
    path = lines(tmp_path / "pairs.jsonl", damaged(700, 4))
    result = analyze([path], tmp_path / "out", FEW)
    states = {(cell.slice, cell.metric): cell.state for cell in result.cells}
    assert result.state == State.BREACH
    assert states["category=a", "format"] == states["all", "format"] == State.BREACH
    assert states["category=b", "format"] == State.WITHIN
    breach = next(cell for cell in result.cells if (cell.slice, cell.metric) == ("category=a", "format"))
    assert breach.breached_at and breach.breached_at <= 100
    assert breach.low is not None and breach.low > breach.tau
    assert max(point[1] for point in breach.trail) >= 1
    assert result.worst[0].candidate == '{"a": 1'


def test_harm_that_only_the_sum_over_cells_shows_is_told_without_an_interval_or_a_tolerance(
    tmp_path: Path,
) -> None:
    rows = []
    for n in range(250):
        left, right = 10 + n % 83, 12 + n % 71
        wrong = n % 10 == 0  # every fifth sum of one category
        said, other = f"{left} + {right} = {left + right}.", f"{left} + {right} = {left + right + wrong}."
        asked = {
            "id": f"q{n}",
            "prompt": f"What is {left} plus {right}? ({n})",
            "category": ("add", "chat")[n % 2],
        }
        rows.append({**asked, "baseline": said, "candidate": other, "control": said})
    result = analyze([lines(tmp_path / "pairs.jsonl", rows)], tmp_path / "out")
    (whole,) = [cell for cell in result.cells if cell.metric == "*"]
    assert whole.state == State.BREACH and whole.effect is not None and whole.effect > 0
    assert (whole.low, whole.high, whole.breached_at) == (None, None, None)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "breach" in page and result.summary()["verdict"] == "BREACH"
    alone = replace(whole, effect=0.013)
    cells = [
        alone,
        *(replace(cell, state=State.NOT_ENOUGH_EVIDENCE) for cell in result.cells if cell is not whole),
    ]
    said = headline(State.BREACH, cells)
    assert said.startswith("None of") and "1.3 points worse in the mean over cells" in said


def test_every_output_is_there_and_its_owners_alone(tmp_path: Path) -> None:
    path, out = lines(tmp_path / "pairs.jsonl", damaged(120, 4)), tmp_path / "out"
    result = analyze([path], out, FEW)
    assert sorted(p.name for p in out.iterdir()) == [
        "report.html",
        "scores.parquet",
        "summary.json",
        "verdicts.jsonl",
    ]
    assert {stat.S_IMODE(p.stat().st_mode) for p in out.iterdir()} == {0o600}
    scores = pl.read_parquet(out / "scores.parquet")
    assert scores.filter(metric="agreement_exact").height == 120
    assert scores.filter(metric="agreement_exact")["pair"].to_list() == [f"p{n}" for n in range(120)]
    final = [json.loads(line) for line in (out / "verdicts.jsonl").read_text().splitlines()]
    assert {line["type"] for line in final} == {"change", "final"}
    assert sum(line["type"] == "final" for line in final) == len(result.cells)
    assert json.loads((out / "summary.json").read_text()) == json.loads(json.dumps(result.summary()))
    assert "format" in (out / "report.html").read_text()


def test_equal_runs_write_equal_verdicts(tmp_path: Path) -> None:
    path = lines(tmp_path / "pairs.jsonl", damaged(120, 4))
    for name in ("a", "b"):
        analyze([path], tmp_path / name, FEW)
    assert (tmp_path / "a/verdicts.jsonl").read_bytes() == (tmp_path / "b/verdicts.jsonl").read_bytes()


def test_repeats_of_a_cluster_are_one_vote(tmp_path: Path) -> None:
    rows = [row(1) | {"id": f"x{n}"} for n in range(80)]
    result = analyze([lines(tmp_path / "pairs.jsonl", rows)], None, FEW)
    assert (result.pairs, result.votes) == (80, 1)
    assert {cell.votes for cell in result.cells} == {1}


def test_a_failing_candidate_breaches_failure(tmp_path: Path) -> None:
    rows = [row(n, "{}", {"error": "boom"} if n % 5 == 0 else "{}") for n in range(200)]
    result = analyze([lines(tmp_path / "pairs.jsonl", rows)], None, FEW)
    assert {cell.metric for cell in result.cells if cell.state == State.BREACH} == {"failure"}
    assert "(failed: boom)" in result.worst[0].candidate


def test_agreement_without_a_control_is_shown_and_judged_only_when_told_so(tmp_path: Path) -> None:
    rows = [row(n, '{"a": 1}', '{"a": 2}' if n % 3 == 0 else '{"a": 1}') for n in range(200)]
    path = lines(tmp_path / "pairs.jsonl", rows)
    shown = analyze([path], None, FEW)
    assert shown.state != State.BREACH
    assert shown.agreement()["all"]["flips"] == pytest.approx(67 / 200)
    assert shown.worst[0].metric == "task_agreement"
    assert any("agreement is shown, not judged" in note for note in shown.notes)
    told = Settings(FEW.analyzers, FEW.categories, absolute=True)
    breached = {c.metric for c in analyze([path], None, told).cells if c.state == State.BREACH}
    assert breached == {"task_agreement"}


def test_a_control_that_differs_as_much_excuses_the_candidate(tmp_path: Path) -> None:
    def reply(n: int) -> str:
        return json.dumps({"a": n % 4})

    rows = [row(n, reply(0), reply(n), control=reply(n + 1)) for n in range(300)]
    result = analyze([lines(tmp_path / "pairs.jsonl", rows)], None, FEW)
    cell = next(c for c in result.cells if (c.slice, c.metric) == ("all", "task_agreement"))
    assert cell.state != State.BREACH and cell.effect is not None and abs(cell.effect) < 0.01


def test_a_capture_without_content_is_judged_by_its_scores(tmp_path: Path) -> None:
    capture = ParquetCapture(CaptureSettings(directory=str(tmp_path / "c"), content=False))
    for n in range(200):
        values = {Leg.BASELINE: 0.0, Leg.CANDIDATE: float(n % 3 == 0)}
        score = Score("format", Sense.BAD, values, {}, "format", "1")
        capture.write([(a_pair(f"p{n}", "ok", an_output("ok", leg=Leg.CANDIDATE), id=f"r{n}"), [score])])
    capture.close()
    result = analyze([tmp_path / "c"], None, FEW)
    assert {cell.metric for cell in result.cells if cell.state == State.BREACH} == {"format"}
    assert any("captured scores: 200" in note for note in result.notes)


# -- the command


def test_the_command_prints_the_answer_or_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = lines(tmp_path / "pairs.jsonl", damaged(200, 4))
    assert run([path], tmp_path / "out", settings=FEW, quiet=True) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("BREACH") and "category=a" in printed and "report.html" in printed
    assert run([path], tmp_path / "out", settings=FEW, as_json=True, strict=True) == 1
    summary = json.loads(capsys.readouterr().out)
    assert summary["verdict"] == "BREACH" and summary["breaches"][0]["pairs_to_breach"]


def test_the_command_says_errors_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([tmp_path / "none.jsonl"], tmp_path / "out", quiet=True) == 3
    said = capsys.readouterr().err
    assert said.startswith("understudy: ") and said.count("\n") == 1 and "give JSON Lines" in said
    path = lines(tmp_path / "pairs.jsonl", damaged(10, 4))
    assert run([path], tmp_path / "out", tolerances=tmp_path / "none.toml", quiet=True) == 3
    assert not (tmp_path / "out").exists(), "an error leaves nothing half-done behind"


def test_a_tolerance_for_a_name_that_nothing_answers_to_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = lines(tmp_path / "pairs.jsonl", damaged(10, 4))
    for text, message in (
        ("[metrics.formt]\ntau = 0.1\n", "metrics.formt is no metric.*did you mean format?"),
        ('[slices."categry=a"]\nweight = 2.0\n', "'categry=a' names no categorizer.*did you mean category?"),
    ):
        (tmp_path / "tolerances.toml").write_text(text)
        with pytest.raises(ConfigError, match=message):
            analyze([path], tmp_path / "out", FEW, read(tmp_path / "tolerances.toml"))
        assert (
            run([path], tmp_path / "out", settings=FEW, tolerances=tmp_path / "tolerances.toml", quiet=True)
            == 3
        )
        assert f"understudy: {tmp_path / 'tolerances.toml'}: tolerances: " in capsys.readouterr().err


def test_fields_that_are_not_read_are_told_with_what_may_have_been_meant(tmp_path: Path) -> None:
    rows = [row(n, {"text": "{}", "finish_resn": "stop"}, promt="x", mine=n) for n in range(3)]
    noted = analyze([lines(tmp_path / "pairs.jsonl", rows)], tmp_path / "out", FEW).summary()["notes"]
    (said,) = [note for note in noted if note.startswith("Ignored")]
    assert "promt (3 lines; is prompt meant?)" in said and "mine (3 lines)" in said
    assert "baseline.finish_resn (3 lines; is baseline.finish_reason meant?)" in said


# -- the converter, and the near-null pair it is for


def two(tmp_path: Path) -> tuple[Path, Path]:
    rows = [("a", "1"), ("b", "22"), ("a", "3333")]
    left = lines(tmp_path / "left.jsonl", [{"example_id": i, "output": t, "task": "t"} for i, t in rows])
    right = lines(tmp_path / "right.jsonl", [{"example_id": i, "output": t * 2} for i, t in reversed(rows)])
    return left, right


def test_converting_joins_by_id_and_suffixes_duplicates(tmp_path: Path) -> None:
    left, right = two(tmp_path)
    counts = convert.run([left, right], tmp_path / "pairs.jsonl")
    assert (counts.pairs, counts.suffixed, counts.unmatched) == (3, 1, 0)
    pairs = [item.pair for item in load([tmp_path / "pairs.jsonl"], Seen())]
    assert [(p.id, p.baseline.text, p.candidate.text) for p in pairs] == [
        ("a", "1", "33333333"),
        ("b", "22", "2222"),
        ("a#2", "3333", "11"),
    ]
    assert pairs[2].request.cluster == "a"


def test_a_drill_that_hits_nothing_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left, right = two(tmp_path)
    out = str(tmp_path / "pairs.jsonl")
    assert convert.main([str(left), str(right), "--out", out, "--corrupt", "none=0.5"]) == 3
    assert "name a category" in capsys.readouterr().err
    assert convert.main([str(left), str(right), "--out", out, "--corrupt", "t"]) == 3
    assert "give a category and a share" in capsys.readouterr().err
    assert convert.main([str(left), str(right), "--out", out]) == 0
    assert "1 duplicate ids got a suffix" in capsys.readouterr().out


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="the labelled data is not here; set UNDERSTUDY_DATA")
def test_a_near_null_quantization_shows_its_known_agreement_and_no_breach(tmp_path: Path) -> None:
    names = [DATA / f"{task}_{arm}.jsonl.gz" for task in ("extraction", "mmlu") for arm in ("fp16", "q8_0")]
    counts = convert.run(names, tmp_path / "pairs.jsonl")
    assert (counts.pairs, counts.suffixed) == (800, 1)
    result = analyze([tmp_path / "pairs.jsonl"], tmp_path / "out")
    agreed = result.agreement()
    assert round(agreed["category=extraction"]["exact"], 2) == 0.94
    assert round(agreed["category=extraction"]["task"], 3) == 0.947
    assert agreed["category=mmlu"]["flips"] == pytest.approx(0.006)
    assert not [cell for cell in result.cells if cell.state == State.BREACH]
    judged = [cell for cell in result.cells if cell.slice == "all" and cell.reason != "shown_only"]
    assert judged and all(cell.smallest is not None for cell in judged)
    strict = analyze([tmp_path / "pairs.jsonl"], None, Settings(absolute=True))
    assert strict.state != State.BREACH, "nor when judged against perfect agreement"

    for category in ("extraction", "mmlu"):
        convert.run(names, tmp_path / "drill.jsonl", drill=convert.Drill(category, 0.10, seed=1))
        drilled = analyze([tmp_path / "drill.jsonl"], None)
        breached = {cell.slice for cell in drilled.cells if cell.state == State.BREACH}
        assert f"category={category}" in breached
        assert not breached - {"all", f"category={category}"}


def test_the_counts_of_cells_add_up_and_unjudged_ones_are_said_with_their_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row(n, '{"a": 1}', '{"a": 2}', control='{"a": 1}') for n in range(80)]
    told = tmp_path / "tolerances.toml"
    told.write_text("[metrics]\nformat = { tau = 0.02, judged = false }\n")
    assert run([lines(tmp_path / "pairs.jsonl", rows)], tmp_path / "out", settings=FEW, tolerances=told) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert sum(summary["counts"].values()) == len(summary["cells"])
    assert summary["counts"]["shown, not judged"] > 0
    printed = " ".join(capsys.readouterr().out.split())
    assert f"{len(summary['cells'])} cells: " in printed
    assert "shown, not judged (" in printed and "format: judged = false in the tolerances)" in printed
    page = (tmp_path / "out" / "report.html").read_text()
    assert "shown, not judged, because the tolerances say <code>judged = false</code>" in page


def test_a_category_that_callers_name_cannot_act_on_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = "\x1b[2J\x9b31m\u202e\nx"
    path = tmp_path / "pairs.jsonl"
    line = {"prompt": "p", "baseline": "4", "candidate": "5", "category": {"task": bad}, bad: 1}
    path.write_text("".join(json.dumps(line | {"id": str(n)}) + "\n" for n in range(60)))
    assert run([path], tmp_path / "out", quiet=True) == 0
    assert run([tmp_path / "no\x1b[2J"], tmp_path / "out", quiet=True) == 3
    told = capsys.readouterr()
    assert not {"\x1b", "\x9b", "\u202e"} & set(told.out + told.err)
    assert r"\x1b[2J\x9b31m" in told.out.replace("\n", "")
