"""Whose failure the end of a live reply is: an engine's, which then votes, or its caller's doing, which does not."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2 as oracle
from understudy.codec.kserve import INFER
from understudy.drift.tolerance import Tolerances
from understudy.drift.vote import FAILURE, ballot
from understudy.exchange import Closed, Opened
from understudy.observe.blame import HUNG, LEFT, NOBODYS, End, blame
from understudy.pair import Pair

from tests.mirror.double import Double
from tests.observe.stage import Stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path)
    stage.mirror = dataclasses.replace(stage.mirror, deadline_min_s=0.1)
    stage.settings = dataclasses.replace(stage.settings, quiet_s=60)
    yield stage
    await stage.stop()


def failure(pair: Pair) -> list[float]:
    """The pair's votes in `failure`; positive = the candidate is worse."""
    return [vote.d for vote in ballot(pair, (), Tolerances()) if vote.metric == FAILURE]


# ---- replies outside the protocol


def short(tensor: Any, body: Any) -> None:
    body.raw_output_contents[0] = b"\xff\0\0\0no such length"


def numeric(tensor: Any, body: Any) -> None:
    tensor.datatype, body.raw_output_contents[0] = "FP32", bytes(4)


class Garbling(Double):
    """Its replies break the protocol when the prompt asks for it."""

    garble: Callable[[Any, Any], None] = staticmethod(short)

    def words_for(self, request: oracle.ModelInferRequest) -> tuple[str, ...]:
        return ("garbled",) if b"garble" in request.raw_input_contents[0] else ("fine",)

    def said(self, body: Any) -> Any:
        if b"garbled" in body.raw_output_contents[0]:
            self.garble(body.outputs[0], body)
        return body

    async def _infer(self, request: oracle.ModelInferRequest, context: Any) -> oracle.ModelInferResponse:
        return self.said(await super()._infer(request, context))

    async def _stream(self, requests: Any, context: Any) -> AsyncIterator[oracle.ModelStreamInferResponse]:
        async for message in super()._stream(requests, context):
            self.said(message.infer_response)
            yield message


@pytest.mark.parametrize("garble", [short, numeric])
@pytest.mark.parametrize("live", ["baseline", "candidate"])
async def test_a_live_reply_outside_the_protocol_is_that_engines_failure_and_a_vote(
    stage: Stage, live: str, garble: Callable[[Any, Any], None]
) -> None:
    engine = Garbling()
    engine.garble = garble
    setattr(stage, live, engine)
    await stage.start(live)
    await stage.infer("garble")
    (pair,) = await stage.count(1)
    output = getattr(pair, live)
    assert output.live and output.failed and output.status == 13
    assert output.error.startswith("reply outside the protocol: ") and not output.cancelled_by
    assert failure(pair) == [1 if live == "candidate" else -1]
    assert dict(stage.process.observer.ledger.leg_errors) == {live: 1}


async def test_on_a_held_stream_it_is_the_failure_of_the_only_open_call_and_the_next_is_paired(
    stage: Stage,
) -> None:
    stage.candidate = Garbling()
    await stage.start("candidate")
    call = stage.stream()
    await call.write(stage.raw("garble", "1"))
    (pair,) = await stage.count(1)
    assert failure(pair) == [1]
    await call.write(stage.raw("well", "2"))
    # The broken message may have been the end or not: the first call is open until the stream is.
    pairs = await stage.count(2)
    assert (pairs[1].request.text, pairs[1].candidate.text, pairs[1].candidate.failed) == (
        "well",
        "fine",
        False,
    )
    call.cancel()


async def test_when_it_could_be_any_of_several_calls_none_is_guessed(stage: Stage) -> None:
    stage.candidate = Garbling()
    stage.candidate.hang.clear()
    await stage.start("candidate")
    call = stage.stream()
    stage.candidate.words_for = lambda request: ("say", "garbled")  # type: ignore[method-assign]
    await call.write(stage.raw("one", "1"))
    await call.write(stage.raw("two", "2"))
    await stage.until(lambda: stage.process.observer.ledger.in_flight == 2)
    stage.candidate.hang.set()
    await stage.until(lambda: dict(stage.controller.ledger.failed) == {"undecodable": 2})
    call.cancel()


# ---- engines that hang


async def asked_in_vain(stage: Stage, **how: Any) -> None:
    with pytest.raises((grpc.RpcError, asyncio.CancelledError)):
        await stage.channel.unary_unary(INFER, None, None)(stage.raw("p"), **how)


@pytest.mark.parametrize("live", ["baseline", "candidate"])
async def test_a_live_engine_that_hangs_until_its_callers_deadline_has_failed(
    stage: Stage, live: str
) -> None:
    engine = stage.candidate if live == "candidate" else stage.baseline
    engine.hang.clear()
    await stage.start(live)
    await asked_in_vain(stage, timeout=0.15)
    (pair,) = await stage.count(1)
    output = getattr(pair, live)
    assert (output.status, output.cancelled_by, output.text) == (4, "deadline", "") and not pair.censored
    assert failure(pair) == [1 if live == "candidate" else -1]


async def test_a_caller_that_is_given_less_time_than_a_shadow_and_leaves_accuses_nobody(stage: Stage) -> None:
    stage.mirror = dataclasses.replace(stage.mirror, deadline_min_s=30)
    stage.candidate.hang.clear()
    await stage.start("candidate")
    await asked_in_vain(stage, timeout=0.05)
    await stage.until(lambda: dict(stage.controller.ledger.failed) == {"cancelled": 1})
    assert not stage.controller.pairs


