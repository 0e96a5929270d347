"""Control sockets answer every line, and say who is not there."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest
from understudy.errors import ConfigError, UnderstudyError
from understudy.service.lines import ask, listen


async def handle(request: dict[str, Any]) -> dict[str, Any]:
    if request["op"] == "refuse":
        raise ConfigError("no: ask otherwise")
    if request["op"] == "crash":
        raise ZeroDivisionError
    return {"heard": request["op"]}


async def test_requests_are_answered_refused_and_survived(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with await listen(path, handle):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await ask(path, {"op": "status"}) == {"heard": "status"}
        with pytest.raises(UnderstudyError, match="no: ask otherwise"):
            await ask(path, {"op": "refuse"})
        with pytest.raises(UnderstudyError, match="ZeroDivisionError"):
            await ask(path, {"op": "crash"})
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"rubbish\n[1]\n")
        assert b"not JSON" in await reader.readline()
        assert b"one JSON object" in await reader.readline()
        writer.close()


async def test_a_missing_server_is_named_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(UnderstudyError, match="is `understudy serve` running"):
        await ask(tmp_path / "control.sock", {"op": "status"})
