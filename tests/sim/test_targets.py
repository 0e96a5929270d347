"""A target is met or missed only when its whole interval says so; what must never happen is decided by its count."""

import math
from typing import Any

import pytest

from sim.targets import judged, targets


def one(name: str, **figures: Any) -> dict[str, Any]:
    (made,) = judged(name, figures)
    return made


@pytest.mark.parametrize(("alarms", "met"), [(60, True), (125, None), (190, False)])
def test_alarms_of_the_accelerated_runs_are_judged_by_the_interval_of_their_number(
    alarms: int, met: bool | None
) -> None:
    made = one("T1 accelerated, p01 0.02", p01=0.02, runs=2000, pairs=100_000, alarms=alarms)
    assert (made["value"], made["target"], made["met"], made["target_of"]) == (alarms, 130, met, "T1")
    assert made["low"] < alarms < made["high"]


def test_a_month_counts_the_whole_share_of_the_sum_over_cells_as_spent() -> None:
    told = {"value": 0.3, "low": 0.28, "high": 0.32, "rest": 0.1}
    sure = {"value": 0.02, "low": 0.015, "high": 0.025, "rest": 0.0}
    page, rollback = judged(
        "T1 month, 60 cells, p01 0.1", {"p01": 0.1, "cells": 60, "runs": 9, "page": told, "rollback": sure}
    )
    assert (page["value"], page["met"]) == (pytest.approx(0.4), True)
    assert (rollback["value"], rollback["met"]) == (pytest.approx(0.02), False)


def test_whole_engines_months_are_added_up() -> None:
    part = {"months": 6, "cells": 3000, "page": 1, "spread": 0, "rollback": 0}
    page, rollback = targets({"T1 engine, 0": part, "T1 engine, 1": {**part, "spread": 1}})
    assert page["value"] == pytest.approx(3 / 12) and page["met"] is None
    assert rollback["value"] == 0 and rollback["met"] is None, (
        "no alarm in 12 months does not show one in 100"
    )


@pytest.mark.parametrize(("scale", "met"), [(0.9, True), (2.0, False)])
def test_delays_are_held_against_f_less_the_ticks_allowed(scale: float, met: bool) -> None:
    delays = [1000.0 * scale + i for i in range(100)]
    figures = {"p01": 0.01, "delta": 0.05, "cells": 300, "per_tick": 10, "best": 1000.0, "delays": delays}
    median, p90 = judged("T2 p01 0.01, mean 0.05", figures)
    assert (median["target"], p90["target"]) == (1.25, 1.75)
    assert median["met"] is p90["met"] is met
    (announced,) = judged("T3 p01 0.01, mean 0.05", figures)
    assert announced["target"] == 1.35 and announced["value"] == pytest.approx(
        (1000 * scale + 49 - 10) / 1000
    )


def test_a_change_that_is_mostly_not_found_is_missed() -> None:
    figures = {"p01": 0.01, "delta": 0.05, "cells": 300, "per_tick": 10, "best": 1.0, "delays": [None] * 9}
    assert [(made["value"], made["met"]) for made in judged("T2 p01 0.01, mean 0.05", figures)] == [
        (None, False)
    ] * 2


def test_a_detector_that_overflowed_misses_whatever_its_delays() -> None:
    figures: dict[str, Any] = {"p01": 0.01, "runs": 500, "long_pairs": 200_000}
    figures |= {f"{name}_ratio": [1.0, 0.97, 1.04] for name in ("long", "endless")}
    figures |= {"long_finite": True, "endless_finite": False}
    assert [made["met"] for made in judged("T4 p01 0.01", figures)] == [True, False]


def test_one_owner_that_tells_another_story_is_a_miss_and_so_is_a_stream_without_verdicts() -> None:
    alike = [{"tallies": "a", "lines": "b", "count": 9}] * 3
    assert one("T7 owners", votes=9, ways=alike)["met"] is True
    assert (
        one("T7 owners", votes=9, ways=[*alike, {"tallies": "a", "lines": "c", "count": 9}])["met"] is False
    )
    assert one("T7 owners", votes=9, ways=[{**alike[0], "count": 0}] * 3)["met"] is False


def test_what_must_never_happen_is_missed_by_a_single_time() -> None:
    figures = {"named": True, "share": 0.05, "onset": 0, "runs": 200, "pairs": 6000}
    assert one("T11 unscored, from 0", ever_within=0, **figures)["met"] is True
    assert one("T11 unscored, from 0", ever_within=1, **figures)["met"] is False
    few = one("T11 few unscored", **{**figures, "share": 0.004}, ever_within=200, within_at_end=198)
    assert few["stretch"] and few["value"] == 0.99


def test_certificates_are_held_against_the_bound_that_their_weight_states() -> None:
    for month, bound in ((True, 0.075), (False, 0.05)):
        made = one(f"T5 false, {month}", p01=0.02, month=month, runs=4000, pairs=50_000, wrong=160)
        assert (made["target"], made["met"]) == (bound, True)
    slow = one("T5 certificate, p01 0.02", p01=0.02, best=300.0, delays=[820.0 + i for i in range(90)])
    assert slow["met"] is True and slow["value"] == 864.0
    never = one("T5 certificate, p01 0.02", p01=0.02, best=300.0, delays=[None] * 3)
    assert never["met"] is False and never["value"] is None


def test_flips_are_counted_per_100k_pairs() -> None:
    made = one("T6 flips, fresh, p01 0.02", p01=0.02, latched=False, runs=1000, pairs=50_000, flips=20)
    assert made["value"] == pytest.approx(0.04) and made["met"] is True and math.isclose(made["target"], 0.1)
