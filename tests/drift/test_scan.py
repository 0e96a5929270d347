"""The scan over a whole run says what the engine says: the same turns at the same ticks, ln M to 1e-9."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.drift.bet import BINS, STEPS, Floats, Ints
from understudy.drift.judge import Thresholds
from understudy.drift.scan import Maps, scan
from understudy.drift.verdict import State

from tests.drift.slow import MONTH_S
from tests.drift.streams import cell, drive, started, tolerances, votes
from tests.drift.test_oracle import FLOOR, phases, stream, taus

TICK = 10 / MONTH_S / 2
CELLS = 3


def counted(ticks: list[list[int]]) -> Ints:
    made = np.zeros((len(ticks), BINS), dtype=np.int64)
    for row, bs in zip(made, ticks, strict=True):
        np.add.at(row, np.array(bs, dtype=np.int64) + STEPS, 1)
    return made


def weights(ticks: int) -> tuple[Floats, Floats]:
    """(a cell's, the certificate's) start weights of a run that was announced."""
    whole = np.full(ticks, TICK)
    whole[0] = 0.0
    starts = whole * min(1 / CELLS, 0.05 / 0.5)  # x v <= .05
    starts[0] = 0.125 / 60
    return starts, whole


@settings(max_examples=20)
@given(phases, taus, st.integers(0, 2**32))
def test_the_scan_turns_where_the_engine_turns(
    chosen: list[tuple[float, int, int, bool]], tau: float, seed: int
) -> None:
    ticks = stream(chosen, seed)
    rules = tolerances(tau)
    starts, whole = weights(len(ticks))
    found = scan(counted(ticks), starts, tau, Thresholds.of(rules), whole)
    drift = started(rules, ["s", *(f"o{i}" for i in range(CELLS - 1))])
    for t, bs in enumerate(ticks):
        drive(drift, votes([0.0], slice_="o0", first=t) + votes([b / 32 for b in bs], per_tick=99, first=t))
        got = cell(drift)
        assert max(FLOOR, found.evidence[t]) == pytest.approx(got.evidence, abs=1e-9)
        assert max(FLOOR, found.certificate[t]) == pytest.approx(got.certificate, abs=1e-9)
        assert found.breach[t] == (got.state is State.BREACH)
        assert (found.certified[t] and not found.breach[t]) == (got.state is State.WITHIN)


def test_turns_are_told_with_their_ticks() -> None:
    ticks = [[0] * 5] * 100 + [[32] * 5] * 20 + [[0] * 5] * 200
    starts, whole = weights(len(ticks))
    found = scan(counted(ticks), starts, 0.02, Thresholds.of(tolerances()), whole)
    (began, up), (ended, down) = found.turns
    assert up and not down and 100 <= began < 110 and 120 < ended < 300
    assert scan(counted([]), np.zeros(0), 0.02, Thresholds.of(tolerances())).turns == []


@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 2**32))
def test_maps_compose_associatively_wherever_the_run_is_cut(ticks: int, cut: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(6, [0.02, 0.9, 0.08], ticks)
    wide = np.zeros((ticks, BINS), dtype=np.int64)
    wide[:, [0, STEPS, 2 * STEPS]] = counts
    maps = Maps.of(wide, rng.random(ticks), 0.02)
    whole = maps.prefixes()
    first, rest = maps.cut(0, cut).prefixes(), maps.cut(cut).prefixes()
    if cut and len(rest.a):
        last = first.cut(len(first.a) - 1)
        rest = Maps(np.repeat(last.a, len(rest.a), 0), np.repeat(last.b, len(rest.b), 0)).then(rest)
    for ours, parts in ((whole.a, (first.a, rest.a)), (whole.b, (first.b, rest.b))):
        np.testing.assert_allclose(ours, np.concatenate(parts)[:ticks], atol=1e-12)
