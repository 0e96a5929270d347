"""A distribution that provides an analyzer, installed for one test."""

from pathlib import Path

import pytest


def a_plugin(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, target: str, source: str | None = None
) -> None:
    """Make `name` an entry point for `target` (`module:Class`); with `source`, that module is written too."""
    if source is not None:
        (folder / f"{target.partition(':')[0]}.py").write_text(source)
    about = folder / f"{name}-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[understudy.analyzers]\n{name} = {target}\n")
    monkeypatch.syspath_prepend(str(folder))
