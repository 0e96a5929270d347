"""The pool of analyzer workers never loses a pair, whatever its workers do."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from understudy.pair import Leg, Pair
from understudy.pipeline.pool import Pool
from understudy.score import Analyzer, Metric, Score, Sense
from understudy.service.analysis import AnalysisServicer, serve
from understudy.service.convert import pair_to_proto
from understudy.testing import a_pair
from understudy.v1 import analysis_pb2 as pb
from understudy.v1 import analysis_pb2_grpc as rpc
from understudy.v1 import pairs_pb2, values_pb2


class Shouting:
    """Scores 1 where a reply is in capitals; refuses to read 'boom'."""

    name = "shouting"
    version = "3"
    metrics = (Metric("shouting", Sense.BAD, "the reply shouts"),)

    def score(self, pair: Pair) -> Sequence[Score]:
        if pair.candidate.text == "boom":
            raise ZeroDivisionError
        values = {output.leg: float(output.text.isupper()) for output in pair.legs()}
        return [Score("shouting", Sense.BAD, values, {})]


class Fragile(AnalysisServicer):
    """A worker that dies of one pair."""

    async def Score(
        self,
        request_iterator: AsyncIterator[pairs_pb2.PairBatch],
        context: grpc.aio.ServicerContext[pairs_pb2.PairBatch, pb.ScoreBatch],
    ) -> AsyncIterator[pb.ScoreBatch]:
        yield pb.ScoreBatch(credit=8)
        async for batch in request_iterator:
            if any(pair.candidate.text == "poison" for pair in batch.pairs):
                await context.abort(grpc.StatusCode.UNAVAILABLE, "the worker died")
            yield self._answer(batch)


@asynccontextmanager
async def a_pool(*addresses: str, limit_s: float = 20.0) -> AsyncIterator[Pool]:
    pool = Pool(addresses, limit_s)
    running = asyncio.ensure_future(pool.run())
    try:
        yield pool
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def a_worker(address: str, *analyzers: Analyzer) -> AsyncIterator[None]:
    stop = asyncio.Event()
    serving = asyncio.ensure_future(serve(address, analyzers or [Shouting()], stop))
    yield
    stop.set()
    await serving


async def test_every_pair_is_scored_by_the_workers_there_are(tmp_path: Path) -> None:
    first, second = f"unix:{tmp_path}/1", f"unix:{tmp_path}/2"
    async with a_worker(first), a_worker(second), a_pool(first, second) as pool:
        pairs = [a_pair(baseline="calm", candidate="LOUD" if n % 2 else "calm") for n in range(200)]
        scores = await asyncio.gather(*(pool.submit(pair_to_proto(pair)) for pair in pairs))
        assert [one.values[Leg.CANDIDATE] for (one,) in scores] == [float(n % 2) for n in range(200)]
        assert pool.analyzers == {"shouting": "3"} and pool.cost_ns["shouting"] > 0


async def test_an_analyzer_that_raises_leaves_the_pair_unscored_with_the_reason(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/1"
    async with a_worker(address), a_pool(address) as pool:
        (score,) = await pool.submit(pair_to_proto(a_pair(candidate="boom")))
    assert score.values == {} and set(score.unscored.values()) == {"ZeroDivisionError"}


async def test_pairs_wait_for_a_worker_that_starts_late(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/1"
    async with a_pool(address) as pool:
        scores = pool.submit(pair_to_proto(a_pair(candidate="LOUD")))
        async with a_worker(address):
            assert (await scores)[0].values[Leg.CANDIDATE] == 1


async def test_a_pair_that_kills_two_workers_is_given_up_and_the_others_are_not(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/1"
    server = grpc.aio.server()
    rpc.add_AnalysisServiceServicer_to_server(Fragile([Shouting()]), server)
    server.add_insecure_port(address)
    await server.start()
    async with a_pool(address) as pool:
        texts = ["calm", "poison", "LOUD"]
        scores = [pool.submit(pair_to_proto(a_pair(candidate=text))) for text in texts]
        poisoned = (await scores[1])[0]
        assert set(poisoned.unscored.values()) == {"worker_lost"} and pool.lost_pairs == 1
        for calm in (scores[0], scores[2]):
            assert (await calm)[0].unscored == {}, "what lay in its batch is tried alone"
        late = pool.submit(pair_to_proto(a_pair(candidate="LOUD")))
        assert (await late)[0].values[Leg.CANDIDATE] == 1
    await server.stop(0)


async def test_a_message_that_is_no_pair_ends_neither_the_pool_nor_the_others(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/1"
    async with a_worker(address), a_pool(address) as pool:
        assert await pool.submit(values_pb2.Pair()) == []
        (score,) = await pool.submit(pair_to_proto(a_pair(candidate="LOUD")))
    assert score.values[Leg.CANDIDATE] == 1


class Louder(Shouting):
    version = "4"


class Narrower(Shouting):
    metrics = (Metric("shouting", Sense.BAD, "the reply shouts", prefix_safe=True),)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (Louder(), "shouting 4 instead of 3"),
        (Narrower(), "shouting 3 has other metrics under the same version"),
    ],
)
async def test_a_worker_with_other_analyzers_gets_no_pairs_and_the_log_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, other: Analyzer, told: str
) -> None:
    first, second = f"unix:{tmp_path}/1", f"unix:{tmp_path}/2"
    async with a_worker(first), a_pool(first, second) as pool:
        await pool.submit(pair_to_proto(a_pair()))
        async with a_worker(second, other):
            while told not in caplog.text:
                await asyncio.sleep(0.01)
            scores = await asyncio.gather(*(pool.submit(pair_to_proto(a_pair())) for _ in range(100)))
            assert {score.version for (score,) in scores} == {"3"}
            assert pool.connected == {first} and pool.analyzers == {"shouting": "3"}
    assert caplog.text.count("it gets no pairs") == 1
