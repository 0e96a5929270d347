"""The truth beside the verdicts: measured prompt by prompt beforehand, weighted by what the run asked."""

import json
import math
from importlib.resources import files
from typing import Any

import pytest
from understudy.demo.summary import alerts, targets
from understudy.demo.truth import Measured, aliases, loss, measured, slices, truth
from understudy.engine.corpus import Split, fingerprint, sample

PROMPTS = sample(0, 1500, Split.HELD_OUT)
MEMBERS = slices(PROMPTS)
TABLE = measured("int3")


def part(category: str, slice_: str | None = None) -> list[Measured]:
    held = [m for m in TABLE if m.example.category == category]
    inside = {e.id for e in slices(m.example for m in held)[slice_]} if slice_ else None
    return [m for m in held if inside is None or m.example.id in inside]


def test_the_table_is_of_the_prompts_that_are_drawn_now() -> None:
    record = json.loads(files("understudy.engine").joinpath("weights/training.json").read_text())
    assert fingerprint(m.example for m in TABLE) == record["held_out_sha256"]
    for category, row in record["exactness"]["int3"].items():
        assert sum(m.candidate for m in part(category)) == row["right"]


def test_a_category_has_the_loss_that_was_measured() -> None:
    found = truth(["category=code", "task=code"], MEMBERS, TABLE)
    expected = loss(part("code"))
    for name in ("category=code", "task=code"):
        value = found[name]
        assert value and value["n"] >= 500 and value["low"] == pytest.approx(expected["low"])
    same = aliases(MEMBERS)
    assert same["task=code"] == "category=code" and same["length=long"] == "category=counting"
    assert "category=code" not in same and "all" not in same


def test_a_slice_loses_the_mean_of_its_categories_by_traffic() -> None:
    found = truth(["all", "length=medium"], MEMBERS, TABLE)
    whole, medium = found["all"], found["length=medium"]
    assert whole and medium
    expected = sum(loss(part(example.category))["loss"] for example in PROMPTS) / len(PROMPTS)
    assert whole["loss"] == pytest.approx(expected)
    assert math.fsum(whole["shares"].values()) == pytest.approx(1)
    assert set(medium["shares"]) == {"list", "sequence", "tone"}
    assert medium["low"] < medium["loss"] < medium["high"]


def test_a_slice_that_parts_a_category_is_measured_on_its_own_part() -> None:
    found = truth(["language=de"], MEMBERS, TABLE)["language=de"]
    assert found and 0 < found["n"] < len(TABLE)
    expected = math.fsum(
        share * loss(part(category, "language=de"))["loss"] for category, share in found["shares"].items()
    )
    assert found["loss"] == pytest.approx(expected)


def test_what_nobody_measured_widens_the_interval_or_is_undecided() -> None:
    some = [m for m in TABLE if m.example.category == "json"]
    found = truth(["all", "category=code"], MEMBERS, some)
    whole = found["all"]
    share = len(MEMBERS["category=json"]) / len(PROMPTS)
    assert whole and whole["loss"] == pytest.approx(loss(some)["loss"])
    assert whole["high"] - whole["low"] > 2 * (1 - share)
    assert found["category=code"] is None
    assert truth(["all"], MEMBERS, measured("int2")) == {"all": None}, "no table of this quantization"


def summary(named: dict[str, dict[str, float] | None], **losses_: dict[str, float]) -> dict[str, Any]:
    return {
        "primary": "baseline",
        "failed_calls": 0,
        "accounted": True,
        "duration_s": 1.0,
        "verdict": "BREACH",
        "alerts": [],
        "breaches": [{"slice": name} for name in named],
        "rollback": {"replies_from_candidate_after": 0, "short_calls_after": 0, "signalled": False},
        "truth": named | {name.replace("_", "="): loss for name, loss in losses_.items()},
    }


def met(told: dict[str, Any], verdicts: list[dict[str, Any]]) -> dict[str, bool | None]:
    return {target["id"]: target["met"] for target in targets(told, verdicts, False)}


def test_a_named_slice_is_true_false_or_undecided() -> None:
    true, false = {"loss": 0.2, "low": 0.1}, {"loss": 0.0, "low": -0.02}
    assert met(summary({"all": true, "language=en": None}), [])["named"] is True
    assert met(summary({"all": true, "category=json": false}), [])["named"] is False
    assert met(summary({"language=en": None}), [])["named"] is None


def test_a_losing_slice_that_was_certified_is_a_miss() -> None:
    lost = {"loss": 0.06, "low": 0.03}
    cell = {"slice": "category=json", "metric": "task_agreement_coupled", "tau": 0.03, "votes": 9}
    for state, good in (("WITHIN", False), ("NOT_ENOUGH_EVIDENCE", True), ("BREACH", True)):
        assert met(summary({}, category_json=lost), [cell | {"state": state}])["missed"] is good


def alert(tier: str, at: int, slice_: str = "all") -> dict[str, Any]:
    labels = {"slice": slice_, "metric": "format", "tier": tier, "severity": "critical", "lane": "a..b"}
    return {"name": "Breach", "labels": labels, "severity": "critical", "starts_ns": at * 10**9}


def test_the_tiers_of_one_breach_are_one_alert() -> None:
    other = {"name": "CaptureStopped", "labels": {}, "severity": "warning", "starts_ns": 4 * 10**9}
    told = [alert("rollback", 3), alert("page", 2), alert("page", 5, "task=code"), alert("warn", 1), other]
    assert alerts(told) == [
        {"name": "Breach", "slice": "all", "metric": "format", "tier": "rollback"}
        | {"times": {"warn": 1.0, "page": 2.0, "rollback": 3.0}},
        {"name": "CaptureStopped", "slice": None, "metric": None, "tier": None, "times": {"warning": 4.0}},
        {"name": "Breach", "slice": "task=code", "metric": "format", "tier": "page", "times": {"page": 5.0}},
    ]
