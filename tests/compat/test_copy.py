"""What a call tells the observer is bounded, however long it lasts."""

from typing import Any

import pytest
from understudy.compat.copy import Copy
from understudy.pair import Leg
from understudy.relay import Settings
from understudy.relay.tap import Tap

SOFT, HARD = 32_768, 65_536


@pytest.mark.parametrize("say", [Copy.asked, Copy.answered])
async def test_an_elided_call_that_never_ends_fills_no_more_than_the_bound_and_goes_blind(say: Any) -> None:
    settings = Settings(
        baseline="127.0.0.1:1", candidate="127.0.0.1:2", copy_soft_bytes=SOFT, copy_hard_bytes=HARD
    )
    tap = Tap(settings, lambda _: None, lambda: None)  # nobody reads it
    copy = Copy(tap, 1, Leg.BASELINE, "127.0.0.1:1", "/t.T/echo", ())
    say(copy, bytes(SOFT))
    assert copy.elided and not copy.blind
    for _ in range(10_000):
        say(copy, b"token")
    assert copy.elided and copy.blind and not copy.on
    assert tap.unsent <= HARD + 100, "the word that it is blind comes on top"
    copy.status(0, "", ())
    assert tap.unsent <= HARD + 100
