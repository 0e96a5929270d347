"""HTTP/2 by hand: what no gRPC library would send, and what none would show."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from hpack import Decoder, Encoder

from tests.conformance.upstream import RPC, SERVICE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    0,
    1,
    2,
    3,
    4,
    6,
    7,
    8,
    9,
)
ACK = END_STREAM = 1
END_HEADERS, PADDED = 4, 8


def frame(kind: int, flags: int, stream: int, payload: bytes = b"", length: int | None = None) -> bytes:
    """One frame; `length` to lie about it."""
    size = len(payload) if length is None else length
    return size.to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def message(data: bytes, compressed: bool = False) -> bytes:
    """One gRPC message with its prefix."""
    data = gzip.compress(data, mtime=0) if compressed else data
    return bytes((compressed,)) + len(data).to_bytes(4, "big") + data


def request(method: str, rpc: str = "", *more: tuple[str, str], do: str = "") -> list[tuple[str, str]]:
    """A call's header list."""
    path = method if method.startswith("/") else f"/{SERVICE}/{method}"
    fields = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "conformance")]
    fields += [("te", "trailers"), ("content-type", "application/grpc")]
    fields += [(RPC, rpc)] if rpc else []
    return fields + ([("x-do", do)] if do else []) + list(more)


@dataclass
class Heard:
    """What came back on one stream."""

    blocks: list[tuple[tuple[str, str], ...]] = field(default_factory=list)
    """Header blocks, trailers last."""
    data: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset: int | None = None


class Client:
    """One connection. Nothing is checked and all is answered: SETTINGS, PING, and DATA by WINDOW_UPDATE."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.encoder, self.decoder = Encoder(), Decoder()
        self.streams: dict[int, Heard] = {}
        self.settings: list[dict[int, int]] = []
        self.pings: list[bytes] = []
        self.acks: list[bytes] = []
        self.goaways: list[int] = []
        self.over = False
        self.acknowledges = True
        """DATA is acknowledged, so that more may come."""
        self.received = bytearray()
        """Every byte, in order."""
        self._reader, self._writer = reader, writer
        self._buffer = bytearray()
        self._block = bytearray()

    def send(self, *data: bytes) -> None:
        """Any bytes."""
        self._writer.write(b"".join(data))

    def begin(self, *settings: tuple[int, int]) -> None:
        """Preface and SETTINGS."""
        body = b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in settings)
        self.send(PREFACE, frame(SETTINGS, 0, 0, body))

    def open(self, stream: int, headers: Sequence[tuple[str, str]], end: bool = False) -> None:
        """Open a stream."""
        block = self.encoder.encode(headers)
        self.send(frame(HEADERS, END_HEADERS | end, stream, block))

    def ask(self, stream: int, *messages: bytes, end: bool = True) -> None:
        """Send framed messages."""
        self.send(frame(DATA, END_STREAM if end else 0, stream, b"".join(messages)))

    async def call(self, stream: int, headers: Sequence[tuple[str, str]], *messages: bytes) -> "Heard":
        """A whole call."""
        self.open(stream, headers)
        self.ask(stream, *messages)
        return await self.whole(stream)

    async def whole(self, stream: int, within_s: float = 10) -> "Heard":
        """A stream, once it has ended."""
        heard = self.streams.setdefault(stream, Heard())
        await self.until(lambda: heard.ended or heard.reset is not None, within_s)
        return heard

    async def until(self, met: Callable[[], bool], within_s: float = 10) -> None:
        """Read until it holds, or the connection is over."""
        async with asyncio.timeout(within_s):
            while not met() and not self.over:
                try:
                    data = await self._reader.read(1 << 16)
                except ConnectionError:
                    data = b""
                self.over = not data
                self.received += data
                self._buffer += data
                while len(self._buffer) >= 9 and len(self._buffer) >= 9 + int.from_bytes(
                    self._buffer[:3], "big"
                ):
                    size = 9 + int.from_bytes(self._buffer[:3], "big")
                    whole = bytes(self._buffer[:size])
                    del self._buffer[:size]
                    self._frame(whole[3], whole[4], int.from_bytes(whole[5:9], "big"), whole[9:])

    def _frame(self, kind: int, flags: int, stream: int, body: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            pairs = [body[at : at + 6] for at in range(0, len(body), 6)]
            self.settings.append({int.from_bytes(p[:2], "big"): int.from_bytes(p[2:], "big") for p in pairs})
            self.send(frame(SETTINGS, ACK, 0))
        elif kind == PING:
            (self.acks if flags & ACK else self.pings).append(body)
            if not flags & ACK:
                self.send(frame(PING, ACK, 0, body))
        elif kind == GOAWAY:
            self.goaways.append(int.from_bytes(body[4:8], "big"))
        elif kind in (HEADERS, CONTINUATION):
            self._block += body
            if flags & END_HEADERS:
                fields = self.decoder.decode(bytes(self._block))
                self._block.clear()
                self._heard(stream).blocks.append(tuple((str(name), str(value)) for name, value in fields))
            self._heard(stream).ended |= bool(kind == HEADERS and flags & END_STREAM)
        elif kind == DATA:
            self._heard(stream).data += body
            self._heard(stream).ended |= bool(flags & END_STREAM)
            if body and self.acknowledges:
                grown = len(body).to_bytes(4, "big")
                self.send(frame(WINDOW_UPDATE, 0, 0, grown), frame(WINDOW_UPDATE, 0, stream, grown))
        elif kind == RST_STREAM:
            self._heard(stream).reset = int.from_bytes(body, "big")

    def _heard(self, stream: int) -> Heard:
        return self.streams.setdefault(stream, Heard())

    async def close(self) -> None:
        """End the connection."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


@asynccontextmanager
async def connected(address: str, begin: bool = True) -> AsyncIterator[Client]:
    """A client on a connection of its own."""
    host, _, port = address.rpartition(":")
    client = Client(*await asyncio.open_connection(host, int(port)))
    try:
        if begin:
            client.begin()
        yield client
    finally:
        await client.close()
