"""Slices nobody named: what is bad only where two slices meet is found there, and the search buys no false alarms."""

from dataclasses import replace

import numpy as np
import pytest
from understudy.drift import scout
from understudy.drift.cross import CATEGORIES, joined, meetings, parts
from understudy.drift.engine import Drift
from understudy.drift.spelling import slices
from understudy.drift.tally import Tally
from understudy.drift.tolerance import Tier, Tolerances
from understudy.drift.verdict import Change, State, Why
from understudy.drift.vote import EVERY, Resolution, Vote

from tests.drift import streams
from tests.drift.crossing import HARMED, Traffic, engine, everywhere, found, german, given, here, tolerances
from tests.drift.streams import LANE, cell, drive

# -- intersections ---------------------------------------------------------------------------------------------


def test_an_intersection_is_spelt_in_one_way() -> None:
    assert joined("task=math", "language=de") == joined("language=de", "task=math") == HARMED
    assert parts(HARMED) == ("language=de", "task=math")
    for other in (
        "all",
        "task=math",
        "task=math&language=de",
        "task=a&task=b",
        "a=1&b=2&c=3",
        "all&task=math",
    ):
        assert parts(other) is None


def test_rows_of_a_pair_meet_once_in_every_two_slices_of_different_categorizers() -> None:
    group = np.array([7, 7, 7, 9, 7, 9], dtype=np.uint64)
    left, right = meetings(group, np.array([1, 2, 3, 1, 0, 1]), np.arange(6))
    met = {frozenset(both) for both in zip(left.tolist(), right.tolist(), strict=True)}
    assert met == {frozenset({0, 1}), frozenset({0, 2}), frozenset({1, 2})}


def test_a_pair_in_a_thousand_slices_does_not_cost_their_square_and_any_order_gives_the_same() -> None:
    group, kind = np.zeros(1000, dtype=np.uint64), np.arange(1, 1001)
    met = []
    for order in (np.arange(1000), np.random.default_rng(1).permutation(1000)):
        left, right = meetings(group, kind[order], order)
        assert len(left) < 1000 * CATEGORIES
        met.append(
            {frozenset(both) for both in zip(order[left].tolist(), order[right].tolist(), strict=True)}
        )
    assert met[0] == met[1]


def test_an_intersection_may_be_as_bad_as_the_laxer_of_its_slices_unless_it_has_a_rule_of_its_own() -> None:
    lax = {"task=math": {"tau": {"m": 0.1}}}
    assert tolerances(slices=lax).tau(HARMED, "m") == 0.1
    assert tolerances(slices={**lax, HARMED: {"tau": {"m": 0.03}}}).tau(HARMED, "m") == 0.03
    assert tolerances(slices={"task=math": {"tau": {"m": 0.001}}}).tau(HARMED, "m") == 0.02


def test_a_misspelt_intersection_is_told_with_the_mend() -> None:
    known = {"language", "task"}
    assert slices("x", [HARMED], known) == []
    assert slices("x", ["task=math&language=de"], known) == [
        f"x: 'task=math&language=de' is not sorted; did you mean {HARMED}?"
    ]
    assert "did you mean task?" in slices("x", ["language=de&tusk=math"], known)[0]
    for wrong in ("task=a&task=b", "language=de&task=a&task=b"):
        assert "two slices of different categorizers" in slices("x", [wrong], known)[0]


# -- what is found ---------------------------------------------------------------------------------------------


def votes_to_breach(seed: int, size: float, *, announced: bool) -> tuple[int, int]:
    """Pairs of German mathematics until its BREACH, in all and since it was proposed."""
    traffic = Traffic(seed)
    drift = engine(traffic, announced=announced)
    for changes in given(drift, traffic, range(400), here(size)):
        for change in changes:
            verdict = change.verdict
            if size <= 0.3:
                assert verdict.slice == HARMED or verdict.tier < Tier.PAGE, "it is thin in its slices"
            if verdict.slice == HARMED and verdict.state is State.BREACH:
                assert verdict.discovered and not cell(drift, "language=de").discovered
                return traffic.harmed, verdict.votes
    raise AssertionError("it was never found")


