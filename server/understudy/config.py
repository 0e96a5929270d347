"""The one config file: every room owns its section, this composes them and says what is wrong and where.

`load(path)` reads TOML. Unknown keys are errors; a value out of range is one line that names the key and the
mend. Relative paths are taken from the working directory.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from understudy.alert import Settings as Alert
from understudy.capture.parquet import Settings as Capture
from understudy.category.topic import Settings as Topic
from understudy.codec import Settings as KServe
from understudy.compat import Settings as Compat
from understudy.errors import ConfigError
from understudy.ingest import Settings as Ingest
from understudy.mirror.admission import Settings as Mirror
from understudy.notify.dispatch import Settings as Patience
from understudy.notify.webhook import Settings as Webhook
from understudy.observe.settings import Settings as Observe
from understudy.pair import Leg
from understudy.relay.settings import Settings as Relay
from understudy.relay.settings import parse as parse_address
from understudy.rollback import Settings as Rollback
from understudy.tls import Upstream
from understudy.web.app import Settings as Web


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine."""

    address: str = ""
    """host:port or unix:PATH of its gRPC port."""
    model: str = field(kw_only=True)
    """Name of the model that probes ask; it must answer what callers ask."""
    addresses: tuple[str, ...] = ()
    """Instead of `address`: one for each of several replicas of the same engine."""
    tls: Upstream | None = None
    """It is spoken to over TLS; None = plainly."""
    protocol: Literal["kserve"] = "kserve"
    """How it speaks; see the entry-point group understudy.codecs."""
    manifest: str = ""
    """A manifest file, for engines whose RPCs do not say how they are quantized."""

    def __post_init__(self) -> None:
        if not self.model:
            raise ConfigError(f"engines: the model of {self.where} is empty: name the model that callers ask")

    @property
    def replicas(self) -> tuple[str, ...]:
        """Where it answers."""
        return self.addresses or (self.address,)

    @property
    def where(self) -> str:
        """The same, to be read."""
        return ", ".join(self.replicas)


@dataclass(frozen=True, slots=True)
class Engines:
    """The legs."""

    baseline: Engine
    candidate: Engine
    control: Engine | None = None
    """A second baseline that serves no callers; None = no A/A control."""
    wait_s: float = 30.0
    """How long `serve` waits at its start for engines that are not there or not ready yet, seconds."""
    allow_equal: bool = False
    """True only in an A/A run: baseline and candidate may be the same engine."""
    describe_s: float = 15.0
    """How often the engines are asked who they are, seconds."""

    def __post_init__(self) -> None:
        for name in ("wait_s", "describe_s"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"engines.{name}: {getattr(self, name)} is not above 0: give seconds")
        for leg in Leg:
            if (engine := getattr(self, leg.value)) is not None:
                _check_engine(f"engines.{leg}", engine)
        both = [address for address in self.candidate.replicas if address in self.baseline.replicas]
        if both and not self.allow_equal:
            raise ConfigError(
                f"engines.candidate.address: {both[0]} is engines.baseline.address too, so nothing "
                "would be compared: correct one, or set engines.allow_equal = true for an A/A run"
            )


