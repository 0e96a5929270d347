"""Real clients that carry out the table's calls and write down what they got."""

import asyncio
import base64
import json
import shutil
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from understudy.compat.send import send

from tests.conformance.cases import Call
from tests.conformance.upstream import RPC, digest

OPTIONS = {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.enable_retries": 0,
}
COMPRESSION = {
    "": grpc.Compression.NoCompression,
    "gzip": grpc.Compression.Gzip,
    "deflate": grpc.Compression.Deflate,
}
HERE = Path(__file__).parent
MODULES = HERE.parents[1] / ".venv" / "node"
"""Where `make grpc-js` installs gRPC for Node."""

Pairs = tuple[tuple[str, str | bytes], ...]
Begun = Callable[[str], Awaitable[Any]]
"""Waits until the server has a call."""


@dataclass(frozen=True)
class Transcript:
    """What a client got of one call; `details` is None where they are the client's own words."""

    initial: Pairs
    replies: tuple[str, ...]
    code: int
    details: str | None
    trailing: Pairs

    def without(self, names: frozenset[str]) -> "Transcript":
        """The same, but for these headers."""
        initial, trailing = (
            tuple(pair for pair in pairs if pair[0] not in names) for pairs in (self.initial, self.trailing)
        )
        return replace(self, initial=initial, trailing=trailing)


async def aio(
    address: str, calls: Sequence[tuple[str, Call]], begun: Begun, **options: Any
) -> list[Transcript]:
    """grpcio's asyncio client."""
    settings = list((OPTIONS | options).items())
    async with grpc.aio.insecure_channel(address, options=settings) as channel:
        return [await asyncio.wait_for(_aio(channel, rpc, call, begun), 20) for rpc, call in calls]


async def _aio(channel: Any, rpc: str, call: Call, begun: Begun) -> Transcript:
    replies: list[str] = []
    came = asyncio.Event()
    how: dict[str, Any] = {
        "metadata": (*call.sent, (RPC, rpc)),
        "timeout": call.timeout_s,
        "compression": COMPRESSION[call.compression],
    }
    ongoing: Any
    match call.arity:
        case "unary":
            ongoing = channel.unary_unary(call.path)(*call.messages, **how)
        case "output":
            ongoing = channel.unary_stream(call.path)(*call.messages, **how)
        case "input":
            ongoing = channel.stream_unary(call.path)(**how)
        case _:
            ongoing = channel.stream_stream(call.path)(**how)

    async def ask() -> None:
        over = grpc.aio.AioRpcError, grpc.aio.InternalError, asyncio.CancelledError, asyncio.InvalidStateError
        with suppress(*over):
            if call.first:
                await ongoing.initial_metadata()
            for index, message in enumerate(call.messages):
                if index and call.lockstep:
                    await came.wait()
                    came.clear()
                await send(ongoing, message)
            if call.cancel_after is None and not call.holds:
                await ongoing.done_writing()

    async with asyncio.TaskGroup() as group:
        if call.arity in ("input", "both"):
            asking = group.create_task(ask())
            ongoing.add_done_callback(lambda _: asking.cancel())
        with suppress(grpc.aio.AioRpcError, asyncio.CancelledError):
            if call.cancel_after == 0:
                await begun(rpc)
                ongoing.cancel()
            if call.arity in ("unary", "input"):
                replies.append(digest(await ongoing))
            else:
                async for reply in ongoing:
                    replies.append(digest(reply))
                    came.set()
                    if len(replies) == call.cancel_after:
                        ongoing.cancel()
    initial: Any = ()
    code = await ongoing.code()
    if call.cancel_after is None or replies:
        initial = await ongoing.initial_metadata()
    return Transcript(
        tuple(initial or ()),
        tuple(replies),
        code.value[0],
        None if call.details is None else await ongoing.details() or "",
        tuple(await ongoing.trailing_metadata() or ()),
    )


async def sync(address: str, calls: Sequence[tuple[str, Call]], begun: Begun) -> list[Transcript]:
    """grpcio's blocking client, in a thread."""
    loop = asyncio.get_running_loop()

    def wait(rpc: str) -> None:
        asyncio.run_coroutine_threadsafe(_awaited(begun(rpc)), loop).result(10)

    def run() -> list[Transcript]:
        with grpc.insecure_channel(address, options=list(OPTIONS.items())) as channel:
            return [_sync(channel, rpc, call, wait) for rpc, call in calls]

    return await asyncio.to_thread(run)


