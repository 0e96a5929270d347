"""Analyzers by name, with the parameters that a config gives them."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from understudy.errors import ConfigError, PluginError
from understudy.pair import Leg, Pair
from understudy.score import Metric, Score, Sense
from understudy.service.analysis import declared, score
from understudy.service.build import Parameters, build, identity
from understudy.testing import a_pair

from tests.plugin import a_plugin


class Shouting:
    """Shouting from a share of capitals on."""

    name, version = "shouting", "1"
    metrics = (Metric("shouting", Sense.BAD, "the reply shouts"),)

    def __init__(
        self, share: float = 0.5, *, least: int = 3, words: tuple[str, ...] = (), mark: str = ""
    ) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"share {share} is not within 0..1")
        self.share, self.least, self.words, self.mark = share, least, words, mark

    def score(self, pair: Pair) -> Sequence[Score]:
        if self.mark == "raise":
            raise KeyError
        values = {
            output.leg: float(sum(map(str.isupper, output.text)) >= self.share * len(output.text) > 0)
            for output in pair.legs()
        }
        return [Score("shouting", Sense.BAD, values, {})]


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_plugin(tmp_path, monkeypatch, "shouting", f"{__name__}:Shouting")


def test_parameters_reach_the_constructor_and_every_score() -> None:
    (made,) = build(["shouting"], {"shouting": {"share": 1, "words": ["A", "B"], "least": 2}})
    ((found,), cost) = score([made], a_pair(candidate="LOUD!"))
    assert (found.values[Leg.CANDIDATE], found.analyzer, found.version) == (0, "shouting", "1")
    assert found.parameters == {"share": "1", "words": '["A", "B"]', "least": "2"}
    assert set(cost) == {"shouting"}
    (plain,) = build(["shouting"])
    assert score([plain], a_pair(candidate="LOUD!"))[0][0].parameters is None


def test_an_analyzer_that_fails_leaves_its_parameters_with_what_is_unscored() -> None:
    (made,) = build(["shouting"], {"shouting": {"mark": "raise"}})
    ((found,), _) = score([made], a_pair())
    assert set(found.unscored.values()) == {"KeyError"} and found.parameters == {"mark": "raise"}


def test_parameters_are_part_of_what_an_analyzer_is_called_in_a_lane() -> None:
    (made,) = build(["shouting"], {"shouting": {"share": 0.25, "mark": "x"}})
    (one,) = declared([made])
    assert identity(one.version, one.parameters) == "1 (mark=x, share=0.25)"
    assert identity("1", {}) == "1"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (
            {"shouting": {"shar": 0.5}},
            r"shouting\.shar: unknown parameter: it takes share, least, words, mark",
        ),
        ({"shouting": {"share": "high"}}, r"shouting\.share: is no number: write a number"),
        ({"shouting": {"least": 1.5}}, r"shouting\.least: is no whole number"),
        ({"shouting": {"least": True}}, r"shouting\.least: is no whole number"),
        ({"shouting": {"mark": 3}}, r"shouting\.mark: is no text"),
        ({"whispering": {}}, r"whispering: no analyzer 'whispering' is named"),
    ],
)
def test_wrong_parameters_are_named_by_their_field(parameters: Parameters, said: str) -> None:
    with pytest.raises(ConfigError, match=r"analyzers\.parameters\." + said):
        build(["shouting"], parameters)


def test_what_an_analyzer_itself_refuses_names_its_table() -> None:
    with pytest.raises(
        PluginError, match=r"ValueError: share 7 is not within.*see analyzers\.parameters\.shouting"
    ):
        build(["shouting"], {"shouting": {"share": 7}})
