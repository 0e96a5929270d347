"""TLS over a transport of the loop: a protocol towards it, a transport towards an `End`.

What the other side of an `End` writes is encrypted and what comes is decrypted, so that everything behind it,
the observer's copy included, knows plain bytes alone. The loop's own TLS is not used, because it knows no
half-closed connections, keeps one context for the life of a listener and gives no reason for a failure.
"""

import asyncio
import ssl
from collections.abc import Callable
from enum import StrEnum
from typing import Any, cast

from understudy.relay import frames
from understudy.tls import PROTOCOL

_READ = 256 * 1024
_TURN = 250
"""Records that OpenSSL is given in one turn of the loop: a chunk may hold thousands of small ones, and others wait
meanwhile. Some hold no data and cost more than data do: a KeyUpdate of 27 bytes takes 16 us."""
_HEAD = 5
"""Bytes before a record, the last two its length (RFC 8446 section 5.1)."""
_HANDSHAKE = 22
"""The first byte of a TLS record that begins a connection (RFC 8446 section 5.1)."""
_INADEQUATE_SECURITY = 12

PLAIN_REFUSED = frames.settings() + frames.goaway(0, _INADEQUATE_SECURITY, b"this port speaks TLS")
"""What an HTTP/2 client hears that speaks plainly to a TLS port."""
TLS_REFUSED = b"\x15\x03\x01\x00\x02\x02\x28"
"""What a TLS client hears that speaks to a plain port: the alert handshake_failure (RFC 8446 section 6)."""


class Failure(StrEnum):
    """Why a handshake came to nothing."""

    PLAINTEXT = "plaintext"
    """The other side does not speak TLS."""
    CERTIFICATE = "certificate"
    """A certificate that is asked for is missing, or does not stand up to checking."""
    PROTOCOL = "alpn"
    """The two do not agree on HTTP/2."""
    HANDSHAKE = "handshake"
    """Anything else OpenSSL objects to."""
    LOST = "lost"
    """The connection ended on the way."""


def is_tls(data: bytes) -> bool:
    """Whether a connection that begins with these bytes speaks TLS; HTTP/2 never begins with this byte."""
    return data[0] == _HANDSHAKE


