"""HPACK for one direction of an observed connection (RFC 7541), with limits and a memo of repeated blocks.

An observer cannot negotiate: it follows what the two ends agreed on. A dynamic table may grow to the largest
size the receiver has announced and not yet superseded (a SETTINGS frame supersedes when it is acknowledged).

Not the `hpack` package's decoder, though its tables are used and the tests hold the two equal: that one copies
what is left of a block at every literal, so a large block of small fields holds it up for seconds; it gives a
connection up where a list is merely long; and it takes four times as long for ordinary requests.
"""

from collections import deque
from enum import Enum
from typing import Final

from hpack.table import HeaderTable

from understudy.wire.events import Headers
from understudy.wire.huffman import decode as unhuffman

DEFAULT_TABLE_BYTES: Final = 4096
MAX_TABLE_BYTES: Final = 64 * 1024
"""A dynamic table is followed up to here, whatever the ends agree on."""
MAX_LIST_BYTES: Final = 64 * 1024
"""A field list above this is not handed on, nor held (size by RFC 7541, section 4.1)."""
MAX_UNACKNOWLEDGED: Final = 1024
"""SETTINGS frames in flight that are remembered."""

_MEMO_BLOCKS: Final = 64
_MEMO_BLOCK_BYTES: Final = 512
_MEMO_FIELDS: Final = 64
"""A block that gives more fields is not remembered: a byte can name a field, and a tuple of many costs memory."""
MEMO_BYTES: Final = 32 * 1024
"""What is remembered of one direction weighs no more; the blocks of ordinary callers weigh some hundred bytes each."""

_OVERHEAD: Final = 32
"""What an entry counts beyond its name and value (section 4.1)."""
_MAX_SHIFT: Final = 28
"""Integers have at most five bytes after their prefix; no table or block is that large."""
_STATIC: Final = (None, *HeaderTable.STATIC_TABLE)
_DYNAMIC: Final = len(_STATIC)
"""Index of the newest dynamic entry."""


class Loss(Enum):
    """What a header block could not give."""

    LIST = "list"
    """The field list was too large; the table is still in step."""
    TABLE = "table"
    """The block broke the table: nothing on this direction can be decoded any more."""
    SIZE = "size"
    """The ends agreed on a table above MAX_TABLE_BYTES and use it: nothing can be decoded any more either."""


class _BrokenError(Exception):
    """The block is not HPACK."""


