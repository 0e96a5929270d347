"""One admitted request: its calls, the live reply, and the pair they become."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from understudy.codec import Reader
from understudy.mirror.admission import Admitted
from understudy.mirror.leg import Call, Unsent
from understudy.pair import Lane, Leg, Outcome, Output, Pair, Reason, Request

if TYPE_CHECKING:
    from understudy.mirror.mirror import Mirror

log = logging.getLogger(__name__)

TOKEN_BYTES = 4
"""Bytes of text to a token, as a rule: text on the wire does not say its tokens."""
STOPPED = "stopped"
"""By whom a control call was cancelled that the primary had no room for: its pair goes without."""


@dataclass(slots=True)
class Share:
    """What one connection has of all flights."""

    flights: int = 0


class Flight:
    """One admitted request on its way to becoming a pair. It is resolved exactly once."""

    def __init__(
        self,
        mirror: "Mirror",
        request: Request,
        live: Leg,
        admitted: Admitted,
        admitted_ns: int,
        tick: int,
        reader: Reader,
    ) -> None:
        self.request = request
        self.reader = reader
        """Of the live reply; the calls have their own."""
        self.live = live
        self.admitted_ns = admitted_ns
        self.born = mirror.looks
        """Looks for lost flights before this one."""
        self.resolved = False
        self.bytes = 0
        self.asked = 0
        """Tokens taken from the budget and not corrected yet."""
        self._mirror = mirror
        self._admitted = admitted
        self._tick = tick
        self._output: asyncio.Future[Output] = asyncio.get_running_loop().create_future()
        self._censored = False
        self._share: Share | None = None
        self.calls: tuple[Call, ...] = ()
        self.task: asyncio.Task[None] | None = None

    def count_in(self, share: Share) -> None:
        """Count it until it is resolved."""
        if not self.resolved:
            self._share = share
            share.flights += 1

    def hold(self, count: int) -> None:
        """Count bytes held for this request until it is resolved; what goes over the bound of all is shed."""
        if self.resolved:
            return
        self.bytes += count
        self._mirror.bytes += count
        if self._mirror.bytes > self._mirror.settings.in_flight_bytes:
            self.resolve(Outcome.SHED, Reason.BYTES)

    def answered(self, output: Output) -> None:
        """The live reply is whole; a client's cancel stops the shadows and censors the pair."""
        if self.resolved or self._output.done():
            return
        if output.first_ns is not None:
            self._mirror.heard(self.live, output.first_ns, self.admitted_ns)
        if output.cancelled_by == "client":
            if not output.text:
                self.resolve(Outcome.FAILED, Reason.CANCELLED)
                return
            self._censored = True
            for call in self.calls:
                call.cancel("client")
        elif output.cancelled_by == "deadline":  # an engine that is as silent fares no better
            for call in self.calls:
                if call.reader is None or not call.reader.size:
                    call.cancel("deadline")
        self._output.set_result(output)
        for call in self.calls:
            call.limit((output.last_ns or 0) / 1e9)

    def resolve(self, outcome: Outcome, reason: Reason | None = None) -> None:
        """End it without a pair, now: its calls are cancelled."""
        if self.resolved:
            return
        try:
            self._settle(outcome, reason)
        finally:  # a defect there leaves no call behind
            if self.task is not None:
                self.task.cancel()

    def _settle(self, outcome: Outcome, reason: Reason | None) -> None:
        self.resolved = True
        if self._share is not None:
            self._share.flights -= 1
        self._mirror.settle(self, outcome, reason)

    async def run(self) -> None:
        """Wait for every leg and hand the pair over."""
        try:
            outputs = await self._replies()
            if not self.resolved:  # else the live reply may never come
                outputs[self.live] = await self._output
                self._hand_over(outputs)
        except* Unsent:
            self._settle_if_open(Outcome.SHED, Reason.BREAKER)
        except* Exception as defect:
            log.exception("mirroring %s failed", self.request.id, exc_info=defect.exceptions[0])
            self._settle_if_open(Outcome.FAILED, Reason.INTERNAL)

    async def _replies(self) -> dict[Leg, Output]:
        """What the shadows say."""
        if len(self.calls) == 1:  # nearly always: no task for it alone
            replies = [await _replied(self.calls[0])]
        else:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_replied(call)) for call in self.calls]
            replies = [task.result() for task in tasks]
        return {reply.leg: reply for reply in replies if reply is not None}

    def _settle_if_open(self, outcome: Outcome, reason: Reason) -> None:
        if not self.resolved:
            self._settle(outcome, reason)

    def _hand_over(self, outputs: Mapping[Leg, Output]) -> None:
        if self.resolved:
            return
        fingerprints = self._mirror.fingerprints
        self._mirror.correct(self, sum(_tokens(output) for output in outputs.values() if not output.live))
        pair = Pair(
            request=self.request,
            baseline=outputs[Leg.BASELINE],
            candidate=outputs[Leg.CANDIDATE],
            control=outputs.get(Leg.CONTROL),
            lane=Lane(fingerprints[Leg.BASELINE], fingerprints[Leg.CANDIDATE]),
            tick=self._tick,
            admitted_ns=self.admitted_ns,
            probability=self._admitted.probability,
            sampled_by=self._admitted.sampled_by,
            censored=self._censored,
        )
        kept = self._mirror.emit(pair)
        self._settle(Outcome.PAIRED if kept else Outcome.SHED, None if kept else Reason.QUEUE)
        for leg, output in outputs.items():
            if output.failed and not self._censored:
                self._mirror.ledger.leg_errors[leg.value] += 1


async def _replied(call: Call) -> Output | None:
    """A shadow's reply; None for a control call that the engine did not look at or that was stopped."""
    control = call.shadow.leg is Leg.CONTROL
    try:
        reply = await call.run()
    except Unsent:
        if control:
            return None
        raise
    return None if control and reply.cancelled_by == STOPPED else reply


def _tokens(output: Output) -> int:
    """What a reply cost, as well as can be told."""
    if output.token_ids is not None:
        return len(output.token_ids)
    pieces = len(output.chunks_ns) if len(output.chunks_ns) > 1 else 0
    return max(pieces, -(-len(output.text.encode("utf-8", "surrogatepass")) // TOKEN_BYTES))
