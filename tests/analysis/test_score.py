"""`understudy score`: what is typed, and what is seen."""

import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from understudy.analysis.score import run
from understudy.capture import ParquetCapture
from understudy.capture import Settings as CaptureSettings
from understudy.errors import ConfigError, DataError, PluginError
from understudy.testing import a_pair

from tests.analysis.test_analyze import lines
from tests.plugin import a_plugin

UNDERSTUDY = Path(sys.executable).parent / "understudy"
PAGE = Path(__file__).parents[2] / "docs" / "score.md"
DECLINE = "I'm sorry, but I can't help with that."

SHOUTING = """
from understudy.pair import Leg
from understudy.score import Metric, Score, Sense, Span

class Shouting:
    name, version = "shouting", "1"
    metrics = (
        Metric("shouting", Sense.BAD, "the reply shouts"),
        Metric("loudness", Sense.BOTH, "share of capitals"),
        Metric("same_volume", Sense.AGREE, "as loud as the baseline's"),
    )

    def __init__(self, share: float = 0.5) -> None:
        self.share = share

    def score(self, pair):
        if "raise" in pair.request.text:
            raise KeyError
        legs = [one for one in pair.legs() if not one.failed]
        if not legs or "none" in pair.request.text:
            return []
        loud = {one.leg: sum(map(str.isupper, one.text)) / len(one.text) for one in legs}
        spans = [Span(one.leg, 0, one.text.index("!") + 1, "outburst") for one in legs if "!" in one.text]
        told = "; ".join(f"{leg}: {100 * share:.0f} % capitals" for leg, share in loud.items())
        values = {leg: float(share > self.share) for leg, share in loud.items()}
        scores = [
            Score("shouting", Sense.BAD, values, {}, spans=tuple(spans), explanation=told),
            Score("loudness", Sense.BOTH, loud, {}),
        ]
        others = {leg: 1 - abs(share - loud[Leg.BASELINE]) for leg, share in loud.items() if leg is not Leg.BASELINE}
        return scores + ([Score("same_volume", Sense.AGREE, others, {})] if others else [])
"""


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_plugin(tmp_path, monkeypatch, "shouting", "shouting_plugin:Shouting", SHOUTING)


def told(capsys: pytest.CaptureFixture[str], *rows: dict[str, Any], tmp_path: Path, **more: Any) -> list[Any]:
    more.setdefault("names", ["shouting"])
    path = lines(tmp_path / "rows.jsonl", rows)
    assert run([path], workers=0, as_json=True, **more) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_reply_gets_a_line_a_metric_with_value_explanation_and_quoted_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = told(capsys, {"id": 7, "prompt": "Hi", "text": "NO! Not now."}, tmp_path=tmp_path)
    assert first == {
        "id": "7",
        "leg": "baseline",
        "analyzer": "shouting",
        "version": "1",
        "parameters": {},
        "metric": "shouting",
        "sense": "bad",
        "value": 0.0,
        "unscored": None,
        "explanation": "25 % capitals",
        "spans": [{"start": 0, "end": 3, "label": "outburst", "text": "NO!"}],
    }
    assert (second["metric"], second["value"], second["sense"]) == ("loudness", 0.25, "both")


def test_a_pair_gets_a_line_a_leg_and_agreement_is_the_other_legs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(
        capsys, {"id": "p", "baseline": "no", "candidate": "NO!", "control": "no"}, tmp_path=tmp_path
    )
    by = {(one["metric"], one["leg"]): one for one in found}
    assert [by["shouting", leg]["value"] for leg in ("baseline", "candidate", "control")] == [0, 1, 0]
    assert {leg for metric, leg in by if metric == "same_volume"} == {"candidate", "control"}
    assert (
        by["shouting", "candidate"]["spans"][0]["text"] == "NO!" and not by["shouting", "baseline"]["spans"]
    )
    assert by["shouting", "candidate"]["explanation"].startswith("baseline: 0 % capitals; candidate: 67 %")


