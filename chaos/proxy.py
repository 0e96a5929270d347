"""A whole `understudy serve` between the two engines: started, looked at, and broken."""

import asyncio
import contextlib
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psutil
from understudy.codec.kserve import INFER, STREAM
from understudy.errors import EngineError, UnderstudyError
from understudy.service.lines import ask

from bench.stage import Stage, free_port

NAME = "understudy"
MIB = 1 << 20
COPY_SOFT, COPY_HARD = MIB // 2, 2 * MIB
BUFFER = 256 * 1024
IN_FLIGHT, QUEUE, TOTAL = 32 * MIB, 16 * MIB, 32 * MIB
REPLY = MIB
"""mirror.reply_bytes; an oversized reply is eight times as long."""
SLACK = 32 * MIB
"""What a process may grow by that no setting bounds: code used for the first time, the allocator's leftovers."""
STATE_BYTES = 64 * MIB
"""Of the disk that can be filled."""
START_S = 30.0
LATE_S = 8.0
"""How late the accounting may hear of a call."""
LOOK_S, LOOK = 0.05, 10
"""How often memory is looked at, and after how many times who runs is."""
ROLES = ("relay", "observer", "controller", "analyzers")

CONFIG = """
listen = "127.0.0.1:{port}"
primary = "baseline"
run_dir = "{folder}/run"
state_dir = "{folder}/state"
[engines]
describe_s = 2
[engines.baseline]
address = "127.0.0.1:{primary}"
model = "bench"
[engines.candidate]
address = "127.0.0.1:{shadow}"
model = "bench"
[relay]
drain_max_s = 1
copy_soft_bytes = {soft}
copy_hard_bytes = {hard}
buffer_bytes = {buffer}
[mirror]
{client}methods = ["{infer}", "{stream}"]
control_share = 0.0
in_flight_bytes = {in_flight}
reply_bytes = {reply}
deadline_min_s = 2
deadline_factor = 1.5
deadline_max_s = 20
breaker_longest_s = 2
[observe]
ledger_s = 0.25
queue_bytes = {queue}
total_bytes = {total}
connection_bytes = {total}
[capture]
part_s = 0.5
retry_s = 1
[web]
port = {web}
grpc_port = 0
"""


def bounds(connections: int) -> dict[str, int]:
    """Bytes that each process may grow by, from its settings, while so many callers' connections are open.

    The controller holds a pair that is being scored three times: as it came, in the batch for the analyzers, and in
    that batch's bytes.
    """
    return {
        "relay": COPY_HARD + 2 * connections * BUFFER + SLACK,
        "observer": TOTAL + IN_FLIGHT + QUEUE + SLACK,
        "controller": 3 * QUEUE + SLACK,
        "analyzers": SLACK,
    }


@dataclass(frozen=True, slots=True)
class Counts:
    """The accounting, cumulatively."""

    requests: int = 0
    eligible: int = 0
    paired: int = 0
    shed: int = 0
    failed: int = 0
    lost: int = 0
    in_flight: int = 0
    unobserved: int = 0
    blind: int = 0
    """Connections that the relay could not copy from some point on."""

    def since(self, before: "Counts") -> "Counts":
        """What was added."""
        return Counts(*(getattr(self, one.name) - getattr(before, one.name) for one in fields(Counts)))

    @property
    def balanced(self) -> bool:
        """Every eligible request has an outcome."""
        return self.eligible == self.paired + self.shed + self.failed + self.lost + self.in_flight


@dataclass(slots=True)
class Clock:
    """The wall clock of the processes."""

    path: Path
    library: str

    def jump(self, seconds: int) -> None:
        """Set it ahead of the machine's by so much."""
        with self.path.open("r+b") as file:
            file.write(struct.pack("@q", seconds))

    def env(self) -> dict[str, str]:
        """For the processes that are to follow it."""
        return {"LD_PRELOAD": self.library, "CHAOS_CLOCK": str(self.path)}


