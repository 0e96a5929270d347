"""`understudy tolerances`: what a file says, whether anything answers to it, and what a change of it means."""

import json
import math
from pathlib import Path

import pytest
from understudy.app.exits import guarded
from understudy.app.tolerances import check, diff, differences, show, to_breach, to_certify
from understudy.drift.tolerance import Tolerances
from understudy.errors import ConfigError

MINE = """
minimum_clusters = 50
[discovery]
on = true
places = 8
[budget]
page = 0.2
[metrics.failure]
tau = 0.005
reason = "we promised three nines"
[metrics.agreement_exact]
judged = true
[metrics.refusal_lost]
reason = "reworded"
[slices."language=es"]
weight = 2.0
tau = { failure = 0.02 }
"""
DEFAULT = Path("default")


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    return path


def test_a_file_that_is_fine_is_told_with_its_hash(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(mine, None, as_json=False) == 0
    hashed = Tolerances.from_dict(json.loads(json.dumps(Tolerances.default().to_dict()))).hash()
    said = capsys.readouterr().out
    assert said.startswith(f"{mine}: fine: ") and "language=es" in said and hashed not in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[metrics.failre]\ntau = 0.1\n",
            "metrics.failre is no metric of the loaded analyzers; did you mean fail",
        ),
        (
            '[slices."langauge=es"]\nweight = 2.0\n',
            "names no categorizer that is configured; did you mean language",
        ),
        ("[metrics.failure]\ntau = 1.5\n", "metrics.failure.tau is 1.5; write a number above 0 and below 1"),
        ("[metrics.failure]\ntau = 0\n", "metrics.failure.tau is 0; write a number above 0 and below 1"),
        ("covrage = 0.9\n", "file.covrage is not a known key"),
        ("[budget\n", "is not TOML"),
    ],
)
def test_what_is_wrong_is_told_with_the_file_and_the_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    path = tmp_path / "t.toml"
    path.write_text(text)
    assert check(path, None, as_json=True) == 3
    told = json.loads(capsys.readouterr().out)
    (problem,) = told["problems"]
    assert not told["ok"] and said in problem and str(path) in problem


