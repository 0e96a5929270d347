"""Starts and ends what is measured: processes pinned to cores, in a temporary folder, on free ports."""

import asyncio
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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from understudy.errors import EngineError, UnderstudyError
from understudy.service.lines import ask

from bench import messages
from bench.rows import ROWS, Place, Row
from bench.tools import Tools

ROOT = Path(__file__).parent.parent
PRIORITY = 10
FILES = 65536
START_S = 20.0
SETTLE_S = 2.0
"""How long the accounting may take to have every request of a run."""
REST_S = 30.0
"""How long a path may take to be done with a run that was too much for it."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores do what."""

    front: int
    """The path: a proxy, or Understudy's relay."""
    behind: int
    """Understudy's observer and the counting subscriber."""
    engines: int
    load: int

    @classmethod
    def of(cls, cores: list[int]) -> "Cores":
        """Share the cores there are; with fewer than four, engines, load and what stands behind share."""
        if len(cores) >= 4:
            return cls(cores[0], cores[1], cores[-2], cores[-1])
        return cls(cores[0], cores[min(1, len(cores) - 1)], cores[-1], cores[-1])


@dataclass(frozen=True, slots=True)
class Account:
    """What a path that pairs says of its requests, cumulatively."""

    requests: int = 0
    paired: int = 0
    dropped: int = 0
    in_flight: int = 0


