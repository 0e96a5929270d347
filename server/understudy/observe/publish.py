"""Pairs and their accounting to the controller: bounded, credited, sent again until acknowledged."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import grpc

from understudy.errors import traced
from understudy.observe.observer import Observer
from understudy.observe.settings import Settings
from understudy.pair import Pair
from understudy.service.convert import pair_to_proto
from understudy.v1 import pairs_pb2 as pb

log = logging.getLogger(__name__)

RECONNECT_FIRST_S = 0.1
RECONNECT_LONGEST_S = 2.0
PUBLISH = f"/{pb.DESCRIPTOR.services_by_name['PairService'].full_name}/Publish"
PAIRS = pb.PairBatch.DESCRIPTOR.fields_by_name["pairs"].number
UNACKNOWLEDGED = 256
"""Batches that may wait for their acknowledgement; with more, the accounting waits as well."""


class _Waiting(NamedTuple):
    """A pair in the queue."""

    pair: bytes
    """Its message, serialised: it is counted by its bytes, and put into a batch and onto the wire as it is."""
    admitted_ns: int


@dataclass(frozen=True, slots=True)
class _Sent:
    """A batch that is not acknowledged yet."""

    sequence: int
    batch: bytes
    """A PairBatch, serialised."""
    pairs: int
    size: int
    """Bytes of the pairs in it."""
    oldest_ns: int | None
    watermark_ns: int


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
        message = pair_to_proto(pair).SerializeToString()
        size = len(message)
        if self._bytes + size > self._settings.queue_bytes:
            return False
        self._queue.append(_Waiting(message, pair.admitted_ns))
        self._pairs += 1
        self._bytes += size
        self._wake.set()
        return True

    def watermark_ns(self, observer: Observer, leaving: Iterable[_Waiting] = ()) -> int:
        """All requests admitted before this are resolved, and their pairs acknowledged; those leaving are not yet."""
        oldest = [waiting.admitted_ns for waiting in (*leaving, *self._queue)]
        oldest += [sent.oldest_ns for sent in self._sent if sent.oldest_ns is not None]
        if observer.mirror.oldest_ns is not None:
            oldest.append(observer.mirror.oldest_ns)
        return min(oldest, default=observer.now_ns())

    def ledger(self, observer: Observer, leaving: Iterable[_Waiting] = ()) -> pb.Ledger:
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
            watermark_ns=self.watermark_ns(observer, leaving),
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
                    publish: Any = channel.stream_stream(PUBLISH, None, pb.Credit.FromString)
                    await self._stream(publish())
            except grpc.aio.AioRpcError as error:
                if self.connected:
                    log.warning("controller lost, pairs wait: %s", error.details())
            except Exception as error:  # a defect of ours: the pairs are kept and sent again
                log.error("publishing failed: %s", traced(error))
            pause_s = RECONNECT_FIRST_S if self.connected else min(pause_s * 2, RECONNECT_LONGEST_S)
            self.connected = False
            await asyncio.sleep(pause_s)

    async def _stream(self, call: grpc.aio.StreamStreamCall[bytes, pb.Credit]) -> None:
        first = await call.read()
        if not isinstance(first, pb.Credit):
            return
        self.connected = True
        self._credit = 0
        self._take(first)
        hearing = asyncio.ensure_future(self._hear(call))
        try:
            for sent in list(self._sent):
                self._credit -= sent.pairs
                await call.write(sent.batch)
            self._due_s = 0.0
            while not hearing.done():
                if 0 < len(self._queue) < self._settings.batch_pairs:
                    await asyncio.sleep(self._settings.batch_s)  # let the batch fill
                batch = self._next()
                if batch is not None:
                    await call.write(batch)
                    continue
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.ledger_s / 2):
                        await self._wake.wait()
            hearing.result()
        except asyncio.InvalidStateError:
            return  # the stream ended while a batch was being written: it is sent again on the next
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
            call.cancel()

    async def _hear(self, call: grpc.aio.StreamStreamCall[bytes, pb.Credit]) -> None:
        try:
            while isinstance(credit := await call.read(), pb.Credit):
                self._take(credit)
        finally:
            self._wake.set()

    def _take(self, credit: pb.Credit) -> None:
        """Forget what is acknowledged and obey the state."""
        self._credit += credit.pairs
        watermark_ns = 0
        while self._sent and self._sent[0].sequence <= credit.acknowledged:
            sent = self._sent.popleft()
            self._pairs -= sent.pairs
            self._bytes -= sent.size
            watermark_ns = sent.watermark_ns
        if watermark_ns and self.observer is not None:
            self.observer.ledger.forget(watermark_ns // self._settings.tick_ns)
        if credit.HasField("state"):
            self._apply(credit.state)
        self._wake.set()

    def _next(self) -> bytes | None:
        """The next batch, serialised, when there are pairs and credit for them or the accounting is due."""
        observer = self.observer
        now_s = asyncio.get_running_loop().time()
        count = min(len(self._queue), self._settings.batch_pairs, max(0, self._credit))
        if observer is None or len(self._sent) >= UNACKNOWLEDGED or (not count and now_s < self._due_s):
            return None
        waiting = [self._queue.popleft() for _ in range(count)]
        self._sequence += 1
        self._credit -= count
        ledger = self.ledger(observer, waiting)
        batch = pb.PairBatch(sequence=self._sequence, ledger=ledger).SerializeToString()
        batch = b"".join(
            [batch, *[part for each in waiting for part in (_prefix(len(each.pair)), each.pair)]]
        )
        oldest_ns = min((each.admitted_ns for each in waiting), default=None)
        size = sum([len(each.pair) for each in waiting])
        self._sent.append(_Sent(self._sequence, batch, count, size, oldest_ns, ledger.watermark_ns))
        self._due_s = now_s + self._settings.ledger_s
        return batch


def _prefix(length: int) -> bytes:
    """What stands before a message of so many bytes among PairBatch.pairs: messages may be joined as bytes."""
    prefix = bytearray((PAIRS << 3 | 2,))
    while length > 0x7F:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    return bytes(prefix)
