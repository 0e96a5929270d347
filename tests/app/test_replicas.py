"""Several replicas of an engine, and engines over TLS: what is asked who they are, and what a probe needs."""

import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from understudy.app import roster
from understudy.codec.kserve import INFER
from understudy.config import Config, parse
from understudy.config import Engine as Named
from understudy.errors import ConfigError, EngineError
from understudy.mirror.leg import Shadow
from understudy.mirror.settings import Settings
from understudy.mirror.spread import Spread
from understudy.pair import Leg, Sampling
from understudy.tls import Upstream

from tests.app.stage import CODEC, Engine, deployed


class Guarded(Engine):
    """An engine that speaks TLS."""

    def __init__(self, name: str, brain: Callable[[str], str], certificate: trustme.LeafCert) -> None:
        super().__init__(name, brain)
        self._certificate = certificate

    def port(self, server: grpc.aio.Server, address: str) -> int:
        shown = self._certificate.private_key_pem.bytes(), self._certificate.cert_chain_pems[0].bytes()
        return server.add_secure_port(address, grpc.ssl_server_credentials([shown]))


@pytest.fixture
async def twins() -> AsyncIterator[tuple[Engine, Engine]]:
    both = await Engine("same", str).start(), await Engine("same", str).start()
    yield both
    for engine in both:
        await engine.stop()


async def test_replicas_are_one_engine_and_one_that_is_away_is_named(twins: tuple[Engine, Engine]) -> None:
    both = tuple(engine.address for engine in twins)
    member = await roster.ask(Named(addresses=both, model="m"), 5)
    assert member.address == ", ".join(both) and member.absent == ()
    await twins[0].stop()
    again = await roster.ask(Named(addresses=both, model="m"), 5)
    assert again.fingerprint == member.fingerprint and again.absent == (both[0],)
    assert await roster.answers(Named(addresses=both, model="m"), 5)
    await roster.reached(Named(addresses=both, model="m"))
    await twins[1].stop()
    with pytest.raises(EngineError) as caught:
        await roster.ask(Named(addresses=both, model="m"), 2)
    assert caught.value.passing


async def test_two_different_engines_are_no_replicas(twins: tuple[Engine, Engine], tmp_path: Path) -> None:
    other = await Engine("other", str).start()
    config = parse(
        {
            "engines": {
                "baseline": {"address": twins[0].address, "model": "m"},
                "candidate": {"addresses": [twins[1].address, other.address], "model": "m"},
                "wait_s": 1,
            }
        }
    )
    assert isinstance(config, Config)
    with pytest.raises(EngineError, match=r"engines\.candidate\.addresses: .* are different engines"):
        await roster.gather(config, Leg.BASELINE, tmp_path / "engines.json")
    await other.stop()


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ({}, r"engines\.candidate\.address: missing"),
        ({"address": "a:1", "addresses": ["b:1"]}, r"engines\.candidate\.addresses: .* is given too"),
        ({"addresses": ["a:1", "a:1"]}, r"engines\.candidate\.addresses: .* twice"),
        ({"addresses": ["a:1", "http://b:1"]}, r"engines\.candidate\.addresses: .* has a scheme"),
        (
            {"addresses": ["a:1", "127.0.0.1:1"]},
            r"engines\.candidate\.address: 127\.0\.0\.1:1 is .*allow_equal",
        ),
        ({"address": "unix:/run/e", "tls": {}}, r"engines\.candidate\.tls\.server_name: "),
        ({"address": "a:1", "tls": {"certificate": "c.pem"}}, r"key: certificate and key come together"),
    ],
)
def test_what_an_engine_must_say_of_its_place(engine: dict[str, Any], said: str) -> None:
    engines = {"baseline": {"address": "127.0.0.1:1", "model": "m"}, "candidate": {"model": "m"} | engine}
    with pytest.raises(ConfigError, match=said):
        parse({"engines": engines})


async def test_an_engine_over_tls_is_asked_over_tls() -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("engine.test")

    engine = await Guarded("guarded", str, certificate).start()
    with tempfile.NamedTemporaryFile(suffix=".pem") as ca:
        authority.cert_pem.write_to_path(ca.name)
        named = Named(engine.address, model="m", tls=Upstream(ca=ca.name, server_name="engine.test"))
        assert (await roster.ask(named, 5)).fingerprint
        assert await roster.answers(named, 5)
        await roster.reached(named)
        wrong = Named(engine.address, model="m", tls=Upstream(ca=ca.name, server_name="other.test"))
        with pytest.raises(EngineError):
            await roster.ask(wrong, 2)
    await engine.stop()


def test_shadow_calls_spread_over_replicas_and_pass_by_one_that_refuses() -> None:
    spread = Spread(Leg.CANDIDATE, ("a:1", "b:1", "c:1"), "f" * 64, Settings(), None)
    chosen: list[Shadow] = []
    for _ in range(6):
        chosen.append(spread.next())
        chosen[-1].in_flight += 1
    assert spread.in_flight == 6 and [shadow.in_flight for shadow in spread.replicas] == [2, 2, 2]
    gone = spread.replicas[0]
    gone.in_flight = 0
    for _ in range(Settings().breaker_failures):
        gone.breaker.refused(2**62)
    assert gone.breaker.open and all(spread.next() is not gone for _ in range(6))
    spread.fingerprint = "e" * 64
    assert {shadow.fingerprint for shadow in spread.replicas} == {"e" * 64}


async def test_a_deployment_over_tls_on_every_side_pairs_what_its_callers_ask(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "tls.crt")
    certificate.private_key_pem.write_to_path(tmp_path / "tls.key")
    more = f"""
[engines.baseline.tls]
ca = "{tmp_path}/ca.pem"
[engines.candidate.tls]
ca = "{tmp_path}/ca.pem"
[relay.tls]
certificate = "{tmp_path}/tls.crt"
key = "{tmp_path}/tls.key"
"""
    baseline = Guarded("baseline", lambda prompt: f"said {prompt}", certificate)
    candidate = Guarded("candidate", lambda prompt: f"said {prompt}", certificate)
    async with deployed(baseline, candidate, more) as (deployment, port):
        credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
        async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
            ask: Any = channel.unary_unary(INFER, None, None)
            for n in range(5):
                sampling = Sampling(temperature=0.0, top_k=1, max_tokens=50)
                raw = CODEC.encode(model="m", id=str(n), prompt=f"hello {n}", sampling=sampling, stream=False)
                assert CODEC.chunk(INFER, await ask(raw, timeout=20)).text == f"said hello {n}".encode()
        status = await deployment.until(lambda s: s["counts"]["paired"] >= 5)
        assert status["relay"]["handshake_failures"] == {}
