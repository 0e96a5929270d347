"""The decisions on a tick: breach, tiers, certificate, instrument check, the spread of small harms, e-BH.

Every test is on a tick in which the cell has a vote; every latch is left only by a certificate. Functions
change the family's latches and say nothing: the engine reads the states afterwards.
"""

import math
from dataclasses import dataclass

import numpy as np

from understudy.drift.bet import Ints
from understudy.drift.cross import parts
from understudy.drift.family import Bools, Detector, Family
from understudy.drift.tally import Name
from understudy.drift.tolerance import Tier, Tolerances
from understudy.drift.verdict import State
from understudy.drift.vote import ALL

SPREAD_SHARE = 0.2
"""Share of the page budget that the global detector spends (x_0 = x / 5)."""
STATES = tuple(State)
"""State codes in arrays are positions in this."""
SEVERITIES = (3, 6)
DISCOVERY_RATE = 0.05
"""q of the e-BH listing."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Values of M and V at which something happens."""

    warn: float
    page: float
    rollback: float
    spread: float
    within: float
    instrument: float

    @classmethod
    def of(cls, tolerances: Tolerances) -> "Thresholds":
        """From the budgets: M >= 1 / x alarms at most x times a month in expectation."""
        x = tolerances.budget
        return cls(
            warn=1.0 / x.warn,
            page=1.0 / (x.page * (1.0 - SPREAD_SHARE)),
            rollback=1.0 / x.rollback,
            spread=1.0 / (x.page * SPREAD_SHARE),
            within=1.0 / tolerances.alpha_within,
            instrument=10.0 / x.page,
        )


def comparison(tolerances: Tolerances) -> Family:
    """The family that compares the candidate with the baseline."""
    at, x = Thresholds.of(tolerances), tolerances.budget
    top = max(at.page, at.rollback) * math.exp(3.0)
    warn = at.warn * math.exp(3.0)
    detectors = [
        Detector("page", budget=x.page, cap=top),
        Detector("warn", multiple=0.5, budget=x.warn, cap=warn),
        Detector("month", budget=x.page, cap=top),
        Detector("certificate", certificate=True, cap=at.within * math.exp(6.0)),
    ]
    detectors += [Detector(f"severe{m}", multiple=m, budget=x.page, cap=top) for m in SEVERITIES]
    how = tolerances.discovery
    return Family(
        detectors, tolerances, reserved=how.share if how.on else 0.0, places=how.places if how.on else 0
    )


def instrument(tolerances: Tolerances) -> Family:
    """The family that compares the control with the baseline, both ways."""
    at, x = Thresholds.of(tolerances), tolerances.budget.page / 10.0
    cap, within = at.instrument * math.exp(3.0), at.within * math.exp(6.0)
    detectors = (
        Detector("plus", budget=x, cap=cap),
        Detector("minus", budget=x, sign=-1, cap=cap),
        Detector("certificate", certificate=True, cap=within),
        Detector("certificate_minus", certificate=True, sign=-1, cap=within),
    )
    return Family(detectors, tolerances)


def missing_share(family: Family) -> tuple[Bools, Bools]:
    """(coverage is under its floor, too much is unscored) per cell, since the certificate's start.

    Unscored pairs must stay under tau / 2 since then and, so that a long clean past hides nothing, under tau
    lately; else a missing share that is all bad could be certified.
    """
    c = family.cells
    scored, missing, shed = c["since_scored"], c["since_missing"], c["since_shed"]
    poor = scored < family._tolerances.coverage * (scored + missing + shed)
    hidden = missing > family.tau / 2 * (scored + missing)
    lately = c["recent_missing"] > family.tau * (c["recent_scored"] + c["recent_missing"])
    return poor, hidden | lately


def compare(family: Family, active: Ints, at: Thresholds, tolerances: Tolerances, *, healthy: Bools) -> None:
    """Test the cells that have a vote in this tick; `healthy`: per lane, whether its instrument is."""
    c, value = family.cells, family.value
    active = active[family.judged[active]]
    page = value[active, family.at["page"]]
    poor, hidden = missing_share(family)

    new = active[(page >= at.page) & ~c["breach"][active]]
    c["breach"][new] = True
    c["tier"][new] = Tier.PAGE
    family.reset(new, "certificate")
    family.recertify(new)

    breached = active[c["breach"][active]]
    for m in SEVERITIES:
        worse = value[breached, family.at[f"severe{m}"]] >= at.page
        c["severity"][breached[worse]] = np.maximum(c["severity"][breached[worse]], m)
    c["severity"][breached] = np.maximum(c["severity"][breached], 1)

    sure = breached[
        (value[breached, family.at["page"]] >= at.rollback) & (c["tier"][breached] < Tier.ROLLBACK)
    ]
    blocked = np.zeros(len(sure), dtype=np.int8)
    blocked[~healthy[family.lane[sure]]] = 3
    # Coverage was just reset for a new breach; until pairs follow, it is what it was before the tick.
    blocked[poor[sure]] = 2
    blocked[c["clusters"][sure] < tolerances.minimum_clusters] = 1
    c["blocked"][sure] = blocked
    c["tier"][sure[blocked == 0]] = Tier.ROLLBACK

    certified = (value[active, family.at["certificate"]] >= at.within) & ~(poor | hidden)[active]
    repaired = active[certified & c["breach"][active]]
    _clear(family, repaired, "page", "warn", *(f"severe{m}" for m in SEVERITIES))
    c["breach"][repaired] = False

    warn = value[active, family.at["warn"]]
    quiet = active[certified & (c["tier"][active] == Tier.WARN) & (warn <= at.warn * math.exp(-6.0))]
    _clear(family, quiet, "warn")
    warned = active[(value[active, family.at["warn"]] >= at.warn) & (c["tier"][active] == Tier.NONE)]
    c["tier"][warned] = Tier.WARN