class Field:
    """The engines and the rows in front of them."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.cores = Cores.of(sorted(os.sched_getaffinity(0)))
        self.realtime = _may_have_priority()
        self.ports: dict[str, int] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="usb"))
        self.checked: dict[str, list[int]] = {}
        """Row -> calls and streams whose bytes were compared, and how many of them differed."""
        self._running: dict[str, list[tuple[str, subprocess.Popen[bytes]]]] = {}
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))

    def __enter__(self) -> "Field":
        """Start the engines."""
        try:
            messages.write(self._folder)
            for name in ("primary", "shadow"):
                port = self.ports[name] = free_port()
                command = [self.tools.programs["upstream"], str(port), str(self._folder)]
                self._spawn(name, name, command, self.cores.engines)
                self._listening(name)
        except BaseException:
            self.__exit__()
            raise
        self.ports["direct"] = self.ports["primary"]
        return self

    def __exit__(self, *_: object) -> None:
        """End everything and leave nothing behind."""
        for name in reversed(list(self._running)):
            self.stop(name)
        shutil.rmtree(self._folder, ignore_errors=True)

    # ---- rows

    def start(self, row: Row) -> None:
        """Start a row and wait until calls pass through it, and are paired if it pairs.

        Raises:
            EngineError: it does not come up; with the last line it wrote.
        """
        if row.name == "direct":
            return
        folder = self._folder / row.name
        folder.mkdir(exist_ok=True)
        port = self.ports[row.name] = free_port()
        place = Place(
            folder, self.tools.programs, sys.executable, port, self.ports["primary"], self.ports["shadow"]
        )
        for part in row.parts(place):
            core = self.cores.front if part.front else self.cores.behind
            self._spawn(row.name, part.name, list(part.argv), core)
        self._listening(row.name)
        deadline = time.monotonic() + START_S
        while True:
            before = self.account(row)
            told = self.load(row, "open", 0.2, 4, 200)
            if told["errors"] == 0 and told["mismatched"] == 0 and told["done"]:
                if not row.count or self.settled(row, before, int(told["sent"])):
                    return
            if time.monotonic() > deadline:
                raise EngineError(
                    f"bench: {row.name} does not pass calls: {self._last_words(row.name) or told}"
                )

    def stop(self, name: str) -> None:
        """End a row's processes, first started last."""
        for _, process in reversed(self._running.pop(name, [])):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    pass
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and what it left of its own
            process.wait()

    def cpu_s(self, name: str) -> dict[str, float]:
        """CPU seconds that a row has used, user and system, by part."""
        return {part: sum(sum(each.cpu_times()[:2]) for each in tree) for part, tree in self._trees(name)}

    def resident(self, name: str) -> int:
        """Resident bytes of a row."""
        return sum(int(each.memory_info().rss) for _, tree in self._trees(name) for each in tree)

    def check(self) -> None:
        """See that everything still runs.

        Raises:
            EngineError: a process has ended by itself.
        """
        for name, processes in self._running.items():
            for part, process in processes:
                if process.poll() is not None:
                    said = self._last_words(name)
                    raise EngineError(f"bench: {name}'s {part} ended with {process.returncode}: {said}")

    # ---- measuring

    def load(
        self,
        row: Row,
        mode: str,
        seconds: float,
        connections: int,
        amount: float,
        interval_us: int = 0,
        urgent: bool = False,
    ) -> dict[str, Any]:
        """Run the load generator; `urgent` gives it and the engines real-time priority where that is allowed.

        Raises:
            EngineError: it failed, or a process of the row did.
        """
        command = [
            self.tools.programs["load"],
            str(self.ports[row.name]),
            str(self._folder),
            mode,
            f"{seconds:g}",
            str(connections),
            f"{amount:.3f}",
            str(interval_us),
        ]
        urgent = urgent and self.realtime
        if urgent:
            self._hurry(os.SCHED_RR)
        try:
            with pinned(self.cores.load, urgent):
                process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                out, err = process.communicate(timeout=seconds + 20)
            except BaseException:
                process.kill()
                process.wait()
                raise
        except subprocess.TimeoutExpired:
            raise EngineError(f"bench: no end of the load on {row.name}") from None
        finally:
            if urgent:
                self._hurry(os.SCHED_OTHER)
        self.check()
        if process.returncode:
            raise EngineError(f"bench: load on {row.name}: {err.decode(errors='replace').strip()}")
        told: dict[str, Any] = json.loads(out)
        tally = self.checked.setdefault(row.name, [0, 0])
        tally[0] += told["done"] - told["errors"]
        tally[1] += told["mismatched"]
        return told

    @contextlib.contextmanager
    def held(self, row: Row, streams: int, connections: int) -> Iterator[int]:
        """Hold idle streams open; yields how many were answered with headers."""
        command = [self.tools.programs["load"], str(self.ports[row.name]), str(self._folder), "idle", "3600"]
        with pinned(self.cores.load):
            process = subprocess.Popen(
                [*command, str(connections), str(streams)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            yield int(json.loads(line)["held"]) if line else 0
        finally:
            process.kill()
            process.communicate()

    def account(self, row: Row) -> Account:
        """What the row counted until now."""
        if not row.count:
            return Account()
        told: Mapping[str, Any] = {}
        with contextlib.suppress(UnderstudyError):
            told = asyncio.run(ask(self._folder / row.name / row.count, {}, timeout_s=5))
        return Account(*(int(told.get(name, 0)) for name in ("requests", "paired", "dropped", "in_flight")))

    def settled(self, row: Row, before: Account, sent: int, within_s: float = SETTLE_S) -> bool:
        """Whether every one of the `sent` was seen, and paired if the row pairs, and nothing was dropped."""
        deadline = time.monotonic() + within_s
        while True:
            now = self.account(row)
            if now.dropped != before.dropped:
                return False
            paired = not row.pairs or now.paired - before.paired == sent
            if now.requests - before.requests == sent and paired:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)

    def rest(self, row: Row) -> None:
        """Wait until what a run left behind is done with, so that the next does not pay for it."""
        deadline = time.monotonic() + REST_S
        before, still = self.account(row), 0
        while row.count and still < 2 and time.monotonic() < deadline:
            time.sleep(0.3)
            now = self.account(row)
            still = still + 1 if now == before and not now.in_flight else 0
            before = now

    @contextlib.contextmanager
    def frozen(self, engine: str) -> Iterator[None]:
        """Stop an engine: its connections stay, and nothing comes back."""
        (_, process), *_ = self._running[engine]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def lag_s(self, name: str) -> float | None:
        """The longest pause that the relay's own probe saw in the last 30 s."""
        with contextlib.suppress(UnderstudyError):
            told = asyncio.run(ask(self._folder / name / "relay.sock", {"op": "status"}, timeout_s=5))
            return float(told["lag_max_s"])
        return None

    # ---- inside

    def _trees(self, name: str) -> Iterator[tuple[str, list[psutil.Process]]]:
        """Each part of a row with all its processes."""
        for part, process in self._running.get(name, []):
            with contextlib.suppress(psutil.NoSuchProcess):
                top = psutil.Process(process.pid)
                yield part, [top, *top.children(recursive=True)]

    def _spawn(self, name: str, part: str, command: list[str], core: int) -> None:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        libraries = os.pathsep.join(filter(None, (self.tools.libraries, os.environ.get("LD_LIBRARY_PATH"))))
        # Python must not see the peers' libraries, nor they an empty path.
        mine = command[0] == sys.executable or not self.tools.libraries
        env = dict(os.environ) if mine else os.environ | {"LD_LIBRARY_PATH": libraries}
        with (folder / f"{part}.log").open("wb") as log, pinned(core):
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=env,
                start_new_session=True,
            )
        self._running.setdefault(name, []).append((part, process))

    def _listening(self, name: str) -> None:
        deadline = time.monotonic() + START_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.ports[name]), 1):
                return
            self.check()
            if time.monotonic() > deadline:
                raise EngineError(f"bench: {name} does not listen: {self._last_words(name)}")
            time.sleep(0.02)

    def _last_words(self, name: str) -> str:
        said = []
        for path in sorted((self._folder / name).glob("*.log")):
            lines = path.read_text(errors="replace").strip().splitlines()
            said += [f"{path.stem}: {lines[-1]}"] if lines else []
        return "; ".join(said)

    def _hurry(self, policy: int) -> None:
        priority = os.sched_param(PRIORITY if policy == os.SCHED_RR else 0)
        for name in ("primary", "shadow"):
            for _, process in self._running[name]:
                os.sched_setscheduler(process.pid, policy, priority)


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


def row(name: str) -> Row:
    """The row of that name."""
    return next(row for row in ROWS if row.name == name)
