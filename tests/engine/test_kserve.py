"""A real engine process and the clients people use, tritonclient's sync and asyncio ones."""

import itertools
import queue
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc
from tritonclient.utils import InferenceServerException
from understudy.engine.serve import run
from understudy.engine.upstream import describe, probe, ready
from understudy.errors import ConfigError, EngineError

pytestmark = pytest.mark.engines

PROMPT, REPLY = "What is 12 plus 7?", "12 + 7 = 19. The answer is 19."
TYPES = {"stream": (bool, "BOOL"), "temperature": (np.float32, "FP32"), "top_k": (np.int32, "INT32"),
         "seed": (np.uint64, "UINT64"), "max_tokens": (np.int32, "INT32"), "stop": (bool, "BOOL"),
         "exclude_input_in_output": (bool, "BOOL")}  # fmt: skip


def inputs(prompt: str | bytes = PROMPT, **more: Any) -> list[Any]:
    values = {"max_tokens": 64, "temperature": 0.0, "exclude_input_in_output": True} | more
    words = values.pop("stop_words", None)
    tensors = [triton.InferInput("text_input", [1, 1], "BYTES")]
    tensors[0].set_data_from_numpy(np.array([[prompt]], dtype=object))
    if words:
        tensors.append(triton.InferInput("stop_words", [1, len(words)], "BYTES"))
        tensors[-1].set_data_from_numpy(np.array([words], dtype=object))
    for name, value in values.items():
        kind, datatype = TYPES[name]
        tensors.append(triton.InferInput(name, [1, 1], datatype))
        tensors[-1].set_data_from_numpy(np.array([[value]], dtype=kind))
    return tensors


def text(result: Any) -> str:
    value: bytes = result.as_numpy("text_output").flatten()[0]
    return value.decode(errors="replace")


def streamed(engine: str, model: str, *asks: dict[str, Any], **call: Any) -> list[tuple[Any, Any]]:
    """(result, error) of every message of one stream, until each ask's last."""
    got: queue.Queue[tuple[Any, Any]] = queue.Queue()
    with triton.InferenceServerClient(engine) as client:
        client.start_stream(lambda result, error: got.put((result, error)))
        for i, ask in enumerate(asks):
            client.async_stream_infer(model, inputs(**ask), request_id=str(i), **call)
        client.stop_stream()
    return [got.get_nowait() for _ in range(got.qsize())]


def test_a_whole_reply(engine: str) -> None:
    with triton.InferenceServerClient(engine) as client:
        assert text(client.infer("ensemble", inputs())) == REPLY
        assert text(client.infer("ensemble", inputs(exclude_input_in_output=False))) == PROMPT + REPLY
        assert text(client.infer("ensemble", inputs(stop_words=["zz", ". The"]))) == "12 + 7 = 19"
        hot = inputs("Count from 3 to 9 in words.", temperature=1.5, seed=5)
        assert text(client.infer("ensemble", hot)) == text(client.infer("ensemble", hot))


def test_bls_streams_cumulative_text_and_the_other_deltas(engine: str) -> None:
    bls = [text(result) for result, _ in streamed(engine, "tensorrt_llm_bls", {"stream": True})]
    assert bls[-1] == REPLY and len(bls) > 5
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(bls))
    deltas = [text(result) for result, _ in streamed(engine, "ensemble_stream", {"stream": True})]
    assert "".join(deltas) == REPLY and len(deltas) == len(bls)


def test_without_stream_a_decoupled_model_answers_once(engine: str) -> None:
    ((result, error),) = streamed(engine, "tensorrt_llm_bls", {})
    assert error is None and text(result) == REPLY
    ((result, error),) = streamed(engine, "ensemble", {})
    assert error is None and text(result) == REPLY


def test_the_last_response_is_final_and_an_empty_one_only_when_asked_for(engine: str) -> None:
    def finals(**call: Any) -> list[bool]:
        got = streamed(engine, "tensorrt_llm_bls", {"stream": True}, **call)
        return [r.get_response().parameters["triton_final_response"].bool_param for r, _ in got]

    marked = finals()
    assert marked[-1] and not any(marked[:-1])
    told = finals(enable_empty_final_response=True)
    assert told[-1] and not any(told[:-1])
    last, _ = streamed(engine, "tensorrt_llm_bls", {"stream": True}, enable_empty_final_response=True)[-1]
    assert last.as_numpy("text_output") is None


def test_requests_of_one_stream_are_told_apart_by_their_ids(engine: str) -> None:
    prompts = [f"What is {n} plus 7?" for n in (11, 12, 13, 14)]
    ends = {}
    for result, error in streamed(
        engine, "tensorrt_llm_bls", *({"prompt": p, "stream": True} for p in prompts)
    ):
        assert error is None
        ends[result.get_response().id] = text(result)
    assert [end.partition(".")[0] for _, end in sorted(ends.items())] == [
        f"{n} + 7 = {n + 7}" for n in (11, 12, 13, 14)
    ]


