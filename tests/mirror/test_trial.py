"""The self-test: one question to each engine, judged by the shape of the answer."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2 as pb
from understudy.codec.kserve import INFER, STREAM, KServeCodec
from understudy.mirror import Engine, Engines, Ledger, Mirror, Settings, State
from understudy.mirror.leg import Shadow
from understudy.mirror.trial import QUESTION, Finding, examine
from understudy.pair import Leg

from tests.mirror.double import Double

CODEC = KServeCodec()
SETTINGS = Settings(methods=(INFER, STREAM))


class Odd(Double):
    """Knows one model and one dialect; `odd` says how it answers wrongly."""

    odd = ""
    dialect = "stream"

    async def _infer(self, request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
        names = {tensor.name for tensor in request.inputs}
        if self.odd == "model" or self.dialect not in names:
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, f"unexpected inference input, or model {request.model_name}"
            )
        reply = await super()._infer(request, context)
        if self.odd == "tensor":
            reply.outputs[0].name = "logits"
        if self.odd == "bytes":
            reply.outputs[0].datatype, reply.raw_output_contents[0] = "BYTES", b"\xff"
        return reply


@pytest.fixture
async def engines() -> AsyncIterator[tuple[Odd, Odd]]:
    baseline, candidate = Odd("I am", " fine"), Odd("I am", " not")
    await baseline.start()
    await candidate.start()
    yield baseline, candidate
    await baseline.stop()
    await candidate.stop()


def a_mirror(baseline: Odd, candidate: Odd, settings: Settings = SETTINGS) -> Mirror:
    both = Engines(Engine(baseline.address, "b", "m"), Engine(candidate.address, "c", "m"))
    mirror = Mirror(settings, both, Ledger(), lambda pair: True, (CODEC,))
    mirror.switch(True)
    return mirror


def held(mirror: Mirror, live: Leg = Leg.BASELINE) -> bool:
    state: State = mirror.state(1, live)
    return not state.tested


async def test_engines_that_answer_are_asked_once_and_compared(engines: tuple[Odd, Odd]) -> None:
    baseline, candidate = engines
    mirror = a_mirror(baseline, candidate)
    await mirror.trial.once()
    assert not held(mirror) and baseline.prompts() == candidate.prompts() == [QUESTION]
    assert candidate.metadata[0]["x-understudy-leg"] == "candidate"
    await mirror.trial.once()
    assert len(candidate.requests) == 1 and mirror.ledger.requests == 0, "it is no request of a caller's"
    await mirror.close()


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ("model", "unexpected inference input"),
        ("tensor", "holds no text tensor"),
        ("bytes", "outside the protocol"),
    ],
)
async def test_an_answer_of_no_use_holds_the_mirror_and_the_log_says_why(
    engines: tuple[Odd, Odd], odd: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    baseline, candidate = engines
    candidate.odd = odd
    mirror = a_mirror(baseline, candidate, Settings(methods=(INFER,)))
    await mirror.trial.once()
    assert held(mirror), "the candidate would shadow"
    assert not held(mirror, Leg.CANDIDATE), "where it serves callers, its failures must be seen"
    await mirror.trial.once()
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert why in line and candidate.address in line and "ModelInfer of model 'm'" in line
    candidate.odd = ""
    await mirror.trial.once()
    assert not held(mirror)
    await mirror.close()


async def test_any_method_and_any_dialect_will_do(engines: tuple[Odd, Odd]) -> None:
    _, candidate = engines
    shadow = Shadow(Leg.CANDIDATE, candidate.address, "c", SETTINGS)
    candidate.dialect = "streaming"
    assert await examine(shadow, (CODEC,), "m", Settings(methods=(INFER,))) == Finding()
    candidate.odd = "model"
    assert await examine(shadow, (CODEC,), "m", SETTINGS) == Finding(), "the stream answers"
    await shadow.close()


async def test_an_engine_that_is_not_there_is_its_own_failure_and_is_asked_again(
    engines: tuple[Odd, Odd], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("understudy.mirror.trial.AGAIN_S", 0.02)
    baseline, candidate = engines
    await candidate.stop()
    mirror = a_mirror(baseline, candidate)
    await mirror.trial.once()
    assert not held(mirror)
    await candidate.start(candidate.address)
    running = asyncio.ensure_future(mirror.trial.run())
    async with asyncio.timeout(5):
        while not candidate.requests:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await mirror.close()


async def test_an_exchanged_engine_is_asked_anew(engines: tuple[Odd, Odd]) -> None:
    baseline, candidate = engines
    mirror = a_mirror(baseline, candidate)
    await mirror.trial.once()
    mirror.identify({"candidate": "another"})
    await mirror.trial.once()
    assert (len(baseline.requests), len(candidate.requests)) == (1, 2)
    await mirror.close()
