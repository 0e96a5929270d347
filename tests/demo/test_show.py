"""The live view: whole names at every width, one line for slices of the same pairs, plain words while it waits."""

import io
from typing import Any

import pytest
from rich.console import Console
from understudy.demo.show import Show
from understudy.demo.traffic import Call, Manner
from understudy.engine.corpus import Split, sample

WIDTHS = (80, 100, 140)
CALLS = [Call(example, Manner.UNARY, 0, 1, "ok", "a") for example in sample(0, 40, Split.HELD_OUT)]
METRIC = "task_agreement_coupled"


def cell(slice_: str, state: str = "NOT_ENOUGH_EVIDENCE", tier: str = "", **more: Any) -> dict[str, Any]:
    plain = {"metric": METRIC, "votes": 1212, "effect": 0.158, "evidence_ratio": 0.1}
    return {"slice": slice_, "state": state, "tier": tier} | plain | more


def status(*verdicts: dict[str, Any], at_s: float = 4.0) -> dict[str, Any]:
    return {
        "now_ns": int(at_s * 1e9),
        "primary": "candidate",
        "latch": None,
        "counts": {"paired": 30, "eligible": 60},
        "watermark_age_s": 3.0,
        "verdicts": list(verdicts),
    }


def drawn(told: dict[str, Any], width: int, height: int = 24) -> list[str]:
    show = Show(
        "int3", "candidate", 1500, "http://127.0.0.1:1/", {"task=translation": "category=translation"}, 10.0
    )
    show.see(told, CALLS)
    out = io.StringIO()
    Console(file=out, width=width, height=height, color_system=None).print(show)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", WIDTHS)
def test_names_stay_whole_and_slices_of_the_same_pairs_are_listed_once(width: int) -> None:
    lines = drawn(
        status(
            cell("category=translation", "BREACH", "rollback"),
            cell("task=translation", "BREACH", "rollback"),
            cell("category=multilingual", votes=9),
            cell("all", "INSTRUMENT_FAULT", metric="formality_flip_coupled"),
        ),
        width,
    )
    assert all(len(line) == width for line in lines)
    for name in ("category=translation", "category=multilingual"):
        assert sum(name in line and METRIC in line for line in lines) == 1
    assert not any("task=translation" in line and METRIC in line for line in lines)
    assert any("listed once: task=translation = category=translation" in line for line in lines)
    assert not any("\N{HORIZONTAL ELLIPSIS}" in line for line in lines), "nothing is cut"
    assert any("+0.158" in line and "1212" in line and "BREACH" in line for line in lines)


def test_a_slice_stands_for_itself_where_the_other_has_no_pairs_yet() -> None:
    lines = drawn(status(cell("task=translation")), 100)
    assert any("task=translation" in line and METRIC in line for line in lines)


@pytest.mark.parametrize("width", WIDTHS)
def test_before_the_first_evidence_it_says_what_happens_and_when(width: int) -> None:
    lines = drawn(status(cell("all", votes=0, effect=0.0, evidence_ratio=None)), width)
    text = " ".join(" ".join(line.strip("│ ") for line in lines).split())
    assert "Every prompt goes to both engines" in text and "first evidence at about" in text
    assert "refusal" in text and "calls 40" in text and "tick" not in text


def test_a_low_terminal_holds_the_whole_view() -> None:
    many = [cell(f"category={number}") for number in range(40)]
    assert len(drawn(status(*many), 80, height=24)) <= 23
