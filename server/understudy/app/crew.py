"""The relay's workers as children of the supervisor, and the way from one generation of them to the next."""

import asyncio
import json
import logging
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.errors import UnderstudyError
from understudy.relay.board import Board, State
from understudy.service.lines import ask
from understudy.supervise import Child

log = logging.getLogger(__name__)

SOCKETS = "relay*.sock"
"""The control sockets of all workers in the run directory; what replaces what has a name of its own."""

ANSWER_S = 2.0


class Crew:
    """The workers of one supervisor; each has a seat of the board, and there is one more for successors."""

    def __init__(
        self, config: Path, run_dir: Path, listening: socket.socket, count: int, stop_s: float
    ) -> None:
        self._config = config
        self._run_dir = run_dir
        self._fd = listening.fileno()
        self._count = count
        self._stop_s = stop_s
        self.board = Board.make(2 * count)
        self._taken: set[int] = set()

    def children(self) -> list[Child]:
        """The workers to start."""
        names = ["relay"] if self._count == 1 else [f"relay-{number}" for number in range(self._count)]
        return [self.child(name) for name in names]

    def child(self, name: str) -> Child:
        """A worker in a free seat."""
        seat = min(set(range(self.board.seats)) - self._taken)
        self._taken.add(seat)
        fds = ",".join(map(str, self.board.fds))
        return Child(
            name,
            (
                sys.executable,
                "-m",
                "understudy.app.process",
                "relay",
                str(self._config),
                str(self._fd),
                str(seat),
                fds,
            ),
            fds=(self._fd, *self.board.fds),
            outlives=True,
            stop_s=self._stop_s,
            place=_Seat(self, name, seat),
        )

    @property
    def working(self) -> bool:
        """Whether every worker accepts callers."""
        seats = range(self.board.seats)
        return sum(self.board.state(seat) is State.ACCEPTING for seat in seats) >= self._count

    def left(self, seat: int, pid: int) -> None:
        """A worker's process has ended: what was given to it and not taken goes to the others."""
        with suppress(FileNotFoundError):
            (self._run_dir / f"relay-{pid}.sock").unlink()
        if self.board.pid(seat) in (0, pid):
            self.board.free(seat)
        if moved := self.board.rescue(seat):
            log.warning("%d callers given to a worker that is gone were passed on", moved)

    def vacate(self, seat: int) -> None:
        """Nobody works in this seat any more, or is started there again: it is a successor's."""
        self._taken.discard(seat)


@dataclass(frozen=True, slots=True)
class _Seat:
    """A worker's place."""

    crew: Crew
    name: str
    seat: int

    def ready(self, pid: int) -> bool:
        """Whether this process accepts callers."""
        board = self.crew.board
        return board.pid(self.seat) == pid and board.state(self.seat) is State.ACCEPTING

    def left(self, pid: int) -> None:
        """This process is gone."""
        self.crew.left(self.seat, pid)

    def another(self) -> Child:
        """A successor, in another seat."""
        return self.crew.child(self.name)

    def vacate(self) -> None:
        """This seat may be given to the next."""
        self.crew.vacate(self.seat)


@dataclass(frozen=True, slots=True)
class Elder:
    """A worker of another supervisor that still serves: told to go by its own socket, whatever its path means then."""

    path: Path
    link: socket.socket

    def drain(self) -> None:
        """Have it finish its callers and end."""
        with suppress(OSError):
            self.link.sendall(b'{"op": "drain"}\n')
        self.link.close()


def elders(run_dir: Path, ours: frozenset[int] = frozenset()) -> list[Elder]:
    """The workers that answer in the run directory and are not ours; what a dead one left behind is removed."""
    found: list[Elder] = []
    for path in sorted(run_dir.glob(SOCKETS)):
        if path.stem.removeprefix("relay-") in map(str, ours):
            continue
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(ANSWER_S)
        try:
            link.connect(str(path))
        except ConnectionRefusedError:
            link.close()
            path.unlink(missing_ok=True)
        except OSError:
            link.close()
        else:
            found.append(Elder(path, link))
    return found


def inherit(found: Sequence[Elder], listen: str) -> socket.socket | None:
    """The listening socket of an elder that listens at this address: nothing queued there is lost."""
    for elder in found:
        with socket.socket(socket.AF_UNIX) as caller, suppress(OSError, ValueError):
            caller.settimeout(ANSWER_S)
            caller.connect(str(elder.path))
            caller.sendall(b'{"op": "listening"}\n')
            answer, fds, _, _ = socket.recv_fds(caller, 65536, 1)
            told = json.loads(answer)
            sockets = [socket.socket(fileno=fd) for fd in fds]
            if told.get("ok") and told["listen"] == listen and sockets:
                sockets[0].setblocking(False)
                sockets[0].set_inheritable(True)
                log.info("took over the listening socket of %s", elder.path.name)
                return sockets[0]
            for sock in sockets:
                sock.close()
    return None


async def told(run_dir: Path, request: dict[str, Any]) -> dict[Path, dict[str, Any] | UnderstudyError]:
    """Ask every worker at once; what each answers, or why it does not. Those long dead are left out."""
    paths = sorted(run_dir.glob(SOCKETS))
    answers = await asyncio.gather(
        *(ask(path, request, timeout_s=ANSWER_S) for path in paths), return_exceptions=True
    )
    found: dict[Path, dict[str, Any] | UnderstudyError] = {}
    for path, answer in zip(paths, answers, strict=True):
        if isinstance(answer, dict | UnderstudyError):
            found[path] = answer
        else:
            raise answer
    return found
