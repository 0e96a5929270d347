"""What is said of rounds: intervals that hold the median, and verdicts no surer than they are."""

import random
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.measure import Figures, search
from bench.stats import FEWEST, Bound, Estimate, Limit, bounded, estimate, met, ratios, slope
from bench.targets import added, targets

VALUES = st.lists(st.floats(0.01, 1e6), min_size=FEWEST, max_size=20)


@settings(max_examples=25)
@given(VALUES)
def test_the_interval_holds_the_median_and_stays_within_what_was_seen(values: list[float]) -> None:
    found = estimate(values)
    assert found is not None and found.low is not None and found.high is not None
    assert min(values) <= found.low <= found.value == median(values) <= found.high <= max(values)
    assert found == estimate(values)


def test_the_interval_covers_the_true_median_about_as_often_as_it_says() -> None:
    draw = random.Random(1)
    runs = 100
    covered = 0
    for _ in range(runs):
        found = estimate([draw.lognormvariate(0, 0.3) for _ in range(10)])
        assert found is not None and found.low is not None and found.high is not None
        covered += found.low <= 1.0 <= found.high
    assert 0.90 <= covered / runs <= 1.0


def test_too_few_rounds_have_a_median_but_no_interval_and_decide_nothing() -> None:
    found = estimate([1.0] * (FEWEST - 1))
    assert found == Estimate(1.0, None, None, FEWEST - 1)
    assert met(found, 100.0, Limit.MOST) is None
    assert estimate([]) is None and met(None, 1.0, Limit.MOST) is None


@pytest.mark.parametrize(
    ("low", "high", "most", "least"),
    [
        (0.5, 0.9, True, False),
        (1.1, 1.5, False, True),
        (0.9, 1.1, None, None),
        (0.5, 1.0, True, None),
        (1.0, 1.5, None, True),
    ],
)
def test_a_target_is_decided_only_by_a_whole_interval(
    low: float, high: float, most: bool | None, least: bool | None
) -> None:
    found = Estimate((low + high) / 2, low, high, 10)
    assert met(found, 1.0, Limit.MOST) is most
    assert met(found, 1.0, Limit.LEAST) is least


def test_a_round_that_either_side_lacks_makes_no_ratio() -> None:
    assert ratios([2.0, None, 6.0, 8.0], [1.0, 1.0, None, 0.0]) == [2.0]


@pytest.mark.parametrize(
    ("ours", "theirs", "bound", "low", "high"),
    [
        (False, False, None, 3.0, 3.0),
        (True, False, Bound.FLOOR, 3.0, None),
        (False, True, Bound.CEILING, None, 3.0),
        (True, True, Bound.UNKNOWN, None, None),
    ],
)
def test_where_a_limit_was_not_found_the_ratio_is_a_bound(
    ours: bool, theirs: bool, bound: Bound | None, low: float | None, high: float | None
) -> None:
    found = bounded([6.0] * 10, [2.0] * 10, [ours] * 10, [theirs] * 10)
    assert found == (Estimate(3.0, low, high, 10), bound)


def test_a_bound_decides_only_on_its_own_side() -> None:
    floor, ceiling = Estimate(3.0, 2.9, None, 10), Estimate(3.0, None, 3.1, 10)
    assert met(floor, 2.0, Limit.LEAST) is True and met(floor, 4.0, Limit.LEAST) is None
    assert met(ceiling, 4.0, Limit.LEAST) is False and met(ceiling, 2.0, Limit.LEAST) is None
    assert met(floor, 2.0, Limit.MOST) is False and met(ceiling, 4.0, Limit.MOST) is True


def test_a_few_rounds_without_a_limit_leave_the_median_known() -> None:
    found, bound = bounded([6.0, 5.0, *[4.0] * 8], [2.0] * 10, [True, True] + [False] * 8, [False] * 10)
    assert found is not None and (found.value, bound) == (2.0, None) and found.low == 2.0
    assert bounded([None], [1.0], [False], [False]) == (None, None)


def test_the_slope_is_that_of_the_line() -> None:
    assert slope([(0, 100), (256, 612), (512, 1124), (1024, 2148)]) == pytest.approx(2.0)


