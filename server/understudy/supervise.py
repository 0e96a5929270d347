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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from understudy.errors import ConfigError, EngineError, UnderstudyError

log = logging.getLogger(__name__)

PARENT_FD = "UNDERSTUDY_PARENT_FD"
"""Environment variable naming the inherited pipe that closes when the supervisor is gone."""

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 15.0
START_S = 30.0
"""Longest wait for a successor to be ready."""
HURRY_S = 3.0
"""Seconds from the second order to stop to SIGKILL."""
STEADY_S = 30.0
"""A child that ran this long is forgiven its earlier crashes."""


class Place(Protocol):
    """Where a child works that can be replaced while it works."""

    def ready(self, pid: int) -> bool:
        """Whether this process does its work there."""

    def left(self, pid: int) -> None:
        """This process is gone."""

    def another(self) -> "Child":
        """The same child in another place."""

    def vacate(self) -> None:
        """Nobody works here any more: it may be a successor's place."""


@dataclass(frozen=True, slots=True)
class Child:
    """One process to keep alive."""

    name: str
    argv: tuple[str, ...]
    fds: tuple[int, ...] = ()
    """Inherited descriptors, by the same number."""
    outlives: bool = False
    """True for the data path: it goes on serving when the supervisor is killed."""
    stop_s: float = 5.0
    """Seconds from SIGTERM to SIGKILL."""
    place: Place | None = None
    """Set where a successor can begin before it ends."""


def delay(crashes: int) -> float:
    """Return the seconds to wait before the next start after so many crashes in a row."""
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** max(0, crashes - 1))


@dataclass(slots=True, eq=False)
class _Kept:
    """One child as it is now."""

    child: Child
    process: asyncio.subprocess.Process | None = None
    replaced: asyncio.Event = field(default_factory=asyncio.Event)
    keeper: "asyncio.Task[None] | None" = None


