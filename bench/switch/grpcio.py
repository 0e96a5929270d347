"""Callers by grpcio's asyncio client, and one who only connects: `python -m bench.switch.grpcio PART`."""

import asyncio
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import IO, Any

import grpc
from understudy.codec.kserve import INFER, STREAM, KServeCodec
from understudy.compat.send import send

from bench.switch.part import BRIEF, HELD, LIMIT_S, PAUSE_S, UNARY, Part, messages, request
from bench.switch.records import OK, Call, Ending, Knock, line

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""A client's first words: the preface, and SETTINGS with nothing in them."""
ANSWER_S = 10.0
KNOCK_S = 0.02
AGAIN_S = 0.05
"""Pause after a failure."""

Note = Callable[[Any], None]


class Callers:
    """Everybody in this process."""

    def __init__(self, part: Part, note: Note) -> None:
        self.part = part
        self.note = note
        self.over = asyncio.Event()
        self._codec = KServeCodec()
        self._dice = random.Random(part.client)
        self._ids = count()

    async def run(self) -> None:
        """Call until it is over, and finish what is under way."""
        part = self.part
        channels = [self._channel() for _ in range(part.channels)]
        async with asyncio.TaskGroup() as group:
            for number, channel in enumerate(channels):
                for _ in range(part.unary):
                    group.create_task(self._unary(channel, f"{number}"))
                for _ in range(part.brief):
                    group.create_task(self._brief(channel, f"{number}"))
                for each in range(part.held):
                    group.create_task(self._held(channel, f"{part.client}-{number}-{each}"))
            if part.knocks:
                group.create_task(self._knock())
        for channel in channels:
            await channel.close()

    def _channel(self) -> Any:
        # A connection of its own; all else as a client is that was told nothing.
        options = [("grpc.use_local_subchannel_pool", 1)]
        if not self.part.ca:
            return grpc.aio.insecure_channel(self.part.address, options=options)
        credentials = grpc.ssl_channel_credentials(Path(self.part.ca).read_bytes())
        return grpc.aio.secure_channel(self.part.address, credentials, options=options)

    async def _pause(self, seconds: float | None = None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), seconds or self._dice.uniform(*PAUSE_S))

    async def _unary(self, channel: Any, caller: str) -> None:
        method = channel.unary_unary(INFER)
        while not self.over.is_set():
            reply = _Reply(self, INFER, "unary", caller, UNARY)
            call = method(request(reply.id, UNARY, False), timeout=LIMIT_S)
            with suppress(grpc.aio.AioRpcError):
                reply.came(await call)
            reply.end((await call.code()).value[0], await call.details())
            await self._pause()

    async def _brief(self, channel: Any, caller: str) -> None:
        method = channel.stream_stream(STREAM)
        while not self.over.is_set():
            reply = _Reply(self, STREAM, "brief", caller, BRIEF)
            call = method(iter([request(reply.id, BRIEF, True)]), timeout=LIMIT_S)
            with suppress(grpc.aio.AioRpcError):
                async for message in call:
                    reply.came(message)
            reply.end((await call.code()).value[0], await call.details())
            await self._pause()

    async def _held(self, channel: Any, caller: str) -> None:
        method = channel.stream_stream(STREAM)
        turn = count()
        while not self.over.is_set():
            call = method()
            code = await _Stream(self, caller, call, turn).run()
            if code != OK:
                await self._pause(AGAIN_S)

    async def _knock(self) -> None:
        """Connect, and wait for the first byte; a caller that is dropped sees the connection closed instead."""
        host, _, port = self.part.address.rpartition(":")
        tried = 0
        while not self.over.is_set():
            tried += 1
            try:
                async with asyncio.timeout(ANSWER_S):
                    reader, writer = await asyncio.open_connection(host, int(port))
                    writer.write(PREFACE)
                    if not self.part.ca and not await reader.read(1):
                        self.note(Knock(time.time_ns(), "closed without an answer"))
                    writer.close()
            except OSError as error:  # TimeoutError is one
                self.note(Knock(time.time_ns(), type(error).__name__))
            await self._pause(KNOCK_S)
        self.note(Knock(time.time_ns(), tried=tried))


class _Reply:
    """One request that is being answered."""

    def __init__(self, home: Callers, method: str, kind: str, caller: str, prompt: str) -> None:
        self._home, self._method, self._kind, self._caller = home, method, kind, caller
        self.id = f"{home.part.ids}-{next(home._ids)}"
        self.asked, self.got, self.last = messages(prompt), 0, 0
        self.names: dict[str, None] = {}
        self.began = time.time_ns()

    def came(self, raw: bytes) -> None:
        """A message."""
        self.last = time.time_ns()
        self.got += 1
        chunk = self._home._codec.chunk(self._method, raw)
        self.names[(chunk.text or b"?").decode().split()[0]] = None

    def end(self, code: int, error: str | None) -> None:
        """It is over."""
        self._home.note(
            Call(
                self._home.part.client,
                self._kind,
                self._caller,
                self.id,
                self.began,
                self.last,
                time.time_ns(),
                tuple(self.names),
                self.got,
                self.asked,
                code,
                error or "",
            )
        )


class _Stream:
    """A held stream, from its first request until it is ended by either side."""

    def __init__(self, home: Callers, caller: str, call: Any, turn: "count[int]") -> None:
        self._home, self._caller, self._call, self._turn = home, caller, call, turn
        self._replies: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._names: dict[str, None] = {}

    async def run(self) -> int:
        """Ask one request after the other; the status."""
        reading = asyncio.ensure_future(self._read())
        pending: _Reply | None = None
        ended = False
        while not ended and not self._home.over.is_set():
            prompt = HELD[next(self._turn) % len(HELD)]
            pending = _Reply(self._home, STREAM, "held", self._caller, prompt)
            await self._send(request(pending.id, prompt, True))
            while pending.got < pending.asked and (message := await self._replies.get()) is not None:
                pending.came(message)
            self._names |= pending.names
            if pending.got < pending.asked:
                break
            pending.end(OK, "")
            pending = None
            ended = await self._idle()
        if pending is None and not ended:
            with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await self._call.done_writing()
        await reading
        code, error = (await self._call.code()).value[0], await self._call.details() or ""
        if pending is not None:
            pending.end(code, error)
        self._home.note(
            Ending(
                self._home.part.client,
                self._caller,
                time.time_ns(),
                code,
                error,
                tuple(self._names),
                pending.id if pending else "",
                pending.got if pending else 0,
            )
        )
        return int(code)

    async def _send(self, message: bytes) -> None:
        """To see what the proxy said of a stream that has just ended, and not what `call.write` makes of it."""
        with suppress(grpc.aio.AioRpcError, grpc.aio.InternalError, asyncio.InvalidStateError):
            await send(self._call, message)

    async def _read(self) -> None:
        with suppress(grpc.aio.AioRpcError):
            async for message in self._call:
                self._replies.put_nowait(message)
        self._replies.put_nowait(None)

    async def _idle(self) -> bool:
        """Pause; whether the stream was ended meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._home._dice.uniform(*PAUSE_S)):
                await self._replies.get()
                return True
        return False


def _write(file: IO[str], what: Any) -> None:
    file.write(line(what))


async def main(path: Path) -> None:
    """Call until SIGTERM."""
    part = Part.read(path)
    with Path(part.file).open("w") as file:
        callers = Callers(part, lambda what: _write(file, what))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, callers.over.set)
        await callers.run()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
