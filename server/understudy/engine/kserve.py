"""The embedded engine's gRPC server: KServe v2 as Triton with the TensorRT-LLM backend appears on the wire.

Three model names over the same weights: see `wire.MODELS`. Errors, wording, multiplexing, the transaction
policy and the final-response flag follow Triton (shared reference of the project: wire protocols).
"""

import asyncio
import functools
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tritonclient.grpc import service_pb2 as pb

from understudy.engine import wire
from understudy.engine.batch import Batcher, Piece, Ticket
from understudy.engine.manifest import PARAMETER, fingerprint
from understudy.engine.wire import MODELS, VERSION, Order, Refused
from understudy.pair import Finish

log = logging.getLogger(__name__)

SERVICE = "inference.GRPCInferenceService"
MESSAGE_BYTES = 64 << 20
OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),  # a second engine on the same port must fail, not share it
)
EXTENSIONS = ("classification", "sequence", "model_configuration", "statistics", "parameters")
STREAM_BACKLOG = 1024
"""Unsent messages of one stream before its generation waits for the reader."""


@dataclass(slots=True)
class _Count:
    """What ModelStatistics tells of a model."""

    success: int = 0
    success_ns: int = 0
    fail: int = 0
    fail_ns: int = 0
    last_ms: int = 0


@dataclass(eq=False, slots=True)
class _Running:
    """A request of a stream while it is generated."""

    order: Order
    task: asyncio.Task[None] = field(init=False)


