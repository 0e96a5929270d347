"""What a demo found, and whether it is true: verdicts beside the model's measured exactness."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from understudy.analysis.means import slices_of
from understudy.demo.traffic import Call
from understudy.engine.corpus import Example, correct

NOTHING = {"low": 0.0}

CERTIFIED = (("all", "failure"), ("all", "format"), ("all", "task_agreement_coupled"))
"""Cells that a harmless candidate must be certified in."""


def losses(quantization: str) -> dict[str, dict[str, float]]:
    """Exactness lost by category: the table training.json holds, measured on held-out prompts.

    Returns category -> {n, baseline, candidate, loss, low, high}, with Newcombe's 95 % interval of the
    difference of two shares (method 10 of Newcombe 1998, the pairing left unused, so it is on the wide side).
    """
    record = json.loads(files("understudy.engine").joinpath("weights/training.json").read_text())
    table = record["exactness"]
    if quantization not in table:
        return {}
    told = {}
    for category, full in table["none"].items():
        low = table[quantization][category]
        a, b, n = full["right"] / full["n"], low["right"] / low["n"], full["n"]
        (al, au), (bl, bu) = _wilson(full["right"], full["n"]), _wilson(low["right"], low["n"])
        loss = a - b
        told[category] = {
            "n": n,
            "baseline": a,
            "candidate": b,
            "loss": loss,
            "low": loss - math.hypot(a - al, bu - b),
            "high": loss + math.hypot(au - a, b - bl),
        }
    return told


def _wilson(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    share = right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half, middle + half


def measured(
    captures: Path, examples: Sequence[Example], slices: Iterable[str]
) -> dict[str, dict[str, float]]:
    """Exactness lost by slice, measured on this run's own pairs: for slices the shipped table does not know.

    Returns slice -> {n, loss, low, high}: the mean of right(baseline) - right(candidate) over the pairs, with a
    95 % interval by the normal approximation (paired, so each pair's difference is -1, 0 or 1).
    """
    from understudy.capture.reader import read

    asked = {example.prompt: example for example in examples}
    wanted = set(slices)
    found: dict[str, list[int]] = {name: [] for name in wanted}
    for pair, _ in read(captures):
        example = asked.get(pair.request.text)
        if example is None:
            continue
        lost = int(correct(example, pair.baseline.text)) - int(correct(example, pair.candidate.text))
        for name in slices_of(pair):
            if name in wanted:
                found[name].append(lost)
    told = {}
    for name, values in found.items():
        if len(values) > 1:
            loss = mean(values)
            half = 1.96 * stdev(values) / math.sqrt(len(values))
            told[name] = {"n": len(values), "loss": loss, "low": loss - half, "high": loss + half}
    return told


def breaches(changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Cells in the order in which they breached, with the votes it took."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for change in changes:
        cell = (change["slice"], change["metric"])
        if change["state"] == "BREACH" and cell not in found:
            found[cell] = {
                "slice": change["slice"],
                "metric": change["metric"],
                "pairs_to_breach": change["votes"],
                "effect": change["effect"],
                "interval": [change["low"], change["high"]],
                "tau": change["tau"],
                "ts": change["ts"],
            }
    return list(found.values())


def summarise(
    status: Mapping[str, Any],
    calls: Sequence[Call],
    moved: int,
    *,
    quantization: str,
    primary: str,
    candidate: str,
    captures: Path,
    examples: Sequence[Example],
    setup_s: float,
    duration_s: float,
) -> dict[str, Any]:
    """Return summary.json without its targets."""
    broken = breaches(status["changes"])
    latch = status["latch"]
    switch = (status["relay"] or {}).get("switch") or {}
    rolled = latch is not None and latch["primary"] == "baseline"
    switched_ns = switch.get("ns", 0) if rolled else 0
    after = [call for call in calls if rolled and call.began_ns > switched_ns]
    failed = [call for call in calls if call.error]
    counts = status["counts"]
    return {
        "quantization": quantization,
        "primary": primary,
        "calls": len(calls),
        "failed_calls": len(failed),
        "failures": [f"{call.manner} {call.example.id}: {call.error}" for call in failed[:5]],
        "pairs": counts["paired"],
        "shed": counts["shed"],
        "failed": counts["failed"],
        "lost": counts["lost"],
        "accounted": status["accounted"],
        "verdict": status["verdict"],
        "breaches": broken,
        "within": sorted(
            f"{v['slice']} x {v['metric']}" for v in status["verdicts"] if v["state"] == "WITHIN"
        ),
        "alerts": [
            f"{a['name']} {a['labels'].get('slice', '')} {a['labels'].get('metric', '')}".strip()
            for a in status["alerts"]
        ],
        "rollback": {
            "signalled": rolled,
            "reason": latch["reason"] if rolled else "",
            "seconds_from_breach": (switched_ns / 1e9 - broken[0]["ts"]) if rolled and broken else None,
            "calls_failed_by_switch": sum(
                bool(call.error) and call.ended_ns > switched_ns > call.began_ns for call in calls
            )
            if rolled
            else 0,
            "short_calls_after": sum(call.short for call in after),
            "replies_from_candidate_after": sum(call.short and call.engine == candidate for call in after),
            "held_replies_from_candidate_after": sum(
                not call.short and call.engine == candidate for call in after
            ),
            "held_streams_moved": moved,
            "relay": {
                name: switch.get(name) for name in ("connections", "ended_idle", "truncated", "remaining")
            },
        },
        "truth": losses(quantization),
        "measured": measured(captures, examples, {b["slice"] for b in broken}),
        "setup_s": round(setup_s, 1),
        "duration_s": round(duration_s, 1),
    }


def targets(
    summary: Mapping[str, Any], verdicts: Sequence[Mapping[str, Any]], harmless: bool
) -> list[dict[str, Any]]:
    """Return what this run should have shown and whether it did."""
    made: list[dict[str, Any]] = []

    def target(id_: str, what: str, goal: Any, value: Any, met: bool | None) -> None:
        made.append({"id": id_, "what": what, "target": goal, "value": value, "met": met})

    target("calls", "calls that failed", 0, summary["failed_calls"], summary["failed_calls"] == 0)
    target(
        "accounting", "every eligible request accounted for", True, summary["accounted"], summary["accounted"]
    )
    target("time", "seconds of the run", 180, summary["duration_s"], summary["duration_s"] <= 180)
    states = {(v["slice"], v["metric"]): v["state"] for v in verdicts}
    if harmless:
        target("quiet", "alerts", [], summary["alerts"], not summary["alerts"])
        for cell in CERTIFIED:
            state = states.get(cell, "absent")
            target(f"within {cell[1]}", f"{cell[0]} x {cell[1]}", "WITHIN", state, state == "WITHIN")
        # A slice nobody expected counts from the tick after its first pair: one pair of it is no vote yet.
        voted = {v["slice"] for v in verdicts if v["metric"] == "failure" and v["votes"]}
        empty = sorted({f"category={name}" for name in summary["truth"]} - voted)
        target("pairs", "declared slices without pairs", [], empty, not empty)
        return made
    rollback = summary["rollback"]
    target("verdict", "verdict", "BREACH", summary["verdict"], summary["verdict"] == "BREACH")
    if summary["primary"] == "candidate":
        target("rollback", "rolled back", True, rollback["signalled"], rollback["signalled"])
        late = rollback["replies_from_candidate_after"]
        seen = rollback["short_calls_after"]
        target(
            "switch",
            "candidate's replies to short calls begun after the switch",
            0,
            late,
            late == 0 and seen > 0,
        )
    truth = summary["truth"]
    losses_of = {f"category={name}": loss for name, loss in truth.items()}
    losses_of = summary["measured"] | losses_of
    false = sorted(
        {b["slice"] for b in summary["breaches"] if losses_of.get(b["slice"], NOTHING)["low"] <= 0}
    )
    target("named", "named slices without a measured loss", [], false, not false)
    tau = next((v["tau"] for v in verdicts if v["metric"] == "task_agreement_coupled"), 0.03)
    missed = sorted(
        name
        for name, loss in truth.items()
        if loss["loss"] >= 2 * tau and states.get((f"category={name}", "task_agreement_coupled")) == "WITHIN"
    )
    target("missed", f"categories that lose {2 * tau:g} or more and were certified", [], missed, not missed)
    return made
