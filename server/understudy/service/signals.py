"""SignalService: verdicts, alerts and signals as they change."""

import asyncio
from collections.abc import AsyncIterator

import grpc

from understudy.v1 import signals_pb2 as pb
from understudy.v1 import signals_pb2_grpc as rpc

WATCHER_QUEUE = 1024
"""Events kept for a slow watcher; older ones are dropped for it alone."""


class SignalServicer(rpc.SignalServiceServicer):
    """Fans events out to watchers."""

    def __init__(self) -> None:
        self._watchers: set[asyncio.Queue[pb.SignalEvent]] = set()

    def publish(self, event: pb.SignalEvent) -> None:
        """Give the event to every watcher."""
        for watcher in self._watchers:
            if watcher.full():
                watcher.get_nowait()
            watcher.put_nowait(event)

    async def Watch(
        self,
        request: pb.WatchSignalsRequest,
        context: grpc.aio.ServicerContext[pb.WatchSignalsRequest, pb.SignalEvent],
    ) -> AsyncIterator[pb.SignalEvent]:
        """Stream events from now on."""
        queue: asyncio.Queue[pb.SignalEvent] = asyncio.Queue(WATCHER_QUEUE)
        self._watchers.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._watchers.discard(queue)