class Servicer:
    """The service over one batcher; its methods run on one event loop.

    Args:
        submit: `Batcher.submit`.
        manifest: Told in every model's config, with its fingerprint.
        max_batch: Told in the configs.
        clock: Wall clock in ns, for the statistics' last inference.
    """

    def __init__(
        self,
        submit: Callable[..., Ticket],
        manifest: Mapping[str, Any],
        max_batch: int,
        clock: Callable[[], int],
    ) -> None:
        self._submit, self._max_batch, self._clock = submit, max_batch, clock
        name = fingerprint(manifest)
        self._parameters = {
            PARAMETER: json.dumps({**manifest, "fingerprint": name}, sort_keys=True),
            "understudy_fingerprint": name,
        }
        self._counts = {name: _Count() for name in MODELS}

    def add_to(self, server: grpc.aio.Server) -> None:
        """Register the methods served; grpc answers every other with UNIMPLEMENTED."""
        unary = {
            "ServerLive": self.server_live,
            "ServerReady": self.server_ready,
            "ModelReady": self.model_ready,
            "ServerMetadata": self.server_metadata,
            "ModelMetadata": self.model_metadata,
            "ModelConfig": self.model_config,
            "ModelStatistics": self.model_statistics,
            "ModelInfer": self.model_infer,
        }
        handlers: dict[str, Any] = {}
        for name, method in unary.items():
            handlers[name] = grpc.unary_unary_rpc_method_handler(_refusing(method), **_coding(name))
        handlers["ModelStreamInfer"] = grpc.stream_stream_rpc_method_handler(
            self.model_stream_infer, **_coding("ModelStreamInfer")
        )
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))

    async def server_live(self, request: Any, context: Any) -> Any:
        """Live as long as it answers."""
        return pb.ServerLiveResponse(live=True)

    async def server_ready(self, request: Any, context: Any) -> Any:
        """Ready once it listens: the weights are loaded before."""
        return pb.ServerReadyResponse(ready=True)

    async def model_ready(self, request: Any, context: Any) -> Any:
        """Ready when the name is served."""
        return pb.ModelReadyResponse(ready=request.name in MODELS and request.version in ("", VERSION))

    async def server_metadata(self, request: Any, context: Any) -> Any:
        """Name, version, extensions."""
        from understudy import __version__

        return pb.ServerMetadataResponse(name="understudy-engine", version=__version__, extensions=EXTENSIONS)

    async def model_metadata(self, request: Any, context: Any) -> Any:
        """Tensors of a model."""
        return wire.metadata(wire.model_of(request.name, request.version))

    async def model_config(self, request: Any, context: Any) -> Any:
        """A model's config, with the manifest among its parameters."""
        return wire.config(wire.model_of(request.name, request.version), self._max_batch, self._parameters)

    async def model_statistics(self, request: Any, context: Any) -> Any:
        """Counts of one model, or of all when none is named."""
        names = [wire.model_of(request.name, request.version).name] if request.name else list(MODELS)
        response = pb.ModelStatisticsResponse()
        for name in names:
            count = self._counts[name]
            stats = response.model_stats.add(
                name=name,
                version=VERSION,
                last_inference=count.last_ms,
                inference_count=count.success,
                execution_count=count.success,
            )
            stats.inference_stats.success.count, stats.inference_stats.success.ns = (
                count.success,
                count.success_ns,
            )
            stats.inference_stats.fail.count, stats.inference_stats.fail.ns = count.fail, count.fail_ns
            # Triton counts a request at each of its stages; perf_analyzer finds the version it asked by `queue`.
            for stage in ("queue", "compute_input", "compute_infer", "compute_output"):
                getattr(stats.inference_stats, stage).count = count.success
            stats.inference_stats.compute_infer.ns = count.success_ns
        return response

    def _read(self, request: Any) -> Order:
        order = wire.read(request)
        if not order.identify:
            return order
        return replace(order, engine=self._parameters["understudy_fingerprint"])

    async def model_infer(self, request: Any, context: Any) -> Any:
        """One whole reply."""
        model = wire.model_of(request.model_name, request.model_version)
        if model.decoupled:
            raise Refused(
                grpc.StatusCode.UNIMPLEMENTED,
                "ModelInfer RPC doesn't support models with decoupled transaction policy",
            )
        try:
            order = self._read(request)
        except Refused:
            self._counts[model.name].fail += 1
            raise
        text = b"".join([piece.data async for piece in self._generate(order)])
        return wire.reply(order, order.echo + text)

    async def model_stream_infer(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """Many requests on one stream, answered as they come; ids may be empty or reused."""
        told = {key: value for key, value in context.invocation_metadata() or ()}
        real_errors = told.get("triton_grpc_error") == "true"
        out: asyncio.Queue[Any] = asyncio.Queue(STREAM_BACKLOG)
        running: set[_Running] = set()

        async def one(run: _Running) -> None:
            try:
                await self._answer(run.order, out)
            except Refused as error:
                failed = (
                    error if real_errors else wire.in_band(run.order.id, run.order.model.name, error.text)
                )
                await out.put(failed)
            finally:
                running.discard(run)

        async def listen(group: asyncio.TaskGroup) -> None:
            async for request in requests:
                try:
                    order = self._read(request)
                except Refused as error:
                    if request.model_name in MODELS:
                        self._counts[request.model_name].fail += 1
                    await out.put(
                        error if real_errors else wire.in_band(request.id, request.model_name, error.text)
                    )
                    continue
                if order.stop:
                    for run in [run for run in running if run.order.id == order.id]:
                        run.task.cancel()
                        if run.order.empty_final:
                            await out.put(_streamed(wire.reply(run.order, None, final=True)))
                    continue
                run = _Running(order)
                running.add(run)
                run.task = group.create_task(one(run))

        async def work() -> None:
            async with asyncio.TaskGroup() as group:
                await listen(group)
            await out.put(None)

        worker = asyncio.get_running_loop().create_task(work())
        taking: asyncio.Future[Any] | None = None
        try:
            while True:
                taking = asyncio.ensure_future(out.get())
                await asyncio.wait((taking, worker), return_when=asyncio.FIRST_COMPLETED)
                if not taking.done():
                    taking.cancel()
                    await worker  # raises what ended it
                message = await taking
                if message is None:
                    return
                if isinstance(message, Refused):
                    await context.abort(message.code, message.text)
                yield message
        finally:
            worker.cancel()
            if taking is not None:
                taking.cancel()  # a client that cancels ends us while we wait for the next message
            await asyncio.wait((worker,))
            if not worker.cancelled() and (error := worker.exception()):
                log.debug("stream ended: %s", error)

    async def _answer(self, order: Order, out: asyncio.Queue[Any]) -> None:
        """Put a streamed request's responses: the last text is final, or an empty one where the client asked.

        The end of a reply brings no text of its own: a last text comes twice then (cumulative) or is empty (delta).
        """
        if not order.stream:
            text = b"".join([piece.data async for piece in self._generate(order)])
            last = not (order.model.decoupled and order.empty_final)
            await out.put(_streamed(wire.reply(order, order.echo + text, final=last)))
            if last:
                return
        else:
            text, fresh = order.echo, order.echo
            async for piece in self._generate(order):
                text, fresh = text + piece.data, fresh + piece.data
                last = piece.finish is not None and not order.empty_final
                if fresh or last:
                    shown = text if order.model.cumulative else fresh
                    await out.put(_streamed(wire.reply(order, shown, final=last)))
                    fresh = b""
        if order.empty_final:
            await out.put(_streamed(wire.reply(order, None, final=True)))

    async def _generate(self, order: Order) -> AsyncIterator[Piece]:
        """The reply's pieces, the last with its finish; leaving the iteration early stops the generation."""
        pieces: asyncio.Queue[Piece] = asyncio.Queue()
        count, started = self._counts[order.model.name], self._clock()
        ticket = self._submit(order.ask, pieces.put_nowait)
        try:
            while True:
                piece = await pieces.get()
                if piece.finish is Finish.ERROR:
                    code = grpc.StatusCode.INTERNAL if piece.error.startswith("internal") else None
                    raise Refused(code or grpc.StatusCode.INVALID_ARGUMENT, piece.error)
                if piece.finish is not None:
                    now = self._clock()
                    count.success += 1
                    count.success_ns += now - started
                    count.last_ms = now // 1_000_000
                yield piece
                if piece.finish is not None:
                    return
        except Refused:
            count.fail += 1
            count.fail_ns += self._clock() - started
            raise
        finally:
            ticket.cancel()


def _coding(name: str) -> dict[str, Any]:
    """How a method's messages are parsed and serialized."""
    method = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods_by_name[name]
    return {
        "request_deserializer": getattr(pb, method.input_type.name).FromString,
        "response_serializer": getattr(pb, method.output_type.name).SerializeToString,
    }


def _streamed(response: Any) -> Any:
    return pb.ModelStreamInferResponse(infer_response=response)


def _refusing(method: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[Any]]:
    """Answer Refused with its code and text."""

    @functools.wraps(method)
    async def answer(request: Any, context: Any) -> Any:
        try:
            return await method(request, context)
        except Refused as error:
            await context.abort(error.code, error.text)

    return answer


class Server:
    """A listening engine: batcher thread, gRPC server and health service."""

    def __init__(
        self,
        batcher: Callable[[Any], Batcher],
        manifest: Mapping[str, Any],
        max_batch: int,
        clock: Callable[[], int],
    ) -> None:
        self._make, self._manifest, self._max_batch, self._clock = batcher, manifest, max_batch, clock

    async def start(self, listen: str) -> str:
        """Bind and serve; returns the address with the port that was chosen.

        Raises:
            OSError, RuntimeError: The address cannot be bound.
        """
        loop = asyncio.get_running_loop()

        def emit(pieces: Sequence[tuple[Ticket, Piece]]) -> None:
            for ticket, piece in pieces:
                if not ticket.cancelled:
                    ticket.emit(piece)

        def deliver(pieces: Sequence[tuple[Ticket, Piece]]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(emit, pieces)

        self._batcher = self._make(deliver)
        self._server = grpc.aio.server(options=OPTIONS)
        Servicer(self._batcher.submit, self._manifest, self._max_batch, self._clock).add_to(self._server)
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # absent from grpc-stubs
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        port = self._server.add_insecure_port(listen)
        self._batcher.start()
        await self._server.start()
        for name in ("", SERVICE):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return listen if listen.startswith("unix:") else f"{listen.rpartition(':')[0]}:{port}"

    async def stop(self, grace_s: float = 5.0) -> None:
        """Say NOT_SERVING, let calls end within grace_s, then stop the thread."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)
        await asyncio.to_thread(self._batcher.close)