@pytest.mark.parametrize(
    ("size", "announced", "most"), [(0.3, True, 130), (0.3, False, 190), (0.9, True, 50)]
)
def test_a_harm_to_one_intersection_alone_is_found_there_within_so_many_of_its_pairs(
    size: float, announced: bool, most: int
) -> None:
    told = [votes_to_breach(seed, size, announced=announced) for seed in range(8)]
    assert np.median([pairs for pairs, _ in told]) <= most
    assert all(votes <= pairs - Tolerances.default().discovery.minimum for pairs, votes in told)


def test_without_discovery_nobody_would_know() -> None:
    traffic = Traffic(0)
    drift = engine(traffic, tolerances(discovery={"on": False}))
    changes = [c for changes in given(drift, traffic, range(200), here(0.3)) for c in changes]
    assert traffic.harmed > 250 and not any(c.verdict.tier >= Tier.PAGE for c in changes)
    assert {cell(drift, name).state for name in ("language=de", "task=math")} == {State.WITHIN}


def test_it_is_found_after_a_long_clean_past_as_well() -> None:
    traffic = Traffic(1, per_tick=1000)
    drift = engine(traffic)
    for _ in given(drift, traffic, range(100), here(0.0)):
        assert not found(drift)
    before, traffic.per_tick = traffic.harmed, 100
    for changes in given(drift, traffic, range(100, 400), here(0.3)):
        if any(c.verdict.state is State.BREACH for c in changes):
            break
    assert before > 1000 and traffic.harmed - before < 250
    assert found(drift)[HARMED, "m"].state is State.BREACH


def test_what_a_whole_slice_suffers_is_told_of_that_slice_and_of_none_of_its_intersections() -> None:
    traffic = Traffic(2)
    drift = engine(traffic)
    proposed: set[tuple[str, str]] = set()
    for _ in given(drift, traffic, range(60), german(0.3)):
        proposed |= found(drift).keys()
    assert cell(drift, "language=de").state is State.BREACH
    assert not {slice_ for slice_, _ in proposed if "language=de" in slice_}


def test_a_regression_hidden_among_thousands_of_intersections_at_their_tolerance_is_found() -> None:
    traffic = Traffic(3, languages=30, tasks=30, per_tick=200, metrics=("m", "n"))
    drift = engine(traffic)
    harm = here(0.3)
    for changes in given(drift, traffic, range(100), lambda a, b: np.maximum(0.02, harm(a, b))):
        told = {c.verdict.slice for c in changes if c.verdict.discovered and c.verdict.tier >= Tier.PAGE}
        assert told <= {HARMED}
        if told:
            break
    assert told and traffic.harmed < 200


