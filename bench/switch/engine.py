"""An engine that names itself in every message: `python -m bench.switch.engine NAME ADDRESS HEARD`.

KServe v2 over gRPC, in a process of its own. A prompt "say COUNT messages PACE ms apart" is obeyed. The ids of what
callers ask on streams go to the file HEARD: so one knows of a request without an answer whether it ever arrived.
"""

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Any

import grpc
from tritonclient.grpc import service_pb2 as pb
from understudy.codec.kserve import pack, unpack

SERVICE = "inference.GRPCInferenceService"
LEG = "x-understudy-leg"
"""Metadata of what is not a caller's: shadow, control, a probe."""


class Engine:
    """Answers with its name."""

    def __init__(self, name: str, heard: IO[str]) -> None:
        self.name = name
        self._heard = heard

    async def infer(self, request: Any, context: Any) -> Any:
        """One message."""
        _, pace_s = asked(request)
        await asyncio.sleep(pace_s)
        return self._answer(request, 0)

    async def stream(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """Several messages for each request, one request after the other."""
        ours = any(name == LEG for name, _ in context.invocation_metadata())
        async for request in requests:
            if not ours:
                self._heard.write(f"{request.id}\n")
            count, pace_s = asked(request)
            for number in range(count):
                await asyncio.sleep(pace_s)
                answer = self._answer(request, number, number == count - 1)
                yield pb.ModelStreamInferResponse(infer_response=answer)

    async def server(self, request: Any, context: Any) -> Any:
        """That it is one."""
        return pb.ServerMetadataResponse(name="switch", version="1")

    async def model(self, request: Any, context: Any) -> Any:
        """That it has the model."""
        return pb.ModelMetadataResponse(name=request.name)

    async def config(self, request: Any, context: Any) -> Any:
        """Who it is, so that the two can be told apart."""
        reply = pb.ModelConfigResponse()
        reply.config.name = request.name
        manifest = json.dumps({"model": request.name, "quantization": self.name})
        reply.config.parameters["understudy_manifest"].string_value = manifest
        return reply

    def _answer(self, request: Any, number: int, final: bool | None = None) -> Any:
        reply = pb.ModelInferResponse(id=request.id, model_name=request.model_name)
        reply.outputs.add(name="text_output", datatype="BYTES", shape=[1])
        reply.raw_output_contents.append(pack([f"{self.name} {number} ".encode()]))
        if final is not None:
            reply.parameters["triton_final_response"].bool_param = final
        return reply


def asked(request: Any) -> tuple[int, float]:
    """Messages, and seconds before each; a question that says nothing of it gets one at once."""
    said = unpack(request.raw_input_contents[0])[0].decode()
    found = re.fullmatch(r"say (\d+) messages (\d+) ms apart", said)
    return (int(found[1]), int(found[2]) / 1000) if found else (1, 0.0)


def encoded(reply: Any) -> bytes:
    """A message as bytes."""
    made: bytes = reply.SerializeToString()
    return made


async def main(name: str, address: str, heard: Path) -> None:
    """Serve until SIGTERM."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    with heard.open("a", buffering=1) as file:
        engine = Engine(name, file)

        def unary(method: Any, request: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(method, request.FromString, encoded)

        methods = {
            "ModelInfer": unary(engine.infer, pb.ModelInferRequest),
            "ServerMetadata": unary(engine.server, pb.ServerMetadataRequest),
            "ModelMetadata": unary(engine.model, pb.ModelMetadataRequest),
            "ModelConfig": unary(engine.config, pb.ModelConfigRequest),
            "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(
                engine.stream, pb.ModelInferRequest.FromString, encoded
            ),
        }
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
        server.add_insecure_port(address)
        await server.start()
        await over.wait()
        await server.stop(None)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