async def _awaited(what: Awaitable[Any]) -> Any:
    return await what


def _sync(channel: Any, rpc: str, call: Call, begun: Callable[[str], None]) -> Transcript:
    replies: list[str] = []
    came, go, over = threading.Semaphore(0), threading.Event(), threading.Event()

    def requests() -> Iterator[bytes]:
        if call.first:
            go.wait(10)
        for index, message in enumerate(call.messages):
            if index and call.lockstep:
                came.acquire(timeout=10)
            yield message
        if call.cancel_after is not None or call.holds:
            over.wait(10)

    how: dict[str, Any] = {
        "metadata": (*call.sent, (RPC, rpc)),
        "timeout": call.timeout_s,
        "compression": COMPRESSION[call.compression],
    }
    ongoing: Any
    match call.arity:
        case "unary":
            ongoing = channel.unary_unary(call.path).future(*call.messages, **how)
        case "output":
            ongoing = channel.unary_stream(call.path)(*call.messages, **how)
        case "input":
            ongoing = channel.stream_unary(call.path).future(requests(), **how)
        case _:
            ongoing = channel.stream_stream(call.path)(requests(), **how)
    initial: Any = ()
    try:
        if call.cancel_after == 0:
            begun(rpc)
            ongoing.cancel()
        if call.first:
            initial = ongoing.initial_metadata()
            go.set()
        if call.arity in ("unary", "input"):
            replies.append(digest(ongoing.result(20)))
        else:
            for reply in ongoing:
                replies.append(digest(reply))
                came.release()
                if len(replies) == call.cancel_after:
                    ongoing.cancel()
    except (grpc.RpcError, grpc.FutureCancelledError):
        pass
    finally:
        over.set()
    code = ongoing.code()
    if call.cancel_after is None or replies:
        initial = ongoing.initial_metadata()
    return Transcript(
        _pairs(initial),
        tuple(replies),
        code.value[0],
        None if call.details is None else ongoing.details() or "",
        _pairs(ongoing.trailing_metadata()),
    )


def _pairs(metadata: Any) -> Pairs:
    return tuple((name, value) for name, value in metadata or ())


async def node(address: str, calls: Sequence[tuple[str, Call]], begun: Begun) -> list[Transcript]:
    """grpc-js, an implementation of its own, under Node."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("needs node")
    if not (MODULES / "node_modules" / "@grpc" / "grpc-js").is_dir():
        pytest.skip("needs grpc-js: make grpc-js installs it")
    process = await asyncio.create_subprocess_exec(
        program,
        HERE / "client.js",
        MODULES / "node_modules" / "@grpc" / "grpc-js",
        address,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert process.stdin is not None and process.stdout is not None
    transcripts = []
    try:
        for rpc, call in calls:
            process.stdin.write(json.dumps(_order(rpc, call)).encode() + b"\n")
            if call.cancel_after == 0:
                await begun(rpc)
                process.stdin.write(b'"cancel"\n')
            told = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
            transcripts.append(
                Transcript(
                    _told(told["initial"]),
                    tuple(told["replies"]),
                    told["code"],
                    None if call.details is None else told["details"],
                    _told(told["trailing"]),
                )
            )
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return transcripts


def _order(rpc: str, call: Call) -> dict[str, Any]:
    def plain(value: str | bytes) -> Any:
        return value if isinstance(value, str) else {"b64": base64.b64encode(value).decode()}

    return {
        "path": call.path,
        "arity": call.arity,
        "asks": [ask if isinstance(ask, int) else plain(ask) for ask in call.asks],
        "metadata": [[name, plain(value)] for name, value in (*call.sent, (RPC, rpc))],
        "timeout_s": call.timeout_s,
        "compression": call.compression,
        "lockstep": call.lockstep,
        "first": call.first,
        "holds": call.holds or call.cancel_after is not None,
        "cancel_after": call.cancel_after,
    }


def _told(pairs: list[list[str]]) -> Pairs:
    return tuple((name, base64.b64decode(value) if name.endswith("-bin") else value) for name, value in pairs)


CLIENTS = {"aio": aio, "sync": sync, "node": node}