@pytest.mark.parametrize(
    ("row", "analyzer", "why"),
    [
        ({"prompt": "none", "text": "x"}, "shouting", "nothing to say: none of its metrics applies"),
        ({"text": ""}, "shouting", "nothing to say: baseline: an empty reply"),
        ({"text": "x", "finish_reason": "length"}, "shouting", "nothing to say: baseline: cut at its limit"),
        ({"text": {"error": "oom"}}, "shouting", r"nothing to say: baseline: failed \(oom\)"),
        ({"text": "x"}, "agreement", "nothing to say: it compares replies, and this row has one"),
    ],
)
def test_an_analyzer_with_nothing_to_say_says_why(
    row: dict[str, Any], analyzer: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (one,) = told(capsys, {"id": "a", **row}, tmp_path=tmp_path, names=[analyzer])
    assert (one["metric"], one["value"], one["leg"], one["analyzer"]) == (None, None, None, analyzer)
    assert re.match(why, one["explanation"])


def test_what_could_not_be_scored_has_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, {"id": "a", "prompt": "raise", "text": "x"}, tmp_path=tmp_path)
    # Of one reply, agreement with another is not missing.
    assert {one["metric"]: (one["value"], one["unscored"]) for one in found} == {
        "shouting": (None, "KeyError"),
        "loudness": (None, "KeyError"),
    }


def test_several_analyzers_speak_in_the_order_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"id": "a", "prompt": "How do I do it?", "text": DECLINE}
    found = told(capsys, row, tmp_path=tmp_path, names=["shouting", "refusal", "shouting"])
    assert [one["analyzer"] for one in found][:3] == ["shouting", "shouting", "refusal"]
    (refusal,) = [one for one in found if one["metric"] == "refusal"]
    assert refusal["value"] == 1 and refusal["explanation"] and refusal["spans"][0]["text"] in DECLINE


def test_the_config_names_analyzers_and_their_parameters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "understudy.toml"
    config.write_text(
        '[engines.baseline]\naddress = "h:1"\nmodel = "m"\n[engines.candidate]\naddress = "h:2"\nmodel = "m"\n'
        '[analyzers]\nnames = ["shouting", "refusal"]\n[analyzers.parameters.shouting]\nshare = 0.1\n'
    )
    row = {"id": "a", "text": "Hi, all"}
    found = told(capsys, row, tmp_path=tmp_path, names=(), config=config)
    assert found[0]["value"] == 1 and found[0]["parameters"] == {"share": "0.1"}
    assert {one["analyzer"] for one in found} == {"shouting", "refusal"}
    found = told(capsys, row, tmp_path=tmp_path, names=["shouting"], config=config)
    assert {one["analyzer"] for one in found} == {"shouting"} and found[0]["value"] == 1
    config.write_text(config.read_text().replace("share", "shair"))
    with pytest.raises(ConfigError, match=r"analyzers\.parameters\.shouting\.shair: unknown parameter"):
        run([tmp_path / "rows.jsonl"], config=config)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"prompt": "x", "text": "y"}', r"rows\.jsonl:2: no 'id'; give every line id and text, or id, base"),
        (
            '{"id": 1, "prompt": "x"}',
            r"rows\.jsonl:2: no 'text'; give every line id and text, or id, baseline",
        ),
        ('{"id": 1, "text": 5}', r"rows\.jsonl:2: 'text' is neither a text nor an object"),
        ('{"id": 1, "text": "x", "prompt": 5}', r"rows\.jsonl:2: 'prompt' is not a text"),
        (
            '{"id": 1, "text": "x", "candidate": "y"}',
            r"rows\.jsonl:2: 'text' beside 'baseline' or 'candidate'",
        ),
        (
            '{"id": 1, "baseline": "x"}',
            r"rows\.jsonl:2: no 'candidate'; give every line id, baseline and cand",
        ),
        ('{"id": 1, "text"', r"rows\.jsonl:2: a half-written line"),
        ('{"id": 1, "text": "x", "latency_s": 1e999}', r"rows\.jsonl:2: a number beyond all limits"),
    ],
)
def test_a_broken_line_is_named_with_its_field_after_what_came_before_it(
    line: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 0, "text": "fine"}\n' + line)
    with pytest.raises(DataError, match=said):
        run([path], ["shouting"], workers=0, as_json=True)
    assert '"id": "0"' in capsys.readouterr().out


