"""Formality: formal against casual marks, and how the reader is spoken to (tú or usted, du or Sie).

Only closed lists count, never the length of words or the share of nouns: those follow the topic (Heylighen & Dewaele
1999 measure them, and they separate genres better than tones).
"""

from understudy_analyzers.judge import Found
from understudy_analyzers.tone import scale
from understudy_analyzers.tone.reading import Reading

GAIN = 11.0
PRIOR = 20.0
"""Words of neutral text assumed before each reply, so that one mark in a short reply does not swing it."""

FORMAL = {"formal": 1.0, "v": 0.8, "polite": 0.6}
CASUAL = {
    "casual": 1.0,
    "contraction": 0.7,
    "t": 0.8,
    "plain": 0.6,
    "exclaim": 0.5,
    "face": 1.0,
    "trail": 0.3,
    "curse": 1.0,
}


def of(reading: Reading) -> Found:
    """Weighed formal minus casual marks a word; .5 = neither."""
    formal, casual = scale.total(reading, FORMAL), scale.total(reading, CASUAL)
    value = scale.lean(GAIN * (formal - casual) / (reading.size + PRIOR))
    return Found(value, reading.evidence(*FORMAL, *CASUAL), f"{formal:.3g} formal, {casual:.3g} casual marks")
