"""T7: partitions over several owners, deliveries shuffled, repeated and late, an owner killed: the same bytes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from understudy.drift.engine import Drift
from understudy.drift.tally import Tally
from understudy.drift.vote import Resolution, Vote
from understudy.votes.lines import changed, text

from sim.plan import Plan
from sim.runs import LANE, mix, tolerances

PARTITIONS = 8
SLICES = ("all", "language=de", "task=code", "task=math")
PAIRS = 120
"""Of a tick; each votes in two slices and two metrics."""


@dataclass(frozen=True, slots=True)
class Way:
    """How the votes get to their owners."""

    owners: int
    wild: bool = False
    """Shuffled, every fourth delivered twice, and some again after their tick was closed."""
    killed: bool = False
    """One owner dies in the middle of a tick, twice; another process takes its partitions over."""

    def __str__(self) -> str:
        said = f"{self.owners} owner{'s' * (self.owners > 1)}"
        return (
            said
            + (", shuffled, repeated, late" if self.wild else "")
            + (", one killed" if self.killed else "")
        )


WAYS = (
    Way(1),
    Way(2),
    Way(8),
    Way(1, wild=True),
    Way(2, wild=True),
    Way(8, wild=True),
    Way(2, wild=True, killed=True),
    Way(8, wild=True, killed=True),
)


def owners(rng: np.random.Generator, plan: Plan) -> dict[str, Any]:
    """Every way of delivering the same votes: hashes of the tallies and of the verdict lines."""
    votes = stream(rng, plan.owner_ticks)
    told = []
    for way in WAYS:
        counts, lines, late, repeated = deliver(np.random.default_rng(7), votes, way)
        told.append(
            {
                "way": str(way),
                "tallies": hashlib.sha256(counts).hexdigest(),
                "lines": hashlib.sha256(lines).hexdigest(),
                "count": lines.count(b"\n"),
                "late": late,
                "duplicate": repeated,
            }
        )
    return {"ways": told, "votes": sum(map(len, votes)), "ticks": plan.owner_ticks}


def stream(rng: np.random.Generator, ticks: int) -> list[list[Vote]]:
    """Votes by tick: conversations that come back, scores between -1 and 1, a harm, a repair, a slice met late."""
    made = []
    for tick in range(ticks):
        harm = 0.25 if ticks // 4 <= tick < ticks // 2 else 0.0
        rows: list[Vote] = []
        for k in range(PAIRS):
            ts = 10.0 * tick + 10.0 * k / PAIRS
            cluster = f"talk {rng.integers(0, 40 * ticks)}"
            late = "task=sql" if tick > ticks // 3 else "task=code"
            own = str(rng.choice([*SLICES[1:3], late]))
            outcome = str(
                rng.choice([Resolution.SCORED] * 97 + [Resolution.UNSCORED] * 2 + [Resolution.LOST])
            )
            binary = float(rng.choice([-1.0, 0.0, 1.0], p=mix(0.01, harm)))
            score = float(np.clip(rng.normal(harm / 2, 0.1), -1.0, 1.0))
            for slice_ in ("all", own):
                for metric, d in (("m", binary), ("tone", score)):
                    marker = "rollout" if (tick, k) == (ticks // 4, 0) else ""
                    pair = f"{tick}-{k}"
                    rows.append(Vote(ts, slice_, metric, cluster, d, LANE, marker, outcome, pair))
        made.append(rows)
    return made


def deliver(
    rng: np.random.Generator, votes: Sequence[Sequence[Vote]], way: Way
) -> tuple[bytes, bytes, int, int]:
    """Bytes of all merged tallies, bytes of the verdict lines, rows refused as late, and as duplicates."""
    split = [[p for p in range(PARTITIONS) if p % way.owners == i] for i in range(way.owners)]
    replicas = [start(parts) for parts in split]
    deaths = {len(votes) // 3, 2 * len(votes) // 3} if way.killed else set()
    counts, lines = b"", b""
    for tick, rows in enumerate(votes):
        for i, replica in enumerate(replicas):
            given = [*rows]
            if way.wild:
                given += rows[::4]
                rng.shuffle(given)
                given += votes[tick - 1][::9] if tick else []
            if tick in deaths and i == way.owners - 1:
                before = replica.snapshot()
                replica.add(given[: len(given) // 2])
                # It is gone. Another process has the snapshot of the last closed tick, and the log of the open one.
                replica = replicas[i] = start(split[i])
                replica.restore(before)
            replica.add(given)
        reports = [replica.tally(tick) for replica in replicas]
        if way.wild:
            reports += reports[::2]
            rng.shuffle(reports)
        merged = reports[0]
        for report in reports[1:]:
            merged = merged.merge(report)
        counts += _bytes(merged)
        heard = {
            b"".join(text(changed(change, replica.tick_s)).encode() for change in replica.fold(merged))
            for replica in replicas
        }
        lines += b"".join(sorted(heard))  # of more than one kind if the owners do not agree
    late = sum(replica.counters["late"] for replica in replicas)
    return counts, lines, late, sum(replica.counters["duplicate"] for replica in replicas)


def start(parts: Sequence[int]) -> Drift:
    """An owner of some partitions; it folds everybody's counts."""
    made = Drift(tolerances(), partitions=PARTITIONS, owned=parts)
    made.declare(LANE, SLICES, ["m", "tone"])
    return made


def _bytes(report: Tally) -> bytes:
    return repr((report.tick, report.names, report.rows.tolist(), report.markers)).encode()
