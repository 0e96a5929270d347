"""How many examples the properties of this room try: few in `make test`, UNDERSTUDY_FUZZ=N times as many for long."""

import os

from hypothesis import settings

FACTOR = int(os.environ.get("UNDERSTUDY_FUZZ", "1"))


def examples(n: int) -> settings:
    """The suite's settings with `n` examples, times UNDERSTUDY_FUZZ."""
    return settings(max_examples=n * FACTOR)
