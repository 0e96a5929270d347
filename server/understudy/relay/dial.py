"""Which replica of an engine serves a connection, and how it is reached.

The one with the fewest connections of this worker is tried first, then the next. One that could not be reached
is left alone for a while, longer each time, and asked by a check of our own whether it is back; when none is
left, those are tried too, because an error is all that the caller could get otherwise.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any

from understudy import tls
from understudy.relay import proxy
from understudy.relay.counts import Counts
from understudy.relay.ends import End
from understudy.relay.secured import Failure, Secured
from understudy.relay.settings import Settings, parse

logger = logging.getLogger(__name__)


class Replica:
    """One address of an engine."""

    __slots__ = ("address", "connections", "failures", "target", "turn", "until")

    def __init__(self, address: str) -> None:
        self.address = address
        self.target = parse(address)
        self.connections = 0
        """Connections that it serves, or is being dialled for."""
        self.failures = 0
        """Attempts in a row that failed."""
        self.until = 0.0
        """Loop time before which it is left alone."""
        self.turn = 0
        """When it was last chosen, in choices: of those with as few connections the one chosen longest ago."""


class Engine:
    """An engine as the relay dials it."""

    def __init__(self, settings: Settings, leg: str) -> None:
        """Read its TLS files.

        Raises:
            ConfigError: one cannot be used.
        """
        self.leg = leg
        self.replicas = [Replica(address) for address in settings.upstreams(leg)]
        self.tls = settings.upstream_tls(leg)
        self.kept = None if self.tls is None else tls.Kept(self.tls.files, lambda: tls.calling(self._told))
        self._turns = 0

    @property
    def _told(self) -> tls.Upstream:
        assert self.tls is not None
        return self.tls

    def order(self, now: float) -> list[Replica]:
        """The replicas in the order in which they are to be tried."""
        self._turns += 1
        return sorted(
            self.replicas, key=lambda one: (one.until if one.until > now else 0, one.connections, one.turn)
        )

    def chosen(self, replica: Replica) -> None:
        """It is being dialled for a caller."""
        replica.connections += 1
        replica.turn = self._turns

    def server_name(self, replica: Replica) -> str | None:
        """The name its certificate must have."""
        told = self._told.server_name
        return told or (replica.target if isinstance(replica.target, str) else replica.target[0])


class Dialer:
    """Reaches engines for callers, and checks those that have several replicas."""

    def __init__(self, settings: Settings, counts: Counts) -> None:
        """Read the engines' TLS files.

        Raises:
            ConfigError: one cannot be used.
        """
        self._settings = settings
        self._counts = counts
        self.engines = {leg: Engine(settings, leg) for leg in ("baseline", "candidate")}

    async def reach(self, leg: str, end: Callable[[], End], prefix: bytes) -> tuple[Replica, End] | None:
        """A connection to an engine for a caller, one replica after the other; None when no attempt succeeds.

        Args:
            leg: Which engine.
            end: Makes what the connection is handed to, for each attempt anew.
            prefix: The PROXY header, or nothing.
        """
        engine, settings = self.engines[leg], self._settings
        loop = asyncio.get_running_loop()
        deadline = loop.time() + settings.connect_timeout_s
        order = engine.order(loop.time())
        for left, replica in zip(range(len(order), 0, -1), order, strict=True):
            made = end()
            engine.chosen(replica)
            try:
                # None may use up the time that the others need.
                async with asyncio.timeout((deadline - loop.time()) / left):
                    await self._connect(engine, replica, made, prefix)
                if made.transport is None:
                    raise ConnectionResetError("it closed the connection at once")
            except (OSError, TimeoutError) as error:
                replica.connections -= 1
                self._counts.upstream_failures[leg] += 1
                self._failed(engine, replica, str(error) or "timed out")
                if made.transport is not None:
                    made.transport.abort()
                continue
            except BaseException:
                replica.connections -= 1
                raise
            self._answered(engine, replica)
            return replica, made
        self._counts.unreached[leg] += 1
        return None

    async def check(self) -> None:
        """Connect to each replica of an engine that has several, now and then; runs until cancelled."""
        engines = [engine for engine in self.engines.values() if len(engine.replicas) > 1]
        while engines:
            await asyncio.sleep(self._settings.check_s)
            async with asyncio.TaskGroup() as tasks:
                for engine in engines:
                    for replica in engine.replicas:
                        tasks.create_task(self._ask(engine, replica))

    def status(self) -> dict[str, Any]:
        """Each replica as it stands, for `status`."""
        now = asyncio.get_running_loop().time()
        return {
            leg: [
                {
                    "address": one.address,
                    "up": not one.failures,
                    "connections": one.connections,
                    "failures": one.failures,
                    "left_alone_s": round(max(0.0, one.until - now), 1),
                }
                for one in engine.replicas
            ]
            for leg, engine in self.engines.items()
        }

    async def _connect(self, engine: Engine, replica: Replica, end: asyncio.Protocol, prefix: bytes) -> None:
        loop = asyncio.get_running_loop()
        protocol, greeted = end, None
        if engine.kept is not None:
            greeted = loop.create_future()
            protocol = Secured(
                end,
                engine.kept.context,
                _tell(greeted),
                server_name=engine.server_name(replica),
                prefix=prefix,
            )
        if isinstance(replica.target, str):
            transport, _ = await loop.create_unix_connection(lambda: protocol, replica.target)
        else:
            transport, _ = await loop.create_connection(lambda: protocol, *replica.target)
        if greeted is None:
            if prefix:
                transport.write(prefix)
            return
        try:
            failure = await greeted
        except BaseException:
            transport.abort()
            raise
        if failure is not None:
            transport.abort()
            raise ssl.SSLError(f"TLS: {failure}")

    async def _ask(self, engine: Engine, replica: Replica) -> None:
        """Whether it takes connections; nothing is said on this one."""
        end = _Visit()
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s):
                await self._connect(
                    engine, replica, end, proxy.LOCAL if self._settings.upstream_proxy else b""
                )
        except (OSError, TimeoutError) as error:
            self._failed(engine, replica, str(error) or "timed out")
        else:
            self._answered(engine, replica)
        finally:
            if end.transport is not None:
                end.transport.abort()

    def _failed(self, engine: Engine, replica: Replica, error: str) -> None:
        settings = self._settings
        if not replica.failures or len(engine.replicas) == 1:
            logger.warning("%s at %s cannot be reached: %s", engine.leg, replica.address, error)
        pause = settings.retry_s * 2.0 ** min(replica.failures, 30)
        replica.failures += 1
        replica.until = asyncio.get_running_loop().time() + min(pause, settings.retry_max_s)

    def _answered(self, engine: Engine, replica: Replica) -> None:
        if replica.failures:
            logger.warning("%s at %s can be reached again", engine.leg, replica.address)
        replica.failures, replica.until = 0, 0.0


class _Visit(asyncio.Protocol):
    """A connection of our own."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None


def _tell(future: "asyncio.Future[Failure | None]") -> Callable[[Failure | None], None]:
    def tell(failure: Failure | None) -> None:
        if not future.done():
            future.set_result(failure)

    return tell
