"""How a connection ended decides whose doing it was: the real relay, between cables that can be cut."""

import asyncio
import contextlib
import dataclasses
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from understudy.pair import Finish
from understudy.relay import Relay, Settings

from tests.observe.stage import Stage


class Cable:
    """Passes bytes to an address until it is cut: a peer that dies without a word."""

    async def start(self, to: str) -> str:
        self._to = to
        self._writers: list[asyncio.StreamWriter] = []
        self._pumps: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self, how: str) -> None:
        for writer in self._writers:
            if writer.is_closing():
                continue
            if how == "reset":
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            else:
                writer.write_eof()

    async def stop(self) -> None:
        self._server.close()
        self.cut("reset")
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self._to.rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        self._writers += [writer, back]
        for pump in (self._pump(reader, back), self._pump(there, writer)):
            task = asyncio.ensure_future(pump)
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):  # a cut cable takes nothing more
            while data := await source.read(65536):
                sink.write(data)
            if not sink.is_closing():
                sink.write_eof()


class Front:
    """caller - cable - relay - cable - engine"""

    def __init__(self, leg: str, upstream: str) -> None:
        self.leg, self.upstream = leg, upstream
        self.caller, self.engine = Cable(), Cable()

    async def start(self, observer: str) -> None:
        folder = Path(observer).parent
        engine = await self.engine.start(self.upstream)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            listen = f"127.0.0.1:{probe.getsockname()[1]}"
        settings = Settings(
            listen=listen,
            baseline=engine,
            candidate=engine,
            primary=self.leg,
            latch=str(folder / "latch.json"),
            run_dir=str(folder),
            drain_max_s=0.2,
        )
        self.relay = Relay(settings)
        self._serving = asyncio.ensure_future(self.relay.serve())
        while not (folder / "relay.sock").exists():
            await asyncio.sleep(0.002)
        self.address = await self.caller.start(listen)

    async def stop(self) -> None:
        self.relay.stop()
        await self._serving
        await self.caller.stop()
        await self.engine.stop()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path)
    stage.front = Front
    stage.settings = dataclasses.replace(stage.settings, quiet_s=5)  # what was cut off is not merely quiet
    yield await stage.start()
    await stage.stop()


async def half_answered(stage: Stage) -> None:
    """A call whose reply is under way: one word of three; the shadow's is whole."""
    stage.baseline.hang.clear()
    call = stage.stream()
    await call.write(stage.raw("p", "1"))
    await call.read()
    await stage.candidate.asked.wait()


@pytest.mark.parametrize(("how", "word"), [("close", "closed"), ("reset", "broke off")])
async def test_an_engine_that_dies_in_mid_reply_has_failed(stage: Stage, how: str, word: str) -> None:
    await half_answered(stage)
    stage.tee.engine.cut(how)
    (pair,) = await stage.count(1)
    assert pair.baseline.failed and not pair.censored
    assert (pair.baseline.status, pair.baseline.finish) == (14, Finish.ERROR)
    assert "engine" in pair.baseline.error and word in pair.baseline.error
    assert pair.baseline.text == "base" and pair.candidate.text == "candidate says so"
    assert dict(stage.process.observer.ledger.leg_errors) == {"baseline": 1}


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_caller_that_disconnects_in_mid_reply_has_cancelled(stage: Stage, how: str) -> None:
    await half_answered(stage)
    stage.tee.caller.cut(how)
    (pair,) = await stage.count(1)
    assert pair.censored and not pair.baseline.failed
    assert (pair.baseline.cancelled_by, pair.baseline.text) == ("client", "base")
    assert not stage.process.observer.ledger.leg_errors


async def test_a_reply_that_a_switch_cuts_off_is_nobodys_failure(stage: Stage) -> None:
    await half_answered(stage)
    stage.tee.relay.switch("candidate")
    (pair,) = await stage.count(1)
    assert stage.tee.relay.counts.truncated == 1
    assert pair.censored and not pair.baseline.failed and not stage.process.observer.ledger.leg_errors


async def test_a_caller_that_has_gone_before_the_first_word_leaves_nothing_to_compare(stage: Stage) -> None:
    stage.baseline.pause_s = 60
    asking = asyncio.ensure_future(stage.infer("p"))
    await stage.baseline.asked.wait()
    stage.tee.caller.cut("reset")
    await stage.until(lambda: dict(stage.controller.ledger.failed) == {"cancelled": 1})
    await asyncio.gather(asking, return_exceptions=True)
