"""KServe v2 gRPC as Triton speaks it for TensorRT-LLM: both tensor dialects, unary and multiplexed.

Dialects (reference: TensorRT-LLM backend): *ensemble* and *bls* share names (`text_input`, `max_tokens`,
...); *llmapi* prefixes its parameters with `sampling_param_`. They are told apart by the names themselves.
"""

import itertools
import math
import struct
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import DecodeError

from understudy.codec import Arity, Ask, Chunk, Manner, Reader, Seen, Settings, Undecodable
from understudy.codec.bounds import FIELDS, bounded
from understudy.codec.cluster import cluster_named, cluster_of
from understudy.codec.messages import InferRequest, InferResponse, StreamResponse
from understudy.codec.tensors import CONTENTS, FORMATS, decoded, pack, unpack
from understudy.codec.text import Habit, TextReader
from understudy.pair import Finish, Reason, Request, Sampling

SERVICE = "/inference.GRPCInferenceService"
INFER = f"{SERVICE}/ModelInfer"
STREAM = f"{SERVICE}/ModelStreamInfer"
HABITS = 1024
"""Models whose streaming habit is remembered, those last asked for; a client may invent model names."""
MODEL_BYTES = 256
"""No engine's model is a folder of a longer name."""

_ARITIES = {INFER: Arity.UNARY, STREAM: Arity.MULTIPLEXED}
_SHARED = "shared_memory_region"
"""The parameter of a tensor that is in shared memory."""
_CALLERS = ("timeout", "priority")
"""Request parameters by which a caller says how long it waits in the engine's queue, and before whom."""
_FINISHES = {
    "stop": Finish.STOP,
    "end_id": Finish.STOP,
    "stop_words": Finish.STOP,
    "length": Finish.LENGTH,
    "cancelled": Finish.CANCELLED,
    "error": Finish.ERROR,
}
# Sampling field -> tensor names, first present wins.
_NAMES = {
    "temperature": ("temperature", "sampling_param_temperature"),
    "top_k": ("top_k", "sampling_param_top_k", "runtime_top_k"),
    "top_p": ("top_p", "sampling_param_top_p", "runtime_top_p"),
    "seed": ("seed", "sampling_param_seed", "random_seed"),
    "max_tokens": ("max_tokens", "sampling_param_max_tokens", "request_output_len"),
    "stop": ("stop_words", "sampling_param_stop"),
}
# The tensors that we read, of a request and of a reply.
_ECHO = ("exclude_input_in_output", "sampling_param_exclude_input_from_output")
_STREAM = ("stream", "streaming")
_ASKED = frozenset({"text_input", "stop", *_ECHO, *_STREAM, *itertools.chain(*_NAMES.values())})
_TOLD = frozenset({"text_output", "finish_reason"})


