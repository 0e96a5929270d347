"""One shadow leg: an address, its channel and breaker, and the calls to it."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from understudy.codec import Codec, Reader, Undecodable
from understudy.mirror.breaker import Breaker
from understudy.mirror.client import (
    DEADLINE_EXCEEDED,
    INTERNAL,
    RESOURCE_EXHAUSTED,
    UNAVAILABLE,
    Client,
    Kind,
    Metadata,
    Reply,
    Status,
)
from understudy.mirror.deadline import Deadlines
from understudy.mirror.raw import RawClient
from understudy.mirror.settings import SECRET, Settings
from understudy.pair import Finish, Leg, Output, Request
from understudy.tls import Upstream

TRAILERS_S = 1.0
"""How long to wait for the stream's end once the engine has said that the reply is complete."""
FRAMING_BYTES = 1024 * 1024
"""What a message may hold beside the text of a reply."""


class Unsent(Exception):
    """The engine did not look at the request, and it is not sent again: there is nothing to compare."""


def output(
    reader: Reader,
    leg: Leg,
    *,
    upstream: str,
    fingerprint: str,
    live: bool,
    last_ns: int,
    status: int = 0,
    error: str = "",
    cancelled_by: str = "",
    in_flight: int = 0,
) -> Output:
    """A leg's Output from what its reader collected; the same for live and shadow replies."""
    reply = reader.finished()
    finish = reply.finish
    if cancelled_by:
        finish = Finish.CANCELLED
    elif status or error or reply.error:
        finish = Finish.ERROR
    return Output(
        leg=leg,
        text=reply.text,
        finish=finish,
        status=status,
        error=error or reply.error,
        upstream=upstream,
        fingerprint=fingerprint,
        live=live,
        valid_utf8=reply.valid_utf8,
        first_ns=reply.chunks_ns[0] if reply.chunks_ns else None,
        last_ns=last_ns,
        chunks_ns=reply.chunks_ns,
        in_flight_at_send=in_flight,
        cancelled_by=cancelled_by,
        truncated_by="max_tokens" if finish is Finish.LENGTH else "",
    )


def metadata_for(leg: Leg, request: Request, headers: Mapping[str, str], settings: Settings) -> Metadata:
    """What a shadow call carries: allow-listed headers, the leg's name, and a child of the caller's trace."""
    kept = [(name, headers[name]) for name in settings.metadata if name in headers and name not in SECRET]
    return (*kept, ("x-understudy-leg", leg.value), ("traceparent", child(request, leg)))


def child(request: Request, leg: Leg) -> str:
    """A W3C traceparent below the caller's; a new, unsampled trace when there is none or it is malformed."""
    digest = hashlib.blake2b(f"{request.id}\n{leg}".encode(), digest_size=24).hexdigest()
    parts = (request.traceparent or "").split("-")
    if len(parts) >= 4 and [len(part) for part in parts[:4]] == [2, 32, 16, 2] and parts[0] != "ff":
        return f"00-{parts[1]}-{digest[:16]}-{parts[3]}"
    return f"00-{digest[16:48]}-{digest[:16]}-00"


class Shadow:
    """An engine as a shadow leg. Calls never raise for what the engine does: that is data on the Output."""

    def __init__(
        self, leg: Leg, address: str, fingerprint: str, settings: Settings, tls: Upstream | None = None
    ) -> None:
        self.leg = leg
        self.address = address
        self.fingerprint = fingerprint
        self.in_flight = 0
        self.fault = ""
        """Why its replies cannot be compared (`trial`); '' when they can, or nobody knows."""
        self.breaker = Breaker(settings)
        self.deadlines = Deadlines()
        self._settings = settings
        self._tls = tls
        self._client: Client | None = None

    def __repr__(self) -> str:
        breaker = "open" if self.breaker.open else "closed"
        return f"<Shadow {self.leg} {self.address} in_flight={self.in_flight} breaker={breaker}>"

    @property
    def client(self) -> Client:
        """The leg's own client, made on first use."""
        if self._client is None:
            self._client = _client(self.address, self._settings, self._tls)
        return self._client

    async def close(self) -> None:
        """Close the connection; calls still open are cancelled."""
        self.deadlines.close()
        if self._client is not None:
            await self._client.close()
            self._client = None


def _client(address: str, settings: Settings, tls: Upstream | None) -> Client:
    if settings.client is Kind.RAW and tls is None:  # ours speaks no TLS
        return RawClient(
            address,
            timeout_s=settings.deadline_max_s,
            message_bytes=settings.reply_bytes + FRAMING_BYTES,
            held_bytes=settings.in_flight_bytes,
        )
    from understudy.mirror.aio import AioClient

    return AioClient(
        address,
        tls,
        message_bytes=settings.reply_bytes + FRAMING_BYTES,
        held_bytes=settings.in_flight_bytes,
    )


