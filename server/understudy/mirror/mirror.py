"""Sends admitted requests to the shadow legs, and keeps the books on what is in flight."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from understudy.codec import Ask, Codec
from understudy.mirror.admission import Admitted, Settings, State, fraction, refill
from understudy.mirror.flight import STOPPED, TOKEN_BYTES, Flight
from understudy.mirror.ledger import Ledger
from understudy.mirror.leg import Call, metadata_for
from understudy.mirror.spread import Spread
from understudy.mirror.strain import Strain
from understudy.mirror.trial import Trial
from understudy.pair import Leg, Outcome, Pair, Reason, Request
from understudy.tls import Upstream


@dataclass(frozen=True, slots=True)
class Engine:
    """Where an engine answers and what it is."""

    address: str
    """host:port or unix:path."""
    fingerprint: str = ""
    """sha256 of its manifest."""
    model: str = ""
    """The model that our own question asks (`trial`); empty asks none."""
    addresses: tuple[str, ...] = ()
    """Where its replicas answer; empty: at `address` alone."""
    tls: Upstream | None = None
    """How it is spoken to over TLS; None = plainly."""

    @property
    def replicas(self) -> tuple[str, ...]:
        """Where it answers."""
        return self.addresses or (self.address,)


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of a comparison."""

    baseline: Engine
    candidate: Engine
    control: Engine | None = None
    """A second replica of the baseline; None shares the baseline's address."""


