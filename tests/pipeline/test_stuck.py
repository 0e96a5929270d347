"""An analyzer that never returns costs its own pair and a restart, and nobody else anything."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from understudy.pair import Leg
from understudy.service.analysis import AnalysisServicer
from understudy.service.convert import pair_to_proto
from understudy.supervise import Child, Supervisor
from understudy.testing import a_pair
from understudy.v1 import analysis_pb2 as pb
from understudy.v1 import analysis_pb2_grpc as rpc
from understudy.v1 import pairs_pb2

from tests.pipeline.test_pool import Shouting, a_pool

LIMIT_S = 1.0
START_S = 5.0
"""Longest that a worker process may take to start on a busy machine; there are three starts in a test."""


@asynccontextmanager
async def supervised(addresses: Sequence[str], limit_s: float) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(
        [
            Child(address, (sys.executable, "-m", "tests.pipeline.worker", address, str(limit_s)), stop_s=0.2)
            for address in addresses
        ]
    )
    running = asyncio.ensure_future(supervisor.run())
    try:
        yield supervisor
    finally:
        supervisor.stop()
        await running


@pytest.mark.parametrize("trap", ["loop", "regex"])
async def test_a_pair_that_holds_its_worker_for_ever_is_unscored_and_the_others_are_scored(
    tmp_path: Path, trap: str
) -> None:
    address = f"unix:{tmp_path}/1"
    async with supervised([address], LIMIT_S) as supervisor, a_pool(address, limit_s=LIMIT_S) as pool:
        (first,) = await pool.submit(pair_to_proto(a_pair(candidate="LOUD")))
        assert first.values[Leg.CANDIDATE] == 1
        began = time.monotonic()
        texts = ["LOUD"] * 3 + [trap] + ["LOUD"] * 40
        scores = [pool.submit(pair_to_proto(a_pair(prompt=str(n), candidate=t))) for n, t in enumerate(texts)]
        (trapped,) = await scores.pop(3)
        took_s = time.monotonic() - began
        assert trapped.values == {} and set(trapped.unscored.values()) == {"time_limit"}
        assert 2 * LIMIT_S * 0.9 < took_s < 2 * LIMIT_S + 2 * START_S
        assert all(score.values[Leg.CANDIDATE] == 1 for (score,) in await asyncio.gather(*scores))
        assert supervisor.restarts[address] == 2 and pool.lost_pairs == 1


async def test_an_analyzer_that_wants_all_memory_costs_its_own_pair_and_no_restart(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/1"
    async with supervised([address], 30.0) as supervisor, a_pool(address, limit_s=30.0) as pool:
        texts = ["LOUD", "eat", "LOUD"]
        scores = [pool.submit(pair_to_proto(a_pair(prompt=str(n), candidate=t))) for n, t in enumerate(texts)]
        (first,), (eaten,), (last,) = await asyncio.gather(*scores)
        assert set(eaten.unscored.values()) == {"MemoryError"}
        assert first.values[Leg.CANDIDATE] == last.values[Leg.CANDIDATE] == 1
        assert supervisor.restarts[address] == 0 and pool.answered == 3


async def test_a_stuck_worker_says_so_before_it_ends(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/1"
    async with supervised([address], 4.0), a_pool(address, limit_s=4.0) as pool:
        await pool.submit(pair_to_proto(a_pair()))
        async with grpc.aio.insecure_channel(address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            watch = stub.Watch(health_pb2.HealthCheckRequest(service="understudy.v1.AnalysisService"))
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            pool.submit(pair_to_proto(a_pair(candidate="loop")))
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            watch.cancel()


class Mute(AnalysisServicer):
    """A worker written elsewhere: it takes batches and never answers, and never ends itself."""

    async def Score(
        self,
        request_iterator: AsyncIterator[pairs_pb2.PairBatch],
        context: grpc.aio.ServicerContext[pairs_pb2.PairBatch, pb.ScoreBatch],
    ) -> AsyncIterator[pb.ScoreBatch]:
        yield pb.ScoreBatch(credit=8)
        await asyncio.Event().wait()


async def test_pairs_given_to_a_worker_that_stays_silent_go_to_another(tmp_path: Path) -> None:
    mute, good = f"unix:{tmp_path}/mute", f"unix:{tmp_path}/good"
    servers = [grpc.aio.server(), grpc.aio.server()]
    for server, address, kind in zip(servers, (mute, good), (Mute, AnalysisServicer), strict=True):
        rpc.add_AnalysisServiceServicer_to_server(kind([Shouting()]), server)
        server.add_insecure_port(address)
    await servers[0].start()
    async with a_pool(mute, good, limit_s=0.4) as pool:
        scores = [pool.submit(pair_to_proto(a_pair(candidate="LOUD"))) for _ in range(8)]
        while pool.queued:
            await asyncio.sleep(0.01)
        await servers[1].start()
        for (score,) in await asyncio.gather(*scores):
            assert score.values[Leg.CANDIDATE] == 1
        assert pool.lost_pairs == 0
    for server in servers:
        await server.stop(0)


async def test_with_nobody_else_a_silent_worker_costs_twice_the_limit_and_not_for_ever(
    tmp_path: Path,
) -> None:
    address = f"unix:{tmp_path}/mute"
    server = grpc.aio.server()
    rpc.add_AnalysisServiceServicer_to_server(Mute([Shouting()]), server)
    server.add_insecure_port(address)
    await server.start()
    async with a_pool(address, limit_s=0.2) as pool:
        (score,) = await asyncio.wait_for(pool.submit(pair_to_proto(a_pair())), 10)
        assert set(score.unscored.values()) == {"time_limit"}
    await server.stop(0)


async def test_a_busy_controller_does_not_blame_its_workers(tmp_path: Path) -> None:
    """The answer is there, unread, while our own loop is blocked for longer than the limit."""
    address = f"unix:{tmp_path}/1"
    async with supervised([address], 30.0), a_pool(address, limit_s=0.5) as pool:
        await pool.submit(pair_to_proto(a_pair()))
        scores = pool.submit(pair_to_proto(a_pair(candidate="LOUD")))
        while pool.queued:
            await asyncio.sleep(0)
        time.sleep(1.0)
        assert (await scores)[0].values[Leg.CANDIDATE] == 1 and pool.lost_pairs == 0
        assert pool.connected == {address}
