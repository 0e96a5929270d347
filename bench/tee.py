"""What one would write first: grpc.aio terminates, forwards, asks the shadow too, and pairs the replies.

`python -m bench.tee LISTEN PRIMARY SHADOW CONTROL`. The comparison row of the benchmark; nothing of Understudy's
path is in it. CONTROL is a unix socket that tells its counts.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from understudy.service.lines import listen

SERVICE = "inference.GRPCInferenceService"
UNARY, STREAM = f"/{SERVICE}/ModelInfer", f"/{SERVICE}/ModelStreamInfer"
MOST = 16384
"""Shadow calls at one time; above it they are shed."""
OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_concurrent_streams", 100_000))


class Tee:
    """Raw bytes both ways, the arity known."""

    def __init__(self, primary: str, shadow: str) -> None:
        self.primary: Any = grpc.aio.insecure_channel(primary, options=OPTIONS)
        self.shadow: Any = grpc.aio.insecure_channel(shadow, options=OPTIONS)
        self.counts = {"requests": 0, "paired": 0, "dropped": 0}
        self.tasks: set[asyncio.Task[None]] = set()

    async def unary(self, request: bytes, context: Any) -> bytes:
        """Forward one message."""
        paired = self.mirror(UNARY, request)
        call = self.primary.unary_unary(UNARY)(request)
        with answering(paired):
            reply: bytes = await call
            context.set_trailing_metadata(await call.trailing_metadata())
            paired.set_result([reply])
        return reply

    async def stream(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        """Forward a request a stream, and its reply message by message."""
        await context.send_initial_metadata(())  # as the engine does: an idle stream is answered
        async for request in requests:
            paired, replies = self.mirror(STREAM, request), []
            call = self.primary.unary_stream(STREAM)(request)
            with answering(paired):
                async for reply in call:
                    replies.append(reply)
                    yield reply
                context.set_trailing_metadata(await call.trailing_metadata())
                paired.set_result(replies)

    def mirror(self, method: str, request: bytes) -> asyncio.Future[list[bytes]]:
        """Ask the shadow the same, and pair its reply with the one that is to be set."""
        self.counts["requests"] += 1
        live: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()
        if len(self.tasks) >= MOST:
            self.counts["dropped"] += 1
            return live
        task = asyncio.get_running_loop().create_task(self.pair(method, request, live))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return live

    async def pair(self, method: str, request: bytes, live: asyncio.Future[list[bytes]]) -> None:
        """Count a pair once both replies are there."""
        try:
            shadow = [reply async for reply in self.shadow.unary_stream(method)(request)]
            self.counts["paired" if shadow and await live else "dropped"] += 1
        except grpc.aio.AioRpcError:
            self.counts["dropped"] += 1


@contextmanager
def answering(paired: asyncio.Future[list[bytes]]) -> Iterator[None]:
    """A call that ends without its reply, because the caller went, has none to wait for."""
    try:
        yield
    finally:
        if not paired.done():
            paired.set_result([])


async def main(address: str, primary: str, shadow: str, control: str) -> None:
    """Serve until killed."""
    tee = Tee(primary, shadow)

    async def told(_: dict[str, Any]) -> dict[str, Any]:
        return {**tee.counts, "in_flight": len(tee.tasks)}

    methods: dict[str, Any] = {
        "ModelInfer": grpc.unary_unary_rpc_method_handler(tee.unary),
        "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(tee.stream),
    }
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    server.add_insecure_port(address)
    await server.start()
    async with await listen(Path(control), told):
        await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
