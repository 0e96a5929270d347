"""How much a message may hold, found out before it is unpacked: an empty field is two bytes, and then hundreds."""

from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor as _T

from understudy.codec import Undecodable

FIELDS: Final = 4096
"""Fields of one message, with those of the messages in it: no message of up to twice as many bytes has more."""
_SMALL: Final = 64
"""Bytes of an inner message up to which it counts as if made of empty fields: an ordinary tensor is not looked into."""
_NUMBERS: Final[dict[int, Any]] = {}
"""Many in one field, from one byte each on the wire to eight in memory, as token ids: 256 of them count as a field."""
_VARINT_BYTES: Final = 10
_VARINTS: Final = (_T.TYPE_INT32, _T.TYPE_INT64, _T.TYPE_UINT32, _T.TYPE_UINT64)


def bounded(raw: bytes, kind: Any, room: int = FIELDS) -> int:
    """How many of `room` fields a message of this kind leaves; raises Undecodable when it has more, or breaks off."""
    try:
        return _left(raw, 0, len(raw), _inner(kind.DESCRIPTOR), room)
    except IndexError:
        raise Undecodable("a message that ends within a field") from None


def _left(raw: bytes, at: int, end: int, inner: dict[int, Any], room: int) -> int:
    while at < end:
        tag = raw[at]
        at += 1
        if tag > 127:
            tag, at = _varint(raw, at - 1)
        room -= 1
        wire = tag & 7
        if wire == 2:
            size = raw[at]
            at += 1
            if size > 127:
                size, at = _varint(raw, at - 1)
            holds = inner.get(tag >> 3)
            if holds is not None:
                if holds is _NUMBERS:
                    room -= size >> 8
                elif size <= _SMALL:
                    room -= size >> 1
                else:
                    room = _left(raw, at, at + size, holds, room)
            at += size
        elif wire == 0:
            _, at = _varint(raw, at)
        elif wire == 1:
            at += 8
        elif wire == 5:
            at += 4
        else:
            raise Undecodable(f"a field of wire type {wire}")
        if room < 0:
            raise Undecodable("a message of more than the fields that any request or reply has")
    if at > end:
        raise Undecodable("a field longer than its message")
    return room


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(_VARINT_BYTES):
        byte = raw[at + index]
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, at + index + 1
    raise Undecodable("a number of more than 64 bits")


@cache
def _inner(descriptor: Any) -> dict[int, Any]:
    """Number -> what is in it, for the fields that may cost more than their bytes."""
    found = {}
    for field in descriptor.fields:
        if field.message_type is not None:
            found[field.number] = _inner(field.message_type)
        elif field.is_repeated and field.type in _VARINTS:
            found[field.number] = _NUMBERS
    return found
