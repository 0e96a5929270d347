"""The C programs compile and do what the figures rest on; skipped where they cannot be built."""

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from understudy.errors import ConfigError, EngineError

from bench import page
from bench.field import Field, row
from bench.measure import QUICK, Limits, cost, latency, scarce, unpaced
from bench.rows import understudy
from bench.stage import Cores
from bench.table import control, show, summary
from bench.targets import targets
from bench.tools import Tools, build

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def field() -> Iterator[Field]:
    try:
        programs = build(ROOT / "out/tools", fetch=False)
    except ConfigError as missing:
        pytest.skip(str(missing))
    with Field(Tools({name: str(path) for name, path in programs.items()}, "", {})) as started:
        yield started


def test_calls_come_back_whole_and_are_counted(field: Field) -> None:
    direct = row("direct")
    closed = field.load(direct, "closed", 0.4, 2, 16)
    assert closed["done"] == closed["sent"] > 100
    assert closed["errors"] == closed["mismatched"] == closed["unsent"] == 0
    paced = field.load(direct, "open", 1.0, 2, 300)
    assert paced["sent"] == paced["done"] == 300 and paced["errors"] == paced["mismatched"] == 0
    assert 0 < paced["p50_us"] <= paced["p99_us"] <= paced["max_us"] * 1.02


def test_streams_keep_their_pace_and_each_message_is_timed(field: Field) -> None:
    told = field.load(row("direct"), "streams", 1.0, 4, 16, 20_000)
    assert (told["sent"], told["done"], told["messages"]) == (16, 16, 16 * 50)
    assert told["errors"] == told["mismatched"] == 0
    assert 16 * 50 * 0.5 < told["samples"] <= told["messages"]
    assert sum(count for _, count in told["histogram"]) == told["samples"]


def test_streams_without_a_pace_come_whole(field: Field) -> None:
    told = field.load(row("direct"), "unpaced", 0.3, 4, 16)
    assert told["messages"] == 200 * told["done"] and told["done"] == told["sent"] > 16
    assert told["errors"] == told["mismatched"] == 0
    assert unpaced(field, row("direct"), QUICK)["messages_s"] > 10_000


def test_an_engine_of_finite_capacity_makes_calls_wait_and_answers_all(field: Field) -> None:
    finite = row("direct-finite")
    field.start(finite)
    told = field.load(finite, "closed", 1.0, 4, 64)
    assert told["done"] == told["sent"] and told["errors"] == told["mismatched"] == 0
    assert 100 < told["done"] / told["seconds"] < 2_500 * 1.15  # 8 at a time, 3.2 ms each
    assert told["p50_us"] > 10_000  # of them waiting
    stream = field.load(finite, "streams", 1.0, 4, 16, 20_000)  # they take no slot
    assert stream["done"] == 16 and stream["errors"] == 0


def test_idle_streams_are_held(field: Field) -> None:
    with field.held(row("direct"), 128, 2) as answered:
        assert answered == 128


class Meddler:
    """A byte relay that changes one character of a reply."""

    def __init__(self, upstream: int) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.upstream = upstream
        self.asked = bytearray()
        """What the caller sent."""
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        caller, _ = self.listening.accept()
        engine = socket.create_connection(("127.0.0.1", self.upstream))
        threading.Thread(target=self.pump, args=(caller, engine, b"", b""), daemon=True).start()
        self.pump(engine, caller, b"bridge needs gaps", b"bridge needs cats")

    def pump(self, here: socket.socket, there: socket.socket, old: bytes, new: bytes) -> None:
        with here, there:
            try:
                while data := here.recv(1 << 16):
                    if not old:
                        self.asked += data
                    there.sendall(data.replace(old, new, 1) if old else data)
            except OSError:
                pass


def test_a_reply_changed_on_its_way_is_noticed(field: Field) -> None:
    meddler = Meddler(field.ports["primary"])
    field.ports["meddled"] = meddler.port
    told = field.load(replace(row("direct"), name="meddled"), "open", 0.5, 1, 40)
    meddler.listening.close()
    assert told["mismatched"] > 0
    assert field.checked["meddled"][1] == told["mismatched"]


def headers(data: bytes) -> Iterator[dict[str, str]]:
    """The header lists of a client's bytes."""
    from hpack import Decoder

    decoder, at = Decoder(), len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    while at + 9 <= len(data):
        size = int.from_bytes(data[at : at + 3])
        if data[at + 3] == 1:
            yield {
                str(name): str(value) for name, value in decoder.decode(bytes(data[at + 9 : at + 9 + size]))
            }
        at += 9 + size


def test_varied_headers_are_new_with_every_request(field: Field) -> None:
    for words, differ in (((), False), (("varied",), True)):
        meddler = Meddler(field.ports["primary"])
        field.ports["varied"] = meddler.port
        told = field.load(replace(row("direct"), name="varied"), "open", 0.5, 1, 40, words=words)
        meddler.listening.close()
        found = [each.get("x-request-id", "") for each in headers(bytes(meddler.asked))]
        assert len(found) == told["sent"] == 20 and told["errors"] == 0
        assert len(set(found)) == (20 if differ else 1) and bool(found[0]) == differ


def test_a_port_that_speaks_plainly_is_no_tls(field: Field) -> None:
    field.ports["plain"] = field.ports["primary"]
    field.secure.add("plain")
    with pytest.raises(EngineError, match="TLS"):
        field.load(replace(row("direct"), name="plain"), "closed", 0.2, 1, 1)


