"""The copy channel between a relay and its observer: ordered records over one stream socket.

A record is a header `!BQqI` (kind, connection id, wall clock ns, payload length) and the payload. Those of
one connection come in the relay's read order: OPEN, then CLIENT, SERVER and ELIDED, at most one BLIND, and
CLOSE. CLIENT and SERVER records hold what passed towards the upstream and towards the client, cut anywhere.
An ELIDED record always comes at a frame boundary of its direction, in place of one whole DATA frame, header
and payload. CLOSE says who ended the connection, so that an engine that died is told from a caller who left.

The observer answers on the same socket with IDLE and BUSY. Both count the client's DATA payload bytes of a
stream from its start, as flow control does (RFC 9113 section 6.9.1): padding and elided frames included.
"""

import struct
from enum import IntEnum
from typing import Final, NamedTuple

HEADER: Final = struct.Struct("!BQqI")
"""kind, connection id, wall clock ns (UTC epoch), payload length in bytes."""

MARK: Final = struct.Struct("!IQ")
"""The payload of IDLE and BUSY: stream id, client DATA payload bytes seen on that stream."""

MAX_PAYLOAD: Final = 16 * 1024 * 1024
"""Longest payload a reader accepts, bytes; the relay's chunks are far shorter."""


class End(IntEnum):
    """Who ended a connection first, and how: the payload of CLOSE, one byte."""

    UNKNOWN = 0
    CLIENT_CLOSED = 1
    """FIN: the client ended its direction."""
    CLIENT_RESET = 2
    """The client's side broke off: a reset, or it vanished."""
    SERVER_CLOSED = 3
    """FIN: the upstream ended its direction."""
    SERVER_RESET = 4
    """The upstream's side broke off: a reset, or it vanished."""
    RELAY = 5
    """The relay's own decision: a switch's limit, a drain, its stop."""


class Kind(IntEnum):
    """What a record says."""

    OPEN = 1
    """A client connection reached its upstream; payload `leg\\naddress`, UTF-8."""
    CLIENT = 2
    """Bytes from the client to the upstream."""
    SERVER = 3
    """Bytes from the upstream to the client."""
    CLOSE = 4
    """The connection ends, nothing of it follows; payload: an `End`, one byte."""
    ELIDED = 5
    """A DATA frame was left out of the copy; payload: direction (CLIENT or SERVER), its 9-byte header."""
    BLIND = 6
    """The connection's bytes are no longer copied; no payload. CLOSE still follows."""
    IDLE = 7
    """Observer to relay: no request is in flight on the stream as of that many client DATA bytes."""
    BUSY = 8
    """Observer to relay: the stream reported idle has a request in flight again."""


class Record(NamedTuple):
    """One record of the copy channel. A named tuple for the reason that `wire.events` gives."""

    kind: Kind
    connection: int
    """Unique within one relay process."""
    ns: int
    """Wall clock, UTC epoch nanoseconds."""
    payload: bytes = b""

    @property
    def opened(self) -> tuple[str, str]:
        """OPEN: the leg's name and the upstream's address."""
        leg, _, address = self.payload.decode("utf-8", "replace").partition("\n")
        return leg, address

    @property
    def elided(self) -> tuple[Kind, bytes]:
        """ELIDED: the direction (CLIENT or SERVER) and the 9-byte header of the frame left out."""
        return Kind(self.payload[0]), self.payload[1:]

    @property
    def end(self) -> End:
        """CLOSE: who ended the connection, and how; UNKNOWN when it is not said, or not in words known here."""
        return End(self.payload[0]) if self.payload and self.payload[0] in _ENDS else End.UNKNOWN

    @property
    def mark(self) -> tuple[int, int]:
        """IDLE and BUSY: stream id and client DATA payload bytes."""
        stream, count = MARK.unpack(self.payload)
        return stream, count


class CopyError(ValueError):
    """The bytes on the copy channel are not records; the channel must be closed."""


def encode(kind: Kind, connection: int, ns: int, payload: bytes = b"") -> bytes:
    """One record as bytes."""
    return HEADER.pack(kind, connection, ns, len(payload)) + payload


def header(kind: Kind, connection: int, ns: int, length: int) -> bytes:
    """The 21-byte header alone, for a payload that is written right after it without a copy."""
    return HEADER.pack(kind, connection, ns, length)


def opened(connection: int, ns: int, leg: str, address: str) -> bytes:
    """An OPEN record."""
    return encode(Kind.OPEN, connection, ns, f"{leg}\n{address}".encode())


def elided(connection: int, ns: int, direction: Kind, frame: bytes) -> bytes:
    """An ELIDED record for the DATA frame with this 9-byte header; direction is CLIENT or SERVER."""
    return encode(Kind.ELIDED, connection, ns, bytes((direction,)) + frame)


def closed(connection: int, ns: int, end: End) -> bytes:
    """A CLOSE record."""
    return encode(Kind.CLOSE, connection, ns, bytes((end,)))


def idle(connection: int, ns: int, stream: int, count: int) -> bytes:
    """An IDLE record: no request in flight on the stream as of `count` client DATA payload bytes."""
    return encode(Kind.IDLE, connection, ns, MARK.pack(stream, count))


def busy(connection: int, ns: int, stream: int, count: int) -> bytes:
    """A BUSY record: a request is in flight again as of `count` client DATA payload bytes."""
    return encode(Kind.BUSY, connection, ns, MARK.pack(stream, count))


_ENDS: Final = frozenset(End)
_PAYLOAD: Final = {Kind.CLOSE: (0, 1), Kind.BLIND: (0, 0), Kind.ELIDED: (10, 10), Kind.IDLE: (12, 12)}
_PAYLOAD[Kind.BUSY] = _PAYLOAD[Kind.IDLE]
_KINDS: Final = {int(kind): (kind, *_PAYLOAD.get(kind, (0, MAX_PAYLOAD))) for kind in Kind}
"""Number -> kind, shortest and longest payload."""


class Reader:
    """Bytes in, records out; holds at most one incomplete record."""

    __slots__ = ("_buffer", "_need")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._need = HEADER.size
        """Bytes that the record which has begun takes, as far as is known."""

    def feed(self, data: bytes) -> list[Record]:
        """The records completed by `data`, in order.

        Raises:
            CopyError: an unknown kind, or a payload whose length cannot be that kind's.
        """
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._need:
                return []
            data = bytes(self._buffer)
            self._buffer = bytearray()
        self._need = HEADER.size
        records: list[Record] = []
        at, size = 0, len(data)
        while size - at >= HEADER.size:
            number, connection, ns, length = HEADER.unpack_from(data, at)
            known = _KINDS.get(number)
            if known is None:
                raise CopyError(f"copy channel: unknown record kind {number}")
            kind, least, most = known
            if not least <= length <= most:
                raise CopyError(f"copy channel: {kind.name} record with a payload of {length} bytes")
            body = at + HEADER.size
            end = body + length
            if end > size:
                self._need = end - at
                break
            records.append(Record(kind, connection, ns, data[body:end]))
            at = end
        if at < size:
            self._buffer += data[at:]
        return records
