"""From published pairs to verdicts: nothing lost, nothing twice, the same after a crash."""

import asyncio
import shutil
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path

from understudy.drift.engine import Drift
from understudy.drift.tolerance import Tolerances
from understudy.drift.verdict import State
from understudy.pipeline import evidence
from understudy.pipeline.core import Pipeline
from understudy.pipeline.journal import Journal
from understudy.score import Score, Sense
from understudy.service.convert import pair_from_proto, pair_to_proto
from understudy.testing import a_pair
from understudy.v1 import pairs_pb2, values_pb2

TICK_NS = 10_000_000_000


class Upper:
    """Scores shouting at once, or when told to."""

    def __init__(self) -> None:
        self.held: list[asyncio.Event] = []
        self.hold = False

    def submit(self, pair: values_pb2.Pair) -> Awaitable[list[Score]]:
        return self._score(pair)

    async def _score(self, message: values_pb2.Pair) -> list[Score]:
        if self.hold:
            event = asyncio.Event()
            self.held.append(event)
            await event.wait()
        pair = pair_from_proto(message)
        values = {output.leg: float(output.text.isupper()) for output in pair.legs()}
        return [Score("shouting", Sense.BAD, values, {})]


def a_batch(
    tick: int, start: int, count: int, share_bad: float = 0.0, boot: str = "b"
) -> pairs_pb2.PairBatch:
    pairs = []
    for number in range(start, start + count):
        bad = (number * 37 % 100) < share_bad * 100
        pair = a_pair(prompt=f"prompt {number}", baseline="calm", candidate="LOUD" if bad else "calm")
        pairs.append(pair_to_proto(replace(pair, tick=tick, admitted_ns=tick * TICK_NS + number)))
    ledger = pairs_pb2.Ledger(
        boot="b", eligible=start + count, paired=start + count, watermark_ns=(tick + 1) * TICK_NS
    )
    return pairs_pb2.PairBatch(sequence=tick + 1, pairs=pairs, ledger=ledger)


def a_pipeline(directory: Path, scorer: Upper | None = None) -> Pipeline:
    return Pipeline(scorer or Upper(), Drift(Tolerances.default()), Journal(directory))


def numbers(pipeline: Pipeline) -> list[tuple[str, str, int, float, State]]:
    return [(v.slice, v.metric, v.votes, v.evidence, v.state) for v in pipeline.drift.verdicts()]


async def test_a_broken_candidate_is_found_and_the_counts_are_the_pairs(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    pipeline.announce("start")
    changes = []
    for tick in range(1, 30):
        await pipeline.take(a_batch(tick, tick * 20, 20, share_bad=0.5), 0)
        changes += pipeline.advance((tick + 1) * TICK_NS)
    breached = [c for c in changes if c.verdict.state is State.BREACH]
    assert {(c.verdict.slice, c.verdict.metric) for c in breached} == {("all", "shouting")}
    assert pipeline.scored == 29 * 20
    pipeline.close()


async def test_a_batch_that_comes_again_is_acknowledged_and_counted_once(tmp_path: Path) -> None:
    scorer = Upper()
    pipeline = a_pipeline(tmp_path, scorer)
    scorer.hold = True
    first = asyncio.ensure_future(pipeline.take(a_batch(1, 0, 3), 0))
    again = asyncio.ensure_future(pipeline.take(a_batch(1, 0, 3), 0))
    while len(scorer.held) < 3:
        await asyncio.sleep(0)
    assert not again.done(), "acknowledged before it was counted"
    for event in scorer.held:
        event.set()
    await asyncio.gather(first, again)
    await pipeline.take(a_batch(1, 0, 3), 0)
    assert pipeline.scored == 3
    pipeline.close()


async def test_a_tick_stays_open_until_its_pairs_are_scored_or_its_grace_is_over(tmp_path: Path) -> None:
    scorer = Upper()
    pipeline = a_pipeline(tmp_path, scorer)
    scorer.hold = True
    waiting = asyncio.ensure_future(pipeline.take(a_batch(5, 0, 1), 0))
    await asyncio.sleep(0)
    assert pipeline.due(6 * TICK_NS) == 4
    assert pipeline.due(6 * TICK_NS + 300 * 10**9) == 5
    while not scorer.held:
        await asyncio.sleep(0)
    scorer.held[0].set()
    await waiting
    assert pipeline.due(6 * TICK_NS) == 5
    pipeline.close()


async def test_killed_at_any_moment_it_comes_back_with_the_same_evidence(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path / "a")
    pipeline.announce("start")
    for tick in range(1, 9):
        await pipeline.take(a_batch(tick, tick * 20, 20, share_bad=0.1), 0)
        if tick != 8:
            pipeline.advance((tick + 1) * TICK_NS)
        if tick == 4:
            pipeline._compact()
    # The process is gone, and with it everything that is not in the journal: no snapshot at the end.
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    revived = a_pipeline(tmp_path / "b")
    await revived.take(a_batch(8, 8 * 20, 20, share_bad=0.1), 0)
    pipeline.advance(9 * TICK_NS)
    revived.advance(9 * TICK_NS)
    assert numbers(revived) == numbers(pipeline)
    assert revived.drift.snapshot() == pipeline.drift.snapshot()
    pipeline.close()
    revived.close()


async def test_pairs_that_observers_shed_lower_the_coverage(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    for tick in range(1, 5):
        batch = a_batch(tick, tick * 20, 20)
        batch.ledger.shed["rate"] = 10 * tick
        batch.ledger.eligible += 10 * tick
        await pipeline.take(batch, 0)
        pipeline.advance((tick + 1) * TICK_NS)
    assert pipeline.books.totals().accounted
    (whole,) = [v for v in pipeline.drift.verdicts() if (v.slice, v.metric) == ("all", "shouting")]
    assert whole.coverage < 0.95
    stored = whole.coverage
    pipeline.close()
    again = a_pipeline(tmp_path)
    (whole,) = [v for v in again.drift.verdicts() if (v.slice, v.metric) == ("all", "shouting")]
    assert whole.coverage == stored
    again.close()


async def test_an_observer_that_died_takes_its_requests_to_lost(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    batch = a_batch(1, 0, 4)
    batch.ledger.in_flight = 3
    batch.ledger.eligible += 3
    await pipeline.take(batch, 0)
    pipeline.books.end("b")
    totals = pipeline.books.totals()
    assert (totals.lost, totals.in_flight, totals.accounted) == ({"crashed": 3}, 0, True)
    pipeline.close()


async def test_no_text_reaches_the_journal(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    pair = replace(a_pair(prompt="my secret prompt", baseline="my secret reply"), tick=1, admitted_ns=TICK_NS)
    await pipeline.take(pairs_pb2.PairBatch(sequence=1, pairs=[pair_to_proto(pair)]), 0)
    pipeline.close()
    assert not any(b"secret" in path.read_bytes() for path in tmp_path.iterdir())


def test_the_journal_holds_nothing_that_the_caller_or_the_engines_wrote() -> None:
    pair = a_pair(baseline="hunter2", candidate="hunter2")
    request = replace(
        pair.request,
        text="hunter2",
        raw=b"hunter2",
        token_ids=(721_077,),
        metadata={"x-user": "hunter2"},
        conversation="hunter2",
        sampling=replace(pair.request.sampling, stop=("hunter2",)),
    )
    packed = evidence.pack(replace(pair, request=request), [])
    assert b"hunter2" not in packed
    assert evidence._unpack(packed)[0].request.token_ids in (None, ())
