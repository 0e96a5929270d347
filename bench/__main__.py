"""`python -m bench`: what `make bench` runs."""

from bench.command import execute, words
from bench.run import run


def main() -> None:
    """Exit 0 when it ran, 1 on an unmet target with --strict, 3 when it could not run, 130 when interrupted."""
    options = words(
        "bench", "The data path beside the proxies it competes with.", "bench.json and bench.html go"
    )
    options.add_argument(
        "--quick", action="store_true", help="a look: one short round, which decides no ratio"
    )
    options.add_argument("--rounds", type=int, metavar="N", help="rounds of every measure")
    said = options.parse_args()
    execute(lambda: run(said.out, quick=said.quick, rounds=said.rounds, strict=said.strict))


if __name__ == "__main__":
    main()
