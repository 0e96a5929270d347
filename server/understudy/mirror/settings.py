"""The mirror's config section."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from understudy.errors import ConfigError
from understudy.mirror.client import Kind

SECRET = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key"})
"""Never forwarded to a shadow leg."""


class SampleBy(StrEnum):
    """What the sampling hash is taken of."""

    REQUEST = "request"
    CLUSTER = "cluster"
    """All requests of a cluster (a conversation) or none."""
    KEY = "key"
    """All requests with the same value of `sample_key` or none."""


class Mode(StrEnum):
    """How a share of the requests is taken."""

    RATE = "rate"
    """Each request, cluster or key by its hash."""
    WINDOW = "window"
    """Everything for a while, then nothing for a while."""
    AUTO = "auto"
    """`window` for shares below `window_below`, else `rate`."""


WINDOW_EVERY_S = 600.0
"""Windows are at most this far apart: a share too small for that shortens them."""

FORBIDDEN = frozenset(
    {
        "Abort",
        "CudaSharedMemoryRegister",
        "CudaSharedMemoryUnregister",
        "LogSettings",
        "RepositoryModelLoad",
        "RepositoryModelUnload",
        "SystemSharedMemoryRegister",
        "SystemSharedMemoryUnregister",
        "TraceSetting",
    }
)
"""RPCs that change an engine: whatever the config says, they are not mirrored."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The `mirror` section."""

    methods: tuple[str, ...] = ()
    """gRPC paths that may be mirrored, `/package.Service/Method`; none by default: mirroring is opt-in."""
    share: float = 1.0
    """Share of eligible requests to sample, 0 to 1."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """Shares of slices, e.g. "task=math"; a request in several gets the largest, one in none gets `share`."""
    sample_by: SampleBy = SampleBy.REQUEST
    """`request`, `cluster` or `key`: what is drawn."""
    sample_key: str = ""
    """A header or request parameter, lower case: the same value always falls on the same side."""
    mode: Mode = Mode.AUTO
    """`rate` thins out, `window` takes everything for a while; `auto` is `window` for small shares."""
    window_s: float = 10.0
    """Length of a window, every window_s / share seconds: the shadow's batches are as large as production's."""
    window_below: float = 0.2
    """`auto` takes windows for a share below this, where requests are what is drawn."""
    opt_out: str = "x-understudy-mirror"
    """A caller's header, lower case: `off` in it keeps this request from being mirrored."""
    effects: tuple[str, ...] = (
        "sequence_id",
        "sequence_start",
        "sequence_end",
        "tools",
        "tool_choice",
        "functions",
    )
    """Request parameters and tensors that say that answering has effects; such requests are never mirrored."""
    effects_models: tuple[str, ...] = ()
    """Models whose answers have effects, `*` for any characters: never mirrored."""
    self_test: bool = True
    """Ask each engine one question before its replies are compared; hold the mirror while they are of no use."""
    requests_per_s: float = 0.0
    """Budget of mirrored requests per second, bursts of one second's worth; 0 is no limit."""
    tokens_per_s: float = 0.0
    """Budget of tokens asked of shadow engines per second (max_tokens, corrected by what came); 0 is no limit."""
    tokens_unasked: int = 256
    """Tokens counted for a request that does not say max_tokens."""
    in_flight: int = 256
    """Most mirrored requests at one time."""
    in_flight_bytes: int = 128 * 1024 * 1024
    """Most bytes of requests and replies held for them."""
    control_share: float = 0.1
    """Share of mirrored requests that also get a control reply, 0 to 1."""
    control_in_flight: int = 8
    """Most control calls at one time; above it a pair goes without."""
    control_primary_share: float = 0.01
    """At most this share where the control's address is the one that serves the callers."""
    control_primary_in_flight: int = 2
    """Most control calls at one time there."""
    control_primary_busy: int = 16
    """No control calls there while this many calls of callers are open."""
    control_primary_slow: float = 2.0
    """None either for control_primary_rest_s once callers wait this many times longer for their first word."""
    control_primary_rest_s: float = 30.0
    """How long control calls rest then."""
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
    client: Kind = Kind.RAW
    """What calls the shadow engines: `raw` (ours, a fraction of its cost) or `grpc` (grpc.aio)."""
    metadata: tuple[str, ...] = ()
    """Request headers passed on to shadow legs, lower case; nothing else is, and no credentials."""

    def __post_init__(self) -> None:
        for name in ("share", "window_below", "control_share", "control_primary_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"mirror.{name} is {getattr(self, name)}: set a share from 0 to 1")
        for slice_, share in self.shares.items():
            if not 0 <= share <= 1:
                raise ConfigError(f"mirror.shares: {slice_!r} is {share}: set a share from 0 to 1")
            if "=" not in slice_:
                raise ConfigError(
                    f"mirror.shares names {slice_!r}: write CATEGORIZER=VALUE, such as task=math"
                )
        counts = (
            "in_flight",
            "in_flight_bytes",
            "reply_bytes",
            "breaker_failures",
            "control_in_flight",
            "control_primary_in_flight",
            "control_primary_busy",
            "tokens_unasked",
        )
        for name in counts:
            if getattr(self, name) < 1:
                raise ConfigError(f"mirror.{name} is {getattr(self, name)}: set 1 or more")
        if self.control_primary_slow <= 1:
            raise ConfigError(f"mirror.control_primary_slow is {self.control_primary_slow}: set more than 1")
        if (self.sample_by is SampleBy.KEY) != bool(self.sample_key):
            raise ConfigError('mirror.sample_key goes with sample_by = "key": set both or neither')
        if self.mode is Mode.WINDOW and self.sample_by is not SampleBy.REQUEST:
            raise ConfigError(f'mirror.mode "window" draws no {self.sample_by}: set sample_by = "request"')
        for name in ("sample_key", "opt_out"):
            if getattr(self, name) != getattr(self, name).lower():
                raise ConfigError(f"mirror.{name} is {getattr(self, name)!r}: write it in lower case")
        positive = (
            "deadline_min_s",
            "deadline_factor",
            "deadline_max_s",
            "breaker_first_s",
            "breaker_longest_s",
            "window_s",
            "control_primary_rest_s",
        )
        for name in positive:
            if getattr(self, name) <= 0:
                raise ConfigError(f"mirror.{name} is {getattr(self, name)}: set more than 0")
        for name in ("requests_per_s", "tokens_per_s"):
            if getattr(self, name) < 0:
                raise ConfigError(f"mirror.{name} is {getattr(self, name)}: set 0 or more")
        for method in self.methods:
            if not method.startswith("/") or method.count("/") != 2:
                raise ConfigError(f"mirror.methods names {method!r}: write /package.Service/Method")
            if method.rpartition("/")[2] in FORBIDDEN:
                raise ConfigError(f"mirror.methods names {method!r}: it changes the engine, remove it")
        for header in self.metadata:
            if header.lower() in SECRET:
                raise ConfigError(
                    f"mirror.metadata names {header!r}: credentials are not forwarded, remove it"
                )

    def windowed(self, share: float) -> bool:
        """Whether such a share is taken in windows."""
        if self.mode is Mode.AUTO:
            return share < self.window_below and self.sample_by is SampleBy.REQUEST
        return self.mode is Mode.WINDOW and share < 1
