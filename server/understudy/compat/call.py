"""One call: its caller, the engine that serves it, and the bytes between them."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, Protocol

import grpc

from understudy.compat.budget import Budget, Full
from understudy.compat.caller import EOF, Caller, Status, refusal
from understudy.compat.copy import Copy
from understudy.compat.route import Metadata, Route, edited
from understudy.compat.send import send
from understudy.compat.settings import Settings
from understudy.pair import Leg
from understudy.wire.copy import End

log = logging.getLogger(__name__)

_HOP = frozenset({"user-agent", "te", "content-type", "host"})


class Home(Protocol):
    """What calls need of the process."""

    settings: Settings
    budget: Budget
    route: Route
    draining: bool

    def draw(self) -> float:
        """A number in [0, 1), afresh each time."""
        ...

    def channel(self, leg: Leg) -> grpc.aio.Channel:
        """The channel to an engine."""
        ...

    def copy(self, leg: Leg, method: str, metadata: Metadata) -> Copy:
        """Begin to tell the observer of a call."""
        ...

    def told(self, copy: Copy) -> None:
        """A call is over."""
        ...

    def background(self, work: Awaitable[None]) -> None:
        """Work that the call does not wait for."""
        ...


def sent_on(metadata: Metadata, settings: Settings) -> Metadata:
    """What the engine gets of a caller's metadata."""
    passed = tuple(field for field in metadata if field[0] not in _HOP and not field[0].startswith("grpc-"))
    return edited(passed, settings.request)


def shown(caller: Metadata, engine: Metadata) -> Metadata:
    """What the observer hears: the engine's call, and what the caller said to us alone."""
    there = {name for name, _ in engine}
    ours = tuple(field for field in caller if field[0].startswith("x-understudy-") and field[0] not in there)
    return engine + ours


def plain(metadata: Any) -> Metadata:
    """GRPC's metadata as pairs."""
    return tuple((name, value) for name, value in metadata) if metadata else ()


class Upstream:
    """One call to one engine. Its end is a value, never an exception."""

    __slots__ = ("_call", "_copy", "_home", "_over", "leg")

    def __init__(
        self,
        home: Home,
        leg: Leg,
        method: str,
        caller: Metadata,
        timeout_s: float | None,
        request: bytes | None = None,
    ) -> None:
        """With `request` it is a unary call, whose end `reply` awaits; else a stream."""
        self.leg = leg
        self._home = home
        self._over = False
        metadata = sent_on(caller, home.settings)
        self._copy = home.copy(leg, method, shown(caller, metadata))
        channel: Any = home.channel(leg)
        self._call: Any
        if request is None:
            self._call = channel.stream_stream(method, None, None)(metadata=metadata, timeout=timeout_s)
        else:
            self._copy.asked(request)
            self._copy.half_closed()
            self._call = channel.unary_unary(method, None, None)(
                request, metadata=metadata, timeout=timeout_s
            )

    @property
    def done(self) -> bool:
        """The engine has said its last word."""
        return bool(self._call.done())

    async def send(self, message: bytes) -> bool:
        """Pass a message on; False when the call is over already."""
        self._copy.asked(message)
        try:
            await send(self._call, message)
        except (grpc.RpcError, asyncio.InvalidStateError, grpc.aio.UsageError, grpc.aio.InternalError):
            return False
        return True

    async def half_close(self) -> None:
        """The caller will send nothing more."""
        self._copy.half_closed()
        try:
            await self._call.done_writing()
        except (grpc.RpcError, asyncio.InvalidStateError, grpc.aio.UsageError, grpc.aio.InternalError):
            pass  # it is over: its status says how

    async def head(self) -> Metadata:
        """The response headers, as soon as the engine sends them or ends the call; empty for none."""
        try:
            metadata = plain(await self._call.initial_metadata())
        except grpc.RpcError:
            return ()
        if metadata:
            self._copy.head(metadata)
        return metadata

    async def read(self) -> bytes | None:
        """The next message; None at the end."""
        try:
            message = await self._call.read()
        except grpc.RpcError:
            return None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if (task is not None and task.cancelling()) or not self._call.done():
                raise
            return None
        if message is EOF:
            return None
        self._copy.answered(message)
        return bytes(message)

    async def reply(self) -> bytes | None:
        """A unary call's message; None when it failed."""
        try:
            return bytes(await self._call)
        except grpc.RpcError:
            return None

    def answered(self, message: bytes) -> None:
        """Tell the observer of a unary call's message, after its headers."""
        self._copy.answered(message)

    async def status(self, left_s: float | None) -> Status:
        """How it ended, once `read` has said so; `left_s` is what is left of the caller's deadline."""
        code = await self._call.code()
        details = await self._call.details() or ""
        metadata = plain(await self._call.trailing_metadata())
        if self._over:  # we left it meanwhile
            return Status(code, details, metadata)
        self._over = True
        if code is grpc.StatusCode.DEADLINE_EXCEEDED and left_s is not None and left_s <= 0:
            self._copy.left()  # the caller's deadline, which gRPC keeps here too: not the engine's word
        else:
            self._copy.status(code.value[0], details, metadata)
        self._home.told(self._copy)
        return Status(code, details, metadata)

    def leave(self, end: End = End.CLIENT_CLOSED) -> None:
        """Cancel it, unless it is over."""
        if not self._over:
            self._over = True
            self._call.cancel()
            self._copy.left(end)
            self._home.told(self._copy)


