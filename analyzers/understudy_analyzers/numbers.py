"""Numbers: does another leg give the same numbers as the baseline?

When a number is what was asked for, or both legs mark an answer, the answers alone are compared: another way
of working towards the same result is no drift. Otherwise it is the share of numbers the two have in common.
"""

from collections import Counter
from collections.abc import Sequence

from understudy.pair import Leg, Pair
from understudy.score import Metric, Score, Sense

from understudy_analyzers import judge
from understudy_analyzers.expectation import expect
from understudy_analyzers.numerals import final, numbers, stated


def same(base: str, other: str, answer: bool) -> judge.Found | None:
    """Agreement of two texts on numbers; None when neither has any."""
    if answer or (stated(base) is not None and stated(other) is not None):
        left, right = final(base), final(other)
        if left is None and right is None:
            return None
        return judge.Found(float(left == right), note=f"answer {_plain(left)} against {_plain(right)}")
    ours, theirs = Counter(numbers(base)), Counter(numbers(other))
    total = ours.total() + theirs.total()
    if not total:
        return None
    common = (ours & theirs).total()
    return judge.Found(
        2 * common / total, note=f"{common} numbers in common of {ours.total()} and {theirs.total()}"
    )


def _plain(number: object) -> str:
    return "none" if number is None else f"{number:f}"


class Numbers:
    """Agreement of each other leg with the baseline on numbers."""

    name = "numbers"
    version = "1"
    metrics = (Metric("numbers", Sense.AGREE, "the reply gives the same numbers as the baseline's"),)

    def score(self, pair: Pair) -> Sequence[Score]:
        """One score when the baseline or the other leg gives a number."""
        outputs = {} if pair.censored else judge.texts(pair)
        if Leg.BASELINE not in outputs or len(outputs) < 2:
            return ()
        base = outputs.pop(Leg.BASELINE)
        answer = expect(pair.request.text).number
        found = judge.each(outputs, lambda text: same(base, text, answer))
        return (judge.score(self.name, self.version, self.metrics[0], found),) if found else ()
