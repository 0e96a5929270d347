"""Delivery of alerts and signals to people and machines outside.

A notifier makes one attempt; `Dispatcher` owns the bounded queue, the retries and the counting, so that no
notifier can slow the pipeline.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from understudy.alert import Alert
from understudy.errors import NotifyError
from understudy.rollback import Signal


class Refused(NotifyError):
    """The peer understood and said no: sending the same again is of no use."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is told in one go."""

    alerts: tuple[Alert, ...] = ()
    """All of one group (`Alert.group`)."""
    signals: tuple[Signal, ...] = ()


@runtime_checkable
class Notifier(Protocol):
    """One way out. `deliver` makes a single attempt within a time limit of its own."""

    name: str
    """Unique among the configured notifiers; a label of metrics."""
    resend: bool
    """True for peers that forget what is not repeated (Alertmanager): they get every resend."""

    async def deliver(self, message: Message) -> None:
        """Send it once. Raises NotifyError when it may work later, Refused when it will not."""
        ...

    async def aclose(self) -> None:
        """Give back connections."""
        ...


def grouped(alerts: Sequence[Alert], signals: Sequence[Signal] = ()) -> list[Message]:
    """Return one message per group of alerts, in order of appearance, and one with the signals alone."""
    groups: dict[tuple[tuple[str, str], ...], list[Alert]] = {}
    for alert in alerts:
        groups.setdefault(tuple(sorted(alert.group.items())), []).append(alert)
    messages = [Message(tuple(group)) for group in groups.values()]
    return ([Message(signals=tuple(signals))] if signals else []) + messages
