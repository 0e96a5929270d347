"""The tolerance file: what it says is checked, and a mistake names its field and the mend."""

import tomllib
from pathlib import Path

import pytest
from understudy.drift.load import load
from understudy.drift.tolerance import Tolerances
from understudy.errors import ConfigError


def test_the_rendered_defaults_read_back_the_same(tmp_path: Path) -> None:
    default = Tolerances.default()
    again = Tolerances.from_dict(tomllib.loads(default.render()))
    assert again.hash() == default.hash()
    path = tmp_path / "tolerances.toml"
    path.write_text(default.render())
    assert load(path) == default, "with the reason of each, which the hash leaves out"


def test_what_is_rendered_reads_back_whatever_its_words_are() -> None:
    words = 'we "promised"\n# \\ three nines \x7f\t\U0001f600'
    said = Tolerances.from_dict(
        {"metrics": {words: {"tau": 0.1, "reason": words}}, "slices": {words: {"tau": {words: 0.2}}}}
    )
    assert Tolerances.from_dict(tomllib.loads(said.render())) == said


def test_the_reason_of_a_default_stays_as_long_as_its_number() -> None:
    default = Tolerances.default().metrics["failure"]
    for tau, reason in ((0.01, default.reason), (0.02, "")):
        assert (
            Tolerances.from_dict({"metrics": {"failure": {"tau": tau}}}).metrics["failure"].reason == reason
        )


def test_every_default_has_a_reason() -> None:
    assert all(limit.reason for limit in Tolerances.default().metrics.values())


def test_overrides_fall_back_in_order() -> None:
    t = Tolerances.from_dict(
        {
            "metrics": {"task_agreement_coupled": {"tau": 0.01}, "mine": {"tau": 0.2}},
            "slices": {"task=math": {"weight": 3, "tau": {"mine": 0.1}}},
        }
    )
    assert t.tau("all", "task_agreement") == 0.03
    assert t.tau("all", "task_agreement_coupled") == 0.01
    assert t.tau("all", "numbers_coupled") == 0.03
    assert (t.tau("task=math", "mine"), t.tau("all", "mine")) == (0.1, 0.2)
    assert t.tau("all", "tone_flip") == t.tau("all", "tone_flip_coupled") == 0.05
    assert (t.weight("task=math"), t.weight("all")) == (3.0, 1.0)
    assert t.hash() != Tolerances.default().hash()


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"metrics": {"failure": {"tau": 0}}}, "metrics.failure.tau"),
        ({"metrics": {"failure": {"tau": 1}}}, "metrics.failure.tau"),
        ({"metrics": {"failure": {"tau": float("nan")}}}, "metrics.failure.tau"),
        ({"metrics": {"failure": {"tau": "1 %"}}}, "metrics.failure.tau"),
        ({"metrics": {"failure": {"tau": True}}}, "metrics.failure.tau"),
        ({"metrics": {"new": {}}}, "metrics.new.tau"),
        ({"metrics": {"failure": {"tow": 0.1}}}, "metrics.failure.tow"),
        ({"metrics": {"failure": 0.1}}, "metrics.failure"),
        ({"slices": {"all": {"tau": {"failure": 2}}}}, "slices.all.tau.failure"),
        ({"slices": {"all": {"weight": 0}}}, "slices.all.weight"),
        ({"budget": {"page": -1}}, "budget.page"),
        ({"budget": {"page": 0.001}}, "budget"),
        ({"budget": {"rollback": 1e-300}}, "budget.rollback"),
        ({"tick_s": 1e-9}, "tick_s"),
        ({"alpha_within": 1e-300}, "alpha_within"),
        ({"coverage": 0.2}, "coverage"),
        ({"minimum_clusters": 1.5}, "minimum_clusters"),
        ({"tick": 10}, "file.tick"),
        ({"discovery": True}, "discovery"),
        ({"discovery": {"on": 1}}, "discovery.on"),
        ({"discovery": {"share": 0}}, "discovery.share"),
        ({"discovery": {"share": 0.5}}, "discovery.share"),
        ({"discovery": {"places": 0}}, "discovery.places"),
        ({"discovery": {"minimum": 2.5}}, "discovery.minimum"),
        ({"discovery": {"seats": 4}}, "discovery.seats"),
    ],
)
def test_a_mistake_is_one_line_naming_the_field(data: dict[str, object], field: str) -> None:
    with pytest.raises(ConfigError, match=rf"^tolerances: {field} ") as caught:
        Tolerances.from_dict(data)
    assert "\n" not in str(caught.value) and ";" in str(caught.value)


def test_a_missing_or_broken_file_names_itself(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("tau = = 1")
    with pytest.raises(ConfigError, match="is not TOML"):
        load(broken)
