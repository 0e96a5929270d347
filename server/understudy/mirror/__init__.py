"""The mirror: which requests are rehearsed, the calls to the other engines, and the pairs they become."""

from understudy.mirror.admission import Admitted, Facts, Settings, Shed, Skip, Skipped, State, admit, screen
from understudy.mirror.flight import Flight
from understudy.mirror.ledger import Ledger
from understudy.mirror.mirror import Engine, Engines, Mirror

__all__ = [
    "Admitted",
    "Engine",
    "Engines",
    "Facts",
    "Flight",
    "Ledger",
    "Mirror",
    "Settings",
    "Shed",
    "Skip",
    "Skipped",
    "State",
    "admit",
    "screen",
]
