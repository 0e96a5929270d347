"""The console script's end: one line and an exit code, whatever went wrong."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from understudy.app.exits import DEBUG, PIPE, WRONG, guarded

UNDERSTUDY = Path(sys.executable).parent / "understudy"


def raised(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("secret prompt"), "ValueError at .*: this is a defect, please report it"),
        (RecursionError(), "RecursionError at .*: this is a defect"),
        (OverflowError(), "OverflowError at .*: this is a defect"),
        (MemoryError(), "out of memory; give smaller files"),
        (OSError(28, "No space left on device"), "No space left on device; see that"),
        (PermissionError(13, "Permission denied", "x\x1b[2J"), r"x.x1b.2J: Permission denied"),
    ],
)
def test_what_nobody_foresaw_is_one_line_and_3(
    error: Exception, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(DEBUG, raising=False)
    assert guarded(lambda: raised(error)) == WRONG
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "secret" not in told and "\x1b" not in told
    assert re.search(said, told)


def test_its_traceback_is_for_those_who_ask(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DEBUG, "1")
    assert guarded(lambda: raised(ValueError("x"))) == WRONG
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_during_an_import_is_no_error_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    def imported() -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise ImportError("half of numpy") from error

    assert guarded(imported) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", ["--version", "--help", "tolerances show"])
def test_a_reader_that_leaves_ends_it_quietly(command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([UNDERSTUDY, *command.split()], stdout=writing, stderr=subprocess.PIPE, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (PIPE, b"")


@pytest.mark.parametrize("command", ["drift votes.csv", "analyze pairs.jsonl", "topics pairs.jsonl", "demo"])
def test_an_empty_name_is_not_the_working_directory(command: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [UNDERSTUDY, *command.split(), "--out", ""], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert done.returncode == WRONG and "'--out': is empty" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_behind_standard_output_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([UNDERSTUDY, "--version"], stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == WRONG
    assert done.stderr.count(b"\n") == 1 and b"standard output: No space left on device" in done.stderr
