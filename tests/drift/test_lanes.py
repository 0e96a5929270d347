"""Lanes: evidence belongs to two engines, side by side with that of others, and never mixes."""

import numpy as np
import pytest
from understudy.drift.engine import Drift
from understudy.drift.tolerance import Tier
from understudy.drift.verdict import State, Verdict, Why
from understudy.pair import Lane

from tests.drift.streams import differences, drive, tolerances, votes


def of(drift: Drift, candidate: str) -> Verdict:
    return next(v for v in drift.verdicts() if v.lane == Lane("a", candidate))


def test_a_fingerprint_seen_again_resumes_its_lane() -> None:
    drift, straight = Drift(tolerances()), Drift(tolerances())
    for engine in (drift, straight):
        engine.declare("a..b", ["s"], ["m"])
        engine.announce("start")
    rng = np.random.default_rng(1)
    first = votes(differences(rng, 150, 0.1), lane="a..b")
    again = votes(differences(rng, 150, 0.1), lane="a..b", first=40)
    drive(drift, first)
    drive(drift, votes(np.zeros(100), lane="a..c", first=20))  # a canary of something else meanwhile
    changes = drive(drift, again)
    drive(straight, first)
    assert [c.tick for c in changes] == [c.tick for c in drive(straight, again)]
    got, expected = of(drift, "b"), of(straight, "b")
    assert (got.votes, got.effect, got.low, got.clusters) == (300, expected.effect, expected.low, 30)
    # Ticks of another lane sow start weights too, so its evidence is a little more, not less.
    assert expected.evidence <= got.evidence < expected.evidence + 0.1


def test_a_new_lane_starts_with_everything_anew_and_resets_no_other() -> None:
    drift = Drift(tolerances())
    drift.declare("a..b", ["s"], ["m"])
    drift.announce("start")
    drive(drift, votes(np.ones(100), lane="a..b"))
    before = of(drift, "b")
    assert before.tier is Tier.ROLLBACK
    drift.declare("a..c", ["s"], ["m"])
    drift.announce("another candidate", lane="a..c")
    drive(drift, votes(np.zeros(100), lane="a..c", first=20))
    assert (of(drift, "c").votes, of(drift, "c").state) == (100, State.NOT_ENOUGH_EVIDENCE)
    assert (of(drift, "b").tier, of(drift, "b").votes) == (Tier.ROLLBACK, 100)
    assert of(drift, "b").evidence == pytest.approx(before.evidence)


def test_harm_spread_over_two_lanes_is_not_added_up() -> None:
    harm = np.ones(20)
    one = Drift(tolerances())
    one.declare("a..b", ["s"], ["m"])
    one.announce("start")
    drive(one, votes(np.concatenate([harm, harm]), lane="a..b"))
    assert of(one, "b").tier is Tier.ROLLBACK
    two = Drift(tolerances())
    for candidate in ("b", "c"):
        two.declare(f"a..{candidate}", ["s"], ["m"])
    two.announce("start")
    drive(two, votes(harm, lane="a..b") + votes(harm, lane="a..c"))
    assert {of(two, "b").clusters, of(two, "c").clusters} == {20}
    assert Tier.ROLLBACK not in {of(two, "b").tier, of(two, "c").tier}


def test_a_lane_beyond_the_limit_closes_the_one_silent_longest_with_all_it_had_latched() -> None:
    drift = Drift(tolerances(maximum_lanes=2))
    for tick, candidate in ((0, "b"), (40, "c")):
        drift.declare(f"a..{candidate}", ["s", "t"], ["m"])
        bad = votes(np.ones(200), lane=f"a..{candidate}", first=tick)
        drive(drift, bad + votes(np.zeros(1), slice_="t", lane=f"a..{candidate}", first=tick))
    drive(drift, votes([0.0], lane="a..b", first=70))  # b spoke last: c goes
    changes = drive(drift, votes([0.0], lane="a..d", first=80))
    assert {(c.verdict.lane.candidate, c.was, c.verdict.state, c.verdict.reason) for c in changes} == {
        ("c", State.BREACH, State.NOT_ENOUGH_EVIDENCE, Why.LANE_CLOSED)
    }
    assert all(c.was_tier >= Tier.PAGE and c.verdict.tier is Tier.NONE for c in changes)
    assert sorted(drift.lanes) == ["a..b", "a..d"]
    # Seen again it is a new lane: nothing of what it had is left.
    drift.declare("a..c", ["s"], ["m"])
    drive(drift, votes([0.0], lane="a..c", first=81, prefix="new"))
    assert (of(drift, "c").votes, of(drift, "c").state) == (1, State.NOT_ENOUGH_EVIDENCE)


def test_lanes_share_the_weight_of_a_tick() -> None:
    def weight(lanes: int) -> float:
        """The start weight that one silent cell was given in 50 ticks."""
        drift = Drift(tolerances(maximum_lanes=10))
        for n in range(lanes):
            drift.declare(f"a..{n}", [f"s{i}" for i in range(20)], ["m"])
        drive(drift, votes(np.zeros(51), per_tick=1, lane="a..0", slice_="s0"))
        silent = next(v for v in drift.verdicts() if v.lane.candidate == "0" and v.slice == "s1")
        return float(np.exp(silent.evidence))

    assert weight(5) == pytest.approx(weight(1) / 5)
