import os
from pathlib import Path

import pytest
from understudy.pair import Leg, Pair
from understudy.score import Analyzer, Score


@pytest.fixture(scope="session")
def data() -> Path:
    """The labelled data; tests that read it are skipped, and say so, where it is absent."""
    named = os.environ.get("UNDERSTUDY_DATA")
    path = Path(named) if named else Path(__file__).parents[3] / "shared" / "data"
    if not (path / "README.md").exists():
        pytest.skip(f"labelled data not found at {path}: set UNDERSTUDY_DATA")
    return path


class Scored:
    """The scores of one pair by metric name, and the candidate's value minus the baseline's."""

    def __init__(self, analyzer: Analyzer, pair: Pair) -> None:
        self.scores: dict[str, Score] = {score.metric: score for score in analyzer.score(pair)}

    def __contains__(self, metric: str) -> bool:
        return metric in self.scores

    def value(self, metric: str, leg: Leg = Leg.CANDIDATE) -> float:
        return self.scores[metric].values[leg]

    def change(self, metric: str) -> float:
        values = self.scores[metric].values
        return values[Leg.CANDIDATE] - values[Leg.BASELINE]


@pytest.fixture(scope="session")
def scored() -> type[Scored]:
    return Scored
