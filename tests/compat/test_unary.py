"""An inference call of one message each way takes the short path, and nothing of it is lost there."""

from dataclasses import replace
from typing import Any

import grpc
import pytest
from understudy.codec.kserve import INFER
from understudy.compat.settings import Action, Edit, Settings
from understudy.exchange import Opened, Side

from tests.compat.stage import ODD, Engine, staged, until
from tests.compat.test_calls import outcome

HERE = Settings(listen="127.0.0.1:0")


class Infer(Engine):
    """Serves ModelInfer by a behaviour of the engine that a metadata key names."""

    def service(self, details: Any) -> Any:
        said = dict(details.invocation_metadata)
        return super().service(replace_method(details, f"/t.T/{said.get('do', 'echo')}"))


def replace_method(details: Any, method: str) -> Any:
    class Details:
        pass

    made: Any = Details()
    made.method, made.invocation_metadata = method, details.invocation_metadata
    return made


async def test_reply_headers_and_trailers_are_the_engines() -> None:
    async with staged(HERE, baseline=Infer("baseline")) as stage:
        infer = stage.channel.unary_unary(INFER, None, None)
        assert await infer(bytes(3 << 20)) == bytes(3 << 20)
        stage.baseline.go.set()
        call = infer(b"x", metadata=(*ODD, ("do", "metadata")))
        assert await call == b"said"
        assert tuple(await call.initial_metadata()) == ODD
        assert tuple(await call.trailing_metadata()) == (("grpc-status-details-bin", b"\x08\x05\xff"), *ODD)
        assert [(e.status, e.cancelled_by) for e in await stage.ear.closed(2)] == [(0, "")] * 2
        assert stage.ear.messages(Side.SERVER) == [bytes(3 << 20), b"said"]
        assert {event.method for event in stage.ear.of(Opened)} == {INFER}
        assert stage.proxy.status()["open_calls"] == 0


@pytest.mark.parametrize("edits", [(), (Edit("seen", Action.ADD, "yes"),)])
async def test_every_status_but_ok_is_trailers_alone(edits: tuple[Edit, ...]) -> None:
    settings = replace(HERE, response=edits)
    async with staged(settings, baseline=Infer("baseline")) as stage:
        async with grpc.aio.insecure_channel(stage.baseline.address) as direct:
            for code in list(grpc.StatusCode)[1:]:
                how = {"metadata": (("do", "fail"), ("code", code.name))}
                expected = await outcome(direct, INFER, **how)
                got = await failed(stage.channel, how)
                assert got[:2] == (code, expected[2])
                added = (("seen", "yes"),) if edits else ()
                assert got[2:] == ((), (*expected[4], *added)), "headers would make it another kind of reply"
        closed = await stage.ear.closed(16)
        assert [event.status for event in closed] == list(range(1, 17))


async def failed(channel: Any, how: Any) -> Any:
    call = channel.unary_unary(INFER, None, None)(b"x", **how)
    code, details = await call.code(), await call.details()
    return code, details, tuple(await call.initial_metadata()), tuple(await call.trailing_metadata())


async def test_edits_of_a_reply_without_headers_of_its_own_come_as_headers() -> None:
    settings = replace(HERE, response=(Edit("seen", Action.ADD, "yes"),))
    async with staged(settings, baseline=Infer("baseline")) as stage:
        call = stage.channel.unary_unary(INFER, None, None)(b"x")
        assert await call == b"x"
        assert tuple(await call.initial_metadata()) == (("seen", "yes"),)
        assert not tuple(await call.trailing_metadata())


async def test_cancels_and_deadlines_reach_the_engine() -> None:
    async with staged(HERE, baseline=Infer("baseline")) as stage:
        infer = stage.channel.unary_unary(INFER, None, None)
        call = infer(b"x", metadata=(("do", "hang"),))
        await until(lambda: bool(stage.baseline.metadata))
        call.cancel()
        await until(stage.baseline.cancelled.is_set)
        call = infer(b"x", metadata=(("do", "hang"),), timeout=0.2)
        assert await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert 0 < stage.baseline.left_s[1] < 0.21
        assert [event.cancelled_by for event in await stage.ear.closed(2)] == ["client"] * 2
