"""The analyzer workers as one: pairs go to whichever has credit, a dead worker's pairs to the next."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import grpc

from understudy.errors import traced
from understudy.score import Metric, Score, Sense
from understudy.service.analysis import OPTIONS, Declared, unscored
from understudy.service.build import identity
from understudy.service.convert import pair_from_proto, score_from_proto
from understudy.v1 import analysis_pb2 as pb
from understudy.v1 import analysis_pb2_grpc as rpc
from understudy.v1 import pairs_pb2, values_pb2

log = logging.getLogger(__name__)

BATCH = 8
"""Pairs in one message: small, so that a slow pair holds few others up."""

TRIES = 2
"""A pair that took this many workers down with it is unscored rather than tried again."""

RECONNECT_S = 0.25

REFUSED_S = 5.0
"""Pause before a worker with other analyzers is asked again."""

MARGIN = 1.25
"""A worker of ours ends itself at the limit; one that has not by this many limits is given up here."""

NEARLY = 0.9
"""A worker's clock and ours differ by the way between them: one that went after this part was too slow."""

LOOKS = 20
"""How often within the limit its progress is looked at."""

CHANNEL = (*OPTIONS, ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 2000))


@dataclass(slots=True)
class _Item:
    pair: values_pb2.Pair
    scores: asyncio.Future[list[Score]]
    tries: int = 0


@dataclass(slots=True)
class _Line:
    """What one stream to a worker has in hand."""

    address: str
    outstanding: dict[int, list[_Item]] = field(default_factory=dict)
    """Batches not answered, by sequence; a worker takes them in this order, so the first is the one in work."""
    begun_s: float = 0.0
    """When the first one became the first, by the loop's clock."""
    wrong: int | None = None
    """The batch whose answer could not be read."""

    @property
    def suspects(self) -> int | None:
        """Sequence of the batch that brought the stream down."""
        return self.wrong if self.wrong in self.outstanding else next(iter(self.outstanding), None)


