"""The path of a pair: analyzers, votes, evidence, capture; and the closing of ticks.

Nothing here knows a clock or a socket: the controller calls `take` for each batch an observer published and
`advance` now and then, waits until they are `secured`, and hands the changes on. A pair is acknowledged once
its scores are in the journal, so a batch that comes again after a crash finds its pairs counted.
"""

import asyncio
import json
import logging
import struct
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from understudy.drift.engine import Drift
from understudy.drift.verdict import Change
from understudy.drift.vote import NO_CONTROL, Resolution, ballot
from understudy.errors import traced
from understudy.pair import Pair
from understudy.pipeline.journal import Entry, Journal, Kind
from understudy.pipeline.ledger import Books
from understudy.score import Score
from understudy.service.convert import pair_from_proto, pair_to_proto, score_from_proto, score_to_proto
from understudy.v1 import analysis_pb2, pairs_pb2, values_pb2

log = logging.getLogger(__name__)

REMEMBERED = 65_536
"""Pair ids kept to recognise one that is published again."""

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
    ) -> None:
        """Restore the evidence from the journal.

        Args:
            scorer: scores pairs.
            drift: a fresh engine; its state is restored here.
            journal: where the evidence is kept.
            prefix_safe: metrics that may be scored on replies the client cut short.
            grace_s: a tick is closed at the latest this long after its end (the longest leg deadline).
            keep: the capture.
        """
        self._scorer = scorer
        self.drift = drift
        self._journal = journal
        self._prefix_safe = prefix_safe
        self._grace_ns = int(grace_s * 1e9)
        self._keep = keep
        self._tick_ns = int(drift.tick_s * 1e9)
        self._pending: Counter[int] = Counter()
        self._counted: OrderedDict[str, None] = OrderedDict()
        self._scoring: dict[str, asyncio.Future[None]] = {}
        self._missing: Counter[str] = Counter()
        self._open: list[tuple[int, Entry]] = []
        self._since_compact = 0
        self._ahead_ns = 0
        self._refused = False
        self._unsafe = False
        self.books = Books()
        self.scored = 0
        self.unscored: Counter[str] = Counter()
        self.scores: Counter[tuple[str, str, str]] = Counter()
        """(analyzer, metric, scored | unscored) -> scores taken since the start."""
        self.closed = -1
        self.restored: list[Change] = []
        snapshot, entries = journal.start()
        if snapshot is not None:
            self.restored += drift.restore(snapshot)
        for entry in entries:
            self.restored += self._reread(entry)

    # -- pairs in ------------------------------------------------------------------------------------------

    def take(self, batch: pairs_pb2.PairBatch, now_ns: int) -> Awaitable[None]:
        """Take a published batch; what it returns is done when every pair of it is in the journal."""
        if batch.HasField("ledger"):
            if self.books.take(batch.ledger, now_ns):
                # What it missed before we first heard of it was counted by our predecessor, or never.
                self._missing.update(_missing(batch.ledger.shed, batch.ledger.lost))
        for pair in batch.pairs:
            if pair.request.id not in self._counted and pair.request.id not in self._scoring:
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
            entry = Entry(Kind.SCORED, _pack(pair, scores))
            await self._journaled(entry)
            self._vote(pair, scores, entry)
            self._tell(scores)
            if self._keep is not None:
                self._keep(pair, scores)
        except Exception as error:  # a defect of ours or of a peer: sent again, it would only fail again
            log.error("pair %s could not be counted: %s", id_, traced(error))
            self._remember(id_)
            self.unscored[f"pipeline: {type(error).__name__}"] += 1
        finally:
            del self._scoring[id_]
            self._pending[tick] -= 1
        self.scored += 1

    async def _journaled(self, entry: Entry) -> None:
        """Append, waiting as long as the disk refuses: observers keep what is not acknowledged."""
        while True:
            try:
                self._journal.append(entry)
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
        self._append(Entry(Kind.ANNOUNCED, marker.encode()))

    def declare(self, lane: str, slices: Sequence[str], metrics: Sequence[str]) -> None:
        """Name cells before their first vote, so that this vote counts."""
        self._append(Entry(Kind.DECLARED, json.dumps([lane, list(slices), list(metrics)]).encode()))

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
        changes = self._append(Entry(Kind.CLOSED, b"%d" % tick))
        self._since_compact += 1
        self._unsafe = True
        for done in [t for t, count in self._pending.items() if not count]:
            del self._pending[done]
        return changes

    async def secured(self) -> None:
        """Wait until the disk has what was closed; pairs of open ticks are taken meanwhile.

        The wait is a thread's. A snapshot is written by the caller's: what comes in while it is written would
        belong to both generations.
        """
        if not self._unsafe:
            return
        try:
            await asyncio.to_thread(self._journal.syncing())
            self._unsafe = False
            if self._since_compact >= COMPACT_TICKS:
                self._compact()
        except OSError as error:  # the changes stand all the same; the next call tries again
            log.error("the evidence is not safe on the disk: %s", error)

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
            self._append(Entry(Kind.MISSING, f"{tick} {outcome} {count}".encode()))
            self._missing[outcome] += count

    # -- the engine, live and from the journal -------------------------------------------------------------

    def _append(self, entry: Entry) -> list[Change]:
        self._journal.append(entry)
        return self._give(entry)

    def _give(self, entry: Entry) -> list[Change]:
        """Give the engine one entry: the same call live and when the journal is read again."""
        if entry.kind is Kind.SCORED:
            self._vote(*_unpack(entry.payload), entry)
        elif entry.kind is Kind.ANNOUNCED:
            self.drift.announce(entry.payload.decode())
        elif entry.kind is Kind.DECLARED:
            self.drift.declare(*json.loads(entry.payload))
        elif entry.kind is Kind.MISSING:
            tick, outcome, count = entry.payload.decode().split()
            self._miss(int(tick), outcome, int(count))
        else:
            self.closed = int(entry.payload)
            self._open = [(tick, kept) for tick, kept in self._open if tick > self.closed]
            return self.drift.close(self.closed)
        return []

    def _reread(self, entry: Entry) -> list[Change]:
        """Give an entry of the journal again; one that cannot be taken is counted, or no start would succeed."""
        try:
            return self._give(entry)
        except Exception as error:
            reason = f"journal: {type(error).__name__}"
            if reason not in self.unscored:
                log.error("an entry (%s) of the evidence is left out: %s", entry.kind.name, traced(error))
            self.unscored[reason] += 1
            return []

    def _vote(self, pair: Pair, scores: Sequence[Score], entry: Entry) -> None:
        self.drift.add(ballot(pair, scores, self.drift.tolerances, prefix_safe=self._prefix_safe))
        self._remember(pair.id)
        self._open.append((self.drift.tick_of(pair.admitted_ns / 1e9), entry))

    def _tell(self, scores: Sequence[Score]) -> None:
        for score in scores:
            self.unscored.update(score.unscored.values())
            missing = any(reason != NO_CONTROL for reason in score.unscored.values())
            if missing or score.values:
                self.scores[score.analyzer, score.metric, "unscored" if missing else "scored"] += 1

    def _remember(self, id_: str) -> None:
        self._counted[id_] = None
        if len(self._counted) > REMEMBERED:
            self._counted.popitem(last=False)

    def _compact(self) -> None:
        """Begin a generation; a snapshot knows closed ticks only, so the open ones' entries go along."""
        closed = [Entry(Kind.CLOSED, b"%d" % self.closed)] if self.closed >= 0 else []
        self._journal.compact(self.drift.snapshot(), [*closed, *(entry for _, entry in self._open)])
        self._since_compact = 0

    def _miss(self, tick: int, outcome: str, count: int) -> None:
        """Rows for missing pairs of which nothing but their number is known: they count in slice `all`."""
        for lane in sorted(self.drift.lanes):
            self.drift.miss(lane, tick, Resolution(outcome), count)

    def close(self) -> None:
        """Snapshot and release the journal; pairs still being scored are left to be published again."""
        for job in list(self._scoring.values()):
            job.cancel()
        try:
            self._compact()
        except OSError as error:
            log.error("no snapshot at the end (%s): the log before it is read at the next start", error)
        self._journal.close()