# -- what the search does not buy ------------------------------------------------------------------------------


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scout that proposes at the least occasion: no wisdom of its own keeps false alarms away."""
    monkeypatch.setattr(scout, "LEAST", 0.3)
    monkeypatch.setattr(scout, "BARELY", 0.05)


@pytest.mark.usefixtures("eager")
def test_the_votes_that_made_an_intersection_suspect_do_not_judge_it() -> None:
    """All at the tolerance: what is proposed looks worse, by selection; the votes that judge it are as all are."""
    proposals, votes, bad = 0, 0, 0.0
    for seed in range(3):
        traffic = Traffic(seed, per_tick=300)
        drift = engine(traffic, tolerances(discovery={"on": True, "minimum": 8}))
        last: dict[tuple[str, str], tuple[int, float]] = {}
        since: dict[tuple[str, str], int] = {}
        for _ in given(drift, traffic, range(80), everywhere(0.02)):
            now = {name[1:]: stand.since for name, stand in drift._search.stands.items()}
            for name, at in now.items():
                if since.get(name) != at:
                    proposals += 1
                    assert found(drift)[name].votes == 0, "it begins with nothing"
            for gone in [name for name in since if now.get(name) != since[name]]:
                votes, bad = votes + last[gone][0], bad + last[gone][0] * last[gone][1]
            since = now
            last = {name: (verdict.votes, verdict.effect) for name, verdict in found(drift).items()}
        votes += sum(count for count, _ in last.values())  # or to stop on a good mean would flatter it
        bad += sum(count * effect for count, effect in last.values())
    assert proposals > 100 and votes > 2000
    assert bad / votes < 0.02 + 3 * np.sqrt(0.03 / votes)


@pytest.mark.usefixtures("eager")
def test_the_search_spends_its_share_of_the_budget_and_no_more() -> None:
    """Whole budgets spent at once, every cell at its tolerance: found ones alarm at most share * x times each."""
    runs, alarms, proposed = 12, 0, set()
    for seed in range(runs):
        traffic = Traffic(100 + seed, per_tick=300)
        drift = Drift(tolerances(discovery={"on": True, "minimum": 8}), run=True, tick_s=10.0)
        drift.declare(LANE, traffic.slices, ["m"])
        for number in range(80):
            drift.add_columns(*traffic.tick(number, everywhere(0.02), 0.002))
            for change in drift.close(number):
                verdict = change.verdict
                alarms += verdict.discovered and verdict.tier >= Tier.PAGE > change.was_tier
            proposed |= {(seed, *name, stand.since) for name, stand in drift._search.stands.items()}
    assert len(proposed) > 20 * runs, "it did search"
    assert alarms <= 3  # in expectation at most 12 * 0.1 * 0.5 = 0.6


def test_the_weights_of_a_month_sum_to_at_most_one_whoever_stands_on_the_places() -> None:
    """Places filled and emptied in every tick: what named and discovered cells are given is one month's weight."""
    drift = Drift(tolerances(discovery={"on": True, "share": 0.4, "places": 2}))
    drift.declare(LANE, ["all", "language=de", "task=math"], ["m"])
    family = drift._cells
    given_ = 0.0
    for n in range(6):
        family.mark(1 / 8)
        for turn in range(4):
            family.sow(0.001)
            given_ += float(family.pending[:, 0].sum())
            family.pending[:] = 0.0
            names = {(LANE, f"language=de&task={n}-{turn}-{place}", "m"): place for place in range(2)}
            family.retain(np.array([name not in family.found for name in family.names]))
            family.find(names)
            given_ += float(family.pending[:, 0].sum())
            family.pending[:] = 0.0
    assert 0.9 * 6 / 8 * 0.4 < given_ <= 6 / 8 + 24 * 0.001


def test_an_intersection_stands_on_one_place_and_comes_back_only_with_new_evidence() -> None:
    traffic = Traffic(5, per_tick=300)
    drift = engine(traffic)
    since: dict[object, int] = {}
    left: dict[object, int] = {}
    again = 0
    for number, _ in enumerate(given(drift, traffic, range(200), everywhere(0.03))):
        stands = drift._search.stands
        assert len({stand.place for stand in stands.values()}) == len(stands) == len(found(drift)) <= 16
        assert stands.keys() <= set(drift._cells.names)
        left |= {name: number for name in since if name not in stands}
        for name, stand in stands.items():
            assert name not in since or stand.since == since[name], "what stands there is not proposed again"
            if name not in since and name in left:
                again += 1
                assert number > left[name], "not in the tick it left"
        since = {name: stand.since for name, stand in stands.items()}
    assert left and again < len(left)


def test_a_conversation_that_made_an_intersection_suspect_is_not_heard_there_for_a_day() -> None:
    drift = engine(Traffic(0), tolerances(discovery={"on": True, "minimum": 5}))

    def talk(first: int, d: float, prefix: str) -> list[Vote]:
        rows = []
        for n in range(40):
            who = f"{prefix}{n}"
            harmed = n < 8
            slices = (
                "all",
                "language=de" if harmed or n % 2 else "language=l1",
                "task=math" if harmed or not n % 2 else "task=t1",
            )
            rows += [
                Vote(
                    10.0 * first + n / 10,
                    slice_,
                    "m",
                    who,
                    d if harmed else 0.0,
                    LANE,
                    pair_id=f"{first}-{who}",
                )
                for slice_ in slices
            ]
        return rows

    drive(drift, talk(1, 1.0, "talk"))
    assert (HARMED, "m") in found(drift)
    drive(drift, talk(2, 1.0, "talk"))  # their second turns
    assert found(drift)[HARMED, "m"].votes == 0 and found(drift)[HARMED, "m"].coverage == 1.0
    drive(drift, talk(3, 1.0, "others"))
    assert found(drift)[HARMED, "m"].votes == 8 == found(drift)[HARMED, "m"].clusters


