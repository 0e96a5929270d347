"""Refusal: did the reply decline? Signs in twelve languages, weighed by a small model, judged pair by pair.

`stance` is the taxonomy; `english`, `europe` and `east` are the words; `signs` finds them; `weights` is the trained
part and `train` makes it; `reading` reads one reply, `joint` a pair's replies together, `analyzer` scores.
"""

from understudy_analyzers.refusal.analyzer import Refusal
from understudy_analyzers.refusal.joint import agree, joint
from understudy_analyzers.refusal.reading import read
from understudy_analyzers.refusal.stance import Reading, Stance

__all__ = ["Reading", "Refusal", "Stance", "agree", "joint", "read"]
