"""TLS as the relay and the shadow legs use it: contexts made of files, and made again when the files change.

HTTP/2 over TLS is agreed on by ALPN (RFC 9113 section 3.2), TLS 1.2 is the least.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from understudy.errors import ConfigError

PROTOCOL = "h2"
"""What ALPN must agree on."""


@dataclass(frozen=True, slots=True)
class Listener:
    """What a TLS listener shows, and whom it lets in."""

    certificate: str
    """PEM file: our certificate and what leads to its root."""
    key: str
    """PEM file: its private key, without a password."""
    client_ca: str = ""
    """PEM file: who signs callers' certificates; every caller must then show one. Empty: none is asked for."""
    reload_s: float = 5.0
    """How often the files are looked at for a change, seconds."""

    def __post_init__(self) -> None:
        for name in ("certificate", "key"):
            if not getattr(self, name):
                raise ConfigError(f"relay.tls.{name}: is empty: name a PEM file")
        if not self.reload_s > 0:
            raise ConfigError(f"relay.tls.reload_s: {self.reload_s} is not above 0: give seconds")

    @property
    def files(self) -> tuple[str, ...]:
        """What the context is made of."""
        return tuple(filter(None, (self.certificate, self.key, self.client_ca)))


@dataclass(frozen=True, slots=True)
class Upstream:
    """How an engine is spoken to over TLS."""

    ca: str = ""
    """PEM file: who signs the engine's certificate; empty: those that this system trusts."""
    server_name: str = ""
    """The name its certificate must have; empty: the host of its address."""
    certificate: str = ""
    """PEM file: the certificate we show; empty: none."""
    key: str = ""
    """PEM file: its private key, without a password."""

    def __post_init__(self) -> None:
        if bool(self.certificate) != bool(self.key):
            raise ConfigError("engines.*.tls.key: certificate and key come together: name both or neither")

    @property
    def files(self) -> tuple[str, ...]:
        """What the context is made of."""
        return tuple(filter(None, (self.ca, self.certificate, self.key)))


def serving(told: Listener) -> ssl.SSLContext:
    """The context of a listener.

    Raises:
        ConfigError: a file cannot be used; one line that names it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _show(context, told.certificate, told.key)
    if told.client_ca:
        _trust(context, told.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return _common(context)


def calling(told: Upstream) -> ssl.SSLContext:
    """The context of connections to an engine.

    Raises:
        ConfigError: a file cannot be used; one line that names it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if told.ca:
        _trust(context, told.ca)
    else:
        context.load_default_certs()
    if told.certificate:
        _show(context, told.certificate, told.key)
    return _common(context)


def pems(told: Upstream) -> tuple[bytes | None, bytes | None, bytes | None]:
    """The same for gRPC's own TLS: authorities, private key, certificate. It reads files.

    Raises:
        ConfigError: a file cannot be read.
    """
    trusted = told.ca or ssl.get_default_verify_paths().cafile or ""
    return tuple(_read(name) for name in (trusted, told.key, told.certificate))  # type: ignore[return-value]


def named(told: Upstream) -> tuple[tuple[str, str], ...]:
    """GRPC channel options for the name that the engine's certificate must have."""
    return (("grpc.ssl_target_name_override", told.server_name),) if told.server_name else ()


def _read(name: str) -> bytes | None:
    try:
        return Path(name).read_bytes() if name else None
    except OSError as error:
        raise ConfigError(f"tls: {name} cannot be read ({error.strerror}): name a PEM file") from None


def stamps(files: tuple[str, ...]) -> list[tuple[int, int, int] | None]:
    """What changes when the files do; None for one that is not there."""
    told: list[tuple[int, int, int] | None] = []
    for name in files:
        try:
            found = Path(name).stat()
        except OSError:
            told.append(None)
        else:
            told.append((found.st_mtime_ns, found.st_size, found.st_ino))
    return told


def _common(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols([PROTOCOL])
    return context


def _show(context: ssl.SSLContext, certificate: str, key: str) -> None:
    def password() -> str:  # or OpenSSL asks the terminal
        raise ConfigError(f"tls: {key} is locked with a password: give a key without one")

    try:
        context.load_cert_chain(certificate, key, password)
    except ssl.SSLError as error:
        raise ConfigError(
            f"tls: {certificate} and {key} are no certificate and its key ({_reason(error)}): give PEM files"
        ) from None
    except OSError as error:
        missing = certificate if not Path(certificate).is_file() else key
        raise ConfigError(f"tls: {missing} cannot be read ({error.strerror}): name a PEM file") from None


def _trust(context: ssl.SSLContext, ca: str) -> None:
    try:
        context.load_verify_locations(ca)
    except ssl.SSLError as error:
        raise ConfigError(
            f"tls: {ca} holds no certificates ({_reason(error)}): give a PEM file of authorities"
        ) from None
    except OSError as error:
        raise ConfigError(f"tls: {ca} cannot be read ({error.strerror}): name a PEM file") from None


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).lower().replace("_", " ")


class Kept:
    """A context and the files it was made of. Files that cannot be used leave the context as it was."""

    __slots__ = ("_files", "_make", "_seen", "context", "error", "loads")

    def __init__(self, files: tuple[str, ...], make: Callable[[], ssl.SSLContext]) -> None:
        """Make the first context.

        Raises:
            ConfigError: a file cannot be used.
        """
        self._files = files
        self._make = make
        self._seen = stamps(files)
        self.context = make()
        """For new connections; those that are there keep the one they began with."""
        self.error = ""
        """Why the files as they are now could not be used; empty: they are in use."""
        self.loads = 1

    def look(self) -> bool:
        """Make the context anew if a file has changed; True when that, or its failure, is news. It reads files."""
        seen = stamps(self._files)
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            self.context = self._make()
        except ConfigError as error:
            news = self.error != str(error)
            self.error = str(error)
            return news
        self.error = ""
        self.loads += 1
        return True
