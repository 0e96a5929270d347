"""A rollback that the demo's end cut short is told as that, and not as one in 1970."""

from typing import Any

import pytest
from rich.console import Console
from understudy.demo.show import Show
from understudy.demo.summary import carried_out, summarise


def a_status(ns: int) -> dict[str, Any]:
    change = {
        "slice": "all",
        "metric": "format",
        "to": "BREACH",
        "n": 9,
        "effect": 0.1,
        "interval": [0.0, 0.2],
    }
    return {
        "changes": [change | {"tau": 0.02, "ts": 1.7e9}],
        "latch": {"primary": "baseline", "reason": "rollback: all x format"},
        "relay": {"switch": {"ns": ns} if ns else None},
        "counts": {"paired": 9, "shed": 0, "failed": 0, "lost": 0},
        "verdicts": [],
        "alerts": [],
        "accounted": True,
        "verdict": "BREACH",
    }


@pytest.mark.parametrize(("ns", "seconds"), [(0, None), (1_700_000_002_000_000_000, 2.0)])
def test_a_rollback_not_yet_carried_out_has_no_seconds(
    capsys: pytest.CaptureFixture[str], tmp_path: Any, ns: int, seconds: float | None
) -> None:
    named = {"quantization": "int3", "primary": "candidate", "candidate": "c"}
    summary = summarise(a_status(ns), [], 0, **named, setup_s=1.0, duration_s=1.0)
    rollback = summary["rollback"]
    assert carried_out(a_status(ns)) == ns
    assert (rollback["carried_out"], rollback["seconds_from_breach"]) == (bool(ns), seconds)
    assert rollback["short_calls_after"] == 0
    Show("int3", "candidate", 9, "", {}, 10.0).end(Console(width=200), summary, tmp_path)
    said = capsys.readouterr().out
    assert ("signalled and not yet carried out when the run ended" in said) is not bool(ns)
    assert ("rolled back 2.0 s after the first breach" in said) is bool(ns)
