"""The streaming services: acknowledgement in order, state pushed at once, watchers that cost nobody else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from understudy.service.convert import pair_to_proto
from understudy.service.health import Health
from understudy.service.pairs import PairServicer
from understudy.service.signals import SignalServicer
from understudy.testing import a_pair
from understudy.v1 import pairs_pb2, pairs_pb2_grpc, signals_pb2, signals_pb2_grpc, values_pb2


class Slow:
    """A sink that counts a batch when told to."""

    def __init__(self) -> None:
        self.counted: dict[int, asyncio.Event] = {}
        self.on = True

    def take(self, batch: pairs_pb2.PairBatch) -> Awaitable[None]:
        return self._wait(self.counted.setdefault(batch.sequence, asyncio.Event()))

    async def _wait(self, event: asyncio.Event) -> None:
        await event.wait()

    def state(self) -> pairs_pb2.ObserverState:
        return pairs_pb2.ObserverState(mirror_on=self.on, primary="candidate")


@asynccontextmanager
async def served(path: Path) -> AsyncIterator[tuple[PairServicer, SignalServicer, Slow, grpc.aio.Channel]]:
    sink = Slow()
    pairs, signals = PairServicer(sink), SignalServicer()
    server = grpc.aio.server()
    pairs_pb2_grpc.add_PairServiceServicer_to_server(pairs, server)
    signals_pb2_grpc.add_SignalServiceServicer_to_server(signals, server)
    health = Health(server, ("understudy.v1.PairService",))
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    await health.enter()
    try:
        async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
            yield pairs, signals, sink, channel
    finally:
        await server.stop(0)


def a_batch(sequence: int) -> pairs_pb2.PairBatch:
    return pairs_pb2.PairBatch(sequence=sequence, pairs=[pair_to_proto(a_pair(prompt=str(sequence)))])


def publishing(channel: grpc.aio.Channel) -> Any:
    # The stubs know only the iterator style of a stream.
    method: Any = channel.stream_stream(
        "/understudy.v1.PairService/Publish",
        pairs_pb2.PairBatch.SerializeToString,
        pairs_pb2.Credit.FromString,
    )
    return method()


async def test_batches_are_acknowledged_in_order_when_counted_and_state_changes_come_at_once(
    tmp_path: Path,
) -> None:
    async with served(tmp_path / "s") as (pairs, _, sink, channel):
        call = publishing(channel)
        first = await call.read()
        assert first.state.mirror_on and first.pairs > 0
        await call.write(a_batch(1))
        await call.write(a_batch(2))
        while len(sink.counted) < 2:
            await asyncio.sleep(0.01)
        sink.counted[2].set()
        sink.on = False
        pairs.changed()
        pushed = await call.read()
        assert (pushed.state.mirror_on, pushed.acknowledged) == (False, 0), "2 is counted but 1 is not"
        sink.counted[1].set()
        assert [(await call.read()).acknowledged for _ in range(2)] == [1, 2]
        call.cancel()


async def test_others_may_watch_the_pairs_and_the_signals(tmp_path: Path) -> None:
    async with served(tmp_path / "s") as (_, signals, sink, channel):
        watch: Any = pairs_pb2_grpc.PairServiceStub(channel).Watch(pairs_pb2.WatchPairsRequest())
        heard: Any = signals_pb2_grpc.SignalServiceStub(channel).Watch(signals_pb2.WatchSignalsRequest())
        seen = asyncio.ensure_future(watch.read())
        told = asyncio.ensure_future(heard.read())
        await asyncio.sleep(0.1)
        publish = publishing(channel)
        await publish.write(a_batch(7))
        signals.publish(signals_pb2.SignalEvent(ns=5, signal=values_pb2.Signal(action="rollback")))
        assert (await asyncio.wait_for(seen, 5)).pairs[0].request.text == "7"
        assert (await asyncio.wait_for(told, 5)).signal.action == "rollback"
        sink.counted[7].set()
        for call in (watch, heard, publish):
            call.cancel()
