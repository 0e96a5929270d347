"""Admission, breaker and ledger: pure decisions."""

import dataclasses
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.errors import ConfigError
from understudy.mirror import Admitted, Facts, Ledger, Settings, Shed, Skip, Skipped, State, admit
from understudy.mirror.admission import SampleBy, refill
from understudy.mirror.breaker import Breaker
from understudy.mirror.settings import Mode
from understudy.mirror.strain import Strain
from understudy.pair import Category, Outcome, Reason

METHOD = "/inference.GRPCInferenceService/ModelStreamInfer"
ON = State(on=True, now_ns=10**18)
OPTED = Settings(methods=(METHOD,))
FACTS = Facts(id="r", method=METHOD, cluster="c", size=100)


def test_nothing_is_mirrored_until_a_method_is_opted_in() -> None:
    assert admit(FACTS, ON, Settings()) == Skipped(Skip.METHOD)
    assert isinstance(admit(FACTS, ON, OPTED), Admitted)


def test_the_kill_switch_and_the_callers_header_come_first() -> None:
    assert admit(FACTS, ON._replace(on=False), OPTED) == Skipped(Skip.OFF)
    refused = FACTS._replace(headers={"x-understudy-mirror": "OFF"})
    assert admit(refused, ON, OPTED) == Skipped(Skip.OPT_OUT)
    renamed = dataclasses.replace(OPTED, opt_out="x-no-mirror")
    assert isinstance(admit(refused, ON, renamed), Admitted)
    assert admit(FACTS._replace(headers={"x-no-mirror": "off"}), ON, renamed) == Skipped(Skip.OPT_OUT)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"settle_until_ns": 10**18 + 1}, Reason.SETTLING),
        ({"in_flight": 256}, Reason.INFLIGHT),
        ({"bytes": 128 * 1024 * 1024 - 99}, Reason.BYTES),
        ({"requests": 0.9}, Reason.RATE),
        ({"tokens": 0.0}, Reason.TOKENS),
        ({"tested": False}, Reason.SELF_TEST),
    ],
)
def test_each_limit_sheds_with_its_own_reason(state: dict[str, float], reason: Reason) -> None:
    settings = dataclasses.replace(OPTED, tokens_per_s=10.0)
    assert admit(FACTS, ON._replace(**state), settings) == Shed(reason)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("held", "all_of_them", "shed"), [(127, 127, False), (128, 128, True), (0, 255, False)]
)
def test_a_connection_leaves_as_many_places_free_as_it_has(held: int, all_of_them: int, shed: bool) -> None:
    decision = admit(FACTS._replace(held=held), ON._replace(in_flight=all_of_them), OPTED)
    assert (decision == Shed(Reason.INFLIGHT)) is shed


def test_a_share_draws_about_that_many_and_the_same_ones_each_time() -> None:
    settings = dataclasses.replace(OPTED, share=0.25)
    facts = [FACTS._replace(id=f"r{n}") for n in range(2000)]
    drawn = [isinstance(admit(each, ON, settings), Admitted) for each in facts]
    assert drawn == [isinstance(admit(each, ON, settings), Admitted) for each in facts]
    assert 420 < sum(drawn) < 580


@given(st.lists(st.text(max_size=5), min_size=2, max_size=8), st.floats(0, 1))
def test_sampling_by_cluster_keeps_conversations_whole(ids: list[str], share: float) -> None:
    settings = dataclasses.replace(OPTED, share=share, sample_by=SampleBy.CLUSTER)
    kinds = {type(admit(FACTS._replace(id=each), ON, settings)) for each in ids}
    assert len(kinds) == 1


def test_a_window_mirrors_everything_for_its_share_of_the_time() -> None:
    settings = dataclasses.replace(OPTED, share=0.1, window_s=2.0)
    inside = [
        isinstance(admit(FACTS, ON._replace(now_ns=second * 10**9), settings), Admitted)
        for second in range(200)
    ]
    assert sum(inside) == 20 and inside[0] and inside[1]


def test_the_rate_budget_refills_to_one_second_of_it() -> None:
    assert refill(0, 0.1, 5.0) == 0.5
    assert refill(4, 60, 5.0) == 5
    assert refill(0, 0, 0.0) == 1, "no budget set: always one left"


@given(st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=20), st.floats(0, 1), st.booleans())
def test_a_key_always_falls_on_the_same_side_wherever_it_is_told(
    keys: list[str], share: float, header: bool
) -> None:
    settings = dataclasses.replace(OPTED, share=share, sample_by=SampleBy.KEY, sample_key="tenant")
    sides: dict[str, set[type]] = {}
    for number, key in enumerate(keys):
        told = {"headers" if header else "parameters": {"tenant": key}}
        facts = FACTS._replace(id=f"r{number}", **told)  # type: ignore[arg-type]
        sides.setdefault(key, set()).add(type(admit(facts, ON, settings)))
    assert all(len(side) == 1 for side in sides.values())


def test_a_request_without_the_key_is_drawn_by_itself() -> None:
    settings = dataclasses.replace(OPTED, share=0.5, sample_by=SampleBy.KEY, sample_key="tenant")
    drawn = [isinstance(admit(FACTS._replace(id=f"r{n}"), ON, settings), Admitted) for n in range(400)]
    assert 150 < sum(drawn) < 250