@dataclass(frozen=True, slots=True)
class Analyzers:
    """Which analyzers score pairs, and where."""

    names: tuple[str, ...] = (
        "refusal",
        "tone",
        "format",
        "agreement",
        "numbers",
        "language",
        "drift",
    )
    """Entry points of the group understudy.analyzers that the local workers load."""
    workers: int = 1
    """Local worker processes."""
    addresses: tuple[str, ...] = ()
    """Further AnalysisService addresses: host:port or unix:PATH."""
    limit_s: float = 20.0
    """Longest a worker may take over a batch of at most 8 pairs, seconds; then it ends and they are tried alone."""
    memory_bytes: int = 2 << 30
    """Most memory a local worker may take beyond what it has when its analyzers are loaded; 0 = no bound."""
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Analyzer -> its parameters; see `[analyzers.parameters]`."""

    def __post_init__(self) -> None:
        if not 0 <= self.workers <= 256:
            raise ConfigError(f"analyzers.workers: {self.workers} is not from 0 to 256: give a count")
        if not self.workers and not self.addresses:
            raise ConfigError("analyzers: no local worker and no address: nothing would be scored: give one")
        if self.workers and not self.names:
            raise ConfigError("analyzers.names: is empty: name an analyzer, or set analyzers.workers = 0")
        if not 0.1 <= self.limit_s <= 3600:
            raise ConfigError(f"analyzers.limit_s: {self.limit_s} is not from 0.1 to 3600: give seconds")
        if self.memory_bytes and self.memory_bytes < 64 << 20:
            raise ConfigError(
                f"analyzers.memory_bytes: {self.memory_bytes} is below 67108864: give at least that, or 0 for no bound"
            )
        for name, given in self.parameters.items():
            if name not in self.names:
                raise ConfigError(
                    f"analyzers.parameters.{name}: analyzers.names has no {name!r}: name it there, or remove the table"
                )
            for key, value in given.items():
                _check_parameter(f"analyzers.parameters.{name}.{key}", value)
        for address in self.addresses:
            check_address("analyzers.addresses", address)

    def only(self, names: Iterable[str]) -> "Analyzers":
        """These analyzers in the place of `names`, each once, with the parameters that are told of them."""
        kept = tuple(dict.fromkeys(names))
        return replace(self, names=kept, parameters={n: p for n, p in self.parameters.items() if n in kept})


def _check_parameter(key: str, value: object) -> None:
    """Refuse what is told in no one way: tables and dates."""
    parts = value if isinstance(value, list | tuple) else (value,)
    if not all(isinstance(part, bool | int | float | str) for part in parts):
        raise ConfigError(f"{key}: is no text, number, true or false, nor a list of such: write one")


@dataclass(frozen=True, slots=True)
class Categories:
    """Which slices a request belongs to."""

    names: tuple[str, ...] = ("declared", "language", "task", "length", "topic", "turn")
    """Entry points of the group understudy.categorizers."""
    expected: tuple[str, ...] = ()
    """Slices known beforehand, e.g. "language=es": their very first votes count."""
    topic: Topic = field(default_factory=Topic)
    """Which topics there are."""


@dataclass(frozen=True, slots=True)
class Notify:
    """Who is told of alerts and signals."""

    log: bool = True
    """One line per alert in our own log."""
    webhook: tuple[Webhook, ...] = ()
    """Receivers of Alertmanager-shaped webhooks."""
    patience: Patience = field(default_factory=Patience)
    """Retries and queue of each receiver."""


@dataclass(frozen=True, slots=True)
class Config:
    """A whole deployment."""

    engines: Engines
    listen: str = "127.0.0.1:8001"
    """Where callers connect: host:port or unix:PATH. Empty: no relay (see `ingest` and `compat`)."""
    primary: Leg = Leg.BASELINE
    """Which engine serves callers, unless a rollback was latched."""
    run_dir: str = "run"
    """Unix sockets between the processes (mode 0700)."""
    state_dir: str = "state"
    """Latch, evidence, audit record and captures (mode 0700)."""
    tolerances: str = ""
    """A tolerances.toml; empty = the shipped defaults."""
    announce: str = ""
    """Name of the change that this start is, e.g. "rollout 42": gives its evidence a head start."""
    relay: Relay = field(default_factory=Relay)
    kserve: KServe = field(default_factory=KServe)
    mirror: Mirror = field(default_factory=Mirror)
    observe: Observe = field(default_factory=Observe)
    ingest: Ingest | None = None
    """Take copies from Envoy's ext_proc filter; None = from the relay alone."""
    compat: Compat | None = None
    """Serve callers on a second listener that edits headers and routes each request; None = there is none."""
    categories: Categories = field(default_factory=Categories)
    analyzers: Analyzers = field(default_factory=Analyzers)
    capture: Capture | None = None
    """Keep pairs on disk; None = keep none."""
    alert: Alert = field(default_factory=Alert)
    rollback: Rollback = field(default_factory=Rollback)
    notify: Notify = field(default_factory=Notify)
    web: Web = field(default_factory=Web)

    def __post_init__(self) -> None:
        if self.listen or (self.ingest is None and self.compat is None):
            check_address("listen", self.listen)
        if self.ingest is not None:
            check_address("ingest.listen", self.ingest.listen)
        if self.compat is not None:
            check_address("compat.listen", self.compat.listen)
            if self.compat.listen == self.listen:
                raise ConfigError(
                    f"compat.listen: {self.listen} is the relay's: give it an address of its own"
                )
            for engine in (self.engines.baseline, self.engines.candidate):
                if engine.tls is not None or len(engine.replicas) > 1:
                    raise ConfigError(
                        f"compat: reaches an engine plainly and at one address, unlike {engine.where}: "
                        "use the relay (listen) alone, or give such an address"
                    )
            if self.compat.shares and self.primary is Leg.CANDIDATE:
                raise ConfigError(
                    "compat: the candidate is primary and serves every request, so no share of them: set primary = "
                    '"baseline", or candidate_share = 0 and no rules'
                )
        for name in ("run_dir", "state_dir"):
            if not getattr(self, name):
                raise ConfigError(f"{name}: is empty: name a directory")

    def capture_settings(self) -> Capture:
        """The capture's settings, its directory taken from the state directory."""
        assert self.capture is not None
        return replace(self.capture, directory=str(Path(self.state_dir) / self.capture.directory))


