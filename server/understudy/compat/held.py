"""A held stream on which every message is a request: it moves to another engine when nothing is in flight."""

import asyncio
import contextlib
from typing import Any

import grpc

from understudy.codec import Ask, Codec, Undecodable
from understudy.codec.calls import Calls
from understudy.compat.budget import Full
from understudy.compat.call import Home, Upstream
from understudy.compat.caller import Caller, Status, refusal
from understudy.compat.route import Metadata
from understudy.pair import Leg
from understudy.wire.copy import End

LINGER_S = 5.0
"""How long an engine may take to end a call that was left at an idle point."""
CALL_BYTES = 256
"""What it costs to remember a request in flight: an empty one is five bytes on the wire."""
LOOK_S = 0.5
"""How often a stream that has to move is looked at, whose engine never marks the end of a reply."""


class Held:
    """One call of a multiplexed method, over as many calls to engines as its messages ask for."""

    def __init__(
        self, home: Home, codec: Codec, method: str, metadata: Metadata, context: Any, drain_max_s: float
    ) -> None:
        self._home = home
        self._codec = codec
        self._method = method
        self._metadata = metadata
        self._caller = Caller(context, home.settings, home.budget)
        self._drain_max_s = drain_max_s
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[Status] = self._loop.create_future()
        self._idle = asyncio.Event()
        self._idle.set()
        self._calls = Calls()
        self._marks = False
        """The engine marks the last message of a reply."""
        self._answered = False
        """Something came in reply since the last request."""
        self._heard_s = 0.0
        self._asked_all = False
        self._upstream: Upstream | None = None
        self._replying: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve it to its end."""
        if not self._home.route.reads_models:
            self._open(self._choose(""))
        asking = asyncio.ensure_future(self._ask())
        asking.add_done_callback(self._asked)
        try:
            await self._caller.finish(await self._over)
        finally:
            asking.cancel()
            if self._upstream is not None:
                self._upstream.leave()
            if self._replying is not None:
                self._replying.cancel()
            self._caller.close()

    def drain(self) -> None:
        """End it as soon as nothing is in flight."""
        if self._idle.is_set():
            self._end(Status(grpc.StatusCode.UNAVAILABLE, "the proxy is going: connect again"))

    def _asked(self, asking: asyncio.Future[None]) -> None:
        """The caller broke off, or a defect of ours: either way it is over, and not in silence."""
        if not asking.cancelled() and (error := asking.exception()) is not None and not self._over.done():
            if isinstance(error, Full):
                self._refuse(error)
            else:
                self._over.set_exception(error)

    def _refuse(self, full: Full) -> None:
        self._end(refusal(full))
        if self._upstream is not None:
            self._upstream.leave(End.RELAY)

    def _end(self, status: Status) -> None:
        if not self._over.done():
            self._over.set_result(status)

    def _choose(self, model: str) -> Leg:
        return self._home.route.choose(self._method, model, self._metadata, self._home.draw())

    def _open(self, leg: Leg) -> Upstream:
        upstream = Upstream(self._home, leg, self._method, self._metadata, self._caller.left_s)
        self._upstream = upstream
        self._marks = False
        self._replying = asyncio.ensure_future(self._replies(upstream))
        return upstream

    # ---- towards the engine

    async def _ask(self) -> None:
        fresh = self._upstream is not None
        """The first message was drawn for when its stream began."""
        while (message := await self._caller.read()) is not None:
            try:
                ask: Ask | None = self._codec.ask(message)
            except Undecodable:
                ask = None  # the engine's to judge
            upstream = await self._place(ask, fresh)
            fresh = False
            if upstream is None:
                return
            if ask is None or not ask.stop:
                self._calls.ask(ask.id if ask else "")
                self._caller.note(len(self._calls) * CALL_BYTES)
                self._idle.clear()
                self._answered = False
            if not await upstream.send(message):
                return  # its end is told by who reads its replies
        self._asked_all = True
        if self._upstream is not None:
            await self._upstream.half_close()
        else:
            self._end(Status(grpc.StatusCode.OK))

    async def _place(self, ask: Ask | None, fresh: bool) -> Upstream | None:
        """The call that a message belongs on; None when the stream is over."""
        stays = fresh or (ask is not None and ask.stop)
        model = ask.body.model_name if ask is not None else ""
        while not self._over.done():
            upstream, mandated = self._upstream, self._home.route.mandated
            if upstream is not None and stays and (mandated in (None, upstream.leg) or not fresh):
                return upstream
            leg = self._choose(model)
            if upstream is None:
                return self._open(leg)
            if upstream.leg is leg:
                return upstream
            if self._quiet():
                self._move(upstream)
                return self._open(leg)
            if mandated is None:
                return upstream  # a share decides, and other requests hold the stream where it is
            try:
                async with asyncio.timeout(self._drain_max_s):
                    while not self._quiet():
                        with contextlib.suppress(TimeoutError):
                            await asyncio.wait_for(self._idle.wait(), LOOK_S)
            except TimeoutError:
                self._end(
                    Status(
                        grpc.StatusCode.UNAVAILABLE,
                        "the primary was switched, and a reply of the old one did not end in time",
                    )
                )
        return None

    def _quiet(self) -> bool:
        """Whether nothing is in flight, as far as the engine's manner tells."""
        if self._idle.is_set():
            return True
        silent = self._loop.time() - self._heard_s >= self._home.settings.quiet_s
        if self._answered and not self._marks and silent:
            self._settle()
        return self._idle.is_set()

    def _settle(self) -> None:
        for key in self._calls.open:
            self._calls.end(key)
        self._caller.note(0)
        self._idle.set()

    def _move(self, upstream: Upstream) -> None:
        """Leave an engine at an idle point; it ends the call in its own time."""
        replying, self._upstream, self._replying = self._replying, None, None
        if replying is not None:
            self._home.background(_linger(upstream, replying))

    # ---- towards the caller

    async def _replies(self, upstream: Upstream) -> None:
        try:
            await self._reply(upstream)
        except Full as full:
            self._refuse(full)
        except (grpc.RpcError, grpc.aio.BaseError, asyncio.InvalidStateError) as error:
            if not self._over.done():  # the caller's side broke
                self._over.set_exception(error)

    async def _reply(self, upstream: Upstream) -> None:
        await self._caller.head(await upstream.head(), upstream)
        while (message := await upstream.read()) is not None:
            if self._upstream is upstream:
                await self._caller.write(message)
                self._hear(message)
        status = await upstream.status(self._caller.left_s)
        if self._upstream is not upstream:
            return
        mandated = self._home.route.mandated
        if self._idle.is_set() and not self._asked_all and mandated not in (None, upstream.leg):
            self._upstream = None  # it went after a switch, at an idle point: the next message goes elsewhere
        else:
            self._end(status)

    def _hear(self, message: bytes) -> None:
        self._heard_s = self._loop.time()
        self._answered = True
        try:
            chunk = self._codec.chunk(self._method, message)
        except Undecodable:
            return
        self._marks = self._marks or chunk.final
        self._calls.answer(chunk)
        self._caller.note(len(self._calls) * CALL_BYTES)
        if not self._calls:
            self._idle.set()
            if self._home.draining:
                self.drain()


async def _linger(upstream: Upstream, replying: asyncio.Task[None]) -> None:
    await upstream.half_close()
    await asyncio.wait({replying}, timeout=LINGER_S)
    replying.cancel()
    upstream.leave(End.RELAY)