class KServeCodec:
    """Codec of `inference.GRPCInferenceService`."""

    name = "kserve"

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._habits: dict[str, Habit] = {}

    def arity(self, method: str) -> Arity | None:
        """ModelInfer is unary, ModelStreamInfer multiplexed; all else is not inference."""
        return _ARITIES.get(method)

    def ask(self, raw: bytes) -> Ask:
        """Parse a ModelInferRequest. A tensor `stop` = true is how older clients cancel: not a request."""
        message = _parse(InferRequest, raw)
        if len(message.model_name.encode()) > MODEL_BYTES:
            raise Undecodable(f"a model name of more than {MODEL_BYTES} bytes")
        body = _Body(message)
        names = body.names
        stop = False
        if "stop" in names:
            found = body.tensors.get("stop", ())
            stop = bool(found and found[0] is True)
        marks = set(map(str.lower, names))
        told = _parameters(message.parameters)
        # Every value counts: an engine may read another of two than we do.
        marks.update([name for name, value in told if name != "sequence_id" or value not in ("", "0")])
        return Ask(message.id, stop, body, raw, dict(told), frozenset(marks))

    def request(self, ask: Ask, seen: Seen) -> Request:
        """Decode the prompt and its sampling; shared-memory tensors cannot be shown to another process."""
        body, settings = ask.body, self._settings
        # A look at every tensor's parameters takes as long as all the rest, and the bytes say whether it is due.
        if _SHARED.encode() in ask.raw and body.shared:
            raise Undecodable("tensors in shared memory", Reason.SHARED_MEMORY)
        tensors = body.tensors
        prompts = tensors.get("text_input", ())
        if len(prompts) != 1 or not isinstance(prompts[0], bytes):
            raise Undecodable(f"text_input holds {len(prompts)} BYTES elements, want 1")
        prompt = prompts[0].decode(errors="replace")
        known = {**ask.parameters}
        sequence = known.pop("sequence_id", "")
        known |= seen.headers
        named = next((known[name] for name in settings.cluster if known.get(name)), "")
        conversation = known.get(settings.conversation) or (sequence if sequence not in ("", "0") else None)
        turn = known.get(settings.turn, "")
        metadata = {name: known[name] for name in settings.metadata if name in known}
        if ask.id:
            metadata["request_id"] = ask.id
        return Request(
            id=seen.id,
            cluster=cluster_named(name) if (name := named or conversation) else cluster_of(prompt),
            method=seen.method,
            model=body.model_name,
            text=prompt,
            sampling=_sampling(tensors),
            received_ns=seen.received_ns,
            streaming=_flag(tensors, *_STREAM),
            route=seen.route,
            conversation=conversation,
            turn=int(turn) if len(turn) < 19 and turn.isascii() and turn.isdigit() else None,
            metadata=metadata,
            traceparent=seen.headers.get("traceparent"),
            raw=ask.raw if settings.keep_raw else b"",
        )

    def rebuild(self, raw: bytes, seen: Seen) -> Request:
        """Decode a captured request message."""
        return self.request(self.ask(raw), seen)

    def chunk(self, method: str, raw: bytes) -> Chunk:
        """Parse a ModelInferResponse or a ModelStreamInferResponse."""
        error, final = "", False
        if method == STREAM:
            message = _parse(StreamResponse, raw)
            body, error = message.infer_response, message.error_message
            # A unary reply is over with its RPC, whose status counts.
            final = any(
                [entry.key == "triton_final_response" and entry.value.bool_param for entry in body.parameters]
            )
        else:
            body = _parse(InferResponse, raw)
        tensors = decoded(body.outputs, body.raw_output_contents, _TOLD)
        text = tensors.get("text_output", ())
        if text and not isinstance(text[0], bytes):
            raise Undecodable("text_output is not BYTES")
        finish = _finish(tensors.get("finish_reason", ()))
        return Chunk(body.id, text[0] if text else None, final, error, finish)

    def reader(self, request: Request, ask: Ask | None = None) -> Reader:
        """A reader that knows the model's habit and whether its reply may begin with the prompt."""
        habit = self._habits[request.model] = self._habits.pop(request.model, Habit())
        if len(self._habits) > HABITS:
            del self._habits[next(iter(self._habits))]
        return TextReader(habit, self._settings.manner, self._echo(request, ask))

    def _echo(self, request: Request, ask: Ask | None) -> str:
        """The prompt, when nothing excludes it from the output.

        Ensemble and bls echo by default, llmapi only when told to.
        """
        if not request.raw:
            return request.text
        body = ask.body if ask is not None else _Body(_parse(InferRequest, request.raw))
        ours, llmapi = _ECHO
        excluded = body.tensors.get(ours)
        if excluded is None and any(name.startswith("sampling_param_") for name in body.names):
            excluded = body.tensors.get(llmapi, (True,))
        return "" if excluded and excluded[0] else request.text

    def shadowed(self, raw: bytes) -> bytes:
        """Without Triton's `timeout` and `priority`: a shadow waits as we say, and never goes before a caller."""
        if not any([name.encode() in raw for name in _CALLERS]):
            return raw
        body = _parse(InferRequest, raw)
        kept = [entry for entry in body.parameters if entry.key not in _CALLERS]
        if len(kept) == len(body.parameters):
            return raw
        del body.parameters[:]
        body.parameters.extend(kept)
        result: bytes = body.SerializeToString()
        return result

    def reseed(self, raw: bytes, seed: int) -> bytes:
        """Overwrite the seed tensor in place; its datatype's width is respected."""
        body = _parse(InferRequest, raw)
        for index, tensor in enumerate(body.inputs):
            if tensor.name not in _NAMES["seed"] or tensor.datatype not in FORMATS:
                continue
            form = "<" + FORMATS[tensor.datatype]
            value = seed % (1 << (8 * struct.calcsize(form) - 1))
            if body.raw_input_contents:
                count = len(body.raw_input_contents[index]) // struct.calcsize(form)
                body.raw_input_contents[index] = struct.pack(form, value) * count
            else:
                held = getattr(tensor.contents, CONTENTS[tensor.datatype])
                held[:] = [value] * len(held)
        result: bytes = body.SerializeToString()
        return result

    def encode(
        self, *, model: str, id: str, prompt: str, sampling: Sampling, stream: bool, dialect: str = "ensemble"
    ) -> bytes:
        """A ModelInferRequest with raw contents; dialect 'ensemble' (bls too) or 'llmapi'."""
        llmapi = dialect == "llmapi"
        shape = [1] if llmapi else [1, 1]
        prefix = "sampling_param_" if llmapi else ""
        body = InferRequest(model_name=model, id=id)

        def add(name: str, datatype: str, raw: bytes, shape: Sequence[int] = shape) -> None:
            body.inputs.add(name=name, datatype=datatype, shape=shape)
            body.raw_input_contents.append(raw)

        add("text_input", "BYTES", pack([prompt.encode()]))
        add("streaming" if llmapi else "stream", "BOOL", struct.pack("<?", stream))
        exclude = "exclude_input_from_output" if llmapi else "exclude_input_in_output"
        add(prefix + exclude, "BOOL", struct.pack("<?", True))
        for name, datatype in (
            ("max_tokens", "INT32"),
            ("temperature", "FP32"),
            ("top_k", "INT32"),
            ("top_p", "FP32"),
            ("seed", "UINT64"),
        ):
            value = getattr(sampling, name)
            if value is not None:
                add(prefix + name, datatype, struct.pack("<" + FORMATS[datatype], value))
        if sampling.stop:
            words = [word.encode() for word in sampling.stop]
            stop_shape = [len(words)] if llmapi else [1, len(words)]
            add("sampling_param_stop" if llmapi else "stop_words", "BYTES", pack(words), stop_shape)
        result: bytes = body.SerializeToString()
        return result


