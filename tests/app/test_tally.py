"""What workers count is exported as totals that never fall, whoever is restarted."""

from dataclasses import asdict
from typing import Any

from understudy.app.tally import EVENTS, Tally
from understudy.relay.counts import Counts


def worker(accepted: int, unreached: int = 0, **more: Any) -> dict[str, Any]:
    return {"accepted": accepted, "unreached": {"baseline": unreached, "candidate": 0}, **more}


def test_a_worker_that_is_replaced_makes_no_total_fall_and_counts_nothing_twice() -> None:
    tally = Tally()
    tally.take("relay", {1: worker(5), 2: worker(7, 1)})
    tally.take("relay", {1: worker(5), 2: worker(7, 1)})
    assert tally.events["relay", "accepted"] == 12 and tally.unreached == {"baseline": 1, "candidate": 0}
    tally.take("relay", {2: worker(9, 1), 3: worker(4)})
    assert tally.events["relay", "accepted"] == 18
    tally.take("relay", {})  # nobody answers
    tally.take("relay", {1: worker(2), 2: worker(1)})  # other processes with numbers that came before
    assert tally.events["relay", "accepted"] == 21


def test_refused_handshakes_are_events_by_their_reason_and_each_path_has_its_own() -> None:
    tally = Tally()
    tally.take("relay", {1: worker(1, handshake_failures={"tls": 2}, upstream_failures={"candidate": 3})})
    tally.take("compat", {0: {"calls": 4, "blind": 1}})
    assert tally.events["relay", "handshake_tls"] == 2 and tally.upstream_failures["candidate"] == 3
    assert tally.events["compat", "calls"] == 4 and tally.events["compat", "blind"] == 1
    assert tally.events["relay", "blind"] == 0


def test_callers_whom_the_relay_cut_off_are_events() -> None:
    tally = Tally()
    tally.take("relay", {1: asdict(Counts(cut=2)), 2: asdict(Counts(cut=1))})
    assert tally.events["relay", "cut"] == 3
    assert set(EVENTS["relay"]) <= set(asdict(Counts()))
