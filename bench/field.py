"""The rows of the benchmark, started in front of the engines, and what they count."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from understudy.errors import EngineError, UnderstudyError
from understudy.service.lines import ask

from bench.rows import ROWS, Place, Row
from bench.stage import START_S, Stage, free_port, pinned

SETTLE_S = 2.0
"""How long the accounting may take to have every request of a run."""
REST_S = 30.0
"""How long a path may take to be done with a run that was too much for it."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a path that pairs says of its requests, cumulatively."""

    requests: int = 0
    paired: int = 0
    dropped: int = 0
    in_flight: int = 0


class Field(Stage):
    """The engines and the rows in front of them."""

    def __enter__(self) -> "Field":
        """Start the engines."""
        self.open()
        self.ports["direct"] = self.ports["primary"]
        return self

    def __exit__(self, *_: object) -> None:
        """End everything and leave nothing behind."""
        self.close()

    # ---- rows

    def start(self, row: Row) -> None:
        """Start a row and wait until calls pass through it, and are paired if it pairs.

        Raises:
            EngineError: it does not come up; with the last line it wrote.
        """
        if row.name == "direct":
            return
        folder = self.folder / row.name
        folder.mkdir(exist_ok=True)
        port = self.ports[row.name] = free_port()
        place = Place(
            folder, self.tools.programs, sys.executable, port, self.ports["primary"], self.ports["shadow"]
        )
        for part in row.parts(place):
            core = self.cores.front if part.front else self.cores.behind
            self.spawn(row.name, part.name, list(part.argv), core)
        self.listening(row.name)
        deadline = time.monotonic() + START_S
        while True:
            before = self.account(row)
            told = self.load(row, "open", 0.2, 4, 200)
            if told["errors"] == 0 and told["mismatched"] == 0 and told["done"]:
                if not row.count or self.settled(row, before, int(told["sent"])):
                    return
            if time.monotonic() > deadline:
                raise EngineError(f"{row.name} does not pass calls: {self.last_words(row.name) or told}")

    def cpu_s(self, name: str) -> dict[str, float]:
        """CPU seconds that a row has used, user and system, by part."""
        return {part: sum(sum(each.cpu_times()[:2]) for each in tree) for part, tree in self.trees(name)}

    def resident(self, name: str) -> int:
        """Resident bytes of a row."""
        return sum(int(each.memory_info().rss) for _, tree in self.trees(name) for each in tree)

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
        with self.hurried(urgent):
            return self.finish(self.begin(row.name, mode, seconds, connections, amount, interval_us, urgent))

    @contextlib.contextmanager
    def held(self, row: Row, streams: int, connections: int) -> Iterator[int]:
        """Hold idle streams open; yields how many were answered with headers."""
        command = [self.tools.programs["load"], str(self.ports[row.name]), str(self.folder), "idle", "3600"]
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
            told = asyncio.run(ask(self.folder / row.name / row.count, {}, timeout_s=5))
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
        (_, process), *_ = self.running[engine]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def lag_s(self, name: str) -> float | None:
        """The longest pause that the relay's own probe saw in the last 30 s."""
        with contextlib.suppress(UnderstudyError):
            told = asyncio.run(ask(self.folder / name / "relay.sock", {"op": "status"}, timeout_s=5))
            return float(told["lag_max_s"])
        return None


def row(name: str) -> Row:
    """The row of that name."""
    return next(row for row in ROWS if row.name == name)
