"""Notifications reach a real receiver, survive its faults, and never make anybody wait or leak a secret."""

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from understudy.alert import Alert, Notice, Severity, State
from understudy.errors import ConfigError, NotifyError
from understudy.notify import Message, Notifier, Refused, grouped
from understudy.notify.dispatch import Dispatcher
from understudy.notify.dispatch import Settings as Patience
from understudy.notify.log import LogNotifier
from understudy.notify.webhook import Settings, WebhookNotifier, signature
from understudy.rollback import Action, Signal, Why

S = 1_000_000_000
T0 = 1_800_000_000 * S
SIGNAL = Signal(Action.ROLLBACK, Why.BREACH, ("00ff",), T0, "b" * 64, "math x refusal_lost")


def an_alert(
    slice_: str = "all", state: State = State.FIRING, notice: Notice = Notice.FIRED, lane: str = "b..c"
) -> Alert:
    return Alert(
        {"alertname": "Breach", "slice": slice_, "lane": lane, "severity": "critical"},
        {"summary": f"{slice_} broke", "runbook": "docs/runbooks/Breach.md"},
        state,
        Severity.CRITICAL,
        T0,
        T0 + 180 * S,
        notice,
    )


@dataclass
class Receiver:
    """A small real HTTP server: answers with the statuses given, then 200; None hangs."""

    statuses: list[int | None] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")[1:-2]
                headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(headers["content-length"]))
                self.got.append((headers, body))
                status = self.statuses.pop(0) if self.statuses else 200
                if status is None:
                    await reader.read()
                    return
                writer.write(f"HTTP/1.1 {status} X\r\nlocation: /\r\ncontent-length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]


@contextlib.asynccontextmanager
async def receiving(*statuses: int | None) -> AsyncIterator[Receiver]:
    receiver = Receiver(list(statuses))
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook/s3cr3t"
    try:
        yield receiver
    finally:
        server.close()


async def deliver_all(dispatcher: Dispatcher) -> None:
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(dispatcher.run())
        await dispatcher.aclose()
    await dispatcher.notifier.aclose()


QUICK = Patience(attempts=3, backoff_s=0.001, backoff_max_s=0.002)


async def test_the_payload_is_alertmanagers_with_signals_beside() -> None:
    async with receiving() as receiver:
        dispatcher = Dispatcher(WebhookNotifier(Settings(receiver.url)), QUICK)
        dispatcher.offer(
            [
                an_alert("all"),
                an_alert("task=math", State.RESOLVED, Notice.RESOLVED),
                an_alert("all", lane="b..d"),
            ],
            [SIGNAL],
        )
        await deliver_all(dispatcher)
    signal, first, second = receiver.bodies
    assert signal["signals"][0]["action"] == "rollback" and signal["alerts"] == []
    assert (first["version"], first["status"], first["receiver"]) == ("4", "firing", "webhook")
    assert first["groupLabels"] == {"alertname": "Breach", "lane": "b..c"}
    assert first["commonLabels"] == {"alertname": "Breach", "lane": "b..c", "severity": "critical"}
    assert first["commonAnnotations"] == {"runbook": "docs/runbooks/Breach.md"}
    assert [(a["status"], a["endsAt"]) for a in first["alerts"]] == [
        ("firing", "0001-01-01T00:00:00Z"),
        ("resolved", "2027-01-15T08:03:00.000Z"),
    ]
    assert first["alerts"][0]["startsAt"] == "2027-01-15T08:00:00.000Z"
    assert first["alerts"][0]["fingerprint"] == an_alert("all").fingerprint
    assert second["groupLabels"]["lane"] == "b..d"
    assert set(first) == {
        "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels",
        "commonAnnotations", "externalURL", "alerts", "signals",
    }  # fmt: skip


async def test_a_signature_lets_the_receiver_check_origin_and_age(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k3y\n")
    async with receiving() as receiver:
        notifier = WebhookNotifier(Settings(receiver.url, secret_file=str(tmp_path / "key")))
        await notifier.deliver(Message((an_alert(),)))
        await notifier.aclose()
    headers, body = receiver.got[0]
    stamp = headers["x-understudy-timestamp"]
    assert headers["x-understudy-signature"] == "sha256=" + signature(b"k3y", stamp, body)
    assert "k3y" not in repr(notifier) + repr(headers) and "s3cr3t" not in repr(notifier)


async def test_a_peer_that_falters_is_tried_again_until_it_takes_the_message() -> None:
    async with receiving(503, 429) as receiver:
        dispatcher = Dispatcher(WebhookNotifier(Settings(receiver.url)), QUICK)
        dispatcher.offer([an_alert()])
        await deliver_all(dispatcher)
    assert (len(receiver.got), dispatcher.delivered, dispatcher.failures) == (3, 1, 0)


@pytest.mark.parametrize("status", [400, 404, 302])
async def test_a_refusal_is_not_repeated(status: int) -> None:
    async with receiving(status) as receiver:
        dispatcher = Dispatcher(WebhookNotifier(Settings(receiver.url)), QUICK)
        dispatcher.offer([an_alert()])
        await deliver_all(dispatcher)
    assert (len(receiver.got), dispatcher.failures) == (1, 1)


async def test_a_hanging_and_a_dead_peer_fail_in_time_and_leak_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "understudy")
    caplog.set_level(logging.INFO)
    async with receiving(None) as receiver:
        notifier = WebhookNotifier(Settings(receiver.url, timeout_s=0.05))
        with pytest.raises(NotifyError, match=r"no answer within 0\.05 s"):
            await notifier.deliver(Message((an_alert(),)))
        await notifier.aclose()
    dead = Dispatcher(WebhookNotifier(Settings(receiver.url)), QUICK)
    dead.offer([an_alert()])
    await deliver_all(dead)
    assert dead.failures == 1
    assert "notification failed" in caplog.text
    assert "s3cr3t" not in caplog.text + str([vars(record) for record in caplog.records])


@dataclass
class Scripted:
    """A notifier in memory that does what it is told."""

    act: Callable[[], None] = lambda: None
    name: str = "scripted"
    resend: bool = False
    told: list[Message] = field(default_factory=list)

    async def deliver(self, message: Message) -> None:
        self.act()
        self.told.append(message)

    async def aclose(self) -> None:
        pass


async def test_resends_go_only_to_peers_that_forget() -> None:
    people, machine = Scripted(), Scripted(resend=True)
    for notifier in (people, machine):
        dispatcher = Dispatcher(notifier, QUICK)
        dispatcher.offer([an_alert(notice=Notice.RESENT)])
        dispatcher.offer([an_alert("x", notice=Notice.REPEATED)])
        await deliver_all(dispatcher)
    assert sum(len(m.alerts) for m in people.told) == 1
    assert sum(len(m.alerts) for m in machine.told) == 2


async def test_what_could_not_be_delivered_goes_out_with_the_next_resend() -> None:
    def fail() -> None:
        raise NotifyError("away")

    notifier = Scripted(fail)
    dispatcher = Dispatcher(notifier, QUICK)
    dispatcher.offer([an_alert()])
    await deliver_all(dispatcher)
    assert (dispatcher.failures, notifier.told) == (1, [])
    notifier.act = lambda: None
    dispatcher.offer([an_alert(notice=Notice.RESENT)])
    await deliver_all(dispatcher)
    dispatcher.offer([an_alert(notice=Notice.RESENT)])
    assert (len(notifier.told), dispatcher.waiting) == (1, 0)


async def test_a_defect_in_a_third_partys_notifier_ends_nothing() -> None:
    def crash() -> None:
        raise KeyError("oops")

    dispatcher = Dispatcher(Scripted(crash), QUICK)
    dispatcher.offer([an_alert()])
    await deliver_all(dispatcher)
    assert dispatcher.failures == 1


async def test_the_queue_coalesces_and_is_bounded_and_offering_never_waits() -> None:
    notifier = Scripted()
    dispatcher = Dispatcher(notifier, Patience(max_items=3), random.Random(1))
    for _ in range(1000):
        dispatcher.offer([an_alert("a")])
    dispatcher.offer([an_alert("a", State.RESOLVED, Notice.RESOLVED)])
    assert (dispatcher.waiting, dispatcher.dropped) == (1, 0)
    dispatcher.offer([an_alert(f"s{n}") for n in range(5)])
    assert (dispatcher.waiting, dispatcher.dropped) == (3, 3)
    await deliver_all(dispatcher)
    assert [a.labels["slice"] for m in notifier.told for a in m.alerts] == ["s2", "s3", "s4"]


async def test_the_log_has_one_line_per_alert_with_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "understudy.alert")
    notifier = LogNotifier()
    assert isinstance(notifier, Notifier)
    for message in grouped([an_alert(), an_alert("x", State.RESOLVED, Notice.RESOLVED)], [SIGNAL]):
        await notifier.deliver(message)
    await notifier.aclose()
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "signal rollback: math x refusal_lost"),
        ("ERROR", "alert Breach firing: all broke"),
        ("INFO", "alert Breach resolved: x broke"),
    ]
    assert vars(caplog.records[1])["labels"]["slice"] == "all"


def test_wrong_settings_are_one_line_errors_without_the_url(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"notify\.webhook\.url: must be http"):
        Settings("ftp://host/s3cr3t")
    with pytest.raises(ConfigError, match=r"key: No such file"):
        WebhookNotifier(Settings("http://h/", secret_file=str(tmp_path / "key")))
    (tmp_path / "key").write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        WebhookNotifier(Settings("http://h/", secret_file=str(tmp_path / "key")))
    assert issubclass(Refused, NotifyError)
