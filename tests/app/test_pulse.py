"""Whether the primary is there: neither one slow answer nor the engine before it counts."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2 as pb
from understudy.app import pulse as pulses
from understudy.app.pulse import Pulse
from understudy.engine.upstream import probe, reach
from understudy.errors import EngineError
from understudy.pair import Leg

from tests.app.stage import Engine


class Clock:
    """Stands still until moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def a_pulse(clock: Clock, serving: list[Leg]) -> Pulse:
    return Pulse(lambda: (serving[0], "a:1"), clock)


def a_silence(pulse: Pulse) -> float | None:
    return pulse.silent_s


def test_silence_is_counted_from_the_first_of_three_failures_in_a_row() -> None:
    clock = Clock()
    pulse = a_pulse(clock, [Leg.CANDIDATE])
    assert pulse.silent_s is None, "nothing is known before it was asked"
    pulse.note(Leg.CANDIDATE, clock(), "")
    told: list[float | None] = []
    for error in ("slow", "", "refused", "refused", "refused", "refused"):
        clock.now += 2
        pulse.note(Leg.CANDIDATE, clock(), error)
        told.append(pulse.silent_s)
    assert told == [0, 0, 0, 0, 4, 6] and pulse.error == "refused"
    pulse.note(Leg.CANDIDATE, clock(), "")
    assert told[-1] == 6 and a_silence(pulse) == 0


def test_a_switch_starts_anew_also_to_an_engine_long_dead() -> None:
    clock, serving = Clock(), [Leg.BASELINE]
    pulse = a_pulse(clock, serving)
    for _ in range(5):
        pulse.note(Leg.BASELINE, clock(), "refused")
    clock.now += 3600
    assert pulse.silent_s == 3600
    serving[0] = Leg.CANDIDATE
    assert pulse.silent_s is None
    for _ in range(3):
        pulse.note(Leg.CANDIDATE, clock(), "refused")
        clock.now += 1
    assert pulse.silent_s == 3


def test_what_callers_get_from_it_puts_its_silence_off_unless_callers_are_turned_away() -> None:
    clock, serving = Clock(), [Leg.CANDIDATE]
    pulse = a_pulse(clock, serving)
    for _ in range(3):
        pulse.note(Leg.CANDIDATE, clock(), "slow")
    clock.now += 20
    assert pulse.silent_s == 20
    pulse.heard(Leg.CANDIDATE, ago_s=1)
    assert a_silence(pulse) == 1, "our own attempts fail, but callers are served"
    clock.now += 12
    assert a_silence(pulse) == 13, "and when nothing comes any more, it is silent from then on"
    pulse.heard(Leg.CANDIDATE)
    pulse.refused(Leg.CANDIDATE)
    assert a_silence(pulse) == 32, "old connections go on, new ones are refused"
    serving[0] = Leg.BASELINE
    pulse.note(Leg.BASELINE, clock(), "")
    pulse.heard(Leg.CANDIDATE)
    pulse.refused(Leg.CANDIDATE)
    assert a_silence(pulse) == 0 and pulse.leg is Leg.BASELINE, "late news of who served before is none"


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0)


async def test_an_answer_that_comes_after_a_switch_is_not_taken_for_the_new_primarys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pulses, "CALM_S", 0)
    monkeypatch.setattr(pulses, "ANXIOUS_S", 0)
    serving, asked, answers = [Leg.CANDIDATE], [0], asyncio.Event()

    async def ask(_where: str) -> None:
        asked[0] += 1
        if serving[0] is Leg.BASELINE:
            return
        await answers.wait()
        raise EngineError("refused")

    pulse = Pulse(lambda: (serving[0], "a:1"), ask=ask)
    job = asyncio.ensure_future(pulse.job())
    try:
        await _until(lambda: asked[0] == 1)
        pulse.leg = serving[0] = Leg.BASELINE
        answers.set()
        await _until(lambda: asked[0] == 2)
        assert pulse.failures == 0 and pulse.leg is Leg.BASELINE, "the candidate's failure is not noted"
        await _until(lambda: pulse.known)
        assert a_silence(pulse) == 0
        serving[0] = Leg.CANDIDATE
        await _until(lambda: pulse.failures >= 3)
        assert pulse.leg.value == "candidate" and pulse.error == "refused"
    finally:
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)


class Grudging(Engine):
    """Infers as ever, and says of itself that it is not there, or says it late."""

    late = False

    def handlers(self) -> dict[str, Any]:
        """ServerLive too."""
        live = grpc.unary_unary_rpc_method_handler(
            self._live, pb.ServerLiveRequest.FromString, pb.ServerLiveResponse.SerializeToString
        )
        return super().handlers() | {"ServerLive": live}

    async def _live(self, request: Any, context: Any) -> Any:
        if self.late:
            await asyncio.sleep(60)
        await context.abort(grpc.StatusCode.UNAVAILABLE, "draining")


@pytest.mark.parametrize("late", [False, True])
async def test_an_engine_is_there_whatever_it_says_of_itself_and_however_late(late: bool) -> None:
    engine = Grudging("candidate", lambda prompt: "four")
    engine.late = late
    await engine.start()
    assert await probe(engine.address, "m"), "callers are served"
    await reach(engine.address, timeout_s=2)
    await engine.stop()


async def test_what_accepts_connections_and_speaks_no_http2_is_not_there() -> None:
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def shut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    for serve, told in ((web, "does not speak gRPC"), (shut, "closes them without a word|cannot be reached")):
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            with pytest.raises(EngineError, match=told):
                await reach(f"{host}:{port}", timeout_s=2)


async def test_an_engine_is_there_as_long_as_it_answers_anything() -> None:
    engine = Engine("candidate", str)  # knows no ServerLive: UNIMPLEMENTED is an answer
    await engine.start()
    await reach(engine.address)
    await engine.stop()
    with pytest.raises(EngineError, match="refused"):
        await reach(engine.address)
    taken: list[asyncio.StreamWriter] = []
    async with await asyncio.start_server(lambda _, writer: taken.append(writer), "127.0.0.1", 0) as hung:
        host, port = hung.sockets[0].getsockname()
        with pytest.raises(EngineError, match="no answer"):
            await reach(f"{host}:{port}", timeout_s=0.3)
        for writer in taken:
            writer.close()
            await writer.wait_closed()
