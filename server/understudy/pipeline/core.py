"""The path of a pair: analyzers, votes, evidence, capture; and the closing of ticks.

Nothing here knows a clock or a socket: the controller calls `take` for each batch an observer published and
`advance` now and then, waits until they are `secured`, hands the changes on and then lets the journal be
`compacted`. A pair is acknowledged once its scores are in the journal, so a batch that comes again after a crash
finds its pairs counted.
"""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from understudy.drift.engine import Drift
from understudy.drift.verdict import Change
from understudy.drift.vote import NO_CONTROL, Resolution
from understudy.errors import traced
from understudy.pair import Pair
from understudy.pipeline.evidence import Evidence, Switch, pack
from understudy.pipeline.journal import Entry, Journal, Kind
from understudy.pipeline.ledger import Books
from understudy.score import Score
from understudy.service.convert import pair_from_proto
from understudy.v1 import pairs_pb2, values_pb2
from understudy.votes.record import PART_ROWS, Record

log = logging.getLogger(__name__)

COMPACT_TICKS = 60
"""Ticks between snapshots."""

RETRY_S = 1.0
"""Pause after the disk refused a pair: until it takes it, the pair is not acknowledged."""

JUMP_NS = 60_000_000_000
"""A wall clock this far behind the last closed tick went back; less is waited out."""


class Scorer(Protocol):
    """Where scores come from: the pool of analyzer workers."""

    def submit(self, pair: values_pb2.Pair) -> Awaitable[list[Score]]:
        """Score a pair; never raises."""
        ...


Keep = Callable[[Pair, Sequence[Score]], None]
"""Takes a scored pair to wherever it is kept; must not raise or block for long."""


