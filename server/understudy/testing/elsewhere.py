"""The other process of the conformance kit: an analyzer and pairs in, digests of its scores out, in our own pickle."""

import pickle
import sys

from understudy.testing.conform import UNABLE, Digests, digest


def main() -> int:
    """Score what comes on standard input, the last pair first; the exit code."""
    try:
        made, pairs = pickle.load(sys.stdin.buffer)
        analyzer = made() if isinstance(made, type) else made
    except Exception as error:
        print(f"{type(error).__name__}: {error}".splitlines()[0], file=sys.stderr)
        return UNABLE
    out, sys.stdout = sys.stdout.buffer, sys.stderr  # what an analyzer prints is no answer
    found: Digests = tuple((pair.id, digest(analyzer.score(pair))) for pair in reversed(pairs))
    pickle.dump(found[::-1], out)
    out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
