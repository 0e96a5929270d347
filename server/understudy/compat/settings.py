"""Compat mode's config section."""

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum

from understudy.errors import ConfigError

_NAME = re.compile(r"[0-9a-z_.-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")
_OURS = frozenset({"te", "content-type", "user-agent", "host", "connection", "transfer-encoding"})


class Action(StrEnum):
    """What an edit does."""

    ADD = "add"
    """One more value, beside those there are."""
    REPLACE = "replace"
    """This value and no other, whether or not there was one."""
    REMOVE = "remove"
    """No value of that name."""


class Compression(StrEnum):
    """How messages to engines and callers are compressed; what comes in is decompressed in any case."""

    NONE = "none"
    GZIP = "gzip"
    DEFLATE = "deflate"


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a call's metadata."""

    name: str
    """Metadata key, lower case."""
    action: Action = Action.REPLACE
    """add, replace or remove."""
    value: str = ""
    """For add and replace: the value; of a key that ends in -bin as base64."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(f"compat: {self.name!r} is no metadata key: write it in lower case")
        if self.name in _OURS or self.name.startswith("grpc-"):
            raise ConfigError(
                f"compat: {self.name} belongs to the connection, not to the call: remove the edit"
            )
        if self.action is Action.REMOVE and self.value:
            raise ConfigError(
                f"compat: the edit of {self.name} removes it, so its value says nothing: leave it out"
            )
        try:
            ok = isinstance(self.sent, bytes) or _VALUE.fullmatch(self.value)
        except binascii.Error:
            ok = None
        if not ok:
            raise ConfigError(
                f"compat: the value for {self.name} cannot be sent: write printable ASCII, for -bin keys base64"
            )

    @property
    def sent(self) -> str | bytes:
        """The value as gRPC takes it."""
        return base64.b64decode(self.value, validate=True) if self.name.endswith("-bin") else self.value


@dataclass(frozen=True, slots=True)
class Rule:
    """Requests that are shared out otherwise; the first rule that fits decides."""

    candidate_share: float
    """Share of these requests that the candidate serves, 0 to 1."""
    method: str = ""
    """gRPC path, `/package.Service/Method`, or a prefix that ends in `*`; empty: any."""
    model: str = ""
    """Model that an inference request names; empty: any."""

    def __post_init__(self) -> None:
        _check_share("compat.rules.candidate_share", self.candidate_share)
        if self.method and not self.method.startswith("/"):
            raise ConfigError(
                f"compat.rules.method: {self.method!r} is no gRPC path: write /package.Service/Method"
            )
        if not self.method and not self.model:
            raise ConfigError("compat.rules: a rule for everything: write compat.candidate_share instead")


@dataclass(frozen=True, slots=True)
class Settings:
    """The `compat` section; without it there is no such listener."""

    listen: str = "127.0.0.1:8002"
    """Where callers of this path connect: host:port or unix:PATH."""
    candidate_share: float = 0.0
    """Share of requests that the candidate serves while the baseline is primary and nothing is latched, 0 to 1."""
    share_by: str = ""
    """Metadata key whose value decides, so that one value always meets one engine; empty, or absent from a
    request: drawn for each request."""
    rules: tuple[Rule, ...] = ()
    """Other shares for some methods or models."""
    request: tuple[Edit, ...] = ()
    """Edits of what callers send, on its way to the engine."""
    response: tuple[Edit, ...] = ()
    """Edits of what engines send, on its way to the caller."""
    compression: Compression = Compression.NONE
    """How messages leave us: none, gzip or deflate."""
    compressed: bool = True
    """Whether callers may send compressed messages; gRPC refuses them otherwise, with UNIMPLEMENTED."""
    max_calls: int = 10_000
    """Calls held at once; further ones are refused with RESOURCE_EXHAUSTED."""
    message_bytes: int = 72 * 1024 * 1024
    """The largest message taken from a caller, decompressed; a larger one is refused with RESOURCE_EXHAUSTED."""
    total_bytes: int = 512 * 1024 * 1024
    """Most bytes that calls in flight hold together; one whose message goes over it ends with RESOURCE_EXHAUSTED."""
    quiet_s: float = 10.0
    """A held stream whose engine never marks a final message has nothing in flight after this long in silence."""

    def __post_init__(self) -> None:
        _check_share("compat.candidate_share", self.candidate_share)
        if self.share_by and not _NAME.fullmatch(self.share_by):
            raise ConfigError(
                f"compat.share_by: {self.share_by!r} is no metadata key: write it in lower case"
            )
        if self.max_calls < 1:
            raise ConfigError(f"compat.max_calls: {self.max_calls} is below 1: give a count")
        if self.message_bytes < 1:
            raise ConfigError(f"compat.message_bytes: {self.message_bytes} is below 1: give bytes")
        if self.total_bytes < self.message_bytes:
            raise ConfigError(
                f"compat.total_bytes: {self.total_bytes} is below compat.message_bytes ({self.message_bytes}), "
                "so that no such message could pass: give more"
            )
        if not self.quiet_s > 0:
            raise ConfigError(f"compat.quiet_s: {self.quiet_s} is not above 0: give seconds")

    @property
    def shares(self) -> bool:
        """Whether the candidate may serve some requests though it is not the primary."""
        return self.candidate_share > 0 or any(rule.candidate_share > 0 for rule in self.rules)


def _check_share(key: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise ConfigError(f"{key}: {share} is not from 0 to 1: give a share")
