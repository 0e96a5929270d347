"""The shadow client over grpc.aio keeps the bounds that the raw one keeps."""

from typing import Any

import grpc
import pytest
from understudy.mirror.aio import AioClient
from understudy.mirror.client import RESOURCE_EXHAUSTED
from understudy.mirror.leg import FRAMING_BYTES, _client
from understudy.mirror.settings import Settings
from understudy.tls import Upstream

MIB = 1 << 20


class Echo(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    def service(self, handler_call_details: Any) -> Any:
        async def handle(request: bytes, context: Any) -> bytes:
            return request

        return grpc.unary_unary_rpc_method_handler(handle)


@pytest.mark.parametrize("bounds", [(MIB, 8 * MIB), (8 * MIB, MIB)])
async def test_a_longer_message_than_either_bound_is_refused(bounds: tuple[int, int]) -> None:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((Echo(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    client = AioClient(f"127.0.0.1:{port}", message_bytes=bounds[0], held_bytes=bounds[1])
    try:
        fits = client.call("/t.T/Echo", bytes(MIB), ())
        assert await fits.read() == bytes(MIB)
        longer = client.call("/t.T/Echo", bytes(MIB + 1), ())
        assert await longer.read() is None
        assert longer.status is not None and longer.status.code == RESOURCE_EXHAUSTED
    finally:
        await client.close()
        await server.stop(None)


def test_a_leg_over_tls_hands_the_bounds_of_the_config_on() -> None:
    client = _client("engine:8001", Settings(reply_bytes=1000, in_flight_bytes=10 * MIB), Upstream())
    assert isinstance(client, AioClient)
    assert dict(client._options)["grpc.max_receive_message_length"] == 1000 + FRAMING_BYTES
