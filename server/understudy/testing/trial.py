"""Runs work in a process of its own: what never returns, or takes all memory, fails with a name instead of hanging.

Time is CPU time, so that a busy machine blames nobody, and memory is the resident peak above what there was before.
Needs `fork` and, for exact peaks, Linux.
"""

import os
import pickle
import resource
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

FACTOR = 3
"""A step that has taken this many times what it may is not waited for any more."""
PATIENCE_S = 120.0
"""A step without an end within this long by the clock waits for something, and is ended too."""
ROOM = 1 << 30
"""Address space beyond the bound, bytes: a step that wants more gets a MemoryError, before the machine suffers."""

STATUS = Path("/proc/self/status")
REFS = Path("/proc/self/clear_refs")


class Exceeded(AssertionError):
    """A step took more than it may, or never ended."""


@dataclass(slots=True)
class Meter:
    """Measures steps, one at a time, against bounds."""

    seconds: float
    """CPU time that a step may take."""
    memory: int
    """Bytes that a step may take beyond what was there when it began."""
    tell: Callable[[str], None] = lambda step: None
    """Hears the name of each step before it begins."""
    guarded: bool = False
    """In a process of its own: a step that does not end is ended by a signal."""
    steps: int = 0
    slowest: tuple[str, float] = ("", 0.0)
    largest: tuple[str, int] = ("", 0)
    _room: int = field(default=0, init=False)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Hold one step to the bounds.

        Raises:
            Exceeded: it took more.
        """
        self.tell(name)
        self.steps += 1
        before = _reset()
        if self.guarded:
            signal.setitimer(signal.ITIMER_PROF, self.seconds * FACTOR + 1)
        began = time.process_time()
        try:
            yield
        except MemoryError:
            raise Exceeded(f"is bounded: out of memory, {_mb(self.memory)} allowed, on {name}") from None
        finally:
            took = time.process_time() - began
            if self.guarded:
                signal.setitimer(signal.ITIMER_PROF, 0)
        used = max(0, _peak() - before)
        if took > self.slowest[1]:
            self.slowest = name, took
        if used > self.largest[1]:
            self.largest = name, used
        if took > self.seconds:
            raise Exceeded(f"is bounded: {took:.2f} s of {self.seconds:g} s on {name}")
        if used > self.memory:
            raise Exceeded(f"is bounded: {_mb(used)} of {_mb(self.memory)} on {name}")


def held(work: Callable[[Meter], T], meter: Meter) -> T:
    """Run `work` in a child of this process; what it returns must be picklable.

    Raises:
        AssertionError: what it raised there; or which step never returned, or ended the process.
    """
    receiving, sending = Pipe(duplex=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: the child only computes
        child = os.fork()
    if not child:
        receiving.close()
        _run(work, meter, sending)
    sending.close()
    step = "its start"
    try:
        while True:
            if not receiving.poll(PATIENCE_S):
                raise Exceeded(f"returns: no end within {PATIENCE_S:g} s on {step}")
            kind, told = receiving.recv()
            if kind == "done":
                result: T = told
                return result
            if kind == "exceeded":
                raise Exceeded(told)
            if kind == "failed":
                raise AssertionError(told)
            step = told
    except EOFError:
        _, status = os.waitpid(child, 0)
        child = 0
        raise Exceeded(_ended(status, step, meter)) from None
    finally:
        receiving.close()
        if child:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _run(work: Callable[[Meter], Any], meter: Meter, sending: Connection) -> None:
    """The child's whole life."""
    try:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        meter.tell, meter.guarded = (lambda step: sending.send(("step", step))), True
        _limit(FACTOR * meter.memory + ROOM)
        try:
            answer = "done", work(meter)
        except Exceeded as error:
            answer = "exceeded", str(error)
        except AssertionError as error:
            answer = "failed", str(error)
        except BaseException:
            answer = "failed", traceback.format_exc()
        sending.send(answer)
    except (OSError, pickle.PicklingError):  # nobody listens any more
        pass
    finally:
        os._exit(0)


def _ended(status: int, step: str, meter: Meter) -> str:
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF:
        return f"is bounded: not done after {meter.seconds * FACTOR + 1:g} s, {meter.seconds:g} s allowed, on {step}"
    how = f"by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "by itself"
    return f"leaves its process alone: it ended {how} on {step}"


def _limit(room: int) -> None:
    """Bound the address space to what there is and `room`."""
    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + room
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _reset() -> int:
    """Begin to look for a new peak; what is resident now, bytes."""
    with suppress(OSError):
        REFS.write_text("5")
    return _peak()


def _peak() -> int:
    """The most that was resident since the last `_reset`; since ever, where there is no such thing."""
    try:
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) << 10
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _mb(count: int) -> str:
    return f"{count / 1e6:.0f} MB"
