"""The queue before a notifier: bounded, coalescing, retrying; offering to it never waits."""

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass

from understudy.alert import Alert, Notice
from understudy.errors import ConfigError, NotifyError
from understudy.notify import Message, Notifier, Refused, grouped
from understudy.rollback import Signal

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """Patience with a peer."""

    attempts: int = 5
    """Attempts per message before it counts as failed."""
    backoff_s: float = 0.5
    """Wait before the second attempt, seconds; doubled each time, with full jitter."""
    backoff_max_s: float = 30.0
    """Longest wait, seconds."""
    max_items: int = 1000
    """Alerts and signals waiting; the oldest beyond it are dropped and counted."""
    drain_s: float = 5.0
    """How long to go on sending at shutdown, seconds."""

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work."""
        if self.attempts < 1:
            raise ConfigError(f"notify.attempts = {self.attempts}: must be at least 1")
        if self.max_items < 1:
            raise ConfigError(f"notify.max_items = {self.max_items}: must be at least 1")
        for name in ("backoff_s", "backoff_max_s", "drain_s"):
            if getattr(self, name) < 0:
                raise ConfigError(f"notify.{name} = {getattr(self, name)}: must be 0 or more")


class Dispatcher:
    """Carries alerts and signals to one notifier.

    Waiting alerts coalesce by fingerprint: while a peer is away only the newest state of each is kept, so the
    queue is bounded by the number of alerts, not by the length of the outage. What could not be delivered is
    counted, and goes out with the alert's next resend.
    """

    def __init__(self, notifier: Notifier, settings: Settings, rng: random.Random | None = None) -> None:
        self.notifier = notifier
        self.failures = 0
        """Messages given up."""
        self.dropped = 0
        """Alerts and signals pushed out of a full queue."""
        self.delivered = 0
        """Messages delivered."""
        self._settings = settings
        self._rng = rng or random.Random()
        self._alerts: dict[str, Alert] = {}
        self._signals: list[Signal] = []
        self._owed: set[str] = set()
        self._wake = asyncio.Event()
        self._closing = False

    def offer(self, alerts: Sequence[Alert] = (), signals: Sequence[Signal] = ()) -> None:
        """Take over what is to be told. Never waits and never fails."""
        for alert in alerts:
            key = alert.fingerprint
            waiting = self._alerts.pop(key, None)
            if (
                alert.notice is Notice.RESENT
                and not self.notifier.resend
                and waiting is None
                and key not in self._owed
            ):
                continue
            self._alerts[key] = alert
        self._signals.extend(signals)
        while len(self._alerts) + len(self._signals) > self._settings.max_items:
            self.dropped += 1
            if self._alerts:
                oldest = next(iter(self._alerts))
                del self._alerts[oldest]
                self._owe(oldest)
            else:
                self._signals.pop(0)
        if self._alerts or self._signals:
            self._wake.set()

    @property
    def waiting(self) -> int:
        """Alerts and signals not yet taken up."""
        return len(self._alerts) + len(self._signals)

    async def run(self) -> None:
        """Deliver until `aclose`; an error of the peer never ends it."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            alerts, signals = list(self._alerts.values()), self._signals
            self._alerts, self._signals = {}, []
            for message in grouped(alerts, signals):
                await self._send(message)
            if self._closing and not self.waiting:
                return

    async def aclose(self) -> None:
        """Ask `run` to end once the queue is empty; its owner may cancel it after `Settings.drain_s`."""
        self._closing = True
        self._wake.set()

    @property
    def drain_s(self) -> float:
        """How long the owner should wait for `run` after `aclose`, seconds."""
        return self._settings.drain_s

    async def _send(self, message: Message) -> None:
        settings, error = self._settings, ""
        for attempt in range(1, settings.attempts + 1):
            try:
                await self.notifier.deliver(message)
            except Refused as refused:
                error = str(refused)
                break
            except NotifyError as failed:
                error = str(failed)
            except Exception as defect:
                # A third party's notifier may raise anything; the queue must outlive it.
                error = f"{type(defect).__name__} in notifier {self.notifier.name}"
                log.exception("notifier failed", extra={"notifier": self.notifier.name})
                break
            else:
                self.delivered += 1
                self._owed.difference_update(alert.fingerprint for alert in message.alerts)
                return
            if attempt < settings.attempts:
                ceiling = min(settings.backoff_max_s, settings.backoff_s * 2 ** (attempt - 1))
                await asyncio.sleep(self._rng.uniform(0, ceiling))
        self.failures += 1
        for alert in message.alerts:
            self._owe(alert.fingerprint)
        log.warning("notification failed", extra={"notifier": self.notifier.name, "error": error})

    def _owe(self, key: str) -> None:
        # Bounded like the queue: an alert that is gone is never asked for again.
        if len(self._owed) < 10 * self._settings.max_items:
            self._owed.add(key)
