"""AnalysisService: pairs in, scores out; the shipped analyzers run behind what any third party may speak."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from typing import NamedTuple

import grpc

from understudy.errors import traced
from understudy.pair import Pair
from understudy.score import Analyzer, Metric, Score
from understudy.service import memory
from understudy.service.build import parameters_of
from understudy.service.convert import pair_from_proto, score_to_proto
from understudy.service.deadline import Deadline
from understudy.service.health import Health
from understudy.v1 import analysis_pb2 as pb
from understudy.v1 import analysis_pb2_grpc as rpc
from understudy.v1 import pairs_pb2

log = logging.getLogger(__name__)

CREDIT = 64
"""Pairs a client may have in flight at one worker: enough to hide the round trip, few enough to lose."""

OPTIONS = (
    ("grpc.max_receive_message_length", 256 << 20),
    ("grpc.max_send_message_length", 256 << 20),
)


class Declared(NamedTuple):
    """A metric and who scores it."""

    analyzer: str
    version: str
    parameters: Mapping[str, str]
    metric: Metric


def declared(analyzers: Sequence[Analyzer]) -> list[Declared]:
    """Every metric that the analyzers may score."""
    return [
        Declared(analyzer.name, analyzer.version, parameters_of(analyzer), metric)
        for analyzer in analyzers
        for metric in analyzer.metrics
    ]


def score(analyzers: Sequence[Analyzer], pair: Pair) -> tuple[list[Score], dict[str, int]]:
    """Run every analyzer on a pair; return the scores and the nanoseconds each analyzer took.

    Every score is marked with the name, version and parameters of its analyzer.

    An analyzer that raises yields its metrics as unscored on every leg, the exception's name as the reason: a
    defect is evidence of nothing and must be counted, never lost.
    """
    scores: list[Score] = []
    cost: dict[str, int] = {}
    for analyzer in analyzers:
        began = time.perf_counter_ns()
        made = parameters_of(analyzer)
        try:
            found = [
                replace(
                    one,
                    analyzer=analyzer.name,
                    version=analyzer.version,
                    parameters={**made, **(one.parameters or {})} or None,
                )
                for one in analyzer.score(pair)
            ]
        except Exception as error:
            log.error("analyzer %s failed on pair %s: %s", analyzer.name, pair.id, traced(error))
            found = unscored(declared([analyzer]), pair, type(error).__name__)
        scores += found
        cost[analyzer.name] = time.perf_counter_ns() - began
    return scores, cost


def unscored(metrics: Sequence[Declared], pair: Pair, reason: str) -> list[Score]:
    """Return every metric as unscored on every leg of the pair."""
    return [
        Score(
            metric.name,
            metric.sense,
            {},
            dict.fromkeys((output.leg for output in pair.legs()), reason),
            analyzer,
            version,
            parameters or None,
            judged_coupled=metric.judged_coupled,
        )
        for analyzer, version, parameters, metric in metrics
    ]


def answer(analyzers: Sequence[Analyzer], batch: pairs_pb2.PairBatch) -> pb.ScoreBatch:
    """Return the scores of a batch, what each analyzer cost, and as much credit as it had pairs."""
    reply = pb.ScoreBatch(sequence=batch.sequence, credit=len(batch.pairs))
    for message in batch.pairs:
        scores, cost = score(analyzers, pair_from_proto(message))
        reply.pairs.add(pair_id=message.request.id, scores=map(score_to_proto, scores))
        for name, spent in cost.items():
            reply.cost_ns[name] += spent
    return reply


class AnalysisServicer(rpc.AnalysisServiceServicer):
    """Scores batches in one thread, so that health checks and cancels are answered meanwhile."""

    def __init__(self, analyzers: Sequence[Analyzer], deadline: Deadline | None = None) -> None:
        self._analyzers = tuple(analyzers)
        self._deadline = deadline
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="analyzers")

    async def Describe(
        self,
        request: pb.DescribeRequest,
        context: grpc.aio.ServicerContext[pb.DescribeRequest, pb.DescribeResponse],
    ) -> pb.DescribeResponse:
        """Name the analyzers behind this service, with their metrics."""
        return pb.DescribeResponse(
            analyzers=[
                pb.AnalyzerInfo(
                    name=analyzer.name,
                    version=analyzer.version,
                    parameters=parameters_of(analyzer),
                    metrics=[
                        pb.MetricInfo(
                            name=metric.name,
                            sense=metric.sense.value,
                            doc=metric.doc,
                            judged_coupled=metric.judged_coupled,
                            prefix_safe=metric.prefix_safe,
                        )
                        for metric in analyzer.metrics
                    ],
                )
                for analyzer in self._analyzers
            ]
        )

    async def Score(
        self,
        request_iterator: AsyncIterator[pairs_pb2.PairBatch],
        context: grpc.aio.ServicerContext[pairs_pb2.PairBatch, pb.ScoreBatch],
    ) -> AsyncIterator[pb.ScoreBatch]:
        """Answer each batch with its scores and as much new credit as it had pairs."""
        yield pb.ScoreBatch(credit=CREDIT)
        async for batch in request_iterator:
            yield await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, batch)

    def _answer(self, batch: pairs_pb2.PairBatch) -> pb.ScoreBatch:
        with self._deadline.held() if self._deadline else nullcontext():
            return answer(self._analyzers, batch)


async def serve(
    listen: str,
    analyzers: Sequence[Analyzer],
    stop: asyncio.Event,
    limit_s: float | None = None,
    memory_bytes: int = 0,
) -> None:
    """Serve the analyzers at `listen` (host:port or unix:path) until `stop` is set.

    With `limit_s`, a batch that takes longer ends this process: an analyzer that never returns cannot be stopped
    otherwise. With `memory_bytes`, an analyzer that wants more than this beyond what the process has now gets a
    MemoryError. Both only for a process of its own.
    """
    server = grpc.aio.server(options=OPTIONS)
    deadline = Deadline(limit_s) if limit_s is not None else None
    rpc.add_AnalysisServiceServicer_to_server(AnalysisServicer(analyzers, deadline), server)
    health = Health(server, ("understudy.v1.AnalysisService",))
    server.add_insecure_port(listen)
    await server.start()
    memory.bound(memory_bytes)
    await health.enter()
    telling = asyncio.ensure_future(_tell(health, deadline)) if deadline else None
    await stop.wait()
    if telling is not None:
        telling.cancel()
    await health.leave()
    await server.stop(1)


async def _tell(health: Health, deadline: Deadline) -> None:
    """Say NOT_SERVING while a batch is late: its analyzer is likely never to return."""
    serving = True
    while True:
        await asyncio.sleep(deadline.limit_s / 10)
        late = deadline.late
        if late is serving:
            serving = not late
            await health.say(serving)
