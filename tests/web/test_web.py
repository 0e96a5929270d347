"""The endpoints over a real server: what an SRE's tools and a browser get."""

import asyncio
import base64
import contextlib
import hashlib
import json
import re
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import fields
from typing import Any

import httpx
import pytest
from understudy.alert import AlertBook, Health
from understudy.alert import Settings as AlertSettings
from understudy.drift.tolerance import Tier
from understudy.drift.verdict import State, Verdict, Why
from understudy.errors import ConfigError
from understudy.pair import Lane
from understudy.rollback import Action, Decision, Signal
from understudy.rollback import Why as Reason
from understudy.telemetry import EngineReading, Reading, set_up
from understudy.web import Settings, describe, make_app, serve

T0 = 1_800_000_000_000_000_000
VERDICT = Verdict(
    "task=<b>math</b>", "refusal_lost", Lane("b" * 64, "c" * 64), State.BREACH, Why.EXCEEDED, 180, 0.15, 0.07,
    float("nan"), 12.0, 9.0, -3.0, 3.0, Tier.ROLLBACK, 0.02, 40, None, 3, 31, 0.99, 0.0, None, 0.15, 180, "t",
)  # fmt: skip
READING = Reading(
    version="0.1.0",
    primary="candidate",
    requests=20,
    eligible=10,
    paired=7,
    shed={("mirror", "rate"): 2, ("pipeline", "queue"): 1},
    in_flight=1,
    capture_dropped={"queue_full": 2},
    analyzer_seconds={"tone": 1.5},
    analyzed=500,
    engines={"baseline": EngineReading("b" * 64)},
)


class Fixed:
    """A source that says what it is given."""

    def __init__(self) -> None:
        self.readiness = (True, "")
        self.exporter = set_up()
        self.exporter.telemetry.reading = READING

    def status(self) -> Mapping[str, Any]:
        book = AlertBook(AlertSettings())
        book.update([VERDICT], Health(), T0)
        decision = Decision(Action.ROLLBACK, Reason.BREACH)
        signal = Signal(Action.ROLLBACK, Reason.BREACH, (), T0, "b" * 64)
        return describe(READING, [VERDICT], book.alerts(), decision, signal, T0)

    def metrics(self) -> tuple[bytes, str]:
        return self.exporter()

    def ready(self) -> tuple[bool, str]:
        return self.readiness


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def serving(source: Fixed) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(port=a_free_port())
    async with asyncio.TaskGroup() as group:
        server = group.create_task(serve(make_app(source, settings), settings))
        transport = httpx.AsyncHTTPTransport(retries=3)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{settings.port}", transport=transport
        ) as client:
            # The socket listens before the task first yields; the request waits in its backlog.
            await asyncio.sleep(0)
            yield client
        server.cancel()
    source.exporter.shutdown()


async def test_metrics_are_prometheus_text() -> None:
    async with serving(Fixed()) as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "understudy_pairs_total 7.0" in answer.text


async def test_ready_follows_the_primary_and_live_follows_nothing() -> None:
    source = Fixed()
    async with serving(source) as client:
        assert (await client.get("/readyz")).status_code == 200
        source.readiness = (False, "candidate at 10.0.0.1:8001 does not answer")
        answer = await client.get("/readyz")
        assert (answer.status_code, "does not answer" in answer.text) == (503, True)
        assert (await client.get("/livez")).status_code == 200


async def test_status_is_strict_json_with_every_field() -> None:
    async with serving(Fixed()) as client:
        text = (await client.get("/api/status")).text

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    status = json.loads(text, parse_constant=refuse)
    assert status["counts"] == {
        "requests": 20, "eligible": 10, "paired": 7, "shed": 2, "shed_later": 1, "failed": 0, "lost": 0,
        "in_flight": 1,
    }  # fmt: skip
    assert status["capture_dropped"] == {"queue_full": 2}
    assert status["analyzers"] == {"tone": {"seconds": 1.5, "ms": 3.0}}
    (verdict,) = status["verdicts"]
    assert verdict["same_as"] is None
    assert (verdict["state"], verdict["tier"], verdict["high"]) == ("BREACH", "rollback", None)
    told = {one.name for one in fields(Verdict)} - {"tick", "tolerances"}
    assert told <= verdict.keys(), "docs/statistics.md names a number that nobody can read"
    assert (verdict["recent"], verdict["recent_votes"], verdict["mde"], verdict["clusters"]) == (
        0.15,
        180,
        None,
        31,
    )
    assert (verdict["evidence"], verdict["threshold"]) == (12.0, 9.0)
    assert (status["signal"]["action"], status["alerts"][0]["name"]) == ("rollback", "Breach")


async def test_the_page_is_self_contained_and_locked_down() -> None:
    async with serving(Fixed()) as client:
        answer = await client.get("/")
    page, policy = answer.text, answer.headers["content-security-policy"]
    assert not re.search(r"(?:src|href)=|@import|url\(|https?://|innerHTML", page)
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    without = re.search(r"<noscript>(.*?)</noscript>", page, re.DOTALL)
    assert without is not None and "api/status" in without[1] and "understudy status" in without[1]


async def test_it_only_reads_and_only_for_its_own_host_names() -> None:
    async with serving(Fixed()) as client:
        for method in ("POST", "PUT", "DELETE"):
            assert (await client.request(method, "/api/status")).status_code == 405
        assert (await client.get("/../etc/passwd")).status_code == 404
        rebound = await client.get("/api/status", headers={"host": "attacker.example"})
        assert rebound.status_code == 400


async def test_a_taken_port_and_a_wrong_one_are_one_line_errors() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(port=taken.getsockname()[1])
        with pytest.raises(ConfigError, match=r"web\.host/port 127\.0\.0\.1:\d+: .*in use"):
            await serve(make_app(Fixed(), settings), settings)
    with pytest.raises(ConfigError, match=r"web\.port = 99999"):
        Settings(port=99999)
