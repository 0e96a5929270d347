"""The C programs compile and do what the figures rest on; skipped where they cannot be built."""

import json
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from understudy.errors import ConfigError, EngineError

from bench import page
from bench.field import Field, row
from bench.measure import QUICK, cost, latency
from bench.run import show, summary
from bench.stage import Cores
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


def test_idle_streams_are_held(field: Field) -> None:
    with field.held(row("direct"), 128, 2) as answered:
        assert answered == 128


class Meddler:
    """A byte relay that changes one character of a reply."""

    def __init__(self, upstream: int) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.upstream = upstream
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
        "rounds": rounds,
        "quick": True,
        "notes": ["a note <b>"],
        "duration_s": 1.0,
        "machine": {"cpu": "x", "cores": 2, "kernel": "k", "python": "3", "load_before": 0.0},
        "procedure": {"cores": {"front": 0, "behind": 1, "engines": 1, "load": 1}, "realtime": False}
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
        ([0], Cores(0, 0, 0, 0)),
        ([0, 1], Cores(0, 1, 1, 1)),
        ([2, 3, 4], Cores(2, 3, 4, 4)),
        ([0, 1, 2, 3, 4, 5], Cores(0, 1, 4, 5)),
    ],
)
def test_cores_are_shared_so_that_the_path_has_its_own(cores: list[int], shared: Cores) -> None:
    assert Cores.of(cores) == shared


def test_the_messages_have_the_holes_the_programs_fill(tmp_path: Path) -> None:
    from bench import messages

    messages.write(tmp_path)
    for path in tmp_path.iterdir():
        data = path.read_bytes()
        assert struct.unpack("!BI", data[:5]) == (0, len(data) - 5)
        assert data.count(messages.HOLE.encode()) == (path.stem in ("stream", "chunk", "final"))
    assert (tmp_path / "chunk.bin").stat().st_size != (tmp_path / "final.bin").stat().st_size
