"""Who scores the pairs of a command: processes of their own, or this one.

In a process of its own an analyzer that never returns, or eats memory, costs its own pair and a restart. Pairs go out
in batches and come back in the order they were given; those of a batch whose process ended are tried once more, each
alone, and the one that ends it again is unscored, as it is under `understudy serve`.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, Generic, Protocol, TypeVar

from understudy.config import Analyzers
from understudy.errors import PluginError
from understudy.pair import Pair
from understudy.score import Analyzer, Score
from understudy.service.analysis import Declared, declared, score, unscored
from understudy.service.build import build
from understudy.service.convert import pair_to_proto, score_from_proto
from understudy.v1 import analysis_pb2, pairs_pb2

T = TypeVar("T")

BATCH = 8
"""Pairs in one message."""
BATCH_CHARACTERS = 1_000_000
"""Characters of replies after which a message takes no further pair: the time limit is a batch's."""
AHEAD = 4
"""Batches a process that are read before the first of them is done."""
TRIES = 2
"""A pair that ended this many processes is unscored."""
MOST = 4
"""Processes, unless more are asked for."""
START_S = 300.0
"""How long a process may load its analyzers."""


def usable(workers: int | None) -> int:
    """How many processes to have: as asked, or one for each processor that we may use, up to MOST."""
    return min(MOST, len(os.sched_getaffinity(0))) if workers is None else workers


class Scoring(Protocol):
    """Scores pairs, in order."""

    declared: list[Declared]
    cost_ns: Counter[str]
    pairs: int
    lost: Counter[str]
    """Why processes were given up."""

    def run(self, jobs: Iterable[tuple[T, Pair | None]]) -> Iterator[tuple[T, list[Score]]]:
        """Yield each job with its pair's scores, none without a pair; in order."""
        ...

    def close(self) -> None:
        """End whatever was started."""
        ...


def scoring(settings: Analyzers, workers: int) -> Scoring:
    """The analyzers of these settings in so many processes; 0 = in this one, unbounded.

    Raises:
        PluginError, ConfigError: an analyzer cannot be had.
    """
    analyzers = build(settings.names, settings.parameters)
    return Workers(analyzers, settings, workers) if workers else Here(analyzers)


class Here:
    """Scores in this process."""

    def __init__(self, analyzers: Sequence[Analyzer]) -> None:
        self._analyzers = analyzers
        self.declared = declared(analyzers)
        self.cost_ns: Counter[str] = Counter()
        self.pairs = 0
        self.lost: Counter[str] = Counter()

    def run(self, jobs: Iterable[tuple[T, Pair | None]]) -> Iterator[tuple[T, list[Score]]]:
        """As `Scoring.run`."""
        for job, pair in jobs:
            if pair is None:
                yield job, []
                continue
            scores, cost = score(self._analyzers, pair)
            self.cost_ns.update(cost)
            self.pairs += 1
            yield job, scores

    def close(self) -> None:
        """Nothing was started."""


@dataclass(slots=True)
class _Slot(Generic[T]):
    """A job on its way."""

    job: T
    pair: Pair | None
    scores: list[Score] | None = None
    tries: int = 0


@dataclass(slots=True)
class _Worker:
    """A process and the batch it has."""

    process: "subprocess.Popen[bytes]"
    pipe: Connection
    slots: list[_Slot[Any]] = field(default_factory=list)
    until: float = 0.0
    """When its time is over, by the monotonic clock."""
    ready: bool = False
    """Its analyzers are loaded."""

    def end(self) -> None:
        """Have no such process any more."""
        self.pipe.close()
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()