def test_what_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file; give JSON Lines, a capture or a glob"):
        run([tmp_path / "nowhere.jsonl"], ["shouting"], workers=0)
    with pytest.raises(PluginError, match="'shoutin' is not installed: name one of those available"):
        run([tmp_path / "nowhere.jsonl"], ["shoutin"], workers=0)
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match=r"folder: holds neither pairs-\*\.parquet nor \*\.jsonl"):
        run([tmp_path / "folder"], ["shouting"], workers=0)


def test_people_see_values_directions_and_the_place_in_its_surroundings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = "Well, all right then.\nBut NOT\x1b[2J TODAY! And that is all I say about it, really."
    rows = [
        {"id": "one\x1b[2J", "text": reply},
        {"id": "two", "baseline": "quiet", "candidate": "LOUD!", "promt": "?"},
        {"id": "three", "prompt": "none", "text": "x"},
    ]
    assert run([lines(tmp_path / "rows.jsonl", rows)], ["shouting"], workers=0) == 0
    shown, warned = capsys.readouterr()
    assert "\x1b[2J" not in shown and shown.startswith("one\\x1b[2J\n  shouting  0.00\n")
    assert "0-40 outburst: «Well, all right then. But NOT\\x1b[2J TODAY!» And that is all I say" in shown
    assert "  shouting  baseline 0.00  candidate 1.00  broken\n" in shown
    assert "  loudness  baseline 0.00  candidate 0.80  gained\n" in shown
    assert "    candidate 0-5 outburst: «LOUD!»" in shown
    assert "  shouting: nothing to say: none of its metrics applies" in shown
    assert "ignored fields: promt (1 line; is prompt meant?)" in warned


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_is_a_dash_packed_or_not(
    packed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = b'{"id": 1, "text": "Hi"}\n{"id": 2, "text": "Ho"}\n'
    given = io.BytesIO(gzip.compress(content) if packed else content)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(given)))
    assert run([Path("-")], ["shouting"], workers=0, as_json=True) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["1", "1", "2", "2"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b""))))
    with pytest.raises(DataError, match="standard input: is empty; give one JSON object a line"):
        run([Path("-")], ["shouting"], workers=0)


def beside(folder: Path) -> dict[str, str]:
    """The environment of a command that finds what is installed there."""
    return {**os.environ, "PYTHONPATH": str(folder)}


def test_a_capture_is_scored_when_it_holds_the_texts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for content in (True, False):
        capture = ParquetCapture(CaptureSettings(directory=str(tmp_path / str(content)), content=content))
        capture.write([(a_pair("Hi", "no", "NO!", id="c"), [])])
        capture.close()
    assert run([tmp_path / "True"], ["shouting"], workers=0, as_json=True) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["id"], one["leg"], one["value"]) for one in found[:2]] == [
        ("c", "baseline", 0),
        ("c", "candidate", 1),
    ]
    with pytest.raises(DataError, match=r"was captured without content; capture with capture\.content"):
        run([tmp_path / "False"], ["shouting"], workers=0)


def many(tmp_path: Path, count: int) -> Path:
    path = tmp_path / "rows.jsonl.gz"
    rows = "".join(json.dumps({"id": n, "text": f"Reply {n}. " * 20}) + "\n" for n in range(count))
    path.write_bytes(gzip.compress(rows.encode()))
    return path


def test_a_reader_that_leaves_ends_it_quietly_and_a_missing_file_is_3(tmp_path: Path) -> None:
    command = f"{UNDERSTUDY} score --analyzer shouting --json {many(tmp_path, 5_000)} | head -n 1"
    script = f"set -o pipefail; {command}; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=60, env=beside(tmp_path)
    )
    first, code = done.stdout.splitlines()
    assert json.loads(first)["id"] == "0" and (code, done.stderr) == ("141", "")
    gone = subprocess.run(
        [UNDERSTUDY, "score", "-a", "shouting", tmp_path / "gone"],
        capture_output=True,
        text=True,
        timeout=60,
        env=beside(tmp_path),
    )
    assert gone.returncode == 3 and gone.stderr.startswith("understudy: ") and gone.stderr.count("\n") == 1


