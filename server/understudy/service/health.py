"""grpc.health.v1 and reflection for any of our servers."""

from collections.abc import Sequence

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection


class Health:
    """The health service of one server: SERVING until `leave`."""

    def __init__(self, server: grpc.aio.Server, services: Sequence[str]) -> None:
        self._services = ("", *services)
        self._checks = health.aio.HealthServicer()  # type: ignore[attr-defined]  # absent from grpc-stubs
        health_pb2_grpc.add_HealthServicer_to_server(self._checks, server)
        reflection.enable_server_reflection((*services, health.SERVICE_NAME, reflection.SERVICE_NAME), server)

    async def enter(self) -> None:
        """Say SERVING for the server and each of its services."""
        await self.say(True)

    async def say(self, serving: bool) -> None:
        """Change the answer for the server and its services: readiness, for orchestrators' native gRPC probes."""
        states = health_pb2.HealthCheckResponse
        for service in self._services:
            await self._checks.set(service, states.SERVING if serving else states.NOT_SERVING)

    async def leave(self) -> None:
        """Say NOT_SERVING from now on, so that callers go elsewhere before the server stops."""
        await self._checks.enter_graceful_shutdown()
