"""The service by itself: it takes anything from anybody, and says no by closing the stream."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from understudy.errors import ConfigError
from understudy.ingest import Settings
from understudy.ingest.server import OVERLOAD, Processor, serving
from understudy.pair import Leg
from understudy.v1 import extproc_pb2 as pb
from understudy.wire.events import Event, HeadersReceived

PROCESS = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"


class Sink:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[tuple[Leg, Event]] = []
        self.counts: list[str] = []
        self.lag_ns = -1
        self.interested = True

    def take(self, leg: Leg, events: Sequence[Event]) -> None:
        self.events += [(leg, event) for event in events]

    def follows(self, leg: Leg, stream: int) -> bool:
        return self.interested

    def unobserved(self, reason: str) -> None:
        self.counts.append(reason)

    def behind(self, lag_ns: int) -> None:
        self.lag_ns = lag_ns


def opening(cluster: str = "candidate") -> bytes:
    told = pb.ProcessingRequest(request_headers=pb.HttpHeaders(headers=pb.HeaderMap()))
    told.attributes["f"].update({"xds.cluster_name": cluster})
    return told.SerializeToString()


async def say(processor: Processor, *messages: bytes) -> None:
    async def told() -> AsyncIterator[bytes]:
        for message in messages:
            yield message

    await processor.process(told(), None)


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def processor(sink: Sink) -> Processor:
    return Processor(Settings(max_streams=2), sink, clock=lambda: 7)


async def test_a_stream_is_told_to_the_engine_that_served_it(processor: Processor, sink: Sink) -> None:
    await say(processor, opening("baseline"))
    await say(processor, opening("candidate"))
    opened = [(leg, event.stream) for leg, event in sink.events if isinstance(event, HeadersReceived)]
    assert opened == [(Leg.BASELINE, 1), (Leg.CANDIDATE, 2)] and processor.open == 0


async def test_what_is_no_ext_proc_message_is_counted(processor: Processor, sink: Sink) -> None:
    body = pb.ProcessingRequest(request_body=pb.HttpBody(body=b"x")).SerializeToString()
    for first in (b"\xff\xff", b"", body):
        await say(processor, first)
    assert sink.counts == ["protocol"] * 3 and not sink.events and processor.open == 0


async def test_a_stream_of_no_use_is_closed_at_once(processor: Processor, sink: Sink) -> None:
    sink.interested = False
    read = 0

    async def told() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield opening()

    await processor.process(told(), None)
    assert read == 1


async def test_more_than_can_be_followed_is_closed_and_counted(processor: Processor, sink: Sink) -> None:
    processor.open = 2
    await say(processor, opening())
    processor.open, processor.late = 0, OVERLOAD
    await say(processor, opening())
    assert sink.counts == ["elided", "elided"] and not sink.events


async def test_it_serves_envoys_service_on_a_unix_socket_and_survives_garbage(
    tmp_path: Path, sink: Sink
) -> None:
    path = tmp_path / "ingest.sock"
    async with serving(Settings(listen=f"unix:{path}"), sink) as processor:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET / HTTP/1.1\r\n\r\n" * 100)
        await reader.read()
        writer.close()
        async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
            method: Any = channel.stream_stream(PROCESS, None, None)
            call = method()
            await call.write(opening())
            async with asyncio.timeout(5):
                while not sink.events or sink.lag_ns < 0:
                    await asyncio.sleep(0.01)
            assert processor.open == 1
            await call.done_writing()
            assert await call.code() is grpc.StatusCode.OK
        assert processor.open == 0


async def test_a_taken_address_is_said_by_its_key(sink: Sink) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(ConfigError, match=r"^ingest\.listen: .* free address$"):
            async with serving(Settings(listen=f"127.0.0.1:{taken.getsockname()[1]}"), sink):
                pass
