"""What `make eval` reckons is right, and what it found is told whole."""

import json
from io import StringIO

import numpy as np
import pytest
from rich.console import Console
from understudy.errors import ConfigError

from bench.stats import Estimate, Limit
from eval import page, run, stats, table
from eval.found import Figure, Section
from eval.split import held


def cases(*rows: tuple[float, float]) -> np.ndarray:
    return np.array(rows, dtype=np.float64)


def test_rates_are_those_of_the_textbook() -> None:
    said = cases((1, 1), (1, 0), (0, 0), (0, 0), (0, 1))
    assert stats.recall(said) == 0.5 and stats.fallout(said) == pytest.approx(1 / 3)
    assert stats.precision(said) == 0.5 and stats.f1(said) == 0.5
    assert stats.balanced(said) == pytest.approx((0.5 + 2 / 3) / 2)
    assert stats.macro(cases((0, 0), (1, 1), (2, 1))) == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert np.isnan(stats.recall(cases((0, 1))))


def test_ranks_share_ties() -> None:
    assert stats.ranks(np.array([3.0, 1.0, 3.0])).tolist() == [2.5, 1.0, 2.5]
    assert stats.auc(cases((1, 0.9), (1, 0.5), (0, 0.5), (0, 0.1))) == pytest.approx(0.875)
    assert stats.spearman(cases((1, 10), (2, 20), (3, 15), (4, 40))) == pytest.approx(0.8)


def test_an_interval_is_over_prompts_not_rows() -> None:
    alone = [(prompt, 1.0, float(prompt % 2)) for prompt in range(40)]
    fivefold = [case for case in alone for _ in range(5)]
    one, five = stats.over(alone, stats.mean), stats.over(fivefold, stats.mean)
    assert one is not None and five is not None and one.low is not None and five.low is not None
    assert one.value == five.value == 0.5 and five.rounds == 200
    assert five.low == pytest.approx(one.low, abs=0.02), "answers to one prompt are no new evidence"
    assert stats.over([], stats.mean) is None


def test_a_prompt_is_held_out_whoever_answers_it() -> None:
    share = sum(held(f"prompt {n}") for n in range(2000)) / 2000
    assert 0.17 < share < 0.23 and held("prompt 7") == held("prompt 7")


FOUND = Section(
    "refusal",
    (
        Figure(
            "rows: balanced accuracy", Estimate(0.95, 0.9, 0.98, 150), 0.93, by={"a <b>": 0.97, "c": 0.91}
        ),
        Figure("null pairs: flips", Estimate(0.02, None, None, 800), 0.01, Limit.MOST, note="of two servers"),
        Figure("beside", None),
    ),
    ("xstest 17: comply, said decline",),
)


def test_everything_found_is_told_in_the_table_the_file_and_the_page() -> None:
    told = run.gather([FOUND])
    told |= {"machine": {"cpu": "x", "cores": 2, "python": "3"}, "duration_s": 1.0}
    met = [figure["met"] for figure in json.loads(json.dumps(told))["sections"][0]["figures"]]
    assert met == [True, False, None]
    html = page.render(told)
    assert "a &lt;b&gt;" in html and "xstest 17" in html and "<script" not in html and "not measured" in html
    console = Console(width=160, record=True, file=StringIO())
    table.show(told, console)
    text = console.export_text()
    assert "missed" in text and "of two servers" in text and "c 0.91" in text and "[0.9, 0.98]" in text


def test_what_is_not_there_is_named(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    with pytest.raises(ConfigError, match="no section nonsense"):
        run.run(Path("out"), only=["nonsense"])
    monkeypatch.setenv("UNDERSTUDY_DATA", str(tmp_path))
    with pytest.raises(ConfigError, match="UNDERSTUDY_DATA"):
        run.run(Path("out"), only=["tone"])
