"""Each peer's rule does what its source says, on numbers worked out by hand."""

import math

import numpy as np
import pytest

from sim.contest import Act, play
from sim.peers import counts, diffy, kayenta, river, sequential
from sim.peers.look import Counts, Look, Rule, Scene
from sim.peers.rules import RULES, present

SCENE = Scene(runs=1, ticks=1000, per_tick=20, seed=1)


def look(minus: int, plus: int, n: int, noise: int = 0) -> Look:
    whole = Counts(*(np.array([number]) for number in (minus, plus, 0, noise)))
    return Look(whole, whole, n, 20)


def test_mcnemar_is_the_squared_difference_of_the_discordant_over_their_sum() -> None:
    judge = counts.mcnemar(SCENE)
    assert counts.CHI_SQUARE == pytest.approx(3.8415, abs=1e-4)
    assert judge(look(10, 22, 1000))  # 144 / 32 = 4.5
    assert not judge(look(10, 20, 1000))  # 100 / 30 = 3.33
    assert judge(look(22, 10, 1000)), "an improvement is a change as well"
    assert not judge(look(0, 9, 1000)), "too few that differ"


def test_the_z_tests_differ_in_what_they_deny_and_in_their_quantile() -> None:
    # Mean .03, variance .0691: z = (.03 - .02) / sqrt(.0691 / 2000) = 1.70 against tau, 5.10 against 0.
    at = look(40, 100, 2000)
    assert counts.tolerant(SCENE)(at) and counts.plain(SCENE)(at)
    assert not counts.bonferroni(SCENE)(at)
    assert counts.bonferroni(SCENE)(look(40, 220, 2000))
    assert not counts.tolerant(SCENE)(look(100, 40, 2000)) and counts.plain(SCENE)(look(100, 40, 2000))
    assert not counts.tolerant(SCENE)(look(0, 0, 2000)), "without a difference there is no variance"


def test_the_asymptotic_confidence_sequence_is_as_wide_as_its_formula() -> None:
    # rho^2 = (5.99146 + ln 6.99146) / 5000 = .00158723; at n = 5000 the half width of variance 1 is .042925.
    n, half = 5000, 0.042925
    judge = sequential.asymptotic(SCENE)

    def fires(plus: int) -> bool:
        return bool(judge(look(0, plus, n))[0])

    for plus in range(100, 300):
        mean = plus / n
        spread = math.sqrt(mean * (1 - mean) * n / (n - 1))
        if abs(mean - half * spread - 0.02) > 1e-6:
            assert fires(plus) == (mean - half * spread > 0.02)
    assert fires(299) and not fires(100)


def test_the_mixture_ratio_is_as_large_as_its_formula() -> None:
    # n = 2000, mean .05, V = .0475: V + n t^2 = 1.8475; ln = .5 ln(.02571) + 2000^2 .0009 .0009 / (2 .0475 1.8475)
    # = -1.830 + 18.46.
    judge = sequential.mixture(SCENE)
    assert judge(look(0, 100, 2000))
    # mean .0315: 4e6 .0009 .00013225 / (2 .030523 1.8305) - .5 ln(59.97) = 4.26 - 2.05 = 2.21 < ln 20 = 3.00
    assert not judge(look(0, 63, 2000))
    assert not judge(look(100, 0, 2000)), "upwards alone"


def test_diffy_compares_differences_with_noise_by_two_thresholds() -> None:
    judge = diffy.thresholds(SCENE)
    assert judge(look(10, 20, 1000, noise=19))  # 11 of 49 is 22 %
    assert not judge(look(10, 20, 1000, noise=21))  # 9 of 51 is 18 %
    assert not judge(look(5, 5, 1000, noise=30)), "less than noise"
    assert judge(look(30, 0, 1000, noise=10)), "whichever way"
    assert judge(look(0, 1, 1000)), "one difference in a thousand is enough"
    assert not judge(look(0, 1, 4000)), "the absolute threshold"


