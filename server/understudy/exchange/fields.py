"""What the header fields of a call say: metadata, and how it ended."""

from binascii import b2a_base64
from typing import Final, NamedTuple
from urllib.parse import unquote

from understudy.wire.events import Headers

Metadata = tuple[tuple[str, str], ...]

FIELD_BYTES: Final = 200
"""What a field of metadata costs beyond its name and value (measured: 150 to 200): HPACK names one in a byte."""
NO_STATUS: Final = -1
HTTP_OK: Final = 200
INTERNAL: Final = 13
_UNKNOWN: Final = 2
_STATUS_OF_HTTP: Final = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
"""gRPC's own table (doc/http-grpc-status-mapping.md); everything else is UNKNOWN."""


class Asked(NamedTuple):
    """What the fields of a request say."""

    headers: Headers
    weight: int
    """What they cost, bytes."""
    grpc: bool
    encoding: str
    method: str
    authority: str
    metadata: Metadata


def is_grpc(fields: dict[bytes, bytes]) -> bool:
    """Whether the content is gRPC's."""
    kind = fields.get(b"content-type", b"")
    return kind == b"application/grpc" or kind.startswith((b"application/grpc+", b"application/grpc;"))


def text(value: bytes) -> str:
    """A value as text, whatever it holds."""
    return value.decode("utf-8", "replace")


def number(value: bytes) -> int:
    """A decimal field value of up to nine digits, else -1."""
    return int(value) if value.isdigit() and len(value) < 10 else NO_STATUS


def metadata(headers: Headers) -> Metadata:
    """The fields that are no pseudo-headers."""
    return tuple([_field(name, value) for name, value in headers if name[:1] != b":"])


def asked(headers: Headers) -> Asked:
    """Read the fields of a request."""
    fields, held = dict(headers), weight(headers)
    if fields.get(b":method") != b"POST" or not is_grpc(fields):
        return Asked(headers, held, False, "", "", "", ())
    encoding = text(fields.get(b"grpc-encoding", b"identity"))
    method = text(fields.get(b":path", b""))
    authority = text(fields.get(b":authority") or fields.get(b"host", b""))
    return Asked(headers, held, True, encoding, method, authority, metadata(headers))


def weight(headers: Headers) -> int:
    """What metadata costs whoever keeps it, bytes."""
    held = FIELD_BYTES * len(headers)
    for name, value in headers:
        held += len(name) + len(value)
    return held


def status(response: Headers, trailers: Headers, http_status: int) -> tuple[int, str]:
    """An answered RPC's status and message: from trailers, a trailers-only response, or its HTTP status."""
    fields = dict(trailers or response)
    said = fields.get(b"grpc-status")
    if said is not None:
        code = number(said)
        error = unquote(text(fields.get(b"grpc-message", b"")), errors="replace")
        return (code if code >= 0 else _UNKNOWN), error
    if http_status != HTTP_OK:
        return _STATUS_OF_HTTP.get(http_status, _UNKNOWN), f"HTTP status {http_status}"
    return _UNKNOWN, "no grpc-status"


def _field(name: bytes, value: bytes) -> tuple[str, str]:
    if value[:1] == b"\0" and name[-4:] == b"-bin":
        return text(name), _base64(value)
    return name.decode("utf-8", "replace"), value.decode("utf-8", "replace")


def _base64(value: bytes) -> str:
    """A binary value as base64; grpc-core's "true binary metadata" sends it raw behind a zero byte."""
    return b2a_base64(value[1:], newline=False).rstrip(b"=").decode("ascii")
