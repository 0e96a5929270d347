"""Tensors of KServe v2 messages: what their bytes or typed contents hold."""

import struct
from collections.abc import Iterable, Sequence
from typing import Any

from understudy.codec import Undecodable

FORMATS = {
    "BOOL": "?",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}
_FORMS = {datatype: struct.Struct("<" + code) for datatype, code in FORMATS.items()}
CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def pack(elements: Iterable[bytes]) -> bytes:
    """BYTES elements as raw contents: each behind its 4-byte little-endian length."""
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


def unpack(raw: bytes) -> tuple[bytes, ...]:
    """Raw contents back to BYTES elements; raises Undecodable when a length is wrong."""
    if len(raw) >= 4 and int.from_bytes(raw[:4], "little") == len(raw) - 4:
        return (raw[4:],)  # nearly always: a prompt, a reply
    elements, at = [], 0
    while at < len(raw):
        if at + 4 > len(raw):
            raise Undecodable("BYTES tensor ends inside a length")
        (length,) = struct.unpack_from("<I", raw, at)
        at += 4
        if at + length > len(raw):
            raise Undecodable("BYTES tensor is shorter than its lengths say")
        elements.append(raw[at : at + length])
        at += length
    return tuple(elements)


def decoded(tensors: Sequence[Any], raws: Sequence[bytes]) -> dict[str, Sequence[Any]]:
    """Tensor name -> its elements in order. Datatypes we do not read (BF16) come out empty."""
    if raws and len(raws) != len(tensors):
        raise Undecodable(f"{len(tensors)} tensors but {len(raws)} raw contents")
    found: dict[str, Sequence[Any]] = {}
    if raws:
        for tensor, raw in zip(tensors, raws, strict=True):
            found[tensor.name] = _elements(tensor.datatype, raw)
        return found
    for tensor in tensors:
        field = CONTENTS.get(tensor.datatype)
        found[tensor.name] = tuple(getattr(tensor.contents, field)) if field else ()
    return found


def _elements(datatype: str, raw: bytes) -> Sequence[Any]:
    if datatype == "BYTES":
        return unpack(raw)
    form = _FORMS.get(datatype)
    if form is None:
        return ()
    if len(raw) == form.size:
        return form.unpack(raw)
    count, rest = divmod(len(raw), form.size)
    if rest:
        raise Undecodable(f"{datatype} tensor of {len(raw)} bytes")
    return struct.unpack(f"<{count}{FORMATS[datatype]}", raw)