async def _all(jobs: Sequence[asyncio.Future[None]]) -> None:
    for job in jobs:
        await asyncio.shield(job)


def _missing(shed: Mapping[str, int], lost: Mapping[str, int]) -> Counter[str]:
    return Counter({Resolution.SHED.value: sum(shed.values()), Resolution.LOST.value: sum(lost.values())})


_SIZE = struct.Struct("!I")


def _pack(pair: Pair, scores: Sequence[Score]) -> bytes:
    """A pair and its scores as votes need them: no text leaves the capture's rules by this door."""
    message = pair_to_proto(pair)
    message.request.text = ""
    message.request.raw = b""
    message.request.ClearField("conversation")  # votes go by the cluster, which is a hash
    message.request.metadata.clear()
    del message.request.token_ids[:], message.request.sampling.stop[:]
    for output in (message.baseline, message.candidate, message.control):
        output.text = "." if output.text else ""
        output.error = "." if output.error else ""
        del output.token_ids[:], output.logprobs[:], output.chunks_ns[:]
    if pair.control is None:
        message.ClearField("control")
    told = analysis_pb2.PairScores(pair_id=pair.id, scores=map(score_to_proto, scores))
    for score in told.scores:
        score.explanation = ""
        del score.spans[:]
    head = message.SerializeToString()
    return _SIZE.pack(len(head)) + head + told.SerializeToString()


def _unpack(payload: bytes) -> tuple[Pair, list[Score]]:
    (size,) = _SIZE.unpack_from(payload)
    pair = pair_from_proto(values_pb2.Pair.FromString(payload[_SIZE.size : _SIZE.size + size]))
    told = analysis_pb2.PairScores.FromString(payload[_SIZE.size + size :])
    return pair, [score_from_proto(score) for score in told.scores]
