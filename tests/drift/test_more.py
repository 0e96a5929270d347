"""How many more votes: told while nothing is decided, and in a breach only once it is on its way out."""

import math

import numpy as np
from understudy.drift.verdict import State

from tests.drift.slow import rate
from tests.drift.streams import cell, differences, drive, first, started, tolerances, votes


def histogram(d: np.ndarray) -> dict[int, int]:
    return {b: int((32 * d == b).sum()) for b in (-32, 0, 32)}


def test_it_is_what_is_missing_to_the_threshold_over_the_growth_per_vote() -> None:
    rng = np.random.default_rng(50)
    for delta in (0.1, 0.0):
        drift = started(tolerances())
        d = differences(rng, 60, delta)
        drive(drift, votes(d))
        verdict = cell(drift)
        assert verdict.state is State.NOT_ENOUGH_EVIDENCE
        sign = 1 if d.mean() > 0.02 else -1
        missing = math.log(1 / 0.4) - verdict.evidence if sign > 0 else math.log(20) - verdict.certificate
        assert verdict.more_pairs == math.ceil(missing / rate(histogram(d), 0.02, sign))


def test_it_is_about_right() -> None:
    rng = np.random.default_rng(51)
    told, took = [], []
    for run in range(20):
        drift = started(tolerances())
        drive(drift, votes(differences(rng, 100, 0.1), prefix=f"{run}"))
        if cell(drift).state is State.NOT_ENOUGH_EVIDENCE and cell(drift).effect > 0.05:
            more = cell(drift).more_pairs
            found = first(
                drive(drift, votes(differences(rng, 2000, 0.1), first=10, prefix=f"{run}")), State.BREACH
            )
            assert more is not None and found is not None
            told.append(more)
            took.append(found.verdict.votes - 100)
    assert len(told) > 5 and 0.4 < np.median(told) / np.median(took) < 2.5


def test_a_breach_that_goes_on_is_not_told_to_be_nearly_over() -> None:
    rng = np.random.default_rng(52)
    drift = started(tolerances())
    drive(drift, votes(differences(rng, 400, 0.3), per_tick=50))
    assert cell(drift).state is State.BREACH and cell(drift).more_pairs is None


def test_a_breach_after_a_long_clean_past_is_not_told_to_be_nearly_over_either() -> None:
    rng = np.random.default_rng(53)
    drift = started(tolerances())
    drive(drift, votes(differences(rng, 20_000, 0.0), per_tick=500))
    drive(drift, votes(differences(rng, 300, 0.2), per_tick=10, first=50, prefix="harm"))
    harmed = cell(drift)
    assert harmed.state is State.BREACH and harmed.effect < 0.02 < harmed.recent
    assert harmed.more_pairs is None
    left = None
    for tick in range(90, 400):
        changes = drive(drift, votes(differences(rng, 10, 0.0), first=tick, prefix="mended"))
        if cell(drift).certificate > 0 and left is None:
            left = cell(drift).votes, cell(drift).more_pairs
        if first(changes, State.WITHIN):
            break
    assert left is not None and left[1] is not None
    assert 0.3 < left[1] / (cell(drift).votes - left[0]) < 3
