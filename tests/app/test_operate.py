"""What `understudy status` prints: each finding once, and first what callers suffer from."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from understudy.alert import AlertBook, Health, Settings
from understudy.app import operate
from understudy.drift.tolerance import Tier
from understudy.drift.verdict import State, Why
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


def breached(slice: str, metric: str) -> dict[str, Any]:
    """The status of one cell that breaches at the page tier, then at the rollback tier, which is blocked."""
    book = AlertBook(Settings())
    page = a_verdict(tier=Tier.PAGE, slice=slice, metric=metric, recent=0.2, tau=0.03)
    sure = replace(page, tier=Tier.ROLLBACK, reason=Why.BLOCKED_CLUSTERS)
    book.update([page], Health(), 1)
    book.update([sure], Health(), 2)
    told = describe(Reading(version="1", primary="candidate"), [sure], book.alerts(), None, None, 2, {})
    return a_status(verdicts=told["verdicts"], alerts=told["alerts"])


def test_in_a_pipe_a_cell_is_one_line_whatever_its_names_and_the_terminal_it_runs_below(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    named = "category=bank_transfer_abroad&language=es&task=classification"
    lines = printed(breached(named, "refusal_gained"), monkeypatch, capsys)
    (row,) = [line for line in lines if f"{named} x refusal_gained" in line]
    assert len(row) < 240, "no wider than what is in it"


def test_a_breach_shows_how_bad_it_is_now_beside_the_tolerance_and_why_nothing_acted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = breached("all", "task_agreement")
    (row,) = [line for line in printed(told, monkeypatch, capsys) if "all x task_agreement" in line]
    assert "breach (rollback): rollback blocked clusters" in row and "+0.200 / 0.03" in row


def test_other_states_name_only_a_reason_that_says_more_than_they_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waits = State.NOT_ENOUGH_EVIDENCE
    verdicts = [a_verdict(waits, slice="s=a"), a_verdict(waits, slice="s=b", reason=Why.UNSCORED_HIGH)]
    told = describe(Reading(version="1", primary="candidate"), verdicts, [], None, None, 0, {})
    lines = printed(a_status(verdicts=told["verdicts"]), monkeypatch, capsys)
    (plain, more) = [line for line in lines if "s=" in line]
    assert "not enough evidence " in plain and "not enough evidence: unscored high " in more


def test_alerts_of_one_cell_are_told_apart_by_their_tier(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(breached("all", "task_agreement"), monkeypatch, capsys)
    firing = sorted(line for line in lines if line.startswith("Breach"))
    assert [line.partition(" all:")[0] for line in firing] == ["Breach (page)", "Breach (rollback)"]


def test_eighty_columns_hold_a_breach_without_breaking_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    narrow = Console(width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr(operate, "_console", lambda: narrow)
    lines = printed(breached("category=code", "task_agreement"), monkeypatch, capsys)
    assert max(map(len, lines)) <= 80
    words = {word for line in lines for word in line.split()}
    assert {
        "category=code",
        "task_agreement",
        "(rollback):",
        "clusters",
        "[+0.070,",
        "+0.240]",
        "+0.200",
    } <= words


def test_what_each_analyzer_costs_is_said_once_there_is_something_to_say(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not [line for line in printed(a_status(), monkeypatch, capsys) if "scoring" in line]
    spent = {"tone": {"seconds": 1.0, "ms": 0.5}, "drift": {"seconds": 4.0, "ms": 2.25}}
    assert "scoring 2.8 ms a pair: drift 2.25, tone 0.50" in printed(
        a_status(analyzers=spent), monkeypatch, capsys
    )
