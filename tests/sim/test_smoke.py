"""A whole run of tiny sizes: every target is simulated by the product's own code, judged, and told."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from understudy.errors import ConfigError

from sim import boundary, page, run, table, work
from sim.peers import river, rules
from sim.plan import QUICK, Plan
from sim.runs import NAMED, Runs, draw, fastest, mix

TINY: Plan = replace(
    QUICK,
    boundary_runs=40,
    boundary_pairs=1000,
    tilted_runs=40,
    tilted_ticks=100,
    months=1,
    month_ticks=12,
    month_cells=40,
    delay_runs=12,
    certificate_runs=16,
    flip_pairs=1000,
    catastrophes=2,
    talk_runs=6,
    talk_ticks=8,
    missing_runs=8,
    missing_pairs=600,
    owner_ticks=12,
    speed_ticks=3,
    contest_runs=6,
    slow_runs=1,
    contest_pairs=2000,
    long_clean=4000,
    horizon=4000,
)
SLOW = ("T2", "T3", "T4", "peers")
"""Of these a few jobs stand for all."""


def some() -> list[work.Job]:
    chosen = work.choose([], TINY)
    few = [next(job for job in chosen if job.target == name) for name in SLOW[:3]]
    scenes = [job for job in chosen if job.target == "peers"]
    return [job for job in chosen if job.target not in SLOW] + few + scenes


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    fast = tuple(rule for rule in rules.RULES if not rule.slow)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sim.contest.present", lambda: fast)
        found = {job.name: run.perform(job, TINY, 1)[0] for job in some()}
    made = run.gather(found, TINY, 1)
    made["machine"] = {"cpu": "x", "cores": 2, "kernel": "k", "python": "3", "load_before": 0.0}
    made["duration_s"] = 1.0
    return made


def test_every_target_of_the_specification_is_told_with_its_verdict(told: dict[str, Any]) -> None:
    assert {each["target_of"] for each in told["targets"]} == {f"T{i}" for i in range(1, 12)} | {"shows"}
    assert all(each["met"] in (True, False, None) and each["runs"] > 0 for each in told["targets"])
    exact = {each["id"]: each["met"] for each in told["targets"]}
    assert exact["T7 owners"] is exact["T11 unscored, from 0"] is exact["T11 lost, from 0"] is True


def test_the_files_are_whole_without_a_script_or_a_number_json_does_not_know(
    told: dict[str, Any], tmp_path: Path
) -> None:
    back = json.loads(json.dumps(told, allow_nan=False))
    assert back["seed"] == 1 and back["versions"]["numpy"] and back["procedure"]["plan"]["quick"]
    html = page.render(told)
    assert "<script" not in html and "http" not in html.replace("http-equiv", "") and html.count("<svg") >= 10
    assert "River is not installed" in html or river.installed()
    console = Console(file=StringIO(), width=200)
    table.show(told, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "targets" in shown and "understudy" in shown and "efficiency" in shown


def test_a_job_draws_by_the_seed_and_its_name_alone() -> None:
    job = next(job for job in work.choose(["T1"], TINY) if "accelerated" in job.name)
    assert run.perform(job, TINY, 3)[0] == run.perform(job, TINY, 3)[0]


def test_a_target_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="no target 'T12': name one of T1, T2"):
        work.choose(["T12"], TINY)
    assert {job.target for job in work.choose(["T2", "T5"], TINY)} == {"T2", "T5"}


def test_importance_sampling_gives_what_counting_gives() -> None:
    """Where alarms are common enough to be counted: 3 cells, a whole month's weight in 1,000 pairs each."""
    plan = replace(TINY, tilted_runs=1500, tilted_ticks=40)
    told = boundary.tilted(np.random.default_rng(1), plan, p01=0.02, cells=3)["page"]
    rng, n = np.random.default_rng(2), 6000
    level = 3 / (0.4 * NAMED)
    runs = Runs(n, alpha=0.4)
    for _ in range(40):
        runs.sow(1.0 / 40)
        runs.count(draw(rng, 25, mix(0.02, 0.02), n))
        over = runs.value() >= level
        runs.alarms[over] = 1
    counted = 3 * float(runs.alarms.mean())
    spread = 3 * float(np.sqrt(runs.alarms.var() / n))
    assert counted > 0.03
    assert abs(told["value"] - counted) < 4 * spread + 2 * (told["high"] - told["value"])


def test_a_mix_has_its_mean_and_the_best_bet_its_rate() -> None:
    minus, _, plus = mix(0.01, 0.05)
    assert (minus, plus - minus) == (0.01, pytest.approx(0.05))
    minus, _, plus = mix(0.01, -0.05)
    assert (plus, plus - minus) == (0.01, pytest.approx(-0.05))
    best = max(
        0.01 * np.log(1 - bet * 1.02) + 0.93 * np.log(1 - bet * 0.02) + 0.06 * np.log(1 + bet * 0.98)
        for bet in np.linspace(0, 0.97, 4000)
    )
    assert fastest(mix(0.01, 0.05)) == pytest.approx(best, rel=1e-4)
    assert fastest(mix(0.01, 0.0)) == 0 < fastest(mix(0.01, 0.0), sign=-1)
