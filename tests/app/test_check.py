"""`understudy check` reads what the config names, so that `serve` does not find out later."""

import re
from pathlib import Path

import pytest
from understudy.app.check import run

from tests.app.stage import config


def a_config(directory: Path, manifest: str, methods: str = "") -> Path:
    text = config(directory, 1, "127.0.0.1:2", "127.0.0.1:3")
    text = text.replace(
        'address = "127.0.0.1:2"', f'address = "127.0.0.1:2"\nmanifest = "{directory / manifest}"'
    )
    (directory / "tolerances.toml").write_text("")
    path = directory / "understudy.toml"
    path.write_text(text.replace('methods = ["', f'methods = [{methods}"'))
    return path


def test_a_manifest_that_is_missing_or_no_json_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = a_config(tmp_path, "baseline.json")
    assert run(path, as_json=False) == 3
    assert "engines.baseline.manifest" in capsys.readouterr().out
    (tmp_path / "baseline.json").write_text("{quantization: int8}")
    assert run(path, as_json=False) == 3
    assert "is not JSON" in capsys.readouterr().out
    (tmp_path / "baseline.json").write_text('{"quantization": "none"}')
    assert run(path, as_json=False) == 0


def test_a_method_that_would_never_be_mirrored_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.json").write_text("{}")
    assert (
        run(a_config(tmp_path, "m.json", '"/inference.GRPCInferenceService/ModelInferr", '), as_json=False)
        == 0
    )
    assert "ModelInferr is no inference call" in capsys.readouterr().out


def test_a_rollback_that_asks_for_more_clusters_than_are_ever_counted_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.json").write_text("{}")
    path = a_config(tmp_path, "m.json")
    plain = re.sub(r"\[rollback\][^\[]*", "", path.read_text())
    path.write_text(plain + "[rollback]\nclusters = 31\n")
    assert run(path, as_json=False) == 3
    assert "rollback.clusters = 31: distinct clusters are counted up to" in capsys.readouterr().out
    path.write_text(plain + "[rollback]\nclusters = 31\nautomatic = false\n")
    assert run(path, as_json=False) == 0
    path.write_text(plain + "[rollback]\nclusters = 31\n")
    (tmp_path / "tolerances.toml").write_text("minimum_clusters = 31\n")
    assert run(path, as_json=False) == 0


def test_a_name_that_nothing_answers_to_is_told_with_the_nearest_one_and_all_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.json").write_text("{}")
    path = a_config(tmp_path, "m.json")
    path.write_text(
        path.read_text().replace("control_share", 'shares = { "tsk=math" = 0.5 }\ncontrol_share')
        + '[categories]\nexpected = ["spanish", "langage=es", "language=xx"]\n'
    )
    (tmp_path / "tolerances.toml").write_text(
        """
        [metrics.faluire]
        tau = 0.1
        [metrics.task_agreement_coupled]
        tau = 0.1
        [metrics.flip]
        tau = 0.1
        [slices.all]
        weight = 2.0
        [slices."language=es"]
        tau = { failur = 0.1, format = 0.1 }
        [slices."load=alone"]
        weight = 2.0
        [slices."langage=es"]
        weight = 2.0
        """
    )
    assert run(path, as_json=False) == 3
    told = capsys.readouterr().out.splitlines()
    wanted = (
        "metrics.faluire is no metric of the loaded analyzers; did you mean failure?",
        "slices.language=es.tau.failur is no metric of the loaded analyzers; did you mean failure?",
        "slices.langage=es: 'langage=es' names no categorizer that is configured; did you mean language?",
        "categories.expected: 'spanish' is no slice; write <categorizer>=<value>: category=..., language=...",
        "categories.expected: 'langage=es' names no categorizer that is configured; did you mean language?",
        "mirror.shares: 'tsk=math' names no categorizer that is configured; did you mean task?",
    )
    assert len(told) == len(wanted)
    assert all(want in line for want, line in zip(wanted, told, strict=True))
