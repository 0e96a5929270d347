"""HPACK for one direction of an observed connection: `hpack` with limits and a memo of repeated blocks.

An observer cannot negotiate: it follows what the two ends agreed on. A dynamic table may grow to the largest
size the receiver has announced and not yet superseded (a SETTINGS frame supersedes when it is acknowledged).
"""

from collections import deque
from enum import Enum
from typing import Final

from hpack.hpack import Decoder
from hpack.table import HeaderTable, table_entry_size

from understudy.wire.events import Headers

DEFAULT_TABLE_BYTES: Final = 4096
MAX_TABLE_BYTES: Final = 64 * 1024
"""A dynamic table is followed up to here, whatever the ends agree on."""
MAX_LIST_BYTES: Final = 64 * 1024
"""A field list above this is not handed on (size by RFC 7541, section 4.1)."""
MAX_INFLATED_BYTES: Final = 1024 * 1024
"""A field list above this is not even decoded to its end: the table is lost then."""
MAX_UNACKNOWLEDGED: Final = 1024
"""SETTINGS frames in flight that are remembered."""

_MEMO_BLOCKS: Final = 64
_MEMO_BLOCK_BYTES: Final = 2048


class Loss(Enum):
    """What a header block could not give."""

    LIST = "list"
    """The field list was too large; the table is still in step."""
    TABLE = "table"
    """The block broke the table: nothing on this direction can be decoded any more."""


class _Table(HeaderTable):
    """A dynamic table that counts its changes: a memo of decoded blocks is good only between two of them."""

    changes: int = 0

    def add(self, name: bytes, value: bytes) -> None:
        self.changes += 1
        super().add(name, value)

    @property
    def maxsize(self) -> int:
        return self._maxsize

    @maxsize.setter
    def maxsize(self, newmax: int) -> None:
        self.changes += 1
        HeaderTable.maxsize.fset(self, newmax)  # type: ignore[attr-defined]


class Inflater:
    """Decodes the header blocks of one direction, in order, without ever raising."""

    __slots__ = ("_decoder", "_memo", "_memo_at", "_pending", "_size", "_table")

    def __init__(self) -> None:
        self._decoder = Decoder(max_header_list_size=MAX_INFLATED_BYTES)
        self._table = _Table()
        self._decoder.header_table = self._table
        self._size = DEFAULT_TABLE_BYTES
        self._pending: deque[int | None] = deque()
        self._memo: dict[bytes, Headers | Loss] = {}
        self._memo_at = 0

    def announce(self, table_bytes: int | None) -> bool:
        """The receiver sent SETTINGS (with HEADER_TABLE_SIZE or None); False when too many are in flight."""
        self._pending.append(table_bytes)
        self._allow()
        return len(self._pending) <= MAX_UNACKNOWLEDGED

    def acknowledge(self) -> None:
        """The sender acknowledged the oldest SETTINGS in flight."""
        if self._pending:
            announced = self._pending.popleft()
            if announced is not None:
                self._size = announced
                self._allow()

    def decode(self, block: bytes) -> Headers | Loss:
        """The field list of a whole block."""
        if self._memo_at != self._table.changes:
            self._memo.clear()
            self._memo_at = self._table.changes
        elif (known := self._memo.get(block)) is not None:
            return known
        try:
            fields: Headers = tuple(self._decoder.decode(block, raw=True))
        except Exception:  # whatever the decoder trips over, the table can no longer be trusted
            return Loss.TABLE
        size = sum(table_entry_size(name, value) for name, value in fields)
        decoded = Loss.LIST if size > MAX_LIST_BYTES else fields
        if self._memo_at != self._table.changes:
            self._allow()
        elif len(block) <= _MEMO_BLOCK_BYTES:
            if len(self._memo) >= _MEMO_BLOCKS:
                self._memo.clear()
            self._memo[block] = decoded
        return decoded

    def _allow(self) -> None:
        announced = [size for size in self._pending if size is not None]
        allowed = min(max(self._size, *announced, 0), MAX_TABLE_BYTES)
        # A sender that has not shrunk its table yet is for the receiver to refuse; we stay in step with it.
        self._decoder.max_allowed_table_size = max(allowed, self._table.maxsize)