async def test_a_shadow_that_was_as_silent_as_the_live_engine_has_failed_as_well(stage: Stage) -> None:
    stage.mirror = dataclasses.replace(stage.mirror, deadline_min_s=0.3, deadline_factor=100)
    stage.candidate.hang.clear()
    stage.baseline.hang.clear()
    await stage.start("candidate")
    asking = asyncio.ensure_future(asked_in_vain(stage, timeout=0.35))
    await stage.baseline.asked.wait()
    await asking
    (pair,) = await stage.count(1)
    assert (pair.baseline.cancelled_by, pair.candidate.cancelled_by) == ("deadline", "deadline")
    assert failure(pair) == [0]


async def test_a_shadow_that_has_begun_to_speak_may_end(stage: Stage) -> None:
    stage.mirror = dataclasses.replace(stage.mirror, deadline_min_s=0.2, deadline_factor=100)
    stage.baseline.hang.clear()
    await stage.start("candidate")
    stage.candidate.words = ()
    call = stage.stream()
    await call.write(stage.raw("p", "1"))
    await stage.baseline.asked.wait()
    await asyncio.sleep(0.2)
    call.cancel()
    await stage.candidate.cancelled.wait()
    stage.baseline.hang.set()
    (pair,) = await stage.count(1)
    assert pair.baseline.text == "baseline says so" and failure(pair) == [1]


# ---- what a caller can bring about by itself


OPENED = Opened(1, 1, "up", INFER, "a", (), 0)


def closed(status: int, by: str = "", *, ms: int = 1, error: str = "") -> Closed:
    return Closed(1, 1, status, error, (), by, ms * 10**6)


@pytest.mark.parametrize(
    ("event", "timeout", "end"),
    [
        (closed(4, ms=50), "50m", LEFT),
        (closed(4, ms=48), "50m", LEFT),
        (closed(4), "1n", LEFT),
        (closed(1, ms=50), "50m", LEFT),
        (closed(-1, "server", ms=50), "50m", LEFT),
        (closed(4, ms=10), "50m", End(4)),
        (closed(4, ms=50), None, End(4)),
        (closed(4), "soon", LEFT),
        (closed(-1, "server", ms=10), "50m", End(14, "the engine reset the stream")),
        (closed(-1, "server", ms=50, error="broke off"), "50m", End(14, "broke off")),
        (closed(13, ms=50), "50m", End(13)),
    ],
)
def test_what_an_engine_says_once_the_callers_deadline_is_past_is_the_callers_doing(
    event: Closed, timeout: str | None, end: End
) -> None:
    told = () if timeout is None else (("grpc-timeout", timeout), ("grpc-timeout", "9H"))
    assert blame(event, OPENED._replace(metadata=told), answered=False) == end


@pytest.mark.parametrize("status", [7, 16])
def test_credentials_that_a_shadow_never_has_accuse_no_engine(status: int) -> None:
    assert blame(closed(status), OPENED, answered=False) == NOBODYS


@pytest.mark.parametrize(
    ("event", "size", "answered", "end"),
    [
        (closed(8), 9000, False, NOBODYS),
        (closed(-1, "server"), 9000, False, NOBODYS),
        (closed(13, error="HTTP status 431"), 9000, False, NOBODYS),
        (closed(13, error="HTTP status 431"), 4000, False, End(13, "HTTP status 431")),
        (closed(8), 9000, True, End(8)),
        (closed(8), 4000, False, End(8)),
        (closed(14), 9000, False, End(14)),
    ],
)
def test_metadata_that_engines_may_refuse_accuses_none_that_does(
    event: Closed, size: int, answered: bool, end: End
) -> None:
    opened = OPENED._replace(metadata=(("x-large", "m" * size),))
    assert blame(event, opened, answered=answered) == end


@pytest.mark.parametrize(
    ("by", "end"),
    [("client", LEFT), ("connection", NOBODYS), ("server", End(14, "the engine reset the stream"))],
)
def test_only_a_caller_that_leaves_by_itself_can_have_waited_in_vain(by: str, end: End) -> None:
    assert blame(closed(-1, by), OPENED, answered=False) == end
    assert LEFT.left and not NOBODYS.left and HUNG.cancelled_by == "deadline"


async def test_a_deadline_too_short_for_any_engine_is_no_engines_failure(stage: Stage) -> None:
    stage.mirror = dataclasses.replace(stage.mirror, deadline_min_s=30)
    stage.baseline.pause_s = 1
    await stage.start()
    await asked_in_vain(stage, timeout=0.02)
    await stage.until(lambda: dict(stage.controller.ledger.failed) == {"cancelled": 1})


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED])
async def test_a_caller_that_is_not_let_in_accuses_no_engine(stage: Stage, code: grpc.StatusCode) -> None:
    stage.candidate.status = code
    await stage.start("candidate")
    await asked_in_vain(stage)
    await stage.until(lambda: dict(stage.controller.ledger.failed) == {"cancelled": 1})


async def test_what_is_kept_of_a_callers_trace_and_authority_is_short(stage: Stage) -> None:
    await stage.start()
    stage.channel = grpc.aio.insecure_channel(
        stage.tee.address,
        options=[("grpc.default_authority", "a" * 500), ("grpc.use_local_subchannel_pool", 1)],
    )
    await stage.infer("p", (("traceparent", "t" * 4000),))
    (pair,) = await stage.count(1)
    assert (pair.request.traceparent, pair.request.route) == ("t" * 64, "a" * 256)
