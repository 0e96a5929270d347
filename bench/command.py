"""What the measuring commands have in common: `bench`, `bench.soak`, `bench.switch` and `chaos`."""

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from understudy.app.exits import guarded


def words(prog: str, description: str, writes: str) -> argparse.ArgumentParser:
    """The options of all of them; `writes` says what goes into the folder."""
    made = argparse.ArgumentParser(prog=prog, description=description)
    made.add_argument("--strict", action="store_true", help="exit 1 on a target that is not met")
    made.add_argument("--out", type=Path, default=Path("out"), help=f"where {writes}")
    return made


def execute(run: Callable[[], int]) -> None:
    """Run it: exit as it says, with 3 when it could not, and with 130 when it was interrupted."""
    # A SIGTERM ends what was started as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    code = 0

    def command() -> None:
        nonlocal code
        code = run()

    failed = guarded(command)
    sys.exit(failed or code)
