"""HTTP endpoints on a port of their own, on loopback unless configured: metrics, probes, status, the page."""

import base64
import hashlib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from understudy.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to listen."""

    host: str = "127.0.0.1"
    """Address to bind. Anything but loopback shows verdicts and metrics to that network, without a login."""
    port: int = 9465
    """0 lets the system choose."""
    grpc_port: int = 9466
    """grpc.health.v1 and nothing else, on `host`: NOT_SERVING while /readyz is not ready; 0 turns it off."""
    hosts: tuple[str, ...] = ()
    """Host names requests may use; empty: those of loopback when bound there (against DNS rebinding), else any."""

    def __post_init__(self) -> None:
        """Refuse what cannot be bound."""
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"web.port = {self.port}: must be 0 to 65535")
        if not 0 <= self.grpc_port <= 65535:
            raise ConfigError(f"web.grpc_port = {self.grpc_port}: must be 0 to 65535")
        if not self.host:
            raise ConfigError("web.host is empty: name an address, such as 127.0.0.1 or 0.0.0.0")


class Source(Protocol):
    """What the endpoints read; all of it at hand, nothing fetched for a request."""

    def status(self) -> Mapping[str, Any]:
        """Return `understudy.web.describe(...)`, or the like, as JSON types."""
        ...

    def metrics(self) -> tuple[bytes, str]:
        """Return the exposition and its content type."""
        ...

    def ready(self) -> tuple[bool, str]:
        """Return whether the *primary* is reachable, and why (not). The shadow never counts."""
        ...


def make_app(source: Source, settings: Settings | None = None) -> Starlette:
    """Build the application. GET and HEAD only; nothing here changes anything."""
    settings = settings or Settings()
    page = files("understudy.web").joinpath("page.html").read_text("utf-8")
    headers = {
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    page_headers = {**headers, "content-security-policy": _policy(page)}

    async def metrics(_request: Request) -> Response:
        body, content_type = source.metrics()
        return Response(body, headers={**headers, "content-type": content_type})

    async def livez(_request: Request) -> Response:
        # It answers, so it lives: an upstream that is down must not get us restarted.
        return PlainTextResponse("ok\n", headers=headers)

    async def readyz(_request: Request) -> Response:
        ready, why = source.ready()
        return PlainTextResponse(f"{why or 'ok'}\n", 200 if ready else 503, headers=headers)

    async def status(_request: Request) -> Response:
        return JSONResponse(source.status(), headers=headers)

    async def index(_request: Request) -> Response:
        return Response(page, headers=page_headers, media_type="text/html")

    hosts = settings.hosts or (("localhost", "127.0.0.1", "[::1]") if _loopback(settings.host) else ("*",))
    return Starlette(
        routes=[
            Route("/metrics", metrics),
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/api/status", status),
            Route("/", index),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)],
    )


async def serve(app: Starlette, settings: Settings) -> None:
    """Serve until cancelled. Signals stay the caller's; raises ConfigError when the port is taken."""
    import asyncio
    import socket

    import uvicorn

    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        raise ConfigError(f"web.host/port {settings.host}:{settings.port}: {error.strerror}") from None
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    with listener:
        loop = asyncio.get_running_loop()
        # `_serve` leaves the process's signal handlers alone; `serve` would take them over.
        running = loop.create_task(server._serve(sockets=[listener]))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            server.should_exit = True
            await running
            raise


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _policy(page: str) -> str:
    """Allow the page's own script and style by hash, requests to ourselves, and nothing else."""

    def digest(tag: str) -> str:
        content = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert content, f"page.html has no <{tag}>"
        return base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()

    return (
        f"default-src 'none'; script-src 'sha256-{digest('script')}'; style-src 'sha256-{digest('style')}'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
