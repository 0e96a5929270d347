"""The analyzer workers as one: pairs go to whichever has credit, a dead worker's pairs to the next."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import grpc

from understudy.score import Metric, Score, Sense
from understudy.service.analysis import OPTIONS, unscored
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


@dataclass(slots=True)
class _Item:
    pair: values_pb2.Pair
    scores: asyncio.Future[list[Score]]
    tries: int = 0


class Pool:
    """Streams pairs to every worker's AnalysisService, by the credit each gives."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = tuple(addresses)
        self._waiting: deque[_Item] = deque()
        self._more = asyncio.Event()
        self._metrics: list[tuple[str, str, Metric]] = []
        self.connected: set[str] = set()
        self.cost_ns: dict[str, int] = {}
        self.lost_pairs = 0

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Every metric the workers may score; empty until one has described itself."""
        return tuple(metric for _, _, metric in self._metrics)

    @property
    def queued(self) -> int:
        """Pairs not yet sent to a worker."""
        return len(self._waiting)

    @property
    def analyzers(self) -> dict[str, str]:
        """Analyzer name -> version, as the workers described themselves."""
        return {name: version for name, version, _ in self._metrics}

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
            outstanding: dict[int, list[_Item]] = {}
            try:
                async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
                    await self._converse(rpc.AnalysisServiceStub(channel), address, outstanding)
            except grpc.aio.AioRpcError as error:
                log.debug("analyzers at %s: %s", address, error.details())
            except ValueError as error:
                log.warning("analyzers at %s do not follow understudy.v1: %s", address, error)
            except Exception:
                log.exception("analyzers at %s: their stream is opened again", address)
            finally:
                self.connected.discard(address)
                self._retry(item for items in outstanding.values() for item in items)
            await asyncio.sleep(RECONNECT_S)

    async def _converse(
        self, stub: "rpc.AnalysisServiceAsyncStub", address: str, outstanding: dict[int, list[_Item]]
    ) -> None:
        described = await stub.Describe(pb.DescribeRequest(), wait_for_ready=True)
        self._metrics = [
            (
                one.name,
                one.version,
                Metric(m.name, Sense(m.sense), m.doc, m.judged_coupled, m.prefix_safe),
            )
            for one in described.analyzers
            for m in one.metrics
        ]
        credit = asyncio.Semaphore(0)
        # Our own writer, not a request iterator: grpc leaves that one waiting when the stream has failed, and
        # it would take a pair with it.
        call = stub.Score()  # type: ignore[call-arg]  # the stubs know only the iterator style
        writer = asyncio.ensure_future(self._write(call, credit, outstanding))
        self.connected.add(address)
        try:
            async for batch in call:
                for _ in range(batch.credit):
                    credit.release()
                for name, spent in batch.cost_ns.items():
                    self.cost_ns[name] = self.cost_ns.get(name, 0) + spent
                items = outstanding.get(batch.sequence, [])
                for item, answer in zip(items, batch.pairs, strict=True):
                    if not item.scores.done():
                        item.scores.set_result([score_from_proto(s) for s in answer.scores])
                outstanding.pop(batch.sequence, None)  # only now: a batch answered wrongly is tried again
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _write(
        self,
        call: "grpc.aio.StreamStreamCall[pairs_pb2.PairBatch, pb.ScoreBatch]",
        credit: asyncio.Semaphore,
        outstanding: dict[int, list[_Item]],
    ) -> None:
        sequence = 0
        while True:
            await credit.acquire()
            while not self._waiting:
                self._more.clear()
                await self._more.wait()
            items = [self._waiting.popleft()]
            while self._waiting and len(items) < BATCH and not credit.locked():
                await credit.acquire()
                items.append(self._waiting.popleft())
            sequence += 1
            outstanding[sequence] = items
            await call.write(pairs_pb2.PairBatch(sequence=sequence, pairs=[item.pair for item in items]))

    def _given_up(self, pair: values_pb2.Pair) -> list[Score]:
        try:
            return unscored(self._metrics, pair_from_proto(pair), "worker_lost")
        except (ValueError, KeyError):  # no pair at all: whoever counts it finds that out and says so
            return []

    def _retry(self, items: Iterable[_Item]) -> None:
        for item in items:
            item.tries += 1
            if item.scores.done():
                continue
            if item.tries < TRIES:
                self._waiting.appendleft(item)
            else:
                self.lost_pairs += 1
                item.scores.set_result(self._given_up(item.pair))
        self._more.set()
