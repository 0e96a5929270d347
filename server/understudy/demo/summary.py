"""What a demo found, and whether it is true: verdicts beside the model's measured exactness."""

from collections.abc import Mapping, Sequence
from typing import Any

from understudy.demo.traffic import Call
from understudy.demo.truth import CATEGORY, measured, slices, truth

CERTIFIED = (("all", "failure"), ("all", "format"), ("all", "task_agreement_coupled"))
"""Cells that a harmless candidate must be certified in."""


def breaches(changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Cells in the order in which they breached, with the votes it took."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for change in changes:
        cell = (change["slice"], change["metric"])
        if change["to"] == "BREACH" and cell not in found:
            found[cell] = {
                "slice": change["slice"],
                "metric": change["metric"],
                "pairs_to_breach": change["n"],
                "effect": change["effect"],
                "interval": change["interval"],
                "tau": change["tau"],
                "ts": change["told_ns"] / 1e9 if "told_ns" in change else change["ts"],
            }
    return list(found.values())


TIERS = ("warn", "page", "rollback")
"""Of a breach alert, from the weakest evidence to the strongest."""


def alerts(told: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry for each alert and what it is about: the highest tier it reached, and when it reached each.

    A higher tier of one breach is an alert of its own to a pager; here they are one finding.
    """
    found: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for one in sorted(told, key=lambda alert: alert["starts_ns"]):
        labels = one["labels"]
        about = {name: value for name, value in labels.items() if name not in ("tier", "severity")}
        entry = found.setdefault(
            tuple(sorted({"alertname": one["name"], **about}.items())),
            {"name": one["name"], "slice": labels.get("slice"), "metric": labels.get("metric")}
            | {"tier": None, "times": {}},
        )
        tier = labels.get("tier")
        entry["times"].setdefault(tier or one["severity"], one["starts_ns"] / 1e9)
        if tier in TIERS:
            entry["tier"] = max(entry["tier"] or tier, tier, key=TIERS.index)
    return list(found.values())


def carried_out(status: Mapping[str, Any]) -> int:
    """When the relay carried out the rollback that is latched, ns since the epoch; 0 = there is none, or not yet."""
    latch = status["latch"]
    switch = (status["relay"] or {}).get("switch") or {}
    return switch.get("ns", 0) if latch is not None and latch["primary"] == "baseline" else 0


def summarise(
    status: Mapping[str, Any],
    calls: Sequence[Call],
    moved: int,
    *,
    quantization: str,
    primary: str,
    candidate: str,
    setup_s: float,
    duration_s: float,
) -> dict[str, Any]:
    """Return summary.json without its targets."""
    broken = breaches(status["changes"])
    latch = status["latch"]
    switch = (status["relay"] or {}).get("switch") or {}
    rolled = latch is not None and latch["primary"] == "baseline"
    switched_ns = carried_out(status)
    after = [call for call in calls if switched_ns and call.began_ns > switched_ns]
    failed = [call for call in calls if call.error]
    counts = status["counts"]
    members = slices(call.example for call in calls)
    asked = {name for name in members if name.startswith(CATEGORY)}
    watched = sorted({v["slice"] for v in status["verdicts"]} | {b["slice"] for b in broken} | asked)
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
        "alerts": alerts(status["alerts"]),
        "rollback": {
            "signalled": rolled,
            "reason": latch["reason"] if rolled else "",
            "carried_out": switched_ns > 0,
            "seconds_from_breach": switched_ns / 1e9 - broken[0]["ts"] if switched_ns and broken else None,
            "calls_failed_by_switch": sum(
                bool(call.error) and call.ended_ns > switched_ns > call.began_ns for call in calls
            )
            if switched_ns
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
        "truth": truth(watched, members, measured(quantization)),
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
        empty = sorted({name for name in summary["truth"] if name.startswith(CATEGORY)} - voted)
        target("pairs", "declared slices without pairs", [], empty, not empty)
        return made
    rollback = summary["rollback"]
    target("verdict", "verdict", "BREACH", summary["verdict"], summary["verdict"] == "BREACH")
    if summary["primary"] == "candidate":
        target("rollback", "rolled back", True, rollback["carried_out"], rollback["carried_out"])
        late = rollback["replies_from_candidate_after"]
        seen = rollback["short_calls_after"]
        target(
            "switch",
            "candidate's replies to short calls begun after the switch",
            "0 of 1 or more",
            f"{late} of {seen}",
            late == 0 and seen > 0,
        )
    named = {breach["slice"]: summary["truth"].get(breach["slice"]) for breach in summary["breaches"]}
    false = sorted(name for name, loss in named.items() if loss is not None and loss["low"] <= 0)
    undecided = sorted(name for name, loss in named.items() if loss is None)
    checked = len(named) > len(undecided)
    target("named", "named slices that lose nothing by the truth", [], false, not false if checked else None)
    target("undecided", "named slices whose truth was not measured", None, undecided, None)
    tau = next((v["tau"] for v in verdicts if v["metric"] == "task_agreement_coupled"), 0.03)
    missed = sorted(
        name
        for name, loss in summary["truth"].items()
        if loss is not None
        and loss["loss"] >= 2 * tau
        and states.get((name, "task_agreement_coupled")) == "WITHIN"
    )
    target("missed", f"slices that lose {2 * tau:g} or more and were certified", [], missed, not missed)
    return made
