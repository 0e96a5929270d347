"""KServe messages of the embedded engine: reading requests as Triton checks them, writing replies and configs.

Uses tritonclient's generated messages, so it is imported by `kserve` alone.
"""

import random
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from tritonclient.grpc import model_config_pb2, service_pb2

from understudy.codec import Undecodable
from understudy.codec.kserve import pack, unpack
from understudy.engine.batch import Ask

VERSION = "1"
_RAW = {"BOOL": "?", "INT32": "i", "INT64": "q", "UINT32": "I", "UINT64": "Q", "FP32": "f", "FP64": "d"}
_CONTENTS = {
    "BOOL": "bool_contents", "INT32": "int_contents", "INT64": "int64_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents", "FP32": "fp32_contents", "FP64": "fp64_contents", "BYTES": "bytes_contents",
}  # fmt: skip

# name, datatype, required, as in the backend's config.pbtxt.
INPUTS = (
    ("text_input", "BYTES", True),
    ("max_tokens", "INT32", True),
    ("stream", "BOOL", False),
    ("temperature", "FP32", False),
    ("top_k", "INT32", False),
    ("top_p", "FP32", False),
    ("seed", "UINT64", False),
    ("random_seed", "UINT64", False),
    ("stop_words", "BYTES", False),
    ("bad_words", "BYTES", False),
    ("exclude_input_in_output", "BOOL", False),
    ("stop", "BOOL", False),
)
_INTEGERS = ("UINT64", "INT64", "UINT32", "INT32")
_SPOKEN = {"seed": _INTEGERS, "random_seed": _INTEGERS, "max_tokens": _INTEGERS}
"""Other datatypes taken too: releases of the backend differ in these."""


@dataclass(frozen=True, slots=True)
class Served:
    """One model name over the weights."""

    name: str
    decoupled: bool
    """Streams: ModelStreamInfer only."""
    cumulative: bool
    """Each streamed text repeats what came before (accumulate_tokens); else deltas."""
    platform: str
    backend: str


MODELS = {
    model.name: model
    for model in (
        Served("tensorrt_llm_bls", decoupled=True, cumulative=True, platform="", backend="python"),
        Served("ensemble", decoupled=False, cumulative=False, platform="ensemble", backend=""),
        Served("ensemble_stream", decoupled=True, cumulative=False, platform="ensemble", backend=""),
    )
}
"""`tensorrt_llm_bls` streams cumulative text, `ensemble` answers once, `ensemble_stream` streams deltas."""


class Refused(Exception):
    """A request that is answered with an error: its gRPC code and Triton's wording."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


def _invalid(text: str) -> Refused:
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, text)


@dataclass(frozen=True, slots=True)
class Order:
    """A request as read."""

    model: Served
    id: str
    stream: bool
    stop: bool
    """Not a request: ends the one of the same id."""
    echo: bytes
    """The prompt, where the reply begins with it."""
    ask: Ask
    empty_final: bool
    """The client wants a last, empty response that says so."""
    identify: bool = False
    """The client wants to be told which engine replied (request parameter `identify`)."""
    engine: str = ""
    """Fingerprint to tell it; empty tells nothing, as Triton does."""


def model_of(name: str, version: str = "") -> Served:
    """The model of that name; Refused NOT_FOUND in Triton's words."""
    model = MODELS.get(name)
    if model is None or version not in ("", VERSION):
        at = f" version {version}" if model else ""
        raise Refused(grpc.StatusCode.NOT_FOUND, f"Request for unknown model: '{name}'{at} is not found")
    return model


def read(request: Any) -> Order:
    """Read a ModelInferRequest; Refused when Triton would refuse it."""
    model = model_of(request.model_name, request.model_version)
    tensors = _tensors(request, model.name)
    missing = [name for name, _, required in INPUTS if required and name not in tensors]
    stop = _flag(tensors, "stop", False)
    if missing and not stop:
        got = ",".join(f"'{name}'" for name in tensors)
        raise _invalid(
            f"expected {sum(r for *_, r in INPUTS)} inputs but got {len(tensors)} inputs for model "
            f"'{model.name}'. Got input(s) [{got}], but missing required input(s) "
            f"[{','.join(repr(name) for name in missing)}]. Please provide all required input(s)."
        )
    prompt: bytes = _one(tensors, "text_input", b"")
    limit = int(_one(tensors, "max_tokens", 1))
    if limit < 1:
        raise _invalid(f"max_tokens must be positive, got {limit}")
    # As TensorRT-LLM does: with neither temperature nor top_k nor top_p, greedy.
    chance = any(tensors.get(name) for name in ("temperature", "top_k", "top_p"))
    temperature = float(_one(tensors, "temperature", 1.0 if chance else 0.0))
    top_k, top_p = int(_one(tensors, "top_k", 0)), float(_one(tensors, "top_p", 1.0))
    if not 0 <= temperature < float("inf"):
        raise _invalid(f"temperature must be finite and at least 0, got {temperature:g}")
    if not 0 <= top_p <= 1:
        raise _invalid(f"top_p must be in [0, 1], got {top_p:g}")
    if top_k < 0:
        raise _invalid(f"top_k must be at least 0, got {top_k}")
    stream = _flag(tensors, "stream", False)
    if stream and not model.decoupled:
        raise _invalid("Streaming is only supported when model is deployed using decoupled mode.")
    seed = _one(tensors, "seed", _one(tensors, "random_seed", None))
    final = request.parameters.get("triton_enable_empty_final_response")
    identify = request.parameters.get("identify")
    return Order(
        model=model,
        id=request.id,
        stream=stream,
        stop=stop,
        echo=b"" if _flag(tensors, "exclude_input_in_output", False) else prompt,
        ask=Ask(
            prompt=prompt.decode(errors="replace"),
            max_tokens=limit,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p or 1.0,
            seed=random.getrandbits(63) if seed is None else int(seed),
            stop=tuple(word for word in tensors.get("stop_words", ()) if word),
            bad=tuple(word.decode(errors="replace") for word in tensors.get("bad_words", ()) if word),
        ),
        empty_final=bool(final and final.bool_param),
        identify=bool(identify and identify.bool_param),
    )


