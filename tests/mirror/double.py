"""A double of an engine that speaks KServe v2 over real gRPC; no model behind it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as pb
from understudy.codec.kserve import pack, unpack


class Double:
    """Answers every prompt with the same words; knobs make it slow, failing or hung."""

    def __init__(self, *words: str) -> None:
        self.words = words or ("one", " two", " three", " four", " five")
        self.cumulative = False
        self.pause_s = 0.0
        self.error = ""
        """In-band error instead of a reply."""
        self.status: grpc.StatusCode | None = None
        self.final = True
        """Whether the last message says that it is the last."""
        self.hang = asyncio.Event()
        self.hang.set()
        """Clear it and replies stop after their first word until it is set."""
        self.requests: list[pb.ModelInferRequest] = []
        self.metadata: list[dict[str, str]] = []
        self.asked = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.address = ""
        self._server: grpc.aio.Server | None = None

    async def start(self, address: str = "127.0.0.1:0") -> "Double":
        """Listen; the address is then in `address`."""
        handlers = self.handlers() | {
            "ModelInfer": grpc.unary_unary_rpc_method_handler(
                self._infer, pb.ModelInferRequest.FromString, pb.ModelInferResponse.SerializeToString
            ),
            "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(
                self._stream, pb.ModelInferRequest.FromString, pb.ModelStreamInferResponse.SerializeToString
            ),
        }
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        handler = grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers)
        self._server.add_generic_rpc_handlers((handler,))
        port = self.port(self._server, address)
        self.address = f"127.0.0.1:{port}"
        await self._server.start()
        return self

    def port(self, server: grpc.aio.Server, address: str) -> int:
        """Open a port; plain unless a double says otherwise."""
        return server.add_insecure_port(address)

    def handlers(self) -> dict[str, Any]:
        """Further methods."""
        return {}

    def words_for(self, request: pb.ModelInferRequest) -> Sequence[str]:
        """What is said to a request, a streamed message each."""
        return self.words

    async def stop(self) -> None:
        """Stop at once."""
        self.hang.set()
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    def prompts(self) -> list[str]:
        """The prompts asked so far."""
        return [unpack(request.raw_input_contents[0])[0].decode() for request in self.requests]

    def _note(self, request: pb.ModelInferRequest, context: Any) -> None:
        self.requests.append(request)
        self.metadata.append({name: value for name, value in context.invocation_metadata()})
        self.asked.set()

    async def _infer(self, request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
        self._note(request, context)
        try:
            if self.status is not None:
                await context.abort(self.status, "the engine says no")
            await asyncio.sleep(self.pause_s)
            await self.hang.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return answer(request.id, "".join(self.words_for(request)))

    async def _stream(
        self, requests: AsyncIterator[pb.ModelInferRequest], context: Any
    ) -> AsyncIterator[pb.ModelStreamInferResponse]:
        replies: asyncio.Queue[pb.ModelStreamInferResponse | None] = asyncio.Queue()

        async def reply(request: pb.ModelInferRequest) -> None:
            if self.error:
                replies.put_nowait(pb.ModelStreamInferResponse(error_message=self.error))
                return
            said = ""
            words = self.words_for(request)
            for index, word in enumerate(words):
                said += word
                last = index == len(words) - 1
                text = said if self.cumulative else word
                body = answer(request.id, text, self.final and last)
                replies.put_nowait(pb.ModelStreamInferResponse(infer_response=body))
                await asyncio.sleep(self.pause_s)
                await self.hang.wait()

        async def intake() -> None:
            async with asyncio.TaskGroup() as group:
                async for request in requests:
                    self._note(request, context)
                    group.create_task(reply(request))
            replies.put_nowait(None)

        task, whole = asyncio.ensure_future(intake()), False
        try:
            if self.status is not None:
                await self.asked.wait()
                await context.abort(self.status, "the engine says no")
            while (message := await replies.get()) is not None:
                yield message
            whole = True
        finally:
            if not whole:
                self.cancelled.set()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def answer(id: str, text: str, final: bool | None = None) -> pb.ModelInferResponse:
    """One response with its text."""
    body = pb.ModelInferResponse(id=id, model_name="m")
    body.outputs.add(name="text_output", datatype="BYTES", shape=[1])
    body.raw_output_contents.append(pack([text.encode()]))
    if final is not None:
        body.parameters["triton_final_response"].bool_param = final
    return body
