"""Records a conversation: `python -m tests.wire.corpus.record OUT.tape [--client CMD] [--server CMD]`.

Without commands both ends are grpcio's. A command is run with the port to reach, or to listen on, as its last
argument: `node tests/wire/corpus/calls.cjs`, `node tests/wire/corpus/serve.cjs` (npm's @grpc/grpc-js).
A tape is gzip of: 0 (client) or 1 (server), length (4 bytes, big endian), that many bytes; in the order they passed.
"""

import argparse
import asyncio
import gzip
import shlex
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

aio: Any = grpc.aio
GZIP = grpc.Compression.Gzip


class Engine(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """The methods that the clients call."""

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        return {
            "/t.T/echo": grpc.unary_unary_rpc_method_handler(self.echo),
            "/t.T/stream": grpc.stream_stream_rpc_method_handler(self.stream),
            "/t.T/fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "/t.T/hang": grpc.unary_unary_rpc_method_handler(self.hang),
        }.get(details.method)

    async def echo(self, request: bytes, context: Any) -> bytes:
        context.set_trailing_metadata((("t-bin", b"\x00\xff"), ("n", str(len(request)))))
        return request

    async def stream(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            for n in range(3):
                yield request + b"%d" % n

    async def fail(self, request: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "nö, 100%")
        return b""

    async def hang(self, request: bytes, context: Any) -> bytes:
        await asyncio.Event().wait()
        return b""


async def calls(port: int) -> None:
    """grpcio's client calls every method; 6 echoes end OK."""
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        echo = channel.unary_unary("/t.T/echo")
        for n in range(4):
            await echo(
                b"q" * n, metadata=(("x-n", str(n)), ("trace-bin", bytes(range(n * 9)))), timeout=5 + n
            )
        await echo(b"zipped" * 1000, compression=GZIP)
        await echo(bytes(range(256)) * 160)
        stream = channel.stream_stream("/t.T/stream")()
        for n in range(2):
            await stream.write(b"s%d" % n)
            await stream.read()
        await stream.done_writing()
        while await stream.read() is not aio.EOF:
            pass
        for method, timeout in (("fail", 5), ("hang", 0.2), ("none", 5)):
            try:
                await channel.unary_unary(f"/t.T/{method}")(b"f", timeout=timeout)
            except aio.AioRpcError as error:
                print(method, error.code())


async def record(client: str, server: str) -> list[tuple[int, bytes]]:
    """What passed between the two."""
    tape: list[tuple[int, bytes]] = []
    async with AsyncExitStack() as stack:
        if server:
            port = 50999
            serving = await asyncio.create_subprocess_exec(*shlex.split(server), str(port))
            stack.callback(serving.terminate)
            await asyncio.sleep(2)
        else:
            engine = aio.server()
            engine.add_generic_rpc_handlers((Engine(),))
            port = engine.add_insecure_port("127.0.0.1:0")
            await engine.start()
            stack.push_async_callback(engine.stop, None)

        async def tee(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)

            async def pump(side: int, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
                while data := await source.read(16_384):
                    tape.append((side, data))
                    sink.write(data)
                    await sink.drain()
                sink.close()

            async with asyncio.TaskGroup() as group:
                group.create_task(pump(0, reader, up_writer))
                group.create_task(pump(1, up_reader, writer))

        listener = await asyncio.start_server(tee, "127.0.0.1", 0)
        front = listener.sockets[0].getsockname()[1]
        if client:
            calling = await asyncio.create_subprocess_exec(*shlex.split(client), str(front))
            await calling.wait()
        else:
            await calls(front)
        await asyncio.sleep(0.5)
        listener.close()
    return tape


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--client", default="")
    parser.add_argument("--server", default="")
    given = parser.parse_args()
    tape = asyncio.run(record(given.client, given.server))
    data = b"".join(bytes([side]) + len(chunk).to_bytes(4, "big") + chunk for side, chunk in tape)
    given.out.write_bytes(gzip.compress(data, mtime=0))


if __name__ == "__main__":
    main()
