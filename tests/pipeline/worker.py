"""A worker process whose analyzer never returns from some pairs: `python -m tests.pipeline.worker ADDRESS LIMIT`."""

import asyncio
import re
import sys
from collections.abc import Sequence

from understudy.pair import Pair
from understudy.score import Metric, Score, Sense
from understudy.service.analysis import serve


class Snare:
    """Scores 1 where a reply is in capitals, unless the reply is a trap."""

    name = "snare"
    version = "1"
    metrics = (Metric("shouting", Sense.BAD, "the reply shouts"),)

    def score(self, pair: Pair) -> Sequence[Score]:
        text = pair.candidate.text
        while text == "loop":
            pass
        if text == "eat":
            bytearray(50_000_000_000)
        if text == "regex":
            re.match(r"(a+)+b", "a" * 64)  # holds the interpreter lock for longer than anybody waits
        values = {output.leg: float(output.text.isupper()) for output in pair.legs()}
        return [Score("shouting", Sense.BAD, values, {})]


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], [Snare()], asyncio.Event(), float(sys.argv[2]), 1 << 28))
