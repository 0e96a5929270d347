"""How many votes an answer takes, by effect and tolerance: from KL_inf, and from runs of the engine."""

import math
from collections.abc import Sequence

import numpy as np
from understudy.drift.bet import Ints
from understudy.drift.judge import SPREAD_SHARE
from understudy.drift.tolerance import Budget, Discovery

from sim.plan import MONTH_TICKS
from sim.runs import TICK_WEIGHT, Runs, draw, fastest, mix
from sim.teach.ink import Panel, picture

SEED = 5
CELLS = 60
KEPT = 1.0 - Discovery().share
"""Of every start weight, what cells with a name of their own have."""
MARKER = 0.125
"""Start weight of an announced change."""
P01 = 0.01
TAUS = (0.01, 0.02, 0.03, 0.05)
EFFECTS = (0.03, 0.05, 0.08, 0.15, 0.30, 0.60, 1.0)
DOTTED = (0.05, 0.08, 0.15, 0.30, 0.60)
"""Effects that runs of the engine are made for."""
RUNS = 200
ALPHA_WITHIN = 0.05
NEAREST = 1.5
"""The curves begin at this multiple of tau: nearer to it the number grows beyond the picture."""


def chances(delta: float) -> tuple[float, float]:
    """(P(D = -1), mean) of an effect; where every pair is bad none is better."""
    return min(P01, (1.0 - delta) / 2), delta


def to_breach(delta: float, tau: float, x: float, start: float) -> float | None:
    """Votes to M = 1 / x from a start weight: ln(1 / (x start)) / KL_inf; None where the effect is tolerated."""
    if delta <= tau:
        return None
    return math.log(1.0 / (x * start)) / fastest(mix(*chances(delta)), tau)


def announced(delta: float, tau: float, budget: float = 0.5) -> float | None:
    """Votes to a page after an announced change: a cell has a 60th of an eighth."""
    return to_breach(delta, tau, budget * (1.0 - SPREAD_SHARE), KEPT * MARKER / CELLS)


def unannounced(delta: float, tau: float) -> float | None:
    """Votes to a page after a change nobody told: a cell has a 60th of a tick's weight."""
    return to_breach(delta, tau, Budget().page * (1.0 - SPREAD_SHARE), KEPT * 0.5 / MONTH_TICKS / CELLS)


def medians(
    rng: np.random.Generator, delta: float, tau: float, *, within: bool = False, p01: float = P01
) -> float:
    """Median votes of 200 runs of the engine to BREACH, or WITHIN, after an announced change."""
    if within:
        guess = -math.log(ALPHA_WITHIN) / fastest(mix(p01, delta), tau, -1)
    else:
        guess = announced(delta, tau) or math.inf
    each = max(1, round(guess / 120))
    p = mix(*chances(delta)) if not within else mix(p01, delta)
    runs = Runs(RUNS, tau=tau)
    here, found = np.arange(RUNS), np.full(RUNS, math.inf)
    for tick in range(120 * 6):
        runs.sow(
            KEPT * MARKER / CELLS if tick == 0 else KEPT * TICK_WEIGHT / CELLS, TICK_WEIGHT if tick else 0.0
        )
        counts: Ints = draw(rng, each, p, len(here))
        runs.tick(counts)
        done = runs.certified if within else runs.breach
        found[here[done]] = each * (tick + 1)
        here = here[~done]
        runs.keep(~done)
        if len(here) < RUNS // 3:
            break
    return float(np.median(found))


def drawn(dots: dict[float, list[tuple[float, float]]]) -> str:
    """Votes to a page against the effect, a curve for each tolerance."""
    panel = Panel.of((0.015, 1.0), (5, 30_000), top=40, bottom=400, log="xy")
    xs = [(v, f"{100 * v:+.0f}") for v in (0.02, 0.03, 0.05, 0.08, 0.15, 0.30, 0.60, 1.0)]
    ys = [(float(v), f"{v:,}") for v in (10, 30, 100, 300, 1000, 3000, 10_000)]
    parts = [
        panel.frame(
            "votes of a slice until a page, after an announced change", xs, ys, "effect, points of a hundred"
        )
    ]
    for tau, colour in zip(TAUS, ("green", "blue", "amber", "red"), strict=True):
        effects = [float(v) for v in np.geomspace(NEAREST * tau, 1.0, 120)]
        votes = [announced(effect, tau) or math.nan for effect in effects]
        parts.append(panel.line(effects, votes, colour))
        parts.append(panel.dots(dots[tau], colour))
        parts.append(panel.note(effects[0] * 1.03, votes[0], f"tau {tau:g}", colour))
    return picture(
        445, "Votes until a page by effect and tolerance: curves from KL_inf, dots from runs", parts
    )


def rounded(value: float | None) -> str:
    """Two figures: 1,234 -> 1,200."""
    if value is None:
        return "\N{EN DASH}"
    if not math.isfinite(value):
        return "never"
    digits = 1 - math.floor(math.log10(value))
    return f"{max(1, round(value, min(0, digits))):,.0f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    out = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return out + ["| " + " | ".join(row) + " |" for row in rows]


def breaches() -> list[str]:
    """Votes to a page by effect and tolerance."""
    rows = [[f"{100 * d:+.0f} points", *(rounded(announced(d, tau)) for tau in TAUS)] for d in EFFECTS]
    return _table(["effect", *(f"tau = {tau:g}" for tau in TAUS)], rows)


def prices(tau: float = 0.02) -> list[str]:
    """What the budget and an announcement cost in votes, at one tolerance."""
    rows = []
    for d in EFFECTS:
        cost = math.log(10.0) / fastest(mix(*chances(d)), tau)
        roll = to_breach(d, tau, Budget().rollback, KEPT * MARKER / CELLS)
        rows.append(
            [
                f"{100 * d:+.0f} points",
                rounded(announced(d, tau)),
                rounded(cost),
                rounded(roll),
                rounded(unannounced(d, tau)),
            ]
        )
    head = [
        "effect",
        "page, x = 0.5",
        "each ten times smaller x adds",
        "rollback tier, x = 0.01",
        "page, change not announced",
    ]
    return _table(head, rows)


def certificates() -> list[str]:
    """Median votes to WITHIN of an equal candidate, from runs of the engine."""
    rng = np.random.default_rng(SEED)
    rows = [
        [f"{200 * p01:g} in 100", *(rounded(medians(rng, 0.0, tau, within=True, p01=p01)) for tau in TAUS)]
        for p01 in (0.0005, 0.005, 0.01, 0.05)
    ]
    return _table(["pairs that differ, either way alike", *(f"tau = {tau:g}" for tau in TAUS)], rows)


def points() -> dict[float, list[tuple[float, float]]]:
    """Median votes of runs, for the dots: tau -> (effect, votes)."""
    rng = np.random.default_rng(SEED + 1)
    return {tau: [(d, medians(rng, d, tau)) for d in DOTTED if d >= NEAREST * tau] for tau in TAUS}


def ratios(dots: dict[float, list[tuple[float, float]]]) -> tuple[float, float]:
    """The least and the most that the runs' medians are of the curve's value."""
    found = [votes / (announced(d, tau) or math.nan) for tau, told in dots.items() for d, votes in told]
    return min(found), max(found)
