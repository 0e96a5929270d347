"""Whether the primary is there: neither one slow answer nor the engine before it counts."""

import asyncio

import pytest
from understudy.app.pulse import Pulse
from understudy.engine.upstream import reach
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
