"""Which requests are mirrored: a pure decision with a named reason."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from understudy.errors import ConfigError
from understudy.mirror.client import Kind
from understudy.pair import Reason

OPT_OUT = "x-understudy-mirror"
"""A caller's header: `off` keeps this request from being mirrored."""

SECRET = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key"})
"""Never forwarded to a shadow leg."""


class SampleBy(StrEnum):
    """What the sampling hash is taken of."""

    REQUEST = "request"
    CLUSTER = "cluster"
    """All requests of a cluster (a conversation) or none."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The `mirror` section."""

    methods: tuple[str, ...] = ()
    """gRPC paths that may be mirrored, `/package.Service/Method`; none by default: mirroring is opt-in."""
    share: float = 1.0
    """Share of eligible requests to sample, 0 to 1."""
    sample_by: SampleBy = SampleBy.REQUEST
    """`request` or `cluster`: what is drawn."""
    window_s: float = 0.0
    """Above 0: instead of thinning, mirror everything for this long, every window_s / share seconds, so that
    the shadow's batches are as large as production's."""
    requests_per_s: float = 0.0
    """Budget of mirrored requests per second, bursts of one second's worth; 0 is no limit."""
    in_flight: int = 256
    """Most mirrored requests at one time."""
    in_flight_bytes: int = 64 * 1024 * 1024
    """Most bytes of requests and replies held for them."""
    control_share: float = 0.1
    """Share of mirrored requests that also get a control reply, 0 to 1."""
    control_in_flight: int = 8
    """Most control calls at one time; above it a pair goes without."""
    deadline_min_s: float = 30.0
    """A shadow call gets at least this long."""
    deadline_factor: float = 10.0
    """Past deadline_min_s, a shadow call may take this many times as long as the live one."""
    deadline_max_s: float = 300.0
    """No shadow call takes longer; our own deadline, never the caller's."""
    reply_bytes: int = 8 * 1024 * 1024
    """A longer shadow reply is cut off and counts as failed; after a longer live reply its request is shed."""
    breaker_failures: int = 5
    """Refused connections in a row after which a leg's calls fail at once."""
    breaker_first_s: float = 0.5
    """Pause before a failing leg is tried again; doubles with each refusal."""
    breaker_longest_s: float = 15.0
    """The longest such pause."""
    client: Kind = Kind.GRPC
    """What calls the shadow engines: `grpc` (grpc.aio) or `raw` (ours, a fraction of its cost)."""
    metadata: tuple[str, ...] = ()
    """Request headers passed on to shadow legs, lower case; nothing else is, and no credentials."""

    def __post_init__(self) -> None:
        for name in ("share", "control_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"mirror.{name} is {getattr(self, name)}: set a share from 0 to 1")
        for name in ("in_flight", "in_flight_bytes", "reply_bytes", "breaker_failures", "control_in_flight"):
            if getattr(self, name) < 1:
                raise ConfigError(f"mirror.{name} is {getattr(self, name)}: set 1 or more")
        positive = (
            "deadline_min_s",
            "deadline_factor",
            "deadline_max_s",
            "breaker_first_s",
            "breaker_longest_s",
        )
        for name in positive:
            if getattr(self, name) <= 0:
                raise ConfigError(f"mirror.{name} is {getattr(self, name)}: set more than 0")
        for name in ("window_s", "requests_per_s"):
            if getattr(self, name) < 0:
                raise ConfigError(f"mirror.{name} is {getattr(self, name)}: set 0 or more")
        for method in self.methods:
            if not method.startswith("/") or method.count("/") != 2:
                raise ConfigError(f"mirror.methods names {method!r}: write /package.Service/Method")
        for header in self.metadata:
            if header.lower() in SECRET:
                raise ConfigError(
                    f"mirror.metadata names {header!r}: credentials are not forwarded, remove it"
                )


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a request when it is admitted."""

    id: str
    method: str
    cluster: str = ""
    size: int = 0
    """Bytes of its message."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class State:
    """The mirror at that moment."""

    on: bool
    """The kill switch; off until the controller has spoken."""
    now_ns: int
    settle_until_ns: int = 0
    in_flight: int = 0
    bytes: int = 0
    tokens: float = 1.0
    """What is left of the requests/s budget; 1 or more lets one pass."""


class Skip(StrEnum):
    """Why a request is not eligible."""

    OFF = "mirror_off"
    METHOD = "method"
    """Its method is not opted in."""
    OPT_OUT = "opt_out"
    """The caller said `x-understudy-mirror: off`."""
    SAMPLE = "sample"
    """Not drawn."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Mirror it."""

    probability: float
    sampled_by: str
    """'rate' or 'window'."""
    control: bool
    """Ask the baseline a second time as well."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Not eligible."""

    reason: Skip


@dataclass(frozen=True, slots=True)
class Shed:
    """Eligible, but a limit stands in the way."""

    reason: Reason


def fraction(key: str, salt: str) -> float:
    """A number in [0, 1) that depends on nothing but key and salt."""
    digest = hashlib.blake2b(
        key.encode("utf-8", "surrogatepass"), digest_size=8, person=salt.encode()
    ).digest()
    return int.from_bytes(digest, "big") / 2**64


def refill(tokens: float, elapsed_s: float, settings: Settings) -> float:
    """The requests/s budget after some time: a bucket of one second's worth, at least one request."""
    rate = settings.requests_per_s
    return min(max(rate, 1.0), tokens + elapsed_s * rate) if rate else 1.0


def screen(facts: Facts, state: State, settings: Settings) -> Skipped | None:
    """The part of the decision that needs no decoded request."""
    if not state.on:
        return Skipped(Skip.OFF)
    if facts.method not in settings.methods:
        return Skipped(Skip.METHOD)
    if facts.headers.get(OPT_OUT, "").strip().lower() == "off":
        return Skipped(Skip.OPT_OUT)
    return None


def admit(facts: Facts, state: State, settings: Settings) -> Admitted | Skipped | Shed:
    """Decide one request. Same arguments, same answer."""
    skipped = screen(facts, state, settings)
    if skipped:
        return skipped
    windowed = settings.window_s > 0 and settings.share < 1
    if windowed:
        period_ns = int(settings.window_s / settings.share * 1e9) if settings.share else 0
        drawn = bool(period_ns) and state.now_ns % period_ns < settings.window_s * 1e9
    else:
        key = facts.cluster if settings.sample_by is SampleBy.CLUSTER else facts.id
        drawn = fraction(key, "sample") < settings.share
    if not drawn:
        return Skipped(Skip.SAMPLE)
    if state.now_ns < state.settle_until_ns:
        return Shed(Reason.SETTLING)
    if state.in_flight >= settings.in_flight:
        return Shed(Reason.INFLIGHT)
    if state.bytes + facts.size > settings.in_flight_bytes:
        return Shed(Reason.BYTES)
    if state.tokens < 1:
        return Shed(Reason.RATE)
    return Admitted(
        probability=settings.share,
        sampled_by="window" if windowed else "rate",
        control=fraction(facts.id, "control") < settings.control_share,
    )