class Pipeline:
    """One engine pair's evidence."""

    def __init__(
        self,
        scorer: Scorer,
        drift: Drift,
        journal: Journal,
        *,
        prefix_safe: frozenset[str] = frozenset(),
        grace_s: float = 300.0,
        keep: Keep | None = None,
        record: Record | None = None,
    ) -> None:
        """Restore the evidence from the journal.

        Args:
            scorer: scores pairs.
            drift: a fresh engine; its state is restored here.
            journal: where the evidence is kept.
            prefix_safe: metrics that may be scored on replies the client cut short.
            grace_s: a tick is closed at the latest this long after its end (the longest leg deadline).
            keep: the capture.
            record: where votes are kept; None = nowhere.
        """
        self._scorer = scorer
        self._grace_ns = int(grace_s * 1e9)
        self._keep = keep
        self._tick_ns = int(drift.tick_s * 1e9)
        self._pending: Counter[int] = Counter()
        self._scoring: dict[str, asyncio.Future[None]] = {}
        self._missing: Counter[str] = Counter()
        self._since_compact = 0
        self._ahead_ns = 0
        self._refused = False
        self._unsafe = False
        self.books = Books()
        self.scored = 0
        self.unscored: Counter[str] = Counter()
        self.scores: Counter[tuple[str, str, str]] = Counter()
        """(analyzer, metric, scored | unscored) -> scores taken since the start."""
        self.evidence = Evidence(drift, journal, prefix_safe=prefix_safe, record=record)
        self.unscored.update(self.evidence.left_out)

    @property
    def drift(self) -> Drift:
        """The engine."""
        return self.evidence.drift

    @property
    def closed(self) -> int:
        """The last tick that was closed; -1 = none."""
        return self.evidence.closed

    @property
    def restored(self) -> list[Change]:
        """Changes that the journal brought back, in order."""
        return self.evidence.restored

    @property
    def switched(self) -> Switch | None:
        """What the tolerances and analyzers were before this start, if they were others."""
        return self.evidence.switched

    # -- pairs in ------------------------------------------------------------------------------------------

    def take(self, batch: pairs_pb2.PairBatch, now_ns: int) -> Awaitable[None]:
        """Take a published batch; what it returns is done when every pair of it is in the journal."""
        if batch.HasField("ledger"):
            if self.books.take(batch.ledger, now_ns):
                # What it missed before we first heard of it was counted by our predecessor, or never.
                self._missing.update(_missing(batch.ledger.shed, batch.ledger.lost))
        for pair in batch.pairs:
            if pair.request.id not in self.evidence.known and pair.request.id not in self._scoring:
                if self._ahead_ns:
                    pair.admitted_ns = min(pair.admitted_ns, now_ns) + self._ahead_ns
                    pair.tick = pair.admitted_ns // self._tick_ns
                self._pending[pair.tick] += 1
                job = asyncio.ensure_future(self._score(pair, self._scorer.submit(pair)))
                self._scoring[pair.request.id] = job
        known = [self._scoring.get(pair.request.id) for pair in batch.pairs]
        return asyncio.ensure_future(_all([job for job in known if job is not None]))

    async def _score(self, message: values_pb2.Pair, waiting: Awaitable[list[Score]]) -> None:
        """Score, journal, count. What goes wrong with one pair is counted and ends with that pair."""
        id_, tick = message.request.id, message.tick
        try:
            scores = await waiting
            pair = pair_from_proto(message)
            entry = Entry(Kind.SCORED, pack(pair, scores))
            await self._journaled(entry)
            self.evidence.vote(pair, scores, entry)
            self._tell(scores)
            if self._keep is not None:
                self._keep(pair, scores)
        except Exception as error:  # a defect of ours or of a peer: sent again, it would only fail again
            log.error("pair %s could not be counted: %s", id_, traced(error))
            self.evidence.remember(id_)
            self.unscored[f"pipeline: {type(error).__name__}"] += 1
        finally:
            del self._scoring[id_]
            self._pending[tick] -= 1
        self.scored += 1

    async def _journaled(self, entry: Entry) -> None:
        """Append, waiting as long as the disk refuses: observers keep what is not acknowledged."""
        while True:
            try:
                self.evidence.journal.append(entry)
            except OSError as error:
                if not self._refused:
                    log.error("the evidence cannot be written (%s): pairs wait: make room", error.strerror)
                self._refused = True
                await asyncio.sleep(RETRY_S)
            else:
                if self._refused:
                    log.warning("the evidence is written again")
                self._refused = False
                return

    # -- ticks ---------------------------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """Pairs taken and not yet scored."""
        return self._pending.total()

    def announce(self, marker: str) -> None:
        """Tell the engine of an announced change, from the next tick on; told before, it changes nothing."""
        self.evidence.append(Entry(Kind.ANNOUNCED, marker.encode()))

    def declare(self, lane: str, slices: Sequence[str], metrics: Sequence[str]) -> None:
        """Name cells before their first vote, so that this vote counts."""
        self.evidence.append(Entry(Kind.DECLARED, json.dumps([lane, list(slices), list(metrics)]).encode()))

    def due(self, now_ns: int) -> int:
        """Return the last tick that may be closed: resolved by the watermark and scored, or out of grace."""
        late = (now_ns + self._ahead_ns - self._grace_ns) // self._tick_ns - 1
        watermark = self.books.watermark_ns()
        if watermark is None:
            return late
        if self._ahead_ns:
            watermark = min(watermark, now_ns) + self._ahead_ns
        ready = watermark // self._tick_ns - 1
        unscored = min((tick for tick, count in self._pending.items() if count > 0), default=ready + 1)
        return max(late, min(ready, unscored - 1))

    def advance(self, now_ns: int) -> list[Change]:
        """Close every tick that is due; return what changed, to be told to others once `secured`.

        Raises:
            OSError: the disk refuses; the tick stays open.
        """
        self._steady(now_ns)
        tick = self.due(now_ns)
        if tick <= self.closed:
            return []
        self._account(tick)
        changes = self.evidence.append(Entry(Kind.CLOSED, b"%d" % tick))
        self._since_compact += 1
        self._unsafe = True
        for done in [t for t, count in self._pending.items() if not count]:
            del self._pending[done]
        return changes

    async def secured(self) -> None:
        """Wait until the disk has what was closed; pairs of open ticks are taken meanwhile."""
        if not self._unsafe:
            return
        try:
            await asyncio.to_thread(self.evidence.journal.syncing())
            self._unsafe = False
        except OSError as error:  # the changes stand all the same; the next call tries again
            log.error("the evidence is not safe on the disk: %s", error)

    async def compacted(self) -> None:
        """Begin a generation of the journal once enough ticks were closed; the votes in it are kept before it goes.

        To be called when what `advance` returned has been written down: nothing brings it back afterwards. Votes
        are written by a thread, a snapshot by the caller's: what comes in meanwhile would belong to both generations.
        """
        due = self._since_compact >= COMPACT_TICKS and not self._unsafe
        record = self.evidence.record
        if record is not None and (due or record.rows >= PART_ROWS):
            await asyncio.to_thread(record.writing())
        if due:
            self._compact()

    def _compact(self) -> None:
        record = self.evidence.record
        if record is not None and record.waiting:
            return  # the votes that the disk refused are in this generation and nowhere else
        try:
            self.evidence.compact()
            self._since_compact = 0
        except OSError as error:
            log.error("no snapshot of the evidence (%s): the log before it goes on", error)

    def _steady(self, now_ns: int) -> None:
        """A wall clock that went back must not stop the evidence: time goes on from the last closed tick."""
        behind = (self.closed + 1) * self._tick_ns - (now_ns + self._ahead_ns)
        if behind > JUMP_NS:
            self._ahead_ns += behind
            log.error(
                "the clock is %.0f s behind the evidence: going on from tick %d",
                behind / 1e9,
                self.closed + 1,
            )

    def _account(self, tick: int) -> None:
        """Pairs shed or lost since the last closing are missing from the slice `all` of this tick."""
        totals = self.books.totals()
        told = _missing(totals.shed, totals.lost)
        for outcome, count in sorted((told - self._missing).items()):
            self.evidence.append(Entry(Kind.MISSING, f"{tick} {outcome} {count}".encode()))
            self._missing[outcome] += count

    def _tell(self, scores: Sequence[Score]) -> None:
        for score in scores:
            self.unscored.update(score.unscored.values())
            missing = any(reason != NO_CONTROL for reason in score.unscored.values())
            if missing or score.values:
                self.scores[score.analyzer, score.metric, "unscored" if missing else "scored"] += 1

    def close(self) -> None:
        """Snapshot and release the journal; pairs still being scored are left to be published again."""
        for job in list(self._scoring.values()):
            job.cancel()
        if self.evidence.record is not None:
            self.evidence.record.writing(whole=True)()
        self._compact()
        self.evidence.journal.close()


async def _all(jobs: Sequence[asyncio.Future[None]]) -> None:
    for job in jobs:
        await asyncio.shield(job)


def _missing(shed: Mapping[str, int], lost: Mapping[str, int]) -> Counter[str]:
    return Counter({Resolution.SHED.value: sum(shed.values()), Resolution.LOST.value: sum(lost.values())})
