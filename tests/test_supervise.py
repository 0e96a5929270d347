"""The supervisor brings children back and takes them with it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from understudy.errors import ConfigError
from understudy.supervise import Child, Supervisor, bind, delay

SLEEPER = (
    "import os,sys,signal,threading;from pathlib import Path;from understudy.supervise import watch_parent;"
    "watch_parent();p=Path(sys.argv[1]);p.write_text(p.read_text()+f'{os.getpid()}\\n' if p.exists() else "
    "f'{os.getpid()}\\n');signal.pause()"
)


async def pids(path: Path, count: int) -> list[int]:
    for _ in range(400):
        found = [int(line) for line in path.read_text().split()] if path.exists() else []
        if len(found) >= count:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"{count} starts expected, saw {found}")


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_a_killed_child_comes_back_and_all_end_with_stop(tmp_path: Path) -> None:
    seen = tmp_path / "pids"
    supervisor = Supervisor([Child("sleeper", (sys.executable, "-c", SLEEPER, str(seen)))])
    running = asyncio.ensure_future(supervisor.run())
    (first,) = await pids(seen, 1)
    os.kill(first, signal.SIGKILL)
    _, second = await pids(seen, 2)
    supervisor.stop()
    await running
    assert gone(first) and gone(second)
    assert supervisor.restarts == {"sleeper": 1}


async def test_children_leave_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    seen = tmp_path / "pids"
    program = (
        "import asyncio,sys;from understudy.supervise import *;"
        f"asyncio.run(Supervisor([Child('s',(sys.executable,'-c',{SLEEPER!r},{str(seen)!r}))]).run())"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    (child,) = await pids(seen, 1)
    parent.kill()
    await parent.wait()
    for _ in range(200):
        if gone(child):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the child outlived its supervisor")


def test_crashes_in_a_row_are_restarted_ever_later_up_to_a_limit() -> None:
    waits = [delay(n) for n in range(1, 12)]
    assert waits == sorted(waits) and waits[0] == 0.2 and waits[-1] == 15.0


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:http", "203.0.113.1:80", "unix:/nowhere/at/all"])
def test_an_address_that_cannot_be_listened_on_is_named(address: str) -> None:
    with pytest.raises(ConfigError, match=address):
        bind(address)


def test_a_taken_address_is_refused_unless_our_own_relay_holds_it() -> None:
    with bind("127.0.0.1:0") as first:
        address = f"127.0.0.1:{first.getsockname()[1]}"
        with pytest.raises(ConfigError, match="choose a free address"):
            bind(address)
        bind(address, beside=True).close()
