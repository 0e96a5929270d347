"""Numbers: does another leg give the same numbers as the baseline?

When a number is what was asked for, or both legs mark an answer, the answers are compared: another way of working
towards the same result is no drift. Otherwise it is the share of numbers the two have in common. Two texts that
differ in nothing but numbers agree by half at most, for then each change is one of fact.
"""

from collections.abc import Sequence
from decimal import Decimal

from understudy.pair import Leg, Pair
from understudy.score import Metric, Score, Sense

from understudy_analyzers import judge
from understudy_analyzers.expectation import expect
from understudy_analyzers.numbers.answer import Answer, answer, asked, final, stated
from understudy_analyzers.numbers.compare import Change, compare, written
from understudy_analyzers.numbers.numeral import numerals, value

__all__ = ["Numbers", "answer", "final", "numbers", "same", "stated", "value", "wanted"]

FACT = 0.5
"""The most that two texts agree which differ in numbers alone."""
SHORT = 240
"""Characters up to which the last number of an unmarked reply is its answer, whatever was asked."""
TOLD = 6
"""Changes named in an explanation, and shown as evidence."""


def numbers(text: str) -> list[Decimal]:
    """The values of a text's numerals in order, list markers aside."""
    return [one.value for one in numerals(text)]


def wanted(prompt: str) -> bool:
    """True when a prompt asks for a number and for no structure that would hold it."""
    expected = expect(prompt)
    return expected.number or (expected.structure is None and asked(prompt))


def equal(one: Decimal, other: Decimal) -> bool:
    """The same number, or the same but for how far it was rounded, with two decimals at least."""
    if one == other:
        return True
    places = [-int(exponent) for exponent in (one.as_tuple().exponent, other.as_tuple().exponent)]
    if min(places) < 2 or max(places) > 40 or abs(one - other) > 1:
        return False
    step = Decimal(1).scaleb(-min(places))
    return abs(one - other) * 2 <= step


def results(base: str, other: str, prompt: str, asks: bool) -> tuple[Answer | None, Answer | None] | None:
    """The answers of two texts where answers are what counts; None where they are not."""
    left, right = answer(base, prompt), answer(other, prompt)
    marked = [one is not None and one.stated for one in (left, right)]
    if all(marked) or any(one is not None and one.mark == "bare" for one in (left, right)):
        return left, right
    # A prose reply without any number answers no sum: then neither does the other's last one.
    known = any(marked) or (left is not None and right is not None)
    if asks and known and (_sums(prompt) or max(len(base), len(other)) <= SHORT):
        return left, right
    return None


def _sums(prompt: str) -> bool:
    """A prompt that gives numbers to reckon with: the last number of a reply to it is the result."""
    return any(character.isdigit() for character in prompt)


def same(base: str, other: str, prompt: str, asks: bool) -> judge.Found | None:
    """Agreement of two texts on numbers; None when neither has any."""
    if base == other:
        return _alone(base, prompt)
    answers = results(base, other, prompt, asks)
    seen = compare(base, other)
    if answers is not None and answers != (None, None):
        left, right = answers
        agreed = left is not None and right is not None and equal(left.value, right.value)
        note = f"answer {_plain(left)} against {_plain(right)}"
        # The same numbers in another order are another way to the same result.
        if agreed and not (seen.alone and not seen.reordered):
            return judge.Found(1.0, _place(right), note, _place(left))
        if not agreed:
            return judge.Found(0.0, _place(right), note, _place(left))
        return judge.Found(FACT, *_evidence(seen.changes, note + "; on the way "))
    if seen.alone and seen.changes:
        return judge.Found(min(FACT, seen.share), *_evidence(seen.changes, "only numbers differ: "))
    if not seen.ours and not seen.theirs:
        return None
    note = f"{seen.common} numbers in common of {seen.ours} and {seen.theirs}"
    return judge.Found(seen.share, *_evidence(seen.changes, note + (": " if seen.changes else "")))


def _alone(text: str, prompt: str) -> judge.Found | None:
    """One text for both: its answer is read once, for whoever reads the score. "One of them" is no number."""
    found = answer(text, prompt)
    if found is None or not (found.stated or any(map(str.isdigit, text[found.start : found.end]))):
        return None
    return judge.Found(1.0, _place(found), f"answer {_plain(found)}, {found.mark}", _place(found))


def _evidence(
    changes: Sequence[Change], note: str
) -> tuple[tuple[judge.Place, ...], str, tuple[judge.Place, ...]]:
    told = changes[:TOLD]
    more = f" and {len(changes) - TOLD} more" if len(changes) > TOLD else ""
    return (
        tuple((c.other.start, c.other.end, f"was {written(c.base)}") for c in told if c.other),
        note + ", ".join(str(change) for change in told) + more,
        tuple((c.base.start, c.base.end, f"became {written(c.other)}") for c in told if c.base),
    )


def _place(found: Answer | None) -> tuple[judge.Place, ...]:
    return () if found is None else ((found.start, found.end, "answer"),)


def _plain(found: Answer | None) -> str:
    return "none" if found is None else written(found.value)


class Numbers:
    """Agreement of each other leg with the baseline on numbers."""

    name = "numbers"
    version = "2"
    metrics = (Metric("numbers", Sense.AGREE, "the reply gives the same numbers as the baseline's"),)

    def score(self, pair: Pair) -> Sequence[Score]:
        """One score when the baseline or the other leg gives a number."""
        outputs = {} if pair.censored else judge.texts(pair)
        if Leg.BASELINE not in outputs or len(outputs) < 2:
            return ()
        base = outputs.pop(Leg.BASELINE)
        prompt = pair.request.text
        asks = any(text != base for text in outputs.values()) and wanted(prompt)
        found = judge.each(outputs, lambda text: same(base, text, prompt, asks))
        if found:
            # A second reply of the baseline that says the same agrees, whatever there is to read in it: without its
            # word a number that only the candidate gives would have nothing to be held against.
            found = {leg: judge.SAME for leg, text in outputs.items() if text == base} | found
        return (judge.score(self.name, self.version, self.metrics[0], found),) if found else ()
