"""SignalService: verdicts, alerts and signals as they change."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc

from understudy.service.watchers import Watchers
from understudy.v1 import signals_pb2 as pb
from understudy.v1 import signals_pb2_grpc as rpc

WATCHER_QUEUE = 1024
"""Events kept for a slow watcher; older ones are dropped for it alone."""


class SignalServicer(rpc.SignalServiceServicer):
    """Fans events out to watchers."""

    def __init__(self) -> None:
        self._watchers: Watchers[pb.SignalEvent] = Watchers(WATCHER_QUEUE)

    def publish(self, event: pb.SignalEvent) -> None:
        """Give the event to every watcher."""
        self._watchers.tell(event)

    async def Watch(
        self,
        request: pb.WatchSignalsRequest,
        context: grpc.aio.ServicerContext[pb.WatchSignalsRequest, pb.SignalEvent],
    ) -> AsyncIterator[pb.SignalEvent]:
        """Stream events from now on."""
        async with aclosing(self._watchers.watch()) as events:
            async for event in events:
                yield event
