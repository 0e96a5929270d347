"""Politeness: the strategies of Danescu-Niculescu-Mizil et al. (2013, ACL: "A computational approach to politeness").

Gratitude, deference, greetings, apologies, "please" inside a sentence, counterfactual ("could you") and indicative
("can you") modals, hedges, indirectness, first person starts, positive words; against them "please" and "you" at the
start, direct questions, "why", factual insistence, negation, rude words. Weights were set by hand after the effects
that paper reports, not trained.
"""

from understudy_analyzers.judge import Found
from understudy_analyzers.tone import scale
from understudy_analyzers.tone.reading import Reading

GAIN = 1.6
PRIOR = 1.0
"""Sentences of neutral text assumed before each reply."""

KIND = {
    "thanks": 1.0,
    "could": 0.7,
    "defer": 0.4,
    "greeting": 0.4,
    "please": 0.5,
    "sorry": 0.4,
    "offer": 0.45,
    "can": 0.35,
    "smile": 0.5,
    "hedge": 0.15,
    "me": 0.2,
    "we": 0.1,
    "v": 0.1,
    "good": 0.15,
}
CURT = {
    "curse": 1.2,
    "blunt": 0.6,
    "insist": 0.7,
    "shout": 0.3,
    "direct": 0.2,
    "press": 0.25,
    "not": 0.15,
    "start": 0.4,
}


def of(reading: Reading) -> Found:
    """Weighed polite minus curt marks a sentence; .5 = neither."""
    kind, curt = scale.total(reading, KIND), scale.total(reading, CURT)
    value = scale.lean(GAIN * (kind - curt) / (reading.sentences + PRIOR))
    return Found(value, reading.evidence(*KIND, *CURT), f"{kind:.3g} polite, {curt:.3g} curt marks")
