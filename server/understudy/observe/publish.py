"""Pairs and their accounting to the controller: bounded, credited, sent again until acknowledged."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from understudy.errors import traced
from understudy.observe.observer import Observer
from understudy.observe.settings import Settings
from understudy.pair import Pair
from understudy.service.convert import pair_to_proto
from understudy.v1 import pairs_pb2 as pb
from understudy.v1 import pairs_pb2_grpc as rpc
from understudy.v1 import values_pb2

log = logging.getLogger(__name__)

RECONNECT_FIRST_S = 0.1
RECONNECT_LONGEST_S = 2.0
UNACKNOWLEDGED = 256
"""Batches that may wait for their acknowledgement; with more, the accounting waits as well."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A pair in the queue."""

    pair: values_pb2.Pair
    size: int
    admitted_ns: int


@dataclass(frozen=True, slots=True)
class _Sent:
    """A batch that is not acknowledged yet."""

    batch: pb.PairBatch
    size: int
    oldest_ns: int | None


class Publisher:
    """Owns the stream to the controller; survives its restarts without losing or doubling a pair."""

    def __init__(self, settings: Settings, apply: Callable[[pb.ObserverState], None]) -> None:
        """`apply` is called with each state the controller sends."""
        self._settings = settings
        self._apply = apply
        self._queue: deque[_Waiting] = deque()
        self._sent: deque[_Sent] = deque()
        self._sequence = 0
        self._pairs = 0
        self._bytes = 0
        self._credit = 0
        self._due_s = 0.0
        self._wake = asyncio.Event()
        self.connected = False
        self.observer: Observer | None = None
        """Set by the owner: whose ledger is published."""

    def __repr__(self) -> str:
        return f"<Publisher connected={self.connected} pairs={self._pairs} credit={self._credit}>"

    @property
    def pairs(self) -> int:
        """Pairs waiting or unacknowledged."""
        return self._pairs

    def offer(self, pair: Pair) -> bool:
        """Take a pair over; False when the queue is full in pairs or bytes."""
        if self._pairs >= self._settings.queue_pairs:
            return False
        message = pair_to_proto(pair)
        size = message.ByteSize()
        if self._bytes + size > self._settings.queue_bytes:
            return False
        self._queue.append(_Waiting(message, size, pair.admitted_ns))
        self._pairs += 1
        self._bytes += size
        self._wake.set()
        return True

    def watermark_ns(self, observer: Observer) -> int:
        """All requests admitted before this are resolved, and their pairs acknowledged."""
        oldest = [waiting.admitted_ns for waiting in self._queue]
        oldest += [sent.oldest_ns for sent in self._sent if sent.oldest_ns is not None]
        if observer.mirror.oldest_ns is not None:
            oldest.append(observer.mirror.oldest_ns)
        return min(oldest, default=observer.now_ns())

    def ledger(self, observer: Observer) -> pb.Ledger:
        """The accounting as a message. A pair that waits here is still in flight: with us it would be lost."""
        ledger, waiting = observer.ledger, len(self._queue)
        return pb.Ledger(
            boot=observer.boot,
            requests=ledger.requests,
            eligible=ledger.eligible,
            paired=ledger.paired - waiting,
            shed=ledger.shed,
            failed=ledger.failed,
            lost=ledger.lost,
            in_flight=ledger.in_flight + waiting,
            skipped=ledger.skipped,
            unobserved=ledger.unobserved,
            lag_seconds=observer.lag_ns / 1e9,
            watermark_ns=self.watermark_ns(observer),
            admitted=ledger.admitted,
            leg_errors=ledger.leg_errors,
            connections=observer.connections,
        )

    async def run(self) -> None:
        """Publish until cancelled, connecting again whenever the controller goes away."""
        pause_s = RECONNECT_FIRST_S
        while True:
            try:
                async with grpc.aio.insecure_channel(
                    self._settings.controller,
                    options=[
                        ("grpc.max_send_message_length", -1),
                        ("grpc.initial_reconnect_backoff_ms", 100),
                        ("grpc.min_reconnect_backoff_ms", 100),
                        ("grpc.max_reconnect_backoff_ms", 2000),
                    ],
                ) as channel:
                    stub: Any = rpc.PairServiceStub(channel)
                    await self._stream(stub.Publish())
            except grpc.aio.AioRpcError as error:
                if self.connected:
                    log.warning("controller lost, pairs wait: %s", error.details())
            except Exception as error:  # a defect of ours: the pairs are kept and sent again
                log.error("publishing failed: %s", traced(error))
            pause_s = RECONNECT_FIRST_S if self.connected else min(pause_s * 2, RECONNECT_LONGEST_S)
            self.connected = False
            await asyncio.sleep(pause_s)

    async def _stream(self, call: grpc.aio.StreamStreamCall[pb.PairBatch, pb.Credit]) -> None:
        first = await call.read()
        if not isinstance(first, pb.Credit):
            return
        self.connected = True
        self._credit = 0
        self._take(first)
        hearing = asyncio.ensure_future(self._hear(call))
        try:
            for sent in list(self._sent):
                self._credit -= len(sent.batch.pairs)
                await call.write(sent.batch)
            self._due_s = 0.0
            while not hearing.done():
                batch = self._next()
                if batch is not None:
                    await call.write(batch)
                    continue
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.ledger_s / 2):
                        await self._wake.wait()
                if 0 < len(self._queue) < self._settings.batch_pairs:
                    await asyncio.sleep(self._settings.batch_s)  # let the batch fill
            hearing.result()
        except asyncio.InvalidStateError:
            return  # the stream ended while a batch was being written: it is sent again on the next
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
            call.cancel()

    async def _hear(self, call: grpc.aio.StreamStreamCall[pb.PairBatch, pb.Credit]) -> None:
        try:
            while isinstance(credit := await call.read(), pb.Credit):
                self._take(credit)
        finally:
            self._wake.set()

    def _take(self, credit: pb.Credit) -> None:
        """Forget what is acknowledged and obey the state."""
        self._credit += credit.pairs
        watermark_ns = 0
        while self._sent and self._sent[0].batch.sequence <= credit.acknowledged:
            sent = self._sent.popleft()
            self._pairs -= len(sent.batch.pairs)
            self._bytes -= sent.size
            watermark_ns = sent.batch.ledger.watermark_ns
        if watermark_ns and self.observer is not None:
            self.observer.ledger.forget(watermark_ns // self._settings.tick_ns)
        if credit.HasField("state"):
            self._apply(credit.state)
        self._wake.set()

    def _next(self) -> pb.PairBatch | None:
        """The next batch, when there are pairs and credit for them or the accounting is due."""
        observer = self.observer
        now_s = asyncio.get_running_loop().time()
        count = min(len(self._queue), self._settings.batch_pairs, max(0, self._credit))
        if observer is None or len(self._sent) >= UNACKNOWLEDGED or (not count and now_s < self._due_s):
            return None
        waiting = [self._queue.popleft() for _ in range(count)]
        self._sequence += 1
        self._credit -= count
        batch = pb.PairBatch(sequence=self._sequence, pairs=[each.pair for each in waiting])
        oldest_ns = min((each.admitted_ns for each in waiting), default=None)
        self._sent.append(_Sent(batch, sum(each.size for each in waiting), oldest_ns))
        batch.ledger.CopyFrom(self.ledger(observer))
        self._due_s = now_s + self._settings.ledger_s
        return batch