class Inflater:
    """Decodes the header blocks of one direction, in order, without ever raising.

    Time is linear in the block's length; memory is bounded by the table and one list.
    """

    __slots__ = (
        "_announced",
        "_bytes",
        "_changed",
        "_entries",
        "_limit",
        "_memo",
        "_peaks",
        "_pending",
        "_size",
        "remembered",
    )

    def __init__(self) -> None:
        self._entries: deque[tuple[bytes, bytes]] = deque()
        """The dynamic table, newest last."""
        self._bytes = 0
        self._limit = DEFAULT_TABLE_BYTES
        """The size the sender last gave its table."""
        self._size = DEFAULT_TABLE_BYTES
        """The size the receiver announced and the sender acknowledged."""
        self._pending: deque[int | None] = deque()
        """What the SETTINGS in flight announced, oldest first."""
        self._peaks: deque[int] = deque()
        """Of these, the ones that no later one exceeds: the first is the largest."""
        self._changed = False
        self._memo: dict[bytes, Headers | Loss] = {}
        self.remembered = 0
        """Bytes that repeated blocks are remembered with."""

    def announce(self, table_bytes: int | None) -> bool:
        """The receiver sent SETTINGS (with HEADER_TABLE_SIZE or None); False when too many are in flight."""
        self._pending.append(table_bytes)
        if table_bytes is not None:
            while self._peaks and self._peaks[-1] < table_bytes:
                self._peaks.pop()
            self._peaks.append(table_bytes)
        return len(self._pending) <= MAX_UNACKNOWLEDGED

    def acknowledge(self) -> None:
        """The sender acknowledged the oldest SETTINGS in flight."""
        if self._pending:
            announced = self._pending.popleft()
            if announced is not None:
                self._size = announced
                if announced == self._peaks[0]:
                    self._peaks.popleft()

    def decode(self, block: bytes) -> Headers | Loss:
        """The field list of a whole block."""
        known = self._memo.get(block)
        if known is not None:
            return known
        self._changed = False
        try:
            decoded = self._decode(block)
        except (_BrokenError, IndexError):
            return Loss.TABLE
        if self._changed:  # what repeated blocks mean may be another thing now
            self.forget()
        elif len(block) <= _MEMO_BLOCK_BYTES and not (
            isinstance(decoded, tuple) and len(decoded) > _MEMO_FIELDS
        ):
            weight = _weight(block, decoded)
            if len(self._memo) >= _MEMO_BLOCKS or self.remembered + weight > MEMO_BYTES:
                self.forget()
            self._memo[block] = decoded
            self.remembered += weight
        return decoded

    def forget(self) -> None:
        """Let go of the repeated blocks: the next ones are decoded anew."""
        self._memo.clear()
        self.remembered = 0

    def _decode(self, block: bytes) -> Headers | Loss:
        entries, end, at, room = self._entries, len(block), 0, MAX_LIST_BYTES
        # The receiver may have announced more than once and superseded none of it. A sender that has not shrunk its
        # table yet is for the receiver to refuse; we stay in step with it.
        ceiling = max(self._size, self._peaks[0] if self._peaks else 0, self._limit)
        fields: list[tuple[bytes, bytes]] = []
        resizable = True
        while at < end:
            first = block[at]
            at += 1
            if first >= 0x80:  # an entry of a table, section 6.1
                index = first & 0x7F
                if index == 0x7F:
                    index, at = _integer(block, at, index)
                field = entries[_DYNAMIC - 1 - index] if index >= _DYNAMIC else _STATIC[index]
                if field is None:
                    raise _BrokenError
                name, value = field
            elif first & 0xE0 == 0x20:  # a new size of the table, section 6.3
                size = first & 0x1F
                if size == 0x1F:
                    size, at = _integer(block, at, size)
                if size > ceiling or not resizable:
                    raise _BrokenError
                if size > MAX_TABLE_BYTES:
                    return Loss.SIZE
                self._limit = size
                self._evict()
                continue
            else:  # a literal, to be added to the table or not, section 6.2
                mask = 0x3F if first >= 0x40 else 0x0F
                index = first & mask
                if index == mask:
                    index, at = _integer(block, at, index)
                if index:
                    field = entries[_DYNAMIC - 1 - index] if index >= _DYNAMIC else _STATIC[index]
                    assert field is not None
                    name = field[0]
                else:
                    name, at = _string(block, at)
                value, at = _string(block, at)
                field = (name, value)
                if first >= 0x40:
                    self._bytes += len(name) + len(value) + _OVERHEAD
                    entries.append(field)
                    self._evict()
            resizable = False
            room -= len(name) + len(value) + _OVERHEAD
            if room >= 0:
                fields.append(field)
        return tuple(fields) if room >= 0 else Loss.LIST

    def _evict(self) -> None:
        """Hold the table to its limit: the oldest entries go, the newest too when it alone is too large."""
        self._changed = True
        entries = self._entries
        while self._bytes > self._limit:
            name, value = entries.popleft()
            self._bytes -= len(name) + len(value) + _OVERHEAD


def _weight(block: bytes, decoded: Headers | Loss) -> int:
    """What a remembered block costs at most, bytes (measured, and rounded up).

    An indexed field is the table's own; a literal one, of two bytes at least, is a pair and two strings, by Huffman
    code up to 8/5 as long as in the block.
    """
    length = len(block)
    if not isinstance(decoded, tuple):
        return 160 + length
    count = len(decoded)
    return 220 + 8 * count + 2 * length + 140 * min(count, length - count)


def _integer(block: bytes, at: int, prefix: int) -> tuple[int, int]:
    """A number that filled its prefix, and where it ends (section 5.1)."""
    number, shift = prefix, 0
    while True:
        byte = block[at]
        at += 1
        number += (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
        if shift > _MAX_SHIFT:
            raise _BrokenError


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    """A string literal, and where it ends (section 5.2)."""
    first = block[at]
    at += 1
    length = first & 0x7F
    if length == 0x7F:
        length, at = _integer(block, at, length)
    end = at + length
    data = block[at:end]
    if len(data) != length:
        raise _BrokenError
    if first < 0x80:
        return data, end
    plain = unhuffman(data)
    if plain is None:
        raise _BrokenError
    return plain, end
