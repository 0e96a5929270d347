"""`python -m bench.switch`: what `make switch` runs."""

from bench.command import execute, words
from bench.switch.run import run


def main() -> None:
    """Exit 0 when it ran, 1 on an unmet target with --strict, 3 when it could not run, 130 when interrupted."""
    options = words("switch", "What callers see of switches and restarts.", "switch.json goes")
    options.add_argument("--quick", action="store_true", help="a look: few switches and restarts")
    options.add_argument(
        "--switches", type=int, metavar="N", help="switches in plaintext, and as many with TLS"
    )
    options.add_argument("--restarts", type=int, metavar="N", help="orders to restart all workers")
    said = options.parse_args()
    execute(
        lambda: run(
            said.out, quick=said.quick, strict=said.strict, switches=said.switches, restarts=said.restarts
        )
    )


if __name__ == "__main__":
    main()
