"""The ext_proc service: reads whatever Envoys send as fast as it comes, and never answers.

Envoy keeps what a processor does not read, so nothing here waits: what is too much is turned away by closing
its stream, upon which Envoy serves the call and sends no more of it (`failure_mode_allow`).
"""

import asyncio
import itertools
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import grpc
from google.protobuf.message import DecodeError

from understudy.errors import ConfigError
from understudy.ingest.settings import Settings
from understudy.ingest.stream import Stream, cluster
from understudy.pair import Leg
from understudy.v1 import extproc_pb2 as pb
from understudy.wire.events import Event, Reason

log = logging.getLogger(__name__)

SERVICE = pb.DESCRIPTOR.services_by_name["ExternalProcessor"].full_name
OURS = "x-understudy-leg"
"""On shadow calls: an engine's address that leads through Envoy would mirror the mirror."""
SHADOW = "shadow"
"""Why such a call is not observed."""
UNROUTED = "unrouted"
"""Why a call is not observed whose cluster is neither engine's."""
GRACE_S = 5.0
"""How long Envoy lets us read on after a call has ended (deferred_close_timeout, its default)."""
PROBE_S = 0.1
OVERLOAD = 3
"""Probes in a row that are too late mean more calls than we can follow; a single one is a pause, made up for."""
PIECE_BYTES = 16 * 1024 * 1024
"""Longest message of Envoy's; it sends bodies in pieces far below its own buffer limits (1 MiB)."""
OPTIONS = (
    ("grpc.max_receive_message_length", PIECE_BYTES),
    ("grpc.so_reuseport", 0),
    # What is read ahead of us per stream: the flow-control window, which must not grow with the bandwidth.
    ("grpc.http2.bdp_probe", 0),
    # An Envoy that vanished without a word.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Envoy pings us to find out whether we hang: often, and also when no data flows.
    ("grpc.http2.min_ping_interval_without_data_ms", 500),
    ("grpc.http2.max_ping_strikes", 0),
)


class Sink(Protocol):
    """What takes the events; an observer."""

    def take(self, leg: Leg, events: Sequence[Event]) -> None:
        """Events of one stream, served by `leg`."""
        ...

    def follows(self, leg: Leg, stream: int) -> bool:
        """Whether more about this stream is of use."""
        ...

    def unobserved(self, reason: str) -> None:
        """Count a call of which nothing was taken."""
        ...

    def behind(self, lag_ns: int) -> None:
        """How late we are, told about ten times a second."""
        ...


class Processor:
    """All ext_proc streams of all Envoys."""

    def __init__(self, settings: Settings, sink: Sink, *, clock: Callable[[], int]) -> None:
        """`clock` returns wall clock nanoseconds: Envoy's messages carry no times."""
        self.settings = settings
        self.open = 0
        self.late = 0
        """How often in a row we were later than `max_lag_s`."""
        self._sink = sink
        self._clock = clock
        self._numbers = itertools.count(1)
        self._legs = {settings.baseline: Leg.BASELINE, settings.candidate: Leg.CANDIDATE}
        self._told: set[str] = set()
        self._due_s = math.inf
        self._late_s = -math.inf

    def __repr__(self) -> str:
        return f"<Processor open={self.open} late={self.late}>"

    async def process(self, messages: AsyncIterator[bytes], context: object) -> None:
        """One stream: an HTTP request from its headers to its trailers; returning closes it."""
        if self.open >= self.settings.max_streams or self.late >= OVERLOAD:
            self._sink.unobserved(Reason.ELIDED.value)
            return
        self.open += 1
        stream, leg = Stream(0), None
        try:
            async for message in messages:
                told = self._read(message)
                if told is None:
                    return
                if leg is None:
                    leg = self._leg(told)
                    if leg is None:
                        return
                    stream = Stream(next(self._numbers))
                self._sink.take(leg, stream.take(told, self._clock()))
                if stream.over or not self._sink.follows(leg, stream.number):
                    return
        finally:
            self.open -= 1
            if leg is not None:
                self._sink.take(leg, stream.cut(self._behind()))

    def _read(self, message: bytes) -> pb.ProcessingRequest | None:
        try:
            return pb.ProcessingRequest.FromString(message)
        except DecodeError:
            self._sink.unobserved(Reason.PROTOCOL.value)
            return None

    def _leg(self, told: pb.ProcessingRequest) -> Leg | None:
        """Which engine serves a call, by its first message; None when it is not to be observed."""
        if told.WhichOneof("request") != "request_headers":
            self._sink.unobserved(Reason.PROTOCOL.value)
            return None
        if any(one.key == OURS for one in told.request_headers.headers.headers):
            self._sink.unobserved(SHADOW)  # ours, by its own word: a caller that says so is counted too
            return None
        name = cluster(told)
        leg = self._legs.get(name)
        if leg is None:
            self._sink.unobserved(UNROUTED)
            self._say(
                name,
                f"a call to Envoy's cluster {name!r}, which is no engine, is not observed: name it in [ingest]"
                if name
                else "Envoy does not say which cluster serves a call, so none is observed: "
                'set request_attributes: ["xds.cluster_name"] in the filter',
            )
        return leg

    def _say(self, key: str, line: str) -> None:
        """Once, and of a bounded number of clusters."""
        if key not in self._told and len(self._told) < 100:
            self._told.add(key)
            log.warning(line)

    def _behind(self) -> bool:
        """Whether we may have been too late for the end of a call that is cut now."""
        now_s = asyncio.get_running_loop().time()
        return now_s - self._due_s > self.settings.max_lag_s or now_s - self._late_s < GRACE_S

    async def keep_time(self) -> None:
        """Measure how late the loop is, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._due_s = loop.time() + PROBE_S
            await asyncio.sleep(PROBE_S)
            lag_s = max(0.0, loop.time() - self._due_s)
            if lag_s > self.settings.max_lag_s:
                self.late += 1
                self._late_s = loop.time()
            else:
                self.late = 0
            self._sink.behind(int(lag_s * 1e9))


@asynccontextmanager
async def serving(
    settings: Settings, sink: Sink, clock: Callable[[], int] = time.time_ns
) -> AsyncIterator[Processor]:
    """Listen for Envoys while the body runs.

    Raises:
        ConfigError: the address is taken or not ours.
    """
    processor = Processor(settings, sink, clock=clock)
    server = grpc.aio.server(options=OPTIONS)
    # Bytes in: a message that is no protobuf is data to count, not a failure of the stream.
    process: Any = grpc.stream_stream_rpc_method_handler(processor.process)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Process": process}),))
    try:
        server.add_insecure_port(settings.listen)
    except RuntimeError:
        raise ConfigError(
            f"ingest.listen: cannot listen on {settings.listen}: set ingest.listen to a free address"
        ) from None
    await server.start()
    log.info("ingest: listening for Envoy on %s", settings.listen)
    timing = asyncio.ensure_future(processor.keep_time())
    try:
        yield processor
    finally:
        timing.cancel()
        await asyncio.gather(timing, return_exceptions=True)
        await server.stop(None)
