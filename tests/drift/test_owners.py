"""Partitions over 1, 2 and 8 owners, with everything that deliveries and deaths do: the same counts, the same lines."""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.drift.engine import Drift
from understudy.drift.tally import Tally
from understudy.drift.tolerance import Tolerances
from understudy.drift.verdict import Change
from understudy.drift.vote import ALL, EVERY, Resolution, Vote

from tests.drift.streams import LANE, differences, tolerances, votes

PARTITIONS = 8
TICKS = 12
OWNERS = {
    1: [set(range(8))],
    2: [{0, 3, 4, 7}, {1, 2, 5, 6}],
    8: [{partition} for partition in range(8)],
}


def rules() -> Tolerances:
    """Low minima, so that the little traffic of a property reaches them."""
    return tolerances(0.05, minimum_clusters=3, maximum_cells=6, maximum_lanes=2, stalled_ticks=2)


def engine(owned: set[int]) -> Drift:
    drift = Drift(rules(), partitions=PARTITIONS, owned=owned)
    drift.declare(LANE, [ALL, "s"], ["m"])
    drift.announce("start")
    return drift


def told(rng: random.Random, boring: bool) -> list[Vote]:
    """Traffic of 12 ticks: repeated clusters, several cells, lanes and outcomes, a marker, missing pairs."""
    rows = []
    for n in range(rng.randint(20, 400)):
        harmed = rng.random() < 0.5
        slices = rng.choice(
            [[ALL], [ALL, "s"], [ALL, "s"], [ALL, f"new{rng.randint(0, 2 if boring else 9)}"]]
        )
        outcome = rng.choice(
            [Resolution.SCORED] * 12 + [Resolution.UNSCORED, Resolution.SHED, Resolution.LOST]
        )
        for slice_ in slices:
            d = rng.choice([0.0, 1.0, 0.4]) if harmed and slice_ == "s" else rng.choice([0.0, 0.0, -0.3])
            rows.append(
                Vote(
                    rng.random() * 10 * TICKS,
                    slice_,
                    EVERY if outcome is Resolution.LOST and slice_ == ALL else "m",
                    f"talk {rng.randint(0, 150)}",
                    d,
                    LANE if boring or rng.random() < 0.9 else f"base..cand{rng.randint(0, 3)}",
                    marker="rollout" if n == 7 else "",
                    outcome=outcome,
                    pair_id=f"p{n}",
                )
            )
    return rows


@dataclass
class Owners:
    """Replicas that each count their own partitions, exchange tallies and fold the merged ones."""

    rng: random.Random
    parts: Sequence[set[int]]
    log: Sequence[Vote]
    """What was admitted, which any new owner can read again."""
    engines: list[Drift] = field(default_factory=list)
    merged: list[Tally] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    snapshots: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engines = [engine(part) for part in self.parts]
        self.snapshots = [drift.snapshot() for drift in self.engines]
        self.saved = -1

    def of(self, tick: int) -> list[Vote]:
        return [vote for vote in self.log if vote.ts // 10 == tick]

    def step(self, tick: int, killed: bool) -> None:
        """Deliver a tick in whatever order and number, perhaps lose an owner, close it, fold it everywhere."""
        for drift in self.engines:
            early_or_late = self.rng.sample(self.log, len(self.log) // 4)
            rows = [*self.of(tick), *early_or_late, *self.of(tick)[::2]]
            self.rng.shuffle(rows)
            drift.add(rows[: len(rows) // 2])
            drift.add(rows[len(rows) // 2 :])
        if killed:
            dead = self.rng.randrange(len(self.engines))
            self.engines[dead] = self.taken_over(dead, tick)
        tallies = [drift.tally(tick) for drift in self.engines]
        reports = [*tallies, *self.rng.sample(tallies, self.rng.randint(0, len(tallies)))]
        self.rng.shuffle(reports)
        whole = reports[0]
        for report in reports[1:]:
            whole = whole.merge(report)
        self.merged.append(whole)
        found = [drift.fold(whole) for drift in self.engines]
        assert all(changes == found[0] for changes in found)
        self.changes += found[0]
        if self.rng.random() < 0.3:
            self.snapshots, self.saved = [drift.snapshot() for drift in self.engines], tick

    def taken_over(self, dead: int, tick: int) -> Drift:
        """A new owner of a dead one's partitions: the last snapshot, then the log, then the open tick from the log."""
        drift = Drift(rules(), partitions=PARTITIONS, owned=self.parts[dead])
        drift.restore(self.snapshots[dead])
        for number in range(self.saved + 1, tick):
            drift.add(self.of(number))
            drift.tally(number)
            drift.fold(self.merged[number])
        rows = self.of(tick)
        self.rng.shuffle(rows)
        drift.add(rows)
        return drift


def lines(changes: Iterable[Change], drift: Drift) -> list[str]:
    rows = [asdict(change) for change in changes] + [asdict(verdict) for verdict in drift.verdicts()]
    return [json.dumps(row, sort_keys=True) for row in rows]


def same(one: Tally, other: Tally) -> bool:
    return (one.tick, one.names, one.markers) == (other.tick, other.names, other.markers) and bool(
        np.array_equal(one.rows, other.rows)
    )


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.sampled_from([2, 8]), st.booleans())
def test_any_number_of_owners_and_any_deliveries_give_the_same_tallies_and_the_same_lines(
    seed: int, owners: int, boring: bool
) -> None:
    log = told(random.Random(seed), boring)
    one = Owners(random.Random(seed), OWNERS[1], log)
    several = Owners(random.Random(seed + 1), OWNERS[owners], log)
    plain, said = engine(set(range(PARTITIONS))), []
    plain.add(log)
    dying = random.Random(seed + 2)
    for tick in range(TICKS):
        said += plain.close(tick)
        one.step(tick, killed=False)
        several.step(tick, killed=dying.random() < 0.4)
        assert same(one.merged[tick], several.merged[tick])
    expected = lines(said, plain)
    assert lines(one.changes, one.engines[0]) == expected
    assert all(lines(several.changes, drift) == expected for drift in several.engines)


def test_many_clusters_on_many_owners_are_counted_alike() -> None:
    log = votes(differences(np.random.default_rng(5), 600, 0.3), per_tick=50)
    found = []
    for parts in OWNERS.values():
        owners = Owners(random.Random(1), parts, log)
        for tick in range(TICKS):
            owners.step(tick, killed=tick % 4 == 2)
        found.append((lines(owners.changes, owners.engines[0]), owners.merged))
    assert found[0][0] == found[1][0] == found[2][0]
    assert len(found[0][0]) > 3
    for _, merged in found[1:]:
        assert all(map(same, found[0][1], merged))


def test_an_owner_without_a_row_in_a_tick_reports_an_empty_tally() -> None:
    drift = engine({3})
    tally = drift.tally(5)
    assert (tally.tick, tally.names, len(tally.rows), tally.markers) == (5, (), 0, ())
    other = engine({1, 2})
    other.add(votes([0.0] * 40, per_tick=40, first=5))
    counted = other.tally(5)
    assert len(counted.rows) and same(tally.merge(counted), counted)
    drift.add(votes([1.0] * 40, per_tick=40, first=5))
    assert drift.counters["late"] == 40  # the tick is closed, with or without rows
