"""The parent process: owns the listening socket, starts the others and brings them back with back-off.

It does no data work. A relay keeps serving when the supervisor dies, because it holds its own copy of the
listening socket; every other process leaves with the supervisor, which `watch_parent` sees by a closed pipe.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from understudy.errors import ConfigError

log = logging.getLogger(__name__)

PARENT_FD = "UNDERSTUDY_PARENT_FD"
"""Environment variable naming the inherited pipe that closes when the supervisor is gone."""

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 15.0
STEADY_S = 30.0
"""A child that ran this long is forgiven its earlier crashes."""


@dataclass(frozen=True, slots=True)
class Child:
    """One process to keep alive."""

    name: str
    argv: tuple[str, ...]
    fds: tuple[int, ...] = ()
    """Inherited descriptors, by the same number."""
    outlives: bool = False
    """True for the relay: it goes on serving when the supervisor is killed."""
    stop_s: float = 5.0
    """Seconds from SIGTERM to SIGKILL."""


def delay(crashes: int) -> float:
    """Return the seconds to wait before the next start after so many crashes in a row."""
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** max(0, crashes - 1))


class Supervisor:
    """Runs children until stopped; stops them in the reverse order of their start."""

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = tuple(children)
        self._stopping = asyncio.Event()
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self.restarts: dict[str, int] = {child.name: 0 for child in children}

    def stop(self) -> None:
        """Begin to stop: no more restarts, children end in reverse order."""
        self._stopping.set()

    async def run(self) -> None:
        """Keep every child running until `stop`, then end them."""
        alive, parent = os.pipe()
        os.set_inheritable(alive, True)
        keepers = [asyncio.ensure_future(self._keep(child, alive)) for child in self._children]
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            done, _ = await asyncio.wait([*keepers, stopping], return_when=asyncio.FIRST_COMPLETED)
            for keeper in done - {stopping}:
                keeper.result()
        finally:
            self._stopping.set()
            for child in reversed(self._children):
                await self._end(child)
            stopping.cancel()
            await asyncio.gather(*keepers, stopping, return_exceptions=True)
            os.close(alive)
            os.close(parent)

    async def _keep(self, child: Child, alive: int) -> None:
        crashes = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            code: int | str
            try:
                process = await asyncio.create_subprocess_exec(
                    *child.argv,
                    pass_fds=(*child.fds, *(() if child.outlives else (alive,))),
                    env=os.environ | ({} if child.outlives else {PARENT_FD: str(alive)}),
                    stdin=asyncio.subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError as error:  # no memory or no process left just now: the others go on
                code = f"no start ({error})"
            else:
                self._processes[child.name] = process
                log.info("started %s", child.name, extra={"pid": process.pid})
                if self._stopping.is_set():  # told to stop while it started: `_end` has not seen it
                    await self._end(child)
                code = await process.wait()
            if self._stopping.is_set():
                return
            crashes = 1 if time.monotonic() - began > STEADY_S else crashes + 1
            self.restarts[child.name] += 1
            log.warning("%s ended with %s: starting it again in %.1f s", child.name, code, delay(crashes))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay(crashes))

    async def _end(self, child: Child) -> None:
        process = self._processes.get(child.name)
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), child.stop_s)
        except TimeoutError:
            log.warning("%s did not stop in %.0f s: killing it", child.name, child.stop_s)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def watch_parent() -> None:
    """In a child: send ourselves SIGTERM when the supervisor's end of the pipe closes, however it died."""
    number = os.environ.pop(PARENT_FD, None)
    if number is None:
        return
    os.set_inheritable(int(number), False)

    def wait() -> None:
        with contextlib.suppress(OSError):
            os.read(int(number), 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _answered(path: Path) -> bool:
    """Whether somebody listens on a unix socket; a dead process leaves its file behind."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(1)
        try:
            caller.connect(str(path))
        except TimeoutError:
            return True
        except OSError:
            return False
        return True


def bind(address: str, beside: bool = False) -> socket.socket:
    """Return a listening socket for `host:port` or `unix:path`, inheritable by the relay.

    SO_REUSEPORT lets a new supervisor bind `beside` a relay of the last one that still serves its callers;
    otherwise a first bind without it makes sure that nobody else listens there.

    Raises:
        ConfigError: the address is malformed, taken or not ours.
    """
    unix = address.startswith("unix:")
    host, _, port = address.rpartition(":")
    family = socket.AF_UNIX if unix else socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    try:
        if unix:
            path = Path(address.removeprefix("unix:"))
            if path.is_socket() and (beside or not _answered(path)):
                path.unlink()
            listening.bind(str(path))
            path.chmod(0o600)
        else:
            where = (host.strip("[]"), int(port))
            if not beside:
                with socket.socket(family) as alone:
                    alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    alone.bind(where)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listening.bind(where)
        listening.listen(1024)
    except (OSError, ValueError, OverflowError) as error:
        listening.close()
        raise ConfigError(f"listen: cannot listen on {address!r} ({error}): choose a free address") from error
    listening.setblocking(False)
    listening.set_inheritable(True)
    return listening