@dataclass(slots=True, eq=False)
class Call:
    """One call of one shadow leg."""

    shadow: Shadow
    codec: Codec
    request: Request
    raw: bytes
    metadata: tuple[tuple[str, str], ...]
    settings: Settings
    held: Callable[[int], None]
    """Told how many more bytes of the reply are held."""
    reader: Reader | None = None
    """Collects the reply; None has the codec make one."""
    _reply: Reply | None = None
    _struck: bool = False
    """Its deadline is past."""
    _sent_ns: int = 0
    _sent_s: float = 0.0
    _cancelled_by: str = ""
    _limit_s: float | None = None
    _complete: bool = False

    def limit(self, live_s: float) -> None:
        """The live leg took this long: the deadline is known now."""
        if self._complete:
            return
        settings = self.settings
        limit_s = max(settings.deadline_min_s, settings.deadline_factor * live_s)
        self._limit_s = min(limit_s, settings.deadline_max_s)
        if self._reply is not None and not self._struck:
            self.shadow.deadlines.until(self, self._sent_s + self._limit_s)

    def strike(self) -> None:
        """Its deadline is past: it is over."""
        self._struck = True
        assert self._reply is not None
        if not self._complete:
            self.shadow.client.silent(self._reply, self._sent_s)
        self._reply.cancel()

    def cancel(self, by: str) -> None:
        """Stop at once and keep what came so far."""
        self._cancelled_by = self._cancelled_by or by
        if self._reply is not None:
            self._reply.cancel()

    async def run(self) -> Output:
        """Send the request and drain the reply at full speed.

        Raises Unsent for a request the engine did not look at, and CancelledError when the mirror is switched off.
        """
        shadow = self.shadow
        reader = self.codec.reader(self.request) if self.reader is None else self.reader
        in_flight = shadow.in_flight
        self._sent_ns = time.monotonic_ns()
        status, error, last_ns = 0, "", None
        if self._cancelled_by:
            pass
        elif not shadow.breaker.allows(self._sent_ns):
            status, error = UNAVAILABLE, f"{shadow.address} refuses connections (not called again yet)"
        else:
            shadow.in_flight += 1
            try:
                status, error, last_ns = await self._drain(reader)
            finally:
                shadow.in_flight -= 1
        return output(
            reader,
            shadow.leg,
            upstream=shadow.address,
            fingerprint=shadow.fingerprint,
            live=False,
            last_ns=time.monotonic_ns() - self._sent_ns if last_ns is None else last_ns,
            status=status,
            error=error,
            cancelled_by=self._cancelled_by,
            in_flight=in_flight,
        )

    async def _drain(self, reader: Reader) -> tuple[int, str, int | None]:
        """Status, error, and when the reply was complete if the engine said so."""
        shadow, settings, last_ns = self.shadow, self.settings, None
        self._sent_s = asyncio.get_running_loop().time()
        limit_s = settings.deadline_max_s if self._limit_s is None else self._limit_s
        reply = self._reply = shadow.client.call(self.request.method, self.raw, self.metadata)
        shadow.deadlines.until(self, self._sent_s + limit_s)
        try:
            while (data := await reply.read()) is not None:
                now_ns = time.monotonic_ns() - self._sent_ns
                shadow.breaker.answered()
                if last_ns is not None:
                    continue
                try:
                    chunk, before = self.codec.chunk(self.request.method, data), reader.size
                except (
                    Undecodable
                ) as error:  # a candidate that garbles some of its replies must not lose them
                    return INTERNAL, f"reply outside the protocol: {error}", None
                reader.feed(chunk, now_ns)
                self.held(reader.size - before)
                if reader.size > settings.reply_bytes:
                    text = f"reply longer than mirror.reply_bytes ({settings.reply_bytes})"
                    return RESOURCE_EXHAUSTED, text, None
                if chunk.final or chunk.error:
                    last_ns, self._complete = now_ns, True
                    if not self._struck:
                        shadow.deadlines.until(self, asyncio.get_running_loop().time() + TRAILERS_S)
            if not self._struck:
                return self._ended(reply.status, last_ns)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._struck or task is None or task.cancelling():  # by others, not by the deadline
                shadow.breaker.abandoned()
                if not self._cancelled_by:
                    raise
                return 0, "", last_ns
        finally:
            self._complete = True  # the deadline is not to be moved any more
            shadow.deadlines.drop(self)
            reply.cancel()
        if last_ns is None:
            self._cancelled_by = "deadline"
            shadow.breaker.abandoned()
            return DEADLINE_EXCEEDED, "no end of the reply within the shadow deadline", None
        return 0, "", last_ns

    def _ended(self, status: Status | None, last_ns: int | None) -> tuple[int, str, int | None]:
        breaker = self.shadow.breaker
        if self._cancelled_by or status is None:
            breaker.abandoned()
        elif status.unsent:
            breaker.answered()
            raise Unsent(status.details)
        elif status.refused:
            breaker.refused(time.monotonic_ns())
        else:
            breaker.answered()
            if status.code == 0:
                return 0, "", last_ns
        if last_ns is not None or self._cancelled_by or status is None:
            return 0, "", last_ns  # complete, or stopped by us: what the stream's end says is no matter
        return status.code, status.details or f"status {status.code}", None
