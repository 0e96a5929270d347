"""Hedging: words that hold a claim back (may, perhaps, I think, it seems; Hyland 2005).

How often something happens (usually, sometimes) counts half: it is content as often as caution.
"""

from understudy_analyzers.judge import Found
from understudy_analyzers.tone import scale
from understudy_analyzers.tone.reading import Reading

GAIN = 10.0
PRIOR = 12.0

HEDGES = {"hedge": 1.0, "often": 0.5}


def of(reading: Reading) -> Found:
    """Hedges a word, squashed: one in twenty words is about .5."""
    amount = scale.total(reading, HEDGES) / (reading.size + PRIOR)
    return Found(
        scale.rate(GAIN * amount), reading.evidence(*HEDGES), f"{reading.count(*HEDGES)} hedging words"
    )