def reply(order: Order, text: bytes | None, final: bool | None = None) -> Any:
    """A ModelInferResponse with text_output (none when text is None) and, on a stream, the final flag."""
    response = service_pb2.ModelInferResponse(model_name=order.model.name, model_version=VERSION, id=order.id)
    if final is not None:
        response.parameters["triton_final_response"].bool_param = final
    if order.engine:
        response.parameters["engine"].string_param = order.engine
    if text is not None:
        response.outputs.add(name="text_output", datatype="BYTES", shape=[1, 1])
        response.raw_output_contents.append(pack([text]))
    return response


def in_band(order_id: str, model: str, text: str) -> Any:
    """An error inside a stream, with the request's id so that multiplexing clients know whose it is."""
    message = service_pb2.ModelStreamInferResponse(
        error_message=f"[request id: {order_id}] {text}" if order_id else text
    )
    message.infer_response.id, message.infer_response.model_name = order_id, model
    return message


def metadata(model: Served) -> Any:
    """A ModelMetadataResponse."""
    response = service_pb2.ModelMetadataResponse(
        name=model.name, versions=[VERSION], platform=model.platform or model.backend
    )
    for name, datatype, _ in INPUTS:
        response.inputs.add(name=name, datatype=datatype, shape=[-1, -1 if name.endswith("words") else 1])
    response.outputs.add(name="text_output", datatype="BYTES", shape=[-1, -1])
    return response


def config(model: Served, max_batch: int, parameters: Mapping[str, str]) -> Any:
    """A ModelConfigResponse; `parameters` are added to the backend's own."""
    types = model_config_pb2.DataType
    held = model_config_pb2.ModelConfig(
        name=model.name, platform=model.platform, backend=model.backend, max_batch_size=max_batch
    )
    for name, datatype, required in INPUTS:
        kind = types.Value("TYPE_STRING" if datatype == "BYTES" else f"TYPE_{datatype}")
        held.input.add(
            name=name, data_type=kind, dims=[-1 if name.endswith("words") else 1], optional=not required
        )
    held.output.add(name="text_output", data_type=types.Value("TYPE_STRING"), dims=[-1])
    held.model_transaction_policy.decoupled = model.decoupled
    if model.platform == "ensemble":
        # Triton's ensembles always have it, and perf_analyzer reads it unasked; no inner models are served here.
        held.ensemble_scheduling.SetInParent()
    own = {"accumulate_tokens": str(model.cumulative).lower()} if model.backend else {}
    for name, text in (own | dict(parameters)).items():
        held.parameters[name].string_value = text
    return service_pb2.ModelConfigResponse(config=held)


def _tensors(request: Any, model: str) -> dict[str, Sequence[Any]]:
    """Input name -> its elements; raw contents and typed contents both."""
    known = {name: (datatype, *_SPOKEN.get(name, ())) for name, datatype, _ in INPUTS}
    raws = request.raw_input_contents
    if raws and len(raws) != len(request.inputs):
        raise _invalid(
            f"expected {len(request.inputs)} raw input contents but got {len(raws)} for model '{model}'"
        )
    decoded: dict[str, Sequence[Any]] = {}
    for i, tensor in enumerate(request.inputs):
        if tensor.name not in known:
            raise _invalid(f"unexpected inference input '{tensor.name}' for model '{model}'")
        if tensor.datatype not in known[tensor.name]:
            raise _invalid(
                f"inference input '{tensor.name}' data-type is '{tensor.datatype}', but model '{model}' "
                f"expects '{known[tensor.name][0]}'"
            )
        if "shared_memory_region" in tensor.parameters:
            raise _invalid("shared memory is not supported by this engine: send the tensor's contents")
        elements = (
            _elements(tensor, raws[i])
            if raws
            else tuple(getattr(tensor.contents, _CONTENTS[tensor.datatype]))
        )
        if not elements and not tensor.name.endswith("words"):
            raise _invalid(f"inference input '{tensor.name}' of model '{model}' is empty")
        decoded[tensor.name] = elements
    if len(decoded.get("text_input", ())) > 1:
        raise _invalid(f"model '{model}' takes one text_input per request")
    return decoded


def _elements(tensor: Any, raw: bytes) -> Sequence[Any]:
    try:
        if tensor.datatype == "BYTES":
            return unpack(raw)
        form = f"<{_RAW[tensor.datatype]}"
        return tuple(value for (value,) in struct.iter_unpack(form, raw))
    except (Undecodable, struct.error) as error:
        raise _invalid(f"inference input '{tensor.name}' is malformed: {error}") from None


def _one(tensors: Mapping[str, Sequence[Any]], name: str, default: Any) -> Any:
    return tensors[name][0] if tensors.get(name) else default


def _flag(tensors: Mapping[str, Sequence[Any]], name: str, default: bool) -> bool:
    return bool(_one(tensors, name, default))
