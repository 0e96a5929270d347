"""Kill -9 at any moment loses no entry and doubles none."""

import os
import stat
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.errors import DataError
from understudy.pipeline.journal import Entry, Journal, Kind

entries = st.lists(st.builds(Entry, st.sampled_from(Kind), st.binary(max_size=50)), max_size=20)


@given(entries, st.integers(0, 19), st.binary(max_size=12))
def test_what_was_appended_comes_back_whatever_a_crash_left_behind_it(
    tmp_path_factory: pytest.TempPathFactory, told: list[Entry], compacted: int, torn: bytes
) -> None:
    directory = tmp_path_factory.mktemp("journal")
    snapshot = None
    with closing(Journal(directory)) as journal:
        for number, entry in enumerate(told):
            journal.append(entry)
            if number == compacted:
                snapshot = b"after %d" % number
                journal.compact(snapshot)
    newest = max(directory.glob("votes.*.log"), key=lambda p: int(p.name.split(".")[1]))
    with newest.open("ab") as file:
        file.write(b"\x01\x00\x00\x00\xff" + torn)
    with closing(Journal(directory)) as again:
        found, since = again.start()
        assert found == snapshot
        assert list(since) == (told if snapshot is None else told[compacted + 1 :])


def test_a_damaged_snapshot_is_rebuilt_from_the_one_before_and_its_log(tmp_path: Path) -> None:
    steps = [Entry(Kind.CLOSED, b"%d" % n) for n in range(6)]
    with closing(Journal(tmp_path)) as journal:
        for number, entry in enumerate(steps):
            journal.append(entry)
            if number in (1, 3):
                journal.compact(b"after %d" % number)
    (tmp_path / "drift.2.snapshot").write_bytes(b"rubbish")
    with closing(Journal(tmp_path)) as again:
        snapshot, since = again.start()
        assert snapshot == b"after 1" and list(since) == steps[2:]


def test_with_no_readable_snapshot_it_refuses_and_says_what_to_do(tmp_path: Path) -> None:
    with closing(Journal(tmp_path)) as journal:
        for _ in range(3):
            journal.compact(b"x")
        for path in tmp_path.glob("*.snapshot"):
            path.write_bytes(b"rubbish")
        with pytest.raises(DataError, match="restore the directory"):
            journal.start()


def test_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "state")) as journal:
        journal.compact(b"x")
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in (tmp_path / "state").iterdir()} == {0o600}


def test_a_new_generation_is_on_the_disk_name_and_all_before_the_old_one_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    rename, fsync, unlink = Path.rename, os.fsync, Path.unlink

    def renames(path: Path, target: Path) -> Path:
        steps.append(f"rename {target.suffix}")
        return rename(path, target)

    def syncs(handle: int) -> None:
        steps.append("sync names" if stat.S_ISDIR(os.fstat(handle).st_mode) else "sync data")
        fsync(handle)

    def unlinks(path: Path, missing_ok: bool = False) -> None:
        steps.append("forget")
        unlink(path, missing_ok)

    with closing(Journal(tmp_path)) as journal:
        journal.compact(b"x")
        monkeypatch.setattr(Path, "rename", renames)
        monkeypatch.setattr(Path, "unlink", unlinks)
        monkeypatch.setattr(os, "fsync", syncs)
        journal.compact(b"y")
        monkeypatch.undo()
    assert steps == [
        *("sync data", "sync data"),
        *("rename .snapshot", "sync names", "rename .log", "sync names"),
        "forget",
    ]
