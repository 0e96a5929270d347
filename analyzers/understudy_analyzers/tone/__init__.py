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
    """Formality, politeness, sentiment, hedging, address, emphasis and verbosity of each leg."""

    name = "tone"
    version = "2"
    metrics = (*(metric for metric, _ in DIMENSIONS), VERBOSITY)

    def score(self, pair: Pair) -> Sequence[Score]:
        """Seven scores over the legs that did not fail."""
        outputs = judge.texts(pair)
        readings = {text: read(text) for text in dict.fromkeys(outputs.values())}
        made = []
        for metric, dimension in DIMENSIONS:
            judged = {text: dimension(reading) for text, reading in readings.items()}
            made.append((metric, {leg: judged[text] for leg, text in outputs.items()}))
        made.append((VERBOSITY, {} if pair.censored else verbosity.of(outputs)))
        return [judge.score(self.name, self.version, metric, found) for metric, found in made if found]
