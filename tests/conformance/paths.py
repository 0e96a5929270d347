"""The ways from a client to its engine, and what the observer beside them saw of each call.

A path is a name in PATHS and a function that stands it up before an upstream. `bytes` says that HTTP/2 passes as it
is; where it does not, a proxy answers pings, cuts frames and adds headers of its own, and cases say which they need.
"""

import asyncio
import base64
import json
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from understudy.codec import Arity, Ask, Chunk, Reply, Seen
from understudy.demo.stage import free_port
from understudy.errors import UnderstudyError
from understudy.exchange import Closed, HalfClosed, Opened, Received, Side, Unobserved
from understudy.ingest import Settings as Ingest
from understudy.ingest.server import GRACE_S
from understudy.mirror import Engine, Engines
from understudy.mirror import Settings as Mirror
from understudy.observe import Settings
from understudy.observe.channel import Channel
from understudy.observe.observer import Observer
from understudy.observe.process import Process
from understudy.pair import Finish, Request, Sampling
from understudy.service.lines import ask

from tests.conformance.cases import MIB, Call
from tests.conformance.clients import Transcript
from tests.conformance.upstream import RPC, SERVICE, Upstream, digest
from tests.ingest import envoy as envoys
from tests.observe.stage import Controller


@dataclass
class Exchange:
    """One RPC as the observer saw it."""

    opened: Opened
    asked: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    half_closed: bool = False
    closed: Closed | None = None
    unobserved: str = ""


class Witness:
    """Every exchange of an observer, by the call's `x-rpc` header."""

    def __init__(self) -> None:
        self.exchanges: dict[str, Exchange] = {}
        self.connections: set[int] = set()
        self._open: dict[tuple[int, int], Exchange] = {}

    def note(self, event: Any) -> None:
        """Keep one event."""
        if isinstance(event, Opened):
            self.connections.add(event.connection)
            name = dict(event.metadata).get(RPC, f"{event.connection}/{event.stream}")
            self._open[event.connection, event.stream] = self.exchanges[name] = Exchange(event)
            return
        number = event.connection, event.stream
        exchange = self._open.get(number)
        if exchange is None:
            return
        match event:
            case Received(message=message):
                said = exchange.asked if message.side is Side.CLIENT else exchange.told
                said.append(digest(message.data))
            case HalfClosed():
                exchange.half_closed = True
            case Closed():
                del self._open[number]
                exchange.closed = event
            case Unobserved(reason=reason):
                self._open.pop(number).unobserved = reason

    async def ended(self, rpc: str) -> Exchange:
        """An exchange, once it is over."""
        async with asyncio.timeout(10):
            while (seen := self.exchanges.get(rpc)) is None or not (seen.closed or seen.unobserved):
                await asyncio.sleep(0.002)
        return seen

    @contextmanager
    def listening(self, observer: Observer) -> Iterator[None]:
        """Hear what this observer hears: several have connections of the same number."""
        heard, events = self, Channel._events

        def note(channel: Channel, connection: Any, told: Any) -> None:
            told = list(told)
            if channel._observer is observer:
                for event in told:
                    heard.note(event)
            events(channel, connection, told)

        Channel._events = note  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            Channel._events = events  # type: ignore[method-assign]


def agrees(seen: Exchange, call: Call, got: Transcript) -> None:
    """The observer saw the call that its client made."""
    opened, closed = seen.opened, seen.closed
    assert not seen.unobserved and closed is not None
    assert opened.method == call.path
    sent, answered = plain(call.sent), plain(got.initial + got.trailing)
    names = {name for name, _ in sent}
    # Some pad base64.
    had = [(name, value.rstrip("=") if name.endswith("-bin") else value) for name, value in opened.metadata]
    assert [pair for pair in had if pair[0] in names] == sent
    asked = [digest(message) for message in call.messages]
    if call.code == 0:
        assert seen.half_closed and seen.asked == asked
    else:
        assert seen.asked == asked[: len(seen.asked)]
    assert list(got.replies) == seen.told[: len(got.replies)]
    if closed.status >= 0:
        assert seen.told == list(got.replies) or call.timeout_s is not None
        assert closed.status == got.code and (got.details is None or closed.error == got.details)
        told = joined(closed.metadata)
        assert {name: told.get(name) for name in joined(answered)} == joined(answered)
    else:
        assert closed.cancelled_by == "client" and got.code in (1, 4)


