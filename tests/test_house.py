"""The house rules that a machine can hold; `make check` adds mypy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
HEAVY = {"torch", "polars", "numpy", "grpc", "google.protobuf", "tokenizers", "httpx", "uvicorn"}

EVERY_HELP = """
import sys, json
from understudy.cli import app
import typer
from typer.testing import CliRunner
runner, commands = CliRunner(), typer.main.get_command(app).commands
for arguments in [["--help"], *([name, "--help"] for name in commands)]:
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0 and "Usage" in result.output, (arguments, result.output)
print(json.dumps(sorted(sys.modules)))
"""


def run(*command: str | Path) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "code",
    ["import json, sys, understudy; print(json.dumps(sorted(sys.modules)))", EVERY_HELP],
    ids=["import", "help"],
)
def test_importing_understudy_and_asking_for_help_load_nothing_heavy(code: str) -> None:
    loaded = set(json.loads(run(sys.executable, "-c", code)))
    assert "understudy" in loaded
    assert HEAVY & loaded == set()


def test_rooms_import_only_what_their_contracts_allow() -> None:
    assert "0 broken" in run(BIN / "lint-imports", "--no-cache")


def test_the_code_is_linted_and_formatted() -> None:
    run(BIN / "ruff", "check", ".")
    run(BIN / "ruff", "format", "--check", ".")


def test_the_generated_messages_are_those_of_the_protos() -> None:
    run(sys.executable, "proto/generate.py", "--check")
