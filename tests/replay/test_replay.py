import asyncio
import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from understudy.capture import ParquetCapture, Settings, read
from understudy.codec.kserve import INFER, STREAM, KServeCodec, pack
from understudy.codec.messages import InferRequest, InferResponse, StreamResponse
from understudy.errors import ConfigError, DataError, EngineError
from understudy.pair import Lane, Leg, Output, Pair, Request, Sampling
from understudy.replay import Settings as ReplaySettings
from understudy.replay import controlled, replay

CODEC = KServeCodec()


class Engine:
    """A KServe engine in the test: answers `name: prompt`, and remembers what it was asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[bytes] = []
        self.port = 0
        self.before: Callable[[], Any] | None = None

    async def _reply(self, raw: bytes) -> Any:
        self.asked.append(raw)
        if self.before is not None:
            await self.before()
        body = InferRequest.FromString(raw)
        prompt = body.raw_input_contents[0][4:].decode()
        response = InferResponse(model_name=body.model_name, id=body.id)
        response.outputs.add(name="text_output", datatype="BYTES", shape=[1, 1])
        response.raw_output_contents.append(pack([f"{self.name}: {prompt}".encode()]))
        return response

    async def _infer(self, raw: bytes, context: object) -> bytes:
        message: bytes = (await self._reply(raw)).SerializeToString()
        return message

    async def _stream(self, asks: AsyncIterator[bytes], context: object) -> AsyncIterator[bytes]:
        async for raw in asks:
            response = await self._reply(raw)
            response.parameters.add(key="triton_final_response").value.bool_param = True
            yield StreamResponse(infer_response=response).SerializeToString()

    def handlers(self) -> Any:
        service, infer = INFER.strip("/").split("/")
        stream = STREAM.rpartition("/")[2]
        return grpc.method_handlers_generic_handler(
            service,
            {
                infer: grpc.unary_unary_rpc_method_handler(self._infer),
                stream: grpc.stream_stream_rpc_method_handler(self._stream),
            },
        )

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((self.handlers(),))
        self.port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield f"127.0.0.1:{self.port}"
        finally:
            await server.stop(None)


def capture_of(
    directory: Path,
    count: int,
    *,
    content: bool = True,
    seed: int | None = None,
    controls: Collection[int] = (),
    admitted: Callable[[int], int] = lambda number: 1,
) -> Path:
    capture = ParquetCapture(Settings(directory=str(directory), content=content))
    for number in range(count):
        sampling = Sampling(temperature=0.7, seed=seed)
        method = STREAM if number % 2 else INFER
        raw = CODEC.encode(
            model="lm", id=f"{number}", prompt=f"p{number}", sampling=sampling, stream=method == STREAM
        )
        request = Request(f"r{number}", f"c{number}", method, "lm", f"p{number}", sampling, 1, raw=raw)
        lane = Lane("b" * 64, "c" * 64)
        again = Output(Leg.CONTROL, "x") if number in controls else None
        sides = (Output(Leg.BASELINE, "x"), Output(Leg.CANDIDATE, "x"))
        pair = Pair(request, *sides, lane, control=again, admitted_ns=admitted(number))
        capture.write([(pair, ())])
    capture.close()
    return directory


async def test_every_captured_request_is_answered_by_both_engines_once(tmp_path: Path) -> None:
    source, out = capture_of(tmp_path / "source", 20), tmp_path / "out"
    baseline, candidate = Engine("full"), Engine("low")
    async with baseline.served() as left, candidate.served() as right:
        counts = await replay([source], left, right, out, ReplaySettings(control_share=0))
    assert (counts.done, counts.total, counts.interrupted) == (20, 20, False)
    assert (
        Counter(baseline.asked) == Counter(candidate.asked) == Counter(p.request.raw for p, _ in read(source))
    )
    pairs = {pair.id: pair for pair, _ in read(out)}
    assert len(pairs) == 20
    for number in range(20):
        pair = pairs[f"r{number}"]
        assert (pair.baseline.text, pair.candidate.text) == (f"full: p{number}", f"low: p{number}")
        assert (pair.request.cluster, pair.sampled_by, pair.control) == (f"c{number}", "replay", None)
        assert pair.lane == Lane("b" * 64, "c" * 64)


async def test_the_control_is_the_baseline_with_another_seed(tmp_path: Path) -> None:
    source = capture_of(tmp_path / "source", 4, seed=7)
    baseline, candidate = Engine("full"), Engine("low")
    async with baseline.served() as left, candidate.served() as right:
        await replay([source], left, right, tmp_path / "out", ReplaySettings(control_share=1))
    assert len(baseline.asked) == 8 and len(candidate.asked) == 4

    def seeds(raws: list[bytes]) -> list[int]:
        bodies = [InferRequest.FromString(raw) for raw in raws]
        names = [[tensor.name for tensor in body.inputs].index("seed") for body in bodies]
        return [
            struct.unpack("<Q", body.raw_input_contents[at])[0]
            for body, at in zip(bodies, names, strict=True)
        ]

    assert sum(seed == 7 for seed in seeds(baseline.asked)) == 4
    assert set(seeds(candidate.asked)) == {7}
    assert all(pair.control and pair.control.text == pair.baseline.text for pair, _ in read(tmp_path / "out"))


async def test_without_a_share_those_get_a_control_that_were_captured_with_one(tmp_path: Path) -> None:
    source = capture_of(tmp_path / "source", 6, controls=(1, 4))
    baseline, candidate = Engine("full"), Engine("low")
    async with baseline.served() as left, candidate.served() as right:
        await replay([source], left, right, tmp_path / "out")
    assert {pair.id for pair, _ in read(tmp_path / "out") if pair.control} == {"r1", "r4"}


async def test_requests_are_sent_in_the_order_of_their_admission(tmp_path: Path) -> None:
    source = capture_of(tmp_path / "source", 6, admitted=lambda number: 100 - number)
    baseline = Engine("full")
    async with baseline.served() as left:
        await replay([source], left, left, tmp_path / "out", ReplaySettings(concurrency=1))
    assert [pair.id for pair, _ in read(tmp_path / "out")] == [f"r{n}" for n in reversed(range(6))]


def test_the_same_requests_get_a_control_in_every_run() -> None:
    chosen = [controlled(f"r{number}", 0.25) for number in range(2000)]
    assert chosen == [controlled(f"r{number}", 0.25) for number in range(2000)]
    assert 400 < sum(chosen) < 600
    assert not any(controlled(f"r{number}", 0) for number in range(50))
    assert all(controlled(f"r{number}", 1) for number in range(50))


async def test_an_interrupted_replay_resumes_with_every_request_exactly_once(tmp_path: Path) -> None:
    source, out = capture_of(tmp_path / "source", 30), tmp_path / "out"
    baseline, candidate = Engine("full"), Engine("low")
    stop = asyncio.Event()
    async with baseline.served() as left, candidate.served() as right:

        async def interrupt() -> None:
            if len(baseline.asked) == 11:
                stop.set()

        baseline.before = interrupt
        settings = ReplaySettings(concurrency=4, control_share=0)
        first = await replay([source], left, right, out, settings, stop=stop)
        assert first.interrupted and 0 < first.done < 30
        baseline.before = None
        second = await replay([source], left, right, out, settings)
    assert (second.resumed, second.done, second.interrupted) == (first.done, 30, False)
    assert len(baseline.asked) == 30, "nothing is asked again"
    assert sorted(pair.id for pair, _ in read(out)) == sorted(f"r{n}" for n in range(30))


async def test_an_engine_that_dies_stops_the_replay_and_nothing_is_lost(tmp_path: Path) -> None:
    source, out = capture_of(tmp_path / "source", 30), tmp_path / "out"
    baseline, candidate = Engine("full"), Engine("low")
    settings = ReplaySettings(concurrency=1, control_share=0)
    plan = Lane("b" * 64, "c" * 64)
    async with baseline.served() as left:
        server = candidate.served()
        right = await server.__aenter__()

        async def die() -> None:
            if len(baseline.asked) == 5:
                await server.__aexit__(None, None, None)

        baseline.before = die
        with pytest.raises(EngineError, match=r"candidate engine at .* is gone.*of 30 requests are done"):
            await replay([source], left, right, out, settings, fingerprints=plan)
        before = {pair.id for pair, _ in read(out)}
        assert 4 <= len(before) <= 6
        baseline.before = None
        async with candidate.served() as again:
            counts = await replay([source], left, again, out, settings, fingerprints=plan)
    assert counts.done == 30
    assert len({pair.id for pair, _ in read(out)}) == len(list(read(out))) == 30


async def test_an_engine_that_is_down_is_named_with_the_mend(tmp_path: Path) -> None:
    source = capture_of(tmp_path / "source", 1)
    async with Engine("full").served() as left:
        with pytest.raises(EngineError, match=r"candidate engine at 127.0.0.1:1 .*start it"):
            await replay([source], left, "127.0.0.1:1", tmp_path / "out", ReplaySettings(connect_s=0.3))


async def test_a_capture_without_content_cannot_be_replayed_and_says_why(tmp_path: Path) -> None:
    source = capture_of(tmp_path / "source", 2, content=False)
    async with Engine("full").served() as left:
        with pytest.raises(DataError, match=r"none of the 2 pairs .*capture.content = true"):
            await replay([source], left, left, tmp_path / "out")


async def test_a_directory_with_another_replay_is_refused(tmp_path: Path) -> None:
    source = capture_of(tmp_path / "source", 1)
    async with Engine("full").served() as left:
        await replay([source], left, left, tmp_path / "out")
        with pytest.raises(ConfigError, match="other engines"):
            await replay([source], left, "127.0.0.1:1", tmp_path / "out")
        with pytest.raises(ConfigError, match="no replay"):
            await replay([source], left, left, source)


def _serve(name: str, ports: "multiprocessing.Queue[int]", delay_s: float) -> None:
    async def main() -> None:
        engine = Engine(name)

        async def slow() -> None:
            await asyncio.sleep(delay_s)

        engine.before = slow
        async with engine.served():
            ports.put(engine.port)
            await asyncio.Event().wait()

    asyncio.run(main())


def test_ctrl_c_says_how_to_resume_and_kill_9_loses_nothing(tmp_path: Path) -> None:
    source, out = capture_of(tmp_path / "source", 60), tmp_path / "out"
    context = multiprocessing.get_context("spawn")
    ports: multiprocessing.Queue[int] = context.Queue()
    engine = context.Process(target=_serve, args=("full", ports, 0.02), daemon=True)
    engine.start()
    address = f"127.0.0.1:{ports.get(timeout=30)}"
    call = f"run([{str(source)!r}], {address!r}, {address!r}, Path({str(out)!r}), Settings(2))"
    script = f"import sys; from pathlib import Path; from understudy.replay import *; sys.exit({call})"

    def kept() -> int:
        return len(list(read(out))) if out.is_dir() and any(out.glob("open-*")) else 0

    def started(least: int) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE)
        deadline = time.monotonic() + 30
        while kept() < least:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.01)  # another process's progress: there is no event to wait for
        return process

    try:
        first = started(3)
        first.send_signal(signal.SIGINT)
        _, said = first.communicate(timeout=30)
        assert first.returncode == 130, said
        assert b"interrupted" in said and b"same command again" in said
        done = len(list(read(out)))
        second = started(3)
        os.kill(second.pid, signal.SIGKILL)
        second.communicate(timeout=30)
        third = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=False)
        assert third.returncode == 0, third.stderr
    finally:
        engine.kill()
        engine.join()
    assert 3 <= done < 60
    assert sorted(pair.id for pair, _ in read(out)) == sorted(f"r{n}" for n in range(60))
