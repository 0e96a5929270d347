"""What the controller serves: pairs and signals on its socket, and two read-only ports.

These are HTTP (page, metrics, probes) and grpc.health.v1; a taken port stops nothing else.
"""

import asyncio
from pathlib import Path

import grpc

from understudy import web
from understudy.app.troubles import Troubles
from understudy.errors import ConfigError
from understudy.service.analysis import OPTIONS
from understudy.service.health import Health
from understudy.v1 import pairs_pb2_grpc, signals_pb2_grpc

Streams = tuple[grpc.aio.Server, Health]
"""A server and what it says of its health."""

AGAIN_S = 5.0
"""Pause before a port is tried again."""

FRESH_S = 0.5
"""How old readiness may be."""


async def streams(
    pairs: pairs_pb2_grpc.PairServiceServicer, signals: signals_pb2_grpc.SignalServiceServicer, path: Path
) -> Streams:
    """Serve observers, and who watches, on a unix socket."""
    server = grpc.aio.server(options=OPTIONS)
    pairs_pb2_grpc.add_PairServiceServicer_to_server(pairs, server)
    signals_pb2_grpc.add_SignalServiceServicer_to_server(signals, server)
    health = Health(server, ("understudy.v1.PairService", "understudy.v1.SignalService"))
    path.unlink(missing_ok=True)
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    await health.enter()
    return server, health


async def page(source: web.Source, settings: web.Settings, troubles: Troubles) -> None:
    """Serve HTTP until cancelled."""
    app = web.make_app(source, settings)
    while True:
        with troubles.tried("web"):
            await web.serve(app, settings)
        await asyncio.sleep(AGAIN_S)


async def probes(source: web.Source, settings: web.Settings, troubles: Troubles) -> None:
    """Answer native gRPC probes until cancelled: the control services stay on their unix socket."""
    where = f"{settings.host}:{settings.grpc_port}"
    while settings.grpc_port:
        server = grpc.aio.server()
        health = Health(server, ())
        with troubles.tried("grpc health"):
            try:
                server.add_insecure_port(where)
            except RuntimeError:
                raise ConfigError(f"web.grpc_port: cannot listen on {where}: choose a free port") from None
            await server.start()
            try:
                while True:
                    await health.say(source.ready()[0])
                    await asyncio.sleep(FRESH_S)
            finally:
                await server.stop(0)
        await asyncio.sleep(AGAIN_S)
