import importlib
import sys
from pathlib import Path

import pytest
from understudy.errors import PluginError
from understudy.plugins import available, load


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution on the path that provides an analyzer, a broken one and one whose module is missing."""
    (tmp_path / "acme_probe.py").write_text("class Probe:\n    name = 'probe'\n")
    (tmp_path / "acme_broken.py").write_text("raise RuntimeError('no\\nlicence')\n")
    info = tmp_path / "acme_analyzers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-analyzers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[understudy.analyzers]\nprobe = acme_probe:Probe\nbroken = acme_broken:X\nabsent = acme_nowhere:X\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_third_partys_analyzer_loads_by_name_and_nothing_else_is_imported(third_party: Path) -> None:
    loaded = load("analyzers", ["probe"])
    assert [type(x).__name__ for x in loaded.values()] == ["type"]
    assert "acme_broken" not in sys.modules


def test_our_own_analyzers_are_listed_under_their_config_names() -> None:
    assert {"refusal", "tone", "format", "agreement", "numbers", "language", "drift"} <= set(
        available("analyzers")
    )


@pytest.mark.parametrize("name", ["broken", "absent", "typo"])
def test_what_cannot_be_loaded_is_one_line_naming_group_name_and_mend(third_party: Path, name: str) -> None:
    with pytest.raises(PluginError) as caught:
        load("analyzers", [name])
    line = str(caught.value)
    assert "analyzers" in line and repr(name) in line and "refusal" in line and "\n" not in line


def test_an_unknown_group_and_a_name_given_twice_are_errors() -> None:
    with pytest.raises(PluginError, match="unknown: use one of codecs"):
        load("analysers", ["refusal"])
    with pytest.raises(PluginError, match="named twice"):
        load("analyzers", ["refusal", "refusal"])


def test_two_distributions_that_provide_one_name_are_named(third_party: Path) -> None:
    info = third_party / "rival_analyzers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rival-analyzers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[understudy.analyzers]\nprobe = rival:Probe\n")
    importlib.invalidate_caches()
    with pytest.raises(PluginError, match=r"provided twice, by acme-analyzers.*rival-analyzers|rival.*acme"):
        load("analyzers", ["probe"])
