"""PairService: observers publish pairs and accounting to the controller; others may watch the pairs."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import grpc

from understudy.v1 import pairs_pb2 as pb
from understudy.v1 import pairs_pb2_grpc as rpc

CREDIT = 512
"""Pairs an observer may have published but not yet acknowledged."""

WATCHER_QUEUE = 64
"""Batches kept for a slow watcher; older ones are dropped for it alone."""


class Sink(Protocol):
    """Where published batches go: the pipeline."""

    async def take(self, batch: pb.PairBatch) -> None:
        """Take a batch over; returns once its pairs are counted durably."""
        ...

    def state(self) -> pb.ObserverState:
        """Return what observers should do now."""
        ...


class PairServicer(rpc.PairServiceServicer):
    """Acknowledges a batch when the sink has taken it over, and pushes state changes at once."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._watchers: set[asyncio.Queue[pb.PairBatch]] = set()
        self._changed = asyncio.Event()
        self.publishers = 0

    def changed(self) -> None:
        """Push the sink's new state to every observer now (kill switch, switch of primary)."""
        event, self._changed = self._changed, asyncio.Event()
        event.set()

    async def Publish(
        self,
        request_iterator: AsyncIterator[pb.PairBatch],
        context: grpc.aio.ServicerContext[pb.PairBatch, pb.Credit],
    ) -> AsyncIterator[pb.Credit]:
        """Take batches in order; one Credit for each, and one whenever the state changes."""
        replies: asyncio.Queue[pb.Credit | None] = asyncio.Queue()
        self.publishers += 1
        tasks = [
            asyncio.ensure_future(job) for job in (self._take(request_iterator, replies), self._push(replies))
        ]
        tasks[0].add_done_callback(lambda _: replies.put_nowait(None))
        try:
            yield pb.Credit(pairs=CREDIT, state=self._sink.state())
            while (reply := await replies.get()) is not None:
                yield reply
            tasks[0].result()
        finally:
            self.publishers -= 1
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(
        self, batches: AsyncIterator[pb.PairBatch], replies: asyncio.Queue[pb.Credit | None]
    ) -> None:
        async for batch in batches:
            await self._sink.take(batch)
            replies.put_nowait(
                pb.Credit(acknowledged=batch.sequence, pairs=len(batch.pairs), state=self._sink.state())
            )
            if batch.pairs:
                for watcher in self._watchers:
                    if watcher.full():
                        watcher.get_nowait()
                    watcher.put_nowait(batch)

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
        queue: asyncio.Queue[pb.PairBatch] = asyncio.Queue(WATCHER_QUEUE)
        self._watchers.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._watchers.discard(queue)
