"""No caller holds the loop from the others: many small frames at once pass a few at a time, whole and in order."""

import asyncio
import contextlib
import ctypes
import gc
import hashlib
import socket
import ssl
import weakref
from typing import TYPE_CHECKING, Any, cast

import pytest
from understudy import tls
from understudy.relay import frames
from understudy.relay.connection import Connection
from understudy.relay.counts import Counts, Departure
from understudy.relay.secured import Failure, Secured
from understudy.relay.settings import Settings
from understudy.wire import boundary, copy
from understudy.wire.boundary import LAST, PREFACE
from understudy.wire.copy import MARK, Kind, Record

from tests.relay.test_relay_frames import SETTINGS, ack, data, headers, raw
from tests.relay.test_relay_passes import connect
from tests.relay.test_relay_tls import client_context, listener

if TYPE_CHECKING:
    from tests.relay.conftest import Stage


class Wire:
    """A transport that keeps what is written and whether it is read."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.reading = True
        self.closed = False

    def write(self, said: bytes) -> None:
        self.written.append(said)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = write_eof = close

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


class Tap:
    """An observer's channel that is behind, or not."""

    soft, hard = 10**6, 10**9

    def __init__(self, behind: bool) -> None:
        self.unsent = self.soft if behind else 0

    def open(self, number: int, payload: bytes) -> bool:
        return True

    def copy(self, kind: Kind, number: int, data: bytes) -> bool:
        return True

    def elide(self, kind: Kind, number: int, head: bytes) -> bool:
        return True

    def record(self, kind: Kind, number: int, payload: bytes = b"") -> None:
        pass


class Home:
    """A relay as a connection sees it."""

    def __init__(self, behind: bool = False) -> None:
        self.settings = Settings()
        self.counts = Counts()
        self.tap: Any = Tap(behind)

    def watch(self, connection: Connection) -> None:
        pass

    def forget(self, connection: Connection) -> None:
        pass


def connected(home: Home) -> tuple[Connection, Wire, Wire]:
    connection, client, server = Connection(home, 1), Wire(), Wire()
    connection.accepted(cast(asyncio.Transport, client))
    connection.reached(cast(asyncio.Transport, server), "candidate", "engine")
    connection.take(connection.client, PREFACE + SETTINGS + headers(1))
    connection.take(connection.server, SETTINGS + headers(1))
    return connection, client, server


