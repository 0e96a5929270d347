"""Tone: formality, hedging and verbosity, each a number that moves with style more than with content.

No direction is bad: each metric becomes gained and lost downstream. Values are rates squashed to [0, 1] with
a prior of a few words, so that a one-word reply sits at the middle and cannot swing.
"""

# ruff: noqa: E501 - word lists read better unbroken, and their letters are meant

import math
import re
from collections.abc import Sequence

from understudy.pair import Leg, Pair
from understudy.score import Metric, Score, Sense

from understudy_analyzers import judge

READ = 8_000
"""Characters of a reply read for formality and hedging: style shows itself early."""
PRIOR = 12
"""Words of neutral text assumed before each reply."""
OCTAVES = 4.0
"""A reply 2**2 times as long as the baseline's moves verbosity by half of its range."""

_CASUAL = re.compile(
    r"\b(?:hey|hi|yo|yeah|yep|nope|ok|okay|gonna|wanna|gotta|gimme|lemme|kinda|sorta|cool|awesome|guys|folks|stuff|"
    r"thx|thanks|pls|plz|lol|btw|asap|tmrw|u|ur|k|b4|sup|cheers|ta|dude|super|totally|pretty much|a lot|lots|"
    r"cannot wait|check out|grab|tú|oye|vale|salut|ouais|cool|hallo|tschüss|ciao|oi|tá)\b|"
    r"\b\w+(?:n't|'(?:s|re|ve|ll|m|d))\b|!|[\U0001f300-\U0001faff\u2600-\u27bf]|[:;]-?[)(DP](?!\w)|\.{3}",
    re.IGNORECASE,
)
_FORMAL = re.compile(
    r"\b(?:dear|sir|madam|esteemed|regards|sincerely|respectfully|kindly|please|would you|could you|may i|grateful|"
    r"appreciate|convenience|therefore|thus|hence|furthermore|moreover|however|nevertheless|consequently|additionally|"
    r"accordingly|regarding|concerning|pursuant|shall|upon|whom|whereas|thereby|herein|ensure|assist|provide|require|"
    r"request|obtain|commence|utilize|inform|good (?:morning|afternoon|evening)|thank you|usted|ustedes|estimad[oa]s?|"
    r"atentamente|cordialmente|asimismo|veuillez|monsieur|madame|cordialement|vous|sehr geehrte[rn]?|"
    r"freundlichen grüßen|ihnen|jedoch|prezad[oa]s?|senhor[a]?|gentile|distinti|lei)\b|\w{11,30}",
    re.IGNORECASE,
)
_HEDGE = re.compile(
    r"\b(?:may|might|could|perhaps|maybe|possibly|probably|likely|unlikely|seems?|appears?|suggests?|generally|usually|"
    r"typically|often|sometimes|somewhat|roughly|approximately|about|around|i think|i believe|i guess|in my opinion|"
    r"it depends|not sure|not certain|as far as i know|tend to|tends to|potentially|presumably|arguably|"
    r"quizás?|tal vez|probablemente|posiblemente|podría|parece|creo que|peut-être|probablement|pourrait|semble|"
    r"je pense|vielleicht|wahrscheinlich|möglicherweise|könnte|scheint|ich glaube|talvez|provavelmente|poderia|acho que|"
    r"forse|probabilmente|potrebbe|sembra|penso che)\b|可能|也许|大概|かもしれ|おそらく|아마|возможно|вероятно|наверное|ربما|शायद",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")


def formality(text: str) -> judge.Found:
    """Share of formal among formal and casual marks, pulled to .5 by a prior that few marks cannot overcome."""
    head = text[:READ]
    words = len(_WORD.findall(head)) + PRIOR
    casual, formal = len(_CASUAL.findall(head)), len(_FORMAL.findall(head))
    lean = (formal - casual) / words
    return judge.Found(0.5 + 0.5 * math.tanh(4.0 * lean), note=f"{formal} formal and {casual} casual marks")


def hedging(text: str) -> judge.Found:
    """Rate of hedging words, squashed: one in twenty words is about .5."""
    head = text[:READ]
    hits = list(_HEDGE.finditer(head))
    rate = len(hits) / (len(_WORD.findall(head)) + PRIOR)
    places = tuple((hit.start(), hit.end(), "hedge") for hit in hits[:8])
    return judge.Found(1 - math.exp(-14.0 * rate), places, f"{len(hits)} hedging words")


def verbosity(outputs: dict[Leg, str]) -> dict[Leg, judge.Found]:
    """Length against the baseline's, in octaves: .5 is as long, 1 four times as long or more, 0 a quarter."""
    base = outputs.get(Leg.BASELINE)
    if base is None:
        return {}
    found = {}
    for leg, text in outputs.items():
        # A constant is added to both lengths, so that "Yes" against "Yes." is no change of style.
        ratio = math.log2((len(text) + 24) / (len(base) + 24))
        value = 0.5 + min(0.5, max(-0.5, ratio / OCTAVES))
        found[leg] = judge.Found(value, note=f"{len(text)} characters")
    return found


class Tone:
    """Formality, hedging and verbosity of each leg."""

    name = "tone"
    version = "1"
    metrics = (
        Metric("formality", Sense.BOTH, "the reply's register is formal"),
        Metric("hedging", Sense.BOTH, "the reply hedges: may, perhaps, probably"),
        Metric("verbosity", Sense.BOTH, "the reply is longer than the baseline's (.5 = as long)"),
    )

    def score(self, pair: Pair) -> Sequence[Score]:
        """Three scores over the legs that did not fail."""
        outputs = judge.texts(pair)
        formal, hedge, verbose = self.metrics
        made = [
            (formal, judge.each(outputs, formality)),
            (hedge, judge.each(outputs, hedging)),
            (verbose, {} if pair.censored else verbosity(outputs)),
        ]
        return [judge.score(self.name, self.version, metric, found) for metric, found in made if found]
