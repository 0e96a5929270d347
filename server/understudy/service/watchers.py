"""Fan-out of a stream to whoever watches it: a slow watcher loses the oldest, nobody else loses anything."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

T = TypeVar("T")


class Watchers(Generic[T]):
    """The watchers there are now, each with a queue of its own."""

    def __init__(self, depth: int) -> None:
        """Keep at most `depth` items for each."""
        self._depth = depth
        self._queues: set[asyncio.Queue[T]] = set()

    def tell(self, item: T) -> None:
        """Give an item to every watcher; never waits."""
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(item)

    async def watch(self) -> AsyncGenerator[T, None]:
        """Yield what is told from the first step on, until the caller leaves."""
        queue: asyncio.Queue[T] = asyncio.Queue(self._depth)
        self._queues.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._queues.discard(queue)