def _check_engine(key: str, engine: Engine) -> None:
    """Refuse an engine that is nowhere, at two places said in two ways, or nameless under TLS."""
    if engine.address and engine.addresses:
        raise ConfigError(
            f"{key}.addresses: {key}.address is given too: write all of them here, or only that one"
        )
    if not engine.address and not engine.addresses:
        raise ConfigError(f"{key}.address: missing: write it, or several as addresses")
    name = "addresses" if engine.addresses else "address"
    for address in engine.replicas:
        check_address(f"{key}.{name}", address)
        if engine.tls is not None and not engine.tls.server_name and address.startswith("unix:"):
            raise ConfigError(
                f"{key}.tls.server_name: a unix socket has no name to check: write the certificate's"
            )
    if len(set(engine.replicas)) < len(engine.replicas):
        raise ConfigError(f"{key}.addresses: names an address twice: write each once")


def check_address(key: str, address: str) -> None:
    """Refuse what is no address; `key` is where it was written.

    Raises:
        ConfigError: one line with the mend.
    """
    try:
        parsed = parse_address(address)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}: write host:port or unix:PATH") from None
    host = "" if isinstance(parsed, str) else parsed[0]
    scheme, colon, rest = host.partition(":")
    if "/" in host or (colon and not _is_ip(host)):
        # A connection would be tried for ever: the resolver takes "http" for a part of the name.
        bare = (
            f"{rest.lstrip('/')}:{address.rpartition(':')[2]}" if scheme.isalnum() and rest else "host:port"
        )
        raise ConfigError(f"{key}: {address!r} has a scheme or a path: write {bare}")


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


DERIVED = {
    "relay": (
        "listen",
        "listen_fd",
        "baseline",
        "candidate",
        "baseline_tls",
        "candidate_tls",
        "name",
        "seat",
        "board_fds",
        "primary",
        "latch",
        "run_dir",
    ),
    "observe": ("socket", "controller", "tick_s"),
}
"""Keys of a room's settings that follow from others and may not be set beside them."""


SECRET = frozenset({"webhook", "hash_key"})
"""Keys whose values are not to be read in an error: chat services put the password into the URL."""


def load(path: Path) -> Config:
    """Read and validate a config file.

    Raises:
        ConfigError: one line: the file, the key, what is wrong and the mend.
    """
    try:
        data = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file: name an existing config") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 at byte {error.start}: save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}): name a file that can be") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error
    return parse(data, path)


def chosen(path: Path | None) -> tuple[Analyzers, Categories]:
    """The analyzers and categorizers of a deployment's file; the shipped ones without a file.

    Raises:
        ConfigError: see `load`.
    """
    if path is None:
        return Analyzers(), Categories()
    config = load(path)
    return config.analyzers, config.categories


def parse(data: Mapping[str, Any], path: Path = Path("config")) -> Config:
    """Validate parsed TOML.

    Raises:
        ConfigError: see `load`.
    """
    for section, names in DERIVED.items():
        table = data.get(section)
        for name in names:
            if isinstance(table, Mapping) and name in table:
                raise ConfigError(
                    f"{path}: {section}.{name}: follows from the other keys: remove it (listen, primary, "
                    "engines.*.address, run_dir and state_dir say it)"
                )
    # Said here, because the type would offer 'control' as a choice.
    if data.get("primary", Leg.BASELINE.value) not in (Leg.BASELINE, Leg.CANDIDATE):
        raise ConfigError(
            f"{path}: primary: {data['primary']!r}: serves no callers: name baseline or candidate"
        )
    try:
        return _adapter().validate_python(data)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    except ValidationError as error:
        raise ConfigError(f"{path}: {_line(error)}") from None


def _line(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    match first["type"]:
        case "unexpected_keyword_argument" | "extra_forbidden":
            return f"{where}: unknown key: remove it or correct its spelling{more}"
        case "missing" | "missing_argument":
            return f"{where}: missing: write it{more}"
        case _:
            return f"{where}: {_shown(first['loc'], first['input'])}{first['msg'][0].lower()}{first['msg'][1:]}{more}"


def _shown(where: tuple[int | str, ...], value: object) -> str:
    """The value as it was written, unless it is or holds a secret: errors end in logs."""
    secret = not SECRET.isdisjoint(where) or not isinstance(value, bool | int | float | str)
    return "" if secret else f"{value!r}: "


@lru_cache(1)
def _adapter() -> TypeAdapter[Config]:
    _forbid_unknown(Config, set())
    return TypeAdapter(Config)


def _forbid_unknown(cls: type, seen: set[type]) -> None:
    """Mark a settings dataclass and those within it: pydantic then refuses keys they do not have."""
    if cls in seen:
        return
    seen.add(cls)
    cls.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
    hints = get_type_hints(cls)
    for one in fields(cls):
        for inner in _within(hints[one.name]):
            _forbid_unknown(inner, seen)


def _within(hint: Any) -> list[type]:
    if isinstance(hint, type) and is_dataclass(hint):
        return [hint]
    return [found for part in get_args(hint) for found in _within(part)]
