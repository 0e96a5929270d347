"""HPACK for a client of our own (RFC 7541): nothing is ever added to a table, so there is no state to keep in step."""

from collections.abc import Iterable
from typing import Final

from hpack.table import HeaderTable

from understudy.wire.events import Headers

EMPTY_TABLE: Final = b"\x20"
"""Says that our table holds nothing. Sent before a connection's first block: a peer may then shrink it as it likes."""

_PLAIN_INDEX: Final = {field: number for number, field in enumerate(HeaderTable.STATIC_TABLE, 1)}
_NAME_INDEX: Final = {
    name: number for number, (name, _) in reversed(list(enumerate(HeaderTable.STATIC_TABLE, 1)))
}


def deflate(fields: Iterable[tuple[bytes, bytes]] | Headers) -> bytes:
    """A header block: static entries where they fit whole, else literals without indexing, not Huffman-coded."""
    block = bytearray()
    for name, value in fields:
        whole = _PLAIN_INDEX.get((name, value))
        if whole is not None:
            block.append(0x80 | whole)
            continue
        known = _NAMED.get(name)
        if known is not None:
            block += known
        else:
            block.append(0)
            _literal(block, name)
        _literal(block, value)
    return bytes(block)


def _literal(block: bytearray, string: bytes) -> None:
    length = len(string)
    if length < 0x7F:
        block.append(length)
    else:
        block += _integer(length, 7)
    block += string


def _integer(number: int, bits: int) -> bytes:
    """Section 5.1, the bits before the prefix all zero."""
    full = (1 << bits) - 1
    if number < full:
        return bytes((number,))
    out, rest = bytearray((full,)), number - full
    while rest >= 0x80:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


_NAMED: Final = {name: _integer(index, 4) for name, index in _NAME_INDEX.items()}
"""What begins a literal field whose name is in the static table."""