# -- places ----------------------------------------------------------------------------------------------------


def breached(ttl_s: float = 86_400.0) -> tuple[Drift, Traffic, int]:
    """An engine in which German mathematics is in BREACH, and the next tick."""
    traffic = Traffic(0)
    drift = engine(traffic, tolerances(ttl_s=ttl_s))
    for number, changes in enumerate(given(drift, traffic, range(300), here(0.5))):
        if any(c.verdict.slice == HARMED and c.verdict.tier is Tier.ROLLBACK for c in changes):
            return drift, traffic, number + 1
    raise AssertionError


def test_a_discovered_breach_pages_rolls_back_and_stays_until_it_is_certified() -> None:
    drift, traffic, after = breached(ttl_s=200.0)
    assert (LANE, HARMED, "m") in drift.affected()
    traffic.per_tick, traffic.both = 200, 0.1
    clean = given(drift, traffic, range(after, after + 200), here(0.0), 0.001)
    told = [c for changes in clean for c in changes]
    mine = [c for c in told if c.verdict.slice == HARMED]
    assert mine[0].was is State.BREACH and mine[0].verdict.state is State.WITHIN
    assert mine[-1].verdict.reason is Why.RETIRED and mine[-1].was is State.WITHIN
    # An alert resolves by a certificate that is there to be seen: the place is kept for its time to live.
    assert mine[-1].tick - mine[0].tick >= 20
    assert (HARMED, "m") not in found(drift)


def test_a_proposal_that_falls_silent_gives_its_place_up() -> None:
    traffic = Traffic(0)
    drift = engine(traffic, tolerances(ttl_s=100.0))
    number = next(n for n, _ in enumerate(given(drift, traffic, range(200), here(0.3))) if found(drift))
    traffic.both = 0.0
    for _ in given(drift, traffic, range(number + 1, number + 12), here(0.0)):
        pass
    assert (HARMED, "m") not in found(drift)


def test_a_stronger_proposal_takes_the_place_of_a_weaker_one_and_none_takes_that_of_an_alarm() -> None:
    traffic = Traffic(1)
    drift = engine(traffic, tolerances(discovery={"on": True, "places": 1, "minimum": 5}))
    wild = here(0.9)
    told = set()
    for changes in given(drift, traffic, range(80), lambda a, b: np.maximum(0.05, wild(a, b)), 0.001):
        told |= {c.verdict.slice for c in changes if c.verdict.discovered and c.verdict.tier >= Tier.PAGE}
        assert len(found(drift)) <= 1
        if told:
            assert found(drift).keys() == {(HARMED, "m")}
    assert told == {HARMED}


def test_a_closed_lane_takes_its_discovered_cells_along() -> None:
    drift, _, _ = breached()
    changes = drift.close_lane(LANE)
    assert (State.BREACH, HARMED, Why.LANE_CLOSED) in [
        (c.was, c.verdict.slice, c.verdict.reason) for c in changes
    ]
    assert not found(drift) and not drift._search.stands and not len(drift._search._scout)


def test_pairs_that_were_shed_count_against_the_coverage_of_a_discovered_cell() -> None:
    drift, _, after = breached()
    before = found(drift)[HARMED, "m"]
    rows = [
        Vote(
            10.0 * after + n / 10,
            slice_,
            EVERY,
            f"lost {n}",
            0.0,
            LANE,
            outcome=Resolution.SHED,
            pair_id=f"lost {n}",
        )
        for n in range(20)
        for slice_ in ("all", "language=de", "task=math")
    ]
    drive(drift, rows)
    verdict = found(drift)[HARMED, "m"]
    assert verdict.votes == before.votes and verdict.coverage < before.coverage


