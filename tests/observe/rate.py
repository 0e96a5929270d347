"""What one paired unary call costs the observer: `python -m tests.observe.rate`. No test; prints medians.

Copied bytes in, serialised pairs out: the shipped codec and categorizers, the mirror with its raw client, and the
publisher's queue. The other engine is a transport that answers at once, so no socket and no scheduler is measured.
"""

import asyncio
import random
import statistics
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import uvloop
from understudy import plugins
from understudy.codec.kserve import INFER, KServeCodec, pack
from understudy.codec.messages import InferResponse
from understudy.config import Categories
from understudy.mirror import Engine, Engines, Ledger, Mirror
from understudy.mirror import Settings as MirrorSettings
from understudy.mirror.raw import RawClient, _Connection
from understudy.observe import Observer, Publisher, Settings
from understudy.pair import Leg, Sampling
from understudy.testing import a_pair
from understudy.v1 import pairs_pb2 as pb
from understudy.wire.copy import Kind, encode, opened
from understudy.wire.deflate import deflate
from understudy.wire.frame import PREFACE

CALLS = 2000
ROUNDS = 7
TOGETHER = 4
"""Calls in flight at one time, each on a connection of its own."""
BATCH = 64
WORDS = (
    "bridge joint winter explain sentence reader twelve winding river market copper theory garden yellow window "
    "people answer number simple because before should little always summary travel music number history letter"
).split()
ASKED = (
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", INFER.encode()),
    (b":authority", b"models:8001"),
    (b"te", b"trailers"),
    (b"content-type", b"application/grpc"),
    (b"user-agent", b"grpc-python/1.85.0 grpc-c/52.0.0"),
)


def frame(kind: int, stream: int, payload: bytes, flags: int) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def framed(message: bytes) -> bytes:
    return struct.pack("!BI", 0, len(message)) + message


def replied(text: str) -> bytes:
    """A reply's message."""
    reply = InferResponse(model_name="bench", model_version="1")
    reply.outputs.add(name="text_output", datatype="BYTES", shape=[1])
    reply.raw_output_contents.append(pack([text.encode()]))
    message: bytes = framed(reply.SerializeToString())
    return message


HEAD = deflate(((b":status", b"200"), (b"content-type", b"application/grpc")))
TAIL = deflate(((b"grpc-status", b"0"),))


def answer(stream: int, message: bytes) -> bytes:
    """All frames of a reply."""
    return frame(1, stream, HEAD, 4) + frame(0, stream, message, 0) + frame(1, stream, TAIL, 5)


def tape() -> Iterator[list[bytes]]:
    """What a relay copies of `CALLS` calls, no two prompts the same: `TOGETHER` requests, then their replies."""
    chance, codec = random.Random(1), KServeCodec()
    block = deflate(ASKED)
    message = replied(
        "Steel and concrete grow a little when they are warm, so a bridge needs gaps to grow into. " * 2
    )
    yield [opened(number, 7, "baseline", "engine:8001") for number in range(TOGETHER)]
    yield [encode(Kind.CLIENT, number, 7, PREFACE + frame(4, 0, b"", 0)) for number in range(TOGETHER)]
    yield [encode(Kind.SERVER, number, 7, frame(4, 0, b"", 0)) for number in range(TOGETHER)]
    for stream in range(1, 2 * CALLS // TOGETHER, 2):
        asked = []
        for number in range(TOGETHER):
            prompt = f"Please tell me about the {' '.join(chance.choices(WORDS, k=14))} now."
            raw = codec.encode(
                model="bench",
                id="",
                prompt=prompt,
                sampling=Sampling(temperature=0, max_tokens=64),
                stream=False,
            )
            chunk = frame(1, stream, block, 4) + frame(0, stream, framed(raw), 1)
            asked.append(encode(Kind.CLIENT, number, 7, chunk))
        yield asked
        yield [encode(Kind.SERVER, number, 9, answer(stream, message)) for number in range(TOGETHER)]


class Echo:
    """A transport whose peer answers each request at once, in the loop's next turn."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.take: Callable[[bytes], None]
        self.message = replied(
            "Steel and concrete expand in the heat, so a bridge is given gaps that they may fill. "
        )

    def write(self, data: bytes) -> None:
        """Answer each HEADERS frame in it."""
        at = len(PREFACE) if data.startswith(PREFACE) else 0
        if at:
            self.loop.call_soon(self.take, frame(4, 0, b"", 0))
        while at < len(data):
            length, kind = int.from_bytes(data[at : at + 3], "big"), data[at + 3]
            if kind == 1:
                stream = int.from_bytes(data[at + 5 : at + 9], "big")
                self.loop.call_soon(self.take, answer(stream, self.message))
            at += 9 + length

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int) -> None: ...

    def get_extra_info(self, name: str) -> None: ...

    def is_closing(self) -> bool:
        return True


async def paired(chunks: list[list[bytes]], mirrored: bool, categorizers: list[Any]) -> float:
    """CPU microseconds a call."""
    settings = Settings(queue_pairs=2 * CALLS, queue_bytes=1 << 30)
    publisher = Publisher(settings, lambda state: None)
    mirror = Mirror(
        MirrorSettings(methods=(INFER,), control_share=0.0),
        Engines(Engine("engine:8001", "b" * 64), Engine("other:8001", "c" * 64)),
        Ledger(),
        publisher.offer,
    )
    mirror.on = mirrored
    observer = publisher.observer = Observer(
        settings, [KServeCodec()], categorizers, mirror, boot="boot", clock=time.time_ns
    )
    client = RawClient("other:8001", timeout_s=300.0, message_bytes=1 << 24, held_bytes=1 << 26)
    connection, there = _Connection(client, 1 << 26), Echo()
    there.take = connection.data_received
    connection.connection_made(there)  # type: ignore[arg-type]
    client._connection = connection
    mirror.shadows[Leg.CANDIDATE].next()._client = client
    await asyncio.sleep(0.01)
    channel = observer.channel(lambda mark: None)
    publisher._take(pb.Credit(pairs=2 * CALLS))
    sent = 0
    begun = time.process_time()
    for together in chunks:
        for chunk in together:
            channel.feed(chunk)
            await asyncio.sleep(0)
        while publisher.pairs - sent >= BATCH:
            assert publisher._next() is not None
            sent += BATCH
    while mirror.flights:
        await asyncio.sleep(0)
    used = time.process_time() - begun
    ledger = observer.ledger
    assert (ledger.paired if mirrored else ledger.skipped.total()) == CALLS and ledger.balanced, ledger
    return used * 1e6 / CALLS


def main() -> None:
    chunks = list(tape())
    made: list[Any] = list(plugins.load("categorizers", Categories().names).values())
    categorizers = [one() for one in made]
    for categorizer in categorizers:  # some load what they need at their first request
        categorizer.categorize(a_pair("A prompt that is long enough to tell its language.").request)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    for name, mirrored in (("paired", True), ("observed", False)):
        told = [uvloop.run(paired(chunks, mirrored, categorizers)) for _ in range(rounds)]
        print(f"{name:8} {statistics.median(told):7.1f} us a call")


if __name__ == "__main__":
    main()
