"""The rows of the table: how each path from caller to engine is configured and started, on loopback.

Each proxy gets one thread, its limits on streams and connections raised so that none of them decides a
figure, no access log, and reuse of upstream connections. TLS would be a second set of rows: `Place` would carry
a certificate, and each maker here one more line.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

STREAMS = 100_000


@dataclass(frozen=True, slots=True)
class Place:
    """What a row is started with."""

    folder: Path
    """Its own, for sockets, configs and logs."""
    programs: Mapping[str, str]
    python: str
    port: int
    primary: int
    """Port of the engine that serves."""
    shadow: int
    """Port of the other engine."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process of a row."""

    name: str
    argv: tuple[str, ...]
    front: bool = True
    """On the core of the path itself; otherwise on that for what stands behind it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A path from caller to engine."""

    name: str
    title: str
    parts: Callable[[Place], list[Part]] = field(repr=False)
    count: str = ""
    """Name of the socket in its folder that tells what was paired; empty: it pairs nothing."""
    pairs: bool = False
    """Whether each request has to become a pair."""


def _direct(place: Place) -> list[Part]:
    return []


def _nginx(place: Place) -> list[Part]:
    user = "user root root;" if os.geteuid() == 0 else ""
    temporary = "\n".join(
        f"  {name}_temp_path {place.folder}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (place.folder / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; worker_rlimit_nofile 16384; {user}
pid {place.folder}/nginx.pid; error_log stderr error;
events {{ worker_connections 8192; }}
http {{
  access_log off; http2_max_concurrent_streams {STREAMS}; keepalive_requests 1000000000; keepalive_timeout 1h;
{temporary}
  client_body_timeout 1h; client_header_timeout 1h; send_timeout 1h;
  upstream engine {{ server 127.0.0.1:{place.primary}; keepalive 2048; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{place.port} http2 backlog=4096;
    location / {{ grpc_pass grpc://engine; grpc_read_timeout 1h; grpc_send_timeout 1h; }}
  }}
}}
""")
    command = (place.programs["nginx"], "-p", str(place.folder), "-e", "stderr", "-c", "nginx.conf")
    return [Part("nginx", command)]


def _haproxy(place: Place) -> list[Part]:
    (place.folder / "haproxy.cfg").write_text(f"""
global
  nbthread 1
  maxconn 8192
  tune.h2.max-concurrent-streams {STREAMS}
  tune.h2.initial-window-size 1048576
defaults
  mode http
  option http-no-delay
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend callers
  bind 127.0.0.1:{place.port} proto h2
  default_backend engines
backend engines
  http-reuse always
  server engine 127.0.0.1:{place.primary} proto h2
""")
    return [
        Part("haproxy", (place.programs["haproxy"], "-db", "-q", "-f", str(place.folder / "haproxy.cfg")))
    ]


def _nghttpx(place: Place) -> list[Part]:
    conf = place.folder / "nghttpx.conf"
    conf.write_text("")
    return [
        Part(
            "nghttpx",
            (
                place.programs["nghttpx"],
                f"--conf={conf}",
                f"--frontend=127.0.0.1,{place.port};no-tls",
                f"--backend=127.0.0.1,{place.primary};;proto=h2",
                "--workers=1",
                "--log-level=ERROR",
                "--accesslog-file=/dev/null",
                "--errorlog-file=/dev/stderr",
                f"--pid-file={place.folder}/pid",
                f"--frontend-http2-max-concurrent-streams={STREAMS}",
                f"--backend-http2-max-concurrent-streams={STREAMS}",
                "--frontend-http2-read-timeout=1h",
                "--stream-read-timeout=1h",
                "--backend-read-timeout=1h",
                "--no-via",
            ),
        )
    ]


def _envoy(place: Place, mirror: bool = False) -> list[Part]:
    http2 = {"max_concurrent_streams": STREAMS}
    options = {"explicit_http_config": {"http2_protocol_options": http2}}
    most = {name: 1_000_000 for name in ("max_connections", "max_pending_requests", "max_requests")}

    def cluster(name: str, port: int) -> dict[str, object]:
        address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
        lb = {"endpoint": {"address": address}}
        return {
            "name": name,
            "type": "STATIC",
            "connect_timeout": "5s",
            "circuit_breakers": {"thresholds": [most]},
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    **options,
                }
            },
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [lb]}]},
        }

    route: dict[str, object] = {"cluster": "engine", "timeout": "0s"}
    if mirror:
        route["request_mirror_policies"] = [{"cluster": "shadow"}]
    hosts = [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": route}]}]
    kinds = "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{kinds}.network.http_connection_manager.v3.HttpConnectionManager",
        "codec_type": "HTTP2",
        "stat_prefix": "callers",
        "stream_idle_timeout": "0s",
        "http2_protocol_options": http2,
        "route_config": {"name": "all", "virtual_hosts": hosts},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{kinds}.http.router.v3.Router", "suppress_envoy_headers": True},
            }
        ],
    }
    listener = {
        "name": "callers",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": place.port}},
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
    clusters = [cluster("engine", place.primary), cluster("shadow", place.shadow)]
    path = place.folder / "envoy.json"
    path.write_text(json.dumps({"static_resources": {"listeners": [listener], "clusters": clusters}}))
    command = (place.programs["envoy"], "-c", str(path), "--concurrency", "1", "--disable-hot-restart")
    return [Part("envoy", (*command, "-l", "error"))]


def _mirroring_envoy(place: Place) -> list[Part]:
    return _envoy(place, mirror=True)


def _tee(place: Place) -> list[Part]:
    engines = (f"127.0.0.1:{place.primary}", f"127.0.0.1:{place.shadow}")
    command = (place.python, "-m", "bench.tee", f"127.0.0.1:{place.port}", *engines)
    return [Part("tee", (*command, str(place.folder / "count.sock")))]


def _relay(place: Place) -> list[Part]:
    engines = (f"127.0.0.1:{place.primary}", f"127.0.0.1:{place.shadow}")
    command = (place.python, "-m", "bench.part", "relay", str(place.folder), f"127.0.0.1:{place.port}")
    return [Part("relay", (*command, *engines))]


def _understudy(place: Place, mirror: str) -> list[Part]:
    engines = (f"127.0.0.1:{place.primary}", f"127.0.0.1:{place.shadow}")
    me = (place.python, "-m", "bench.part")
    folder = str(place.folder)
    return [
        Part("sink", (*me, "sink", folder, mirror), front=False),
        Part("observer", (*me, "observer", folder, *engines), front=False),
        *_relay(place),
    ]


def _observed(place: Place) -> list[Part]:
    return _understudy(place, "off")


def _paired(place: Place) -> list[Part]:
    return _understudy(place, "on")


ROWS: tuple[Row, ...] = (
    Row("direct", "no proxy", _direct),
    Row("nginx", "nginx grpc_pass", _nginx),
    Row("haproxy", "HAProxy h2", _haproxy),
    Row("nghttpx", "nghttpx", _nghttpx),
    Row("envoy", "Envoy", _envoy),
    Row("envoy-mirror", "Envoy mirroring (drops the shadow's answer)", _mirroring_envoy),
    Row("tee", "grpc.aio tee + pairing", _tee, "count.sock", pairs=True),
    Row("relay", "Understudy's relay alone", _relay),
    Row("observed", "Understudy, every request observed, mirror off", _observed, "count.sock"),
    Row("paired", "Understudy, every request mirrored and paired", _paired, "count.sock", pairs=True),
)
