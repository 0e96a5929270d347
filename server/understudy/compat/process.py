"""The compat process: listens, obeys `switch` and `drain`, and ends when its callers have."""

import asyncio
import contextlib
import gc
import itertools
import logging
import random
import signal
from collections.abc import Awaitable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc

from understudy import latch, relay
from understudy.codec import Arity, Codec, Undecodable
from understudy.compat.budget import Budget
from understudy.compat.call import forward, forward_unary, plain
from understudy.compat.copy import Copy
from understudy.compat.held import Held
from understudy.compat.route import Metadata, Route
from understudy.compat.settings import Compression, Settings
from understudy.errors import ConfigError, UnderstudyError
from understudy.pair import Leg
from understudy.relay.tap import Tap
from understudy.service.lines import ask, listen
from understudy.wire.copy import Record

log = logging.getLogger(__name__)

T = TypeVar("T")
SOCKET = "compat.sock"
HOUSEKEEPING_S = 0.5
METADATA_BYTES = 1024 * 1024

_COMPRESSION = {
    Compression.NONE: grpc.Compression.NoCompression,
    Compression.GZIP: grpc.Compression.Gzip,
    Compression.DEFLATE: grpc.Compression.Deflate,
}
_COMMON: tuple[tuple[str, Any], ...] = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", METADATA_BYTES),
)
_SERVER = (
    *_COMMON,
    # A successor binds beside us while we finish our callers.
    ("grpc.so_reuseport", 1),
    # Callers' keepalive is between them and us; none of it is a reason to hang up.
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 500),
)
_PLAIN = ("grpc.compression_enabled_algorithms_bitset", 1)
"""Identity alone."""
_CHANNEL = (
    *_COMMON,
    ("grpc.max_receive_message_length", -1),
    # Callers see what the engine said, once. But a call that the engine never read, because its connection had aged
    # when the call was on its way, is sent on the next connection: gRPC does that and no more where no policy asks
    # for retries, and nobody's policy is looked up.
    ("grpc.enable_retries", 1),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


@dataclass(frozen=True, slots=True)
class Place:
    """What follows from the rest of the config."""

    baseline: str
    """The baseline engine: host:port or unix:PATH."""
    candidate: str
    """The candidate engine."""
    primary: Leg
    """Which engine serves where no share decides, unless a latch says otherwise."""
    latch: str
    """The switch latch's file."""
    run_dir: str
    """Where observer.sock is found and compat.sock is made."""
    drain_max_s: float = 30.0
    """How long a request in flight may hold up a switch or a drain, seconds."""

    def address(self, leg: Leg) -> str:
        """The address of an engine."""
        return self.baseline if leg is Leg.BASELINE else self.candidate


@dataclass(slots=True)
class Counts:
    """What happened, for `status`."""

    calls: int = 0
    baseline: int = 0
    """Calls to the baseline; a held stream that moves makes several."""
    candidate: int = 0
    elided: int = 0
    """Calls of which a message was left out of the copy."""
    blind: int = 0
    """Calls the observer was told nothing of, or not to their end."""


class Proxy:
    """The terminating path of one process."""

    def __init__(
        self, settings: Settings, place: Place, codecs: Sequence[Codec], copying: relay.Settings | None = None
    ) -> None:
        """`copying` bounds the copy for the observer, as it does the relay's."""
        self.settings = settings
        self.place = place
        self.counts = Counts()
        self.budget = Budget(settings.total_bytes)
        self.draining = False
        self.tap = Tap(copying or relay.Settings(run_dir=place.run_dir), _ignored, self._lost)
        self.route = self._routed(place.primary)
        self.port = 0
        """The TCP port listened on."""
        self.held: set[Held] = set()
        self._codecs = tuple(codecs)
        self._channels: dict[Leg, grpc.aio.Channel] = {}
        self._numbers = itertools.count(1)
        self._copies: set[Copy] = set()
        self._open = 0
        self._tasks: set[asyncio.Future[None]] = set()
        self._stopping = asyncio.Event()
        self._server: grpc.aio.Server | None = None

    # ---- running

    async def serve(self, *, signals: bool = False) -> None:
        """Serve until drained; SIGTERM and SIGINT drain with `signals`.

        Raises:
            ConfigError: the address is taken or not ours.
        """
        loop = asyncio.get_running_loop()
        await self.start()
        path = Path(self.place.run_dir) / SOCKET
        with contextlib.suppress(UnderstudyError):  # both of us listen, so no caller is refused
            await ask(path, {"op": "drain"}, timeout_s=2)
            log.warning("compat: one of an earlier supervisor still served: it finishes its callers and ends")
        control = await listen(path, self.obey)
        mine = path.stat().st_ino
        for number in (signal.SIGTERM, signal.SIGINT) if signals else ():
            loop.add_signal_handler(number, self._stopping.set)
        try:
            await self._stopping.wait()
        finally:
            control.close()
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_ino == mine:  # it may be a successor's by now
                    path.unlink()
            await self.stop(self.place.drain_max_s)

    async def start(self) -> None:
        """Listen for callers.

        Raises:
            ConfigError: the address is taken or not ours.
        """
        compression = _COMPRESSION[self.settings.compression]
        for leg in (Leg.BASELINE, Leg.CANDIDATE):
            self._channels[leg] = grpc.aio.insecure_channel(
                self.place.address(leg), options=_CHANNEL, compression=compression
            )
        self._server = grpc.aio.server(
            # gRPC stops inflating at this length; what calls hold together is counted once we see a message.
            options=[
                *_SERVER,
                ("grpc.max_receive_message_length", self.settings.message_bytes),
                *(() if self.settings.compressed else (_PLAIN,)),
            ],
            compression=compression,
            maximum_concurrent_rpcs=self.settings.max_calls,
        )
        self._server.add_generic_rpc_handlers((_Every(self),))
        try:
            self.port = self._server.add_insecure_port(self.settings.listen)
        except RuntimeError:
            raise ConfigError(
                f"compat.listen: cannot listen on {self.settings.listen}: set it to a free address"
            ) from None
        await self._server.start()
        self.background(self.tap.run())
        self.background(self._keep_house())
        log.info("compat: listening on %s, %s serves", self.settings.listen, self.route.primary)

    async def stop(self, grace_s: float | None) -> None:
        """Take no more calls, let those there are finish, and end."""
        self.draining = True
        for held in list(self.held):
            held.drain()
        if self._server is not None:
            await self._server.stop(grace_s)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for channel in self._channels.values():
            await channel.close(None)

    async def _keep_house(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            self.counts.blind += len(self.tap.expire(loop.time()))

    # ---- orders

    async def obey(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what the control socket says.

        Raises:
            UnderstudyError: it is no order, or one that cannot be obeyed.
        """
        match request:
            case {"op": "status"}:
                return self.status()
            case {"op": "switch", "to": str(to)}:
                return self.switch(to)
            case {"op": "drain"}:
                self._stopping.set()
                return {"calls": self._open}
        raise UnderstudyError(f"compat: no such order {request!r}: use status, switch or drain")

    def switch(self, to: str) -> dict[str, Any]:
        """From the next request on, `to` is the primary, and serves all of them while something is latched.

        Raises:
            UnderstudyError: `to` is no engine, or a latch stands against it.
        """
        if to not in latch.ENGINES:
            raise UnderstudyError(f"switch: {to!r} is neither baseline nor candidate: name one")
        route = self._routed(Leg(to))
        if route.primary != to:
            raise UnderstudyError(f"switch: latched to {route.primary}: `understudy rearm` first")
        if route != self.route:
            log.warning("%s serves%s", to, ", shares do not count" if route.mandated else "")
        self.route = route
        return {"primary": to, "latched": route.latched}

    def _routed(self, primary: Leg) -> Route:
        held = latch.read(self.place.latch)
        if held is not None:
            return Route(self.settings, Leg(held.primary), latched=True)
        return Route(self.settings, primary)

    def status(self) -> dict[str, Any]:
        """Everything countable, as JSON values; names end in their unit."""
        return {
            "primary": self.route.primary.value,
            "latched": self.route.latched,
            "draining": self.draining,
            "open_calls": self._open,
            "held_streams": len(self.held),
            **asdict(self.counts),
            "refused": self.budget.refused,
            "held_bytes": self.budget.used,
            "observer_connected": self.tap.connected,
            "observer_unsent_bytes": self.tap.unsent,
        }

    # ---- what calls need (call.Home)

    def draw(self) -> float:
        """A number in [0, 1), afresh each time."""
        return random.random()

    def channel(self, leg: Leg) -> grpc.aio.Channel:
        """The channel to an engine."""
        return self._channels[leg]

    def copy(self, leg: Leg, method: str, metadata: Metadata) -> Copy:
        """Begin to tell the observer of a call."""
        copy = Copy(self.tap, next(self._numbers), leg, self.place.address(leg), method, metadata)
        self._copies.add(copy)
        if leg is Leg.BASELINE:
            self.counts.baseline += 1
        else:
            self.counts.candidate += 1
        return copy

    def told(self, copy: Copy) -> None:
        """A call is over."""
        self._copies.discard(copy)
        self.counts.elided += copy.elided
        self.counts.blind += copy.blind

    def background(self, work: Awaitable[None]) -> None:
        """Work that no call waits for; what goes wrong in it is said."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._worked)

    def _worked(self, task: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("compat: %r", error)

    def _lost(self) -> None:
        """The observer is gone, and with it what it knew of the calls in flight."""
        for copy in self._copies:
            copy.lost()

    # ---- calls

    async def plain(self, method: str, metadata: Metadata, context: Any) -> None:
        """A call of any type, whose messages are nobody's business."""
        await self._counted(forward(self, method, metadata, context))

    def _unary(self, codec: Codec, method: str, metadata: Metadata) -> Any:
        model_of = _model_of(codec)

        async def serve(request: bytes, context: Any) -> bytes:
            return await self._counted(forward_unary(self, method, metadata, request, context, model_of))

        return serve

    async def multiplexed(self, codec: Codec, method: str, metadata: Metadata, context: Any) -> None:
        """A stream whose messages are requests."""
        held = Held(self, codec, method, metadata, context, self.place.drain_max_s)
        self.held.add(held)
        try:
            await self._counted(held.run())
        finally:
            self.held.discard(held)

    async def _counted(self, call: Awaitable[T]) -> T:
        self.counts.calls += 1
        self._open += 1
        try:
            return await call
        finally:
            self._open -= 1

    def _codec(self, method: str) -> Codec | None:
        return next((codec for codec in self._codecs if codec.arity(method) is not None), None)

    def handler(self, method: str, metadata: Metadata) -> Any:
        """How a call of this method is served; metadata cannot be had later in its true form."""
        codec = self._codec(method)
        if codec is not None and codec.arity(method) is Arity.UNARY:
            return grpc.unary_unary_rpc_method_handler(self._unary(codec, method, metadata))
        if codec is not None and codec.arity(method) is Arity.MULTIPLEXED:

            async def serve(_: object, context: Any) -> None:
                await self.multiplexed(codec, method, metadata, context)
        else:

            async def serve(_: object, context: Any) -> None:
                await self.plain(method, metadata, context)

        made: Any = grpc.stream_stream_rpc_method_handler
        return made(serve)


class _Every(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Serves whatever method is called: that there is none is for the engine to say."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    def service(self, details: Any) -> Any:
        return self._proxy.handler(details.method, plain(details.invocation_metadata))


def _model_of(codec: Codec) -> Any:
    def model(message: bytes) -> str:
        try:
            return str(codec.ask(message).body.model_name)
        except (Undecodable, AttributeError):
            return ""

    return model


def _ignored(mark: Record) -> None:
    """The observer's marks are for relays: here streams are followed by those who serve them."""


def run(settings: Settings, place: Place, codecs: Sequence[Codec], copying: relay.Settings) -> int:
    """Serve until drained; returns the exit code.

    Raises:
        ConfigError: the address is taken or not ours.
    """
    gc.freeze()
    asyncio.run(Proxy(settings, place, codecs, copying).serve(signals=True))
    return 0