@given(st.floats(0.2, 5000), st.floats(1, 3000), st.integers(0, 4))
def test_a_search_ends_just_below_the_limit(limit: float, start: float, halvings: int) -> None:
    found = search(start, 4000, halvings, lambda at: at <= limit)
    if limit >= 4000:
        assert found == 4000
    elif found:
        assert found <= limit <= found * 1.5 ** (1 / 2**halvings) * (1 + 1e-9)
    else:
        assert limit < 1.5


def rounds_of(count: int, **latency: Figures) -> dict[str, dict[str, list[Figures | None]]]:
    return {"latency": {row: [figures] * count for row, figures in latency.items()}}


def test_latency_is_what_a_row_adds_to_the_direct_path_of_the_same_round() -> None:
    rounds = rounds_of(2, direct={"p50_us": 10.0}, nginx={"p50_us": 60.0}, relay={"p50_us": 9.0})
    assert added(rounds, "nginx", "p50_us") == [50.0, 50.0]
    assert added(rounds, "relay", "p50_us") == [1.0, 1.0]  # below what the clock tells apart
    rounds["latency"]["direct"][1] = None
    assert added(rounds, "nginx", "p50_us") == [50.0, None]


def test_targets_say_what_was_found_and_are_open_where_nothing_was_measured() -> None:
    rounds = rounds_of(
        10,
        direct={"p50_us": 10.0, "p99_us": 20.0},
        nginx={"p50_us": 60.0, "p99_us": 80.0},
        tee={"p50_us": 200.0, "p99_us": 1500.0},
        paired={"p50_us": 50.0, "p99_us": 500.0, "lag_ms": 8.0, "own_ms": 2.0},
    )
    found = {target["id"]: target for target in targets(rounds, {"paired": [100, 0]})}
    assert found["p50"]["value"] == pytest.approx(0.8) and found["p50"]["met"] is True
    assert found["p99"]["value"] == pytest.approx(8.0) and found["p99"]["met"] is False
    assert found["pause"]["value"] == 2.0 and "whoever's, 8" in found["pause"]["what"]
    assert found["tls p50"]["met"] is None
    assert found["pause"]["met"] is True and found["bytes"]["met"] is True
    assert found["paired"]["value"] is None and found["paired"]["met"] is None
    assert {"id", "what", "target", "value", "met"} <= set(found["p50"])
    assert [name for name, target in found.items() if target["stretch"]] == ["paired+", "cpu+"]


def test_rates_are_held_against_nginx_of_the_same_round() -> None:
    rounds = {
        "most": {"nginx": [{"rps": 1.0}] * 10},
        "rate": {
            "nginx": [{"rps": 1000.0 * n} for n in range(1, 11)],
            "observed": [{"rps": 2000.0 * n, "capped": 0.0} for n in range(1, 11)],
            "paired": [{"rps": 500.0 * n, "capped": 0.0} for n in range(1, 11)],
        },
    }
    found = {target["id"]: target for target in targets(rounds, {})}
    assert (found["observed"]["value"], found["observed"]["met"]) == (2.0, True)
    assert (found["paired"]["value"], found["paired"]["met"], found["paired+"]["met"]) == (0.5, True, False)


@pytest.mark.parametrize(
    ("nginx", "paired", "bound", "verdict"),
    [(100, 300, None, True), (2900, 300, "at most", False), (100, 2900, "at least", True)],
)
def test_streams_near_what_the_load_itself_holds_have_no_known_limit(
    nginx: float, paired: float, bound: str | None, verdict: bool
) -> None:
    held: dict[str, list[Figures | None]] = {
        name: [{"streams": float(value), "capped": 0.0}] * 10
        for name, value in (("direct", 3000), ("nginx", nginx), ("tee", 50), ("paired", paired))
    }
    found = {target["id"]: target for target in targets({"held": held}, {})}
    assert (found["streams"]["bound"], found["streams"]["met"]) == (bound, verdict)


def test_bytes_that_differ_or_were_never_compared_miss_their_target() -> None:
    for tally in ([100, 1], [0, 0]):
        (found,) = (each for each in targets({}, {"paired": tally}) if each["id"] == "bytes")
        assert found["met"] is False