EMPTY, UNKNOWN = data(1, b""), frames.frame(0x20, 0, 0, b"")
SHORT = data(1, b"x" * 31)


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("said", [EMPTY, UNKNOWN, SHORT])
async def test_a_chunk_of_tiny_frames_takes_several_turns(behind: bool, said: bytes) -> None:
    home = Home(behind)
    connection, client, server = connected(home)
    server.written.clear()
    chunk = said * (256 * 1024 // len(said)) + said[:5]
    before = home.counts.client_bytes
    connection.take(connection.client, chunk)
    turns = 0
    while not client.reading:
        assert sum(map(len, server.written)) <= (turns + 1) * 1000 * len(said)
        turns += 1
        await asyncio.sleep(0)
    assert turns >= len(chunk) // len(said) // 1000 and (turns > 40 or not behind)
    assert b"".join(server.written) + connection.client.tracker.held == chunk
    assert home.counts.client_bytes - before == len(chunk)


async def test_a_source_that_waits_for_its_turn_is_not_read_because_the_other_side_takes_more_again() -> None:
    connection, client, _ = connected(Home())
    connection.take(connection.client, EMPTY * 2500)
    assert not client.reading
    connection.client.slow = True
    connection.client.slow = False
    connection.client.resume()
    assert not client.reading
    connection.client.slow = True
    for _ in range(5):
        await asyncio.sleep(0)
    assert not connection.client.rest and not client.reading
    connection.client.slow = False
    connection.client.resume()
    assert client.reading


async def test_what_waits_for_its_turn_still_goes_before_the_end() -> None:
    connection, _, server = connected(Home())
    server.written.clear()
    connection.take(connection.client, EMPTY * 2500)
    connection.over(connection.client)
    assert b"".join(server.written) == EMPTY * 2500 and server.closed
    connection, client, _ = connected(Home())
    client.written.clear()
    connection.take(connection.server, EMPTY * 2500)
    connection.lost(connection.server, ConnectionResetError())
    assert b"".join(client.written) == EMPTY * 2500


async def test_a_flood_for_an_engine_that_reads_late_arrives_whole(stage: "Stage") -> None:
    said = PREFACE + SETTINGS + headers(1) + b"".join(data(1, bytes((n % 256,)) * 3) for n in range(250_000))
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def engine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        seen = hashlib.sha256()
        while piece := await reader.read(65_536):
            seen.update(piece)
        heard.put_nowait(seen.digest())
        writer.close()

    server = await asyncio.start_server(engine, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    relay = stage.relay(candidate=f"{host}:{port}", tls=listener(stage.directory))

    def flood() -> None:
        with client_context().wrap_socket(connect(relay), server_hostname="127.0.0.1") as sock:
            sock.sendall(said)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(4096):
                pass

    async with asyncio.timeout(20):
        await asyncio.to_thread(flood)
        assert await heard.get() == hashlib.sha256(said).digest()
    server.close()


class Inner(asyncio.Protocol):
    """What is behind TLS: keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.ended = False

    def data_received(self, data: bytes) -> None:
        self.heard.append(data)

    def eof_received(self) -> bool:
        self.ended = True
        return True


def secured(stage: "Stage", inner: Inner) -> tuple[Secured, Wire, ssl.SSLObject, ssl.MemoryBIO]:
    """The server's end of a TLS connection, and the client's OpenSSL with what it sends."""
    raw_side, told = Wire(), list[Failure | None]()
    ours = Secured(inner, tls.serving(listener(stage.directory)), told.append, server_side=True)
    ours.connection_made(cast(asyncio.Transport, raw_side))
    came, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = client_context().wrap_bio(came, sent, server_hostname="127.0.0.1")
    while not told:
        with contextlib.suppress(ssl.SSLWantReadError):
            theirs.do_handshake()
        ours.data_received(sent.read())
        came.write(b"".join(raw_side.written))
        raw_side.written.clear()
    assert told == [None]
    return ours, raw_side, theirs, sent


async def test_a_chunk_of_tiny_tls_records_takes_several_turns_and_its_end_comes_last(stage: "Stage") -> None:
    inner = Inner()
    ours, raw_side, theirs, sent = secured(stage, inner)
    for n in range(2000):
        theirs.write(bytes((n % 256,)))
    with contextlib.suppress(ssl.SSLWantReadError):
        theirs.unwrap()
    said = bytes(n % 256 for n in range(2000))
    ours.data_received(sent.read())
    assert not raw_side.reading and len(inner.heard[0]) <= 250
    ours.pause_reading()
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(inner.heard) == 1, "who is asked to pause passes nothing on"
    ours.resume_reading()
    while len(b"".join(inner.heard)) < 1900:
        await asyncio.sleep(0)
    ours.pause_reading()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not inner.ended
    ours.resume_reading()
    for _ in range(20):
        await asyncio.sleep(0)
    assert b"".join(inner.heard) == said and inner.ended and raw_side.reading


def updates(theirs: ssl.SSLObject, count: int) -> None:
    """Let the client's OpenSSL ask for new keys so many times, by the pointer to it that Python keeps to itself."""
    _ssl = pytest.importorskip("_ssl")
    update = getattr(ctypes.CDLL(_ssl.__file__), "SSL_key_update", None)
    if update is None:
        pytest.skip("Python and OpenSSL are one file")
    inside: Any = theirs
    pointer = ctypes.c_void_p.from_address(
        id(inside._sslobj) + object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p)
    )
    for _ in range(count):
        assert update(pointer, 1) == 1
        theirs.do_handshake()


async def test_a_chunk_of_key_updates_takes_several_turns(stage: "Stage") -> None:
    inner = Inner()
    ours, raw_side, theirs, sent = secured(stage, inner)
    updates(theirs, 2000)
    theirs.write(b"at last")
    said = sent.read()
    ours.data_received(said[:3])  # a record's header may be cut
    ours.data_received(said[3:])
    answered = len(b"".join(raw_side.written))
    assert 200 <= answered * 2000 / len(said) <= 251 and not raw_side.reading
    while not inner.heard:
        await asyncio.sleep(0)
    assert inner.heard == [b"at last"] and raw_side.reading


async def test_a_client_that_asks_for_new_keys_and_takes_none_is_read_no_more_until_it_does(
    stage: "Stage",
) -> None:
    inner = Inner()
    ours, raw_side, theirs, sent = secured(stage, inner)
    ours.pause_writing()
    theirs.write(b"as any other")
    ours.data_received(sent.read())
    assert inner.heard == [b"as any other"] and raw_side.reading
    updates(theirs, 2000)
    theirs.write(b"at last")
    said = sent.read()
    ours.data_received(said)
    answered = len(b"".join(raw_side.written))
    for _ in range(20):
        ours.resume_reading()
        await asyncio.sleep(0)
    assert not raw_side.reading and answered <= len(said) / 7
    assert len(b"".join(raw_side.written)) == answered
    ours.resume_writing()
    while len(inner.heard) < 2:
        await asyncio.sleep(0)
    assert inner.heard[1] == b"at last" and raw_side.reading


async def test_a_failed_handshake_keeps_nothing_until_a_collection(stage: "Stage") -> None:
    gc.collect()
    gc.disable()
    try:
        inner, told = Inner(), list[Failure | None]()
        there = weakref.ref(inner)
        ours = Secured(inner, tls.serving(listener(stage.directory)), told.append, server_side=True)
        ours.connection_made(cast(asyncio.Transport, Wire()))
        ours.data_received(b"\x16" + bytes(30))
        ours.connection_lost(None)
        assert told == [Failure.HANDSHAKE]
        del ours, inner
        assert there() is None
        inner = Inner()
        ours, _, theirs, sent = secured(stage, inner)
        there = weakref.ref(inner)
        theirs.write(b"said")
        record = bytearray(sent.read())
        record[-1] ^= 1
        ours.data_received(bytes(record))
        ours.connection_lost(None)
        del ours, inner
        assert there() is None, "nor does a record that was tampered with"
    finally:
        gc.enable()


async def test_many_frames_on_an_ended_stream_are_given_back_with_one(stage: "Stage") -> None:
    async with raw(stage) as (relay, client, server, observer):
        client.say(headers(1), data(1, b"12345"), headers(3))
        await server.hears(3)
        server.say(SETTINGS, headers(1), headers(3))
        await client.hears(3)
        await observer.say(copy.idle(1, 0, 1, 5))
        relay.ask("switch", to="baseline")
        _, ping, *end = await client.hears(4)
        assert [kind for kind, *_ in end] == [boundary.HEADERS, boundary.RST_STREAM]
        await server.hear()
        # The engine is in the middle of a header block, so that nothing of ours can go.
        server.say(frames.frame(boundary.HEADERS, 0, 3, b"\x88"))
        await client.hear()
        client.say(data(1, b"x") * 20_000, ack(ping))
        await relay.until(lambda s: s["switch"]["acknowledged"] == 1)
        server.say(frames.frame(boundary.CONTINUATION, boundary.END_HEADERS, 3, b"\x88"))
        await client.hear()
        assert await client.hear() == (boundary.WINDOW_UPDATE, 0, 0, (20_000).to_bytes(4))


async def test_more_than_a_window_update_can_say_is_given_back_in_several() -> None:
    connection, client, _ = connected(Home())
    connection.depart(Departure("baseline", 0, 1e12))
    client.written.clear()
    connection.server.owed = LAST + 5
    connection.sweep(0)
    connection.sweep(0)
    assert client.written == [frames.window(LAST), frames.window(5)]


async def test_a_mark_looks_at_its_own_stream_alone() -> None:
    class Many(dict[int, Any]):
        """Counts how often all streams are looked at."""

        walks = 0

        def items(self) -> Any:
            self.walks += 1
            return super().items()

    connection, client, server = connected(Home())
    connection.streams.open = many = Many(connection.streams.open)
    for number in range(3, 201, 2):
        connection.take(connection.client, headers(number) + data(number, b"hi"))
    connection.depart(Departure("baseline", 0, asyncio.get_running_loop().time() + 60))
    walks = many.walks
    client.written.clear()
    for number in (
        5,
        9,
        5,
        9,
    ):  # after the first answer alone it may be a call that is about to be half-closed
        connection.marked(Record(Kind.IDLE, 1, 0, MARK.pack(number, 2)))
    connection.marked(Record(Kind.BUSY, 1, 0, MARK.pack(11, 2)))
    assert many.walks == walks and len(many) == 98
    assert b"".join(server.written).endswith(frames.reset(9, frames.CANCEL)) and client.written
