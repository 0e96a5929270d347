"""AnalysisService: pairs in, scores out; the shipped analyzers run behind what any third party may speak."""

import asyncio
import logging
import time
import traceback
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import grpc

from understudy.pair import Pair
from understudy.score import Analyzer, Metric, Score
from understudy.service.convert import pair_from_proto, score_to_proto
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


def score(analyzers: Sequence[Analyzer], pair: Pair) -> tuple[list[Score], dict[str, int]]:
    """Run every analyzer on a pair; return the scores and the nanoseconds each analyzer took.

    An analyzer that raises yields its metrics as unscored on every leg, the exception's name as the reason: a
    defect is evidence of nothing and must be counted, never lost.
    """
    scores: list[Score] = []
    cost: dict[str, int] = {}
    for analyzer in analyzers:
        began = time.perf_counter_ns()
        try:
            found = [
                replace(one, analyzer=analyzer.name, version=analyzer.version) for one in analyzer.score(pair)
            ]
        except Exception as error:
            # Not the exception's text: that of int("...") quotes the reply.
            log.error(
                "analyzer %s failed on pair %s: %s at %s",
                analyzer.name,
                pair.id,
                type(error).__name__,
                _place(error),
            )
            found = [_unscored(analyzer, metric, pair, type(error).__name__) for metric in analyzer.metrics]
        scores += found
        cost[analyzer.name] = time.perf_counter_ns() - began
    return scores, cost


def _place(error: BaseException) -> str:
    """Where it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename}:{last.lineno}"


def unscored(metrics: Sequence[tuple[str, str, Metric]], pair: Pair, reason: str) -> list[Score]:
    """Return every metric (analyzer, version, metric) as unscored on every leg of the pair."""
    return [
        Score(
            metric.name,
            metric.sense,
            {},
            dict.fromkeys((output.leg for output in pair.legs()), reason),
            analyzer,
            version,
            judged_coupled=metric.judged_coupled,
        )
        for analyzer, version, metric in metrics
    ]


def _unscored(analyzer: Analyzer, metric: Metric, pair: Pair, reason: str) -> Score:
    return unscored([(analyzer.name, analyzer.version, metric)], pair, reason)[0]


class AnalysisServicer(rpc.AnalysisServiceServicer):
    """Scores batches in one thread, so that health checks and cancels are answered meanwhile."""

    def __init__(self, analyzers: Sequence[Analyzer]) -> None:
        self._analyzers = tuple(analyzers)
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
        reply = pb.ScoreBatch(sequence=batch.sequence, credit=len(batch.pairs))
        for message in batch.pairs:
            scores, cost = score(self._analyzers, pair_from_proto(message))
            reply.pairs.add(pair_id=message.request.id, scores=map(score_to_proto, scores))
            for name, spent in cost.items():
                reply.cost_ns[name] += spent
        return reply


async def serve(listen: str, analyzers: Sequence[Analyzer], stop: asyncio.Event) -> None:
    """Serve the analyzers at `listen` (host:port or unix:path) until `stop` is set."""
    server = grpc.aio.server(options=OPTIONS)
    rpc.add_AnalysisServiceServicer_to_server(AnalysisServicer(analyzers), server)
    health = Health(server, ("understudy.v1.AnalysisService",))
    server.add_insecure_port(listen)
    await server.start()
    await health.enter()
    await stop.wait()
    await health.leave()
    await server.stop(1)
