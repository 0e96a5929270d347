"""One night of one deployment: a change at 03:00 breaks a slice of a twentieth of the traffic.

Everything shown is what the engine said, a minute at a time; the votes alone are made up.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from understudy.drift.engine import Drift
from understudy.drift.judge import Thresholds
from understudy.drift.tolerance import Tier, Tolerances
from understudy.drift.verdict import Change, State, Verdict
from understudy.drift.vote import ALL, Vote

from sim.runs import LANE, mix
from sim.teach.ink import Panel, picture

SEED = 3
SLICE, METRIC = "language=es", "task_agreement"
SHARE = 0.05
"""Of the traffic."""
PAIRS = 20
"""In a tick of 10 s."""
HARM, P01 = 0.18, 0.01
"""Mean difference in the slice while it is broken, and the share of pairs that differ to the candidate's favour."""
BEGIN, END = 22.0, 33.0
CHANGED, MENDED = 27.0, 29.5
"""Hours, 27 = 03:00."""
OTHERS = [f"task={name}" for name in ("chat", "code", "math", "summary", "translation", "extraction")]
METRICS = ["failure", "format", METRIC, "refusal_gained", "refusal_lost", "numbers"]


@dataclass(frozen=True, slots=True)
class Night:
    """What the engine said: a verdict of the slice's cell for every minute, and every change."""

    hours: list[float]
    verdicts: list[Verdict]
    warn: list[float]
    """ln M of the detector at half the tolerance."""
    changes: list[Change]
    whole: Verdict
    """Of the same metric over all the traffic, as the incident ended."""
    thresholds: Thresholds

    def hour(self, change: Change) -> float:
        """When a change was said."""
        return BEGIN + (change.tick + 1) / 360

    def first(self, tier: Tier) -> Change:
        """The change to a tier after the harm began."""
        return next(c for c in self.changes if c.verdict.tier is tier and self.hour(c) > CHANGED)

    @property
    def certified(self) -> Change:
        """The first certificate."""
        return next(c for c in self.changes if c.verdict.state is State.WITHIN)

    @property
    def cleared(self) -> Change:
        """The change that ended the breach."""
        return next(c for c in self.changes if c.was is State.BREACH and c.verdict.state is not State.BREACH)


def night() -> Night:
    """Drive the engine from 22:00 to 09:00."""
    rng = np.random.default_rng(SEED)
    tolerances = Tolerances.default()
    drift = Drift(tolerances)
    drift.declare(LANE, [ALL, SLICE, "language=en", "length=short", *OTHERS], METRICS)
    drift.announce("rollout")
    family = drift._cells  # no verdict shows the evidence of the warning tier
    cell, at = family.index[LANE, SLICE, METRIC], family.at["warn"]
    hours: list[float] = []
    verdicts: list[Verdict] = []
    warn: list[float] = []
    changes: list[Change] = []
    whole: Verdict | None = None
    for tick in range(round((END - BEGIN) * 360)):
        hour = BEGIN + tick / 360
        if hour == CHANGED:
            drift.announce("engine flags", tick=tick)
        drift.add(_votes(rng, tick, harmed=CHANGED <= hour < MENDED))
        changes += [c for c in drift.close(tick) if (c.verdict.slice, c.verdict.metric) == (SLICE, METRIC)]
        if tick % 6 == 5:
            told = {(v.slice, v.metric): v for v in drift.verdicts()}
            hours.append(hour + 1 / 360)
            verdicts.append(told[SLICE, METRIC])
            warn.append(math.log(max(family.value[cell, at] + family.pending[cell, at], 1e-290)))
            if hour < MENDED:
                whole = told[ALL, METRIC]
    assert whole is not None
    return Night(hours, verdicts, warn, changes, whole, Thresholds.of(tolerances))


def _votes(rng: np.random.Generator, tick: int, *, harmed: bool) -> list[Vote]:
    made = []
    for k in range(PAIRS):
        spanish = rng.random() < SHARE
        chances = mix(P01, HARM if harmed and spanish else 0.0)
        d = float(np.searchsorted(np.cumsum(chances), rng.random(), side="right")) - 1.0
        for slice_ in (ALL, SLICE) if spanish else (ALL,):
            made.append(Vote(10.0 * tick + 0.5 * k, slice_, METRIC, f"{tick}-{k}", min(d, 1.0), LANE))
    return made


def clock(hour: float) -> str:
    """27.25 -> 03:15."""
    minutes = round(hour * 60)
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def _x(step: int = 1) -> list[tuple[float, str]]:
    return [(float(hour), clock(hour)) for hour in range(int(BEGIN), int(END) + 1, step)]


def _y(*values: int) -> list[tuple[float, str]]:
    return [(float(value), f"{value}") for value in values]


