"""How a message is written to a grpc.aio stream whose peer may end it at any moment."""

from typing import Any


async def send(call: Any, message: bytes) -> None:
    """What `call.write` does, without its answer to a peer that ends the call meanwhile.

    There `write` puts INTERNAL in the place of the status that the peer gave, and replies that were under way are lost.

    Raises:
        grpc.RpcError: the call is over, with this status.
        grpc.aio.InternalError: it has ended while this was sent; its status says how.
    """
    await call.wait_for_connection()
    await call._cython_call.send_serialized_message(message)
