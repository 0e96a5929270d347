"""`understudy demo` as its user runs it: a broken candidate is caught and rolled back, a harmless one left alone."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.engines


def understudy(*arguments: str) -> None:
    command = [sys.executable, "-m", "understudy.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def demo(*options: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="us") as name:  # a short path: unix sockets allow about 100 bytes
        out = Path(name, "demo")
        understudy("demo", "--out", str(out), *options)
        assert (out / "report" / "report.html").stat().st_size > 10_000
        summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
        understudy("drift", str(out / "votes"), "--out", str(out / "drift"), "--quiet")
        live = (out / "verdicts.jsonl").read_bytes()
        assert live and (out / "drift" / "verdicts.jsonl").read_bytes() == live, "offline as it was live"
        return summary


def test_int3_is_caught_and_rolled_back_and_no_call_fails() -> None:
    summary = demo("-q", "int3", "--pairs", "900", "--strict")
    assert summary["failed_calls"] == 0 and summary["accounted"]
    assert summary["verdict"] == "BREACH" and summary["breaches"]
    rollback = summary["rollback"]
    assert rollback["signalled"] and rollback["short_calls_after"] > 0
    assert rollback["calls_failed_by_switch"] == rollback["replies_from_candidate_after"] == 0


def test_int8_raises_nothing_and_is_certified() -> None:
    summary = demo("-q", "int8", "--strict")
    assert summary["failed_calls"] == 0 and summary["accounted"]
    assert summary["pairs"] == summary["calls"]
    assert not summary["alerts"] and not summary["breaches"] and not summary["rollback"]["signalled"]
    assert summary["verdict"] == "WITHIN"
