"""`python -m eval`: what `make eval` runs."""

from bench.command import execute, words
from eval.run import run


def main() -> None:
    """Exit 0 when it ran, 1 on a missed target with --strict, 3 when it could not run, 130 when interrupted."""
    options = words("eval", "The shipped analyzers on labelled outputs.", "eval.json and eval.html go")
    options.add_argument("--only", default="", metavar="refusal,...", help="these analyzers alone")
    options.add_argument("--jobs", type=int, default=0, metavar="N", help="processes; 0 = one per core")
    said = options.parse_args()
    only = [name for name in said.only.split(",") if name]
    execute(lambda: run(said.out, only=only, jobs=said.jobs, strict=said.strict))


if __name__ == "__main__":
    main()
