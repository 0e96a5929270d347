"""Admission, breaker and ledger: pure decisions."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.errors import ConfigError
from understudy.mirror import Admitted, Facts, Ledger, Settings, Shed, Skip, Skipped, State, admit
from understudy.mirror.admission import SampleBy, refill
from understudy.mirror.breaker import Breaker
from understudy.pair import Outcome, Reason

METHOD = "/inference.GRPCInferenceService/ModelStreamInfer"
ON = State(on=True, now_ns=10**18)
OPTED = Settings(methods=(METHOD,))
FACTS = Facts(id="r", method=METHOD, cluster="c", size=100)


def test_nothing_is_mirrored_until_a_method_is_opted_in() -> None:
    assert admit(FACTS, ON, Settings()) == Skipped(Skip.METHOD)
    assert isinstance(admit(FACTS, ON, OPTED), Admitted)


def test_the_kill_switch_and_the_callers_header_come_first() -> None:
    assert admit(FACTS, dataclasses.replace(ON, on=False), OPTED) == Skipped(Skip.OFF)
    refused = dataclasses.replace(FACTS, headers={"x-understudy-mirror": "OFF"})
    assert admit(refused, ON, OPTED) == Skipped(Skip.OPT_OUT)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"settle_until_ns": 10**18 + 1}, Reason.SETTLING),
        ({"in_flight": 256}, Reason.INFLIGHT),
        ({"bytes": 64 * 1024 * 1024 - 99}, Reason.BYTES),
        ({"requests": 0.9}, Reason.RATE),
    ],
)
def test_each_limit_sheds_with_its_own_reason(state: dict[str, float], reason: Reason) -> None:
    assert admit(FACTS, dataclasses.replace(ON, **state), OPTED) == Shed(reason)  # type: ignore[arg-type]


def test_a_share_draws_about_that_many_and_the_same_ones_each_time() -> None:
    settings = dataclasses.replace(OPTED, share=0.25)
    facts = [dataclasses.replace(FACTS, id=f"r{n}") for n in range(2000)]
    drawn = [isinstance(admit(each, ON, settings), Admitted) for each in facts]
    assert drawn == [isinstance(admit(each, ON, settings), Admitted) for each in facts]
    assert 420 < sum(drawn) < 580


@given(st.lists(st.text(max_size=5), min_size=2, max_size=8), st.floats(0, 1))
def test_sampling_by_cluster_keeps_conversations_whole(ids: list[str], share: float) -> None:
    settings = dataclasses.replace(OPTED, share=share, sample_by=SampleBy.CLUSTER)
    kinds = {type(admit(dataclasses.replace(FACTS, id=each), ON, settings)) for each in ids}
    assert len(kinds) == 1


def test_a_window_mirrors_everything_for_its_share_of_the_time() -> None:
    settings = dataclasses.replace(OPTED, share=0.1, window_s=2.0)
    inside = [
        isinstance(admit(FACTS, dataclasses.replace(ON, now_ns=second * 10**9), settings), Admitted)
        for second in range(200)
    ]
    assert sum(inside) == 20 and inside[0] and inside[1]


def test_the_rate_budget_refills_to_one_second_of_it() -> None:
    assert refill(0, 0.1, 5.0) == 0.5
    assert refill(4, 60, 5.0) == 5
    assert refill(0, 0, 0.0) == 1, "no budget set: always one left"


@pytest.mark.parametrize(
    "wrong",
    [{"share": 1.5}, {"in_flight": 0}, {"methods": ("ModelInfer",)}, {"metadata": ("Authorization",)}],
)
def test_settings_out_of_range_name_the_field(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Settings(**wrong)  # type: ignore[arg-type]


def test_a_breaker_opens_after_refusals_probes_with_back_off_and_closes_on_an_answer() -> None:
    breaker = Breaker(Settings(breaker_failures=2, breaker_first_s=1.0))
    breaker.refused(0)
    assert breaker.allows(0)
    breaker.refused(0)
    assert not breaker.allows(999_999_999)
    assert breaker.allows(10**9) and not breaker.allows(10**9), "one probe at a time"
    breaker.refused(10**9)
    assert not breaker.allows(2 * 10**9) and breaker.allows(3 * 10**9), "the pause has doubled"
    breaker.answered()
    assert breaker.allows(3 * 10**9) and not breaker.open


moves = st.sampled_from(["skip", "admit", "refuse", "paired", "shed", "failed", "lost"])


@given(st.lists(moves, max_size=60))
def test_the_ledger_balances_after_every_entry(events: list[str]) -> None:
    ledger = Ledger()
    for event in events:
        if event == "skip":
            ledger.skip("method")
        elif event == "admit":
            ledger.admit(3)
        elif event == "refuse":
            ledger.refuse(Outcome.SHED, Reason.RATE)
        elif ledger.in_flight:
            ledger.resolve(Outcome(event), None if event == "paired" else Reason.INTERNAL)
        assert ledger.balanced