class Supervisor:
    """Runs children until stopped: then the data path first, all of it at once, and the rest in reverse order."""

    def __init__(self, children: Sequence[Child]) -> None:
        self._kept = {child.name: _Kept(child) for child in children}
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._beside: dict[asyncio.subprocess.Process, Child] = {}
        """Successors that are not ready yet, and predecessors that still finish their callers."""
        self._told: set[asyncio.subprocess.Process] = set()
        self._failure: BaseException | None = None
        self._alive = -1
        self.restarts: dict[str, int] = {child.name: 0 for child in children}

    @property
    def replaceable(self) -> tuple[str, ...]:
        """The children that can be replaced while they work."""
        return tuple(name for name, kept in self._kept.items() if kept.child.place is not None)

    @property
    def pids(self) -> frozenset[int]:
        """The processes there are now."""
        running = [kept.process for kept in self._kept.values() if kept.process is not None]
        return frozenset(process.pid for process in (*running, *self._beside))

    def stop(self) -> None:
        """Begin to stop: no more restarts. The second time: callers are not waited for any longer."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    async def run(self) -> None:
        """Keep every child running until `stop`, then end them."""
        self._alive, parent = os.pipe()
        os.set_inheritable(self._alive, True)
        try:
            for kept in self._kept.values():
                self._begin(kept)
            await self._stopping.wait()
        finally:
            self._stopping.set()
            path = [(kept.process, kept.child) for kept in self._kept.values() if kept.child.outlives]
            await asyncio.gather(*(self._finish(*each) for each in (*path, *self._beside.items())))
            for kept in reversed(self._kept.values()):
                await self._finish(kept.process, kept.child)
            keepers = [kept.keeper for kept in self._kept.values() if kept.keeper is not None]
            await asyncio.gather(*keepers, return_exceptions=True)
            os.close(self._alive)
            os.close(parent)
        if self._failure is not None:
            raise self._failure

    async def suspend(self) -> None:
        """End everything but the data path, which a successor takes over."""
        for kept in reversed(self._kept.values()):
            if not kept.child.outlives and kept.keeper is not None:
                kept.keeper.cancel()
                await asyncio.gather(kept.keeper, return_exceptions=True)
                kept.keeper = None
                await self._finish(kept.process, kept.child)

    def resume(self) -> None:
        """No successor came: start again what was ended."""
        for kept in self._kept.values():
            if kept.keeper is None and not self._stopping.is_set():
                self._begin(kept)

    async def replace(self, name: str) -> None:
        """Start a child's successor, and end the child once that works.

        Raises:
            EngineError: the successor does not come up; the child works on.
        """
        kept = self._kept[name]
        old, child = kept.process, kept.child
        if old is None or old.returncode is not None or child.place is None:
            return  # it is being started anyway
        fresh = child.place.another()
        try:
            process = await self._succeed(fresh)
        except (UnderstudyError, OSError):
            assert fresh.place is not None
            fresh.place.vacate()
            raise
        if self._stopping.is_set():
            await self._finish(process, fresh)
            return
        kept.child, kept.process = fresh, process
        kept.replaced.set()
        self._beside[old] = child
        try:
            await self._finish(old, child)
            child.place.vacate()
        finally:
            del self._beside[old]

    async def _succeed(self, fresh: Child) -> asyncio.subprocess.Process:
        """Start a successor and wait until it works; one that does not is ended."""
        assert fresh.place is not None
        process = await self._start(fresh)
        self._beside[process] = fresh
        try:
            await self._up(process, fresh)
        except UnderstudyError:
            await self._finish(process, fresh)
            fresh.place.left(process.pid)  # also when it ended by itself
            raise
        finally:
            del self._beside[process]
        return process

    async def _up(self, process: asyncio.subprocess.Process, child: Child) -> None:
        assert child.place is not None
        clock = asyncio.get_running_loop().time
        until = clock() + START_S
        while not child.place.ready(process.pid) and not self._stopping.is_set():
            if process.returncode is not None:
                raise EngineError(f"{child.name}: its successor ended with {process.returncode}: see the log")
            if clock() > until:
                process.kill()
                raise EngineError(f"{child.name}: its successor was not ready within {START_S:.0f} s")
            await asyncio.sleep(0.02)

    def _begin(self, kept: _Kept) -> None:
        kept.keeper = asyncio.ensure_future(self._keep(kept))
        kept.keeper.add_done_callback(self._ended)

    def _ended(self, keeper: "asyncio.Task[None]") -> None:
        if not keeper.cancelled() and (error := keeper.exception()) is not None:
            self._failure = self._failure or error
            self._stopping.set()

    async def _start(self, child: Child) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *child.argv,
            pass_fds=(*child.fds, *(() if child.outlives else (self._alive,))),
            env=os.environ | ({} if child.outlives else {PARENT_FD: str(self._alive)}),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        log.info("started %s", child.name, extra={"pid": process.pid})
        return process

    async def _keep(self, kept: _Kept) -> None:
        crashes, name = 0, kept.child.name
        while not self._stopping.is_set():
            began = time.monotonic()
            code: int | str | None
            try:
                kept.process = await self._start(kept.child)
            except OSError as error:  # no memory or no process left just now: the others go on
                code = f"no start ({error})"
            else:
                if self._stopping.is_set():  # told to stop while it started: nobody has ended it
                    await self._finish(kept.process, kept.child)
                code = await self._over(kept)
            if self._stopping.is_set():
                return
            crashes = 1 if time.monotonic() - began > STEADY_S else crashes + 1
            self.restarts[name] += 1
            log.warning("%s ended with %s: starting it again in %.1f s", name, code, delay(crashes))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay(crashes))

    async def _over(self, kept: _Kept) -> int | None:
        """Wait until the child has ended, that of now: it may be replaced meanwhile."""
        while True:
            process = kept.process
            assert process is not None
            if not await _first(process, kept.replaced) and process is kept.process:
                if kept.child.place is not None:
                    kept.child.place.left(process.pid)
                return process.returncode
            kept.replaced.clear()

    async def _finish(self, process: asyncio.subprocess.Process | None, child: Child) -> None:
        """End a process: told once, and killed when it takes too long."""
        if process is None or process.returncode is not None:
            return
        if process not in self._told:
            self._told.add(process)
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        patience_s = child.stop_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                hurried = await _first(process, self._hurry)
                if hurried:
                    patience_s = HURRY_S
                    if child.outlives:
                        with contextlib.suppress(ProcessLookupError):
                            process.terminate()  # the second time it waits for nobody
                    async with asyncio.timeout(patience_s):
                        await process.wait()
        if process.returncode is None:
            log.warning("%s did not stop in %.0f s: killing it", child.name, patience_s)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        self._told.discard(process)
        if child.place is not None:
            child.place.left(process.pid)


async def _first(process: asyncio.subprocess.Process, event: asyncio.Event) -> bool:
    """Wait for a process's end or an event; True when the event came and the process still runs."""
    waits = [asyncio.ensure_future(process.wait()), asyncio.ensure_future(event.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return process.returncode is None


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


def answered(path: Path) -> bool:
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
            if path.is_socket() and (beside or not answered(path)):
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
