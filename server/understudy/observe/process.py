"""The observer process: its sockets, its clock and its end."""

import asyncio
import contextlib
import gc
import logging
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import uvloop

from understudy.codec import Codec
from understudy.ingest import Settings as Ingest
from understudy.mirror import Engines, Ledger, Mirror
from understudy.mirror import Settings as MirrorSettings
from understudy.observe.channel import Channel
from understudy.observe.envoy import Copies
from understudy.observe.observer import HOUSEKEEPING_S, Categorizer, Observer
from understudy.observe.publish import Publisher
from understudy.observe.settings import Settings
from understudy.pair import Leg
from understudy.v1 import pairs_pb2 as pb

log = logging.getLogger(__name__)

GARBAGE = 10_000
"""Objects made and not freed after which the youngest are looked through for garbage."""
HEAR_S = 5.0
"""How long relays wait for the controller's first word and the engines' answers to our question. They hold what they
copy meanwhile: before that word the mirror is off, and what they held would be passed over."""


def run(
    settings: Settings,
    categorizers: Sequence[Categorizer],
    *,
    codecs: Sequence[Codec],
    mirror: MirrorSettings,
    engines: Engines,
    ingest: Ingest | None = None,
) -> int:
    """Observe until SIGTERM or SIGINT, what Envoys copy as well with `ingest`; returns the exit code."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with asyncio.TaskGroup() as group:
            process = Process(
                settings, categorizers, codecs=codecs, mirror=mirror, engines=engines, ingest=ingest
            )
            # What was made by now stays for ever, and nearly all that follows is freed by reference counts.
            gc.collect()
            gc.freeze()
            gc.set_threshold(GARBAGE, 20, 20)
            task = group.create_task(process.run())
            await stop.wait()
            task.cancel()

    uvloop.run(main())
    return 0


class Process:
    """Observer, mirror and publisher joined; `run` holds until it is cancelled."""

    def __init__(
        self,
        settings: Settings,
        categorizers: Sequence[Categorizer],
        *,
        codecs: Sequence[Codec],
        mirror: MirrorSettings,
        engines: Engines,
        boot: str = "",
        ingest: Ingest | None = None,
    ) -> None:
        self.settings = settings
        self.ingest = ingest
        self.publisher = Publisher(settings, self.apply)
        self.mirror = Mirror(mirror, engines, Ledger(), self.publisher.offer, codecs)
        self.observer = Observer(
            settings,
            codecs,
            categorizers,
            self.mirror,
            boot=boot or secrets.token_hex(6),
            clock=time.time_ns,
        )
        self.publisher.observer = self.observer
        self.listening = asyncio.Event()
        self._told = asyncio.Event()

    def apply(self, state: pb.ObserverState) -> None:
        """Obey the controller: the kill switch, the settling time, who is primary, who the engines are."""
        if state.mirror_on != self.mirror.on:
            log.info("mirror %s", "on" if state.mirror_on else "off")
            self.mirror.switch(state.mirror_on)
        self.mirror.settle_until_ns = state.settle_until_ns
        if state.primary in ("baseline", "candidate") and state.primary != self.observer.primary:
            self.observer.primary = Leg(state.primary)
            self.mirror.switched()
        self.mirror.identify(state.fingerprints)
        self._told.set()

    async def run(self) -> None:
        """Publish to the controller, and listen for relays as soon as it has spoken."""
        path = Path(self.settings.socket)
        path.unlink(missing_ok=True)
        server: asyncio.Server | None = None
        try:
            async with self._ingesting(), asyncio.TaskGroup() as group:
                group.create_task(self.publisher.run())
                group.create_task(self._keep_house())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(HEAR_S):
                        await self._told.wait()
                        await self.mirror.trial.once()
                group.create_task(self.mirror.trial.run())
                server = await self._listen(path)
                self.listening.set()
        finally:
            if server is not None:
                server.close()
            for relay in list(self.observer.channels):
                relay.closed()
            await self.mirror.close()
            path.unlink(missing_ok=True)

    @asynccontextmanager
    async def _ingesting(self) -> AsyncIterator[None]:
        """Listen for Envoys, where there are any."""
        if self.ingest is None:
            yield
            return
        from understudy.ingest.server import serving

        copies = Copies(self.observer, self.ingest)
        async with serving(self.ingest, copies):
            try:
                yield
            finally:  # before its streams end: callers did not cancel what was in flight
                copies.closed()

    async def _listen(self, path: Path) -> asyncio.Server:
        """Listen on a socket that is private from its first moment on."""
        old = os.umask(0o177)
        try:
            return await asyncio.get_running_loop().create_unix_server(self._accept, str(path))
        finally:
            os.umask(old)

    def _accept(self) -> "_Relay":
        return _Relay(self.observer)

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            with self.observer.guarded("housekeeping"):
                self.observer.tick()


class _Relay(asyncio.Protocol):
    """A relay's end of the copy channel."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._channel: Channel | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A relay has connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._channel = self._observer.channel(self._transport.write)

    def data_received(self, data: bytes) -> None:
        """Records of the copy."""
        if self._channel is not None and self._transport is not None and not self._channel.feed(data):
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """The relay has gone."""
        if self._channel is not None:
            self._channel.closed()
