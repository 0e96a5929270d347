"""What an operator relies on: how fast, how often falsely, and the honest third answer."""

from dataclasses import replace

import numpy as np
import pytest
from understudy.drift.engine import Drift
from understudy.drift.tolerance import Tier, Tolerances
from understudy.drift.verdict import State, Why
from understudy.drift.vote import EVERY, FAILURE, Resolution, Vote

from tests.drift.streams import LANE, cell, differences, drive, first, started, tolerances, votes

SAME = "base..base"


def delays(state: State, delta: float, runs: int, n: int, tau: float = 0.02, p01: float = 0.01) -> list[int]:
    """Votes to a state, one run per cell of one engine; every cell's start weight is that of 60 cells."""
    rng = np.random.default_rng(17)
    names = [f"s{i}" for i in range(runs)]
    chosen = tolerances(tau, expected_cells=60, maximum_cells=1000)
    found = []
    for group in (names[i : i + 60] for i in range(0, runs, 60)):
        drift = started(chosen, group)
        got: dict[str, int] = {}
        streams = {name: differences(rng, n, delta, p01) for name in group}
        for tick in range(n // 5):
            for name, d in streams.items():
                if name not in got:
                    drift.add(
                        votes(d[5 * tick : 5 * tick + 5], slice_=name, per_tick=5, first=tick, prefix=name)
                    )
            for change in drift.close(tick):
                if change.verdict.state is state:
                    got.setdefault(change.verdict.slice, change.verdict.votes)
        found += [got.get(name, n) for name in group]
    return found


@pytest.mark.parametrize(("delta", "median", "p90"), [(0.08, 392, 641), (0.15, 141, 231), (0.30, 59, 88)])
def test_a_regression_of_60_cells_is_found_as_fast_as_specified(delta: float, median: int, p90: int) -> None:
    got = delays(State.BREACH, delta, 120, 2 * p90)
    assert np.median(got) == pytest.approx(median, rel=0.15)
    assert np.percentile(got, 90) == pytest.approx(p90, rel=0.25)


@pytest.mark.parametrize(("p01", "median", "p90"), [(0.01, 494, 960), (0.001, 278, 406)])
def test_an_equal_candidate_is_certified_as_fast_as_specified(p01: float, median: int, p90: int) -> None:
    got = delays(State.WITHIN, 0.0, 120, 2 * p90, p01=p01)
    assert np.median(got) == pytest.approx(median, rel=0.2)
    assert np.percentile(got, 90) == pytest.approx(p90, rel=0.3)


def test_false_alarms_at_the_boundary_stay_within_the_budget() -> None:
    """20 whole budgets spent at once, 60 cells exactly at tau, a look after every 20 votes: at most x each."""
    rng = np.random.default_rng(3)
    slices = [f"s{i}" for i in range(60)]
    names = [(LANE, s, "m") for s in slices for _ in range(20)]
    codes = np.zeros(len(names), dtype=np.int64)
    alarms = 0
    for _ in range(20):
        drift = Drift(tolerances(), run=True, tick_s=10)
        drift.declare(LANE, slices, ["m"])
        for tick in range(60):
            ids = rng.integers(0, 2**63, len(names)).astype(np.uint64)
            d = differences(rng, len(names), 0.02, 0.002)
            drift.add_columns(np.full(len(names), 10.0 * tick), names, ids, ids, d, codes)
            alarms += sum(c.verdict.tier >= Tier.PAGE and c.was_tier < Tier.PAGE for c in drift.close(tick))
    assert alarms <= 20 * 0.5


def test_page_and_rollback_are_changes_of_their_own_and_a_repair_clears() -> None:
    rng = np.random.default_rng(2)
    drift = started(tolerances())
    changes = drive(drift, votes(differences(rng, 400, 0.3)))
    tiers = [c.verdict.tier for c in changes]
    assert tiers == sorted(tiers) and tiers[-2:] == [Tier.PAGE, Tier.ROLLBACK]
    page, rollback = changes[-2:]
    assert page.verdict.votes < rollback.verdict.votes
    assert page.verdict.state is rollback.verdict.state is State.BREACH
    assert page.verdict.low > 0.02 and page.verdict.evidence >= page.verdict.threshold
    assert cell(drift).severity == 6
    assert drift.affected() == [(LANE, "s", "m")]
    repaired = drive(drift, votes(differences(rng, 4000, 0.0), first=100, prefix="later"))
    assert repaired[0].verdict.state is repaired[-1].verdict.state is State.WITHIN
    assert all(c.verdict.tier is Tier.NONE and c.verdict.severity == 0 for c in repaired)


def test_a_catastrophe_reaches_the_rollback_tier_within_60_votes() -> None:
    drift = started(tolerances(), [f"s{i}" for i in range(60)])
    changes = drive(drift, votes([1.0] * 80, slice_="s7", per_tick=1))
    assert next(c for c in changes if c.verdict.tier is Tier.ROLLBACK).verdict.votes <= 60


def test_opposite_shifts_are_both_found() -> None:
    rng = np.random.default_rng(4)
    gained = differences(rng, 400, 0.15)
    drift = started(tolerances(), metrics=("m", "n"))
    drive(drift, votes(gained) + votes(-gained, slice_="t") + votes(-gained, metric="n"))
    drift.declare(LANE, ["t"], ["n"])
    drive(drift, votes(gained, slice_="t", metric="n", first=100, prefix="x"))
    assert cell(drift, "s", "m").state is State.BREACH
    assert cell(drift, "t", "n").state is State.BREACH
    assert cell(drift, "s", "n").state is State.WITHIN


def test_a_missing_five_percent_is_never_within() -> None:
    rng = np.random.default_rng(6)
    rows = votes(np.zeros(3000))
    missing = [replace(v, outcome=Resolution.UNSCORED) if rng.random() < 0.05 else v for v in rows]
    drift = started(tolerances())
    changes = drive(drift, missing)
    assert first(changes, State.WITHIN) is None
    assert cell(drift).reason in (Why.UNSCORED_HIGH, Why.COVERAGE_LOW)
    # Nor after a long clean past, in which five percent of late would drown.
    clean = drive(started(tolerances()), rows)
    assert first(clean, State.WITHIN) is not None
    drift = started(tolerances())
    drive(drift, rows)
    drive(
        drift, [replace(v, ts=v.ts + 3000, cluster="x" + v.cluster, pair_id="x" + v.pair_id) for v in missing]
    )
    assert cell(drift).state is State.NOT_ENOUGH_EVIDENCE


def test_lost_pairs_stall_the_evidence_of_every_cell_of_their_slice() -> None:
    drift = started(tolerances())
    rows = votes([0.0] * 80)
    lost = [replace(v, metric=EVERY, outcome=Resolution.LOST) for v in rows[::4]]
    drive(drift, [v for i, v in enumerate(rows) if i % 4] + lost)
    assert cell(drift).coverage == 0.75
    assert [(s.slice, s.metric, s.ticks) for s in drift.stalled()] == [("s", "m", 8)]


def test_a_certificate_expires_when_votes_stop_and_returns_with_the_next() -> None:
    drift = started(tolerances(ttl_s=100.0))
    changes = drive(drift, votes(np.zeros(300)))
    assert changes[-1].verdict.state is State.WITHIN
    [expired] = drift.close(500)
    assert (expired.verdict.reason, expired.tick) == (Why.EXPIRED, 29 + 10 + 1)
    [back] = drive(drift, votes([0.0], first=501))
    assert back.verdict.state is State.WITHIN


def test_a_candidate_that_fails_on_one_slice_breaches_failure_there() -> None:
    drift = started(Tolerances.default(), ["task=math", "task=chat"], [FAILURE])
    bad = [
        replace(v, outcome=Resolution.TIMED_OUT)
        for v in votes([1.0] * 60, slice_="task=math", metric=FAILURE)
    ]
    drive(drift, bad + votes([0.0] * 60, slice_="task=chat", metric=FAILURE))
    assert cell(drift, "task=math", FAILURE).tier is Tier.ROLLBACK
    assert cell(drift, "task=chat", FAILURE).state is State.NOT_ENOUGH_EVIDENCE
    assert cell(drift, "task=chat", FAILURE).more_pairs is not None


def test_a_control_that_differs_is_an_instrument_fault_and_no_rollback() -> None:
    rng = np.random.default_rng(8)
    drift = started(tolerances())
    drift.declare(SAME, ["s"], ["m"])
    d = differences(rng, 400, 0.3)
    drive(drift, votes(d) + votes(-d, lane=SAME, prefix="aa"))
    assert cell(drift).state is State.INSTRUMENT_FAULT
    assert cell(drift).reason is Why.CONTROL_BREACHED
    assert cell(drift).tier is not Tier.ROLLBACK
    assert drift.instrument_faults() == [(SAME, "s", "m")]


def test_few_clusters_block_a_rollback_by_name() -> None:
    drift = started(tolerances(minimum_clusters=1000))
    drive(drift, votes([1.0] * 100))
    assert (cell(drift).tier, cell(drift).reason) == (Tier.PAGE, Why.BLOCKED_CLUSTERS)


def test_a_slice_met_in_a_large_tick_counts_its_clusters_from_the_next_and_can_be_rolled_back() -> None:
    # The first tick is not counted, however many clusters it brings: they must not use up the minimum.
    drift = started(tolerances(minimum_clusters=30), slices=("all",))
    rng = np.random.default_rng(8)
    drive(drift, votes(differences(rng, 50, 0.9), per_tick=50))
    drive(drift, votes(differences(rng, 10, 0.9), first=1, prefix="next"))
    assert (cell(drift).votes, cell(drift).clusters) == (10, 10)
    changes = drive(drift, votes(differences(rng, 200, 0.9), per_tick=50, first=2, prefix="last"))
    assert cell(drift).clusters == 30
    assert any(change.verdict.tier is Tier.ROLLBACK for change in changes)


def test_small_harms_everywhere_add_up() -> None:
    rng = np.random.default_rng(9)
    slices = [f"s{i}" for i in range(60)]
    drift = started(tolerances(), slices)
    rows = [v for s in slices for v in votes(differences(rng, 700, 0.05), slice_=s, prefix=s)]
    changes = drive(drift, rows)
    spread = [c for c in changes if c.verdict.reason is Why.SPREAD]
    alone = {c.verdict.slice for c in changes if c.verdict.tier >= Tier.PAGE and c.tick <= spread[0].tick}
    assert spread[0].tick < 70
    assert len(alone - {EVERY}) < 30  # of 60: most are only found together


def test_a_change_after_a_long_clean_past_is_found_and_nothing_overflows() -> None:
    """10^8 clean pairs, as counts, then +5 points."""
    drift = started(tolerances())
    family = drift._cells
    one = np.array([0]), np.array([32])
    for tick in range(1000):
        family.sow(10 / (30 * 86_400) / 2)
        active = family.count(*one, np.array([100_000]), tick)
        family.cap(active)
    drift._first, drift._tick = 0, 1000
    assert np.isfinite(family.wealth).all() and (family.wealth > 0).all()
    rng = np.random.default_rng(10)
    changes = drive(drift, votes(differences(rng, 3000, 0.05), first=1001))
    found = first(changes, State.BREACH)
    assert found is not None and found.verdict.votes - 10**8 < 3000
    assert found.verdict.recent == pytest.approx(0.05, abs=0.03)


def test_capping_the_wealth_does_not_change_the_alarms(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(11)
    pieces = [differences(rng, 600, delta) for delta in (0.0, 0.2, 0.0, 0.2)]
    rows = votes(np.concatenate(pieces), per_tick=20)

    def breaches() -> list[tuple[int, bool]]:
        changes = drive(started(tolerances()), rows)
        return [(c.tick, c.verdict.tier is Tier.PAGE) for c in changes if c.verdict.state is State.BREACH]

    capped = breaches()
    drop = lambda self, active: _cap_certificate_only(self, active)  # noqa: E731
    monkeypatch.setattr("understudy.drift.family.Family.cap", drop)
    assert breaches() == capped and capped


def _cap_certificate_only(family: object, active: np.ndarray) -> None:
    """The certificate's cap is what lets a certified cell lose its certificate: it is kept."""
    for j, detector in enumerate(family.detectors):  # type: ignore[attr-defined]
        if detector.certificate:
            value = family.value[active, j]  # type: ignore[attr-defined]
            rows = active[value > detector.cap]
            family.wealth[rows, j] *= (detector.cap / value[value > detector.cap])[:, None]  # type: ignore[attr-defined]
            family.value[rows, j] = detector.cap  # type: ignore[attr-defined]


def test_a_shown_only_metric_is_counted_and_never_judged() -> None:
    drift = started(Tolerances.default(), ["s"], ["agreement_exact"])
    drive(drift, votes([1.0] * 200, metric="agreement_exact"))
    verdict = cell(drift, "s", "agreement_exact")
    assert (verdict.state, verdict.reason) == (State.NOT_ENOUGH_EVIDENCE, Why.SHOWN_ONLY)
    assert (verdict.votes, verdict.effect, verdict.mde) == (200, 1.0, None)


def test_an_offline_run_has_one_announced_start_and_no_calendar() -> None:
    drift = Drift(tolerances(), run=True, tick_s=50)
    drift.declare("", ["s"], ["m"])
    rng = np.random.default_rng(12)
    rows = [
        Vote(float(i), "s", "m", str(i), float(d), pair_id=str(i))
        for i, d in enumerate(differences(rng, 500, 0.15))
    ]
    drift.add(rows)
    breach = first(drift.close(9), State.BREACH)
    assert breach is not None and breach.verdict.votes % 50 == 0


def test_more_lanes_than_allowed_close_the_one_silent_longest() -> None:
    drift = Drift(tolerances(maximum_lanes=2))
    drift.declare("a..b", ["s"], ["m"])
    changes = drive(drift, votes([1.0] * 300, lane="a..b"))
    assert first(changes, State.BREACH) is not None
    drive(drift, votes([0.0], lane="a..c", first=100))
    changes = drive(drift, votes([0.0], lane="a..d", first=101))
    assert [(c.was, c.verdict.reason) for c in changes] == [(State.BREACH, Why.LANE_CLOSED)]
    assert {v.lane.candidate for v in drift.verdicts()} == {"c", "d"}
