"""WebhookNotifier: an HTTP POST in the shape of Alertmanager's webhook, version 4, plus our signals.

Source: prometheus.io/docs/alerting/latest/configuration/#webhook_config. A receiver written for Alertmanager
reads it unchanged; `signals` is an additional member.
"""

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from understudy.alert import Alert, State
from understudy.errors import ConfigError, NotifyError
from understudy.notify import Message, Refused


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to post and how to prove who did."""

    url: str
    """http or https. It may hold a secret (as chat services do), so it is never logged whole."""
    name: str = "webhook"
    """Receiver name in the payload and in metrics."""
    timeout_s: float = 10.0
    """For one attempt, seconds."""
    secret_file: str = ""
    """File with the key of the HMAC-SHA256 signature; empty: unsigned."""
    resend: bool = False
    """Also post every resend, for receivers that forget."""
    external_url: str = ""
    """Link to our page, for people reading the message."""

    def __post_init__(self) -> None:
        """Refuse what cannot be posted to."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError("notify.webhook.url: must be http://HOST/... or https://HOST/...")
        if self.timeout_s <= 0:
            raise ConfigError(f"notify.webhook.timeout_s = {self.timeout_s}: must be more than 0")


class WebhookNotifier:
    """Posts messages as JSON.

    2xx is delivered. 408, 425, 429, 5xx and transport errors raise NotifyError (try again); any other answer,
    redirects included, raises Refused. With a secret, two headers let the receiver check origin and age:
    `X-Understudy-Timestamp` (Unix seconds) and `X-Understudy-Signature: sha256=HEX`, the HMAC of
    timestamp + "." + body.
    """

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.name = settings.name
        self.resend = settings.resend
        self._settings = settings
        self._secret = _secret(settings.secret_file)
        self._where = _shown(settings.url)
        # httpx logs whole URLs at INFO.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._client = httpx.AsyncClient(
            timeout=settings.timeout_s, follow_redirects=False, transport=transport
        )

    async def deliver(self, message: Message) -> None:
        """Post once."""
        made = payload(message, self.name, self._settings.external_url)
        body = json.dumps(made, separators=(",", ":")).encode()
        headers = {"content-type": "application/json", "user-agent": "understudy"}
        if self._secret:
            stamp = str(time.time_ns() // 1_000_000_000)
            headers["x-understudy-timestamp"] = stamp
            headers["x-understudy-signature"] = "sha256=" + signature(self._secret, stamp, body)
        try:
            # Streamed and not read: a peer's endless answer costs nothing.
            async with self._client.stream(
                "POST", self._settings.url, content=body, headers=headers
            ) as answer:
                status = answer.status_code
        except httpx.TimeoutException:
            raise NotifyError(
                f"webhook {self._where}: no answer within {self._settings.timeout_s:g} s"
            ) from None
        except httpx.HTTPError as error:
            raise NotifyError(f"webhook {self._where}: {type(error).__name__}") from None
        if 200 <= status < 300:
            return
        text = f"webhook {self._where}: answered {status}"
        if status in (408, 425, 429) or status >= 500:
            raise NotifyError(text)
        raise Refused(f"{text}; check its URL and what it accepts")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def __repr__(self) -> str:
        """Name and host; never the secret or the URL's path."""
        return f"WebhookNotifier({self.name} -> {self._where})"


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return the hex HMAC-SHA256 of timestamp + "." + body."""
    return hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def payload(message: Message, receiver: str, external_url: str = "") -> dict[str, Any]:
    """Return the body as Alertmanager would build it, with `signals` beside."""
    alerts = message.alerts
    group = dict(alerts[0].group) if alerts else {}
    firing = any(alert.state is State.FIRING for alert in alerts)
    return {
        "version": "4",
        "groupKey": "{}:{" + ", ".join(f'{key}="{value}"' for key, value in sorted(group.items())) + "}",
        "truncatedAlerts": 0,
        "status": "firing" if firing or not alerts else "resolved",
        "receiver": receiver,
        "groupLabels": group,
        "commonLabels": _common([alert.labels for alert in alerts]),
        "commonAnnotations": _common([alert.annotations for alert in alerts]),
        "externalURL": external_url,
        "alerts": [_alert(alert, external_url) for alert in alerts],
        "signals": [
            {
                "action": signal.action.value,
                "reason": signal.reason.value,
                "alerts": list(signal.alerts),
                "issuedAt": _rfc3339(signal.issued_ns),
                "target": signal.target,
                "detail": signal.detail,
            }
            for signal in message.signals
        ],
    }


def _alert(alert: Alert, external_url: str) -> dict[str, Any]:
    resolved = alert.state is State.RESOLVED
    return {
        "status": "resolved" if resolved else "firing",
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": _rfc3339(alert.starts_ns),
        # Alertmanager sends the zero time while it fires.
        "endsAt": _rfc3339(alert.ends_ns) if resolved else "0001-01-01T00:00:00Z",
        "generatorURL": external_url,
        "fingerprint": alert.fingerprint,
    }


def _common(maps: list[Mapping[str, str]]) -> dict[str, str]:
    if not maps:
        return {}
    return {key: value for key, value in maps[0].items() if all(m.get(key) == value for m in maps)}


def _rfc3339(ns: int) -> str:
    seconds, rest = divmod(ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest // 1_000_000:03d}Z"


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def _secret(path: str) -> bytes:
    if not path:
        return b""
    try:
        secret = Path(path).read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"notify.webhook.secret_file {path}: {error.strerror}") from None
    if not secret:
        raise ConfigError(f"notify.webhook.secret_file {path}: is empty; put the key in it")
    return secret
