"""A tolerances file that is none: one line with the path and the mend, whatever it holds."""

import os
from pathlib import Path

import pytest
from understudy.drift.load import ENTRIES, LONGEST, load
from understudy.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tick_s = " + "9" * 10_000, "holds a number of thousands of digits"),
        ("tick_s = " + "9" * 400, "holds a number beyond 1e308"),
        ("x = " + "[" * 100_000, "is nested too deeply"),
        ("x = 1\nx", "is not TOML"),
        ("#" * (LONGEST + 1), "is longer than 1 MiB"),
        ("".join(f"[metrics.m{n}]\ntau=0.1\n" for n in range(ENTRIES + 1)), "metrics has 10,001 entries"),
    ],
    ids=["digits", "huge", "nested", "half", "long", "many"],
)
def test_what_is_no_tolerances_file_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        load(path)
    assert str(path) in str(caught.value) and len(str(caught.value)) < 500


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, Path("/dev/zero")):
        with pytest.raises(ConfigError, match="is no regular file; give one"):
            load(path)