def test_the_count_of_rows_on_a_terminal_leaves_standard_output_alone(tmp_path: Path) -> None:
    ours, terminal = os.openpty()
    with (tmp_path / "found.jsonl").open("wb") as found:
        command = [
            str(UNDERSTUDY),
            "score",
            "-a",
            "shouting",
            "--json",
            "--workers",
            "0",
            str(many(tmp_path, 300)),
        ]
        done = subprocess.run(command, stdout=found, stderr=terminal, env=beside(tmp_path), timeout=60)
    os.close(terminal)
    drawn = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0 and "rows" in drawn and "shouting" not in drawn
    assert len([json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]) == 600


def test_ctrl_c_ends_it_with_130_and_no_process_is_left(tmp_path: Path) -> None:
    reading = subprocess.Popen(
        [UNDERSTUDY, "score", "-a", "shouting", "--json", "--workers", "1", "-"],
        env=beside(tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert reading.stdin is not None and reading.stdout is not None and reading.stderr is not None
    reading.stdin.write("".join(f'{{"id": {n}, "text": "Hi"}}\n' for n in range(400)))
    reading.stdin.flush()
    assert json.loads(reading.stdout.readline())["id"] == "0"  # it waits for more rows now
    reading.send_signal(signal.SIGINT)
    assert reading.wait(20) == 130
    assert "Traceback" not in reading.stderr.read()
    for pipe in (reading.stdin, reading.stdout, reading.stderr):
        pipe.close()


def test_a_reply_that_traps_its_analyzer_is_unscored_and_the_others_are_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = SHOUTING.replace('if "raise"', 'while "trap" in pair.request.text: pass\n        if "raise"')
    folder = tmp_path / "trap"
    folder.mkdir()
    a_plugin(
        folder,
        monkeypatch,
        "trapping",
        "trapping_plugin:Shouting",
        source.replace('"shouting", "1"', '"trapping", "1"'),
    )
    config = tmp_path / "understudy.toml"
    config.write_text(
        '[engines.baseline]\naddress = "h:1"\nmodel = "m"\n[engines.candidate]\naddress = "h:2"\nmodel = "m"\n'
        '[analyzers]\nnames = ["trapping"]\nlimit_s = 0.5\n'
    )
    rows = [{"id": n, "prompt": "trap" if n == 1 else "", "text": "Hi"} for n in range(3)]
    began = time.monotonic()
    assert run([lines(tmp_path / "rows.jsonl", rows)], config=config, workers=1, as_json=True) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {one["unscored"] for one in found if one["id"] == "1"} == {"time_limit"}
    assert all(one["unscored"] is None for one in found if one["id"] != "1")
    assert time.monotonic() - began < 30


def test_the_page_shows_what_is_typed_and_seen(tmp_path: Path) -> None:
    """Values, labels and quoted places; how an analyzer words its explanation is its own."""
    page = PAGE.read_text(encoding="utf-8")
    given, *sessions = re.findall(r"^```(?:json|console)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "replies.jsonl").write_text(given)
    for session in sessions:
        command, _, shown = session.partition("\n")
        done = subprocess.run(
            ["bash", "-c", command.removeprefix("$ ").replace("understudy", str(UNDERSTUDY), 1)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert _facts(done.stdout) == _facts(shown), command


def _facts(shown: str) -> list[Any]:
    found: list[Any] = []
    for line in shown.splitlines():
        if line.startswith("{"):
            one = json.loads(line)
            found.append([one[key] for key in ("id", "leg", "analyzer", "metric", "sense", "value", "spans")])
        elif not line.startswith("    ") or "«" in line:
            found.append(line)
    return found
