"""The PROXY protocol, version 2: one header in front of a connection tells whose it is.

Source: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, section 2.2. What a plain TCP hop loses is
the caller's address; TLS that ends here also loses the caller's certificate, so its name goes along.
"""

import asyncio
import ipaddress
import ssl
import struct
from typing import Any, Final

_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_LOCAL: Final = 0x20
_PROXY: Final = 0x21
_UNSPECIFIED: Final = 0x00
_TCP4: Final = 0x11
_TCP6: Final = 0x21

_TLV_SSL: Final = 0x20
_TLV_SSL_VERSION: Final = 0x21
_TLV_SSL_CN: Final = 0x22
_CLIENT_SSL: Final = 0x01
_CLIENT_CERT: Final = 0x05
"""A certificate was shown, on this connection and in this session."""

LOCAL: Final = _SIGNATURE + bytes((_LOCAL, _UNSPECIFIED)) + b"\0\0"
"""The connection is our own: a check."""


def header(client: asyncio.Transport) -> bytes:
    """The header for what this client sends; of one on a unix socket no address is told."""
    family, addresses = _UNSPECIFIED, b""
    peer, own = client.get_extra_info("peername"), client.get_extra_info("sockname")
    if isinstance(peer, tuple) and isinstance(own, tuple):
        source, target = _address(peer[0]), _address(own[0])
        if source.version == target.version:
            family = _TCP4 if source.version == 4 else _TCP6
            addresses = source.packed + target.packed + struct.pack("!HH", peer[1], own[1])
    body = addresses + _secured(client.get_extra_info("ssl_object"))
    return _SIGNATURE + bytes((_PROXY, family)) + struct.pack("!H", len(body)) + body


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address without its zone; an IPv4 one that a socket for both shows as IPv6 is IPv4."""
    found = ipaddress.ip_address(text.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found


def _secured(session: ssl.SSLObject | None) -> bytes:
    """PP2_TYPE_SSL: the version, and the common name of a certificate that was verified."""
    if session is None:
        return b""
    shown = session.getpeercert() or {}
    inner = _tlv(_TLV_SSL_VERSION, (session.version() or "").encode())
    names: Any = shown.get("subject", ())
    for name, value in (pair for relative in names for pair in relative):
        if name == "commonName":
            inner += _tlv(_TLV_SSL_CN, value.encode())
    flags = _CLIENT_SSL | (_CLIENT_CERT if shown else 0)
    # 0: whatever was shown has been verified, or the handshake would have failed.
    return _tlv(_TLV_SSL, struct.pack("!BI", flags, 0) + inner)


def _tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value