class Workers:
    """Scores in processes of their own."""

    def __init__(self, analyzers: Sequence[Analyzer], settings: Analyzers, count: int) -> None:
        self.declared = declared(analyzers)
        self.cost_ns: Counter[str] = Counter()
        self.pairs = 0
        self.lost: Counter[str] = Counter()
        self._settings, self._count = settings, count
        self._workers: list[_Worker] = []

    def run(self, jobs: Iterable[tuple[T, Pair | None]]) -> Iterator[tuple[T, list[Score]]]:
        """As `Scoring.run`."""
        coming = iter(jobs)
        window: deque[_Slot[T]] = deque()
        waiting: deque[_Slot[T]] = deque()
        ended = False
        while True:
            while not ended and len(window) < BATCH * AHEAD * self._count:
                if (job := next(coming, None)) is None:
                    ended = True
                    break
                slot = _Slot(*job, scores=[] if job[1] is None else None)
                window.append(slot)
                if job[1] is not None:
                    waiting.append(slot)
            self._give(waiting)
            while window and (done := window[0].scores) is not None:
                yield window.popleft().job, done
            if not window and ended:
                return
            if window:
                self._take(waiting)

    def close(self) -> None:
        """End every process."""
        while self._workers:
            self._workers.pop().end()

    def _give(self, waiting: deque[_Slot[T]]) -> None:
        """Give batches to processes that have none; start another while there are batches and too few of them."""
        while waiting:
            worker = next((one for one in self._workers if not one.slots), None)
            if worker is None:
                if len(self._workers) == self._count:
                    return
                worker = self._start()
            slots, size = [waiting.popleft()], 0
            while waiting and len(slots) < BATCH and not (slots[0].tries or waiting[0].tries):
                assert slots[-1].pair is not None
                size += sum(len(output.text) for output in slots[-1].pair.legs())
                if size > BATCH_CHARACTERS:
                    break
                slots.append(waiting.popleft())
            worker.slots = list(slots)
            worker.until = time.monotonic() + (self._settings.limit_s if worker.ready else START_S)
            batch = pairs_pb2.PairBatch(pairs=[pair_to_proto(slot.pair) for slot in slots if slot.pair])
            with suppress(OSError):  # it is gone, which reading will find
                worker.pipe.send_bytes(batch.SerializeToString())

    def _take(self, waiting: deque[_Slot[T]]) -> None:
        """Wait for an answer, or for the end of a process's time."""
        busy = {worker.pipe: worker for worker in self._workers if worker.slots}
        left = min(worker.until for worker in busy.values()) - time.monotonic()
        for pipe in wait(list(busy), max(0.0, left)):
            assert isinstance(pipe, Connection)
            worker = busy.pop(pipe)
            try:
                told = pipe.recv_bytes()
            except (EOFError, OSError):
                if not worker.ready:
                    raise PluginError(
                        "analyzers: their process ended while it loaded them; its own words are above"
                    ) from None
                self._lose(worker, "worker_lost", waiting)
                continue
            if not worker.ready:
                worker.ready, worker.until = True, time.monotonic() + self._settings.limit_s
                continue
            said = analysis_pb2.ScoreBatch.FromString(told)
            for slot, answer in zip(worker.slots, said.pairs, strict=True):
                slot.scores = [score_from_proto(one) for one in answer.scores]
            self.cost_ns.update(said.cost_ns)
            self.pairs += len(worker.slots)
            worker.slots = []
        now = time.monotonic()
        for worker in busy.values():
            if worker.until <= now:
                self._lose(worker, "time_limit", waiting)

    def _lose(self, worker: _Worker, reason: str, waiting: deque[_Slot[T]]) -> None:
        """A process is no more: its pairs are tried again, each alone, or given up."""
        self._workers.remove(worker)
        worker.end()
        self.lost[reason] += 1
        for slot in reversed(worker.slots):
            slot.tries += 1
            if slot.tries < TRIES:
                waiting.appendleft(slot)
            elif slot.pair is not None:
                slot.scores = unscored(self.declared, slot.pair, reason)

    def _start(self) -> _Worker:
        ours, theirs = Pipe()
        settings = self._settings
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "understudy.service.inlet", str(theirs.fileno())),
                *(str(settings.limit_s), str(settings.memory_bytes)),
                *(json.dumps(settings.parameters, default=dict), *settings.names),
            ],
            stdin=subprocess.DEVNULL,
            stdout=2,  # what an analyzer prints is not the command's output
            pass_fds=(theirs.fileno(),),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker
