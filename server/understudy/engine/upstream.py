"""How the proxy asks an engine who it is and whether it really answers, over KServe v2 gRPC.

Loads neither torch nor a client library: the few messages read here are picked apart by field number.
"""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from understudy.codec.kserve import SERVICE, STREAM, KServeCodec
from understudy.engine import manifest as manifests
from understudy.engine.manifest import PARAMETER, UNKNOWN, Field, Source
from understudy.errors import ConfigError, EngineError
from understudy.pair import Sampling
from understudy.tls import Upstream, calling, named, pems
from understudy.wire.frame import HEADER_BYTES, PREFACE, SETTINGS

OPTIONS = (("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20))
PASSING = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)
"""What an engine that is starting, or has much to do, answers; every other error stands until somebody mends it."""

NO_HTTP2 = ("Failed parsing HTTP/2", "http1.x server")
"""In gRPC's words for a peer that answers, but not in HTTP/2; the status is UNAVAILABLE as if nobody were there."""

NO_CONNECTION = "failed to connect"
"""In gRPC's words, lower case, for a peer that never spoke; what follows the last colon is why."""

MEND_PORT = "is it the port for HTTP? Triton's for gRPC is 8001"

PROMPT = "What is 2 plus 2?"
"""A question of a few tokens; any text in reply will do."""


@dataclass(frozen=True, slots=True)
class Description:
    """An engine as it described itself."""

    fingerprint: str
    """sha256 of the manifest, hex."""
    manifest: Mapping[str, Any]
    model: str
    platform: str
    decoupled: bool
    """The model streams: unary ModelInfer is not for it."""
    unknown: tuple[str, ...] = ()
    """Fields of the manifest that nobody could tell."""


async def describe(
    address: str,
    model: str,
    *,
    timeout_s: float = 5.0,
    manifest: Path | None = None,
    tls: Upstream | None = None,
) -> Description:
    """Ask an engine for its manifest: its own where it tells one, else what its RPCs and `manifest` say.

    Args:
        address: host:port or unix:PATH.
        model: Name of the model callers ask.
        timeout_s: For the whole conversation.
        manifest: A file for engines whose RPCs do not say how they are quantized; what it says wins over
            unknown, and a field in which it contradicts the engine is an error.
        tls: How it is spoken to over TLS; None = plainly.

    Raises:
        EngineError: The engine does not answer (`passing`), does not know the model (`field` is model), or
            contradicts the file (`field` is manifest).
        ConfigError: The file is missing or no manifest.
    """
    async with _channel(address, tls) as channel, _mapped(address, timeout_s):
        server = await _call(channel, "ServerMetadata", b"")
        try:
            metadata = await _call(channel, "ModelMetadata", _string(1, model))
            config = _first(await _call(channel, "ModelConfig", _string(1, model)), 1)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            if not _first(await _call(channel, "ServerReady", b""), 1, 0):
                raise EngineError(
                    f"{address} is not ready and does not know the model {model!r} yet", passing=True
                ) from None
            raise EngineError(
                f"{address} does not know the model {model!r}: name one that it serves", field="model"
            ) from None
    parameters = _parameters(config)
    platform = _text(config, 17) or _text(config, 2)
    told = parameters.pop(PARAMETER, "")
    if told:
        found = manifests.parse(told, f"the manifest of {address}")
    else:
        found = manifests.build(_observed(server, metadata, config, parameters))
    if manifest is not None:
        found = _joined(found, manifest, address)
    return Description(
        fingerprint=manifests.fingerprint(found),
        manifest=found,
        model=model,
        platform=platform,
        decoupled=bool(_first(_first(config, 19), 1, 0)),
        unknown=manifests.unknown(found),
    )


async def probe(address: str, model: str, *, timeout_s: float = 5.0, tls: Upstream | None = None) -> bool:
    """Ask an engine a real question; True when text comes back, False when the reply is empty.

    Works for both transaction policies: a model that is not decoupled answers on the stream too.

    Raises:
        EngineError: The engine is not there, too slow, or answers with an error.
    """
    codec = KServeCodec()
    sampling = Sampling(temperature=0.0, top_k=1, max_tokens=8)
    ask = codec.encode(model=model, id="probe", prompt=PROMPT, sampling=sampling, stream=False)
    async with _channel(address, tls) as channel, _mapped(address, timeout_s):
        # Half-closed after one request, so that an engine which sends no final marker ends the stream.
        call = channel.stream_stream(STREAM, None, None)(iter([ask]))
        try:
            async for raw in call:
                chunk = codec.chunk(STREAM, raw)
                if chunk.error:
                    raise EngineError(f"the engine at {address} answers with an error: {chunk.error}")
                if chunk.text:
                    return True
        finally:
            call.cancel()
    return False


async def reach(address: str, *, timeout_s: float = 5.0, tls: Upstream | None = None) -> None:
    """Open a connection of its own to an engine and hear it speak HTTP/2, as a new caller's client would.

    No RPC: how ServerLive is answered, or how fast, tells of the engine's state and not of whether it is there.
    Its SETTINGS frame comes first on any connection (RFC 9113 section 3.4), from the process itself: a kernel
    that accepts for one that hangs does not send it.

    Raises:
        EngineError: nobody is there, or who is there does not speak HTTP/2 in time.
        ConfigError: a file of its TLS cannot be used.
    """
    context = None if tls is None else await asyncio.to_thread(calling, tls)
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    name = (tls.server_name or host) if tls is not None else None
    try:
        async with asyncio.timeout(timeout_s):
            if address.startswith("unix:"):
                reader, writer = await asyncio.open_unix_connection(
                    address.removeprefix("unix:"), ssl=context, server_hostname=name
                )
            else:
                reader, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=name)
            try:
                writer.write(PREFACE + bytes((0, 0, 0, SETTINGS, 0, 0, 0, 0, 0)))
                head = await reader.readexactly(HEADER_BYTES)
            finally:
                writer.close()
    except TimeoutError:
        raise EngineError(f"no answer from {address} within {timeout_s:g} s", passing=True) from None
    except asyncio.IncompleteReadError:
        raise EngineError(
            f"{address} accepts connections and closes them without a word", passing=True
        ) from None
    except OSError as error:
        refused = isinstance(error, ConnectionRefusedError) or "refused" in str(error)
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise EngineError(_absent(address, "Connection refused" if refused else why), passing=True) from None
    if head[3] != SETTINGS:
        raise EngineError(f"{address} does not speak gRPC: {MEND_PORT}")


async def ready(address: str, *, timeout_s: float = 2.0) -> bool:
    """Whether the server says that it is ready; False when it is not there."""
    try:
        async with _channel(address) as channel, _mapped(address, timeout_s):
            return bool(_first(await _call(channel, "ServerReady", b""), 1, 0))
    except EngineError:
        return False


@asynccontextmanager
async def _channel(address: str, tls: Upstream | None = None) -> AsyncIterator[grpc.aio.Channel]:
    # A channel of its own each time: a shared one would hide that new connections are refused.
    options: tuple[tuple[str, Any], ...] = (*OPTIONS, ("grpc.use_local_subchannel_pool", 1))
    if tls is None:
        channel = grpc.aio.insecure_channel(address, options=options)
    else:
        shown = await asyncio.to_thread(pems, tls)
        options = (*options, *named(tls))
        channel = grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(*shown), options=options)
    async with channel:
        yield channel


@asynccontextmanager
async def _mapped(address: str, timeout_s: float) -> AsyncIterator[None]:
    """Turn gRPC's errors and the deadline into an EngineError that names the address."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError:
        raise EngineError(f"no answer from {address} within {timeout_s:g} s", passing=True) from None
    except grpc.aio.AioRpcError as error:
        detail = (error.details() or "").splitlines()
        if any(sign in "".join(detail) for sign in NO_HTTP2):
            raise EngineError(f"{address} does not speak gRPC: {MEND_PORT}") from None
        if detail and NO_CONNECTION in detail[0].lower():
            why = detail[0].rpartition(": ")[2]
            raise EngineError(_absent(address, re.sub(r" \(\d+\)$", "", why)), passing=True) from None
        raise EngineError(
            f"{address} answered {error.code().name}{': ' + detail[0] if detail else ''}",
            passing=error.code() in PASSING,
        ) from None


def _absent(address: str, why: str) -> str:
    """That no connection came about; `why` in the system's or gRPC's words."""
    if why == "Connection refused":
        return f"nobody listens on {address}: connection refused"
    return f"{address} cannot be reached: {why}"


def _same(data: bytes) -> bytes:
    return data


async def _call(channel: grpc.aio.Channel, method: str, request: bytes) -> bytes:
    reply: bytes = await channel.unary_unary(f"{SERVICE}/{method}", _same, _same)(request)
    return reply


def _observed(
    server: bytes, metadata: bytes, config: bytes, parameters: Mapping[str, str]
) -> dict[str, Field]:
    """What an engine without a manifest shows of itself; no RPC tells its quantization, so that is unknown."""
    tensors = b"".join(value for n, value in _fields(metadata) if n in (4, 5) and isinstance(value, bytes))
    return {
        "server": (f"{_text(server, 1)} {_text(server, 2)}".strip(), Source.OBSERVED),
        "model": (_text(metadata, 1), Source.OBSERVED),
        "versions": (sorted(_texts(metadata, 2)), Source.OBSERVED),
        "platform": (_text(config, 17) or _text(config, 2) or _text(metadata, 3), Source.OBSERVED),
        "tensors_sha256": (hashlib.sha256(tensors).hexdigest(), Source.OBSERVED),
        "parameters": (dict(sorted(parameters.items())), Source.OBSERVED),
        "quantization": UNKNOWN,
        "kv_cache": UNKNOWN,
        "hardware": UNKNOWN,
        "weights_sha256": UNKNOWN,
    }


def _joined(found: dict[str, Any], path: Path, address: str) -> dict[str, Any]:
    try:
        filed = manifests.parse(path.read_bytes(), str(path))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): correct the manifest's path") from None
    fields = dict(found["fields"])
    for name, field in filed["fields"].items():
        mine = fields.get(name)
        if mine and mine["source"] == Source.OBSERVED and mine["value"] != field["value"]:
            raise EngineError(
                f"{address} says {name} = {mine['value']!r} but {path} says {field['value']!r}: "
                "correct the file or the address",
                field="manifest",
            )
        if mine is None or mine["source"] == Source.UNKNOWN:
            fields[name] = field
    return {"schema": manifests.SCHEMA, "fields": dict(sorted(fields.items()))}


def _parameters(config: bytes) -> dict[str, str]:
    """ModelConfig.parameters: map<string, ModelParameter{string_value = 1}>, field 14."""
    entries = [value for n, value in _fields(config) if n == 14 and isinstance(value, bytes)]
    return {_text(entry, 1): _text(_first(entry, 2), 1) for entry in entries}


def _string(number: int, text: str) -> bytes:
    """One string field, encoded; for texts under 128 bytes and longer."""
    data = text.encode()
    length, head = len(data), bytearray([number << 3 | 2])
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    head.append(length)
    return bytes(head) + data


def _fields(data: bytes) -> list[tuple[int, int | bytes]]:
    """Field number and value of each field of a protobuf message: numbers as int, the rest as bytes.

    Raises:
        EngineError: The bytes are no protobuf message.
    """
    fields: list[tuple[int, int | bytes]] = []
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    try:
        while at < len(data):
            number, kind = divmod(varint(), 8)
            if kind == 0:
                fields.append((number, varint()))
                continue
            size = {1: 8, 5: 4}.get(kind) or (varint() if kind == 2 else -1)
            if (size < 0 and kind != 2) or at + size > len(data):
                raise IndexError
            fields.append((number, data[at : at + size]))
            at += size
    except IndexError:
        raise EngineError(
            "the engine's reply is no protobuf message: is this address a KServe server?"
        ) from None
    return fields


def _first(data: bytes, number: int, default: Any = b"") -> Any:
    return next((value for n, value in _fields(data) if n == number), default)


def _texts(data: bytes, number: int) -> list[str]:
    return [v.decode(errors="replace") for n, v in _fields(data) if n == number and isinstance(v, bytes)]


def _text(data: bytes, number: int) -> str:
    return next(iter(_texts(data, number)), "")


__all__ = ["Description", "describe", "probe", "reach", "ready"]
