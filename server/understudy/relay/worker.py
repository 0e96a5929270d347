"""One relay process: accepts, dials the primary, obeys `switch` and `drain`, and watches its own loop."""

import asyncio
import gc
import itertools
import logging
import os
import signal
import socket
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from understudy import latch
from understudy.errors import ConfigError, UnderstudyError
from understudy.relay import descriptors
from understudy.relay.board import Board
from understudy.relay.connection import Connection
from understudy.relay.control import Control
from understudy.relay.counts import DRAINED, SWITCHED, Counts, Departure
from understudy.relay.door import Door, listening
from understudy.relay.ends import End
from understudy.relay.lobby import Lobby
from understudy.relay.probe import Probe
from understudy.relay.settings import Settings
from understudy.relay.tap import Tap
from understudy.wire.copy import Record

logger = logging.getLogger(__name__)

_TICK_S = 0.05
_AIM_S = 10.0
"""How long a worker that was told the new primary waits for the order to let the old one's callers go."""
_IDLE_BYTES = 4096
"""A second with less traffic than this is a good moment for the garbage collector."""
_GARBAGE = 500_000
"""Tracked allocations after which it runs whatever the traffic."""


class Relay:
    """The data path of one worker."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.counts = Counts()
        self.tap = Tap(settings, self._marked, self._unwatched)
        self.primary = settings.primary
        self.departure: Departure | None = None
        """The last switch or drain."""
        self._latch: latch.Latch | None = None
        self._connections: dict[int, Connection] = {}
        self._watched: set[Connection] = set()
        self._numbers = itertools.count(1)
        self.probe = Probe()
        self.lobby = Lobby(settings, self.counts, self._connections)
        self._draining = False
        self._done = asyncio.Event()
        self._board = Board(settings.board_fds) if settings.board_fds else None
        self._door: Door | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._adopting: set[End] = set()
        """Callers accepted whose transport is being made."""
        self._reaching: set[asyncio.Task[None]] = set()
        """What is under way for callers not served yet."""
        self._aimed: asyncio.TimerHandle | None = None

    async def serve(self, *, signals: bool = False, collect: bool = False) -> None:
        """Serve until drained or stopped.

        Args:
            signals: SIGTERM and SIGINT drain; a second one stops at once.
            collect: the caller switched the garbage collector off: run it when idle.

        Raises:
            ConfigError: an address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        control = Control(self)
        try:
            door = self._door = Door(
                listening(self.settings), self._board, self.settings.seat, self._adopt_soon
            )
            await control.start(self.settings.control)
        except OSError as error:
            raise ConfigError(f"relay: cannot listen: {error}: free or correct the address") from error
        # After the control socket: an order given from now on reaches us, one given before is in the latch.
        self._latch = latch.read(self.settings.latch)
        if self._latch is not None and self._latch.primary != self.primary:
            logger.warning("latched: %s serves instead of %s", self._latch.primary, self.primary)
            self.primary = self._latch.primary
        caught = (signal.SIGTERM, signal.SIGINT) if signals else ()
        for number in caught:
            loop.add_signal_handler(number, self._signalled)
        logger.info("relay: %s serves", self.primary)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                if not self._draining:
                    door.open()
                jobs = self.tap.run(), self.lobby.run(), self._tick(collect)
                background = [tasks.create_task(job) for job in jobs]
                await self._done.wait()
                self._draining = True
                door.close()
                for task in self._reaching:
                    task.cancel()
                while self._connections:
                    for connection in list(self._connections.values()):
                        connection.abort()
                    await asyncio.sleep(0)
                for task in background:
                    task.cancel()
        finally:
            door.close()
            await control.close()
            for number in caught:
                loop.remove_signal_handler(number)

    # ---- orders

    def switch(self, to: str, drain_max_s: float | None = None) -> dict[str, Any]:
        """New connections go to `to` from now on; those of the other engine are told to go right after.

        Raises:
            UnderstudyError: `to` is no engine, a latch stands against it, or the relay is draining.
        """
        if self._draining:
            raise UnderstudyError("switch: the relay is draining: it takes no more orders")
        self.aim(to)
        self._settle()
        departure = self._departure(to, drain_max_s)
        leaving = [c for c in self._connections.values() if c.leg not in ("", to)]
        asyncio.get_running_loop().call_soon(self._depart, leaving, departure)
        logger.warning("primary is %s; %d connections are told to go", to, len(leaving))
        return {"primary": to, "ns": departure.ns, "connections": len(leaving)}

    def aim(self, to: str) -> dict[str, Any]:
        """New connections go to `to` from now on: the first half of a switch, for all workers before the second.

        The second half is `switch`; a worker that is not told of it in time does it by itself.

        Raises:
            UnderstudyError: `to` is no engine, or a latch stands against it.
        """
        if to not in latch.ENGINES:
            raise UnderstudyError(f"switch: {to!r} is neither baseline nor candidate: name one")
        self._latch = latch.read(self.settings.latch)
        if self._latch is not None and self._latch.primary != to:
            raise UnderstudyError(
                f"switch: latched to {self._latch.primary} ({self._latch.reason}): `understudy rearm` first"
            )
        self.primary = to
        self._settle()
        self._aimed = asyncio.get_running_loop().call_later(_AIM_S, self._catch_up)
        return {"primary": to, "draining": self._draining}

    def listening(self) -> tuple[dict[str, Any], int]:
        """The listening socket's address and descriptor, for a successor.

        Raises:
            UnderstudyError: this worker accepts no more.
        """
        if self._door is None or self._draining:
            raise UnderstudyError("listening: this relay accepts no more: ask its successor")
        return {"listen": self.settings.listen}, self._door.sock.fileno()

    def drain(self, drain_max_s: float | None = None) -> dict[str, Any]:
        """Accept no more, tell every client to go, and end once they have gone."""
        if not self._draining:
            self._draining = True
            if self._door is not None:
                self._door.shut()
            departure = self._departure("", drain_max_s)
            leaving = [c for c in self._connections.values() if c.leg]
            asyncio.get_running_loop().call_soon(self._depart, leaving, departure)
            logger.info("draining %d connections", len(leaving))
            self._end_if_empty()
        return {"connections": len(self._connections)}

    def stop(self) -> None:
        """End at once."""
        self._done.set()

    def status(self) -> dict[str, Any]:
        """Everything countable, as JSON values; names end in their unit."""
        last = self.departure
        return {
            "primary": self.primary,
            "latch": asdict(self._latch) if self._latch else None,
            "draining": self._draining,
            "pid": os.getpid(),
            "connections": len(self._connections),
            "streams": sum(len(c.streams.open) for c in self._connections.values()),
            "blind_connections": sum(c.blind for c in self._connections.values()),
            **asdict(self.counts),
            **self.lobby.status(),
            "observer_connected": self.tap.connected,
            "observer_connects": self.tap.connects,
            "observer_unsent_bytes": self.tap.unsent,
            "observer_waiting_connections": self.tap.held,
            "copied_bytes": self.tap.copied_bytes,
            **self.probe.status(),
            "switch": None
            if last is None
            else {
                "to": last.to,
                "ns": last.ns,
                "connections": last.connections,
                "remaining": sum(
                    c.leaving is not None and c.leaving.departure is last for c in self._watched
                ),
                "acknowledged": last.acknowledged,
                "switched_ns": last.switched_ns,
                "ended_idle": last.ended_idle,
                "truncated": last.truncated,
            },
        }

    # ---- what connections need

    def watch(self, connection: Connection) -> None:
        """Sweep it from now on."""
        self._watched.add(connection)

    def forget(self, connection: Connection) -> None:
        """Both its sides are gone."""
        self._connections.pop(connection.number, None)
        self._watched.discard(connection)
        self.lobby.forget(connection)
        self._weigh()
        self._end_if_empty()

    # ---- inside

    @property
    def _held(self) -> int:
        """Callers here, those whose transport is being made too."""
        return len(self._connections) + len(self._adopting)

    def _weigh(self) -> None:
        if self._door is not None:
            self._door.weigh(self._held)

    def _end_if_empty(self) -> None:
        if self._draining and not self._held:
            self._done.set()

    def _adopt_soon(self, caller: socket.socket) -> None:
        """A caller is ours."""
        caller.setblocking(False)
        connection = Connection(self, next(self._numbers))
        end = self.lobby.end(connection, self._arrived)
        self._adopting.add(end)
        self._weigh()
        protocol = self.lobby.protocol(end, lambda: self._greeted(connection))
        self._begin(self._adopt(end, protocol, caller))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._tasks is not None
        task = self._tasks.create_task(work)
        self._reaching.add(task)
        task.add_done_callback(self._reaching.discard)

    async def _adopt(self, end: End, protocol: asyncio.Protocol, caller: socket.socket) -> None:
        """Make a caller's transport; `_arrived` is called with it."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, caller)
        except OSError as error:  # it has gone again
            logger.info("a caller was gone at once: %s", error)
            caller.close()
        finally:
            if end in self._adopting:  # it has not arrived
                self._adopting.discard(end)
                self._weigh()
                self._end_if_empty()

    def _arrived(self, connection: Connection, transport: asyncio.Transport, end: End) -> None:
        """A client has connected."""
        self._adopting.discard(end)
        connection.accepted(transport)
        self._connections[connection.number] = connection
        self._weigh()
        assert self._door is not None
        if self._done.is_set() or self._door.total(self._held) > self.settings.max_connections:
            self.counts.refused += 1
            connection.close()
            return
        self.counts.accepted += 1
        self.lobby.arrived(connection, transport)
        if not self.lobby.secure:
            self._begin(self._dial(connection))

    def _greeted(self, connection: Connection) -> None:
        """A client's TLS handshake is done."""
        if connection.number in self._connections and not self._done.is_set():
            self._begin(self._dial(connection))

    async def _dial(self, connection: Connection) -> None:
        """Reach the primary for a client."""
        if await self.lobby.seat(connection, lambda: self.primary):
            if self._draining and self.departure is not None:
                connection.depart(self.departure)

    def _settle(self) -> None:
        """The second half of a switch is done, or another switch begins."""
        if self._aimed is not None:
            self._aimed.cancel()
            self._aimed = None

    def _catch_up(self) -> None:
        """Whoever told us where to aim has not said the rest: callers of the other engine are told to go."""
        self._aimed = None
        if not self._draining and any(
            c.leg not in ("", self.primary) and c.leaving is None for c in self._connections.values()
        ):
            with suppress(UnderstudyError):
                self.switch(self.primary)

    def _departure(self, to: str, drain_max_s: float | None) -> Departure:
        limit = self.settings.drain_max_s if drain_max_s is None else drain_max_s
        now = asyncio.get_running_loop().time()
        message = SWITCHED if to else DRAINED
        self.departure = Departure(to, time.time_ns(), now + limit, message=message)
        return self.departure

    def _depart(self, leaving: list[Connection], departure: Departure) -> None:
        for connection in leaving:
            if connection.number in self._connections:
                connection.depart(departure)

    def _marked(self, record: Record) -> None:
        connection = self._connections.get(record.connection)
        if connection is not None:
            connection.marked(record)

    def _unwatched(self) -> None:
        """The observer is gone: what it followed is blind, even to the next one."""
        for connection in self._connections.values():
            connection.copying.lost()

    def _expire(self, now: float) -> None:
        """What has waited too long for an observer is blind from now on."""
        for number in self.tap.expire(now):
            connection = self._connections.get(number)
            if connection is not None:
                connection.copying.lost()
            else:
                self.counts.blind += 1

    def _signalled(self) -> None:
        if self._draining:
            self.stop()
        else:
            self.drain()

    async def _tick(self, collect: bool) -> None:
        """Probe the loop's lag, sweep what is leaving, collect garbage when nothing moves."""
        loop = asyncio.get_running_loop()
        moved, turns = 0, 0
        while True:
            due = loop.time() + _TICK_S
            await asyncio.sleep(_TICK_S)
            now = loop.time()
            self.probe.ticked(now - due)
            turns += 1
            for connection in list(self._watched):
                connection.sweep(now)
            self.lobby.tenure.turn(now)
            if self.tap.connected:
                self.lobby.tenure.renew(now)
            self._expire(now)
            if self._door is not None:
                self._door.beat(self._held)
            if collect and turns % 20 == 0:
                total = self.counts.client_bytes + self.counts.server_bytes
                waiting = gc.get_count()[0]
                if (total - moved < _IDLE_BYTES and waiting > 1000) or waiting > _GARBAGE:
                    gc.collect()
                moved = total


def run(settings: Settings) -> int:
    """A relay process's main: serve on uvloop until told to stop; 0 when drained or stopped.

    Raises:
        ConfigError: an address cannot be listened on.
    """
    import uvloop

    descriptors.provide(settings)
    # What was made by now stays for ever, and what follows is freed by reference counts: a collection would
    # only stop the traffic (33-62 ms were measured with the collector on).
    gc.collect()
    gc.freeze()
    gc.disable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(settings))
    return 0


async def _main(settings: Settings) -> None:
    await Relay(settings).serve(signals=True, collect=True)