def test_a_row_with_callers_over_tls_pairs_everything(field: Field) -> None:
    secured = row("paired-tls")
    field.start(secured)
    try:
        figures = latency(field, secured, QUICK)
        assert field.probe(secured, 0) == {"ticks": 0, "lag_max_s": 0, "own_max_s": 0}  # it has ended
        with socket.create_connection(("127.0.0.1", field.ports["paired-tls"]), 5) as plain:
            plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))
            assert b"this port speaks TLS" in plain.recv(1 << 16)
        flooded = unpaced(field, secured, QUICK)
        assert flooded["messages_s"] > 0 and 0 <= flooded["kept"] <= 1
    finally:
        field.stop("paired-tls")
    assert figures["samples"] > 1000 and 0 < figures["own_ms"] <= figures["lag_ms"]
    assert field.checked["paired-tls"][1] == 0


def test_control_replies_are_asked_for_and_counted(field: Field) -> None:
    asked = replace(row("paired-control"), parts=partial(understudy, mirror="on", control=1.0))
    field.start(asked)
    try:
        # On a busy machine there are none, as there should.
        figures = scarce(field, asked, replace(QUICK, scarce_s=0.5))
        assert 0 <= field.account(asked).controls <= field.account(asked).paired
    finally:
        field.stop(asked.name)
    assert figures["samples"] > 0 and 0 <= figures["controls"] <= 1


def test_the_tee_is_done_with_callers_that_went_before_they_had_their_reply(field: Field) -> None:
    tee = row("tee")
    field.start(tee)
    try:
        before = field.account(tee)
        going = field.begin(tee.name, "streams", 5.0, 1, 8, 20_000)
        for _ in range(200):
            if field.account(tee).in_flight:
                break
            time.sleep(0.05)
        going.process.kill()
        going.process.communicate()
        # An engine's stream ends by itself at last; then nothing may be left.
        field.rest(tee)
        now = field.account(tee)
    finally:
        field.stop(tee.name)
    asked = now.requests - before.requests
    assert 0 < asked == now.dropped - before.dropped + now.paired - before.paired and now.in_flight == 0


def test_what_observes_nothing_has_its_plain_maximum_in_a_round_of_rates(field: Field) -> None:
    told = Limits().rate(field, row("direct"), QUICK)
    assert told["rps"] > 1000 and not told["capped"]


def test_a_failing_load_is_an_error_with_its_reason(field: Field) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        field.ports["gone"] = closed.getsockname()[1]
    with pytest.raises(EngineError, match="connect"):
        field.load(replace(row("direct"), name="gone"), "closed", 0.2, 1, 1)


def test_one_round_of_the_whole_path_pairs_everything_and_is_told(field: Field) -> None:
    paired = row("paired")
    field.start(paired)
    try:
        before = field.account(paired)
        rounds: dict[str, Any] = {
            "latency": {
                "direct": [latency(field, row("direct"), QUICK)],
                "paired": [latency(field, paired, QUICK)],
            },
            "cost": {"paired": [cost(field, paired, replace(QUICK, rate=50))]},
        }
        now = field.account(paired)
    finally:
        field.stop("paired")
    assert now.dropped == before.dropped and now.in_flight == 0
    assert now.paired - before.paired == now.requests - before.requests > 64
    parts = rounds["cost"]["paired"][0]
    assert parts["cpu_us"] == pytest.approx(
        sum(parts[f"cpu_us {part}"] for part in ("relay", "observer", "sink"))
    )
    told = {
        "targets": targets(rounds, field.checked),
        "rows": summary(rounds, field.checked),
        "control": control(rounds),
        "rounds": rounds,
        "quick": True,
        "notes": ["a note <b>"],
        "duration_s": 1.0,
        "machine": {"cpu": "x", "cores": 2, "kernel": "k", "python": "3", "load_before": 0.0},
        "procedure": {
            "cores": {"front": 0, "behind": 1, "engines": 1, "load": 1, "shadow": 1},
            "realtime": False,
        }
        | {"plan": {"rounds": 1}},
        "versions": {"nginx": "1.22.1"},
    }
    html = page.render(json.loads(json.dumps(told)))
    assert "a note &lt;b&gt;" in html and "<circle" in html and "http://" not in html
    console = Console(width=100, record=True, file=StringIO())
    show(told, console)
    assert "paired" in console.export_text()


def test_nothing_is_left_behind(field: Field) -> None:
    with Field(field.tools) as short:
        port = short.ports["primary"]
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", port), 1):
        pass


@pytest.mark.parametrize(
    ("cores", "shared"),
    [
        ([0], Cores(0, 0, 0, 0, 0)),
        ([0, 1], Cores(0, 1, 1, 1, 1)),
        ([2, 3, 4], Cores(2, 3, 4, 4, 4)),
        ([0, 1, 2, 3, 4, 5], Cores(0, 1, 4, 5, 4)),
    ],
)
def test_cores_are_shared_so_that_the_path_has_its_own(cores: list[int], shared: Cores) -> None:
    assert Cores.of(cores) == shared


@pytest.mark.parametrize("count", [2, 3, 4, 8])
def test_what_is_mirrored_to_shares_no_core_with_what_callers_depend_on(count: int) -> None:
    cores = Cores.apart(list(range(count)))
    assert {cores.behind, cores.shadow}.isdisjoint({cores.front, cores.engines, cores.load})
    assert len({cores.front, cores.engines, cores.load}) == min(3, count - 1)


def test_the_messages_have_the_holes_the_programs_fill(tmp_path: Path) -> None:
    from bench import messages

    messages.write(tmp_path)
    for path in tmp_path.iterdir():
        data = path.read_bytes()
        assert struct.unpack("!BI", data[:5]) == (0, len(data) - 5)
        assert data.count(messages.HOLE.encode()) == (path.stem in ("stream", "chunk", "final"))
    assert (tmp_path / "chunk.bin").stat().st_size != (tmp_path / "final.bin").stat().st_size
