"""Every job of a run: what is simulated, for which target, and about how long it takes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from understudy.errors import ConfigError

from sim import boundary, certify, contest, delay, owners, speed, talks, whole
from sim.plan import DISCORDANCE, FULL, Plan

NAMES = (*(f"T{i}" for i in range(1, 12)), "shows", "peers")
CHANGES = tuple((p01, delta) for p01 in (0.001, 0.01, 0.03, 0.10) for delta in (0.03, 0.05, 0.10, 0.30))
"""p01 and mean after the change: 1 to 28 points beyond tau."""
PEERS_P01 = (0.01, 0.001, 0.02)
"""The first is the one in the tables."""

Take = Callable[[np.random.Generator, Plan], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work for one process, with a seed of its own."""

    target: str
    """One of NAMES."""
    name: str
    take: Take
    cost: float
    """Seconds, roughly, of the full run: for the progress bar and the order."""
    alone: bool = False
    """Timed: nothing else of ours runs beside it."""


def jobs(plan: Plan) -> list[Job]:
    """All of them."""
    made: list[Job] = []

    def job(target: str, name: str, cost: float, take: Callable[..., dict[str, Any]], **how: Any) -> None:
        alone = bool(how.pop("alone", False))
        made.append(Job(target, name, partial(_call, take, how), cost, alone))

    for p01 in DISCORDANCE:
        job("T1", f"T1 accelerated, p01 {p01:g}", 20, boundary.accelerated, p01=p01)
    for cells in (60, 3000):
        for p01 in DISCORDANCE:
            job("T1", f"T1 month, {cells} cells, p01 {p01:g}", 15, boundary.tilted, p01=p01, cells=cells)
    for part in range(1 if plan.quick else 4):
        job("T1", f"T1 engine, {part}", 120, boundary.months, part=part)
    for target, marked in (("T2", False), ("T3", True)):
        for p01, delta in CHANGES:
            name = f"{target} p01 {p01:g}, mean {delta:g}"
            job(target, name, 6, delay.change, p01=p01, delta=delta, marked=marked)
    for p01 in (0.001, 0.01, 0.02):
        job("T4", f"T4 p01 {p01:g}", 45, delay.past, p01=p01)
    for p01 in (0.02, 0.001, 0.01, 0.05):
        job("T5", f"T5 certificate, p01 {p01:g}", 3, certify.certificate, p01=p01)
    for month in (True, False):
        for p01 in DISCORDANCE:
            said = "month" if month else "start"
            job("T5", f"T5 false, {said}, p01 {p01:g}", 20, certify.false_certificate, p01=p01, month=month)
    for latched in (False, True):
        for p01 in DISCORDANCE:
            said = "latched" if latched else "fresh"
            job("T6", f"T6 flips, {said}, p01 {p01:g}", 30, certify.flips, p01=p01, latched=latched)
    for p01 in (0.01, 0.02, 0.05):
        job("T6", f"T6 repair, p01 {p01:g}", 10, certify.repair, p01=p01)
    job("T7", "T7 owners", 60, owners.owners)
    for voting, control in ((1.0, speed.CELLS), (1.0, 0), (0.1, speed.CELLS)):
        name = f"T8 ticks, {voting:g} voting, {control} controls"
        job("T8", name, 10, speed.ticks, control=control, voting=voting, alone=True)
    for objects in (False, True):
        said = "objects" if objects else "columns"
        job("T8", f"T8 votes, {said}", 5, speed.votes, objects=objects, alone=True)
    job("T8", "T8 memory", 5, speed.memory, alone=True)
    for cells, per_tick in ((60, 1), (300, 1), (3000, 1), (300, 10)):
        name = f"T9 {cells} cells, {per_tick} a tick"
        job("T9", name, 10 + cells / 100, whole.catastrophe, cells=cells, per_tick=per_tick)
    for length in (5, 20):
        for share in (1.0, 0.5):
            name = f"T10 {length} ticks, {share:g}"
            job("T10", name, 4.0 * length, talks.talks, length=length, share=share)
            job("T10", name + ", a vote a turn", length, talks.talks, length=length, share=share, once=False)
    for named in (True, False):
        for onset in (0, 3000):
            name = f"T11 {'unscored' if named else 'lost'}, from {onset}"
            job("T11", name, 20, whole.missing, named=named, onset=onset)
    job("T11", "T11 few unscored", 20, whole.missing, named=True, onset=0, share=0.004)
    job("shows", "rewording", 20, whole.rewording)
    job("shows", "opposite", 30, whole.opposite)
    scenes = contest.acts(plan)
    for p01 in PEERS_P01[:1] if plan.quick else PEERS_P01:
        for scene, act in scenes.items():
            cost = 10 + (act.clean + act.pairs) / 6_000
            job("peers", f"peers {scene}, p01 {p01:g}", cost, contest.contest, scene=scene, p01=p01)
    job("peers", "trace", 3, contest.trace)
    return made


def _call(
    take: Callable[..., dict[str, Any]], how: dict[str, Any], rng: np.random.Generator, plan: Plan
) -> dict[str, Any]:
    return take(rng, plan, **how)


def choose(only: list[str], plan: Plan = FULL) -> list[Job]:
    """The jobs of these targets, all without a name.

    Raises:
        ConfigError: there is no such target.
    """
    for name in only:
        if name not in NAMES:
            raise ConfigError(f"sim: no target {name!r}: name one of {', '.join(NAMES)}")
    return [job for job in jobs(plan) if not only or job.target in only]
