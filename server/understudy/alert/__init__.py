"""Alerts: what must be said to people and machines, and when.

`AlertBook.update` turns verdicts of the drift engine and facts about ourselves (`Health`) into alerts with a
stable identity. No I/O and no clock: the time is an argument, delivery is the notifiers' affair.
"""

from understudy.alert.book import AlertBook, Settings
from understudy.alert.health import Blindness, Health, Rule
from understudy.alert.value import Alert, Name, Notice, Resolution, Severity, State, fingerprint

__all__ = [
    "Alert",
    "AlertBook",
    "Blindness",
    "Health",
    "Name",
    "Notice",
    "Resolution",
    "Rule",
    "Settings",
    "Severity",
    "State",
    "fingerprint",
]
