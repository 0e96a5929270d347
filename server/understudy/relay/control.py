"""The relay's control socket: one JSON object a line, one JSON object in answer, mode 0600.

Requests: {"op":"status"}, {"op":"switch","to":"baseline"|"candidate","drain_max_s":30}, {"op":"drain"};
`drain_max_s` may be left out. {"op":"aim","to":...} is the first half of a switch: new connections alone.
{"op":"probe","every_s":0.002} begins a close look at the loop's lag, 0 ends it; the answer is what the last one saw.
{"op":"listening"} is answered with the listening socket beside the text (SCM_RIGHTS), for a successor.
Answers: {"ok":true,...} or {"ok":false,"error":"..."}.
"""

import asyncio
import json
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, cast

from understudy.errors import UnderstudyError
from understudy.relay.probe import Probe

_LINE = 64 * 1024
"""Longest request, bytes."""


class Orders(Protocol):
    """What the socket controls."""

    def status(self) -> dict[str, Any]:
        """Everything countable."""

    def switch(self, to: str, drain_max_s: float | None = None) -> dict[str, Any]:
        """Another engine becomes primary."""

    def aim(self, to: str) -> dict[str, Any]:
        """Another engine serves new connections."""

    def drain(self, drain_max_s: float | None = None) -> dict[str, Any]:
        """Finish and end."""

    @property
    def probe(self) -> Probe:
        """The loop's lag."""

    def listening(self) -> tuple[dict[str, Any], int]:
        """The listening socket's address and descriptor."""


def answer(orders: Orders, line: bytes, fds: list[int]) -> dict[str, Any]:
    """Obey one request; descriptors that go with the answer are put into `fds`."""
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise UnderstudyError("control: a request is one JSON object")
        op = request.pop("op", None)
        limit = request.pop("drain_max_s", None) if op in ("switch", "drain") else None
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | float) or limit < 0):
            raise UnderstudyError("control: drain_max_s is a number of seconds, 0 or above")
        to = request.pop("to", None) if op in ("switch", "aim") else None
        every = request.pop("every_s", None) if op == "probe" else 0
        if isinstance(every, bool) or not isinstance(every, int | float):
            raise UnderstudyError("control: probe takes every_s, a number of seconds")
        if request:
            raise UnderstudyError(f"control: {op} does not take {', '.join(map(repr, request))}")
        if op == "status":
            result = orders.status()
        elif op == "switch":
            result = orders.switch(str(to), limit)
        elif op == "aim":
            result = orders.aim(str(to))
        elif op == "probe":
            result = orders.probe.look(every)
        elif op == "drain":
            result = orders.drain(limit)
        elif op == "listening":
            result, fd = orders.listening()
            fds.append(fd)
        else:
            known = "status, switch, aim, probe, drain or listening"
            raise UnderstudyError(f"control: no such op {op!r}: use {known}")
    except UnderstudyError as error:
        return {"ok": False, "error": str(error)}
    except (ValueError, RecursionError) as error:
        return {"ok": False, "error": f"control: no JSON: {error}"}
    return {"ok": True, **result}


class Control:
    """Listens until closed."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._server: asyncio.Server | None = None
        self._path: Path | None = None
        self._open: set[asyncio.Transport] = set()
        self._inode = 0

    async def start(self, path: str) -> None:
        """Listen on a unix socket, in place of one a dead process left behind.

        Raises:
            OSError: it cannot be made.
        """
        self._path = Path(path)
        with suppress(FileNotFoundError):
            self._path.unlink()
        # The directory is 0700 already; the mask keeps the socket private from its first moment on.
        mask = os.umask(0o177)
        try:
            self._server = await asyncio.get_running_loop().create_unix_server(
                lambda: _Line(self._orders, self._open), path
            )
        finally:
            os.umask(mask)
        self._path.chmod(0o600)
        self._inode = self._path.stat().st_ino

    async def close(self) -> None:
        """Stop listening; answers given are still sent, to those who read them."""
        if self._server is not None:
            self._server.close()
        for transport in list(self._open):
            transport.close()
        while self._open:
            await asyncio.sleep(0)
        # A relay that drains beside its successor must not remove the successor's socket.
        with suppress(FileNotFoundError):
            if self._path is not None and self._path.stat().st_ino == self._inode:
                self._path.unlink()


class _Line(asyncio.Protocol):
    """One controller's connection."""

    def __init__(self, orders: Orders, opened: set[asyncio.Transport]) -> None:
        self._orders = orders
        self._opened = opened
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not derive from it
        self._opened.add(self._transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            if line.strip():
                fds: list[int] = []
                told = json.dumps(answer(self._orders, line, fds)).encode() + b"\n"
                if fds:
                    self._send(told, fds)
                else:
                    self._transport.write(told)
        if len(self._buffer) > _LINE:
            self._transport.write(b'{"ok": false, "error": "control: request too long"}\n')
            self._transport.close()

    def _send(self, told: bytes, fds: list[int]) -> None:
        """Past the transport, which passes no descriptors: only as the one answer on a connection."""
        assert self._transport is not None
        mine: socket.socket = self._transport.get_extra_info("socket")
        with socket.socket(fileno=os.dup(mine.fileno())) as sock, suppress(OSError):
            socket.send_fds(sock, [told], fds)

    def pause_writing(self) -> None:
        # Someone who asks and does not read the answers is not worth the memory.
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        if self._transport is not None:
            self._opened.discard(self._transport)
