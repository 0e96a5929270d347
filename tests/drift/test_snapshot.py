"""A restart must change no verdict, and a damaged snapshot must be refused."""

import numpy as np
import pytest
from understudy.drift.engine import Drift
from understudy.drift.verdict import State, Why
from understudy.drift.vote import Vote
from understudy.errors import DataError

from tests.drift.streams import differences, drive, started, tolerances, votes


def rows() -> list[Vote]:
    return votes(differences(np.random.default_rng(1), 400, 0.25))


def test_a_restored_engine_goes_on_byte_for_byte() -> None:
    straight = started(tolerances())
    expected = drive(straight, rows())
    early = started(tolerances())
    before = drive(early, rows()[:100])
    late = Drift(tolerances())
    assert late.restore(early.snapshot()) == []
    assert late.snapshot() == early.snapshot()
    assert before + drive(late, rows()[100:]) == expected
    assert late.verdicts() == straight.verdicts()
    assert late.snapshot() == straight.snapshot()


def test_other_tolerances_close_the_lanes_and_keep_the_calendar() -> None:
    old = started(tolerances(0.02))
    drive(old, rows())
    new = Drift(tolerances(0.03))
    [change] = new.restore(old.snapshot())
    assert (change.was, change.verdict.reason) == (State.BREACH, Why.LANE_CLOSED)
    assert new.verdicts() == []
    new.announce("start")  # spent already this month
    assert new._marked == 1


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda b: b[:-1] + bytes([b[-1] ^ 1]), "checksum"),
        (lambda b: b[: len(b) // 2], "checksum"),
        (lambda b: b"", "not a snapshot"),
        (lambda b: b.replace(b"drift\n\x01", b"drift\n\x63"), "version 99"),
    ],
)
def test_a_damaged_snapshot_is_refused_with_the_mend(damage: object, says: str) -> None:
    drift = started(tolerances())
    drive(drift, rows())
    broken = damage(drift.snapshot())  # type: ignore[operator]
    with pytest.raises(DataError, match=says) as caught:
        Drift(tolerances()).restore(broken)
    assert "\n" not in str(caught.value) and "restore an older snapshot" in str(caught.value)
