"""Scored pairs on their way to the capture: in one thread of their own, bounded, never in the evidence's way."""

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore, Lock

from understudy.capture.parquet import ParquetCapture, Settings, State
from understudy.errors import traced
from understudy.pair import Pair
from understudy.score import Score

log = logging.getLogger(__name__)

UNWRITTEN = 2048
"""Pairs that may wait for the disk; further ones are dropped there and counted."""
UNWRITTEN_BYTES = 64 * 1024 * 1024
"""What their texts and requests may weigh together: a pair may hold megabytes."""


class Keeper:
    """The capture's thread; without settings it keeps nothing."""

    def __init__(self, settings: Settings | None) -> None:
        self._capture = ParquetCapture(settings) if settings is not None else None
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="disk")
        self._room = BoundedSemaphore(UNWRITTEN)
        self._weighing = Lock()
        self._waiting_bytes = 0
        self._resting: Future[int] | None = None
        self._failed = 0
        self.dropped = 0
        """Pairs that found the queue full."""

    def keep(self, pair: Pair, scores: Sequence[Score]) -> None:
        """Queue a pair for the disk; never waits."""
        if self._capture is None:
            return
        weight = _weight(pair)
        if self._waiting_bytes + weight > UNWRITTEN_BYTES or not self._room.acquire(blocking=False):
            self.dropped += 1
            return
        self._weigh(weight)
        self._disk.submit(self._write, self._capture, pair, scores)

    def rest(self) -> None:
        """Let a quiet part be sealed in time; call it now and then."""
        if self._capture is not None and (self._resting is None or self._resting.done()):
            self._resting = self._disk.submit(self._capture.write)

    @property
    def error(self) -> str | None:
        """Why pairs do not reach the disk; "" while they do, None without a capture."""
        if self._capture is None:
            return None
        status = self._capture.status
        return (status.reason or "stopped") if status.state is State.STOPPED else ""

    @property
    def written(self) -> int | None:
        """Pairs on disk; None without a capture."""
        return self._capture.status.written if self._capture is not None else None

    @property
    def lost(self) -> dict[str, float]:
        """Pairs that did not reach the disk, by reason; empty without a capture."""
        if self._capture is None:
            return {}
        return {"queue_full": self.dropped, "disk": self._capture.status.dropped, "defect": self._failed}

    def close(self) -> None:
        """Write what waits, seal, and end the thread."""
        if self._capture is not None:
            self._disk.submit(self._capture.close)
        self._disk.shutdown(wait=True)

    def _write(self, capture: ParquetCapture, pair: Pair, scores: Sequence[Score]) -> None:
        try:
            capture.write([(pair, scores)])
        except Exception as error:
            self._failed += 1
            log.error("a pair was not captured: %s", traced(error))
        finally:
            self._weigh(-_weight(pair))
            self._room.release()

    def _weigh(self, change: int) -> None:
        with self._weighing:  # counted in two threads
            self._waiting_bytes += change


def _weight(pair: Pair) -> int:
    """What is large in a pair; characters for bytes, since most texts are ASCII."""
    texts = (pair.request.text, *(output.text for output in pair.legs()))
    return len(pair.request.raw) + sum(map(len, texts))
