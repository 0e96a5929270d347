"""What `understudy status` prints: each finding once, and first what callers suffer from."""

from pathlib import Path
from typing import Any

import pytest
from understudy.app import operate
from understudy.rollback import Signal
from understudy.telemetry import Reading
from understudy.web import describe

from tests.verdicts import LANE, a_verdict


def a_status(**changes: Any) -> dict[str, Any]:
    verdicts = [a_verdict(slice=name) for name in ("category=code", "task=code", "task=math")]
    same = {(str(LANE), "task=code"): "category=code"}
    signal: Signal | None = None
    told = describe(Reading(version="1", primary="candidate"), verdicts, [], None, signal, 0, same)
    return told | {"latch": None, "verdict": "BREACH", "ready": {"ok": True, "why": ""}} | changes


def printed(
    told: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    async def answer(*_: object) -> dict[str, Any]:
        return told

    monkeypatch.setattr(operate, "ask", answer)
    monkeypatch.setenv("COLUMNS", "160")
    assert operate.status(Path("run"), as_json=False) == 0
    return capsys.readouterr().out.splitlines()


def test_slices_of_the_same_pairs_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(a_status(), monkeypatch, capsys)
    assert len([line for line in lines if "breach" in line]) == 2
    assert any("category=code (= task=code) x refusal_lost" in line for line in lines)


def test_a_primary_that_is_not_there_is_said_whatever_its_error_is_made_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    why = "the primary (candidate) has not answered for 7 s: [field:hostname] [/red]"
    lines = printed(a_status(ready={"ok": False, "why": why}), monkeypatch, capsys)
    assert f"not ready {why}" in lines


def test_pairs_that_did_not_reach_the_disk_are_counted_by_reason_where_people_look(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not [line for line in printed(a_status(), monkeypatch, capsys) if "captured" in line]
    full = a_status(capture_dropped={"queue_full": 3, "disk": 0, "defect": 1})
    assert "pairs not captured: 3 (queue_full), 1 (defect)" in printed(full, monkeypatch, capsys)


def test_a_slice_that_callers_name_cannot_act_on_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("task=\x1b[2J", "task=\x9b31m\u202e", "task=[red]x[/]", "task=" + "y" * 500)
    verdicts = [a_verdict(slice=name) for name in names]
    told = describe(Reading(version="1", primary="candidate"), verdicts, [], None, None, 0, {})
    said = "".join(printed(a_status(verdicts=told["verdicts"]), monkeypatch, capsys))
    assert not {"\x1b", "\x9b", "\u202e"} & set(said)
    assert r"task=\x1b[2J" in said and r"task=\x9b31m\u202e" in said and "task=[red]x[/]" in said
    assert said.count("y") < 200
