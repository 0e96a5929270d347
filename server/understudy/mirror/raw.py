"""The shadow client of our own: `session.Session` on an asyncio transport, and the connections it needs.

It costs a fraction of grpc.aio's processor time because it does a fraction of its work: one message out, messages in,
no interceptors, no credentials, no retries, no name resolution beyond the loop's.
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable
from typing import Final, cast

from understudy.errors import traced
from understudy.mirror.client import CANCELLED, UNAVAILABLE, Metadata, Status
from understudy.mirror.session import Session
from understudy.mirror.stream import Stream
from understudy.wire.deflate import deflate

log = logging.getLogger(__name__)

CONNECT_S: Final = 5.0
"""For the connection and the peer's first word on it together."""
PAUSE_S: Final = 0.1
"""Least time between two connections."""
CLOSE_S: Final = 1.0
"""How long a closing connection may take to write what is written."""
HIGH_WATER: Final = 1024 * 1024
"""Unwritten bytes from which on no more request bytes are written."""
UNREAD_BYTES: Final = 8 * 1024 * 1024
"""Unwritten bytes from which on the peer is given up: it makes us answer and does not read the answers."""
TURN: Final = 64
"""Messages read in a row before others have their turn: an engine may send empty ones by the ten thousand."""
BLOCKS: Final = 256
"""Methods whose header blocks are remembered."""


class RawClient:
    """One connection at a time to one engine; a new one once the old says goodbye or breaks."""

    def __init__(self, address: str, *, timeout_s: float, message_bytes: int, held_bytes: int) -> None:
        """`timeout_s` is told to the engine with each call; the bounds are of one message and of all replies."""
        self.address = address
        self._message_bytes = message_bytes
        self._held_bytes = held_bytes
        self._where = parse(address)
        self._timeout = f"{max(1, min(round(timeout_s * 1000), 99_999_999))}m".encode()
        self._authority = (b"localhost" if isinstance(self._where, str) else address.encode())[:1024]
        self._blocks: dict[str, bytes] = {}
        self._waiting: deque[RawReply] = deque()
        self._connection: _Connection | None = None
        self._connections: set[_Connection] = set()
        self._dialling: asyncio.Task[None] | None = None
        self._dialled_s = 0.0

    def __repr__(self) -> str:
        return f"<RawClient {self.address} waiting={len(self._waiting)} {self._connection!r}>"

    def call(self, method: str, message: bytes, metadata: Metadata) -> "RawReply":
        """Send one message and half-close."""
        body = b"".join((b"\0", len(message).to_bytes(4, "big"), message))
        reply = RawReply(self, self._block(method) + deflate(_sendable(metadata)), body, self._message_bytes)
        self._waiting.append(reply)
        self.advance()
        return reply

    async def ready(self) -> None:
        """Return once a connection stands; tries until it is cancelled."""
        while self._connection is None or self._connection.session.closing:
            self._dial()
            assert self._dialling is not None
            await asyncio.wait((self._dialling,))

    async def close(self) -> None:
        """Close the connections; calls still open are cancelled."""
        self._fail(Status(CANCELLED, "the client was closed"))
        if self._dialling is not None:
            self._dialling.cancel()
            await asyncio.wait((self._dialling,))
        gone = [connection.gone for connection in self._connections]
        for connection in list(self._connections):
            connection.end("the client was closed")
        if gone:
            await asyncio.wait(gone, timeout=1.0)

    # ---- what connections and replies need

    def advance(self) -> None:
        """Open what waits, where there is a connection with room; dial where there is none."""
        waiting = self._waiting
        while waiting:
            if waiting[0].status is not None:
                waiting.popleft()
                continue
            connection = self._connection
            if connection is None or connection.session.closing:
                self._dial()
                return
            if not connection.session.room:
                return
            connection.open(waiting.popleft())

    def forget(self, connection: "_Connection") -> None:
        """It takes no more calls."""
        self._connections.discard(connection)
        if self._connection is connection:
            self._connection = None
        if self._waiting:
            self.advance()

    def tidy(self) -> None:
        """A call has left: there may be room for another, or a connection nobody needs any more."""
        for connection in list(self._connections):
            connection.go_on()
        if self._waiting:
            self.advance()

    def silent(self, reply: "RawReply", since_s: float) -> None:
        """A call got no answer in time: if nothing at all was heard since it was sent, dial anew for the next."""
        connection = self._connection
        if connection is not None and reply.session is connection.session and connection.heard_s < since_s:
            connection.session.closing = connection.session.closing or "it has fallen silent"

    # ---- ours

    def _block(self, method: str) -> bytes:
        block = self._blocks.get(method)
        if block is None:
            if len(self._blocks) >= BLOCKS:
                self._blocks.clear()
            block = self._blocks[method] = deflate(
                (
                    (b":method", b"POST"),
                    (b":scheme", b"http"),
                    (b":path", method.encode()),
                    (b":authority", self._authority),
                    (b"te", b"trailers"),
                    (b"content-type", b"application/grpc"),
                    (b"user-agent", b"understudy"),
                    (b"grpc-accept-encoding", b"identity,deflate,gzip"),
                    (b"grpc-timeout", self._timeout),
                )
            )
        return block

    def _fail(self, status: Status) -> None:
        waiting, self._waiting = self._waiting, deque()
        for reply in waiting:
            reply.over(status)

    def _dial(self) -> None:
        if self._dialling is None:
            self._dialling = asyncio.get_running_loop().create_task(self._connect())
            self._dialling.add_done_callback(self._dialled)

    def _dialled(self, task: asyncio.Task[None]) -> None:
        self._dialling = None
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:  # a defect of ours: the calls end all the same
            log.error("dialling %s failed: %s", self.address, traced(error))
            self._fail(Status(UNAVAILABLE, f"failed to connect to {self.address}", refused=True))
        if self._waiting:  # also whoever came between the dial's failure and this moment
            self.advance()

    async def _connect(self) -> None:
        """Dial once; whoever waits hears of a failure at once, and the next call dials again."""
        loop, connection = asyncio.get_running_loop(), None
        why, wait_s = "", self._dialled_s + PAUSE_S - loop.time()
        if wait_s > 0:  # a peer that greets and leaves would have us dial without end
            await asyncio.sleep(wait_s)
        self._dialled_s = loop.time()
        try:
            async with asyncio.timeout(CONNECT_S):
                make: Callable[[], _Connection] = lambda: _Connection(self, self._held_bytes)  # noqa: E731
                if isinstance(self._where, str):
                    _, connection = await loop.create_unix_connection(make, self._where)
                else:
                    _, connection = await loop.create_connection(make, *self._where)
                await connection.greeted.wait()
            why = connection.session.closing
        except TimeoutError:
            why = f"no HTTP/2 within {CONNECT_S:g} s"
        except OSError as error:
            why = error.strerror or str(error)
        except ValueError as error:  # what getaddrinfo makes of odd names
            why = str(error)
        if why or connection is None:
            if connection is not None:
                connection.end(why)
            self._fail(Status(UNAVAILABLE, f"failed to connect to {self.address}: {why}", refused=True))
            return
        self._connection = connection


