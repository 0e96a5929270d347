"""The relay as a process: an inherited socket, SIGTERM, and the latch that outlives it."""

import asyncio
import json
import signal
import socket
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from understudy import latch
from understudy.errors import ConfigError, UnderstudyError
from understudy.latch import Latch
from understudy.relay import Settings

if TYPE_CHECKING:
    from tests.relay.conftest import Stage

MAIN = """
import json, sys
from understudy.relay import Settings, run
sys.exit(run(Settings(**json.loads(sys.argv[1]))))
"""

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]), int(sys.argv[3])))
"""


def ask(path: Path, **request: Any) -> Any:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(path))
        sock.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(sock.makefile().readline())


async def test_a_process_serves_an_inherited_socket_and_drains_on_sigterm(stage: "Stage") -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        given = {
            "listen_fd": listening.fileno(),
            "baseline": stage.baseline.address,
            "candidate": stage.candidate.address,
            "primary": "candidate",
            "run_dir": str(stage.directory),
            "latch": str(stage.directory / "latch.json"),
        }
        process = subprocess.Popen(
            [sys.executable, "-c", MAIN, json.dumps(given)], pass_fds=(listening.fileno(),)
        )
        try:
            # The kernel holds connections until the process is up: for a client that waits so long.
            channel = grpc.aio.insecure_channel("{}:{}".format(*listening.getsockname()))
            stage.channels.append(channel)
            assert await channel.unary_unary("/t.T/Unary", None, None)(b"x") == b"candidate:x"
            control = stage.directory / "relay.sock"
            assert stat.S_IMODE(control.stat().st_mode) == 0o600
            status = await asyncio.to_thread(ask, control, op="status")
            assert status["ok"] and status["connections"] == 1 and status["lag_max_s"] < 1
            call = channel.unary_stream("/t.T/Stream", None, None)(b"20 10", metadata=(("delay", "0.02"),))
            replies = aiter(call)
            assert await anext(replies)
            process.send_signal(signal.SIGTERM)
            # The stream in flight ends whole; what is new finds nobody.
            assert len([message async for message in replies]) == 19
            assert await asyncio.to_thread(process.wait, 5) == 0
            assert not control.exists()
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize(("hard", "enough"), [(400, True), (200, False)])
async def test_a_process_takes_all_the_open_files_it_may_have_and_says_when_they_are_too_few(
    stage: "Stage", hard: int, enough: bool
) -> None:
    """120 callers need 240 of them, and the process begins with 100."""

    writers: list[asyncio.StreamWriter] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(await reader.read(2))
        await reader.read()
        writer.close()

    engine = await asyncio.start_unix_server(greet, stage.directory / "engine.sock", backlog=200)
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listening:
        given = {
            "listen_fd": listening.fileno(),
            "baseline": f"unix:{stage.directory}/engine.sock",
            "candidate": f"unix:{stage.directory}/engine.sock",
            "run_dir": str(stage.directory),
            "latch": str(stage.directory / "latch.json"),
            "max_connections": 120,
        }
        with subprocess.Popen(
            [sys.executable, "-c", LIMITED + MAIN, json.dumps(given), "100", str(hard)],
            pass_fds=(listening.fileno(),),
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            callers = [socket.create_connection(listening.getsockname()) for _ in range(120)]
            loop, served = asyncio.get_running_loop(), 0
            for caller in callers:
                caller.setblocking(False)
                await loop.sock_sendall(caller, b"hi")
            with suppress(TimeoutError, ConnectionError):
                for turn, caller in enumerate(callers):
                    async with asyncio.timeout(10 if enough or not turn else 1):
                        served += await loop.sock_recv(caller, 2) == b"hi"
            for caller in callers:
                caller.close()
            process.terminate()
            _, said = await asyncio.to_thread(process.communicate, None, 10)
    assert (served == 120) is enough
    assert ("relay.max_connections: 120" in said) is not enough
    for writer in writers:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    engine.close()
    await engine.wait_closed()


async def test_the_latch_wins_over_the_config_until_it_is_cleared(stage: "Stage") -> None:
    path = stage.directory / "latch.json"
    issued = Latch("baseline", "task=math x agreement breached", ("f00d",), 12345)
    latch.write(path, issued)
    assert latch.read(path) == issued and stat.S_IMODE(path.stat().st_mode) == 0o600
    relay = stage.relay(primary="candidate")
    assert relay.status["primary"] == "baseline" and relay.status["latch"]["reason"] == issued.reason
    assert await stage.channel(relay.address).unary_unary("/t.T/Unary")(b"x") == b"baseline:x"
    refused = relay.ask("switch", to="candidate")
    assert not refused["ok"] and "rearm" in refused["error"]
    latch.clear(path)
    latch.clear(path)
    assert latch.read(path) is None
    assert relay.ask("switch", to="candidate")["ok"]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"null",
        b"\xff\xfe",
        b'{"primary": "candidate"}',
        b'{"primary": "candidate", "reason": "", "alerts": [], "issued_ns": "now"}',
        b'{"primary": "candidate", "reason": "", "alerts": "abc", "issued_ns": 1}',
        b'{"primary": "nobody", "reason": "", "alerts": [], "issued_ns": 1}',
        b'{"primary": "candidate", "reason": "", "alerts": [], "issued_ns": 1, "more": 1}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_latch_never_brings_the_candidate_back(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "latch.json"
    path.write_bytes(damage)
    assert latch.read(path) == Latch("baseline", "latch file damaged", (), 0)
    path.unlink()
    path.mkdir()
    found = latch.read(path)
    assert found is not None and found.primary == "baseline"


def test_a_latch_that_cannot_be_written_says_so_and_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "latch.json"
    latch.write(path, Latch("baseline", "first", (), 1))
    latch.write(path, Latch("candidate", "second", (), 2))
    assert [entry.name for entry in tmp_path.iterdir()] == ["latch.json"]
    with pytest.raises(UnderstudyError, match="mend the state directory"):
        latch.write(tmp_path / "nowhere" / "latch.json", Latch("baseline", "", (), 1))
    with pytest.raises(UnderstudyError, match="baseline or candidate"):
        latch.write(path, Latch("control", "", (), 1))
    assert latch.read(path) == Latch("candidate", "second", (), 2)


async def test_an_address_in_use_is_one_clear_error(stage: "Stage") -> None:
    with pytest.raises(ConfigError, match="relay: cannot listen"):
        stage.relay(listen=stage.baseline.address)


@pytest.mark.parametrize(
    "wrong",
    [
        {"primary": "control"},
        {"drain_max_s": 0},
        {"listen": "8001"},
        {"candidate": "unix:"},
        {"copy_hard_bytes": 1},
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"relay.{next(iter(wrong))}: .+") as caught:
        Settings(**wrong)
    assert "\n" not in str(caught.value)
