"""A file replaced whole: the old or the new, readable by us alone."""

import os
from pathlib import Path

import pytest
from understudy import durable


def test_a_file_is_replaced_whole_and_is_ours_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    durable.write(path, b"old")
    durable.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("failing", ["fsync", "rename"])
def test_a_write_that_fails_leaves_the_old_file_and_no_scratch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "state.json"
    durable.write(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(*{"fsync": (os, "fsync"), "rename": (Path, "rename")}[failing], fail)
    with pytest.raises(OSError, match="no space"):
        durable.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_no_hindrance_and_a_link_in_its_place_is_not_followed(
    tmp_path: Path,
) -> None:
    path, elsewhere = tmp_path / "state.json", tmp_path / "elsewhere"
    elsewhere.write_bytes(b"precious")
    (tmp_path / ".state.json.new").symlink_to(elsewhere)
    durable.write(path, b"new")
    assert (path.read_bytes(), elsewhere.read_bytes()) == (b"new", b"precious")


def test_the_file_is_synced_before_the_rename_and_the_directory_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = tmp_path / "state.json", []
    fsync, rename = os.fsync, Path.rename

    def synced(descriptor: int) -> None:
        seen.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        fsync(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        seen.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    durable.write(path, b"new")
    assert seen == [".state.json.new", "rename", tmp_path.name]


def test_removing_twice_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    durable.write(path, b"x")
    durable.remove(path)
    durable.remove(path)
    assert not path.exists()
