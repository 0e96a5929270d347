"""Tensors of KServe v2 messages: what their bytes or typed contents hold."""

import struct
from collections.abc import Container, Iterable, Sequence
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
ELEMENTS = 1024
"""Most elements of one BYTES tensor: a prompt is one, stop words are few, and an empty one is four bytes."""
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
    """Raw contents back to BYTES elements; raises Undecodable when a length is wrong or they are more than ELEMENTS."""
    if len(raw) >= 4 and int.from_bytes(raw[:4], "little") == len(raw) - 4:
        return (raw[4:],)  # nearly always: a prompt, a reply
    elements: list[bytes] = []
    at = 0
    while at < len(raw):
        if at + 4 > len(raw):
            raise Undecodable("BYTES tensor ends inside a length")
        (length,) = struct.unpack_from("<I", raw, at)
        at += 4
        if at + length > len(raw):
            raise Undecodable("BYTES tensor is shorter than its lengths say")
        if len(elements) == ELEMENTS:
            raise Undecodable(f"BYTES tensor of more than {ELEMENTS} elements")
        elements.append(raw[at : at + length])
        at += length
    return tuple(elements)


def decoded(tensors: Sequence[Any], raws: Sequence[bytes], read: Container[str]) -> dict[str, Sequence[Any]]:
    """Name of each tensor in `read` -> its elements in order. Datatypes we do not read (BF16) come out empty.

    Of numbers it is the first alone: nobody asks for more, and there may be millions.
    """
    if raws and len(raws) != len(tensors):
        raise Undecodable(f"{len(tensors)} tensors but {len(raws)} raw contents")
    found: dict[str, Sequence[Any]] = {}
    for index, tensor in enumerate(tensors):
        if (name := tensor.name) in read:
            datatype = tensor.datatype
            found[name] = _raw(datatype, raws[index]) if raws else _typed(datatype, tensor.contents)
    return found


def _typed(datatype: str, contents: Any) -> Sequence[Any]:
    field = CONTENTS.get(datatype)
    if field is None:
        return ()
    elements: Sequence[Any] = getattr(contents, field)
    if datatype != "BYTES":
        return elements[:1]
    if len(elements) > ELEMENTS:
        raise Undecodable(f"BYTES tensor of more than {ELEMENTS} elements")
    return tuple(elements)


def _raw(datatype: str, raw: bytes) -> Sequence[Any]:
    if datatype == "BYTES":
        return unpack(raw)
    form = _FORMS.get(datatype)
    if form is None:
        return ()
    if len(raw) % form.size:
        raise Undecodable(f"{datatype} tensor of {len(raw)} bytes")
    return form.unpack_from(raw) if raw else ()