class Pool:
    """Streams pairs to every worker's AnalysisService, by the credit each gives."""

    def __init__(self, addresses: Sequence[str], limit_s: float = 20.0) -> None:
        """Args as in the config: addresses, and the seconds a worker may take over one batch."""
        self._addresses = tuple(addresses)
        self._limit_s = limit_s
        self._waiting: deque[_Item] = deque()
        self._more = asyncio.Event()
        self._metrics: list[Declared] = []
        self._refused: dict[str, str] = {}
        self.connected: set[str] = set()
        self.cost_ns: dict[str, int] = {}
        self.answered = 0
        """Pairs that this was spent on."""
        self.lost_pairs = 0

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Every metric the workers may score; empty until one has described itself."""
        return tuple(one.metric for one in self._metrics)

    @property
    def queued(self) -> int:
        """Pairs not yet sent to a worker."""
        return len(self._waiting)

    @property
    def analyzers(self) -> dict[str, str]:
        """Analyzer name -> version and parameters, as the workers described themselves."""
        return _identities(self._metrics)

    def submit(self, pair: values_pb2.Pair) -> asyncio.Future[list[Score]]:
        """Queue a pair; the future is done when it is scored or given up as unscored, and never raises."""
        item = _Item(pair, asyncio.get_running_loop().create_future())
        self._waiting.append(item)
        self._more.set()
        return item.scores

    async def run(self) -> None:
        """Keep a stream to every worker until cancelled."""
        async with asyncio.TaskGroup() as group:
            for address in self._addresses:
                group.create_task(self._keep(address))

    async def _keep(self, address: str) -> None:
        while True:
            line = _Line(address)
            pause_s = RECONNECT_S
            try:
                async with grpc.aio.insecure_channel(address, options=CHANNEL) as channel:
                    pause_s = await self._converse(rpc.AnalysisServiceStub(channel), line)
            except grpc.aio.AioRpcError as error:
                log.debug("analyzers at %s: %s", address, error.details())
            except ValueError as error:
                log.warning("analyzers at %s do not follow understudy.v1: %s", address, traced(error))
            except Exception as error:
                log.error("analyzers at %s: their stream is opened again: %s", address, traced(error))
            finally:
                self.connected.discard(address)
                self._retry(line)
            await asyncio.sleep(pause_s)

    async def _converse(self, stub: "rpc.AnalysisServiceAsyncStub", line: _Line) -> float:
        """Hold one stream until it ends; return the seconds to wait before the next."""
        described = await stub.Describe(pb.DescribeRequest(), wait_for_ready=True)
        if not self._accept(line.address, _metrics(described)):
            return REFUSED_S
        credit = asyncio.Semaphore(0)
        # Our own writer, not a request iterator: grpc leaves that one waiting when the stream has failed, and
        # it would take a pair with it.
        call = stub.Score()  # type: ignore[call-arg]  # the stubs know only the iterator style
        writer = asyncio.ensure_future(self._write(call, credit, line))
        reader = asyncio.ensure_future(self._read(call, credit, line))
        guard = asyncio.ensure_future(self._guard(line))
        self.connected.add(line.address)
        try:
            await asyncio.wait({reader, guard}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writer, reader, guard):
                task.cancel()
            call.cancel()
            await asyncio.gather(writer, reader, guard, return_exceptions=True)
        if not reader.cancelled():
            reader.result()
            return RECONNECT_S
        log.error(
            "analyzers at %s: no answer to a batch within %g s: it is tried elsewhere; end that worker if it "
            "does not end itself",
            line.address,
            self._limit_s * MARGIN,
        )
        return self._limit_s

    def _accept(self, address: str, found: list[Declared]) -> bool:
        """Whether a worker's scores may stand beside the others'; the first one to answer says what those are.

        The lane of the evidence is named by analyzers and versions: another version's scores are not its own.
        """
        if found and not self._metrics:
            self._metrics = found
        unlike = _unlike(self._metrics, found) if found else "it has no analyzers"
        if unlike and unlike != self._refused.get(address):
            log.error(
                "analyzers at %s are not those that score here (%s): it gets no pairs: serve the same versions "
                "everywhere, or restart `understudy serve`",
                address,
                unlike,
            )
        self._refused[address] = unlike
        return not unlike

    async def _read(
        self,
        call: "grpc.aio.StreamStreamCall[pairs_pb2.PairBatch, pb.ScoreBatch]",
        credit: asyncio.Semaphore,
        line: _Line,
    ) -> None:
        async for batch in call:
            for _ in range(batch.credit):
                credit.release()
            self.answered += len(batch.pairs)
            for name, spent in batch.cost_ns.items():
                self.cost_ns[name] = self.cost_ns.get(name, 0) + spent
            line.wrong = batch.sequence
            items = line.outstanding.get(batch.sequence, [])
            for item, answer in zip(items, batch.pairs, strict=True):
                if not item.scores.done():
                    item.scores.set_result([score_from_proto(s) for s in answer.scores])
            line.wrong = None
            line.outstanding.pop(batch.sequence, None)  # only now: a batch answered wrongly is tried again
            line.begun_s = asyncio.get_running_loop().time()

    async def _guard(self, line: _Line) -> None:
        """Return when the first batch has been first for too long.

        Counted in looks and not by the clock: what this process was busy or asleep is not the worker's fault.
        """
        first = None
        looks = 0
        while looks < LOOKS * MARGIN:
            await asyncio.sleep(self._limit_s / LOOKS)
            was, first = first, next(iter(line.outstanding), None)
            looks = looks + 1 if first is not None and first == was else 0

    async def _write(
        self,
        call: "grpc.aio.StreamStreamCall[pairs_pb2.PairBatch, pb.ScoreBatch]",
        credit: asyncio.Semaphore,
        line: _Line,
    ) -> None:
        sequence = 0
        while True:
            await credit.acquire()
            while not self._waiting:
                self._more.clear()
                await self._more.wait()
            items = [self._waiting.popleft()]
            # A suspect goes alone: what it brings down then is nobody else's fault.
            while (
                self._waiting
                and len(items) < BATCH
                and not (items[0].tries or self._waiting[0].tries or credit.locked())
            ):
                await credit.acquire()
                items.append(self._waiting.popleft())
            sequence += 1
            if not line.outstanding:
                line.begun_s = asyncio.get_running_loop().time()
            line.outstanding[sequence] = items
            await call.write(pairs_pb2.PairBatch(sequence=sequence, pairs=[item.pair for item in items]))

    def _given_up(self, pair: values_pb2.Pair, reason: str) -> list[Score]:
        try:
            return unscored(self._metrics, pair_from_proto(pair), reason)
        except (ValueError, KeyError):  # no pair at all: whoever counts it finds that out and says so
            return []

    def _retry(self, line: _Line) -> None:
        """Give what the stream left unanswered to the next; only the batch in work had a part in its end."""
        suspects = line.suspects
        slow = asyncio.get_running_loop().time() - line.begun_s > self._limit_s * NEARLY
        for sequence, items in reversed(line.outstanding.items()):
            for item in reversed(items):
                if item.scores.done():
                    continue
                item.tries += sequence == suspects
                if item.tries < TRIES:
                    self._waiting.appendleft(item)
                else:
                    self.lost_pairs += 1
                    item.scores.set_result(self._given_up(item.pair, "time_limit" if slow else "worker_lost"))
        self._more.set()


def _metrics(described: pb.DescribeResponse) -> list[Declared]:
    return [
        Declared(
            one.name,
            one.version,
            dict(one.parameters),
            Metric(m.name, Sense(m.sense), m.doc, m.judged_coupled, m.prefix_safe),
        )
        for one in described.analyzers
        for m in one.metrics
    ]


def _unlike(ours: list[Declared], theirs: list[Declared]) -> str:
    """Name the first analyzer in which two workers differ; empty when they score alike."""
    versions, others = _identities(ours), _identities(theirs)
    for name in sorted(versions.keys() | others.keys()):
        if versions.get(name) != others.get(name):
            return f"{name} {others.get(name, 'missing')} instead of {versions.get(name, 'none')}"
        if _scored(ours, name) != _scored(theirs, name):
            return f"{name} {others[name]} has other metrics under the same version"
    return ""


def _identities(metrics: list[Declared]) -> dict[str, str]:
    return {one.analyzer: identity(one.version, one.parameters) for one in metrics}


def _scored(metrics: list[Declared], analyzer: str) -> set[Metric]:
    """An analyzer's metrics, their prose left out."""
    return {replace(one.metric, doc="") for one in metrics if one.analyzer == analyzer}