def test_kayenta_judges_the_interval_of_the_shift() -> None:
    rng = np.random.default_rng(3)
    base = rng.normal(0.1, 0.02, (1, 60))
    assert not kayenta.high(base, base)[0]
    assert not kayenta.high(base, base - 0.05)[0]
    assert kayenta.high(base, base + 0.05)[0]
    # R: qnorm(.99) sqrt(60 60 121 / 12) = 443.2, so the 1356th of 3600 ordered differences is the lower end.
    assert kayenta.RANK == 1800 - 444
    shifts = np.sort((base[0][:, None] + 0.03 - base[0][None, :]).ravel())
    assert kayenta.high(base, base + 0.03)[0] == (shifts[1356] > 0.25 * abs(shifts[1800]))


def test_kayenta_is_asked_every_ten_ticks_once_it_has_its_points() -> None:
    judge = kayenta.mann_whitney(SCENE)
    fired = []
    for tick in range(1, 81):
        bad = Counts(np.array([0]), np.array([10]), np.array([1]), np.array([0]))
        fired.append(bool(judge(Look(bad, bad, 20 * tick, 20))[0]))
    assert [tick for tick, says in enumerate(fired, 1) if says] == [60, 70, 80]


def rules(*names: str) -> list[Rule]:
    return [rule for rule in RULES if rule.name in names]


def test_what_restarts_finds_a_late_harm_sooner_than_what_began_once() -> None:
    act = Act("after", 10_000, 0.05, 40_000)
    found = play(
        np.random.default_rng(4), rules("understudy", "AsympCS", "mSPRT"), act, p01=0.01, runs=24, slow_runs=1
    )
    middle = {name: float(np.median(told["delays"])) for name, told in found.items()}
    assert middle["understudy"] < 2500 < 5000 < min(middle["AsympCS"], middle["mSPRT"])
    assert all(told["runs"] == 24 and told["early"] == 0 for told in found.values())


def test_rules_without_a_tolerance_fire_on_what_was_agreed_and_on_improvements() -> None:
    some = rules("understudy", "McNemar, each look", "Diffy", "AsympCS")
    rng = np.random.default_rng(5)
    tolerated = play(rng, some, Act("tolerated", 0, 0.02, 6000), p01=0.01, runs=30, slow_runs=1)
    better = play(rng, some, Act("better", 2000, -0.05, 6000), p01=0.01, runs=30, slow_runs=1)

    def fired(found: dict[str, dict[str, object]], name: str) -> int:
        told = found[name]
        return int(str(told["early"])) + sum(delay is not None for delay in told["delays"])  # type: ignore[attr-defined]

    for scene in (tolerated, better):
        assert fired(scene, "McNemar, each look") >= 27 and fired(scene, "Diffy") >= 27
        assert fired(scene, "understudy") <= 5
    assert fired(better, "AsympCS") == 0


def test_every_rule_says_how_it_is_set_and_where_it_comes_from() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES) == 12
    assert all(rule.setting and rule.source and rule.against in ("tau", "no change") for rule in RULES)
    assert len(present()) == (12 if river.installed() else 10)


@pytest.mark.skipif(not river.installed(), reason="River is not installed: make sim does")
@pytest.mark.filterwarnings("ignore")
def test_adwin_sees_a_change_and_never_a_model_that_was_bad_from_the_first_pair() -> None:
    some = rules("River ADWIN", "River Page-Hinkley")
    rng = np.random.default_rng(6)
    first = play(rng, some, Act("first", 0, 0.05, 6000), p01=0.01, runs=6, slow_runs=6)
    after = play(rng, some, Act("after", 4000, 0.3, 4000), p01=0.01, runs=6, slow_runs=6)
    better = play(rng, some, Act("better", 4000, -0.3, 4000), p01=0.01, runs=6, slow_runs=6)
    assert sum(delay is not None for delay in first["River ADWIN"]["delays"]) <= 1
    for scene in (after, better):
        assert sum(delay is not None for delay in scene["River ADWIN"]["delays"]) >= 5
