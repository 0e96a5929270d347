"""The supervisor's own orders: restart the relay's workers one by one, and make way for a successor.

A successor (`understudy serve --takeover`) asks for `yield`: everything but the relay's workers ends, and the
directories are free for it. Once its own workers accept callers it says `leave`, and ours finish theirs. The lock
on the directories is what counts: if it can be had again before `leave`, the successor is gone, and we go on.
"""

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from understudy.app.crew import elders
from understudy.app.operate import CONTROL
from understudy.errors import ConfigError, UnderstudyError
from understudy.service.lines import ask, listen
from understudy.supervise import Supervisor

log = logging.getLogger(__name__)

SERVE = "serve.sock"
"""The supervisor's control socket in the run directory."""

PATIENCE_S = 3.0
"""How long a successor has to take the directories."""
AGAIN_S = 0.5
"""How often it is seen whether it still has them."""


class Foreman:
    """What the operator, and a successor, may ask of the supervisor."""

    def __init__(
        self,
        supervisor: Supervisor,
        run_dir: Path,
        lock: Callable[[], ExitStack],
        held: ExitStack,
        close: Callable[[], None],
    ) -> None:
        """`lock` takes the directories, which are `held` now; `close` lets go of our listening socket."""
        self._supervisor = supervisor
        self._run_dir = run_dir
        self._lock = lock
        self._close = close
        self.held = held
        """The directories, while they are ours."""
        self._yielded = False
        self._left = asyncio.Event()
        self._restarting = asyncio.Lock()
        self._jobs: set[asyncio.Task[Any]] = set()
        self._stopping = False

    def signals(self) -> None:
        """SIGTERM and SIGINT stop, the second time at once; SIGHUP restarts the workers."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._begin(self._hung_up()))

    async def listen(self) -> asyncio.Server:
        """Take orders."""
        return await listen(self._run_dir / SERVE, self.obey)

    def stop(self) -> None:
        """Not ready any more, then every worker finishes its callers; the second time at once."""
        if self._stopping:
            self._supervisor.stop()
        else:
            self._stopping = True
            self._begin(self._stop())

    async def obey(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer an order.

        Raises:
            UnderstudyError: it is none, or cannot be obeyed.
        """
        match request:
            case {"op": "restart"}:
                return await self.restart()
            case {"op": "yield"}:
                return await self._yield()
            case {"op": "leave"} if self._yielded:
                self._left.set()
                self._close()
                self._supervisor.stop()
                return {"leaving": True}
        raise UnderstudyError(
            f"serve: {request.get('op')!r} is no order now: use restart, yield, or leave after yield"
        )

    async def restart(self) -> dict[str, Any]:
        """Replace each worker by one that accepts before the old one finishes its callers.

        Raises:
            UnderstudyError: it is under way already, or a successor does not come up: that worker and those after
                it work on.
        """
        if self._restarting.locked() or self._yielded:
            raise UnderstudyError("restart: one is under way: wait for it to finish")
        async with self._restarting:
            for name in self._supervisor.replaceable:
                await self._supervisor.replace(name)
                log.info("%s was replaced", name)
        return {"restarted": len(self._supervisor.replaceable)}

    async def _hung_up(self) -> None:
        try:
            await self.restart()
        except UnderstudyError as error:
            log.error("the workers were not all restarted: %s", error)

    async def _stop(self) -> None:
        if not self._yielded:
            with suppress(UnderstudyError):
                await ask(self._run_dir / CONTROL, {"op": "leaving"}, timeout_s=1)
        # Or the kernel would go on taking callers that nobody accepts.
        self._close()
        self._supervisor.stop()

    async def _yield(self) -> dict[str, Any]:
        if self._yielded or self._restarting.locked():
            raise UnderstudyError("serve: a restart or another successor is under way: try again after it")
        self._yielded = True
        log.warning("a successor takes over: all but the relay's workers end")
        await self._supervisor.suspend()
        self.held.close()
        self._begin(self._await_successor())
        return {"yielded": True}

    async def _await_successor(self) -> None:
        """Go on as before if the successor dies before it has said that ours may leave."""
        pause_s = PATIENCE_S
        while not self._left.is_set() and not self._stopping:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._left.wait(), pause_s)
                return
            pause_s = AGAIN_S
            with suppress(ConfigError):
                self.held = self._lock()
                log.error("the successor is gone before it served: going on as before")
                for stranger in elders(self._run_dir, self._supervisor.pids):
                    stranger.drain()
                self._yielded = False
                self._supervisor.resume()
                return

    def _begin(self, work: Any) -> None:
        job = asyncio.ensure_future(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
