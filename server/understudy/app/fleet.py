"""The relay's workers as one: their states added up, and a switch that counts once every one has taken it."""

import asyncio
import logging
import os
import signal
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

from understudy.app.crew import SOCKETS, told
from understudy.errors import UnderstudyError
from understudy.service.lines import ask

log = logging.getLogger(__name__)

MOST = ("lag_max_s", "lag_p99_s")
"""Figures of which the worst worker's counts."""
EVERY = ("observer_connected", "draining")
"""True when it is so of every worker."""
_PEER = struct.Struct("3i")


class Fleet:
    """Whatever workers have a control socket in the run directory, draining ones too."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir

    async def status(self) -> dict[str, Any]:
        """The state of all workers added up, and of each under `workers`.

        Raises:
            UnderstudyError: none answers.
        """
        answers = await told(self._run_dir, {"op": "status"})
        return merged([answer for answer in answers.values() if isinstance(answer, dict)] or _nobody(answers))

    async def switch(self, to: str) -> dict[str, Any]:
        """Have every worker send new connections to `to`, and only then the old engine's connections away.

        Else a caller that is sent away by one worker would come back to the old engine by another. A worker that
        does not answer is killed: its successor reads the latch.

        Raises:
            UnderstudyError: no worker answers, or one refuses.
        """
        paths = sorted(self._run_dir.glob(SOCKETS))
        if len(paths) == 1:
            return await self._only(paths[0], to)
        aimed = await self._aim(to)
        staying = {path for path, answer in aimed.items() if not answer.get("draining")}
        answers = await told(self._run_dir, {"op": "switch", "to": to})
        done = [answer for answer in answers.values() if isinstance(answer, dict)]
        for path in staying:
            answer = answers.get(path)
            if isinstance(answer, UnderstudyError):  # aimed: it does the rest by itself
                log.warning("%s has the new primary, but did not answer further: %s", path.name, answer)
        first = min(done, key=lambda one: int(one["ns"]), default={"ns": 0})
        return {"primary": to, "ns": first["ns"], "connections": sum(one["connections"] for one in done)}

    async def _only(self, path: Path, to: str) -> dict[str, Any]:
        try:
            return await ask(path, {"op": "switch", "to": to})
        except UnderstudyError as error:
            await _kill(path, error)
            raise

    async def _aim(self, to: str) -> dict[Path, dict[str, Any]]:
        answers = await told(self._run_dir, {"op": "aim", "to": to})
        taken: dict[Path, dict[str, Any]] = {}
        refused: list[UnderstudyError] = []
        for path, answer in answers.items():
            if isinstance(answer, dict):
                taken[path] = answer
            elif not await _kill(path, answer) and path.exists():
                refused.append(answer)
        if refused and (not taken or any("latched" in str(one) for one in refused)):
            raise refused[0]
        if not taken:
            _nobody(answers)
        return taken


async def _kill(path: Path, why: UnderstudyError) -> bool:
    """End a worker that does not answer; its successor reads the latch."""
    pid = await asyncio.to_thread(hung, path)
    if pid:
        log.error("%s (pid %d) did not take the switch: killing it: %s", path.name, pid, why)
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return pid > 0


def hung(path: Path) -> int:
    """The process that listens at a unix socket and does not answer even now; 0 when nobody does, or it answers."""
    pid, uid = 0, -1
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(0.5)
        try:
            caller.connect(str(path))
            pid, uid, _ = _PEER.unpack(caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
            caller.sendall(b'{"op": "status"}\n')
            caller.recv(1)
            return 0
        except TimeoutError:
            return int(pid) if uid == os.geteuid() and pid != os.getpid() else 0
        except OSError:
            return 0


def merged(workers: list[dict[str, Any]]) -> dict[str, Any]:
    """One status of several: counts are added, and what cannot be is that of the worst."""
    if len(workers) == 1:
        return workers[0] | {"workers": workers}
    primaries = {worker["primary"] for worker in workers if not worker["draining"]}
    # One without a target is a worker's own leaving: the switch before it is what counts.
    switches = [worker["switch"] for worker in workers if worker["switch"] and worker["switch"]["to"]]
    newest = max(switches, key=lambda one: int(one["ns"]))["to"] if switches else ""
    whole: dict[str, Any] = {}
    for name in workers[0]:
        values = [worker[name] for worker in workers if name in worker]
        whole[name] = _one(name, values)
    return whole | {
        "primary": primaries.pop()
        if len(primaries) == 1
        else "mixed"
        if primaries
        else workers[0]["primary"],
        "switch": _switch([one for one in switches if one["to"] == newest]) if switches else None,
        "workers": workers,
    }


def _one(name: str, values: list[Any]) -> Any:
    if name in EVERY:
        return all(values)
    if name in MOST:
        return max(values)
    if isinstance(values[0], dict):
        keys = dict.fromkeys(key for value in values if value for key in value)
        return {key: _one(key, [value[key] for value in values if value and key in value]) for key in keys}
    if isinstance(values[0], bool | str) or values[0] is None or name == "pid":
        return values[0]
    return sum(values) if isinstance(values[0], int | float) else values[0]


def _switch(told: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        name: told[0][name]
        if name == "to"
        else min(one[name] for one in told)
        if name == "ns"
        else max(one[name] for one in told)
        if name == "switched_ns"
        else sum(one[name] for one in told)
        for name in told[0]
    }


def _nobody(answers: dict[Path, dict[str, Any] | UnderstudyError]) -> list[dict[str, Any]]:
    for answer in answers.values():
        if isinstance(answer, UnderstudyError):
            raise answer
    raise UnderstudyError("relay.sock: nobody listens: is `understudy serve` running, and run_dir the same?")
