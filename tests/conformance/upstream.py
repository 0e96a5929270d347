"""An engine's stand-in: the services of gRPC's interop tests on plain bytes, told what to do by each call.

The request header `x-do` is JSON:
    size: length of the reply, or of `count` streamed ones
    sizes: lengths of the streamed replies; without either a request comes back as it was
    initial, trailing: metadata, a list of [name, text] or [name-bin, base64]
    status, message: how the call fails, after its replies
    sleep_s: pause before the first reply; hold: never come to an end
    compress: gzip or deflate; plain: numbers of the replies that are sent uncompressed all the same
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

SERVICE = "understudy.conformance.TestService"
RPC = "x-rpc"
"""Names a call, so that what client, server and observer saw of it can be laid side by side."""

_health: Any = health  # its type stubs know no asyncio
_PATTERN = bytes(range(251))
_ENCODINGS = {"gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}


def payload(size: int) -> bytes:
    """A message of that length."""
    return (_PATTERN * (size // len(_PATTERN) + 1))[:size]


def digest(message: bytes) -> str:
    """What stands for a message in transcripts."""
    return f"{len(message)}:{sha256(message).hexdigest()[:16]}"


@dataclass
class Seen:
    """A call as the server saw it."""

    method: str
    metadata: list[tuple[str, Any]]
    remaining_s: float | None
    """Until its deadline, when it began."""
    asked: list[str] = field(default_factory=list)
    written: int = 0
    """Replies that were taken off the handler's hands."""
    ended: str = ""
    """done, or cancelled when the client gave up."""


class Upstream(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """The server; `seen` has every call by its `x-rpc` header."""

    def __init__(self, **options: Any) -> None:
        self.seen: dict[str, Seen] = {}
        self.address = ""
        self.health = _health.aio.HealthServicer()
        given = {"grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1} | options
        self._server = grpc.aio.server(options=list(given.items()))
        self._news = asyncio.Condition()

    async def start(self, address: str = "127.0.0.1:0") -> "Upstream":
        """Listen."""
        self._server.add_generic_rpc_handlers((self,))
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self._server)
        names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)
        await self.serving(True)
        self.address = f"127.0.0.1:{self._server.add_insecure_port(address)}"
        await self._server.start()
        return self

    async def stop(self, grace_s: float | None = 0) -> None:
        """Stop; at once, or after GOAWAY and so many seconds."""
        await self._server.stop(grace_s)

    async def serving(self, fine: bool) -> None:
        """What health says."""
        status = health_pb2.HealthCheckResponse.ServingStatus
        await self.health.set(SERVICE, status.SERVING if fine else status.NOT_SERVING)

    async def ended(self, rpc: str) -> Seen:
        """A call, once its handler has ended."""
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(lambda: rpc in self.seen and self.seen[rpc].ended != "")
        return self.seen[rpc]

    async def begun(self, rpc: str) -> Seen:
        """A call, once it has reached us."""
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(lambda: rpc in self.seen)
        return self.seen[rpc]

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        """The method's handler, or None: UNIMPLEMENTED."""
        return {
            f"/{SERVICE}/EmptyCall": grpc.unary_unary_rpc_method_handler(self._unary),
            f"/{SERVICE}/UnaryCall": grpc.unary_unary_rpc_method_handler(self._unary),
            f"/{SERVICE}/StreamingOutputCall": grpc.unary_stream_rpc_method_handler(self._output),
            f"/{SERVICE}/StreamingInputCall": grpc.stream_unary_rpc_method_handler(self._input),
            f"/{SERVICE}/FullDuplexCall": grpc.stream_stream_rpc_method_handler(self._full),
            f"/{SERVICE}/HalfDuplexCall": grpc.stream_stream_rpc_method_handler(self._half),
        }.get(details.method)

    # ---- the methods

    async def _unary(self, request: bytes, context: Any) -> bytes:
        async with _Call(self, "unary", context) as call:
            await call.asks(request)
            await call.begin()
            await call.end()
            call.seen.written += 1
            return call.reply(0, request)

    async def _output(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        async with _Call(self, "output", context) as call:
            await call.asks(request)
            await call.begin()
            for index in range(call.do.get("count", len(call.do.get("sizes", [0])))):
                yield call.reply(index, request)
                call.seen.written += 1
            await call.end()

    async def _input(self, requests: AsyncIterator[bytes], context: Any) -> bytes:
        async with _Call(self, "input", context) as call:
            await call.begin()
            total = 0
            async for request in requests:
                await call.asks(request)
                total += len(request)
            await call.end()
            return call.reply(0, b"%d bytes" % total)

    async def _full(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async with _Call(self, "full", context) as call:
            await call.begin()
            async for request in requests:
                await call.asks(request)
                yield call.reply(call.seen.written, request)
                call.seen.written += 1
            await call.end()

    async def _half(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async with _Call(self, "half", context) as call:
            await call.begin()
            asked = []
            async for request in requests:
                await call.asks(request)
                asked.append(request)
            for request in asked:
                yield call.reply(call.seen.written, request)
                call.seen.written += 1
            await call.end()

    async def tell(self) -> None:
        """Something was seen."""
        async with self._news:
            self._news.notify_all()


class _Call:
    """One call: does what it was told and notes what it saw."""

    def __init__(self, home: Upstream, method: str, context: Any) -> None:
        metadata = [(key, value) for key, value in context.invocation_metadata()]
        named = dict(metadata)
        self.do: dict[str, Any] = json.loads(named.get("x-do", "{}"))
        self.seen = Seen(method, metadata, context.time_remaining())
        self._home, self._context = home, context
        if RPC in named and "x-understudy-leg" not in named:  # not the mirror's
            home.seen[named[RPC]] = self.seen

    async def __aenter__(self) -> "_Call":
        await self._home.tell()
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        gone = isinstance(error, asyncio.CancelledError | GeneratorExit)
        self.seen.ended = "cancelled" if gone else "done"
        # A cancelled handler may not wait any more.
        _later.add(task := asyncio.ensure_future(self._home.tell()))
        task.add_done_callback(_later.discard)

    async def asks(self, request: bytes) -> None:
        self.seen.asked.append(digest(request))
        if len(self.seen.asked) == 1:
            await self._home.tell()

    async def begin(self) -> None:
        if "compress" in self.do:
            self._context.set_compression(_ENCODINGS[self.do["compress"]])
        if "initial" in self.do:
            await self._context.send_initial_metadata(tuple(metadata(self.do["initial"])))
        if "trailing" in self.do:
            self._context.set_trailing_metadata(tuple(metadata(self.do["trailing"])))
        await asyncio.sleep(self.do.get("sleep_s", 0))

    def reply(self, index: int, request: bytes) -> bytes:
        if index in self.do.get("plain", ()):
            self._context.disable_next_message_compression()
        if "size" in self.do:
            return payload(self.do["size"])
        return payload(self.do["sizes"][index]) if "sizes" in self.do else request

    async def end(self) -> None:
        if self.do.get("hold"):
            await asyncio.Event().wait()
        if self.do.get("status"):
            code = next(code for code in grpc.StatusCode if code.value[0] == self.do["status"])
            trailing = tuple(metadata(self.do.get("trailing", ())))
            await self._context.abort(code, self.do.get("message", ""), trailing)


_later: set[asyncio.Future[None]] = set()


def metadata(given: Sequence[Sequence[str]]) -> list[tuple[str, str | bytes]]:
    """Metadata as grpcio takes it, from its JSON form."""
    return [(name, base64.b64decode(value) if name.endswith("-bin") else value) for name, value in given]
