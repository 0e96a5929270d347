"""A restarted controller knows what it has told."""

from pathlib import Path

from understudy.alert import AlertBook, Notice, Settings
from understudy.app import memory

from tests.test_alert import FINE, T0, S
from tests.verdicts import a_verdict


def test_a_firing_alert_survives_a_restart_without_firing_again(tmp_path: Path) -> None:
    first, second = AlertBook(Settings()), AlertBook(Settings())
    (fired,) = first.update([a_verdict()], FINE, T0)
    memory.save(tmp_path / "alerts.json", first.alerts())
    assert (tmp_path / "alerts.json").stat().st_mode & 0o777 == 0o600
    second.restore(memory.load(tmp_path / "alerts.json"))
    (resent,) = second.update([a_verdict()], FINE, T0 + 100 * S)
    assert (resent.notice, resent.starts_ns) == (Notice.RESENT, fired.starts_ns)


def test_a_damaged_file_does_not_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "alerts.json").write_text('[{"labels": 3')
    assert memory.load(tmp_path / "alerts.json") == memory.load(tmp_path / "none") == []
