"""The demo's callers: tritonclient, which knows nothing of Understudy, sending distinct prompts.

Short calls (a unary ModelInfer, or a stream of one request) and held streams that carry one request after the
other, as long-lived clients do. Every reply names the engine that gave it, because it was asked to.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import grpc
import numpy as np
import tritonclient.grpc as held
import tritonclient.grpc.aio as triton
from tritonclient.utils import InferenceServerException

from understudy.engine.corpus import Example

UNARY_MODEL = "ensemble"
STREAM_MODEL = "tensorrt_llm_bls"
MAX_TOKENS = {"counting": 960, "sequence": 240, "list": 160, "tone": 160}
"""By category, with room above the longest right reply; what is not named asks for BRIEF."""

BRIEF = 96
TIMEOUT_S = 60.0


class Manner(StrEnum):
    """How a call is made."""

    UNARY = "unary"
    STREAM = "stream"
    """A stream of one request."""
    HELD = "held"
    """One request of many on a stream that stays open."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call as its caller saw it."""

    example: Example
    manner: Manner
    began_ns: int
    ended_ns: int
    text: str
    engine: str
    """Fingerprint of the engine that replied, as its reply says; empty when none did."""
    error: str = ""

    @property
    def short(self) -> bool:
        """True for what is not a held stream."""
        return self.manner is not Manner.HELD


@dataclass(slots=True)
class Callers:
    """Concurrent callers that draw from one list of prompts until it is empty or they are stopped."""

    address: str
    examples: Iterator[Example]
    short: int = 8
    held: int = 4
    calls: list[Call] = field(default_factory=list)
    moved: int = 0
    """Times a held stream was ended by the proxy at an idle point (UNAVAILABLE) and opened again."""
    stopping: bool = False
    room: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared while the shadow engines lag behind: on two cores, callers that never wait would only build a
    queue of unpaired requests."""

    async def run(self) -> None:
        """Call until there are no more prompts."""
        self.room.set()
        async with asyncio.TaskGroup() as group:
            for number in range(self.short):
                group.create_task(self._short(number))
            for _ in range(self.held):
                group.create_task(self._held())

    async def _next(self) -> Example | None:
        await self.room.wait()
        return None if self.stopping else next(self.examples, None)

    async def _short(self, number: int) -> None:
        async with triton.InferenceServerClient(self.address, channel_args=OWN_CONNECTION) as client:
            while (example := await self._next()) is not None:
                manner = Manner.UNARY if (len(self.calls) + number) % 2 else Manner.STREAM
                began = time.time_ns()
                text, engine, error = "", "", ""
                try:
                    async with asyncio.timeout(TIMEOUT_S):
                        if manner is Manner.UNARY:
                            reply = await client.infer(**_request(example, UNARY_MODEL))
                            text, engine = _text(reply), _engine(reply)
                        else:
                            async for reply, failure in client.stream_infer(_once(example)):
                                if failure is not None:
                                    raise failure
                                text, engine = _text(reply) or text, _engine(reply) or engine
                except (InferenceServerException, grpc.RpcError, TimeoutError) as failure:
                    error = _said(failure)
                self.calls.append(Call(example, manner, began, time.time_ns(), text, engine, error))

    async def _held(self) -> None:
        """One request after the other on a stream of the synchronous client, as `start_stream` is used."""
        client = held.InferenceServerClient(self.address, channel_args=OWN_CONNECTION)
        replies: asyncio.Queue[tuple[Any, Any]] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def heard(result: Any, error: Any) -> None:
            loop.call_soon_threadsafe(replies.put_nowait, (result, error))

        pending: Example | None = None
        try:
            client.start_stream(heard)
            while pending is not None or (pending := await self._next()) is not None:
                began = time.time_ns()
                text, engine, error = "", "", MOVED
                with suppress(InferenceServerException):  # the stream may have ended since the last reply
                    client.async_stream_infer(
                        **_request(pending, STREAM_MODEL), enable_empty_final_response=True
                    )
                    text, engine, error = await self._answer(replies)
                if error:
                    await asyncio.to_thread(client.stop_stream)
                    while not replies.empty():
                        replies.get_nowait()
                    client.start_stream(heard)
                if error == MOVED and not text:
                    # Ended while it was idle: the request never left us, so it is asked again.
                    self.moved += 1
                    continue
                self.calls.append(Call(pending, Manner.HELD, began, time.time_ns(), text, engine, error))
                pending = None
        finally:
            await asyncio.to_thread(client.stop_stream)
            client.close()

    async def _answer(self, replies: "asyncio.Queue[tuple[Any, Any]]") -> tuple[str, str, str]:
        text = engine = ""
        while True:
            try:
                reply, failure = await asyncio.wait_for(replies.get(), TIMEOUT_S)
            except TimeoutError:
                return text, engine, "no reply in time"
            if failure is not None:
                moved = "UNAVAILABLE" in str(failure.status())
                return text, engine, MOVED if moved else _said(failure)
            text, engine = _text(reply) or text, _engine(reply) or engine
            if _final(reply):
                return text, engine, ""


MOVED = "moved"

OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)
"""Without it, all clients of one process share one connection, and a switch would move just that."""


def _said(failure: Exception) -> str:
    return " ".join(f"{type(failure).__name__}: {failure}".split())[:200]


def tokens(example: Example) -> int:
    """Return the max_tokens its caller asks for."""
    return MAX_TOKENS.get(example.category, BRIEF)


def _request(example: Example, model: str) -> dict[str, Any]:
    def tensor(name: str, kind: str, value: Any, dtype: Any) -> Any:
        made = triton.InferInput(name, [1, 1], kind)
        made.set_data_from_numpy(np.array([[value]], dtype=dtype))
        return made

    inputs = [
        tensor("text_input", "BYTES", example.prompt.encode(), np.object_),
        tensor("max_tokens", "INT32", tokens(example), np.int32),
        tensor("temperature", "FP32", 0.0, np.float32),
        tensor("top_k", "INT32", 1, np.int32),
        tensor("exclude_input_in_output", "BOOL", True, np.bool_),
    ]
    if model == STREAM_MODEL:
        inputs.append(tensor("stream", "BOOL", True, np.bool_))
    return {
        "model_name": model,
        "inputs": inputs,
        "request_id": example.id,
        "parameters": {"category": example.category, "identify": True},
    }


async def _once(example: Example) -> AsyncIterator[dict[str, Any]]:
    yield _request(example, STREAM_MODEL)


def _text(reply: Any) -> str:
    found = reply.as_numpy("text_output")
    return bytes(found.reshape(-1)[0]).decode(errors="replace") if found is not None and found.size else ""


def _engine(reply: Any) -> str:
    return str(reply.get_response().parameters["engine"].string_param)


def _final(reply: Any) -> bool:
    return bool(reply.get_response().parameters["triton_final_response"].bool_param)
