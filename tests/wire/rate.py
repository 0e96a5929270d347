"""How many unary calls a second one core observes: `python -m tests.wire.rate`. No test; prints medians."""

import random
import statistics
import time
from collections.abc import Iterator

from hpack import Encoder, NeverIndexedHeaderTuple
from understudy.exchange import Assembler
from understudy.wire.events import Side
from understudy.wire.frame import PREFACE
from understudy.wire.http2 import Observer

CALLS = 4000
ROUNDS = 7
ASKED = [
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/inference.GRPCInferenceService/ModelInfer"),
    (b":authority", b"models:8001"),
    (b"te", b"trailers"),
    (b"content-type", b"application/grpc"),
    (b"user-agent", b"grpc-python/1.85.0 grpc-c/52.0.0"),
    (b"grpc-accept-encoding", b"identity, deflate, gzip"),
]
ANSWERED = [(b":status", b"200"), (b"content-type", b"application/grpc")]
ENDED = [(b"grpc-status", b"0")]


def frame(kind: int, stream: int, payload: bytes, flags: int) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def calls(varying: bool) -> Iterator[tuple[Side, bytes]]:
    """What passes of `CALLS` unary calls: one chunk from the client and one from the server for each."""
    chance = random.Random(1)
    ends = {Side.CLIENT: Encoder(), Side.SERVER: Encoder()}
    yield Side.CLIENT, PREFACE + frame(4, 0, b"", 0)
    yield Side.SERVER, frame(4, 0, b"", 0)
    framed = b"\0\0\0\0\x64" + b"m" * 100
    for stream in range(1, 2 * CALLS, 2):
        asked = list(ASKED)
        if varying:
            trace = b"00-%032x-%016x-01" % (chance.getrandbits(128), chance.getrandbits(64))
            asked += [(b"traceparent", trace), (b"x-request-id", b"%016x" % chance.getrandbits(64))]
            asked.append(NeverIndexedHeaderTuple(b"grpc-timeout", b"%du" % chance.randrange(10**6)))
        block = ends[Side.CLIENT].encode(asked)
        yield Side.CLIENT, frame(1, stream, block, 4) + frame(0, stream, framed, 1)
        head, tail = ends[Side.SERVER].encode(ANSWERED), ends[Side.SERVER].encode(ENDED)
        yield (
            Side.SERVER,
            frame(1, stream, head, 4) + frame(0, stream, framed, 0) + frame(1, stream, tail, 5),
        )


def rate(target: str, chunks: list[tuple[Side, bytes]]) -> float:
    feed = Observer().receive if target == "observer" else Assembler(1, "engine").feed
    begun = time.process_time()
    for side, chunk in chunks:
        feed(side, chunk, 7)
    return CALLS / (time.process_time() - begun)


def main() -> None:
    tapes = {"repeated": list(calls(False)), "varying": list(calls(True))}
    told: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for name, tape in tapes.items():
            for target in ("observer", "assembler"):
                told.setdefault((target, name), []).append(rate(target, tape))
    for (target, name), rates in told.items():
        print(f"{target:9} {name:8} {statistics.median(rates):8.0f} calls/s")


if __name__ == "__main__":
    main()
