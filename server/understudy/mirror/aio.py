"""The shadow client over grpc.aio."""

import asyncio
import logging
from typing import Any, Final

import grpc

from understudy import tls
from understudy.errors import ConfigError
from understudy.mirror.client import Metadata, Status
from understudy.tls import Upstream

log = logging.getLogger(__name__)

LOOK_S: Final = 5.0
"""How often TLS files are looked at for a change."""
GRACE_S: Final = 300.0
"""How long calls may take that began with the old certificates."""

# A channel of its own for each leg, a fresh connection soon after an engine comes back. What an engine has read is
# never sent again; what it never read, because the connection had aged meanwhile, is sent on the next one: that is all
# that gRPC does without a policy for retries, and nobody's policy is looked up.
OPTIONS: Final = (
    ("grpc.max_send_message_length", -1),  # the observer has bounded what it read
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.enable_retries", 1),
    ("grpc.service_config_disable_resolution", 1),
)


class AioClient:
    """A grpc.aio channel to one engine."""

    def __init__(
        self, address: str, tls: Upstream | None = None, *, message_bytes: int, held_bytes: int
    ) -> None:
        """`tls`: how the engine is spoken to over TLS; None = plainly.

        The bounds are those of the raw client, of one message and of all replies. But gRPC tells nobody what it has
        of messages that are not whole: those of all calls are bounded by their number alone.
        """
        self._address = address
        self._options = (*OPTIONS, ("grpc.max_receive_message_length", min(message_bytes, held_bytes)))
        self._tls = tls
        self._channel: grpc.aio.Channel | None = None
        self._seen: list[Any] = []
        self._looked_s = 0.0
        self._leaving: set[asyncio.Task[None]] = set()

    def call(self, method: str, message: bytes, metadata: Metadata) -> "AioReply":
        """Send one message and half-close."""
        return AioReply(self._dialled().unary_stream(method, None, None)(message, metadata=metadata))

    async def ready(self) -> None:
        """Return once a connection stands."""
        await self._dialled().channel_ready()

    def silent(self, reply: Any, since_s: float) -> None:
        """The channel looks after its connections itself."""

    async def close(self) -> None:
        """Close the channel; calls still open are cancelled."""
        for task in self._leaving:
            task.cancel()
        if self._channel is not None:
            await self._channel.close(grace=None)
            self._channel = None

    def _dialled(self) -> grpc.aio.Channel:
        if self._tls is not None:
            self._look(self._tls)
        if self._channel is None:
            self._channel = self._channel_to(self._tls)
        return self._channel

    def _channel_to(self, told: Upstream | None) -> grpc.aio.Channel:
        if told is None:
            return grpc.aio.insecure_channel(self._address, options=list(self._options))
        credentials = grpc.ssl_channel_credentials(*tls.pems(told))
        return grpc.aio.secure_channel(self._address, credentials, options=[*self._options, *tls.named(told)])

    def _look(self, told: Upstream) -> None:
        """New certificates take a new channel; calls on the old one are finished there."""
        loop = asyncio.get_running_loop()
        if self._channel is not None and loop.time() - self._looked_s < LOOK_S:
            return
        self._looked_s = loop.time()
        seen = tls.stamps(told.files)
        if seen == self._seen or (self._channel is not None and None in seen):
            return
        self._seen = seen
        old = self._channel
        try:
            self._channel = self._channel_to(told)
        except ConfigError as error:
            if old is None:
                raise
            log.error("the TLS files of %s stay as they were: %s", self._address, error)
            return
        if old is not None:
            task = loop.create_task(old.close(grace=GRACE_S))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)


class AioReply:
    """A grpc.aio call, read through `client.Reply`."""

    __slots__ = ("_messages", "_rpc", "status")

    def __init__(self, rpc: Any) -> None:
        self._rpc = rpc
        self._messages = rpc.__aiter__()
        self.status: Status | None = None

    async def read(self) -> bytes | None:
        """The next message, or None."""
        if self.status is not None:
            return None
        try:
            message: bytes = await anext(self._messages)
        except StopAsyncIteration:
            self.status = _status(await self._rpc.code(), await self._rpc.details())
            return None
        except grpc.aio.AioRpcError as failed:
            self.status = _status(failed.code(), failed.details())
            return None
        return message

    def cancel(self) -> None:
        """Stop the call at the engine too."""
        self._rpc.cancel()


def _status(code: grpc.StatusCode, details: str | None) -> Status:
    said = (details or "").lower()
    # gRPC's own words for a connection that never was; an engine that answers UNAVAILABLE is alive.
    never = "failed to connect" in said or "dns resolution" in said
    refused = code is grpc.StatusCode.UNAVAILABLE and never
    return Status(code.value[0], details or ("" if code is grpc.StatusCode.OK else code.name), refused)