class Mirror:
    """Admitted requests in flight, the shadow legs they call, and the ledger of what became of them."""

    def __init__(
        self,
        settings: Settings,
        engines: Engines,
        ledger: Ledger,
        emit: Callable[[Pair], bool],
        codecs: Sequence[Codec] = (),
    ) -> None:
        """`emit` takes a finished pair over, or says False when there is no room; `codecs` read the self-test."""
        self.settings = settings
        self.ledger = ledger
        self.emit = emit
        self.on = False
        self.settle_until_ns = 0
        self.bytes = 0
        self.fingerprints: dict[Leg, str] = {
            Leg.BASELINE: engines.baseline.fingerprint,
            Leg.CANDIDATE: engines.candidate.fingerprint,
            Leg.CONTROL: (engines.control or engines.baseline).fingerprint,
        }
        control = engines.control or engines.baseline
        self.shadows = {
            leg: Spread(leg, engine.replicas, engine.fingerprint, settings, engine.tls)
            for leg, engine in (
                (Leg.BASELINE, engines.baseline),
                (Leg.CANDIDATE, engines.candidate),
                (Leg.CONTROL, control),
            )
        }
        models = {Leg.BASELINE: engines.baseline.model, Leg.CANDIDATE: engines.candidate.model}
        if engines.control is not None:
            models[Leg.CONTROL] = engines.control.model
        where = self.shadows[Leg.CONTROL].address
        self._shared = {leg: shadow.address == where for leg, shadow in self.shadows.items()}
        """Whether control calls go to the engine that serves the callers, by which one that is."""
        self.trial = Trial(self.shadows, codecs, models, settings)
        self.flights: dict[int, Flight] = {}
        self.looks = 0
        """Looks for flights that nobody resolves."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._requests = refill(0, 1, settings.requests_per_s)
        self._tokens = refill(0, 1, settings.tokens_per_s)
        self._refilled_ns = 0
        self._strain = Strain(settings)
        self._controls = 0
        """Flights with a control call."""

    def __repr__(self) -> str:
        return f"<Mirror on={self.on} flights={len(self.flights)} bytes={self.bytes}>"

    def state(self, now_ns: int, live: Leg = Leg.BASELINE, open_calls: int = 0) -> State:
        """The facts about the mirror that admission needs; `live` serves the caller, with so many calls open."""
        settings, elapsed_s = self.settings, max(0, now_ns - self._refilled_ns) / 1e9
        self._requests = refill(self._requests, elapsed_s, settings.requests_per_s)
        self._tokens = refill(self._tokens, elapsed_s, settings.tokens_per_s)
        self._refilled_ns = now_ns
        return State(
            on=self.on,
            now_ns=now_ns,
            settle_until_ns=self.settle_until_ns,
            in_flight=len(self.flights),
            bytes=self.bytes,
            requests=self._requests,
            tokens=self._tokens,
            tested=not self.shadows[_other(live)].fault,
            control_shared=self._shared[live],
            control_rests=self._strain.rests(open_calls, now_ns),
        )

    def begin(
        self,
        codec: Codec,
        request: Request,
        raw: bytes,
        headers: Mapping[str, str],
        admitted: Admitted,
        *,
        live: Leg,
        admitted_ns: int,
        tick: int,
        ask: Ask | None = None,
    ) -> Flight:
        """Send an admitted request to the shadow legs; the live reply follows through `Flight.answered`.

        With the `ask` that it came from, nobody has to parse it again.
        """
        flight = Flight(self, request, live, admitted, admitted_ns, tick, codec.reader(request, ask))
        calls = []
        shadowed = codec.shadowed(raw)
        for leg in self._legs(live, admitted):
            message = shadowed
            if leg is Leg.CONTROL:  # never the caller's seed: the same draw would hide the noise it measures
                message = codec.reseed(shadowed, int(fraction(request.id, "seed") * 2**53))
            metadata = metadata_for(leg, request, headers, self.settings)
            shadow = self.shadows[leg].next()
            reader = codec.reader(request, ask)
            call = Call(shadow, codec, request, message, metadata, self.settings, flight.hold, reader)
            calls.append(call)
        flight.calls = tuple(calls)
        flight.asked = len(calls) * (request.sampling.max_tokens or self.settings.tokens_unasked)
        # From here on it is on the books, and nothing that it holds may keep it from being resolved.
        self.ledger.admit(tick)
        self.flights[id(flight)] = flight
        self._requests -= 1
        self._tokens -= flight.asked
        self._controls += len(calls) - 1
        flight.hold(len(raw))
        task = flight.task = asyncio.get_running_loop().create_task(flight.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return flight

    def _legs(self, live: Leg, admitted: Admitted) -> tuple[Leg, ...]:
        """The other engine, and on its share the baseline once more."""
        other, control = _other(live), self.shadows[Leg.CONTROL]
        limit = self.settings.control_in_flight
        if self._shared[live]:
            limit = min(limit, self.settings.control_primary_in_flight)
        asked = admitted.control and not control.fault and self._controls < limit
        return (other, Leg.CONTROL) if asked else (other,)

    def heard(self, live: Leg, first_ns: int, now_ns: int) -> None:
        """A caller had the first word; when callers wait much longer than before, control calls there stop."""
        if self._shared[live] and self._strain.saw(first_ns, now_ns):
            self.stop_control()

    def stop_control(self) -> None:
        """Cancel the control calls; their pairs go without."""
        if not self._controls:  # callers that wait long bring us here with each call of theirs
            return
        for flight in self.flights.values():
            for call in flight.calls:
                if call.shadow.leg is Leg.CONTROL:
                    call.cancel(STOPPED)

    def switched(self) -> None:
        """Another engine serves the callers now: no control call may be in its way, and it is another measure."""
        self.stop_control()
        self._strain.forget()

    def correct(self, flight: Flight, came: int) -> None:
        """Give back the tokens that were asked for and did not come, or take those that came beyond."""
        self._tokens = refill(self._tokens + flight.asked - came, 0, self.settings.tokens_per_s)
        flight.asked = 0

    def settle(self, flight: Flight, outcome: Outcome, reason: Reason | None) -> None:
        """Take a flight off the books; called by the flight itself, once."""
        self.flights.pop(id(flight))
        self._controls -= len(flight.calls) - 1
        if flight.asked:  # no pair: what came is known in bytes alone
            said = sum(call.reader.text_bytes for call in flight.calls if call.reader is not None)
            self.correct(flight, min(flight.asked, said // TOKEN_BYTES))
        self.bytes -= flight.bytes
        flight.bytes = 0
        flight.calls = ()  # they refer to it: without this what a pair held would wait for the garbage collector
        self.ledger.resolve(outcome, reason)

    def switch(self, on: bool) -> None:
        """The kill switch: off cancels every shadow call at once and sheds what is in flight."""
        self.on = on
        if not on:
            for flight in list(self.flights.values()):
                flight.resolve(Outcome.SHED, Reason.MIRROR_OFF)

    def identify(self, fingerprints: Mapping[str, str]) -> None:
        """An engine was exchanged: pairs begun from now on belong to another lane, and it is asked anew."""
        for leg in Leg:
            if fingerprints.get(leg.value, self.fingerprints[leg]) != self.fingerprints[leg]:
                self.trial.exchanged(leg)
            if leg.value in fingerprints:
                self.fingerprints[leg] = self.shadows[leg].fingerprint = fingerprints[leg.value]

    def expire(self, looks: int) -> None:
        """One more look: give up flights that outlived more than `looks` of them; nobody will resolve them."""
        self.looks += 1
        for flight in [held for held in self.flights.values() if held.born < self.looks - looks]:
            flight.resolve(Outcome.LOST, Reason.LEASE)

    @property
    def oldest_ns(self) -> int | None:
        """Admission of the oldest flight; None when there is none."""
        return min((flight.admitted_ns for flight in self.flights.values()), default=None)

    async def close(self) -> None:
        """Shed what is in flight and close the channels."""
        self.switch(False)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for shadow in self.shadows.values():
            await shadow.close()


def _other(live: Leg) -> Leg:
    return Leg.BASELINE if live is Leg.CANDIDATE else Leg.CANDIDATE


__all__ = ["Engine", "Engines", "Flight", "Mirror"]
