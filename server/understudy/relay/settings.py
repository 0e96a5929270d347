"""What a relay is told: addresses, paths and bounds."""

import os
from dataclasses import dataclass
from pathlib import Path

from understudy.errors import ConfigError
from understudy.tls import Listener, Upstream

RENEWABLE = 0.01
"""No more of the connections than this are told to go in a second to be observed again."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The relay's section of the config."""

    listen: str = "127.0.0.1:8001"
    """host:port or unix:PATH that callers connect to; not used when `listen_fd` is given."""
    listen_fd: int = -1
    """A listening socket inherited from the supervisor; -1 to open `listen`."""
    baseline: str | tuple[str, ...] = "127.0.0.1:9001"
    """The baseline engine: host:port or unix:PATH, or one for each of its replicas."""
    candidate: str | tuple[str, ...] = "127.0.0.1:9002"
    """The candidate engine, likewise."""
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
    """How long a stream with a request in flight may stay on the old engine after a switch, seconds; and how long
    a client may take nothing of what it was told last before the rest is cut off."""
    connect_timeout_s: float = 5.0
    """How long it may take to reach an engine for a caller, all replicas tried together, seconds."""
    retry_s: float = 0.5
    """How long a replica that could not be reached is left alone while there are others, seconds; doubles with
    each failure."""
    retry_max_s: float = 15.0
    """The longest such pause, seconds."""
    check_s: float = 2.0
    """How often each replica of an engine that has several is asked whether it takes connections, seconds."""
    upstream_proxy: bool = False
    """Begin each connection to an engine with the caller's address (PROXY protocol, version 2)."""
    preface_s: float = 20.0
    """How long a caller may take to say that it speaks HTTP/2, TLS handshake included, seconds; 0 = for ever."""
    idle_s: float = 0.0
    """A connection without an open stream for this long is told to go, seconds; 0 = never."""
    max_age_s: float = 0.0
    """A connection is told to go at this age, give or take a tenth, seconds; 0 = never."""
    max_age_grace_s: float = 0.0
    """How long its streams may then still take, seconds; 0 = for ever."""
    renew_blind_share: float = 0.0
    """Share of the connections that may be told to go in a second because the observer cannot follow them any more,
    so that their callers connect anew; 0 = they stay unobserved for as long as they live."""
    keepalive_s: float = 60.0
    """TCP probes a silent peer after this long, and thrice more in as long again, seconds; 0 = never."""
    linger_s: float = 1.0
    """How long a client that was told to go, and has got everything, may take to close its connection, seconds."""
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
    baseline_tls: Upstream | None = None
    """How the baseline is spoken to over TLS; None = plainly."""
    candidate_tls: Upstream | None = None
    """The same for the candidate."""
    tls: Listener | None = None
    """Callers speak TLS; None = they speak plainly."""

    def __post_init__(self) -> None:
        if self.primary not in ("baseline", "candidate"):
            raise ConfigError(f"relay.primary: {self.primary!r} is neither baseline nor candidate: name one")
        for name in (
            "drain_max_s",
            "connect_timeout_s",
            "linger_s",
            "copy_wait_s",
            "reconnect_max_s",
            "retry_s",
            "retry_max_s",
            "check_s",
        ):
            if not getattr(self, name) > 0:
                raise ConfigError(f"relay.{name}: {getattr(self, name)} is not above 0: give seconds")
        for name in ("preface_s", "idle_s", "max_age_s", "max_age_grace_s", "keepalive_s"):
            if not getattr(self, name) >= 0:
                raise ConfigError(
                    f"relay.{name}: {getattr(self, name)} is below 0: give seconds, or 0 for never"
                )
        for name in ("buffer_bytes", "copy_soft_bytes", "max_connections", "backlog"):
            if getattr(self, name) < 1:
                raise ConfigError(f"relay.{name}: {getattr(self, name)} is not above 0: give a count")
        if not 0 <= self.renew_blind_share <= RENEWABLE:
            raise ConfigError(
                f"relay.renew_blind_share: {self.renew_blind_share} is not from 0 to {RENEWABLE}: "
                "more at once would be a herd"
            )
        if not 1 <= self.workers <= 64:
            raise ConfigError(f"relay.workers: {self.workers} is not from 1 to 64: give a count")
        if self.copy_hard_bytes < self.copy_soft_bytes:
            raise ConfigError("relay.copy_hard_bytes: is below relay.copy_soft_bytes: raise it")
        for name, addresses in (
            ("listen", (self.listen,)),
            *((leg, self.upstreams(leg)) for leg in ("baseline", "candidate")),
        ):
            if not addresses:
                raise ConfigError(f"relay.{name}: names no address: write host:port or unix:PATH")
            try:
                for address in addresses:
                    parse(address)
            except ValueError as error:
                raise ConfigError(f"relay.{name}: {error}: write host:port or unix:PATH") from None

    def upstreams(self, leg: str) -> tuple[str, ...]:
        """The addresses of 'baseline' or 'candidate'."""
        given = self.baseline if leg == "baseline" else self.candidate
        return (given,) if isinstance(given, str) else given

    def upstream_tls(self, leg: str) -> Upstream | None:
        """How 'baseline' or 'candidate' is spoken to."""
        return self.baseline_tls if leg == "baseline" else self.candidate_tls

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
