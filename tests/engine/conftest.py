"""One real engine process for the whole folder, as an operator would start it."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

START = "import sys; from understudy.engine.serve import run; run(*sys.argv[1:2], 0, sys.argv[2], None, 1, 8)"


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("engine") / "stderr.log"
    with Path(log).open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", START, "none", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    ready = re.fullmatch(r"ready on (\S+) fingerprint [0-9a-f]{64}\n", line)
    assert ready, line + log.read_text()
    yield ready[1]
    process.send_signal(signal.SIGTERM)
    process.stdout.close()
    assert process.wait(20) == 0
    assert "Traceback" not in log.read_text()
