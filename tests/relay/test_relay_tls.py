"""TLS at the listener and towards engines, with real certificates: what callers, engines and the observer see."""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
import trustme
from understudy.errors import ConfigError
from understudy.relay.secured import TLS_REFUSED
from understudy.tls import Listener, Upstream
from understudy.wire import boundary
from understudy.wire.copy import Kind

from tests.relay.conftest import Engine
from tests.relay.test_relay_passes import everything

if TYPE_CHECKING:
    from tests.relay.conftest import Running, Stage

AUTHORITY = trustme.CA()
STRANGER = trustme.CA()
SERVER = AUTHORITY.issue_cert("127.0.0.1", "localhost", "engine.test")
CALLER = AUTHORITY.issue_cert("caller@test", common_name="caller")


def written(directory: Path, certificate: trustme.LeafCert = SERVER, name: str = "server") -> tuple[str, str]:
    """A certificate and its key as files, each put in place at once as an operator's tool does."""
    files = []
    for kind, blob in (("pem", certificate.cert_chain_pems[0]), ("key", certificate.private_key_pem)):
        path = directory / f"{name}.{kind}"
        blob.write_to_path(path.with_suffix(".new"))
        os.replace(path.with_suffix(".new"), path)
        files.append(str(path))
    return files[0], files[1]


def authority(directory: Path, ca: trustme.CA = AUTHORITY, name: str = "ca.pem") -> str:
    ca.cert_pem.write_to_path(directory / name)
    return str(directory / name)


def listener(directory: Path, *, mutual: bool = False, reload_s: float = 5.0) -> Listener:
    return Listener(*written(directory), authority(directory) if mutual else "", reload_s)


def channel(
    stage: "Stage", relay: "Running", ca: trustme.CA = AUTHORITY, certificate: trustme.LeafCert | None = None
) -> Any:
    shown: dict[str, bytes] = {}
    if certificate is not None:
        shown = {
            "private_key": certificate.private_key_pem.bytes(),
            "certificate_chain": certificate.cert_chain_pems[0].bytes(),
        }
    credentials = grpc.ssl_channel_credentials(ca.cert_pem.bytes(), **shown)
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
        ("grpc.initial_reconnect_backoff_ms", 50),
        ("grpc.min_reconnect_backoff_ms", 50),
    ]
    stage.channels.append(grpc.aio.secure_channel(relay.address, credentials, options=options))
    return stage.channels[-1]


class Guarded(Engine):
    """An engine that speaks TLS, and may ask for a certificate."""

    def __init__(self, name: str, *, mutual: bool = False) -> None:
        super().__init__(name)
        self._credentials = grpc.ssl_server_credentials(
            [(SERVER.private_key_pem.bytes(), SERVER.cert_chain_pems[0].bytes())],
            AUTHORITY.cert_pem.bytes() if mutual else None,
            mutual,
        )

    async def start(self) -> "Guarded":
        port = self._server.add_secure_port("127.0.0.1:0", self._credentials)
        self.address = f"127.0.0.1:{port}"
        await self._server.start()
        return self


def client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    context.set_alpn_protocols(["h2"])
    return context


async def test_every_kind_of_call_is_the_same_over_tls_on_both_sides_and_the_copy_is_plain(
    stage: "Stage",
) -> None:
    observer = await stage.observer()
    engine = await Guarded("candidate").start()
    relay = stage.relay(
        candidate=engine.address,
        candidate_tls=Upstream(ca=authority(stage.directory)),
        tls=listener(stage.directory),
    )
    await relay.until(lambda s: s["observer_connected"])
    direct = await everything(stage.channel(stage.candidate.address))
    through = await everything(channel(stage, relay))
    assert through == direct
    assert engine.seen[0]["key-bin"] == bytes(range(256))

    def copied(status: dict[str, Any]) -> bool:
        """All that passed is with the observer; a client may still say a word after its last call."""
        sides = ((Kind.CLIENT, "client_bytes"), (Kind.SERVER, "server_bytes"))
        return all(len(observer.bytes_of(1, kind)) == status[name] for kind, name in sides)

    status = await relay.until(copied)
    assert observer.bytes_of(1, Kind.CLIENT).startswith(boundary.PREFACE)
    assert status["client_bytes"] > 8 * 1024 * 1024
    assert status["tls"] == {
        "listener": {"loads": 1, "error": ""},
        "candidate": {"loads": 1, "error": ""},
    }
    await stage.channels[-1].close()
    await engine.stop()


