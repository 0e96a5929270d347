"""`python -m bench.switch`: what `make switch` runs."""

import argparse
import signal
import sys
from pathlib import Path

from understudy.cli import guarded

from bench.switch.run import run


def main() -> None:
    """Exit 0 when it ran, 1 on an unmet target with --strict, 3 when it could not run, 130 when interrupted."""
    words = argparse.ArgumentParser(prog="switch", description="What callers see of switches and restarts.")
    words.add_argument("--quick", action="store_true", help="a look: few switches and restarts")
    words.add_argument("--strict", action="store_true", help="exit 1 on a target that is not met")
    words.add_argument(
        "--switches", type=int, metavar="N", help="switches in plaintext, and as many with TLS"
    )
    words.add_argument("--restarts", type=int, metavar="N", help="orders to restart all workers")
    words.add_argument("--out", type=Path, default=Path("out"), help="where switch.json goes")
    said = words.parse_args()
    # A SIGTERM ends what was started as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    code = 0

    def command() -> None:
        nonlocal code
        code = run(
            said.out, quick=said.quick, strict=said.strict, switches=said.switches, restarts=said.restarts
        )

    failed = guarded(command)
    sys.exit(failed or code)


if __name__ == "__main__":
    main()