async def test_the_asyncio_client_gets_the_same_bytes(engine: str) -> None:
    async with triton_aio.InferenceServerClient(engine) as client:
        assert text(await client.infer("ensemble", inputs())) == REPLY

        async def asks() -> AsyncIterator[dict[str, Any]]:
            yield {"model_name": "tensorrt_llm_bls", "inputs": inputs(stream=True), "request_id": "a"}

        texts = [text(result) async for result, error in client.stream_infer(asks())]
    assert texts[-1] == REPLY


def test_unary_on_the_decoupled_model_is_unimplemented_in_tritons_words(engine: str) -> None:
    with triton.InferenceServerClient(engine) as client, pytest.raises(InferenceServerException) as raised:
        client.infer("tensorrt_llm_bls", inputs())
    assert raised.value.message() == "ModelInfer RPC doesn't support models with decoupled transaction policy"
    assert raised.value.status() == "StatusCode.UNIMPLEMENTED"


@pytest.mark.parametrize(
    ("model", "ask", "says"),
    [
        ("ensemble", {"stream": True}, "decoupled mode"),
        ("absent", {}, "Request for unknown model: 'absent' is not found"),
        ("tensorrt_llm_bls", {"max_tokens": 0}, "max_tokens"),
        ("tensorrt_llm_bls", {"prompt": "word " * 3000, "stream": True}, "tokens"),
    ],
)
def test_errors_of_a_stream_come_in_band_and_the_stream_goes_on(
    engine: str, model: str, ask: dict[str, Any], says: str
) -> None:
    got: queue.Queue[tuple[Any, Any]] = queue.Queue()
    with triton.InferenceServerClient(engine) as client:
        client.start_stream(lambda result, error: got.put((result, error)))
        client.async_stream_infer(model, inputs(**ask), request_id="bad")
        result, error = got.get(timeout=20)
        assert result is None and says in str(error)
        client.async_stream_infer("ensemble", inputs(), request_id="good")
        result, error = got.get(timeout=20)
        assert error is None and text(result) == REPLY
        client.stop_stream()


def test_with_the_header_an_error_is_a_status_and_ends_the_stream(engine: str) -> None:
    with grpc.insecure_channel(engine) as channel:
        call = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelStreamInfer(
            iter([pb.ModelInferRequest(model_name="absent")]), metadata=[("triton_grpc_error", "true")]
        )
        with pytest.raises(grpc.RpcError) as raised:
            next(call)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_missing_input_is_named_as_triton_does(engine: str) -> None:
    with triton.InferenceServerClient(engine) as client, pytest.raises(InferenceServerException) as raised:
        client.infer("ensemble", inputs()[:1])
    assert "missing required input(s) ['max_tokens']" in raised.value.message()
    assert raised.value.status() == "StatusCode.INVALID_ARGUMENT"


def test_typed_contents_are_read_like_raw_ones_and_bytes_need_not_be_utf8(engine: str) -> None:
    request = pb.ModelInferRequest(model_name="ensemble", id="t")
    for name, datatype, field, value in (
        ("text_input", "BYTES", "bytes_contents", b"What is \xff plus 7?"),
        ("max_tokens", "INT32", "int_contents", 8),
        ("temperature", "FP32", "fp32_contents", 0.0),
    ):
        tensor = request.inputs.add(name=name, datatype=datatype, shape=[1, 1])
        getattr(tensor.contents, field).append(value)
    with grpc.insecure_channel(engine) as channel:
        reply = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert reply.id == "t" and reply.raw_output_contents[0][4:].startswith(b"What is \xff plus 7?")


def slow() -> Any:
    """A request whose reply takes hundreds of messages."""
    request = pb.ModelInferRequest(model_name="tensorrt_llm_bls", id="slow")
    request.parameters["triton_enable_empty_final_response"].bool_param = True
    for name, datatype, field, value in (
        ("text_input", "BYTES", "bytes_contents", b"Count from 1 to 110 in words."),
        ("max_tokens", "INT32", "int_contents", 900),
        ("stream", "BOOL", "bool_contents", True),
    ):
        tensor = request.inputs.add(name=name, datatype=datatype, shape=[1, 1])
        getattr(tensor.contents, field).append(value)
    return request


def test_a_second_request_with_stop_ends_the_first_of_its_id(engine: str) -> None:
    asks: queue.Queue[Any] = queue.Queue()
    stop = pb.ModelInferRequest(model_name="tensorrt_llm_bls", id="slow")
    stop.inputs.add(name="stop", datatype="BOOL", shape=[1, 1]).contents.bool_contents.append(True)
    with grpc.insecure_channel(engine) as channel:
        asks.put(slow())
        call = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelStreamInfer(iter(asks.get, None))
        next(call)
        asks.put(stop)
        asks.put(None)
        rest = [message.infer_response for message in call]
    assert rest[-1].parameters["triton_final_response"].bool_param
    assert len(rest) < 200  # the whole reply takes more than 300 messages


