"""Between a caller's connection and its bytes: TLS or none, who it is, which replica serves it, how long it stays."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from understudy import tls
from understudy.relay import proxy
from understudy.relay.connection import Connection
from understudy.relay.counts import Counts
from understudy.relay.dial import Dialer
from understudy.relay.ends import Arrival, End, keep_alive
from understudy.relay.secured import Failure, Secured
from understudy.relay.settings import Settings
from understudy.relay.tenure import Tenure

logger = logging.getLogger(__name__)

_RELOAD_S = 5.0
"""How often files are looked at where the listener speaks plainly and only engines speak TLS."""


class Lobby:
    """What happens to callers before they are served, for all connections of a worker."""

    def __init__(self, settings: Settings, counts: Counts, connections: Mapping[int, Connection]) -> None:
        """Read the TLS files.

        Raises:
            ConfigError: one cannot be used.
        """
        self._settings = settings
        self._counts = counts
        told = settings.tls
        self._kept = None if told is None else tls.Kept(told.files, lambda: tls.serving(told))
        self.dialer = Dialer(settings, counts)
        self.tenure = Tenure(settings, counts, connections)

    @property
    def secure(self) -> bool:
        """Callers speak TLS, so that one who is there may not be served yet."""
        return self._kept is not None

    def end(self, connection: Connection, arrived: Any) -> End:
        """A caller's end; `arrived` is called when its transport is there."""
        if self.secure:
            return End(connection, connection.client, arrived)
        return Arrival(connection, connection.client, arrived, lambda: self._counts.refuse("tls"))

    def protocol(self, end: End, greeted: Callable[[], None]) -> asyncio.Protocol:
        """What the loop talks to for this end; over TLS, `greeted` is called when the caller may be served."""
        if self._kept is None:
            return end

        def told(failure: Failure | None) -> None:
            if failure is None:
                greeted()
            else:
                self._counts.refuse(failure)

        return Secured(end, self._kept.context, told, server_side=True)

    def arrived(self, connection: Connection, transport: asyncio.Transport) -> None:
        """A caller is let in."""
        keep_alive(transport, self._settings.keepalive_s)
        self.tenure.arrived(connection.number, asyncio.get_running_loop().time())

    async def seat(self, connection: Connection, primary: Callable[[], str]) -> bool:
        """Reach the primary for a caller; again, if the primary was switched meanwhile. False: nobody was reached."""
        prefix = b""
        if self._settings.upstream_proxy and connection.client.source is not None:
            prefix = proxy.header(connection.client.source)

        def fresh() -> End:
            connection.again()
            return End(connection, connection.server, None)

        while True:
            leg = primary()
            reached = await self.dialer.reach(leg, fresh, prefix)
            if reached is None:
                connection.close()
                return False
            replica, end = reached
            transport = end.transport
            if transport is not None and connection.client.source is not None and leg == primary():
                break
            # The caller has gone, or the engine has again, or another one is wanted now.
            replica.connections -= 1
            if transport is not None:
                transport.abort()
            if connection.client.source is None:
                return False
        keep_alive(transport, self._settings.keepalive_s)
        connection.replica = replica
        connection.ends_at = self.tenure.age(asyncio.get_running_loop().time())
        connection.reached(transport, leg, replica.address)
        return True

    def forget(self, connection: Connection) -> None:
        """Both its sides are gone."""
        if connection.replica is not None:
            connection.replica.connections -= 1
            connection.replica = None
        self.tenure.forget(connection.number)

    async def run(self) -> None:
        """Check replicas, and look at the TLS files now and then; ends by cancellation."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.dialer.check())
            tasks.create_task(self._reload())

    def status(self) -> dict[str, Any]:
        """For `status`."""
        return {
            "upstreams": self.dialer.status(),
            "tls": {name: {"loads": kept.loads, "error": kept.error} for name, kept in self._files()},
        }

    async def _reload(self) -> None:
        told = self._settings.tls
        files = self._files()
        while files:
            await asyncio.sleep(told.reload_s if told else _RELOAD_S)
            for name, kept in files:
                # Reading and checking them takes milliseconds, which the loop does not have.
                if await asyncio.to_thread(kept.look):
                    if kept.error:
                        logger.error("%s: the TLS files stay as they were: %s", name, kept.error)
                    else:
                        logger.info("%s: new TLS files are in use for new connections", name)

    def _files(self) -> list[tuple[str, tls.Kept]]:
        all_of_them = [("listener", self._kept)]
        all_of_them += [(leg, engine.kept) for leg, engine in self.dialer.engines.items()]
        return [(name, kept) for name, kept in all_of_them if kept is not None]
