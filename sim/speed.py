"""T8: what a tick, a vote and a cell cost on this machine.

CPU time decides, because the machine may do other work beside; the wall clock is told too.
"""

import os
import time
import tracemalloc
from typing import Any

import numpy as np
from understudy.drift.bet import Floats
from understudy.drift.engine import Drift
from understudy.drift.tally import Name
from understudy.drift.vote import Vote

from sim.plan import Plan
from sim.runs import LANE, METRIC, mix, tally, tolerances

CELLS = 3000
BLOCK = 20_000
"""Votes of a tick where votes are timed."""
SAME = "base..base"


def ticks(rng: np.random.Generator, plan: Plan, *, control: int, voting: float) -> dict[str, Any]:
    """Milliseconds per tick of 3,000 cells with every detector, and of their instrument checks.

    Args:
        rng: of the votes.
        plan: how many ticks.
        control: cells with an instrument check (the control replies' share of the cells).
        voting: share of the cells that have votes in a tick.
    """
    slices = [f"s{i:05d}" for i in range(CELLS)]
    drift = Drift(tolerances())
    drift.declare(LANE, slices, [METRIC])
    drift.declare(SAME, slices[:control], [METRIC])
    drift.announce("start")
    names: list[Name] = [(SAME, slice_, METRIC) for slice_ in slices[:control]]
    names += [(LANE, slice_, METRIC) for slice_ in slices]
    wall: list[float] = []
    cpu: list[float] = []
    for tick in range(plan.speed_ticks):
        counts = rng.multinomial(5, mix(0.01, 0.0), size=len(names))
        counts[rng.random(len(names)) >= voting] = 0
        report = tally(tick, tuple(names), counts)
        began, used = time.perf_counter(), time.process_time()
        drift.fold(report)
        cpu.append(1e3 * (time.process_time() - used))
        wall.append(1e3 * (time.perf_counter() - began))
    state = drift.snapshot()
    return {
        "control": control,
        "voting": voting,
        "cpu_ms": cpu,
        "wall_ms": wall,
        "snapshot_bytes_per_cell": len(state) / len(names),
        "load": os.getloadavg()[0],
    }


def votes(rng: np.random.Generator, plan: Plan, *, objects: bool) -> dict[str, Any]:
    """Microseconds per vote from its row to the tick's counts, 60 cells, a cluster each: as arrays, or as Votes."""
    slices = [f"s{i:02d}" for i in range(60)]
    drift = Drift(tolerances())
    drift.declare(LANE, slices, [METRIC])
    wall: list[float] = []
    cpu: list[float] = []
    for tick in range(max(6, plan.speed_ticks // 10)):
        which = rng.integers(0, len(slices), BLOCK).tolist()
        ids = rng.integers(0, 2**63, BLOCK).astype(np.uint64)
        d: Floats = rng.choice([-1.0, 0.0, 1.0], BLOCK, p=mix(0.01, 0.0))
        ts = 10.0 * tick + 10.0 * np.sort(rng.random(BLOCK))
        if objects:
            given = [
                Vote(t, slices[i], METRIC, str(id_), x, LANE, pair_id=f"p{id_}")
                for t, i, id_, x in zip(ts.tolist(), which, ids.tolist(), d.tolist(), strict=True)
            ]
            began, used = time.perf_counter(), time.process_time()
            drift.add(given)
        else:
            names = [(LANE, slices[i], METRIC) for i in which]
            codes = np.zeros(BLOCK, dtype=np.int64)
            began, used = time.perf_counter(), time.process_time()
            drift.add_columns(ts, names, ids, ids, d, codes)
        report = drift.tally(tick)
        cpu.append(1e6 * (time.process_time() - used) / BLOCK)
        wall.append(1e6 * (time.perf_counter() - began) / BLOCK)
        drift.fold(report)
    return {"objects": objects, "cpu_us": cpu, "wall_us": wall, "block": BLOCK, "load": os.getloadavg()[0]}


def memory(rng: np.random.Generator, plan: Plan) -> dict[str, Any]:
    """Bytes that a cell holds in this process, its detectors, name and clusters; and 8 for each cluster that voted."""
    del plan
    slices = [f"s{i:05d}" for i in range(CELLS)]
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        drift = Drift(tolerances())
        drift.declare(LANE, slices, [METRIC])
        names = [(LANE, slice_, METRIC) for slice_ in slices]
        for tick in range(40):  # until every cell has the clusters it counts
            ids = rng.integers(0, 2**63, CELLS).astype(np.uint64)
            codes = np.zeros(CELLS, dtype=np.int64)
            drift.add_columns(np.full(CELLS, 10.0 * tick), names, ids, ids, np.zeros(CELLS), codes)
            drift.close(tick)
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    return {"bytes_per_cell": held / CELLS, "votes_per_cell": 40, "cells": CELLS}
