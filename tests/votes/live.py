"""A live run's evidence and its files, which tests start, kill and stop as they like."""

from collections.abc import Awaitable
from pathlib import Path

from understudy.app.chronicle import Chronicle
from understudy.app.troubles import Troubles
from understudy.drift.engine import Drift
from understudy.drift.tolerance import Tolerances
from understudy.drift.verdict import lane_key
from understudy.pair import Lane
from understudy.pipeline.core import Pipeline
from understudy.pipeline.journal import Journal
from understudy.score import Score, Sense
from understudy.service.convert import pair_from_proto, pair_to_proto
from understudy.testing import LANE, a_pair
from understudy.v1 import pairs_pb2, values_pb2
from understudy.votes.command import run
from understudy.votes.record import Record

TICK_NS = 10_000_000_000
LIMITS = {"ttl_s": 60.0, "metrics": {"shouting": {"tau": 0.02}}}
NAMES = ["failure", "unscored", "shouting"]


class Upper:
    """Scores shouting at once; a reply of '?' it cannot score."""

    def submit(self, pair: values_pb2.Pair) -> Awaitable[list[Score]]:
        return self._score(pair)

    async def _score(self, message: values_pb2.Pair) -> list[Score]:
        pair = pair_from_proto(message)
        values = {one.leg: float(one.text.isupper()) for one in pair.legs() if one.text != "?"}
        unscored = {one.leg: "puzzled" for one in pair.legs() if one.text == "?"}
        return [Score("shouting", Sense.BAD, values, unscored)]


def a_batch(tick: int, count: int = 20, bad: int = 0, *, shed: int = 0, lost: int = 0) -> pairs_pb2.PairBatch:
    """Pairs of one tick: every fifth of `task=math`, some with a control; the first `bad` of them are broken."""
    pairs = []
    for n in range(count):
        task = "math" if n % 5 == 0 else "chat"
        candidate = "LOUD" if n < bad else "?" if (tick + n) % 211 == 0 else "calm"
        pair = a_pair(
            f"prompt {tick} {n}",
            "calm",
            candidate,
            "calm" if n % 4 == 0 else None,
            categories={"task": task},
            tick=tick,
            admitted_ns=tick * TICK_NS + 7_000_000 * n,
        )
        pairs.append(pair_to_proto(pair))
    ledger = pairs_pb2.Ledger(boot="b", eligible=1, paired=1, watermark_ns=(tick + 1) * TICK_NS)
    ledger.shed["rate"], ledger.lost["lease"] = shed, lost
    return pairs_pb2.PairBatch(sequence=tick, pairs=pairs, ledger=ledger)


class Live:
    """A controller's evidence and its files, started and killed as a test likes."""

    def __init__(self, directory: Path, *, keep: bool = True) -> None:
        self.directory = directory
        directory.mkdir(exist_ok=True)
        self.keep = keep
        self.limits: dict[str, object] = dict(LIMITS)
        self.start()

    def start(self) -> None:
        tolerances = Tolerances.from_dict(self.limits)
        self.pipeline = Pipeline(
            Upper(),
            Drift(tolerances, analyzers="shouting 1"),
            Journal(self.directory / "evidence"),
            record=Record(self.directory / "votes") if self.keep else None,
        )
        self.chronicle = Chronicle(self.directory, Troubles(), tolerances.tick_s)
        self.chronicle.restored(self.pipeline.restored)
        self.declare(LANE)

    def declare(self, lane: Lane) -> None:
        """As the controller does at its start and when an engine is another."""
        new = lane_key(lane) not in self.pipeline.drift.lanes
        for one in (lane, Lane(lane.baseline, lane.baseline)):
            self.pipeline.declare(lane_key(one), ["all", "task=math"], NAMES)
        if new:
            self.pipeline.announce(f"lane {lane}")

    async def step(self, batch: pairs_pb2.PairBatch, *, until: str = "") -> None:
        """One step of the controller, or the part of it before it is killed."""
        await self.pipeline.take(batch, 0)
        if until == "taken":
            return
        changes = self.pipeline.advance(batch.ledger.watermark_ns)
        if until == "closed":
            return
        await self.pipeline.secured()
        for change in changes:
            self.chronicle.record(change)
        if until == "told":
            return
        await self.pipeline.compacted()

    def kill(self) -> None:
        """Nothing is written any more: what the process knew is gone."""
        self.pipeline.evidence.journal.close()
        self.chronicle.close()

    def stop(self) -> bytes:
        """End in order; return the verdicts."""
        self.pipeline.close()
        self.chronicle.close()
        return (self.directory / "verdicts.jsonl").read_bytes()

    def offline(self) -> bytes:
        out = self.directory / "offline"
        assert run([self.directory / "votes"], out, quiet=True) == 0
        return (out / "verdicts.jsonl").read_bytes()


async def a_life(live: Live, *, killed: dict[int, str] | None = None) -> None:
    """A clean past, a silence that outlasts certificates, a regression; pairs late, shed and lost; other engines."""
    shed = lost = 0
    ticks = [*range(1000, 1030), *range(1042, 1062)]
    for tick in ticks:
        shed += 3 * (tick % 7 == 0)
        lost += tick % 11 == 0
        batch = a_batch(tick, 24, bad=0 if tick < 1047 else 4, shed=shed, lost=lost)
        if tick == 1020:
            live.pipeline.announce("a cable was pulled")
        if tick == 1025:
            live.declare(Lane(LANE.baseline, "d" * 64))
        moment = (killed or {}).get(tick)
        await live.step(batch, until=moment or "")
        if moment is not None:
            live.kill()
            live.start()
            if moment == "taken":
                await live.step(batch)
        if tick % 9 == 0:  # far too late: its tick is closed
            await live.step(a_batch(tick - 3, 30, bad=30, shed=shed, lost=lost))