class RawReply(Stream):
    """One call, read through `client.Reply`."""

    __slots__ = ("_client", "_news", "_turn")

    def __init__(self, client: RawClient, block: bytes, body: bytes, max_message_bytes: int) -> None:
        super().__init__(block, body, max_message_bytes)
        self._client = client
        self._news: asyncio.Future[None] | None = None
        self._turn = 0
        """Messages read since others had theirs."""
        self.news = self._tell

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def read(self) -> bytes | None:
        """The next message, or None."""
        if self._turn >= TURN:
            self._turn = 0
            await asyncio.sleep(0)
        while True:
            if self.messages:
                self._turn += 1
                return self.take()
            if self.status is not None:
                return None
            self._turn = 0
            self._news = asyncio.get_running_loop().create_future()
            try:
                await self._news
            finally:
                self._news = None

    def cancel(self) -> None:
        """Stop the call at the engine too."""
        session = self.session
        if session is not None:
            session.cancel(self)
            self._client.tidy()
        self.over(Status(CANCELLED, "cancelled"))


class _Connection(asyncio.Protocol):
    """A transport and the session on it."""

    def __init__(self, client: RawClient, held_bytes: int) -> None:
        self._client = client
        self._held_bytes = held_bytes
        self._loop = asyncio.get_running_loop()
        self.greeted = asyncio.Event()
        """The peer has spoken, or is gone."""
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self.heard_s = 0.0
        self.session: Session
        self._transport: asyncio.Transport

    def __repr__(self) -> str:
        return f"{self.session!r}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected; greet."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        made = self._transport.get_extra_info("socket")
        if made is not None and made.family in (socket.AF_INET, socket.AF_INET6):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client._connections.add(self)
        self.session = Session(self._transport.write, self._held_bytes)

    def open(self, stream: Stream) -> None:
        """Write a call."""
        self.session.open(stream)
        self.go_on()

    def data_received(self, data: bytes) -> None:
        """Bytes from the peer: taken at once, whatever else there is to do."""
        session = self.session
        self.heard_s = self._loop.time()
        session.receive(data)
        if session.ready:
            self.greeted.set()
        if session.over:
            self.end(session.closing)
        elif self._transport.get_write_buffer_size() > UNREAD_BYTES:
            self.end("the engine does not read")
        else:
            self.go_on()
            if self._client._waiting:
                self._client.advance()

    def go_on(self) -> None:
        """Write more once the loop has been round, or close what is said goodbye to."""
        session = self.session
        if session.unsent:
            self._loop.call_soon(self._pump)
        if session.closing and not session.streams:
            self.end(session.closing)

    def _pump(self) -> None:
        if self.session.unsent:
            self.session.pump()
            self.go_on()

    def pause_writing(self) -> None:
        """The peer reads slower than we write."""
        self.session.paused = True

    def resume_writing(self) -> None:
        """It has caught up."""
        self.session.paused = False
        self.go_on()
        if self._client._waiting:
            self._client.advance()

    def eof_received(self) -> bool:
        """The peer ended its side: nothing more can come."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Gone: calls still open have failed."""
        self.session.lost(str(error) if error else "closed by the engine")
        self.greeted.set()
        if not self.gone.done():
            self.gone.set_result(None)
        self._client.forget(self)

    def end(self, why: str) -> None:
        """Close now: calls still open have failed."""
        self.session.lost(why)
        self.greeted.set()
        if not self._transport.is_closing():
            self._transport.close()
            self._loop.call_later(CLOSE_S, self._transport.abort)  # a peer that does not read would keep it


def parse(address: str) -> str | tuple[str, int]:
    """A unix socket's path, or host and port.

    Raises:
        ValueError: the address is neither.
    """
    if address.startswith("unix:"):
        path = address.removeprefix("unix:")
        return path.removeprefix("//") if path.startswith("///") else path
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _sendable(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    """Without what a peer may break the connection for: anything but printable ASCII."""
    return [
        (name.encode(), value.encode())
        for name, value in metadata
        if value.isascii() and (value.isprintable() or not value) and not name.startswith(":")
    ]