def evidence(told: Night) -> str:
    """Ln M over the night, with the thresholds of the three tiers."""
    at = told.thresholds
    tall = Panel.of((BEGIN, END), (-17, 11), top=40, bottom=320)
    small = Panel.of((BEGIN, END), (-17, 6), top=400, bottom=560)
    warned, paged, sure = (told.hour(told.first(tier)) for tier in (Tier.WARN, Tier.PAGE, Tier.ROLLBACK))
    parts = [
        tall.frame("evidence that the mean of D is above tau = 0.03: ln M", _x(), _y(-15, -10, -5, 0, 5, 10)),
        tall.level(math.log(at.rollback), "rollback: M = 100", "red", left=True),
        tall.level(math.log(at.page), "page: M = 2.5", "red", left=True),
        tall.moment(CHANGED, "change announced", "ink", before=True),
        tall.moment(paged, "page", "red", row=11),
        tall.moment(sure, "rollback", "red", row=12),
        tall.moment(MENDED, "change taken back", "ink"),
        tall.moment(told.hour(told.cleared), "cleared: M := 0", "green"),
        tall.line(told.hours, [v.evidence for v in told.verdicts], "blue"),
        small.frame("the same above tau / 2 = 0.015, for the warning tier", _x(), _y(-15, -10, -5, 0, 5)),
        small.level(math.log(at.warn), "warn: M = 0.5", "amber", left=True),
        small.moment(warned, "warn", "amber", row=8),
        small.line(told.hours, told.warn, "blue"),
    ]
    return picture(600, "Evidence of a breach over a night, with the thresholds of three tiers", parts)


def effect(told: Night) -> str:
    """The mean since the lane's start with its confidence sequence, and the mean since the estimated change."""
    panel = Panel.of((BEGIN, END), (-0.1, 0.4), top=40, bottom=350)
    ys = [(v / 10, f"{10 * v:+d}" if v else "0") for v in range(-1, 5)]
    began = told.hour(told.first(Tier.WARN))
    recent = [
        v.recent if began <= hour <= told.hour(told.cleared) else math.nan
        for hour, v in zip(told.hours, told.verdicts, strict=True)
    ]
    parts = [
        panel.frame("mean of D in the slice, points of a hundred", _x(), ys),
        panel.band(told.hours, [v.low for v in told.verdicts], [v.high for v in told.verdicts], "blue"),
        panel.level(0.03, "", "amber"),
        panel.note(24.5, 0.035, "tau", "amber"),
        panel.steps([BEGIN, CHANGED, MENDED, END], [0.0, HARM, 0.0], "ink"),
        panel.line(told.hours, [v.effect for v in told.verdicts], "blue"),
        panel.line(told.hours, recent, "red"),
        panel.note(22.7, 0.36, "effect: since the lane's start, with its 95 % confidence sequence", "blue"),
        panel.note(22.7, 0.33, "recent: since the estimated change", "red"),
        panel.note(22.7, 0.30, "dashed: the truth", "ink"),
    ]
    return picture(390, "The running effect with its confidence sequence beside the truth", parts)


def certificate(told: Night) -> str:
    """Ln V over the night."""
    panel = Panel.of((BEGIN, END), (-15, 12), top=40, bottom=330)
    parts = [
        panel.frame("evidence that the mean of D is below tau: ln V", _x(), _y(-15, -10, -5, 0, 5, 10)),
        panel.level(math.log(told.thresholds.within), "V = 20", "green", left=True),
        panel.moment(told.hour(told.certified), "WITHIN", "green"),
        panel.moment(CHANGED, "change announced", "ink", before=True),
        panel.moment(told.hour(told.first(Tier.PAGE)), "BREACH: V := 0", "red"),
        panel.moment(MENDED, "change taken back", "ink"),
        panel.moment(told.hour(told.cleared), "WITHIN again", "green"),
        panel.line(told.hours, [v.certificate for v in told.verdicts], "blue"),
    ]
    return picture(370, "The certificate over a night: gained, lost, and gained again", parts)


def log(told: Night) -> list[str]:
    """The verdict log of the night as a table."""
    rows = [
        "| time | state | tier | votes | `evidence` | `effect` [`low`, `high`] | `recent` (votes) | `more_pairs` |",
        "|---|---|---|---:|---:|---|---|---:|",
    ]
    for change in told.changes:
        v = change.verdict
        cells: Sequence[str] = (
            clock(told.hour(change)),
            str(v.state),
            str(v.tier),
            str(v.votes),
            f"{v.evidence:+.1f}",
            f"{v.effect:+.3f} [{v.low:+.3f}, {v.high:+.3f}]",
            f"{v.recent:+.3f} ({v.recent_votes})",
            "" if v.more_pairs is None else str(v.more_pairs),
        )
        rows.append("| " + " | ".join(cells) + " |")
    return rows
