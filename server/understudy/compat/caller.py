"""The caller's side of one call."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc

from understudy.compat.budget import Budget, Full
from understudy.compat.route import Metadata, edited, thinned
from understudy.compat.settings import Settings

if TYPE_CHECKING:
    from understudy.compat.call import Upstream

EOF: Final[Any] = grpc.aio.EOF  # type: ignore[attr-defined]
EARLY_S = 0.01
"""Empty response headers are passed on when nothing has followed them for this long: gRPC does not tell them from a
reply that is its trailers alone, and a caller may wait for the one and must not be shown headers before the other."""


@dataclass(frozen=True, slots=True)
class Status:
    """How a call ended."""

    code: grpc.StatusCode
    details: str = ""
    metadata: Metadata = ()


class Caller:
    """The caller's side of a call: headers once, and not before the engine's.

    What it hands over, either way, is counted until it has been passed on.
    """

    __slots__ = ("_asked", "_budget", "_context", "_early", "_edits", "_headed", "_kept", "_noted", "_timer")

    def __init__(self, context: Any, settings: Settings, budget: Budget) -> None:
        self._context = context
        self._budget = budget
        self._asked = 0
        """Bytes of the latest message read."""
        self._kept = 0
        self._noted = 0
        self._edits = settings.response
        self._headed = False
        self._timer: asyncio.TimerHandle | None = None
        self._early: asyncio.Future[None] | None = None

    @property
    def left_s(self) -> float | None:
        """What is left of its deadline; None without one."""
        left: float | None = self._context.time_remaining()
        return left

    async def read(self) -> bytes | None:
        """The caller's next message, once the one before has been passed on; None when it sends no more.

        Raises:
            Full: it does not fit beside what other calls hold.
        """
        self._budget.give(self._asked)
        self._asked = 0
        message = await self._context.read()
        if message is EOF:
            return None
        self._budget.take(len(message))
        self._asked = len(message)
        return bytes(message)

    def keep(self, size: int) -> None:
        """Count bytes that are held until gRPC has sent the last of this call, which is after its handler ended.

        Raises:
            Full: they do not fit beside what other calls hold.
        """
        self._budget.take(size)
        if not self._kept:
            self._context.add_done_callback(self._sent)
        self._kept += size

    def _sent(self, _: object) -> None:
        self._budget.give(self._kept)
        self._kept = 0

    def note(self, size: int) -> None:
        """What is remembered of its requests in flight weighs so many bytes now.

        Raises:
            Full: that is more than fits.
        """
        if size > self._noted:
            self._budget.take(size - self._noted)
        else:
            self._budget.give(self._noted - size)
        self._noted = size

    async def head(self, metadata: Metadata, upstream: "Upstream") -> None:
        """The engine's response headers have come."""
        if self._headed:
            return
        if metadata:
            await self.send_head(metadata)
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(EARLY_S, self._due, upstream)

    def _due(self, upstream: "Upstream") -> None:
        if not self._headed and not upstream.done:
            self._early = asyncio.ensure_future(self.send_head(()))

    async def send_head(self, metadata: Metadata) -> None:
        """Send the headers now."""
        self._headed = True
        await self._context.send_initial_metadata(edited(metadata, self._edits))

    async def write(self, message: bytes) -> None:
        """Pass a message to the caller; returns when it has taken it.

        Raises:
            Full: it does not fit beside what other calls hold.
        """
        self._budget.take(len(message))
        try:
            await self._settled()
            if not self._headed:
                await self.send_head(())
            await self._context.write(message)
        finally:
            self._budget.give(len(message))

    async def finish(self, status: Status) -> None:
        """Set the status that is sent when the handler returns."""
        await self._settled()
        status = self.last(status)
        if status.metadata:
            self._context.set_trailing_metadata(status.metadata)
        self._context.set_code(status.code)
        self._context.set_details(status.details)

    def last(self, status: Status) -> Status:
        """The status with the edits that are still to be made."""
        edit = thinned if self._headed else edited
        return Status(status.code, status.details, edit(status.metadata, self._edits))

    async def _settled(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._early is not None:
            early, self._early = self._early, None
            await early

    def close(self) -> None:
        """The call is over, however."""
        if self._timer is not None:
            self._timer.cancel()
        if self._early is not None:
            self._early.cancel()
        self._budget.give(self._asked + self._noted)
        self._asked = self._noted = 0


def refusal(full: Full) -> Status:
    """What the caller hears whose message did not fit."""
    return Status(grpc.StatusCode.RESOURCE_EXHAUSTED, str(full))
