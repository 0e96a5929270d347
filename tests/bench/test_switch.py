"""How switches and restarts are counted, on records made up; and one real switch under load."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psutil
import pytest

from bench.switch.counts import held, middle, refused, short, tails
from bench.switch.records import Call, Ending, Knock, Records, Switch, line, read
from bench.switch.run import Phase, last_bytes, unanswered
from bench.switch.scene import DRAIN_MAX_S, Scene
from bench.switch.targets import NOT_RUN, Counted, Restarts, missed, targets

S = 1_000_000_000
BACK = Switch("baseline", 10 * S, 11 * S, 12 * S, 13 * S, 4, 4, 2, 0)
THERE = Switch("candidate", 20 * S, 21 * S, 22 * S, 23 * S, 4, 4, 2, 0)
SWITCHES = (BACK, THERE)
ORDERS = (BACK.ordered, THERE.ordered)


def call(began: float, *names: str, **more: Any) -> Call:
    """A unary call of a tenth of a second that went well, but for what is said."""
    start = round(began * S)
    whole = Call("grpcio", "unary", "0", "a-1", start, start + S // 10, start + S // 10, names, 1, 1, 0)
    return replace(whole, **more)


def ending(at: float, code: int = 14, **more: Any) -> Ending:
    return replace(Ending("grpcio", "grpcio-0-0", round(at * S), code, "again", ("candidate",)), **more)


def of(*calls: Call) -> Records:
    return Records(calls)


def test_a_call_is_late_only_when_it_began_after_the_switch_was_complete_and_the_old_engine_answered() -> (
    None
):
    told = short(
        of(
            call(9, "candidate"),  # before
            call(11.5, "candidate"),  # the switch was under way
            call(13.5, "candidate"),
            call(14, "baseline"),
            call(24, "baseline"),  # late at the second
        ),
        SWITCHES,
    )
    assert (told.late, told.after, told.failed) == (2, 3, 0)


def test_without_a_connection_that_acknowledged_the_switch_is_complete_when_it_was_answered() -> None:
    nobody = replace(BACK, switched=0)
    assert short(of(call(12.5, "candidate")), (nobody,)).late == 1
    assert short(of(call(11.5, "candidate")), (nobody,)).late == 0


def test_a_call_that_began_before_the_order_is_counted_as_under_way() -> None:
    assert (
        short(of(call(9.95, "candidate"), call(9, "candidate"), call(10, "candidate")), SWITCHES).under_way
        == 1
    )


def test_failed_truncated_and_mixed_are_told_apart() -> None:
    told = short(
        of(
            call(1, got=0, code=14, error="gone"),
            call(2, "candidate", kind="brief", got=3, asked=5, code=14, error="gone"),
            call(3, "candidate", kind="brief", got=3, asked=5),
            call(4, got=0),
            call(5, "candidate", "baseline", kind="brief", got=5, asked=5),
            call(6, "candidate", "baseline", kind="held", got=5, asked=5),  # no short one
        )
    )
    assert (told.calls, told.failed, told.truncated, told.mixed) == (5, 2, 3, 1)
    assert told.errors == {"14 gone": 2}


def test_the_most_unavailables_are_counted_by_stream_and_order() -> None:
    endings = (
        ending(10.1),
        ending(10.2, caller="grpcio-0-1"),
        ending(20.1),
        ending(20.4),
        ending(30, code=0),
    )
    told = held(Records((), endings), ORDERS, set(), 5.0)
    assert (told.unavailable, told.most, told.broken, told.truncated) == (4, 2, 0, 0)


def test_a_stream_that_ends_before_any_order_or_with_another_status_is_broken() -> None:
    told = held(Records((), (ending(9), ending(10.1, code=13), ending(30, code=0))), ORDERS, set(), 5.0)
    assert told.broken == 2


@pytest.mark.parametrize(
    ("what", "heard", "column"),
    [
        (ending(10.5, pending="a-1", got=2), set[str](), "truncated"),
        (ending(10.5, pending="a-1"), {"a-1"}, "truncated"),
        (ending(10.5, pending="a-1"), {"a-2"}, "crossed"),
        (ending(15.5, pending="a-1", got=2), {"a-1"}, "at_limit"),
        (ending(10.5), {"a-1"}, ""),
    ],
)
def test_a_request_without_a_whole_answer_is_cut_or_met_the_end_of_its_stream(
    what: Ending, heard: set[str], column: str
) -> None:
    told = held(Records((), (what,)), ORDERS, heard, 5.0)
    found = {name: getattr(told, name) for name in ("truncated", "crossed", "at_limit")}
    assert found == {name: int(name == column) for name in found}


def test_the_last_byte_of_the_old_engine_is_timed_from_the_order_for_each_kind() -> None:
    records = of(
        call(9.9, "candidate", last=round(10.25 * S)),
        call(10.1, "candidate", kind="held", last=round(11.5 * S)),
        call(12, "baseline", last=round(12.5 * S)),
        call(20.5, "baseline", last=round(20.75 * S)),
    )
    first, second = tails(records, SWITCHES)
    assert (first.short, first.held, second.short, second.held) == (0.25, 1.5, 0.75, None)
    assert first.longest == pytest.approx(1.4)
    told = last_bytes(Phase(records, ORDERS, SWITCHES))["all"]
    assert told["short"] == {"median": 0.5, "most": 0.75} and told["held"] == {"median": 1.5, "most": 1.5}
    assert middle([None]) == {"median": None, "most": None}


def test_what_was_not_answered_is_listed_with_the_times_that_tell_why() -> None:
    records = Records((call(10.25, kind="held", got=0),), (ending(10.5, pending="a-1"),))
    (told,) = unanswered(Phase(records, ORDERS), set())
    assert (told["sent_before_end_s"], told["order_before_end_s"], told["heard"]) == (0.25, 0.5, False)


def test_records_come_back_from_their_lines_in_the_order_of_time() -> None:
    later, earlier, end = call(2, "baseline"), call(1, "candidate"), ending(3)
    knocks = Knock(1, "ConnectionRefusedError"), Knock(2, tried=7)
    told = read(line(each) for each in (later, earlier, end, *knocks))
    assert told == Records((earlier, later), (end,), knocks)
    assert refused(told) == (7, {"ConnectionRefusedError": 1})
    assert told.of("grpc-js") == Records()


def counted(calls: Records, orders: tuple[int, ...] = ORDERS) -> Counted:
    return Counted(short(calls, SWITCHES), held(calls, orders, set(), 5.0))


def test_targets_are_met_missed_or_open() -> None:
    good = Records((call(14, "baseline"),), (ending(10.1),))
    bad = Records((call(14, "candidate", code=13, error="no"),), (ending(10.1), ending(10.2)))
    idle = Records((call(9, "candidate"),))
    restarts = Restarts(20, 40, 1, 100, {})
    told = targets(
        {"plaintext": {"grpcio": counted(good), "tritonclient": counted(bad), "grpc-js": None}},
        {"grpcio": counted(idle), "grpc-js": None},
        restarts,
    )
    met = {each["id"]: each["met"] for each in told}
    assert all(value for id_, value in met.items() if id_.startswith("plaintext grpcio"))
    assert {id_ for id_, value in met.items() if value is False} == {
        "plaintext tritonclient failed",
        "plaintext tritonclient late",
        "plaintext tritonclient unavailable",
    }
    assert len(missed(told)) == 3
    open_ = [each for each in told if " grpc-js " in each["id"]]
    assert open_ and all(each["met"] is each["value"] is None and each["note"] == NOT_RUN for each in open_)
    assert met["restarts refused"] is True and met["restarts grpcio failed"] is True

    nothing = targets({"TLS": {"grpcio": counted(idle)}}, {}, replace(restarts, upgrades=0))
    assert {each["id"]: each["met"] for each in nothing}["TLS grpcio late"] is None
    assert nothing[-1]["id"] == "restarts refused" and nothing[-1]["met"] is None
    broken = targets({}, {}, replace(restarts, refused={"ConnectionRefusedError": 1}, upgrades=0))
    assert broken[-1]["met"] is False


@pytest.fixture
def scene() -> Iterator[Scene]:
    started = Scene()
    try:
        started.open()
        yield started
    finally:
        processes = [
            each for name in started.stage.running for _, parts in started.stage.trees(name) for each in parts
        ]
        started.close()
        psutil.wait_procs(processes, 5)
        assert not [each for each in processes if each.is_running()]
        assert not started.folder.exists()


def test_a_real_switch_under_load_is_counted_as_it_should_be(scene: Scene) -> None:
    scene.serve(tls=False)
    scene.call()
    time.sleep(0.5)
    switch = scene.switch("candidate")
    time.sleep(1)
    records = scene.hang_up()
    heard = scene.heard()
    for client in scene.clients:
        own = records.of(client)
        told = short(own, (switch,))
        assert (told.failed, told.truncated, told.mixed, told.late) == (0, 0, 0, 0) and told.after > 0
        streams = held(own, (switch.ordered,), heard, DRAIN_MAX_S)
        assert streams.unavailable > 0 and (streams.most, streams.truncated, streams.broken) == (1, 0, 0)
        assert {name for each in own.calls for name in each.names} == {"baseline", "candidate"}
    assert switch.acknowledged == switch.connections > 0 and switch.told > switch.ordered
    (tail,) = tails(records, (switch,))
    assert tail.held is not None and 0 < tail.held < DRAIN_MAX_S
