"""The audit record: chained, private, durable, and honest about what a crash tore."""

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.audit import AuditLog, verify
from understudy.errors import DataError


def _written(path: Path, records: int = 3) -> Path:
    log = AuditLog(path, 0)
    for n in range(records):
        log.append("decision", {"action": "hold", "n": n, "words": "für ✓"}, n)
    log.close()
    return path


def test_records_chain_across_restarts_and_are_private(tmp_path: Path) -> None:
    path = _written(tmp_path / "audit.jsonl")
    log = AuditLog(path, 5)
    head = log.append("rearm", {"by": "operator"}, 6)
    log.close()
    found = verify(path, head)
    assert (found.ok, found.records, found.head, found.torn) == (True, 4, head, 0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("change", ["edit", "remove", "swap", "insert"])
def test_any_change_is_found_where_it_happened(tmp_path: Path, change: str) -> None:
    path = _written(tmp_path / "audit.jsonl", 5)
    lines = path.read_text().splitlines()
    if change == "edit":
        lines[2] = lines[2].replace("hold", "none")
    elif change == "remove":
        del lines[2]
    elif change == "swap":
        lines[2], lines[3] = lines[3], lines[2]
    else:
        lines.insert(2, lines[0])
    path.write_text("\n".join(lines) + "\n")
    found = verify(path)
    assert (found.ok, found.line) == (False, 3)
    # It can still be written to, and says there that it was found broken.
    log = AuditLog(path, 9)
    log.append("decision", {}, 10)
    log.close()
    assert [json.loads(line)["kind"] for line in path.read_text().splitlines()[-2:]] == [
        "damaged",
        "decision",
    ]
    assert verify(path).line == 3


def test_lines_cut_off_the_end_are_found_by_who_kept_the_head(tmp_path: Path) -> None:
    path = _written(tmp_path / "audit.jsonl")
    head = verify(path).head
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert verify(path).ok
    assert verify(path, head).reason == "the expected head is missing"


@given(st.integers(1, 700), st.integers(0, 200))
def test_a_torn_line_is_marked_and_the_chain_goes_on_even_if_the_mark_is_torn_too(
    tmp_path_factory: pytest.TempPathFactory, cut: int, cut_mark: int
) -> None:
    path = _written(tmp_path_factory.mktemp("audit") / "audit.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole[: max(1, len(whole) - cut)])
    AuditLog(path, 7).close()
    repaired = path.read_bytes()
    assert verify(path).ok
    path.write_bytes(repaired[: max(1, len(repaired) - cut_mark)])
    log = AuditLog(path, 8)
    log.append("decision", {}, 9)
    log.close()
    found = verify(path)
    assert found.ok, found
    # Nothing that was on disk was taken away.
    assert path.read_bytes().startswith(repaired[: max(1, len(repaired) - cut_mark)])


def test_a_torn_line_without_a_mark_is_not_whole(tmp_path: Path) -> None:
    path = _written(tmp_path / "audit.jsonl")
    path.write_bytes(path.read_bytes()[:-20])
    found = verify(path)
    assert (found.ok, found.line, found.reason) == (False, 3, "half-written line without a mark")
    AuditLog(path, 7).close()
    assert (verify(path).ok, verify(path).torn) == (True, 1)


def test_a_second_writer_and_unwritable_values_are_one_line_errors(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl", 0)
    with pytest.raises(DataError, match="another process writes it"):
        AuditLog(tmp_path / "audit.jsonl", 0)
    with pytest.raises(DataError, match="is not JSON"):
        log.append("decision", {"effect": float("nan")}, 1)
    log.append("decision", {"effect": 0.1}, 2)
    log.close()
    assert verify(tmp_path / "audit.jsonl").records == 1
    with pytest.raises(DataError, match="No such file"):
        verify(tmp_path / "none.jsonl")


def test_a_failed_write_is_an_error_and_the_next_one_marks_what_it_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuditLog(tmp_path / "audit.jsonl", 0)
    real = os.write

    def full(fd: int, data: memoryview) -> int:
        if len(data) < 100:
            raise OSError(28, "No space left on device")
        return real(fd, data[:100])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(DataError, match="No space left"):
            log.append("decision", {"long": "x" * 150}, 1)
    log.append("decision", {"n": 2}, 2)
    log.close()
    found = verify(tmp_path / "audit.jsonl")
    assert (found.ok, found.records, found.torn) == (True, 2, 1)