def _clear(family: Family, cells: Ints, *detectors: str) -> None:
    family.reset(cells, *detectors)
    for name in ("tier", "severity", "blocked"):
        family.cells[name][cells] = 0


def check(family: Family, active: Ints, at: Thresholds) -> None:
    """Test the instrument's cells: a fault is latched, and left when both sides are certified."""
    c, value = family.cells, family.value
    active = active[family.judged[active]]
    worst = np.maximum(value[active, family.at["plus"]], value[active, family.at["minus"]])
    new = active[(worst >= at.instrument) & ~c["breach"][active]]
    c["breach"][new] = True
    family.reset(new, "certificate", "certificate_minus")
    family.recertify(new)
    least = np.minimum(value[active, family.at["certificate"]], value[active, family.at["certificate_minus"]])
    mended = active[(least >= at.within) & c["breach"][active]]
    family.reset(mended, "plus", "minus")
    c["breach"][mended] = False


def faulted(family: Family, control: Family) -> Bools:
    """Cells of the comparison whose own instrument cell, or the metric's in slice `all`, is at fault.

    The control has no intersections: theirs are the cells of both their slices.
    """
    made = np.zeros(len(family), dtype=bool)
    for i in np.flatnonzero(control.cells["breach"]).tolist():
        lane, slice_, metric = control.names[i]
        its = {name[1] for name in family.crossed if slice_ in (parts(name[1]) or ())} | {slice_}
        for j, (other, its_slice, its_metric) in enumerate(family.names):
            if its_metric == metric and (slice_ == ALL or its_slice in its) and _shares_engine(other, lane):
                made[j] = True
    return made


def healthy(family: Family, control: Family) -> Bools:
    """Per lane of the comparison: no instrument cell of its engines is at fault."""
    bad = [control.names[i][0] for i in np.flatnonzero(control.cells["breach"]).tolist()]
    return np.array([not any(_shares_engine(lane, b) for b in bad) for lane in family.lanes], dtype=bool)


def _shares_engine(lane: str, same: str) -> bool:
    engine = same.partition("..")[0]
    return engine in lane.split("..")


def spread(family: Family) -> list[float]:
    """Per lane: sum of M over the judged cells not in breach, for a change that hurt everything a little."""
    j = family.at["page"]
    share = np.where(family.cells["breach"] | ~family.judged, 0.0, family.value[:, j] + family.pending[:, j])
    made: list[float] = np.bincount(family.lane, weights=share, minlength=len(family.lanes)).tolist()
    return made


def states(family: Family, fault: Bools, tick: int, ttl: int, at: Thresholds) -> Ints:
    """State code of every cell after a tick."""
    c = family.cells
    poor, hidden = missing_share(family)
    certified = family.judged & (family.value[:, family.at["certificate"]] >= at.within)
    fresh = c["last"] + ttl >= tick
    made = np.full(len(family), STATES.index(State.NOT_ENOUGH_EVIDENCE))
    made[certified & fresh & ~poor & ~hidden] = STATES.index(State.WITHIN)
    made[c["breach"]] = STATES.index(State.BREACH)
    made[fault] = STATES.index(State.INSTRUMENT_FAULT)
    return made


def discoveries(family: Family) -> list[Name]:
    """e-BH at q = .05 on M from the starts of the present month (Wang & Ramdas 2022), strongest first.

    M divided by the weight of its starts is an e-value at this time; running maxima are not.
    """
    started = family.cells["started"]
    live = np.flatnonzero(family.judged & (started > 0))
    if not len(live):
        return []
    value = family.value[live, family.at["month"]] / started[live]
    order = np.argsort(-value, kind="stable")
    rank = np.arange(1, len(live) + 1)
    passing = np.flatnonzero(value[order] >= len(live) / (DISCOVERY_RATE * rank))
    count = int(passing[-1]) + 1 if len(passing) else 0
    return [family.names[i] for i in live[order[:count]].tolist()]
