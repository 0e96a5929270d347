"""Streams of votes for the tests of this room."""

from collections.abc import Sequence

import numpy as np
from understudy.drift.engine import Drift
from understudy.drift.tolerance import Tolerances
from understudy.drift.verdict import Change, State, Verdict
from understudy.drift.vote import Vote

LANE = "base..cand"


def tolerances(tau: float = 0.02, **more: object) -> Tolerances:
    """Without discovery, unless asked for: the formulas are about the whole budget."""
    metrics = {"m": {"tau": tau}, "n": {"tau": tau}}
    return Tolerances.from_dict({"metrics": metrics, "discovery": {"on": False}, **more})


def differences(rng: np.random.Generator, n: int, delta: float, p01: float = 0.01) -> np.ndarray:
    u = rng.random(n)
    return np.where(u < p01, -1.0, np.where(u < 2 * p01 + delta, 1.0, 0.0))


def votes(
    d: Sequence[float] | np.ndarray,
    *,
    slice_: str = "s",
    metric: str = "m",
    per_tick: int = 10,
    first: int = 0,
    lane: str = LANE,
    prefix: str = "c",
) -> list[Vote]:
    """One distinct cluster each, `per_tick` in every tick of 10 s from tick `first` on."""
    return [
        Vote(
            10.0 * (first + i // per_tick) + 9.0 * (i % per_tick) / per_tick,
            slice_,
            metric,
            f"{prefix}{first}-{i}",
            float(x),
            lane,
            pair_id=f"{prefix}{first}-{i}",
        )
        for i, x in enumerate(d)
    ]


def started(chosen: Tolerances, slices: Sequence[str] = ("s",), metrics: Sequence[str] = ("m",)) -> Drift:
    drift = Drift(chosen)
    drift.declare(LANE, slices, metrics)
    drift.announce("start")
    return drift


def drive(drift: Drift, rows: Sequence[Vote]) -> list[Change]:
    drift.add(rows)
    changes: list[Change] = []
    for tick in sorted({drift.tick_of(vote.ts) for vote in rows}):
        changes += drift.close(tick)
    return changes


def cell(drift: Drift, slice_: str = "s", metric: str = "m") -> Verdict:
    return next(v for v in drift.verdicts() if (v.slice, v.metric) == (slice_, metric))


def first(changes: Sequence[Change], state: State) -> Change | None:
    return next((c for c in changes if c.verdict.state is state), None)