def joined(metadata: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Each name's values as one: a list of values and several fields of them are the same."""
    values: dict[str, str] = {}
    for name, value in metadata:
        values[name] = f"{values[name]}, {value}" if name in values else value
    return values


def plain(metadata: Any) -> list[tuple[str, str]]:
    """Metadata as an exchange has it: binary values in base64 without padding."""
    return [
        (name, value if isinstance(value, str) else base64.b64encode(value).decode().rstrip("="))
        for name, value in metadata
    ]


class Bytes:
    """A codec for the test service: its unary calls are mirrored."""

    name = "bytes"

    def __init__(self, known: str = f"/{SERVICE}/UnaryCall") -> None:
        self._known = known

    def arity(self, method: str) -> Arity | None:
        """What begins so is known; ingest hears calls of no other method to their end."""
        if not method.startswith(self._known):
            return None
        return Arity.UNARY if method.endswith("/UnaryCall") else Arity.MULTIPLEXED

    def ask(self, raw: bytes) -> Ask:
        """Any message is a request."""
        return Ask("", False, None, raw)

    def request(self, ask: Ask, seen: Seen) -> Request:
        """Its text does not matter."""
        return Request(
            id=seen.id,
            cluster=seen.id,
            method=seen.method,
            model="",
            text=digest(ask.raw),
            sampling=Sampling(),
            received_ns=seen.received_ns,
        )

    def chunk(self, method: str, raw: bytes) -> Chunk:
        """A digest stands for the reply."""
        return Chunk("", digest(raw).encode(), final=True)

    def reader(self, request: Request, ask: Ask | None = None) -> "Bytes._Reader":
        """Collect it."""
        return Bytes._Reader()

    def shadowed(self, raw: bytes) -> bytes:
        """It says nothing of that."""
        return raw

    def reseed(self, raw: bytes, seed: int) -> bytes:
        """It has no seed."""
        return raw

    class _Reader:
        def __init__(self) -> None:
            self.text, self.size, self.text_bytes, self.error = "", 0, 0, ""
            self.times: list[int] = []

        def feed(self, chunk: Chunk, ns: int) -> None:
            self.text += (chunk.text or b"").decode()
            self.times.append(ns)

        def finished(self) -> Reply:
            return Reply(self.text, True, Finish.STOP, "", tuple(self.times))


@dataclass
class Route:
    """A path that stands."""

    address: str
    bytes: bool = True
    """HTTP/2 passes as it is."""
    own: frozenset[str] = frozenset()
    """Headers that a proxy which ends HTTP/2 says of itself to the engine, and does not pass on."""
    adds: frozenset[str] = frozenset()
    """Headers that it adds to the engine's answer."""
    copied: str = "/"
    """The observer is told of calls whose path begins so, and of no others."""
    late: bool = False
    """The observer learns seconds later that a call was reset: Envoy's `deferred_close_timeout`."""
    connections: bool = True
    """The observer is told which connection a call came on."""
    ahead: int = 0
    """Bytes that it takes of an engine's reply while the caller does not read, beyond what fills direct windows."""
    witness: Witness | None = None
    process: Process | None = None
    """The observer, where there is one."""
    folder: Path = Path()
    name: str = "relay"
    """Of the proxy: its control socket is called so."""

    async def status(self) -> dict[str, Any]:
        """What the relay counts."""
        return await ask(self.folder / f"{self.name}.sock", {"op": "status"})

    async def settled(self) -> None:
        """Every call that was admitted has become a pair, or is counted as what it is."""
        if self.process is not None:
            ledger = self.process.observer.ledger
            async with asyncio.timeout(20):
                while ledger.in_flight:
                    await asyncio.sleep(0.01)
            assert ledger.balanced


@asynccontextmanager
async def direct(upstream: Upstream, shadow: Upstream, folder: Path) -> AsyncIterator[Route]:
    """No path at all."""
    yield Route(upstream.address)


@asynccontextmanager
async def relay(upstream: Upstream, shadow: Upstream, folder: Path) -> AsyncIterator[Route]:
    """The relay, a process of its own, with observer and mirror on."""
    async with proxied("relay", upstream, shadow, folder) as route:
        yield route


@asynccontextmanager
async def compat(upstream: Upstream, shadow: Upstream, folder: Path) -> AsyncIterator[Route]:
    """Compat mode, a process of its own, with observer and mirror on."""
    async with proxied("compat", upstream, shadow, folder) as route:
        route.bytes, route.own = False, frozenset({"user-agent"})
        yield route


@asynccontextmanager
async def proxied(name: str, upstream: Upstream, shadow: Upstream, folder: Path) -> AsyncIterator[Route]:
    """One of our own proxies beside an observer."""
    witness = Witness()
    async with observing(upstream, shadow, folder) as process:
        # A message of 64 MiB is seen whole.
        settings: dict[str, Any] = {"copy_soft_bytes": 300 * MIB, "copy_hard_bytes": 400 * MIB}
        settings |= {"baseline": upstream.address, "candidate": shadow.address}
        with witness.listening(process.observer):
            async with part(name, relay_settings(folder, **settings)):
                route = Route(listens(folder), witness=witness, process=process, folder=folder, name=name)
                await until(route, lambda status: bool(status["observer_connected"]))
                yield route
                await route.settled()


@asynccontextmanager
async def envoy(upstream: Upstream, shadow: Upstream, folder: Path) -> AsyncIterator[Route]:
    """The real Envoy with the config that deploy/ shows, copying what is called of the test service to an observer."""
    witness, copied = Witness(), f"/{SERVICE}/"
    listen, ingest = (f"127.0.0.1:{free_port()}" for _ in range(2))
    there = {8000: listen, 8003: upstream.address, 8004: shadow.address, 8005: ingest}
    ports = {shown: int(address.rpartition(":")[2]) for shown, address in there.items()} | {9901: free_port()}
    # The observer shares its loop with both ends of every call here: it is late, and has lost nothing, until Envoy
    # lets go of what was not read.
    settings = Ingest(listen=ingest, max_lag_s=GRACE_S)
    async with observing(upstream, shadow, folder, Bytes(copied), settings) as process:
        with witness.listening(process.observer):
            async with envoys.running(folder, ports, copied=copied):
                route = Route(listen, bytes=False, witness=witness, process=process, folder=folder)
                route.own = frozenset({"x-forwarded-proto", "x-request-id"})
                route.adds = frozenset({"date", "server", "x-envoy-upstream-service-time"})
                # Its routes copy inference alone; its messages name no connection.
                route.copied, route.late, route.connections = copied, True, False
                route.ahead = 48 * MIB  # three of Envoy's stream windows, 16 MiB each
                yield route
                await route.settled()


PATHS: dict[str, Any] = {"direct": direct, "relay": relay, "compat": compat}
NAMES: list[Any] = list(PATHS)
"""As tests are parametrized."""
if envoys.HERE:
    PATHS["envoy"] = envoy
    NAMES.append("envoy")
else:
    NAMES.append(pytest.param("envoy", marks=pytest.mark.skip(reason=envoys.NEEDED)))


@asynccontextmanager
async def observing(
    upstream: Upstream,
    shadow: Upstream,
    folder: Path,
    codec: "Bytes | None" = None,
    ingest: Ingest | None = None,
) -> AsyncIterator[Process]:
    """The observer, mirroring, and a controller that takes its pairs."""
    controller = Controller(folder / "controller.sock")
    await controller.start()
    process = Process(
        Settings(
            socket=str(folder / "observer.sock"),
            controller=f"unix:{folder / 'controller.sock'}",
            ledger_s=0.1,
            message_bytes=65 * MIB,
            connection_bytes=200 * MIB,
        ),
        (),
        codecs=[codec or Bytes()],  # type: ignore[list-item]
        mirror=Mirror(
            methods=(f"/{SERVICE}/UnaryCall",),
            control_share=0,
            metadata=("x-do",),
            in_flight_bytes=256 * MIB,
            reply_bytes=65 * MIB,
        ),
        engines=Engines(Engine(upstream.address, "b" * 64), Engine(shadow.address, "c" * 64)),
        ingest=ingest,
    )
    task = asyncio.ensure_future(process.run())
    try:
        await process.listening.wait()
        yield process
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await controller.stop()


def relay_settings(folder: Path, **more: Any) -> dict[str, Any]:
    """The relay's settings, in this folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    (folder / "listen").write_text(listen)
    return {"listen": listen, "latch": str(folder / "latch.json"), "run_dir": str(folder)} | more


def listens(folder: Path) -> str:
    """The address of the relay in this folder."""
    return (folder / "listen").read_text()


@asynccontextmanager
async def part(name: str, settings: dict[str, Any]) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of the product's; it has to end by SIGTERM, with nothing said on stderr but its log."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.conformance.part", name, json.dumps(settings)
    )
    try:
        yield process
        assert process.returncode is None, f"the {name} has died"
        process.terminate()
        async with asyncio.timeout(5):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until(route: Route, met: Callable[[dict[str, Any]], bool], within_s: float = 10) -> dict[str, Any]:
    """Wait until the relay's counts say so."""
    status: dict[str, Any] = {}
    try:
        async with asyncio.timeout(within_s):
            while True:
                try:
                    if met(status := await route.status()):
                        return status
                except UnderstudyError:
                    pass
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not reached: {status}") from None
