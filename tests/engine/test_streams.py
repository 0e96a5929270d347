"""A stream of the embedded engine without its model: what is left behind when its client goes away."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tritonclient.grpc import service_pb2 as pb
from understudy.engine.batch import Ticket
from understudy.engine.kserve import Servicer

from tests.engine.test_kserve import inputs

pytestmark = pytest.mark.engines


class Context:
    """A call without metadata."""

    def invocation_metadata(self) -> tuple[()]:
        return ()


async def test_a_client_that_cancels_while_it_waits_leaves_no_task_behind() -> None:
    running: list[Ticket] = []
    begun = asyncio.Event()

    def submit(ask: Any, emit: Any) -> Ticket:
        running.append(Ticket(ask, emit))
        begun.set()
        return running[-1]

    async def requests() -> AsyncIterator[Any]:
        tensors = inputs(stream=True)
        yield pb.ModelInferRequest(
            model_name="tensorrt_llm_bls",
            inputs=[tensor._get_tensor() for tensor in tensors],
            raw_input_contents=[tensor._get_content() for tensor in tensors],
        )
        await asyncio.Event().wait()

    async def read() -> None:
        async for _ in Servicer(submit, {"fields": {}}, 8, lambda: 0).model_stream_infer(
            requests(), Context()
        ):
            pass

    before = asyncio.all_tasks()
    reader = asyncio.get_running_loop().create_task(read())
    async with asyncio.timeout(10):
        await begun.wait()
    reader.cancel()
    await asyncio.wait((reader,))
    await asyncio.sleep(0)  # what was cancelled ends
    assert asyncio.all_tasks() == before
    assert [ticket.cancelled for ticket in running] == [True]
