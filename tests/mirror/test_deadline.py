"""Many deadlines, one timer."""

import asyncio

from understudy.mirror.deadline import PAUSE_S, Deadlines


class Bounded:
    def __init__(self) -> None:
        self.struck = asyncio.Event()
        self.times = 0

    def strike(self) -> None:
        self.times += 1
        self.struck.set()


async def test_each_is_struck_once_and_none_before_its_time() -> None:
    loop, deadlines = asyncio.get_running_loop(), Deadlines()
    many = [Bounded() for _ in range(50)]
    begun = loop.time()
    for number, one in enumerate(many):
        deadlines.until(one, begun + 0.05 - number / 1000)  # the later ones are due sooner
    assert deadlines._next_s < begun + 0.002, "the timer is at the earliest"
    async with asyncio.timeout(5):
        await many[0].struck.wait()
    assert loop.time() >= begun + 0.049  # the loop's timers count in milliseconds
    assert [one.times for one in many] == [1] * 50 and not deadlines


async def test_a_deadline_moves_both_ways_and_what_is_over_is_not_struck() -> None:
    loop, deadlines = asyncio.get_running_loop(), Deadlines()
    early, late, over = Bounded(), Bounded(), Bounded()
    now = loop.time()
    deadlines.until(early, now + 60)
    deadlines.until(late, now + 0.001)
    deadlines.until(over, now + 0.001)
    deadlines.until(early, now + 0.002)
    deadlines.until(late, now + 0.002 + 4 * PAUSE_S)
    deadlines.drop(over)
    async with asyncio.timeout(5):
        await early.struck.wait()
        assert not late.struck.is_set()
        await late.struck.wait()
    assert not over.struck.is_set() and not deadlines
    deadlines.until(over, loop.time())
    deadlines.close()
    await asyncio.sleep(2 * PAUSE_S)
    assert not over.struck.is_set()
