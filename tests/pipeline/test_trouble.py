"""A full disk, a clock that goes back, a pair that cannot be read, an observer that dies: no evidence is lost."""

import asyncio
import errno
import os
import threading
from contextlib import closing
from io import FileIO
from pathlib import Path
from typing import Any, cast

import pytest
from understudy.drift.engine import Drift
from understudy.drift.tolerance import Tolerances
from understudy.drift.verdict import lane_key
from understudy.drift.vote import FAILURE, NO_CONTROL
from understudy.pair import Leg, Pair
from understudy.pipeline import core
from understudy.pipeline.journal import Entry, Journal, Kind
from understudy.pipeline.ledger import KEPT, Books
from understudy.score import Score, Sense
from understudy.service.convert import pair_from_proto
from understudy.testing import a_pair
from understudy.v1 import pairs_pb2 as pb
from understudy.v1 import values_pb2

from tests.pipeline.test_core import TICK_NS, a_batch, a_pipeline


class Full:
    """A file on a disk that takes a few bytes and then none."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def write(self, data: bytes) -> int:
        return int(self.file.write(data[:5]))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def begun(directory: Path) -> core.Pipeline:
    """A pipeline whose cells count from their first vote on."""
    pipeline = a_pipeline(directory)
    pipeline.declare(lane_key(a_pair().lane), ["all"], [FAILURE])
    return pipeline


def votes(pipeline: core.Pipeline) -> int:
    return next(v.votes for v in pipeline.drift.verdicts() if (v.slice, v.metric) == ("all", FAILURE))


def test_an_entry_the_disk_takes_half_of_hides_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(Entry(Kind.ANNOUNCED, b"one"))
    real = journal._file
    journal._file = cast(FileIO, Full(real))
    with pytest.raises(OSError, match="No space"):
        journal.append(Entry(Kind.ANNOUNCED, b"two"))
    journal._file = real
    journal.append(Entry(Kind.ANNOUNCED, b"three"))
    journal.close()
    with closing(Journal(tmp_path)) as again:
        assert [entry.payload for entry in again.start()[1]] == [b"one", b"three"]


def test_a_snapshot_the_disk_refuses_leaves_the_log_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    journal.append(Entry(Kind.ANNOUNCED, b"one"))

    def refuses(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", refuses)
        with pytest.raises(OSError, match="No space"):
            journal.compact(b"snapshot", [Entry(Kind.ANNOUNCED, b"one")])
    journal.append(Entry(Kind.ANNOUNCED, b"two"))
    journal.close()
    with closing(Journal(tmp_path)) as again:
        snapshot, entries = again.start()
        assert snapshot is None and [entry.payload for entry in entries] == [b"one", b"two"]


async def test_pairs_wait_unacknowledged_while_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "RETRY_S", 0.01)
    pipeline = begun(tmp_path)
    real = pipeline.evidence.journal._file
    pipeline.evidence.journal._file = cast(FileIO, Full(real))
    taken = asyncio.ensure_future(pipeline.take(a_batch(1, 0, 3), 0))
    await asyncio.sleep(0.05)
    assert not taken.done() and pipeline.pending == 3
    with pytest.raises(OSError, match="No space"):
        pipeline.announce("start")
    pipeline.evidence.journal._file = real
    await taken
    assert pipeline.scored == 3
    pipeline.advance(3 * TICK_NS)
    assert votes(pipeline) == 3
    pipeline.close()


async def test_a_pair_that_cannot_be_read_is_counted_and_ends_with_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = begun(tmp_path)
    batch = a_batch(1, 0, 3)
    batch.pairs[1].sampled_by = "what a later version says"

    def reads(message: values_pb2.Pair) -> Pair:
        if message.sampled_by == "what a later version says":
            raise ValueError("unknown")
        return pair_from_proto(message)

    monkeypatch.setattr(core, "pair_from_proto", reads)
    await pipeline.take(batch, 0)
    assert pipeline.unscored.total() == 1 and pipeline.pending == 0
    pipeline.advance(3 * TICK_NS)
    assert votes(pipeline) == 2
    await pipeline.take(batch, 0)
    assert pipeline.scored == 3, "sent again it is known"
    pipeline.close()


async def test_evidence_goes_on_when_the_clock_goes_back(tmp_path: Path) -> None:
    pipeline = begun(tmp_path)
    for tick in (1000, 1001):
        await pipeline.take(a_batch(tick, tick * 20, 5), tick * TICK_NS)
        pipeline.advance((tick + 1) * TICK_NS)
    pipeline.advance(500 * TICK_NS)
    for tick in range(501, 505):
        await pipeline.take(a_batch(tick, tick * 20, 5), (tick + 1) * TICK_NS)
        pipeline.advance((tick + 1) * TICK_NS)
    assert pipeline.closed > 1001
    pipeline.advance(510 * TICK_NS)
    assert votes(pipeline) == 30 and pipeline.drift.counters["late"] == 0
    pipeline.close()

    again = begun(tmp_path)
    again.advance(511 * TICK_NS)
    await again.take(a_batch(511, 511 * 20, 5), 512 * TICK_NS)
    again.advance(520 * TICK_NS)
    again.advance(600 * TICK_NS)
    assert votes(again) == 35, (again.drift.counters, again.closed, again._ahead_ns, again._pending)
    again.close()


@pytest.mark.parametrize(
    "bad",
    [
        Entry(Kind.SCORED, b"rubbish"),
        Entry(Kind.SCORED, b"\x00\x00\x00\x04\xff\xff\xff\xff"),
        Entry(Kind.ANNOUNCED, b"\xff"),
        Entry(Kind.DECLARED, b"[1]"),
        Entry(Kind.MISSING, b"1 vanished 2"),
        Entry(Kind.CLOSED, b"soon"),
    ],
)
async def test_an_entry_of_the_journal_that_cannot_be_taken_is_counted_and_no_start_fails_of_it(
    tmp_path: Path, bad: Entry, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = begun(tmp_path)
    await pipeline.take(a_batch(1, 0, 3), 0)
    pipeline.evidence.journal.append(bad)
    await pipeline.take(a_batch(2, 3, 3), 0)
    for _ in range(2):  # killed, and started again
        pipeline.evidence.journal.close()
        pipeline = a_pipeline(tmp_path)
        assert [reason.split(":")[0] for reason in pipeline.unscored] == ["journal"]
        assert pipeline.unscored.total() == 1
    pipeline.advance(3 * TICK_NS + 300 * 10**9)
    assert votes(pipeline) == 6
    assert "left out" in caplog.text
    pipeline.close()


async def test_no_log_line_quotes_a_pair_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def reads(message: values_pb2.Pair) -> Pair:
        raise ValueError(f"invalid literal: {message.request.text!r}")

    pipeline = begun(tmp_path)
    monkeypatch.setattr(core, "pair_from_proto", reads)
    await pipeline.take(a_batch(1, 0, 1), 0)
    assert "ValueError at " in caplog.text and "prompt 0" not in caplog.text
    assert "prompt 0" not in "".join(str(record.exc_info) for record in caplog.records)
    pipeline.close()


async def test_pairs_are_taken_while_the_disk_is_slow_and_nothing_is_told_before_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = begun(tmp_path)
    disk, real = threading.Event(), os.fsync

    def slow(handle: int) -> None:
        assert disk.wait(10)
        real(handle)

    await pipeline.take(a_batch(1, 0, 3), 0)
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", slow)
        pipeline.advance(2 * TICK_NS)
        safe = asyncio.ensure_future(pipeline.secured())
        await pipeline.take(a_batch(2, 3, 3), 0)
        assert pipeline.scored == 6 and not safe.done()
        disk.set()
        await safe
    pipeline.close()


async def test_a_snapshot_is_begun_after_so_many_ticks_and_starts_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "COMPACT_TICKS", 3)
    pipeline = begun(tmp_path)
    for tick in range(1, 5):
        await pipeline.take(a_batch(tick, tick * 20, 5), 0)
        pipeline.advance((tick + 1) * TICK_NS)
        await pipeline.secured()
        await pipeline.compacted()
    assert [path.name for path in tmp_path.glob("*.snapshot")] == ["drift.1.snapshot"]
    pipeline.evidence.journal.close()
    again = a_pipeline(tmp_path)
    assert votes(again) == votes(pipeline) == 20
    again.close()


async def test_scores_are_counted_by_analyzer_metric_and_result(tmp_path: Path) -> None:
    class Mixed:
        async def submit(self, message: values_pb2.Pair) -> list[Score]:
            gone = {Leg.CANDIDATE: "time_limit"} if message.candidate.text == "LOUD" else {}
            values = {leg: 0.0 for leg in (Leg.BASELINE, Leg.CANDIDATE) if leg not in gone}
            told = Score("shouting", Sense.BAD, values, gone | {Leg.CONTROL: NO_CONTROL}, "a", "1")
            return [told, Score("numbers", Sense.AGREE, {}, {Leg.CONTROL: NO_CONTROL}, "a", "1")]

    pipeline = core.Pipeline(Mixed(), Drift(Tolerances.default()), Journal(tmp_path))
    await pipeline.take(a_batch(1, 0, 10, share_bad=0.3), 0)
    failed = pipeline.unscored["time_limit"]
    assert failed > 0
    assert pipeline.scores == {
        ("a", "shouting", "scored"): 10 - failed,
        ("a", "shouting", "unscored"): failed,
    }
    pipeline.close()


def a_ledger(boot: str, watermark_ns: int = 0, **counts: Any) -> pb.Ledger:
    return pb.Ledger(boot=boot, watermark_ns=watermark_ns, **counts)


def test_an_observer_that_died_does_not_hold_the_watermark_of_its_successor() -> None:
    books = Books()
    books.take(a_ledger("old", 100, eligible=5, paired=3, in_flight=2), 10)
    books.take(a_ledger("new", 900, eligible=1, paired=1), 95)
    assert books.silent(100, 50) == ("old",)
    books.end("old")
    totals = books.totals()
    assert (books.watermark_ns(), totals.lost, totals.in_flight) == (900, {"crashed": 2}, 0)
    assert totals.accounted


def test_a_thousand_dead_observers_are_remembered_by_their_sums() -> None:
    books = Books()
    for number in range(1000):
        books.take(a_ledger(f"b{number}", eligible=3, paired=2, in_flight=1), number)
        books.end(f"b{number}")
    totals = books.totals()
    assert (totals.eligible, totals.paired, totals.lost, totals.accounted) == (
        3000,
        2000,
        {"crashed": 1000},
        True,
    )
    assert len(books._latest) <= KEPT
