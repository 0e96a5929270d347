"""gRPC messages out of the DATA payloads of one stream direction (Length-Prefixed-Message)."""

import zlib
from typing import Final

from understudy.wire.events import Reason

PREFIX_BYTES: Final = 5
MAX_MESSAGE_BYTES: Final = 8 * 1024 * 1024
"""Default bound of one message, and of what the compressed messages fed at once inflate to together."""

MAX_MEMBERS: Final = 32
"""Members of one gzip message. Each costs a copy of what follows it: thousands of empty ones would take minutes."""

_WINDOW_BITS: Final = {"gzip": 31, "deflate": 15}
"""zlib's names for the two algorithms every gRPC implementation has; deflate is RFC 1950."""


class Allowance:
    """To how many bytes compressed messages may still inflate; shared by whatever is fed together."""

    __slots__ = ("room",)

    def __init__(self, room: int) -> None:
        self.room = room


class MessageSplitter:
    """Cuts payloads into messages, unframed and decompressed; holds at most one incomplete message.

    Once `problem` is set nothing more comes out and nothing is held.
    """

    __slots__ = ("_allowance", "_buffer", "_max", "_need", "encoding", "problem")

    def __init__(
        self,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        encoding: str = "identity",
        allowance: Allowance | None = None,
    ) -> None:
        """Each payload is allowed one message's worth inflated, unless an `allowance` is shared with others."""
        self.encoding = encoding
        """The direction's grpc-encoding."""
        self.problem: Reason | None = None
        """Why splitting stopped; None while it works."""
        self._max = max_message_bytes
        self._allowance = allowance
        self._buffer = bytearray()
        self._need = PREFIX_BYTES

    @property
    def buffered(self) -> int:
        """Bytes held of the message that has begun; 0 between messages."""
        return len(self._buffer)

    def feed(self, payload: bytes) -> list[bytes]:
        """The messages completed by `payload`."""
        if self.problem:
            return []
        if self._buffer:
            self._buffer += payload
            if len(self._buffer) < self._need:
                return []
            payload = bytes(self._buffer)
            self._buffer = bytearray()
        messages: list[bytes] = []
        allowance = self._allowance
        start, end = 0, len(payload)
        self._need = PREFIX_BYTES
        while end - start >= PREFIX_BYTES:
            body = start + PREFIX_BYTES
            flag = payload[start]
            length = int.from_bytes(payload[start + 1 : body], "big")
            if flag > 1:
                self.problem = Reason.PROTOCOL
                return messages
            if length > self._max:
                self.problem = Reason.OVERSIZE
                return messages
            if end - body < length:
                self._need = PREFIX_BYTES + length
                break
            message = payload[body : body + length]
            if flag:
                if allowance is None:
                    allowance = Allowance(self._max)
                inflated = self._inflate(message, min(allowance.room, self._max))
                if inflated is None:
                    return messages
                allowance.room -= len(inflated)
                message = inflated
            messages.append(message)
            start = body + length
        if start < end:
            self._buffer += payload[start:]
        return messages

    def _inflate(self, data: bytes, room: int) -> bytes | None:
        """`data` decompressed to at most `room` bytes, or None with `problem` set."""
        bits = _WINDOW_BITS.get(self.encoding)
        if bits is None:
            self.problem = Reason.COMPRESSION
            return None
        parts: list[bytes] = []
        for _ in range(MAX_MEMBERS):
            inflater = zlib.decompressobj(bits)
            try:
                part = inflater.decompress(data, room + 1)
            except zlib.error:
                self.problem = Reason.COMPRESSION
                return None
            room -= len(part)
            if room < 0:
                self.problem = Reason.OVERSIZE
                return None
            if not inflater.eof:
                self.problem = Reason.COMPRESSION
                return None
            parts.append(part)
            data = inflater.unused_data
            if not data or bits != _WINDOW_BITS["gzip"]:
                return b"".join(parts)
        self.problem = Reason.COMPRESSION
        return None
