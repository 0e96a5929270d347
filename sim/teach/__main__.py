"""`python -m sim.teach`: write the pictures and tables of docs/statistics.md; `--check` says whether they are fresh."""

import sys

from sim.teach.page import COMMAND, PAGE, ROOT, differs, made


def main() -> int:
    """Exit 1 when `--check` finds a file that the command would change."""
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        print(f"{COMMAND}: unknown {' '.join(sys.argv[1:])!r}; say --check or nothing", file=sys.stderr)
        return 2
    stale = []
    for path, text in made((ROOT / PAGE).read_text()).items():
        place = ROOT / path
        if check:
            if not place.is_file() or differs(place.read_text(), text):
                stale.append(str(path))
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
            print(path)
    if stale:
        print(f"{', '.join(stale)}: not what the engine makes; run `{COMMAND}` and commit", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
