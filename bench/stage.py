"""Processes of a run: engines, what stands in front of them, the load; pinned to cores, on free ports.

All of them live in one temporary folder and end with the run.
"""

import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from understudy.errors import EngineError

from bench import messages
from bench.tools import Tools

ROOT = Path(__file__).parent.parent
PRIORITY = 10
FILES = 65536
START_S = 20.0
END_S = 20.0
"""How long the load generator may take past its time."""
ENGINES = ("primary", "shadow")


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores do what."""

    front: int
    """The path: a proxy, or Understudy's relay."""
    behind: int
    """Understudy's observer and the counting subscriber."""
    engines: int
    load: int
    shadow: int
    """The engine that is mirrored to."""

    @classmethod
    def of(cls, cores: list[int]) -> "Cores":
        """Share the cores there are; with fewer than four, engines, load and what stands behind share."""
        if len(cores) >= 4:
            return cls(cores[0], cores[1], cores[-2], cores[-1], cores[-2])
        return cls(cores[0], cores[min(1, len(cores) - 1)], cores[-1], cores[-1], cores[-1])

    @classmethod
    def apart(cls, cores: list[int]) -> "Cores":
        """What callers depend on has cores of its own, and whatever is mirrored to has one: the last."""
        path = cores[:-1] or cores
        return cls(path[0], cores[-1], path[len(path) // 2], path[-1], cores[-1])


@dataclass(frozen=True, slots=True)
class Load:
    """A load generator that was started."""

    name: str
    """What it calls."""
    process: subprocess.Popen[bytes]
    seconds: float


class Stage:
    """Two engines, and processes by name and part."""

    def __init__(self, tools: Tools, share: Callable[[list[int]], Cores] = Cores.of) -> None:
        """`share` says who has which of the cores there are."""
        self.tools = tools
        self.cores = share(sorted(os.sched_getaffinity(0)))
        self.realtime = _may_have_priority()
        self.ports: dict[str, int] = {}
        self.secure: set[str] = set()
        """Names at whose ports callers speak TLS; whom to trust is in ca.pem in the folder."""
        self.engines: set[str] = set()
        self.folder = Path(tempfile.mkdtemp(prefix="usb"))
        self.checked: dict[str, list[int]] = {}
        """Name -> calls and streams whose bytes were compared, and how many of them differed."""
        self.running: dict[str, list[tuple[str, subprocess.Popen[bytes]]]] = {}
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))

    def open(self) -> None:
        """Start the engines."""
        try:
            messages.write(self.folder)
            for name in ENGINES:
                self.ports[name] = free_port()
                self.engine(name)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End everything and leave nothing behind."""
        for name in reversed(list(self.running)):
            self.stop(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- processes

    def engine(self, name: str, *words: str) -> None:
        """Start an engine on its port, with the messages of its own folder if it has them.

        `words` are its number of slots and how long a call has one, microseconds; without them it is not finite.
        """
        self.engines.add(name)
        own = self.folder / name
        folder = own if (own / "reply.bin").exists() else self.folder
        command = [self.tools.programs["upstream"], str(self.ports[name]), str(folder), *words]
        self.spawn(name, name, command, self.cores.shadow if name == "shadow" else self.cores.engines)
        self.listening(name)

    def spawn(
        self, name: str, part: str, command: list[str], core: int | None, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a process on a core (None: on any), its output in a log of its own."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        place = contextlib.nullcontext() if core is None else pinned(core)
        with (folder / f"{part}.log").open("ab") as log, place:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=os.environ | self._libraries(command[0]) | dict(env or {}),
                start_new_session=True,
            )
        self.running.setdefault(name, []).append((part, process))
        return process

    def stop(self, name: str) -> None:
        """End the processes of that name, first started last."""
        for _, process in reversed(self.running.pop(name, [])):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    pass
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and what it left of its own
            process.wait()

    def trees(self, name: str) -> Iterator[tuple[str, list[psutil.Process]]]:
        """Each part of that name with all its processes."""
        for part, process in self.running.get(name, []):
            with contextlib.suppress(psutil.NoSuchProcess):
                top = psutil.Process(process.pid)
                yield part, [top, *top.children(recursive=True)]

    def check(self) -> None:
        """See that everything still runs.

        Raises:
            EngineError: a process has ended by itself.
        """
        for name, processes in self.running.items():
            for part, process in processes:
                if process.poll() is not None:
                    said = self.last_words(name)
                    raise EngineError(f"{name}'s {part} ended with {process.returncode}: {said}")

    def listening(self, name: str) -> None:
        """Wait until its port is there.

        Raises:
            EngineError: it does not come; with the last line it wrote.
        """
        deadline = time.monotonic() + START_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.ports[name]), 1):
                return
            self.check()
            if time.monotonic() > deadline:
                raise EngineError(f"{name} does not listen: {self.last_words(name)}")
            time.sleep(0.02)

    def last_words(self, name: str) -> str:
        """The last line of each of its logs."""
        said = []
        for path in sorted((self.folder / name).glob("*.log")):
            lines = path.read_text(errors="replace").strip().splitlines()
            said += [f"{path.stem}: {lines[-1]}"] if lines else []
        return "; ".join(said)

    # ---- load

    def begin(
        self,
        name: str,
        mode: str,
        seconds: float,
        connections: int,
        amount: float,
        interval_us: int = 0,
        urgent: bool = False,
        words: Sequence[str] = (),
    ) -> Load:
        """Start the load generator on what listens at that name's port, with further words of its command line."""
        command = [
            self.tools.programs["load"],
            str(self.ports[name]),
            str(self.folder),
            mode,
            f"{seconds:g}",
            str(connections),
            f"{amount:.3f}",
            str(interval_us),
            *(("tls",) if name in self.secure else ()),
            *words,
        ]
        with pinned(self.cores.load, urgent and self.realtime):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return Load(name, process, seconds)

    def finish(self, load: Load) -> dict[str, Any]:
        """Wait for its end; what it measured.

        Raises:
            EngineError: it failed, or another process ended by itself.
        """
        try:
            out, err = load.process.communicate(timeout=load.seconds + END_S)
        except subprocess.TimeoutExpired:
            raise EngineError(f"no end of the load on {load.name}") from None
        finally:
            if load.process.poll() is None:
                load.process.kill()
                load.process.wait()
        self.check()
        if load.process.returncode:
            raise EngineError(f"load on {load.name}: {err.decode(errors='replace').strip()}")
        told: dict[str, Any] = json.loads(out)
        tally = self.checked.setdefault(load.name, [0, 0])
        tally[0] += told["done"] - told["errors"]
        tally[1] += told["mismatched"]
        return told

    @contextlib.contextmanager
    def hurried(self, urgent: bool = True) -> Iterator[None]:
        """Real-time priority for the engines, where that is allowed."""
        urgent = urgent and self.realtime
        if urgent:
            self._hurry(os.SCHED_RR)
        try:
            yield
        finally:
            if urgent:
                self._hurry(os.SCHED_OTHER)

    def _hurry(self, policy: int) -> None:
        priority = os.sched_param(PRIORITY if policy == os.SCHED_RR else 0)
        for name in self.engines:
            for _, process in self.running.get(name, []):
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setscheduler(process.pid, policy, priority)

    def _libraries(self, program: str) -> dict[str, str]:
        """Python must not see the peers' libraries, nor they an empty path."""
        if program == sys.executable or not self.tools.libraries:
            return {}
        there = os.environ.get("LD_LIBRARY_PATH")
        return {"LD_LIBRARY_PATH": os.pathsep.join(filter(None, (self.tools.libraries, there)))}


@contextlib.contextmanager
def pinned(core: int, urgent: bool = False) -> Iterator[None]:
    """What is started within inherits one core, and real-time priority if `urgent`."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        if urgent:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY + 1))
        yield
    finally:
        if urgent:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.sched_setaffinity(0, cores)


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _may_have_priority() -> bool:
    try:
        with pinned(min(os.sched_getaffinity(0)), urgent=True):
            return True
    except OSError:
        return False