def test_a_config_says_which_names_there_are(
    tmp_path: Path, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "understudy.toml"
    config.write_text(
        '[engines.baseline]\naddress = "127.0.0.1:1"\nmodel = "m"\n'
        '[engines.candidate]\naddress = "127.0.0.1:2"\nmodel = "m"\n[categories]\nnames = ["task"]\n'
    )
    assert check(mine, config, as_json=False) == 3
    assert "'language=es' names no categorizer that is configured" in capsys.readouterr().out


def test_the_numbers_that_hold_are_shown_with_where_they_come_from(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(mine, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["metrics"]["failure"] == {
        "tau": 0.005,
        "reason": "we promised three nines",
        "judged": True,
        "absolute": False,
        "from": "file (tau, reason)",
    }
    assert told["metrics"]["agreement_exact"]["from"] == "file (judged)"
    assert told["metrics"]["format"]["from"] == "default" and told["metrics"]["format"]["reason"]
    assert told["budget"]["page"] == {"value": 0.2, "from": "file"}
    assert told["settings"]["minimum_clusters"]["from"] == "file"
    assert told["discovery"]["on"] == {"value": True, "from": "file"}
    assert told["slices"] == {"language=es": {"tau": {"failure": 0.02}, "weight": 2.0}}
    assert show(None, as_json=False) == 0
    printed = capsys.readouterr().out
    assert Tolerances.default().hash() in printed and "1 in 100 is an outage" in printed


def test_a_change_is_told_with_what_it_means_in_votes(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert diff(DEFAULT, mine, as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["opens_new_lanes"] and told["hashes"][0] == Tolerances.default().hash()
    changes = {one["what"]: one for one in told["changes"]}
    assert [name for name in changes if name != "discovery.on"] == [
        "metrics.failure.tau",
        "metrics.refusal_lost.reason",
        "metrics.agreement_exact.judged",
        "slices.language=es.tau.failure",
        "slices.language=es.weight",
        "budget.page",
        "minimum_clusters",
        "discovery.places",
    ]
    assert changes["metrics.failure.tau"]["means"].startswith(
        "tighter: WITHIN takes 4,931 votes, before 1,321"
    )
    assert changes["slices.language=es.tau.failure"]["means"].startswith("looser")
    assert "330 votes become 372" in changes["budget.page"]["means"]
    assert diff(DEFAULT, mine, as_json=False) == 1
    assert "every lane is closed and another one opens" in capsys.readouterr().out


def test_reasons_alone_open_no_lane_and_equal_files_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.toml"
    path.write_text('[metrics.failure]\nreason = "other words"\n')
    assert diff(DEFAULT, path, as_json=False) == 0
    assert "only reasons do" in capsys.readouterr().out
    assert diff(path, path, as_json=False) == 0
    assert "Nothing that evidence is measured by changes." in capsys.readouterr().out


def test_the_example_file_says_what_holds_without_it(capsys: pytest.CaptureFixture[str]) -> None:
    example = Path(__file__).parents[2] / "deploy/tolerances.toml"
    assert diff(DEFAULT, example, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["same"] and told["changes"] == []
    assert show(example, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)["metrics"]
    assert told and all(entry["reason"] and "reason" in entry["from"] for entry in told.values())


def test_an_entry_that_says_what_held_anyway_is_another_hash_and_told_to_be_no_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.toml"
    path.write_text("[metrics.mine]\ntau = 0.05\n")
    assert (
        list(differences(Tolerances.default(), Tolerances.from_dict({"metrics": {"mine": {"tau": 0.05}}})))
        == []
    )
    assert diff(DEFAULT, path, as_json=False) == 1
    assert "Entries come or go that say what holds without them." in capsys.readouterr().out


def test_figures_in_votes_are_those_that_the_engine_needs() -> None:
    """As simulated for the design: +8 points in 392 votes and WITHIN in 494 (medians), both at tau .02."""
    tolerances = Tolerances.default()
    assert to_breach(0.02, 0.5, tolerances) == pytest.approx(392 / 1.15, rel=0.1)
    assert to_certify(0.02, tolerances) == pytest.approx(494, rel=0.25)
    assert to_breach(0.08, 0.5, tolerances) == float("inf")


def test_a_missing_file_is_one_line_and_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=r"none.toml does not exist"):
        show(tmp_path / "none.toml", as_json=False)
    assert guarded(lambda: diff(DEFAULT, tmp_path / "none.toml", as_json=False)) == 3
    assert capsys.readouterr().err.count("\n") == 1


def test_a_name_in_a_file_cannot_act_on_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine\x1b[2J.toml"
    path.write_text('[metrics."a\\u001b[2J\\u009b\\u202e\\nb"]\ntau = 0.02\n')
    show(path, as_json=False)
    diff(DEFAULT, path, as_json=False)
    check(path, None, as_json=False)
    guarded(lambda: show(tmp_path / "no\x1b[2J.toml", as_json=False))
    told = capsys.readouterr()
    assert not {"\x1b", "\x9b", "\u202e"} & set(told.out + told.err)
    assert r"a\x1b[2J\x9b\u202e\x0ab" in told.out
    show(path, as_json=True)
    assert "a\x1b[2J\x9b\u202e\nb" in json.loads(capsys.readouterr().out)["metrics"]


def test_figures_in_votes_know_that_discovery_has_a_share_of_the_budget() -> None:
    def votes(on: bool, share: float) -> float:
        return to_breach(0.02, 0.5, Tolerances.from_dict({"discovery": {"on": on, "share": share}}))

    off = votes(False, 0.4)
    assert off == votes(False, 0.1) < votes(True, 0.1)
    assert (votes(True, 0.4) - off) / (votes(True, 0.1) - off) == pytest.approx(math.log(0.6) / math.log(0.9))


def test_of_thousands_of_unknown_names_the_first_are_told_and_the_known_ones_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("".join(f"[metrics.qqqq{n}]\ntau = 0.1\n" for n in range(9_000)))
    assert check(path, None, as_json=False) == 3
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 21 and said[-1].endswith("tolerances: and 8,980 more such names")
    assert "use one of: " in said[0] and all("use one of the names above" in line for line in said[1:20])
