"""Control sockets: one JSON object a line, one JSON object in answer, on a unix socket of mode 0600."""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from understudy.errors import UnderstudyError

log = logging.getLogger(__name__)

LONGEST = 1 << 20
"""Bytes of one request."""

ANSWER = 64 << 20
"""Bytes of one answer: a status with thousands of cells is long."""

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


async def listen(path: Path, handler: Handler) -> asyncio.Server:
    """Serve requests at `path`, in place of a socket that a dead process left behind.

    A handler's UnderstudyError becomes {"ok": false, "error": ...}; its dict is sent with "ok": true.
    """
    path.unlink(missing_ok=True)
    mask = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(
            lambda reader, writer: _converse(reader, writer, handler), path, limit=LONGEST
        )
    finally:
        os.umask(mask)


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> None:
    with suppress(ConnectionError, asyncio.CancelledError):
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await _answer(line, handler)).encode() + b"\n")
                await writer.drain()
        except ValueError:  # longer than `limit`
            writer.write(b'{"ok": false, "error": "control: request too long"}\n')
    writer.close()


async def _answer(line: bytes, handler: Handler) -> dict[str, Any]:
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise UnderstudyError("control: a request is one JSON object")
        return {"ok": True, **await handler(request)}
    except UnderstudyError as error:
        return {"ok": False, "error": str(error)}
    except (ValueError, RecursionError) as error:
        return {"ok": False, "error": f"control: not JSON: {error}"}
    except Exception as error:
        log.exception("a control request failed")
        return {"ok": False, "error": f"control: {type(error).__name__}: see the log"}


async def ask(path: Path, request: dict[str, Any], timeout_s: float = 10.0) -> dict[str, Any]:
    """Send one request and return its answer without "ok".

    Raises:
        UnderstudyError: nobody listens, no answer in time, or the answer is an error (its text).
    """
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(path, limit=ANSWER)
            try:
                writer.write(json.dumps(request).encode() + b"\n")
                await writer.drain()
                line = await reader.readline()
            finally:
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()
    except TimeoutError:
        raise UnderstudyError(f"{path}: no answer within {timeout_s:g} s: look at its log") from None
    except OSError as error:
        raise UnderstudyError(
            f"{path}: nobody listens ({error.strerror}): is `understudy serve` running, and run_dir the same?"
        ) from None
    except ValueError as error:
        raise UnderstudyError(f"{path}: {error}: is it understudy that listens there?") from None
    if not line.endswith(b"\n"):
        raise UnderstudyError(f"{path}: closed without an answer: look at its log")
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise UnderstudyError(f"{path}: answers no JSON object: is it understudy that listens there?")
    if not answer.pop("ok", False):
        raise UnderstudyError(str(answer.get("error", "refused")))
    return dict(answer)
