"""Kill -9 in the middle of the evidence, again and again: the verdicts come out as if nothing had happened."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def life(directory: Path, *death: str) -> list[str]:
    """What one life says; with a death, it must come to it."""
    command = [sys.executable, "-m", "tests.drift.killed", str(directory), *death]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == (-9 if death else 0), done.stderr
    return done.stdout.splitlines()


def of(kind: str, lives: list[list[str]]) -> list[str]:
    """Lines of one kind, each once: a life tells again what the one before decided last."""
    return list(dict.fromkeys(line for said in lives for line in said if line.startswith(kind)))


def test_a_controller_killed_in_the_middle_of_its_journal_comes_to_the_same_verdict_bytes(
    tmp_path: Path,
) -> None:
    straight = [life(tmp_path / "straight")]
    deaths = [("entry", 1), ("entry", 150), ("renamed", 1), ("entry", 331), ("renamed", 2), ("entry", 21)]
    lives = [life(tmp_path / "killed", point, str(number)) for point, number in deaths]
    lives.append(life(tmp_path / "killed"))
    for kind in ("change", "final", "state"):
        assert of(kind, lives) == of(kind, straight) and of(kind, straight)
    assert any('"state": "BREACH"' in line for line in of("change", straight))
    assert any('"state": "WITHIN"' in line for line in of("final", straight))
