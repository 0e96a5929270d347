"""PairService: observers publish pairs and accounting to the controller; others may watch the pairs."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing
from typing import Protocol

import grpc

from understudy.service.watchers import Watchers
from understudy.v1 import pairs_pb2 as pb
from understudy.v1 import pairs_pb2_grpc as rpc

CREDIT = 512
"""Pairs an observer may have published but not yet acknowledged."""

WATCHER_QUEUE = 64
"""Batches kept for a slow watcher; older ones are dropped for it alone."""


class Sink(Protocol):
    """Where published batches go: the pipeline."""

    def take(self, batch: pb.PairBatch) -> Awaitable[None]:
        """Take a batch over at once; what it returns is done when the batch's pairs are counted durably."""
        ...

    def state(self) -> pb.ObserverState:
        """Return what observers should do now."""
        ...


class PairServicer(rpc.PairServiceServicer):
    """Acknowledges batches in order as the sink has counted them, and pushes state changes at once."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._watchers: Watchers[pb.PairBatch] = Watchers(WATCHER_QUEUE)
        self._changed = asyncio.Event()
        self.publishers = 0
        self.boots: Counter[str] = Counter()
        """Streams open now, by the boot id of the observer behind each."""

    def changed(self) -> None:
        """Push the sink's new state to every observer now (kill switch, switch of primary)."""
        event, self._changed = self._changed, asyncio.Event()
        event.set()

    async def Publish(
        self,
        request_iterator: AsyncIterator[pb.PairBatch],
        context: grpc.aio.ServicerContext[pb.PairBatch, pb.Credit],
    ) -> AsyncIterator[pb.Credit]:
        """Take batches as they come; one Credit for each, in order, and one whenever the state changes."""
        replies: asyncio.Queue[pb.Credit | None] = asyncio.Queue()
        taken: asyncio.Queue[tuple[pb.PairBatch, Awaitable[None]] | None] = asyncio.Queue()
        self.publishers += 1
        boots: set[str] = set()
        intake = asyncio.ensure_future(self._take(request_iterator, taken, boots))
        intake.add_done_callback(lambda _: taken.put_nowait(None))
        counted = asyncio.ensure_future(self._acknowledge(taken, replies))
        counted.add_done_callback(lambda _: replies.put_nowait(None))
        pushed = asyncio.ensure_future(self._push(replies))
        try:
            yield pb.Credit(pairs=CREDIT, state=self._sink.state())
            while (reply := await replies.get()) is not None:
                yield reply
            intake.result()
            counted.result()
        finally:
            self.publishers -= 1
            self.boots -= Counter(boots)
            for task in (intake, counted, pushed):
                task.cancel()
            await asyncio.gather(intake, counted, pushed, return_exceptions=True)

    async def _take(
        self,
        batches: AsyncIterator[pb.PairBatch],
        taken: asyncio.Queue[tuple[pb.PairBatch, Awaitable[None]] | None],
        boots: set[str],
    ) -> None:
        async for batch in batches:
            if batch.ledger.boot and batch.ledger.boot not in boots:
                boots.add(batch.ledger.boot)
                self.boots[batch.ledger.boot] += 1
            taken.put_nowait((batch, self._sink.take(batch)))
            if batch.pairs:
                self._watchers.tell(batch)

    async def _acknowledge(
        self,
        taken: asyncio.Queue[tuple[pb.PairBatch, Awaitable[None]] | None],
        replies: asyncio.Queue[pb.Credit | None],
    ) -> None:
        while (item := await taken.get()) is not None:
            batch, counted = item
            await counted
            replies.put_nowait(
                pb.Credit(acknowledged=batch.sequence, pairs=len(batch.pairs), state=self._sink.state())
            )

    async def _push(self, replies: asyncio.Queue[pb.Credit | None]) -> None:
        while True:
            await self._changed.wait()
            replies.put_nowait(pb.Credit(state=self._sink.state()))

    async def Watch(
        self,
        request: pb.WatchPairsRequest,
        context: grpc.aio.ServicerContext[pb.WatchPairsRequest, pb.PairBatch],
    ) -> AsyncIterator[pb.PairBatch]:
        """Stream batches as they are published; a slow watcher loses the oldest, nobody else does."""
        async with aclosing(self._watchers.watch()) as batchs:
            async for batch in batchs:
                yield batch
