"""The rows of the benchmark, started in front of the engines, and what they count."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from understudy.errors import EngineError, UnderstudyError
from understudy.service.lines import ask

from bench.rows import FINITE, ROWS, Place, Row
from bench.stage import START_S, Stage, free_port, pinned
from bench.tools import Tools

SETTLE_S = 0.6
"""How long after a run its requests may still be on their way: the accounting is up to 0.25 s old, and what is allowed
beyond that is a rate that cannot be kept up."""
LATE_S = 1.0
"""The same while a row starts."""
SLOTS, SERVICE_US = 8, 3200
"""Of the engine of finite capacity: 2,500 calls a second."""
REST_S = 30.0
"""How long a path may take to be done with a run that was too much for it."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a path that pairs says of its requests, cumulatively."""

    requests: int = 0
    paired: int = 0
    dropped: int = 0
    in_flight: int = 0
    controls: int = 0
    """Pairs with a control reply."""


class Field(Stage):
    """The engines and the rows in front of them."""

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self.ready = {"direct"}
        """Rows that pass calls."""

    def __enter__(self) -> "Field":
        """Start the engines."""
        self.open()
        certify(self.folder)
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
        if row.engine not in self.running:
            self.ports[row.engine] = free_port()
            self.engine(row.engine, *((str(SLOTS), str(SERVICE_US)) if row.engine == FINITE else ()))
        primary = self.ports[row.engine]
        folder = self.folder / row.name
        folder.mkdir(exist_ok=True)
        place = Place(
            folder,
            self.tools.programs,
            sys.executable,
            free_port(),
            primary,
            self.ports["shadow"],
            self.folder,
        )
        parts = row.parts(place)
        self.ports[row.name] = place.port if parts else primary
        if row.tls:
            self.secure.add(row.name)
        for part in parts:
            core = self.cores.front if part.front else self.cores.behind
            self.spawn(row.name, part.name, list(part.argv), core)
        self.listening(row.name)
        deadline = time.monotonic() + START_S
        while True:
            before = self.account(row)
            told = self.load(row, "open", 0.2, 4, 200)
            if told["errors"] == 0 and told["mismatched"] == 0 and told["done"]:
                if not row.count or self.settled(row, before, int(told["sent"]), LATE_S):
                    self.ready.add(row.name)
                    return
            if time.monotonic() > deadline:
                raise EngineError(f"{row.name} does not pass calls: {self.last_words(row.name) or told}")

    def stop(self, name: str) -> None:
        """End a row or an engine."""
        self.ready.discard(name)
        super().stop(name)

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
        words: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Run the load generator; `urgent` gives it and the engines real-time priority where that is allowed.

        Raises:
            EngineError: it failed, or a process of the row did.
        """
        with self.hurried(urgent):
            load = self.begin(row.name, mode, seconds, connections, amount, interval_us, urgent, words)
            return self.finish(load)

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
        return Account(*(int(told.get(one.name, 0)) for one in fields(Account)))

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

    def accounted(self, row: Row, before: Account, sent: int, within_s: float) -> Account | None:
        """The account once each of the `sent` was seen or given up, and none is in flight; None: it does not come."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            now = self.account(row)
            if now.requests - before.requests + now.dropped - before.dropped >= sent and not now.in_flight:
                return self.account(row)
            time.sleep(0.1)
        return None

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

    def probe(self, row: Row, every_s: float) -> dict[str, float] | None:
        """Have the row's relay look closely at its loop, or end that with 0; what it saw until now.

        None where there is no relay, or it saw nothing.
        """
        socket = self.folder / row.name / "relay.sock"
        if not socket.exists():
            return None
        with contextlib.suppress(UnderstudyError):
            told = asyncio.run(ask(socket, {"op": "probe", "every_s": every_s}, timeout_s=5))
            return {name: float(told[name]) for name in ("ticks", "lag_max_s", "own_max_s")}
        return None


def certify(folder: Path) -> None:
    """Write server.pem and server.key for localhost, and ca.pem, who signed them."""
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    shown = authority.issue_cert("localhost", "127.0.0.1")
    shown.private_key_pem.write_to_path(str(folder / "server.key"))
    (folder / "server.pem").write_bytes(b"".join(blob.bytes() for blob in shown.cert_chain_pems))


def row(name: str) -> Row:
    """The row of that name."""
    return next(row for row in ROWS if row.name == name)