async def forward(home: Home, method: str, metadata: Metadata, context: Any) -> None:
    """Serve one call of any type."""
    caller = Caller(context, home.settings, home.budget)
    leg = home.route.choose(method, "", metadata, home.draw())
    upstream = Upstream(home, leg, method, metadata, caller.left_s)
    refused: list[Status] = []

    def refuse(full: Full) -> None:
        refused.append(refusal(full))
        upstream.leave(End.RELAY)

    async def ask() -> None:
        try:
            while (message := await caller.read()) is not None:
                if not await upstream.send(message):
                    return
        except Full as full:
            refuse(full)
            return
        await upstream.half_close()

    asking = asyncio.ensure_future(ask())
    try:
        try:
            await caller.head(await upstream.head(), upstream)
            while (message := await upstream.read()) is not None:
                await caller.write(message)
        except Full as full:
            refuse(full)
        status = await upstream.status(caller.left_s)
        await caller.finish(refused[0] if refused else status)
    finally:
        asking.cancel()
        upstream.leave()
        caller.close()
        asking.add_done_callback(_over)


async def forward_unary(
    home: Home, method: str, metadata: Metadata, request: bytes, context: Any, model_of: Any
) -> bytes:
    """The same for a method known to take one message and give one: half the work of a stream.

    What the engine says before its one reply is passed on with the reply.
    """
    caller = Caller(context, home.settings, home.budget)
    try:
        caller.keep(len(request))
    except Full as full:
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(full))
    model = model_of(request) if home.route.reads_models else ""
    leg = home.route.choose(method, model, metadata, home.draw())
    upstream = Upstream(home, leg, method, metadata, caller.left_s, request)
    try:
        reply = await upstream.reply()
        head = await upstream.head()
        if reply is not None:
            upstream.answered(reply)
            caller.keep(len(reply))
        if head or (reply is not None and home.settings.response):
            await caller.send_head(head)
        status = await upstream.status(caller.left_s)
    except Full as full:
        reply, status = None, refusal(full)
    finally:
        upstream.leave()
    if reply is None:
        status = caller.last(status)
        await context.abort(status.code, status.details, status.metadata)
    await caller.finish(status)
    return reply or b""


def _over(asking: asyncio.Future[None]) -> None:
    """A caller that breaks off in mid-call is how calls end, not a defect."""
    if not asking.cancelled() and (error := asking.exception()) is not None:
        log.debug("a caller broke off: %r", error)