class Secured(asyncio.Transport, asyncio.Protocol):
    """One connection over TLS."""

    __slots__ = (
        "_behind",
        "_due",
        "_error",
        "_fresh",
        "_full",
        "_greeted",
        "_in",
        "_inner",
        "_left",
        "_out",
        "_over",
        "_paused",
        "_prefix",
        "_raw",
        "_rest",
        "_server_side",
        "_shaking",
        "_shut",
        "_stuck",
        "_tls",
        "_told",
    )

    def __init__(
        self,
        inner: asyncio.Protocol,
        context: ssl.SSLContext,
        greeted: Callable[[Failure | None], None],
        *,
        server_name: str | None = None,
        server_side: bool = False,
        prefix: bytes = b"",
    ) -> None:
        """`greeted` is told once how the handshake went; `prefix` goes before it, unencrypted."""
        super().__init__()
        self._inner = inner
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side, server_name)
        self._greeted = greeted
        self._server_side = server_side
        self._prefix = prefix
        self._fresh = server_side
        """Nothing has come yet that tells whether the client speaks TLS."""
        self._raw: asyncio.Transport | None = None
        self._shaking = True
        self._over = False
        """The other side's end has come."""
        self._told = False
        """It was passed on."""
        self._shut = False
        """Our own end was sent."""
        self._error: Exception | None = None
        """Without its traceback, whose frames would keep this connection until a collection."""
        self._paused = False
        """We were asked not to read for now."""
        self._behind = False
        """More has come than was passed on: records that wait for the loop's next turn, or the end."""
        self._rest = b""
        """These records, or part of a record's header."""
        self._left = 0
        """Bytes still to come of the record that OpenSSL has been given last."""
        self._full = False
        """The other side is slow to take what is written."""
        self._stuck = False
        """So slow that answers of OpenSSL's own wait, to a KeyUpdate say: nothing is read that asks for more."""
        self._due = False
        """That turn is ours too."""

    # ---- what the loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there; a client begins to shake hands."""
        self._raw = cast(asyncio.Transport, transport)  # uvloop's do not derive from it
        if self._prefix:
            self._raw.write(self._prefix)
        self._inner.connection_made(self)
        if not self._server_side:
            self._shake()

    def data_received(self, data: bytes) -> None:
        """Records, cut anywhere."""
        if self._raw is None or self._raw.is_closing():
            return
        if self._fresh:
            self._fresh = False
            if not is_tls(data):
                if data.startswith(b"PRI "):
                    self._raw.write(PLAIN_REFUSED)
                self._fail(Failure.PLAINTEXT)
                return
        self._rest += data
        self._turn()

    def eof_received(self) -> bool:
        """The other side sends nothing more.

        Whether it said so in TLS does not matter to HTTP/2, whose frames tell what is whole. OpenSSL is not
        told: it would refuse to send on, and the other side may still read.
        """
        if self._shaking:
            return False
        self._over = True
        self._end()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """All is over."""
        if self._shaking:
            self._shaking = False
            self._greeted(Failure.LOST)
        self._inner.connection_lost(self._error or error)
        self._raw = None

    def pause_writing(self) -> None:
        """Too much is unsent."""
        self._full = True
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """It is sent."""
        self._full = self._stuck = False
        self._inner.resume_writing()
        self._resume()

    # ---- TLS

    def _turn(self) -> None:
        """Take as many records as one turn may."""
        data, at, records = self._rest, self._left, 0
        while records < _TURN and at + _HEAD <= len(data):
            at += _HEAD + int.from_bytes(data[at + 3 : at + _HEAD])
            records += 1
        given = min(at, len(data))
        self._rest, self._left = data[given:], at - given
        self._in.write(data[:given])
        if not self._shaking or self._shake():
            self._read()
        self._behind = self._behind or len(self._rest) >= _HEAD
        if (self._behind or self._stuck) and self._raw is not None and not self._raw.is_closing():
            self._raw.pause_reading()
            self._resume()

    def _shake(self) -> bool:
        """Go on with the handshake; True when it is done."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as error:
            self._flush()  # the alert that tells the other side why
            wrong = isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE" in (error.reason or "")
            self._error = error.with_traceback(None)
            self._fail(Failure.CERTIFICATE if wrong else Failure.HANDSHAKE)
            return False
        self._flush()
        if self._tls.selected_alpn_protocol() != PROTOCOL:
            self._fail(Failure.PROTOCOL)
            return False
        self._shaking = False
        self._greeted(None)
        return True

    def _fail(self, why: Failure) -> None:
        self._shaking = False
        self._shut = True
        self._greeted(why)
        if self._raw is not None:
            self._raw.close()

    def _read(self) -> None:
        chunks: list[bytes] = []
        over, wrong = False, None
        try:
            # What is left of a record is asked for last only when some of it is there: no needless exception.
            while not over and self._in.pending:
                chunk = self._tls.read(_READ)
                chunks.append(chunk)
                over = not chunk
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            over = True
        except ssl.SSLError as error:
            wrong = error
        answered = self._out.pending > 0
        self._flush()
        self._stuck = answered and self._full
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        if data:
            self._inner.data_received(data)
        if wrong is not None and self._raw is not None:
            self._error = wrong.with_traceback(None)
            self._raw.close() if self._raw.get_write_buffer_size() else self._raw.abort()
        elif over:
            self._rest = b""
            self._over = True
            self._end()

    def _resume(self) -> None:
        """Read on, unless something still stands against it; first comes what had to wait."""
        if self._paused or self._stuck or self._raw is None or self._raw.is_closing():
            return
        if not self._behind:
            self._raw.resume_reading()
        elif not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        """Pass on what had to wait, unless it still has to."""
        self._due = False
        if self._paused or self._stuck or not self._behind or self._raw is None:
            return
        self._behind = False
        if self._over:
            self._end()
        else:
            self._turn()
        self._resume()

    def _end(self) -> None:
        """Pass on the other side's end, behind everything it has said."""
        if self._told or self._raw is None:
            return
        if self._paused:
            self._behind = True
            return
        self._told = True
        self._inner.eof_received()

    def _flush(self) -> None:
        if self._out.pending and self._raw is not None and not self._raw.is_closing():
            self._raw.write(self._out.read())

    def _farewell(self) -> None:
        """Say in TLS that nothing more comes."""
        if not self._shut and not self._shaking:
            self._shut = True
            try:
                self._tls.unwrap()
            except ssl.SSLError:
                pass  # it wants the other side's farewell, which comes or does not
            self._flush()

    def _give_up(self) -> None:
        """A handshake that we end ourselves is no failure."""
        if self._server_side:
            self._shaking = False
            self._shut = True

    # ---- what an `End` asks

    def write(self, data: Any) -> None:
        """Send."""
        if self._shut or self._raw is None or self._raw.is_closing():
            return
        sent = 0
        try:
            while sent < len(data):
                sent += self._tls.write(memoryview(data)[sent:] if sent else data)
        except ssl.SSLError as error:
            self._error = error.with_traceback(None)
            self._raw.abort()
            return
        self._raw.write(self._out.read())

    def write_eof(self) -> None:
        """Send nothing more; what comes is still read."""
        self._farewell()
        if self._raw is not None and not self._raw.is_closing():
            self._raw.write_eof()

    def can_write_eof(self) -> bool:
        """It can."""
        return True

    def close(self) -> None:
        """Send what is unsent, and close."""
        self._farewell()
        self._give_up()
        if self._raw is not None:
            self._raw.close()

    def abort(self) -> None:
        """Close at once."""
        self._give_up()
        if self._raw is not None:
            self._raw.abort()

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._raw is None or self._raw.is_closing()

    def pause_reading(self) -> None:
        """Read no more for now."""
        self._paused = True
        if self._raw is not None:
            self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._paused = False
        self._resume()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Of encrypted bytes."""
        if self._raw is not None:
            self._raw.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Encrypted bytes unsent."""
        return self._raw.get_write_buffer_size() if self._raw is not None else 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Of the connection below, and `ssl_object`."""
        if name == "ssl_object":
            return self._tls
        return self._raw.get_extra_info(name, default) if self._raw is not None else default