def test_a_slice_with_a_share_of_its_own_is_taken_at_it_and_the_pair_knows() -> None:
    settings = dataclasses.replace(
        OPTED, share=0.0, control_share=0.0, shares={"task=math": 1.0, "language=de": 0.3}
    )
    math = {"task": Category("math", "rule"), "language": Category("de", "detected")}
    assert admit(FACTS._replace(categories=math), ON, settings) == Admitted(1.0, "category", False)
    german = {"task": Category("chat", "rule"), "language": Category("de", "detected")}
    drawn = [
        isinstance(admit(FACTS._replace(id=f"r{n}", categories=german), ON, settings), Admitted)
        for n in range(1000)
    ]
    assert 240 < sum(drawn) < 360
    assert admit(FACTS, ON, settings) == Skipped(Skip.SAMPLE)


@pytest.mark.parametrize(
    ("share", "wrong", "windowed"),
    [
        (0.1, {}, True),
        (0.2, {}, False),
        (0.1, {"mode": Mode.RATE}, False),
        (0.9, {"mode": Mode.WINDOW}, True),
        (1.0, {"mode": Mode.WINDOW}, False),
        (0.1, {"sample_by": SampleBy.CLUSTER}, False),
    ],
)
def test_windows_are_how_small_shares_are_taken(share: float, wrong: dict[str, Any], windowed: bool) -> None:
    settings = dataclasses.replace(OPTED, share=share, window_s=2.0, **wrong)
    states = [ON._replace(now_ns=tenth * 10**8) for tenth in range(20_000)]
    sides = [isinstance(admit(FACTS, state, settings), Admitted) for state in states]
    if windowed:
        assert sum(sides) == 20_000 * share, "of the time, and everything in it"
        assert sum(a != b for a, b in pairwise(sides)) <= 2 * 2000 * share / 2 + 1
    else:
        assert len(set(sides)) == 1, "the time is no matter"


def test_a_tiny_share_still_has_a_window_every_ten_minutes() -> None:
    settings = dataclasses.replace(OPTED, share=0.001)
    seconds = [
        tenth
        for tenth in range(12_000)
        if isinstance(admit(FACTS, ON._replace(now_ns=tenth * 10**8), settings), Admitted)
    ]
    assert len(seconds) == 12 and seconds[6] == 6000


@pytest.mark.parametrize("mark", ["sequence_id", "sequence_start", "tools"])
def test_a_request_whose_answering_has_effects_is_never_asked_twice(mark: str) -> None:
    facts = FACTS._replace(marks=frozenset({"text_input", mark}))
    assert admit(facts, ON, OPTED) == Skipped(Skip.EFFECTS)
    assert isinstance(admit(facts, ON, dataclasses.replace(OPTED, effects=())), Admitted)


def test_a_model_whose_answers_have_effects_is_never_asked_twice() -> None:
    settings = dataclasses.replace(OPTED, effects_models=("agent-*",))
    assert admit(FACTS._replace(model="agent-7"), ON, settings) == Skipped(Skip.EFFECTS)
    assert isinstance(admit(FACTS._replace(model="chat"), ON, settings), Admitted)


def test_a_control_on_the_engine_that_serves_callers_is_rare_and_gives_way() -> None:
    settings = dataclasses.replace(OPTED, control_share=1.0)
    facts = [FACTS._replace(id=f"r{n}") for n in range(5000)]

    def controls(**state: bool) -> int:
        answers = [admit(each, ON._replace(**state), settings) for each in facts]
        return sum(answer.control for answer in answers if isinstance(answer, Admitted))

    assert controls() == 5000 == controls(control_rests=True)
    assert 20 < controls(control_shared=True) < 90
    assert controls(control_shared=True, control_rests=True) == 0


def test_control_calls_rest_once_callers_wait_longer_or_are_many() -> None:
    strain = Strain(Settings())
    assert not any(strain.saw(10_000_000 + number % 7, number) for number in range(100))
    assert not strain.rests(15, 100) and strain.rests(16, 100)
    slow = [strain.saw(40_000_000, 200) for _ in range(20)]
    assert any(slow) and strain.rests(0, 200 + 29 * 10**9) and not strain.rests(0, 201 + 30 * 10**9)


@pytest.mark.parametrize(
    "wrong",
    [
        {"share": 1.5},
        {"shares": {"task=math": 2}},
        {"shares": {"math": 1}},
        {"in_flight": 0},
        {"methods": ("ModelInfer",)},
        {"methods": ("/inference.GRPCInferenceService/RepositoryModelUnload",)},
        {"metadata": ("Authorization",)},
        {"sample_key": "tenant"},
        {"mode": Mode.WINDOW, "sample_by": SampleBy.CLUSTER},
        {"control_primary_slow": 1.0},
        {"opt_out": "X-Mirror"},
    ],
)
def test_settings_out_of_range_name_the_field(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Settings(**wrong)  # type: ignore[arg-type]


def test_a_breaker_opens_after_refusals_probes_with_back_off_and_closes_on_an_answer() -> None:
    breaker = Breaker(Settings(breaker_failures=2, breaker_first_s=1.0))
    breaker.refused(0)
    assert breaker.allows(0)
    breaker.refused(0)
    breaker.refused(0)
    assert not breaker.allows(999_999_999), "what was on its way says nothing new"
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