async def test_mutual_tls_lets_in_those_whose_certificate_is_signed_and_nobody_else(stage: "Stage") -> None:
    relay = stage.relay(tls=listener(stage.directory, mutual=True))
    assert await channel(stage, relay, certificate=CALLER).unary_unary("/t.T/Unary")(b"x") == b"candidate:x"
    before = len(stage.candidate.begun)
    for certificate in (None, STRANGER.issue_cert("caller@test")):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel(stage, relay, certificate=certificate).unary_unary("/t.T/Unary")(b"x")
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert len(stage.candidate.begun) == before
    status = await relay.until(lambda s: s["handshake_failures"].get("certificate", 0) >= 2)
    assert status["accepted"] > status["streams"]


async def test_mutual_tls_towards_the_engine_and_its_name_is_checked(stage: "Stage") -> None:
    engine = await Guarded("candidate", mutual=True).start()
    ca, shown = authority(stage.directory), written(stage.directory, CALLER, "caller")
    relay = stage.relay(
        candidate=engine.address,
        candidate_tls=Upstream(ca=ca, server_name="engine.test", certificate=shown[0], key=shown[1]),
    )
    assert await stage.channel(relay.address).unary_unary("/t.T/Unary")(b"x") == b"candidate:x"
    wrong = stage.relay(
        candidate=engine.address,
        candidate_tls=Upstream(ca=ca, server_name="other.test", certificate=shown[0], key=shown[1]),
        run_dir=str(stage.directory / "wrong"),
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stage.channel(wrong.address).unary_unary("/t.T/Unary")(b"x")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert wrong.status["unreached"]["candidate"] >= 1
    assert not wrong.status["upstreams"]["candidate"][0]["up"]
    await engine.stop()


async def test_new_files_serve_new_connections_under_load_and_bad_ones_change_nothing(stage: "Stage") -> None:
    directory = stage.directory
    relay = stage.relay(tls=listener(directory, reload_s=0.05))
    old = channel(stage, relay)
    call = old.unary_unary("/t.T/Unary")
    served, stop = 0, asyncio.Event()

    async def load() -> None:
        nonlocal served
        while not stop.is_set():
            assert await call(b"x" * 1000)
            served += 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(8):
            tasks.create_task(load())
        stream = aiter(old.unary_stream("/t.T/Stream")(b"60 100", metadata=(("delay", "0.02"),)))
        await anext(stream)
        (directory / "server.pem").write_text("no certificate")
        status = await relay.until(lambda s: bool(s["tls"]["listener"]["error"]))
        assert "server.pem" in status["tls"]["listener"]["error"] and status["tls"]["listener"]["loads"] == 1
        assert await channel(stage, relay).unary_unary("/t.T/Unary")(b"x") == b"candidate:x"
        written(directory, STRANGER.issue_cert("127.0.0.1"))
        status = await relay.until(lambda s: s["tls"]["listener"]["loads"] > 1)
        await relay.until(lambda s: not s["tls"]["listener"]["error"])
        assert await channel(stage, relay, ca=STRANGER).unary_unary("/t.T/Unary")(b"x") == b"candidate:x"
        with pytest.raises(grpc.aio.AioRpcError):
            await channel(stage, relay).unary_unary("/t.T/Unary")(b"x")
        assert len([message async for message in stream]) == 59
        stop.set()
    assert served > 50
    # One connection all along: nothing was dropped.
    assert relay.status["resets"] == 0


async def spoken(address: str, said: bytes) -> bytes:
    """What a raw connection hears until it ends."""
    reader, writer = await asyncio.open_connection(*address.split(":"))
    writer.write(said)
    heard = b""
    try:
        async with asyncio.timeout(5):
            heard = await reader.read()
    except ConnectionResetError:
        pass
    writer.close()
    return heard


async def test_plain_text_on_a_tls_port_and_tls_on_a_plain_one_are_refused_and_counted(
    stage: "Stage",
) -> None:
    relay = stage.relay(tls=listener(stage.directory))
    heard = await spoken(relay.address, boundary.PREFACE + b"\0\0\0\4\0\0\0\0\0")
    assert heard.endswith(b"this port speaks TLS") and heard[3] == boundary.SETTINGS
    assert await spoken(relay.address, b"GET / HTTP/1.1\r\n\r\n") == b""
    await spoken(relay.address, b"\x16\x03\x01\x00\x05hello")
    context = client_context()
    context.set_alpn_protocols(["http/1.1"])
    with pytest.raises(ssl.SSLError):
        reader, writer = await asyncio.open_connection(*relay.address.split(":"), ssl=context)
        assert await reader.read() == b""
        writer.close()
        raise ssl.SSLError("refused after the handshake")
    failures = {"plaintext": 2, "handshake": 1, "alpn": 1}
    await relay.until(lambda s: s["handshake_failures"] == failures and not s["connections"])

    plain = stage.relay(run_dir=str(stage.directory / "plain"))
    # The engine may have greeted already: HTTP/2 servers speak first.
    assert (await spoken(plain.address, b"\x16\x03\x01\x02\x00\x01")).endswith(TLS_REFUSED)
    with pytest.raises(ssl.SSLError):
        await asyncio.open_connection(*plain.address.split(":"), ssl=client_context())
    status = await plain.until(lambda s: s["handshake_failures"] == {"tls": 2} and not s["connections"])
    assert status["client_bytes"] == 0
    assert await channel(stage, relay).unary_unary("/t.T/Unary")(b"x") == b"candidate:x"


async def test_a_half_closed_tls_connection_still_gets_its_answer(stage: "Stage") -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = await reader.read()
        writer.write(said * 100_000)
        writer.close()

    upstream = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = upstream.sockets[0].getsockname()
    relay = stage.relay(candidate=f"{host}:{port}", tls=listener(stage.directory))

    def talk() -> bytes:
        with (
            socket.create_connection(tuple(relay.address.split(":")), 5) as raw,  # type: ignore[arg-type]
            client_context().wrap_socket(raw, server_hostname="127.0.0.1") as sock,
        ):
            sock.sendall(b"0123456789")
            socket.socket.shutdown(sock, socket.SHUT_WR)
            heard = b""
            while data := sock.recv(65536):
                heard += data
            return heard

    assert await asyncio.to_thread(talk) == b"0123456789" * 100_000
    upstream.close()
    await upstream.wait_closed()


async def test_a_switch_reaches_tls_callers_as_any_other(stage: "Stage") -> None:
    relay = stage.relay(tls=listener(stage.directory))
    first = channel(stage, relay)
    assert await first.unary_unary("/t.T/Unary")(b"x") == b"candidate:x"
    stream = aiter(first.unary_stream("/t.T/Stream")(b"20 10", metadata=(("delay", "0.02"),)))
    await anext(stream)
    assert relay.ask("switch", to="baseline")["ok"]
    assert len([message async for message in stream]) == 19
    await relay.until(lambda s: s["switch"]["acknowledged"] == 1)
    assert await first.unary_unary("/t.T/Unary")(b"x") == b"baseline:x"
    status = await relay.until(lambda s: s["connections"] == 1)
    assert status["truncated"] == 0


async def test_a_unix_socket_may_speak_tls_too(stage: "Stage") -> None:
    path = f"unix:{stage.directory}/front.sock"
    relay = stage.relay(listen=path, tls=listener(stage.directory))
    credentials = grpc.ssl_channel_credentials(AUTHORITY.cert_pem.bytes())
    options = [("grpc.ssl_target_name_override", "localhost"), ("grpc.default_authority", "localhost")]
    async with grpc.aio.secure_channel(relay.address, credentials, options=options) as over:
        assert await over.unary_unary("/t.T/Unary")(b"x") == b"candidate:x"  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ({"certificate": "nowhere.pem"}, "nowhere.pem cannot be read"),
        ({"key": "other.key"}, "no certificate and its key"),
        ({"client_ca": "server.key"}, "holds no certificates"),
        ({"client_ca": "nowhere.pem"}, "nowhere.pem cannot be read"),
    ],
)
async def test_files_that_cannot_be_used_are_one_line_at_the_start(
    stage: "Stage", spoilt: dict[str, str], said: str
) -> None:
    certificate, key = written(stage.directory)
    written(stage.directory, STRANGER.issue_cert("x.test"), "other")
    given: dict[str, Any] = {"certificate": certificate, "key": key} | {
        name: str(stage.directory / file) for name, file in spoilt.items()
    }
    with pytest.raises(ConfigError, match=said) as caught:
        stage.relay(tls=Listener(**given))
    assert "\n" not in str(caught.value)


async def test_tritonclient_with_its_ssl_option_is_served(stage: "Stage") -> None:
    from tritonclient.grpc import service_pb2 as pb
    from tritonclient.grpc.aio import InferenceServerClient

    async def live(request: bytes, context: Any) -> bytes:
        reply: bytes = pb.ServerLiveResponse(live=True).SerializeToString()
        return reply

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(live)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("inference.GRPCInferenceService", {"ServerLive": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    relay = stage.relay(candidate=f"127.0.0.1:{port}", tls=listener(stage.directory, mutual=True))
    shown = written(stage.directory, CALLER, "caller")
    async with InferenceServerClient(
        relay.address,
        ssl=True,
        root_certificates=authority(stage.directory),
        certificate_chain=shown[0],
        private_key=shown[1],
    ) as client:
        assert await client.is_server_live()
    await server.stop(0)


@pytest.fixture(autouse=True)
async def _directories(stage: "Stage") -> AsyncIterator[None]:
    for name in ("wrong", "plain"):
        (stage.directory / name).mkdir()
    yield
