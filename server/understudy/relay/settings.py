"""What a relay is told: addresses, paths and bounds."""

import os
from dataclasses import dataclass
from pathlib import Path

from understudy.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Settings:
    """The relay's section of the config."""

    listen: str = "127.0.0.1:8001"
    """host:port or unix:PATH that callers connect to; not used when `listen_fd` is given."""
    listen_fd: int = -1
    """A listening socket inherited from the supervisor; -1 to open `listen`."""
    baseline: str = "127.0.0.1:9001"
    """The baseline engine: host:port or unix:PATH."""
    candidate: str = "127.0.0.1:9002"
    """The candidate engine: host:port or unix:PATH."""
    name: str = "relay"
    """Name of this worker's control socket, without `.sock`."""
    seat: int = 0
    """This worker's place among the others."""
    board_fds: tuple[int, ...] = ()
    """Inherited from the supervisor: what the workers share; empty for a worker alone."""
    primary: str = "baseline"
    """Which engine serves, baseline or candidate, unless a latch says otherwise."""
    latch: str = "latch.json"
    """The switch latch's file, in the state directory."""
    run_dir: str = "run"
    """Where observer.sock is found and the control socket is made."""
    drain_max_s: float = 30.0
    """How long a stream with a request in flight may stay on the old engine after a switch, seconds."""
    connect_timeout_s: float = 5.0
    """How long an upstream may take to accept a connection, seconds."""
    linger_s: float = 1.0
    """How long a client that was told to go may take to close its connection, seconds."""
    buffer_bytes: int = 256 * 1024
    """Unsent bytes per connection and direction at which reading from the other side pauses."""
    copy_soft_bytes: int = 32 * 1024 * 1024
    """Unsent bytes to the observer above which DATA payloads are left out of the copy."""
    copy_hard_bytes: int = 64 * 1024 * 1024
    """Unsent bytes to the observer above which a connection is no longer copied at all."""
    copy_wait_s: float = 30.0
    """How long the copy of a connection opened while the observer is away is held for it, seconds; then that
    connection is not copied at all."""
    reconnect_max_s: float = 1.0
    """Longest pause between attempts to reach the observer, seconds."""
    workers: int = 1
    """Processes that relay, each with its own copy buffers; callers are spread evenly over them."""
    max_connections: int = 10_000
    """Client connections held at once, by all workers together; further ones are closed at once and counted."""
    backlog: int = 1024
    """Connections the kernel holds before they are accepted, when the relay opens `listen` itself."""

    def __post_init__(self) -> None:
        if self.primary not in ("baseline", "candidate"):
            raise ConfigError(f"relay.primary: {self.primary!r} is neither baseline nor candidate: name one")
        for name in ("drain_max_s", "connect_timeout_s", "linger_s", "copy_wait_s", "reconnect_max_s"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"relay.{name}: {getattr(self, name)} is not above 0: give seconds")
        for name in ("buffer_bytes", "copy_soft_bytes", "max_connections", "backlog"):
            if getattr(self, name) < 1:
                raise ConfigError(f"relay.{name}: {getattr(self, name)} is not above 0: give a count")
        if not 1 <= self.workers <= 64:
            raise ConfigError(f"relay.workers: {self.workers} is not from 1 to 64: give a count")
        if self.copy_hard_bytes < self.copy_soft_bytes:
            raise ConfigError("relay.copy_hard_bytes: is below relay.copy_soft_bytes: raise it")
        for name in ("listen", "baseline", "candidate"):
            try:
                parse(getattr(self, name))
            except ValueError as error:
                raise ConfigError(f"relay.{name}: {error}: write host:port or unix:PATH") from None

    def upstream(self, leg: str) -> str:
        """The address of 'baseline' or 'candidate'."""
        return self.baseline if leg == "baseline" else self.candidate

    @property
    def observer(self) -> str:
        """The observer's socket."""
        return os.fspath(Path(self.run_dir) / "observer.sock")

    @property
    def control(self) -> str:
        """The relay's own control socket."""
        return os.fspath(Path(self.run_dir) / f"{self.name}.sock")


def parse(address: str) -> str | tuple[str, int]:
    """A unix socket's path, or host and port.

    Raises:
        ValueError: it is neither.
    """
    if address.startswith("unix:"):
        path = address.removeprefix("unix:")
        path = path.removeprefix("//") if path.startswith("///") else path
        if path:
            return path
    else:
        host, _, port = address.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if host and port.isdecimal() and int(port) < 65536:
            return host, int(port)
    raise ValueError(f"{address!r} is no address")
