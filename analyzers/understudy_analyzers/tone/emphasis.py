"""Emphasis: exclamation marks, emoji and emoticons, "??" and "?!", words in capitals."""

from understudy_analyzers.judge import Found
from understudy_analyzers.tone import scale
from understudy_analyzers.tone.reading import Reading

GAIN = 1.7
PRIOR = 3.0
"""Sentences of plain text assumed before each reply."""

LOUD = {"exclaim": 1.0, "face": 1.0, "insist": 1.0, "shout": 0.5}


def of(reading: Reading) -> Found:
    """Loud marks a sentence, squashed."""
    amount = scale.total(reading, LOUD) / (reading.sentences + PRIOR)
    return Found(scale.rate(GAIN * amount), reading.evidence(*LOUD), f"{reading.count(*LOUD)} loud marks")
