"""What calls in flight hold together is bounded: who goes over it is told so, and nobody else feels it."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
import pytest
from understudy.codec.kserve import INFER, STREAM, KServeCodec
from understudy.compat.budget import Budget, Full
from understudy.compat.settings import Settings
from understudy.mirror.session import framed
from understudy.pair import Sampling
from understudy.wire.deflate import deflate
from understudy.wire.frame import DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS

from tests.compat.stage import Stage, staged, until
from tests.compat.test_unary import Infer

MIB = 1 << 20
FULL = grpc.StatusCode.RESOURCE_EXHAUSTED
SMALL = Settings(listen="127.0.0.1:0", message_bytes=MIB, total_bytes=2 * MIB)
ASK = KServeCodec().encode(model="m", id="1", prompt="p", sampling=Sampling(), stream=True)


@asynccontextmanager
async def stage_of(settings: Settings = SMALL) -> AsyncIterator[Stage]:
    """Every call's bytes are given back at its end."""
    async with staged(settings, baseline=Infer("baseline")) as stage:
        yield stage
        await until(lambda: not stage.proxy.budget.used)


async def code_of(call: Any) -> Any:
    return await call.code()


def test_what_does_not_fit_is_not_counted() -> None:
    budget = Budget(10)
    budget.take(10)
    with pytest.raises(Full, match=r"no room for 1 bytes more: .* 10 of compat.total_bytes = 10"):
        budget.take(1)
    budget.give(10)
    assert (budget.used, budget.refused) == (0, 1)


async def test_calls_over_the_bound_together_are_refused_until_there_is_room() -> None:
    async with stage_of() as stage:
        infer = stage.channel.unary_unary(INFER, None, None)
        held = [infer(bytes(900 << 10), metadata=(("do", "hang"),)) for _ in range(2)]
        await until(lambda: len(stage.baseline.metadata) == 2)
        refused = infer(bytes(900 << 10), metadata=(("do", "hang"),))
        assert await code_of(refused) is FULL
        assert "compat.total_bytes" in await refused.details()
        assert len(stage.baseline.metadata) == 2, "the engine is spared it"
        assert len(await infer(bytes(100))) == 100, "small calls go on"
        await until(lambda: stage.proxy.status()["held_bytes"] == 2 * 900 << 10)
        assert stage.proxy.status()["refused"] == 1
        for call in held:
            call.cancel()
        await until(lambda: not stage.proxy.budget.used)
        assert len(await infer(bytes(900 << 10))) == 900 << 10


@pytest.mark.parametrize("method", ["/t.T/echo", STREAM])
async def test_a_stream_whose_message_does_not_fit_ends_with_that_word(method: str) -> None:
    async with stage_of() as stage:
        infer = stage.channel.unary_unary(INFER, None, None)
        held = [infer(bytes(900 << 10), metadata=(("do", "hang"),)) for _ in range(2)]
        await until(lambda: len(stage.baseline.metadata) == 2)
        call = stage.channel.stream_stream(method, None, None)()
        await call.write(ASK)
        assert await call.read() == ASK
        await call.write(bytes(900 << 10))
        assert await code_of(call) is FULL and "compat.total_bytes" in await call.details()
        assert stage.proxy.status()["refused"] == 1
        for one in held:
            one.cancel()
        await until(lambda: not stage.proxy.status()["open_calls"])


async def test_replies_count_too() -> None:
    small = replace(SMALL, message_bytes=64 << 10, total_bytes=64 << 10)
    async with stage_of(small) as stage:
        assert await code_of(stage.channel.unary_unary(INFER, None, None)(bytes(40 << 10))) is FULL
        await until(lambda: not stage.proxy.budget.used)
        stage.proxy.budget.take(1)
        call = stage.channel.unary_stream("/t.T/any", None, None)(b"", metadata=(("do", "flood"),))
        assert await code_of(call) is FULL, "64 KiB do not fit beside another byte"
        assert stage.proxy.status()["refused"] == 2
        stage.proxy.budget.give(1)


async def test_a_reply_counts_until_its_caller_has_taken_it() -> None:
    async with stage_of() as stage:
        call = stage.channel.unary_stream("/t.T/any", None, None)(b"", metadata=(("do", "flood"),))
        await until(lambda: stage.proxy.budget.used == 64 << 10)  # and nobody reads
        call.cancel()


async def test_requests_in_flight_on_a_held_stream_count_though_they_are_empty() -> None:
    async with stage_of(replace(SMALL, message_bytes=4096, total_bytes=4096)) as stage:
        call = stage.channel.stream_stream(STREAM, None, None)(metadata=(("do", "count"),))
        for _ in range(20):
            try:
                await call.write(b"")
            except (grpc.RpcError, grpc.aio.UsageError):
                break
        assert await code_of(call) is FULL


async def test_an_inference_reply_counts_while_its_caller_does_not_read() -> None:
    fields = {b":method": b"POST", b":scheme": b"http", b":path": INFER.encode(), b":authority": b"a"}
    fields |= {b"te": b"trailers", b"content-type": b"application/grpc", b"grpc-encoding": b"gzip"}
    size = 200 << 10  # above the window of 64 KiB that we never widen
    squeezed = gzip.compress(bytes(size))
    body = b"\1" + len(squeezed).to_bytes(4, "big") + squeezed
    async with stage_of() as stage:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.proxy.port)
        writer.write(
            PREFACE + framed(SETTINGS, 0, 0) + framed(HEADERS, END_HEADERS, 1, deflate(fields.items()))
        )
        writer.write(framed(DATA, END_STREAM, 1, body))
        await until(lambda: stage.proxy.budget.used == 2 * size)
        await asyncio.sleep(0.1)  # the handler has long returned
        assert stage.proxy.budget.used == 2 * size
        writer.close()
        await until(lambda: not stage.proxy.budget.used)
        del reader
