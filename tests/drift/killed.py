"""A controller's evidence that kills itself: `python -m tests.drift.killed DIRECTORY [entry|renamed N]`.

Takes 40 ticks of pairs into the journal of that directory, from the first that is not closed there, as an observer
sends them again; says every change as a line, and at the end what it came to. With a point it dies by SIGKILL there:
`entry`, when half of the Nth entry is written; `renamed`, when the Nth rename of a compaction is done.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from hashlib import sha256
from io import FileIO
from pathlib import Path
from typing import Any

from understudy import durable
from understudy.drift.engine import Drift
from understudy.drift.tolerance import Tolerances
from understudy.drift.verdict import Change, Verdict
from understudy.pipeline import core, journal
from understudy.pipeline.core import Pipeline

from tests.pipeline.test_core import TICK_NS, Upper, a_batch

TICKS = 40
PAIRS = 20


def arm(point: str, number: int) -> None:
    """Die at a point."""
    left = number

    def reached(real: Callable[..., Any], *rest: Any) -> None:
        nonlocal left
        left -= 1
        if left:
            real(*rest)
            return
        if point == "entry":
            file, data = rest
            assert isinstance(file, FileIO)
            file.write(data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    if point == "entry":
        write = journal._write
        journal._write = lambda file, data: reached(write, file, data)
    else:
        sync = durable.sync
        durable.sync = lambda directory: reached(sync, directory)


def say(kind: str, told: Iterable[Change | Verdict]) -> None:
    for one in told:
        print(kind, json.dumps(asdict(one), sort_keys=True), flush=True)


async def main(directory: Path) -> None:
    core.COMPACT_TICKS = 7
    pipeline = Pipeline(Upper(), Drift(Tolerances.default()), journal.Journal(directory))
    say("change", pipeline.restored)
    pipeline.announce("start")
    for tick in range(max(1, pipeline.closed + 1), TICKS + 1):
        bad = 0.5 if 10 <= tick < 20 else 0.0
        await pipeline.take(a_batch(tick, tick * PAIRS, PAIRS, share_bad=bad), 0)
        say("change", pipeline.advance((tick + 1) * TICK_NS))
        await pipeline.secured()
        await pipeline.compacted()
    say("final", pipeline.drift.verdicts())
    print("state", sha256(pipeline.drift.snapshot()).hexdigest())


if __name__ == "__main__":
    if len(sys.argv) > 2:
        arm(sys.argv[2], int(sys.argv[3]))
    asyncio.run(main(Path(sys.argv[1])))