def test_a_cancelled_stream_stops_generating(engine: str) -> None:
    with grpc.insecure_channel(engine) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)

        def succeeded() -> int:
            (stats,) = stub.ModelStatistics(pb.ModelStatisticsRequest(name="tensorrt_llm_bls")).model_stats
            return int(stats.inference_stats.success.count)

        before = succeeded()
        for _ in range(8):  # as many as the engine has rows
            call = stub.ModelStreamInfer(iter([slow()]))
            next(call)
            call.cancel()
        streamed(engine, "tensorrt_llm_bls", {})
        assert succeeded() == before + 1


def test_nothing_said_of_chance_is_greedy_and_random_seed_is_a_seed(engine: str) -> None:
    silent = [tensor for tensor in inputs() if tensor.name() != "temperature"]
    hot = [
        *inputs("Count from 3 to 9 in words.", temperature=2.0),
        triton.InferInput("random_seed", [1, 1], "INT64"),
    ]
    hot[-1].set_data_from_numpy(np.array([[5]], dtype=np.int64))
    with triton.InferenceServerClient(engine) as client:
        assert text(client.infer("ensemble", silent)) == REPLY
        seeded = text(
            client.infer("ensemble", inputs("Count from 3 to 9 in words.", temperature=2.0, seed=5))
        )
        assert text(client.infer("ensemble", hot)) == seeded


async def test_a_reply_names_its_engine_to_those_who_ask(engine: str) -> None:
    fingerprint = (await describe(engine, "ensemble")).fingerprint

    def named(result: Any) -> str:
        return str(result.get_response().parameters["engine"].string_param)

    asked = {"identify": True}
    with triton.InferenceServerClient(engine) as client:
        assert named(client.infer("ensemble", inputs(), parameters=asked)) == fingerprint
        assert "engine" not in client.infer("ensemble", inputs()).get_response().parameters
    for final in (True, False):
        got = streamed(
            engine, "tensorrt_llm_bls", {"stream": True}, parameters=asked, enable_empty_final_response=final
        )
        assert {named(result) for result, _ in got} == {fingerprint}


async def test_it_says_who_it_is(engine: str, tmp_path: Path) -> None:
    one, other = await describe(engine, "ensemble"), await describe(engine, "tensorrt_llm_bls")
    assert one.fingerprint == other.fingerprint and one.unknown == ()
    assert (one.decoupled, other.decoupled) == (False, True)
    assert one.manifest["fields"]["quantization"] == {"value": "none", "source": "observed"}
    filed = tmp_path / "engine.json"
    filed.write_text('{"quantization": "int4"}')
    with pytest.raises(EngineError, match="correct the file"):
        await describe(engine, "ensemble", manifest=filed)
    filed.write_text('{"calibration_dataset": "none"}')
    assert (await describe(engine, "ensemble", manifest=filed)).fingerprint != one.fingerprint


async def test_it_answers_a_probe_and_an_absent_engine_is_one_line(engine: str) -> None:
    assert await probe(engine, "ensemble") and await probe(engine, "tensorrt_llm_bls") and await ready(engine)
    with pytest.raises(EngineError, match="absent"):
        await probe(engine, "absent")
    with pytest.raises(EngineError, match=r"^[^\n]*127.0.0.1:1[^\n]*$"):
        await describe("127.0.0.1:1", "ensemble", timeout_s=3)
    assert not await ready("127.0.0.1:1")


def test_health_metadata_config_and_statistics(engine: str) -> None:
    with triton.InferenceServerClient(engine) as client:
        assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("ensemble")
        assert not client.is_model_ready("absent")
        assert client.get_server_metadata().name == "understudy-engine"
        assert "text_input" in {i.name for i in client.get_model_metadata("ensemble").inputs}
        assert client.get_model_config("tensorrt_llm_bls").config.model_transaction_policy.decoupled
        assert len(client.get_inference_statistics().model_stats) == 3
        for name in ("ensemble", "ensemble_stream"):
            assert client.get_model_config(name).config.HasField("ensemble_scheduling")
        client.infer("ensemble", inputs())
        (stats,) = client.get_inference_statistics("ensemble").model_stats
        told = stats.inference_stats  # as Triton counts; perf_analyzer looks at `queue` for what it asked
        assert told.queue.count == told.compute_infer.count == told.success.count > 0
        with pytest.raises(InferenceServerException, match="unknown model"):
            client.get_model_config("absent")
    with grpc.insecure_channel(engine) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        assert check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.RpcError) as raised:
            channel.unary_unary("/inference.GRPCInferenceService/TraceSetting", bytes, bytes)(b"")
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_port_that_is_taken_and_a_wrong_flag_are_one_line(engine: str) -> None:
    with pytest.raises(EngineError, match="choose another address"):
        run("none", None, engine)
    with pytest.raises(ConfigError, match="int5"):
        run("int5", None, "127.0.0.1:0")
    with pytest.raises(ConfigError, match="use host:port"):
        run("none", None, "nowhere")