def test_an_intersection_that_is_named_is_a_cell_like_any_other_from_its_first_pair_on() -> None:
    traffic = Traffic(0)
    drift = engine(traffic, tolerances(slices={HARMED: {"weight": 5}}))
    drift.declare(LANE, [HARMED], ["m"])
    for _ in given(drift, traffic, range(50), here(0.3)):
        pass
    verdict = cell(drift, HARMED)
    assert not verdict.discovered and verdict.votes == traffic.harmed
    assert verdict.state is State.BREACH


def test_a_file_that_names_an_intersection_itself_is_taken_at_its_word() -> None:
    plain = [
        Vote(float(n), slice_, "m", f"c{n}", 1.0, LANE, pair_id=f"p{n}")
        for n in range(40)
        for slice_ in ("language=de", "task=math", HARMED)
    ]
    drift = engine(Traffic(0))
    drift.declare(LANE, [HARMED], ["m"])
    drive(drift, plain)
    assert cell(drift, HARMED).votes == 40 and drift.counters["duplicate"] == 40


# -- state -----------------------------------------------------------------------------------------------------


def engines(count: int, traffic: Traffic) -> list[Drift]:
    made = []
    for owner in range(count):
        drift = Drift(tolerances(), owned=[p for p in range(8) if p % count == owner])
        drift.declare(LANE, traffic.slices, traffic.metrics)
        drift.announce("start")
        made.append(drift)
    return made


def test_any_number_of_owners_discovers_the_same_and_gives_the_same_bytes() -> None:
    told: list[tuple[list[Change], list[object], list[object]]] = []
    for count in (1, 2, 8):
        traffic = Traffic(4)
        owners = engines(count, traffic)
        changes: list[Change] = []
        merged: list[object] = []
        for number in range(110):
            columns = traffic.tick(number, here(0.4))
            tallies: list[Tally] = []
            for owner in owners:
                owner.add_columns(*columns)
                tallies.append(owner.tally(number))
            whole = tallies[-1]
            for tally in [*tallies, *tallies[::2]]:
                whole = whole.merge(tally)
            merged.append((whole.names, whole.rows.tolist(), whole.scouted.tolist()))
            same = [owner.fold(whole) for owner in owners]
            assert all(one == same[0] for one in same)
            changes += same[0]
        state = [
            (
                owner.verdicts(),
                owner._search.head(),
                {k: v.tobytes() for k, v in owner._search.dump().items()},
            )
            for owner in owners
        ]
        assert all(one == state[0] for one in state)
        told.append((changes, merged, [state[0]]))
    assert told[0] == told[1] == told[2]
    assert any(c.verdict.discovered and c.verdict.state is State.BREACH for c in told[0][0])


def test_a_restored_engine_searches_on_byte_for_byte() -> None:
    straight, early = engine(Traffic(6)), engine(Traffic(6))
    expected = list(given(straight, Traffic(6), range(120), here(0.4)))
    traffic = Traffic(6)
    before = list(given(early, traffic, range(40), here(0.4)))
    late = Drift(tolerances())
    assert late.restore(early.snapshot()) == [] and late.snapshot() == early.snapshot()
    assert before + list(given(late, traffic, range(40, 120), here(0.4))) == expected
    assert found(late) and late.verdicts() == straight.verdicts() and late.snapshot() == straight.snapshot()


def test_a_cell_explosion_leaves_the_search_within_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scout, "HELD", 40)
    traffic = Traffic(7, languages=60, tasks=60, per_tick=400)
    drift = Drift(tolerances(maximum_cells=60, discovery={"on": True, "minimum": 3}))
    for number, _ in enumerate(given(drift, traffic, range(20), everywhere(0.2))):
        assert len(drift._search._scout) <= 40
        assert len([v for v in drift.verdicts() if v.slice != "other"]) <= 60, number
    assert drift.counters["overflow"] > 0


def test_with_discovery_off_nothing_is_as_it_would_be_with_it() -> None:
    plain = streams.tolerances(discovery={"on": False})
    assert plain.hash() == replace(plain, discovery=replace(plain.discovery, share=0.3, places=4)).hash()
    assert plain.hash() != tolerances().hash()
    drift = engine(Traffic(8), plain)
    for _ in given(drift, Traffic(8), range(30), here(0.5)):
        pass
    assert b"scout" not in drift.snapshot() and not found(drift)
