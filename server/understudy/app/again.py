"""`understudy replay`: ask the engines who they are, then send them the captured requests."""

import asyncio
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from understudy import replay
from understudy.capture.reader import files
from understudy.config import check_address
from understudy.engine.upstream import describe
from understudy.errors import ConfigError, EngineError
from understudy.pair import Lane


def run(
    captures: Sequence[Path],
    baseline: str,
    candidate: str,
    model: str,
    out: Path,
    concurrency: int,
    control_share: float | None,
    *,
    quiet: bool,
) -> int:
    """Replay; the exit code.

    Raises:
        UnderstudyError: an engine or the capture cannot be used.
    """
    for name, address in (("baseline", baseline), ("candidate", candidate)):
        check_address(f"replay: --{name}", address)
    files(captures)  # a capture that is not there is said before any engine is asked
    lane = asyncio.run(_lane(baseline, candidate, model))
    return replay.run(
        captures,
        baseline,
        candidate,
        out,
        replay.Settings(concurrency=concurrency, control_share=control_share),
        fingerprints=lane,
        resume=f"go on with: understudy {shlex.join(sys.argv[1:])}",
        quiet=quiet,
    )


async def _lane(baseline: str, candidate: str, model: str) -> Lane:
    told = []
    for name, address in (("baseline", baseline), ("candidate", candidate)):
        try:
            told.append(await describe(address, model, timeout_s=5.0))
        except EngineError as error:
            raise EngineError(
                f"replay: the {name} engine: {error}; start it, or correct --{name} or --model"
            ) from None
    if told[0].fingerprint == told[1].fingerprint:
        raise ConfigError(
            f"replay: {baseline} and {candidate} are the same engine ({told[0].fingerprint[:12]}): "
            "correct an address"
        )
    return Lane(told[0].fingerprint, told[1].fingerprint)
