"""The end of the copy channel: what tells of calls that were answered still reaches an observer that is late."""

import asyncio
import logging
from pathlib import Path

import pytest
from understudy.relay.settings import Settings
from understudy.relay.tap import Tap
from understudy.wire.copy import Kind

from tests.relay.conftest import Observer


def ignored(*_: object) -> None:
    pass


async def told(observer: Observer, size: int) -> asyncio.Task[None]:
    """A tap that was given that many bytes for the observer, and is ending."""
    tap = Tap(Settings(run_dir=str(observer.path.parent)), ignored, ignored)
    running = asyncio.get_running_loop().create_task(tap.run())
    while not tap.connected:
        await asyncio.sleep(0.01)
    tap.open(1, b"{}")
    assert tap.copy(Kind.CLIENT, 1, bytes(size)) and tap.unsent > 0
    running.cancel()
    return running


async def test_what_is_unsent_at_the_end_reaches_an_observer_that_was_busy(tmp_path: Path) -> None:
    observer = await Observer(tmp_path / "observer.sock", reads=False).start()
    running = await told(observer, 2_000_000)
    await asyncio.sleep(0.8)
    observer.resume()
    await asyncio.gather(running, return_exceptions=True)
    for _ in range(100):
        if len(observer.bytes_of(1, Kind.CLIENT)) == 2_000_000:
            break
        await asyncio.sleep(0.01)
    await observer.stop()
    assert len(observer.bytes_of(1, Kind.CLIENT)) == 2_000_000


async def test_an_observer_that_takes_nothing_is_not_waited_for_and_the_loss_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("understudy.relay.tap._LAST_S", 0.1)
    caplog.set_level(logging.WARNING, "understudy")
    observer = await Observer(tmp_path / "observer.sock", reads=False).start()
    running = await told(observer, 2_000_000)
    await asyncio.gather(running, return_exceptions=True)
    observer.resume()
    await observer.stop()
    assert "did not take the last" in caplog.text