class _Body:
    """A parsed ModelInferRequest; its tensors are decoded once, when somebody first asks for them."""

    __slots__ = ("_decoded", "inputs", "message", "names")

    def __init__(self, message: Any) -> None:
        self.message = message
        self.inputs = list(message.inputs)
        self.names = [tensor.name for tensor in self.inputs]
        self._decoded: dict[str, Sequence[Any]] | None = None

    @property
    def model_name(self) -> str:
        """Which model is asked."""
        name: str = self.message.model_name
        return name

    @property
    def tensors(self) -> dict[str, Sequence[Any]]:
        """Name of an input that we read -> its elements; raises Undecodable."""
        if self._decoded is None:
            self._decoded = decoded(self.inputs, self.message.raw_input_contents, _ASKED)
        return self._decoded

    @property
    def shared(self) -> bool:
        """Whether a tensor lies in shared memory."""
        tensors = (*self.inputs, *self.message.outputs)
        return _SHARED in (entry.key for tensor in tensors for entry in tensor.parameters)


def _parse(kind: Any, raw: bytes) -> Any:
    if len(raw) > 2 * FIELDS:
        bounded(raw, kind)
    try:
        return kind.FromString(raw)
    except DecodeError as error:
        raise Undecodable(f"not a KServe message: {error}") from None


def _sampling(tensors: dict[str, Sequence[Any]]) -> Sampling:
    def first(field: str) -> Sequence[Any]:
        for name in _NAMES[field]:
            values = tensors.get(name)
            if values:
                return values
        return ()

    def number(field: str) -> int | float | None:
        values = first(field)
        if not values:
            return None
        value = values[0]
        if not isinstance(value, (int, float)):
            raise ValueError(f"{field} is no number")
        if not math.isfinite(value):
            raise ValueError(f"{field} is {value}")
        return value

    def whole(field: str, most: int = 2**64) -> int | None:
        value = number(field)
        if value is not None and abs(value) >= most:
            raise ValueError(f"{field} is {value}")
        return None if value is None else int(value)

    def real(field: str) -> float | None:
        value = number(field)
        return None if value is None else float(f"{value:.7g}")  # FP32 .7 is 0.699999988

    try:
        tokens = whole("max_tokens", 2**31)
        if tokens is not None and tokens < 0:
            raise ValueError(f"max_tokens is {tokens}")
        return Sampling(
            temperature=real("temperature"),
            top_k=whole("top_k"),
            top_p=real("top_p"),
            seed=whole("seed"),
            max_tokens=tokens,
            stop=tuple([word.decode(errors="replace") for word in first("stop") if word]),
        )
    except (ValueError, OverflowError, AttributeError) as error:
        raise Undecodable(f"sampling parameter: {error}") from None


def _flag(tensors: dict[str, Sequence[Any]], *names: str) -> bool:
    for name in names:
        values = tensors.get(name)
        if values and values[0]:
            return True
    return False


def _parameters(parameters: Any) -> list[tuple[str, str]]:
    """Request parameters with text or integer values and flags that are true, lower-case names, as they come."""
    told = []
    for entry in parameters:
        kind = entry.value.WhichOneof("parameter_choice")
        if kind in ("string_param", "int64_param", "uint64_param"):
            told.append((entry.key.lower(), str(getattr(entry.value, kind))))
        elif kind == "bool_param" and entry.value.bool_param:
            told.append((entry.key.lower(), "true"))
    return told


def _finish(values: Sequence[Any]) -> Finish:
    """A finish_reason tensor's text; 'None' is literal text of some engines and means not said."""
    if not values or not isinstance(values[0], bytes):
        return Finish.UNKNOWN
    said = values[0].decode(errors="replace").rpartition(".")[2].lower()
    return _FINISHES.get(said, Finish.UNKNOWN)


__all__ = ["INFER", "STREAM", "KServeCodec", "Manner", "pack", "unpack"]
