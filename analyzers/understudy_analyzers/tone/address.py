"""Address: how much a reply speaks to its reader, whichever form of "you" it uses.

The form itself (tú or usted, du or Sie) is register, and moves formality.
"""

from understudy_analyzers.judge import Found
from understudy_analyzers.tone import scale
from understudy_analyzers.tone.reading import Reading

GAIN = 7.5
PRIOR = 12.0

YOU = {"you": 1.0, "t": 1.0, "v": 1.0}


def of(reading: Reading) -> Found:
    """Words for the reader by all words, squashed."""
    amount = scale.total(reading, YOU) / (reading.size + PRIOR)
    return Found(
        scale.rate(GAIN * amount), reading.evidence(*YOU), f"speaks to the reader {reading.count(*YOU)} times"
    )