@dataclass(slots=True)
class Proxy:
    """One deployment."""

    stage: Stage
    clock: Clock | None = None
    client: str = ""
    """mirror.client; empty is the default."""
    folder: Path = field(init=False)
    rest: dict[str, int] = field(default_factory=dict)
    """Role -> resident bytes under load without a fault."""
    broken: float = 0.0
    """When the last fault began."""
    web: int = 0
    """Port of the metrics."""

    def __post_init__(self) -> None:
        self.folder = self.stage.folder / NAME

    # ---- life

    def start(self) -> None:
        """Start it and wait until it pairs.

        Raises:
            EngineError: it does not come up; with the last line it wrote.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        state = self.folder / "state"
        state.mkdir(parents=True)
        self.stage.ports[NAME], self.web = free_port(), free_port()
        path = self.folder / "understudy.toml"
        path.write_text(
            CONFIG.format(
                port=self.stage.ports[NAME],
                primary=self.stage.ports["primary"],
                shadow=self.stage.ports["shadow"],
                web=self.web,
                folder=self.folder,
                client=f'client = "{self.client}"\n' if self.client else "",
                infer=INFER,
                stream=STREAM,
                soft=COPY_SOFT,
                hard=COPY_HARD,
                buffer=BUFFER,
                in_flight=IN_FLIGHT,
                queue=QUEUE,
                total=TOTAL,
                reply=REPLY,
            )
        )
        command = [sys.executable, "-m", "understudy.cli", "serve", str(path)]
        if may_mount():
            script = f'mount -t tmpfs -o mode=700,size={STATE_BYTES} state "$0" && exec "$@"'
            command = [*UNSHARE, "sh", "-c", script, str(state), *command]
        env = self.clock.env() if self.clock else {}
        self.stage.spawn(NAME, "serve", command, self.stage.cores.behind, env)
        self.until(lambda told: bool(told["pairing"]), START_S)
        for each in self.processes("relay"):
            os.sched_setaffinity(each.pid, {self.stage.cores.front})

    def stop(self) -> None:
        """End it, and what it left behind."""
        tree = [each for _, all_ in self.stage.trees(NAME) for each in all_]
        for each in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.resume()
        self.stage.stop(NAME)
        for each in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()

    @property
    def top(self) -> psutil.Process:
        """The supervisor."""
        ((_, process),) = self.stage.running[NAME]
        return psutil.Process(process.pid)

    def processes(self, role: str) -> list[psutil.Process]:
        """The processes of a role that run now."""
        found = []
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in self.top.children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    if _role(child.cmdline()) == role:
                        found.append(child)
        return found

    # ---- what it says

    def ask(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Its control socket's answer.

        Raises:
            UnderstudyError: there is none just now.
        """
        return asyncio.run(ask(self.folder / "run/control.sock", dict(order), timeout_s=3))

    def mirror(self, on: bool) -> None:
        """Switch mirroring, and give the observers a moment to hear of it."""
        self.ask({"op": "mirror", "on": on})
        time.sleep(0.1)

    def until(self, holds: Callable[[dict[str, Any]], bool], within_s: float) -> dict[str, Any]:
        """Wait for a status.

        Raises:
            EngineError: it does not come in time.
        """
        deadline = time.monotonic() + within_s
        while True:
            self.stage.check()
            with contextlib.suppress(UnderstudyError):
                told = self.ask({"op": "status"})
                if holds(told):
                    return told
            if time.monotonic() > deadline:
                raise EngineError(f"{NAME} is not as it should be: {self.stage.last_words(NAME)}")
            time.sleep(0.1)

    def counts(self) -> Counts | None:
        """The accounting now; None while nobody tells it."""
        with contextlib.suppress(UnderstudyError, OSError, KeyError):
            told = self.ask({"op": "status"})
            numbers = told["counts"]
            names = ("requests", "eligible", "paired", "shed", "failed", "lost", "in_flight")
            outcomes = {name: int(numbers[name]) for name in names}
            return Counts(**outcomes, unobserved=self._unobserved(), blind=int(told["relay"]["blind"]))
        return None

    def settled(self, within_s: float, calls: int = 0) -> Counts | None:
        """The accounting once nothing moves and nothing is in flight; None when that does not come in time.

        It is waited for a moment longer where it does not know of so many calls yet.
        """
        began, before, still = time.monotonic(), self.counts(), 0
        while time.monotonic() < began + within_s:
            time.sleep(0.4)
            now = self.counts()
            still = still + 1 if now is not None and now == before and not now.in_flight else 0
            if now is not None and still >= 2:
                known = now.requests + now.unobserved >= calls or now.blind  # of those nothing will come
                if known or time.monotonic() > began + LATE_S:
                    return now
            before = now
        return None

    def _unobserved(self) -> int:
        """Streams that could not be followed; they stand in the metrics alone."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/metrics", timeout=3) as answer:
            text = answer.read().decode()
        told = re.findall(r"^understudy_unobserved_total\{.*\} (\S+)$", text, re.M)
        return sum(int(float(value)) for value in told)

    # ---- memory

    @contextlib.contextmanager
    def watched(self) -> Iterator[dict[str, int]]:
        """Role -> the most resident bytes seen of one process, filled in while this is held."""
        peaks, over = dict.fromkeys(ROLES, 0), Event()

        def watch() -> None:
            known: list[tuple[str, psutil.Process]] = []
            for turn in count():
                if turn % LOOK == 0:  # who runs now costs a walk over every process of the machine
                    known = [(role, each) for role in ROLES for each in self.processes(role)]
                for role, each in known:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        peaks[role] = max(peaks[role], int(each.memory_info().rss))
                if over.wait(LOOK_S):
                    return

        thread = Thread(target=watch, name="rss")
        thread.start()
        try:
            yield peaks
        finally:
            over.set()
            thread.join()

    # ---- breaking it

    def signal(self, role: str, number: signal.Signals) -> None:
        """Send a signal to every process of a role."""
        for each in self.processes(role):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(number)

    def fill_disk(self) -> None:
        """Leave no room where the state is kept."""
        if not may_mount():
            for each in self.processes("controller"):
                resource.prlimit(each.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            return
        with contextlib.suppress(OSError), self._filler().open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 9, 1):
                with contextlib.suppress(OSError):
                    while file.write(b"\0" * size):
                        pass

    def free_disk(self) -> None:
        """Give the room back."""
        if may_mount():
            self._filler().unlink(missing_ok=True)
            return
        for each in self.processes("controller"):
            whole = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(each.pid, resource.RLIMIT_FSIZE, whole)

    def _filler(self) -> Path:
        """A file on its disk, seen through its own mounts."""
        return Path(f"/proc/{self.top.pid}/root{self.folder}/state/filler")


UNSHARE = ("unshare", "-m") if os.geteuid() == 0 else ("unshare", "-Urm")
_mounts: list[bool] = []


def may_mount() -> bool:
    """Whether a process of ours may have a file system of its own."""
    if not _mounts:
        trial = [*UNSHARE, "sh", "-c", "mount -t tmpfs none /tmp"]
        found = shutil.which("unshare") is not None
        _mounts.append(found and subprocess.run(trial, capture_output=True).returncode == 0)
    return _mounts[0]


def _role(command: list[str]) -> str | None:
    """Of a child of the supervisor: `python -m understudy.app.process NAME ...`, its number left out."""
    if "understudy.app.process" not in command:
        return None
    name = command[command.index("understudy.app.process") + 1]
    return name.partition("-")[0]
