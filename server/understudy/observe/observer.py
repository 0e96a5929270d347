"""From copied bytes to admitted requests; everything is counted, and nothing that goes wrong here ends it."""

import dataclasses
import logging
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from understudy.category import LOAD
from understudy.codec import Ask, Codec, Seen, Undecodable
from understudy.errors import traced
from understudy.exchange import Budget, Opened
from understudy.mirror import Admitted, Facts, Flight, Mirror, Shed, Skip, Skipped, admit, screen
from understudy.observe.channel import Channel
from understudy.observe.rpc import Rpc
from understudy.observe.settings import Settings
from understudy.pair import Category, Leg, Outcome, Reason, Request, Sampling

log = logging.getLogger(__name__)

HOUSEKEEPING_S = 0.5
"""How often `Observer.tick` is called."""
ENDS = 1024
"""Upstreams remembered as marking the end of replies."""

LOADS = ((1, "alone"), (8, "few"), (32, "some"))
"""Slices by the calls open on the engine when a request was sent to it, itself included."""
LOADED = "many"


class Categorizer(Protocol):
    """Says which slice of one kind a request belongs to."""

    name: str

    def categorize(self, request: Request) -> Category | None:
        """Return the category, or None when the question does not apply."""
        ...


class Observer:
    """What all relays' channels share: admission, the mirror, and the accounting."""

    def __init__(
        self,
        settings: Settings,
        codecs: Sequence[Codec],
        categorizers: Sequence[Categorizer],
        mirror: Mirror,
        *,
        boot: str,
        clock: Callable[[], int],
    ) -> None:
        """`clock` returns wall clock nanoseconds; `boot` is unique to this start of the process."""
        self.settings = settings
        self.mirror = mirror
        self.ledger = mirror.ledger
        self.boot = boot
        self.primary = Leg.BASELINE
        self.lag_ns = 0
        self.budget = Budget(settings.total_bytes)
        self.connections = 0
        self.channels: set[Channel] = set()
        self._codecs = tuple(codecs)
        self._categorizers = tuple(categorizers)
        self._clock = clock
        self._tick_ns = settings.tick_ns
        self._now_ns = 0
        self._number = 0
        self._open: dict[Leg, int] = dict.fromkeys(Leg, 0)
        self._ends: set[str] = set()
        self._told: set[str] = set()

    def now_ns(self) -> int:
        """Wall clock that never steps back: admission order is tick order."""
        self._now_ns = max(self._now_ns, self._clock())
        return self._now_ns

    def channel(self, send: Callable[[bytes], None]) -> "Channel":
        """A relay has connected; `send` writes back to it."""
        channel = Channel(self, send)
        self.channels.add(channel)
        return channel

    def follow(self, opened: Opened, leg: Leg) -> Rpc | None:
        """An RPC has begun; None when no codec knows its method."""
        for codec in self._codecs:
            arity = codec.arity(opened.method)
            if arity is not None:
                return Rpc(self, codec, arity, opened, leg)
        self.ledger.skip((Skip.METHOD if self.mirror.on else Skip.OFF).value)
        return None

    # ---- what RPCs need

    def consider(self, rpc: Rpc, ask: Ask, ns: int) -> Flight | None:
        """Admit a request or count why not; exactly one entry in the ledger either way."""
        before = self.ledger.requests
        try:
            return self._consider(rpc, ask, ns)
        except Undecodable as error:
            self.ledger.refuse(Outcome.FAILED, error.reason)
        except Exception:
            self.defect("admission")
            if self.ledger.requests == before:
                self.ledger.refuse(Outcome.FAILED, Reason.INTERNAL)
        return None

    def _consider(self, rpc: Rpc, ask: Ask, ns: int) -> Flight | None:
        opened, mirror = rpc.opened, self.mirror
        now_ns = self.now_ns()
        self._number += 1
        skipped = screen(mirror.on, opened.method, rpc.headers, mirror.settings)
        if skipped:
            self.ledger.skip(skipped.reason.value)
            return None
        seen = Seen(f"{self.boot}-{self._number}", opened.method, ns, rpc.route, rpc.headers)
        request = rpc.codec.request(ask, seen)
        by_slice = bool(mirror.settings.shares)
        if by_slice:
            request = self._categorized(request)
        facts = Facts(
            id=seen.id,
            method=opened.method,
            cluster=request.cluster,
            size=len(ask.raw),
            headers=rpc.headers,
            model=request.model,
            parameters=ask.parameters,
            marks=ask.marks,
            categories=request.categories,
            held=rpc.share.flights if rpc.share is not None else 0,
        )
        open_calls = self._open[rpc.leg]
        state = mirror.state(now_ns, rpc.leg, open_calls)
        match admit(facts, state, mirror.settings):
            case Skipped(reason):
                self.ledger.skip(reason.value)
            case Shed(reason):
                self.ledger.refuse(Outcome.SHED, reason)
            case Admitted() as admitted:
                if not by_slice:
                    request = self._categorized(request)
                if admitted.sampled_by == "window":
                    request = _loaded(request, open_calls)
                flight = mirror.begin(
                    rpc.codec,
                    request,
                    ask.raw,
                    rpc.headers,
                    admitted,
                    live=rpc.leg,
                    admitted_ns=now_ns,
                    tick=now_ns // self._tick_ns,
                    ask=ask,
                )
                if rpc.share is not None:
                    flight.count_in(rpc.share)
                return flight
        return None

    def _categorized(self, request: Request) -> Request:
        categories = dict(request.categories)
        for categorizer in self._categorizers:
            try:
                category = categorizer.categorize(request)
            except Exception:
                self.defect(f"categorizer {categorizer.name}")
                continue
            if category is not None:
                categories[categorizer.name] = category
        return dataclasses.replace(request, categories=categories)

    def rehearse(self) -> None:
        """Have the categorizers load what they load at their first request: it may take a second."""
        nobody = Request(
            id="",
            cluster="",
            method="",
            model="",
            text="A rehearsal of what is to come.",
            sampling=Sampling(),
            received_ns=0,
        )
        self._categorized(nobody)

    def undecodable(self, rpc: Rpc, error: Undecodable) -> None:
        """Count a client message that cannot be decoded: eligible if its method is opted in."""
        skipped = screen(self.mirror.on, rpc.opened.method, rpc.headers, self.mirror.settings)
        if skipped:
            self.ledger.skip(skipped.reason.value)
        else:
            self.ledger.refuse(Outcome.FAILED, error.reason)

    def stray(self, reason: str) -> None:
        """Count a server message that belongs to no request."""
        self.ledger.unobserved[reason] += 1

    def busier(self, leg: Leg, change: int) -> int:
        """Count calls open on a leg; returns how many there were before."""
        before = self._open[leg]
        self._open[leg] = before + change
        return before

    def marks_ends(self, upstream: str, learn: bool = False) -> bool:
        """Whether this engine is known to mark the last message of a reply."""
        if learn and len(self._ends) < ENDS:
            self._ends.add(upstream)
        return upstream in self._ends

    @property
    def reply_bytes(self) -> int:
        """Longest live reply collected, bytes."""
        return self.mirror.settings.reply_bytes

    @property
    def patience_ns(self) -> int:
        """The least time that a shadow is given; the live engine is given it too."""
        return int(self.mirror.settings.deadline_min_s * 1e9)

    @property
    def longest_ns(self) -> int:
        """The most time that a shadow is given."""
        return int(self.mirror.settings.deadline_max_s * 1e9)

    def fingerprint(self, leg: Leg) -> str:
        """Fingerprint of the engine on that leg."""
        return self.mirror.fingerprints[leg]

    # ---- running

    def tick(self) -> None:
        """Housekeeping, every HOUSEKEEPING_S: quiet replies and leases that ran out.

        Both are counted in these looks and not by the clock: it may jump, and an observer that was stopped or
        reads what a relay held for it has heard nothing late.
        """
        for channel in self.channels:
            channel.quiet(
                math.ceil(self.settings.quiet_s / HOUSEKEEPING_S),
                math.ceil(self.mirror.settings.deadline_max_s / HOUSEKEEPING_S),
            )
        self.mirror.expire(math.ceil(self.settings.lease_s / HOUSEKEEPING_S))

    def defect(self, kind: str) -> None:
        """Log the exception being handled, once per kind."""
        if kind not in self._told:
            self._told.add(kind)
            error = sys.exception()
            assert error is not None
            log.error("%s failed; further failures of this kind are only counted: %s", kind, traced(error))

    def failed(self, kind: str) -> None:
        """Count and log the exception being handled, of our own making."""
        self.ledger.unobserved["internal"] += 1
        self.defect(kind)

    @contextmanager
    def guarded(self, kind: str) -> Iterator[None]:
        """Whatever goes wrong inside is logged once and counted, and the observer goes on."""
        try:
            yield
        except Exception:
            self.failed(kind)


def _loaded(request: Request, open_calls: int) -> Request:
    """The request in the slice of its load: kernels depend on the batch, and windows are there to show that."""
    value = next((name for most, name in LOADS if open_calls <= most), LOADED)
    return dataclasses.replace(request, categories={**request.categories, LOAD: Category(value, "rule")})
