"""`python -m bench.soak`: paced streams for minutes with everything mirrored; what `make soak` runs.

64 streams at 20 ms through relay and observer, each mirrored and paired, round after round. Every byte that came
back is hashed, every stream accounted for, and the resident memory of the whole path sampled all along.
"""

import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from understudy.errors import ConfigError

from bench.command import execute, words
from bench.field import Account, Field, row
from bench.measure import CONNECTIONS, INTERVAL_US, LATE_S, STREAMS
from bench.run import machine
from bench.stats import RESAMPLES, SEED, Estimate, Limit, met, slope
from bench.tools import Tools, obtain

ROUND_S = 20.0
SAMPLE_S = 0.5
WARM_SHARE = 0.25
"""Of the run, its beginning: caches fill, and memory is not judged."""
SHORTEST_S = 240.0
"""A shorter run has warmed up too little to say anything of growth."""
BLOCKS = 12
GROWTH = 512 * 1024 / 60
"""Bytes a second that count as flat: half a MiB a minute."""


@dataclass(slots=True)
class Soak:
    """What was found so far."""

    sent: int = 0
    done: int = 0
    messages: int = 0
    errors: int = 0
    mismatched: int = 0
    inexact: int = 0
    """Rounds after which a stream was not accounted for as it should be."""
    p99_us: list[float] = field(default_factory=list)
    resident: list[tuple[float, int]] = field(default_factory=list)
    """Seconds since the start, and bytes of the whole process tree."""


def soak(field: Field, seconds: float, console: Console) -> Soak:
    """Run for so long on a path already started."""
    path, found = row("paired"), Soak()
    began = time.monotonic()
    with sampling(field, found, began):
        while (left := seconds - (time.monotonic() - began)) > 1.0 or not found.sent:
            before = field.account(path)
            told = field.load(
                path, "streams", max(1.0, min(ROUND_S, left)), CONNECTIONS, STREAMS, INTERVAL_US
            )
            whole = field.settled(path, before, told["sent"], LATE_S)
            found.inexact += not (whole and exact(before, field.account(path), told["sent"]))
            found.sent += told["sent"]
            found.done += told["done"]
            found.messages += told["messages"]
            found.errors += told["errors"]
            found.mismatched += told["mismatched"]
            found.p99_us.append(told["p99_us"])
            if console.is_terminal:
                passed = time.monotonic() - began
                console.print(f"[dim]{passed:.0f} s: {found.sent} streams, {found.mismatched} mismatched[/]")
    return found


def exact(before: Account, now: Account, sent: int) -> bool:
    """Whether each of the streams is in one column, and all columns together hold no more."""
    paired, dropped = now.paired - before.paired, now.dropped - before.dropped
    requests = now.requests - before.requests
    return requests == sent == paired + dropped and now.in_flight == 0


@contextmanager
def sampling(field: Field, found: Soak, began: float) -> Iterator[None]:
    """Note the resident memory while it lasts."""
    over = threading.Event()

    def sample() -> None:
        while not over.wait(SAMPLE_S):
            found.resident.append((time.monotonic() - began, field.resident("paired")))

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield
    finally:
        over.set()
        sampler.join()


def growth(points: Sequence[tuple[float, int]], seconds: float) -> Estimate | None:
    """Bytes a second after the warm-up, with the 95 % interval of a bootstrap over blocks of time."""
    warm = [point for point in points if point[0] >= seconds * WARM_SHARE]
    size = len(warm) // BLOCKS
    if size < 2:
        return None
    blocks = [warm[at * size : (at + 1) * size] for at in range(BLOCKS)]
    draw = random.Random(SEED)
    slopes = []
    for _ in range(RESAMPLES // 4):
        drawn = [point for block in draw.choices(blocks, k=BLOCKS) for point in block]
        if len({at for at, _ in drawn}) > size:  # one block alone says nothing of the run
            slopes.append(slope(drawn))
    slopes.sort()
    tail = round(len(slopes) * 0.025)
    return Estimate(slope(warm), slopes[tail], slopes[-1 - tail], len(warm))


def targets(found: Soak, seconds: float) -> list[dict[str, Any]]:
    """What a soak has to show, and whether it did."""
    made: list[dict[str, Any]] = []

    def target(id_: str, what: str, goal: Any, value: Any, verdict: bool | None, **more: Any) -> None:
        made.append({"id": id_, "what": what, "target": goal, "value": value, "met": verdict, **more})

    whole = found.done == found.sent > 0 and not found.errors
    target("whole", "streams that failed or did not end", 0, found.sent - found.done + found.errors, whole)
    target("bytes", "streams with a byte that differed", 0, found.mismatched, whole and not found.mismatched)
    target(
        "accounting",
        "rounds whose streams were not all paired and accounted for",
        0,
        found.inexact,
        not found.inexact,
    )
    grown = growth(found.resident, seconds)
    judged = None if grown is None or seconds < SHORTEST_S else met(grown, GROWTH, Limit.MOST)
    target(
        "memory",
        "growth of resident memory after warm-up, bytes a second",
        round(GROWTH),
        None if grown is None else round(grown.value),
        judged,
        low=None if grown is None or grown.low is None else round(grown.low),
        high=None if grown is None or grown.high is None else round(grown.high),
    )
    return made


def summary(found: Soak, seconds: float) -> dict[str, Any]:
    """What goes into soak.json."""
    sizes = [size for _, size in found.resident]
    return {
        "targets": targets(found, seconds),
        "seconds": round(seconds, 1),
        "streams": found.sent,
        "messages": found.messages,
        "p99_us": found.p99_us,
        "resident": {"first": sizes[0], "last": sizes[-1], "most": max(sizes)} if sizes else None,
        "samples": [[round(at, 1), size] for at, size in found.resident],
    }


def run(out: Path, minutes: float, strict: bool) -> int:
    """Soak, write soak.json and say what came of it; 1 when `strict` and a target is not met."""
    if minutes <= 0:
        raise ConfigError(f"soak: --minutes {minutes:g}: give more than 0")
    console = Console()
    tools: Tools = obtain((out / "tools").resolve(), peers=())
    with Field(tools) as field:
        field.start(row("paired"))
        found = soak(field, minutes * 60, console)
        told = summary(found, minutes * 60) | {"machine": machine(0.0), "cores": str(field.cores)}
    out.mkdir(parents=True, exist_ok=True)
    (out / "soak.json").write_text(json.dumps(told, indent=1) + "\n")
    table = Table("", "found", "target", "met")
    for each in told["targets"]:
        value = f"{each['value']}"
        if each.get("low") is not None:
            value += f" [{each['low']}, {each['high']}]"
        table.add_row(each["what"], value, str(each["target"]), str(each["met"]))
    console.print(table)
    console.print(f"{found.sent} streams, {found.messages} messages; {out / 'soak.json'}")
    return 1 if strict and any(each["met"] is False for each in told["targets"]) else 0


def main() -> None:
    """Exit 0 when it ran, 1 on an unmet target with --strict, 3 when it could not run, 130 when interrupted."""
    options = words("soak", "Paced streams with everything mirrored.", "soak.json goes")
    options.add_argument("--minutes", type=float, default=10.0, help="how long")
    said = options.parse_args()
    execute(lambda: run(said.out, said.minutes, said.strict))


if __name__ == "__main__":
    main()
