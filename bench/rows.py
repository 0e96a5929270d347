"""The rows of the table: how each path from caller to engine is configured and started, on loopback.

Each proxy gets one thread, its limits on streams and connections raised so that none of them decides a
figure, no access log, and reuse of upstream connections.
"""

import json
import os
import resource
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

STREAMS = 100_000
FINITE = "finite"
"""The engine that serves a few calls at one time."""
CONTROL = 0.01
"""Share of calls that also get a control reply, in the row that has any."""


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
    shown: Path
    """Where server.pem and server.key are, for rows that speak TLS."""


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
    tls: bool = False
    """Whether callers speak TLS; engines never do."""
    engine: str = "primary"
    """Which engine serves it."""


def _direct(place: Place) -> list[Part]:
    return []


def _nginx(place: Place, tls: bool = False) -> list[Part]:
    secure = f"ssl_certificate {place.shown}/server.pem; ssl_certificate_key {place.shown}/server.key;"
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    user = "user root root;" if os.geteuid() == 0 else ""
    temporary = "\n".join(
        f"  {name}_temp_path {place.folder}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (place.folder / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; worker_rlimit_nofile {most}; {user}
pid {place.folder}/nginx.pid; error_log stderr error;
events {{ worker_connections {most}; }}
http {{
  access_log off; http2_max_concurrent_streams {STREAMS}; keepalive_requests 1000000000; keepalive_timeout 1h;
{temporary}
  client_body_timeout 1h; client_header_timeout 1h; send_timeout 1h;
  upstream engine {{ server 127.0.0.1:{place.primary}; keepalive 2048; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{place.port} {"ssl " if tls else ""}http2 backlog=4096;
    {secure + " ssl_protocols TLSv1.3;" if tls else ""}
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


def _nginx_tls(place: Place) -> list[Part]:
    return _nginx(place, tls=True)


def _relay(place: Place, tls: bool = False) -> list[Part]:
    engines = (f"127.0.0.1:{place.primary}", f"127.0.0.1:{place.shadow}")
    command = (place.python, "-m", "bench.part", "relay", str(place.folder), f"127.0.0.1:{place.port}")
    shown = (str(place.shown / "server.pem"), str(place.shown / "server.key")) if tls else ()
    return [Part("relay", (*command, *engines, *shown))]


def understudy(place: Place, mirror: str, tls: bool = False, control: float = 0.0) -> list[Part]:
    """Relay, observer and subscriber; the mirror is on or off, and a share of calls gets a control reply."""
    engines = (f"127.0.0.1:{place.primary}", f"127.0.0.1:{place.shadow}")
    me = (place.python, "-m", "bench.part")
    folder = str(place.folder)
    return [
        Part("sink", (*me, "sink", folder, mirror), front=False),
        Part("observer", (*me, "observer", folder, *engines, f"{control:g}"), front=False),
        *_relay(place, tls),
    ]


def _observed(place: Place) -> list[Part]:
    return understudy(place, "off")


def _paired(place: Place) -> list[Part]:
    return understudy(place, "on")


def _paired_tls(place: Place) -> list[Part]:
    return understudy(place, "on", tls=True)


def _paired_control(place: Place) -> list[Part]:
    return understudy(place, "on", control=CONTROL)


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
    Row("nginx-tls", "nginx grpc_pass, callers over TLS", _nginx_tls, tls=True),
    Row("paired-tls", "Understudy, paired, callers over TLS", _paired_tls, "count.sock", True, tls=True),
    Row("direct-finite", "no proxy, engine of finite capacity", _direct, engine=FINITE),
    Row("paired-finite", "Understudy, paired, the same engine", _paired, "count.sock", True, engine=FINITE),
    Row(
        "paired-control",
        "Understudy, paired, the same engine asked once more for 1 %",
        _paired_control,
        "count.sock",
        pairs=True,
        engine=FINITE,
    ),
)
