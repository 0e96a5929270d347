"""The plan keeps what it promises of time and samples, and each row stands only while it is needed."""

from io import StringIO
from typing import Any, cast

import pytest
from rich.console import Console

from bench.field import Field
from bench.measure import FULL, INTERVAL_US, QUICK, SAMPLES, SCARCE_RATE, STREAMS, Figures, Plan, Unusable
from bench.plan import Measure, measures
from bench.rows import ROWS, Row
from bench.run import take

WARM_S = 0.3
"""Of load.c: what is not timed."""


@pytest.mark.parametrize(("plan", "quick", "minutes"), [(FULL, False, 55), (QUICK, True, 3)])
def test_a_run_is_no_longer_than_is_said(plan: Plan, quick: bool, minutes: float) -> None:
    asked = measures(plan, quick)
    assert sum(each.seconds * each.rounds * len(each.rows) for each in asked) < minutes * 60
    names = {row.name for row in ROWS}
    assert all(name in names for each in asked for name in each.rows)


def test_a_round_of_latency_has_its_samples() -> None:
    assert (FULL.latency_s - WARM_S) * STREAMS / (INTERVAL_US / 1e6) >= SAMPLES
    assert (FULL.scarce_s - WARM_S) * SCARCE_RATE >= SAMPLES


def test_what_rates_are_held_against_is_measured_in_the_same_rounds() -> None:
    (rate,) = (each for each in measures(FULL, quick=False) if each.name == "rate")
    assert {"nginx", "tee", "observed", "paired"} == set(rate.rows)


class Log:
    """In place of the rows: what is started, measured and ended."""

    def __init__(self) -> None:
        self.ready = {"direct"}
        self.said: list[str] = []

    def start(self, row: Row) -> None:
        self.ready.add(row.name)
        self.said.append(f"+{row.name}")

    def stop(self, name: str) -> None:
        self.ready.discard(name)
        self.said.append(f"-{name}")

    def rest(self, row: Row) -> None:
        self.said.append(f"rest {row.name}")


def test_rows_take_turns_and_stand_only_while_they_are_needed() -> None:
    def one(field: Field, row: Any, plan: Plan) -> Figures:
        cast(Log, field).said.append(row.name)
        if row.name == "tee":
            raise Unusable("too slow")
        return {"x": 1.0, "capped": float(row.name == "paired")}

    asked = [
        Measure("memory", "a", ("nginx",), 1, 1, one, fresh=True),
        Measure("most", "b", ("nginx", "tee"), 2, 1, one),
        Measure("rate", "c", ("nginx", "paired"), 1, 1, one),
    ]
    log = Log()
    found, notes = take(cast(Field, log), asked, QUICK, Console(file=StringIO()))
    turns = ["nginx", "tee", "rest tee", "tee", "rest tee", "nginx"]
    assert [said for said in log.said if said != "-direct"] == [
        *("nginx", "+nginx", "+tee", *turns, "-tee"),
        *("+paired", "nginx", "paired", *log.said[-2:]),
    ]
    assert set(log.said[-2:]) == {"-nginx", "-paired"} and not log.ready - {"direct"}
    assert found["most"]["tee"] == [None, None] and len(notes) == 3 and "no limit found" in notes[-1]
