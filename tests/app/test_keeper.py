"""What does not reach the capture is counted by reason, and costs the evidence nothing."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from understudy.app import keeper
from understudy.app.keeper import Keeper
from understudy.capture.parquet import Settings
from understudy.testing import a_pair


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeper]:
    monkeypatch.setattr(keeper, "UNWRITTEN", 2)
    made = Keeper(Settings(str(tmp_path)))
    yield made
    made.close()


def test_pairs_that_find_the_queue_full_are_counted(kept: Keeper) -> None:
    free = threading.Event()
    kept._disk.submit(free.wait)
    for _ in range(5):
        kept.keep(a_pair(), [])
    free.set()
    kept._disk.submit(int).result()
    assert kept.lost == {"queue_full": 3, "disk": 0, "defect": 0} and kept.written == 2


def test_pairs_that_weigh_too_much_together_are_counted(
    kept: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "UNWRITTEN_BYTES", 250)
    free = threading.Event()
    kept._disk.submit(free.wait)
    kept.keep(a_pair("x" * 200), [])
    kept.keep(a_pair("x" * 200), [])
    free.set()
    kept._disk.submit(int).result()
    kept.keep(a_pair("x" * 200), [])
    kept._disk.submit(int).result()
    assert kept.lost == {"queue_full": 1, "disk": 0, "defect": 0} and kept.written == 2


def test_a_pair_that_cannot_be_written_is_counted_and_not_quoted(
    kept: Keeper, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def writes(_: object) -> int:
        raise ValueError("my secret")

    monkeypatch.setattr(kept._capture, "write", writes)
    kept.keep(a_pair(), [])
    kept._disk.submit(int).result()
    assert kept.lost == {"queue_full": 0, "disk": 0, "defect": 1}
    assert "ValueError at " in caplog.text and "secret" not in caplog.text


def test_without_a_capture_there_is_nothing_to_lose() -> None:
    nobody = Keeper(None)
    nobody.keep(a_pair(), [])
    assert nobody.lost == {} and nobody.error is None
    nobody.close()
