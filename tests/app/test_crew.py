"""Workers and their successors: who sits where on the board."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from understudy.app.crew import Crew, _Seat
from understudy.relay.board import State
from understudy.supervise import Child

GONE = 2**22 + 1
"""No process has this number."""


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        crew = Crew(tmp_path / "understudy.toml", tmp_path, listening, 2, 35.0)
        yield crew
        crew.board.close()


def seat(child: Child) -> _Seat:
    assert isinstance(child.place, _Seat)
    return child.place


def test_a_successor_that_does_not_come_up_leaves_its_seat_and_takes_nobody_elses(crew: Crew) -> None:
    old, other = (seat(child) for child in crew.children())
    for _ in range(5):  # a typo in the config, again and again
        failed = seat(old.another())
        assert failed.seat not in (old.seat, other.seat)
        failed.left(GONE)
        failed.vacate()
    successor = seat(old.another())
    assert successor.seat not in (old.seat, other.seat)


def test_a_seat_is_given_away_once_nobody_works_in_it(crew: Crew) -> None:
    old, other = (seat(child) for child in crew.children())
    successor = seat(old.another())
    crew.board.sit(successor.seat)
    crew.board.leave(old.seat)
    beside = seat(other.another())
    assert len({old.seat, other.seat, successor.seat, beside.seat}) == 4, "the old one finishes its callers"
    old.left(GONE)
    old.vacate()
    assert seat(successor.another()).seat == old.seat
    assert crew.board.state(successor.seat) is State.ACCEPTING
