"""`python -m chaos`: what `make chaos` runs."""

from bench.command import execute, words
from chaos.run import run


def main() -> None:
    """Exit 0 when it ran, 1 on an unmet target with --strict, 3 when it could not run, 130 when interrupted."""
    options = words("chaos", "What callers notice when the rest fails.", "chaos.json and chaos.html go")
    options.add_argument(
        "--quick", action="store_true", help="a look: one short round, which decides no ratio"
    )
    options.add_argument("--rounds", type=int, metavar="N", help="rounds of every fault")
    options.add_argument("--only", default="", metavar="FAULT,...", help="these faults alone")
    options.add_argument("--client", default="", metavar="NAME", help="mirror.client: raw or grpc")
    said = options.parse_args()
    only = [name for name in said.only.split(",") if name]
    execute(
        lambda: run(
            said.out, quick=said.quick, rounds=said.rounds, only=only, client=said.client, strict=said.strict
        )
    )


if __name__ == "__main__":
    main()
