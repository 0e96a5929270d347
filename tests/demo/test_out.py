"""Where the demo writes: it clears what a demo left and nothing else."""

from pathlib import Path

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


def test_what_a_demo_made_is_known_by_its_config(tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text(HEAD + "\nlisten = 1\n")
    assert made(tmp_path)
