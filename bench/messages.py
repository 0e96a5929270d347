"""The messages that go through the benchmark: KServe's, of the size that a chat has."""

import json
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
        (folder / f"{name}.bin").write_bytes(_framed(message))


def describe(folder: Path, name: str) -> None:
    """Write config, what ModelConfig answers: a manifest that tells one engine from another."""
    manifest = json.dumps({"model": "bench", "quantization": name}).encode()
    parameter = _field(1, b"understudy_manifest") + _field(2, _field(1, manifest))
    (folder / "config.bin").write_bytes(_framed(_field(1, _field(14, parameter))))


def spoil(folder: Path, size: int) -> None:
    """Write big and large, replies of about so many bytes, and noise, a message that no protobuf parser takes."""
    reply = _reply("x" * size, final=True)
    (folder / "big.bin").write_bytes(_framed(reply.SerializeToString()))
    (folder / "large.bin").write_bytes(_framed(StreamResponse(infer_response=reply).SerializeToString()))
    (folder / "noise.bin").write_bytes(_framed(b"\xff" * 200))


def _framed(message: bytes) -> bytes:
    return struct.pack("!BI", 0, len(message)) + message


def _field(number: int, value: bytes) -> bytes:
    """A protobuf field of bytes; numbers below 16."""
    size, length = len(value), bytearray()
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + value


def _reply(text: str, final: bool = False) -> InferResponse:
    reply = InferResponse(model_name="bench", model_version="1")
    reply.outputs.add(name="text_output", datatype="BYTES", shape=[1])
    reply.raw_output_contents.append(pack([text.encode()]))
    if final:
        reply.parameters.add(key="triton_final_response").value.bool_param = True
    return reply
