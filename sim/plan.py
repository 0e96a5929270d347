"""How many runs of what length: the full run decides, the quick one looks."""

from dataclasses import dataclass

SEED = 20_260_101
TAU = 0.02
"""The tolerance of every simulated cell, unless said."""
MONTH_TICKS = 259_200
"""Ticks of 10 s in 30 days."""
DISCORDANCE = (0.0005, 0.005, 0.02, 0.10)
"""P(D = -1) at the boundary: from cells where almost nothing differs to cells where a fifth does."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of everything; a run is one simulated cell with a stream of its own."""

    quick: bool
    boundary_runs: int
    """T1, accelerated: runs of each mix, with one whole unit of start weight each."""
    boundary_pairs: int
    tilted_runs: int
    """T1, one month by importance sampling: runs of each mix."""
    tilted_ticks: int
    months: int
    """T1, whole engines at the boundary: months of each of four jobs."""
    month_ticks: int
    month_cells: int
    delay_runs: int
    """T2, T3, T4: changes of each setting."""
    certificate_runs: int
    """T5, T6: runs of each setting."""
    flip_pairs: int
    catastrophes: int
    """T9: runs of each setting."""
    talk_runs: int
    talk_ticks: int
    missing_runs: int
    missing_pairs: int
    owner_ticks: int
    speed_ticks: int
    contest_runs: int
    """Peers: runs of each scenario."""
    slow_runs: int
    """Of them, those that peers in plain Python see."""
    contest_pairs: int
    """Length of the runs without a change."""
    long_clean: int
    """The longest clean past of a contest, pairs."""
    horizon: int
    """Pairs after a change in which an alarm is waited for; 4 times that after the longest past."""


FULL = Plan(
    quick=False,
    boundary_runs=2000,
    boundary_pairs=100_000,
    tilted_runs=1000,
    tilted_ticks=4000,
    months=16,
    month_ticks=360,
    month_cells=3000,
    delay_runs=2000,
    certificate_runs=3000,
    flip_pairs=100_000,
    catastrophes=200,
    talk_runs=800,
    talk_ticks=400,
    missing_runs=200,
    missing_pairs=6000,
    owner_ticks=120,
    speed_ticks=300,
    contest_runs=1000,
    slow_runs=200,
    contest_pairs=20_000,
    long_clean=200_000,
    horizon=100_000,
)
QUICK = Plan(
    quick=True,
    boundary_runs=500,
    boundary_pairs=10_000,
    tilted_runs=200,
    tilted_ticks=500,
    months=1,
    month_ticks=120,
    month_cells=600,
    delay_runs=120,
    certificate_runs=300,
    flip_pairs=10_000,
    catastrophes=10,
    talk_runs=40,
    talk_ticks=60,
    missing_runs=40,
    missing_pairs=2000,
    owner_ticks=16,
    speed_ticks=60,
    contest_runs=60,
    slow_runs=8,
    contest_pairs=10_000,
    long_clean=40_000,
    horizon=20_000,
)
