"""`python -m bench`: what `make bench` runs."""

import argparse
import signal
import sys
from pathlib import Path

from understudy.cli import guarded

from bench.run import run


def main() -> None:
    """Exit 0 when it ran, 1 on an unmet target with --strict, 3 when it could not run, 130 when interrupted."""
    words = argparse.ArgumentParser(
        prog="bench", description="The data path beside the proxies it competes with."
    )
    words.add_argument("--quick", action="store_true", help="a look: one short round, which decides no ratio")
    words.add_argument("--strict", action="store_true", help="exit 1 on a target that is not met")
    words.add_argument("--rounds", type=int, metavar="N", help="rounds of every measure")
    words.add_argument("--out", type=Path, default=Path("out"), help="where bench.json and bench.html go")
    said = words.parse_args()
    # A SIGTERM ends what was started as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    code = 0

    def command() -> None:
        nonlocal code
        code = run(said.out, quick=said.quick, rounds=said.rounds, strict=said.strict)

    failed = guarded(command)
    sys.exit(failed or code)


if __name__ == "__main__":
    main()
