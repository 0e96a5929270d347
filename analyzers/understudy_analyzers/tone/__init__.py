"""Tone: seven dimensions of how a reply says what it says, each moving with style more than with content.

No direction is bad, so each metric becomes gained and lost downstream. Dimensions are rates of marks of closed classes
(`lists/`), with a prior of a few words so that a one-word reply sits still, squashed to [0, 1] on one scale (`scale`).
"""

from collections.abc import Callable, Sequence

from understudy.pair import Pair
from understudy.score import Metric, Score, Sense

from understudy_analyzers import judge
from understudy_analyzers.tone import (
    address,
    emphasis,
    formality,
    hedging,
    politeness,
    sentiment,
    verbosity,
)
from understudy_analyzers.tone.reading import Reading, read

VERBOSITY = Metric("verbosity", Sense.BOTH, "the reply is longer than the baseline's (.5 = as long)")
DIMENSIONS: tuple[tuple[Metric, Callable[[Reading], judge.Found]], ...] = (
    (Metric("formality", Sense.BOTH, "the reply's register is formal (.5 = neither)"), formality.of),
    (Metric("politeness", Sense.BOTH, "the reply thanks, asks and softens (.5 = neither)"), politeness.of),
    (Metric("sentiment", Sense.BOTH, "the reply's words are positive (.5 = neutral)"), sentiment.of),
    (Metric("hedging", Sense.BOTH, "the reply hedges: may, perhaps, probably"), hedging.of),
    (Metric("address", Sense.BOTH, "the reply speaks to its reader: you, your"), address.of),
    (Metric("emphasis", Sense.BOTH, "the reply is loud: exclamation marks, emoji, capitals"), emphasis.of),
)
"""What one reading of one text tells; verbosity compares two texts."""


class Tone:
    """Formality, politeness, sentiment, hedging, address, emphasis and verbosity of each leg.

    Args:
        dimensions: The metrics wanted, by name; every one by default. Each is a cell in every slice, and what is
            judged of them shares the budget of false alarms: name fewer where few are minded.

    Raises:
        ValueError: there is no such metric.
    """

    name = "tone"
    version = "2"
    metrics: tuple[Metric, ...] = (*(metric for metric, _ in DIMENSIONS), VERBOSITY)

    def __init__(self, dimensions: tuple[str, ...] = ()) -> None:
        known = {metric.name: metric for metric in type(self).metrics}
        for name in dimensions:
            if name not in known:
                raise ValueError(f"dimensions: no {name!r}: there are {', '.join(known)}")
        self.metrics = tuple(known[name] for name in known if not dimensions or name in dimensions)
        self._told = tuple(one for one in DIMENSIONS if one[0] in self.metrics)

    def score(self, pair: Pair) -> Sequence[Score]:
        """A score for each dimension over the legs that did not fail; none of a reply that was cut short."""
        outputs = {} if pair.censored else judge.texts(pair)
        readings = {text: read(text) for text in dict.fromkeys(outputs.values())}
        made = []
        for metric, dimension in self._told:
            judged = {text: dimension(reading) for text, reading in readings.items()}
            made.append((metric, {leg: judged[text] for leg, text in outputs.items()}))
        if VERBOSITY in self.metrics:
            made.append((VERBOSITY, verbosity.of(outputs)))
        return [judge.score(self.name, self.version, metric, found) for metric, found in made if found]
