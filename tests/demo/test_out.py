"""Where the demo writes: it clears what a demo left and nothing else."""

import re
from pathlib import Path
from typing import Any

import pytest
from understudy.demo.run import run
from understudy.demo.stage import CONFIG, HEAD, made
from understudy.errors import ConfigError


@pytest.mark.parametrize("name", ["notes.txt", CONFIG])
def test_a_directory_that_no_demo_made_is_refused_and_left_whole(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(ConfigError, match="holds what no demo made"):
        run("int3", primary="candidate", pairs=1, seed=0, out=tmp_path, strict=False, as_json=True)
    assert (tmp_path / name).read_text() == "mine"


def test_a_file_in_its_place_is_one_line(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("mine")
    with pytest.raises(ConfigError, match="Not a directory"):
        run("int3", primary="candidate", pairs=1, seed=0, out=out, strict=False, as_json=True)
    assert out.read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"quantization": "int9"}, "--quantization int9: is unknown: say fp8, int8, int4, int3, int2"),
        ({"quantization": "none"}, "--quantization none would compare the engine with itself"),
        ({"primary": "candiate"}, "--primary 'candiate': say baseline or candidate"),
        ({"pairs": 0}, "--pairs 0: say 1 or more, or leave it out for 1500"),
        ({"pairs": -5}, "--pairs -5: say 1 or more"),
    ],
)
def test_a_wrong_option_is_refused_before_the_last_results_are_touched(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    (tmp_path / CONFIG).write_text(HEAD)
    (tmp_path / "summary.json").write_text("{}")
    given: dict[str, Any] = {"quantization": "int3", "primary": "candidate", "pairs": 1} | options
    with pytest.raises(ConfigError, match=re.escape(said)):
        run(**given, seed=0, out=tmp_path, strict=False, as_json=True)
    assert (tmp_path / "summary.json").read_text() == "{}"


def test_what_a_demo_made_is_known_by_its_config(tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text(HEAD + "\nlisten = 1\n")
    assert made(tmp_path)
