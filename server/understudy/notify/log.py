"""LogNotifier: one structured line per alert and per signal."""

import logging
from dataclasses import dataclass

from understudy.alert import Alert, Severity, State
from understudy.notify import Message


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the lines go."""

    logger: str = "understudy.alert"
    """Name of the logger."""


class LogNotifier:
    """Writes alerts to the log: message, and every label and annotation as a field of its own."""

    name = "log"
    resend = False

    def __init__(self, settings: Settings | None = None) -> None:
        self._log = logging.getLogger((settings or Settings()).logger)

    async def deliver(self, message: Message) -> None:
        """Write the lines."""
        for signal in message.signals:
            self._log.warning(
                "signal %s: %s",
                signal.action,
                signal.detail or signal.reason,
                extra={
                    "action": signal.action.value,
                    "reason": signal.reason.value,
                    "target": signal.target,
                    "alerts": list(signal.alerts),
                },
            )
        for alert in message.alerts:
            self._log.log(
                _level(alert),
                "alert %s %s: %s",
                alert.name,
                alert.state,
                alert.annotations.get("summary", ""),
                extra={
                    "alert": alert.name,
                    "state": alert.state.value,
                    "notice": alert.notice.value,
                    "fingerprint": alert.fingerprint,
                    "labels": dict(alert.labels),
                    "annotations": dict(alert.annotations),
                },
            )

    async def aclose(self) -> None:
        """Nothing to give back."""


def _level(alert: Alert) -> int:
    if alert.state is State.RESOLVED:
        return logging.INFO
    return logging.ERROR if alert.severity is Severity.CRITICAL else logging.WARNING
