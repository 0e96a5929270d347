"""The messages that go through the benchmark: KServe's, of the size that a chat has."""

import struct
from pathlib import Path

from understudy.codec.kserve import KServeCodec, pack
from understudy.codec.messages import InferResponse, StreamResponse
from understudy.pair import Sampling

HOLE = "@" * 20
"""Where the C programs write a timestamp, or a pace."""
PROMPT = (
    "Explain in two sentences why a bridge needs expansion joints, for a reader who is twelve years old. "
)
ANSWER = "Steel and concrete grow a little when they are warm, so a bridge needs gaps to grow into. " * 2


def write(folder: Path) -> None:
    """Write request, stream, reply, chunk and final, each a gRPC message with its prefix."""
    codec = KServeCodec()

    def request(prompt: str, stream: bool) -> bytes:
        return codec.encode(
            model="bench",
            id="",
            prompt=prompt,
            sampling=Sampling(temperature=0, max_tokens=64),
            stream=stream,
        )

    said = {
        "request": request(PROMPT, stream=False),
        "stream": request(PROMPT + HOLE, stream=True),
        "reply": _reply(ANSWER).SerializeToString(),
        "chunk": StreamResponse(infer_response=_reply(f" {HOLE}")).SerializeToString(),
        "final": StreamResponse(infer_response=_reply(f" {HOLE}", final=True)).SerializeToString(),
    }
    for name, message in said.items():
        (folder / f"{name}.bin").write_bytes(struct.pack("!BI", 0, len(message)) + message)


def _reply(text: str, final: bool = False) -> InferResponse:
    reply = InferResponse(model_name="bench", model_version="1")
    reply.outputs.add(name="text_output", datatype="BYTES", shape=[1])
    reply.raw_output_contents.append(pack([text.encode()]))
    if final:
        reply.parameters.add(key="triton_final_response").value.bool_param = True
    return reply
