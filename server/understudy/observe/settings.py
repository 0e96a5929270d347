"""The observer's config section."""

from dataclasses import dataclass

from understudy.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Settings:
    """The `observe` section."""

    socket: str = "run/observer.sock"
    """Unix socket that relays connect to."""
    controller: str = "unix:run/controller.sock"
    """Address of the controller's PairService: unix:path or host:port."""
    tick_s: float = 10.0
    """Length of a tick; a request belongs to the tick of its admission."""
    queue_pairs: int = 2048
    """Most pairs waiting for the controller or for its acknowledgement."""
    queue_bytes: int = 64 * 1024 * 1024
    """Most bytes of such pairs."""
    batch_pairs: int = 64
    """Most pairs in one batch."""
    batch_s: float = 0.05
    """Longest a pair waits for its batch to fill."""
    ledger_s: float = 1.0
    """The accounting is sent at least this often."""
    quiet_s: float = 10.0
    """A multiplexed reply is over after this long in silence, if its engine never marks a final message."""
    lease_s: float = 900.0
    """A request unresolved after this long is lost."""
    message_bytes: int = 8 * 1024 * 1024
    """Longest message assembled; a longer one makes its RPC unobserved, and is still relayed."""
    stream_calls: int = 4096
    """Most requests in flight on one held stream; with more its replies are not observed any more."""
    connection_bytes: int = 64 * 1024 * 1024
    """Most bytes of metadata, unfinished frames and messages held for one connection."""
    total_bytes: int = 512 * 1024 * 1024
    """Most bytes of these held for all connections together."""

    def __post_init__(self) -> None:
        counts = (
            "queue_pairs",
            "queue_bytes",
            "batch_pairs",
            "message_bytes",
            "stream_calls",
            "connection_bytes",
            "total_bytes",
        )
        for name in counts:
            if getattr(self, name) < 1:
                raise ConfigError(f"observe.{name} is {getattr(self, name)}: set 1 or more")
        for name in ("tick_s", "batch_s", "ledger_s", "quiet_s", "lease_s"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"observe.{name} is {getattr(self, name)}: set more than 0")

    @property
    def tick_ns(self) -> int:
        """The tick's length in nanoseconds."""
        return int(self.tick_s * 1e9)
