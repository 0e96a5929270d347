"""`python -m sim`: what `make sim` runs."""

from bench.command import execute, words
from sim.plan import SEED
from sim.run import run


def main() -> None:
    """Exit 0 when it ran, 1 on an unmet target with --strict, 3 when it could not run, 130 when interrupted."""
    options = words("sim", "The drift engine's targets, measured.", "sim.json and sim.html go")
    options.add_argument(
        "--quick", action="store_true", help="a look, under 3 minutes: fewer and shorter runs"
    )
    options.add_argument(
        "--only", default="", metavar="T2,...", help="these targets alone; peers and shows too"
    )
    options.add_argument("--seed", type=int, default=SEED, metavar="N", help="of every draw")
    options.add_argument("--jobs", type=int, default=0, metavar="N", help="processes; 0 = one per core")
    said = options.parse_args()
    only = [name for name in said.only.split(",") if name]
    execute(
        lambda: run(said.out, quick=said.quick, only=only, seed=said.seed, jobs=said.jobs, strict=said.strict)
    )


if __name__ == "__main__":
    main()
