"""Commands score in processes of their own: what never returns, or eats memory, costs its own pair."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from understudy.analysis.analyze import Settings, analyze
from understudy.analysis.workers import BATCH, Scoring, Workers, scoring
from understudy.config import Analyzers, Categories
from understudy.errors import PluginError
from understudy.pair import Leg, Pair
from understudy.score import Score
from understudy.testing import a_pair

from tests.analysis.test_analyze import lines
from tests.plugin import a_plugin

SNARE = """
import os
import re
from understudy.score import Metric, Score, Sense

class Snare:
    name, version = "snare", "1"
    metrics = (Metric("shouting", Sense.BAD, "the reply shouts"),)

    def __init__(self, word: str = "") -> None:
        self.word = word

    def score(self, pair):
        text = pair.candidate.text
        while text == "loop":
            pass
        if text == "regex":
            re.match(r"(a+)+b", "a" * 64)
        if text == "eat":
            bytearray(50_000_000_000)
        if text == "die":
            os._exit(7)
        print("not the command's output")
        values = {output.leg: float(output.text.isupper()) for output in pair.legs()}
        return [Score("shouting", Sense.BAD, values, {})]
"""


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_plugin(tmp_path, monkeypatch, "snare", "snare_plugin:Snare", SNARE)


def scored(scorer: Scoring, *texts: str) -> list[Score]:
    jobs: Iterator[tuple[str, Pair | None]] = ((t, a_pair(str(n), "calm", t)) for n, t in enumerate(texts))
    with closing(scorer):
        found = list(scorer.run(jobs))
    assert [text for text, _ in found] == list(texts), "in order"
    return [score for _, (score,) in found]


def of(count: int = 1, **settings: object) -> Scoring:
    return scoring(Analyzers(names=("snare",), **settings), count)  # type: ignore[arg-type]


@pytest.mark.parametrize("trap", ["loop", "regex"])
def test_an_analyzer_that_never_returns_costs_its_own_pair_and_twice_the_limit(trap: str) -> None:
    scorer = of(limit_s=0.5)
    assert isinstance(scorer, Workers)
    began = time.monotonic()
    found = scored(scorer, "LOUD", "calm", trap, *["LOUD"] * 2 * BATCH)
    trapped = found.pop(2)
    assert trapped.values == {} and set(trapped.unscored.values()) == {"time_limit"}
    assert (trapped.analyzer, trapped.version) == ("snare", "1")
    assert [score.values[Leg.CANDIDATE] for score in found] == [1, 0, *[1] * 2 * BATCH]
    assert scorer.lost == {"time_limit": 2} and time.monotonic() - began < 30


def test_an_analyzer_that_wants_all_memory_costs_its_own_pair_and_no_process() -> None:
    scorer = of(memory_bytes=1 << 28)
    assert isinstance(scorer, Workers)
    calm, eaten, loud = scored(scorer, "calm", "eat", "LOUD")
    assert set(eaten.unscored.values()) == {"MemoryError"}
    assert (calm.values[Leg.CANDIDATE], loud.values[Leg.CANDIDATE]) == (0, 1) and not scorer.lost


def test_an_analyzer_that_ends_its_process_costs_its_own_pair() -> None:
    calm, dead, loud = scored(of(), "calm", "die", "LOUD")
    assert set(dead.unscored.values()) == {"worker_lost"}
    assert (calm.values[Leg.CANDIDATE], loud.values[Leg.CANDIDATE]) == (0, 1)


def test_several_processes_keep_the_order_and_say_the_same_as_this_one() -> None:
    texts = ["LOUD" if n % 3 else "calm" for n in range(5 * BATCH)]
    there, here = of(2, parameters={"snare": {"word": "x"}}), of(0, parameters={"snare": {"word": "x"}})
    assert scored(there, *texts) == scored(here, *texts)
    assert there.pairs == here.pairs == len(texts) and there.cost_ns["snare"] > 0
    assert there.declared == here.declared


def test_jobs_without_a_pair_pass_through_in_their_place() -> None:
    with closing(of()) as scorer:
        found = list(scorer.run([(1, None), (2, a_pair(candidate="LOUD")), (3, None)]))
    assert [(job, len(scores)) for job, scores in found] == [(1, 0), (2, 1), (3, 0)]


def test_a_process_that_cannot_load_its_analyzers_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = of()
    monkeypatch.setattr("understudy.analysis.workers.sys.path", [])
    monkeypatch.setenv("PYTHONPATH", "")
    with closing(scorer), pytest.raises(PluginError, match="ended while it loaded them"):
        list(scorer.run([(1, a_pair())]))


def test_analyze_gives_a_poisoned_pair_up_and_says_what_scoring_cost(tmp_path: Path) -> None:
    rows = [
        {"id": str(n), "prompt": f"Say {n}.", "baseline": "calm", "candidate": "loop" if n == 7 else "calm"}
        for n in range(20)
    ]
    settings = Settings(
        analyzers=Analyzers(names=("snare",), limit_s=0.5), categories=Categories(names=()), workers=1
    )
    result = analyze([lines(tmp_path / "pairs.jsonl", rows)], tmp_path / "out", settings)
    (mean,) = [mean for mean in result.means if (mean.slice, mean.metric) == ("all", "shouting")]
    assert (mean.pairs, mean.unscored) in ((19, 1), (20, 1))
    (cost,) = result.summary()["analyzers"]
    assert (cost["name"], cost["version"]) == ("snare", "1") and cost["ms"] >= 0
    assert any("time_limit 2" in note for note in result.notes)
