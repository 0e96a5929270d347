"""What is broken, how, and how it is mended: each fault begins under load and is lifted after it."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from chaos.proxy import Proxy

JUMP_S = 3600
ENGINE = "shadow"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail."""

    name: str
    title: str
    begin: Callable[[Proxy], None] = field(repr=False)
    lift: Callable[[Proxy], None] = field(repr=False)
    kills: bool = False
    """The supervisor has to bring something back, later each time if it dies again soon."""
    clock: bool = False
    """The deployment's wall clock is ours to set."""


def nothing(_: Proxy) -> None:
    """Lifting is done by others."""


def _mood(word: str) -> Callable[[Proxy], None]:
    """The shadow engine treats its calls so from now on."""

    def change(proxy: Proxy) -> None:
        ((_, process),) = proxy.stage.running[ENGINE]
        (proxy.stage.folder / ENGINE / "mood").write_text(word)
        process.send_signal(signal.SIGHUP)

    return change


def _engine(number: signal.Signals) -> Callable[[Proxy], None]:
    def send(proxy: Proxy) -> None:
        for _, process in proxy.stage.running[ENGINE]:
            process.send_signal(number)

    return send


def _signal(role: str, number: signal.Signals) -> Callable[[Proxy], None]:
    return lambda proxy: proxy.signal(role, number)


def _jump(seconds: int) -> Callable[[Proxy], None]:
    def set_clock(proxy: Proxy) -> None:
        assert proxy.clock is not None
        proxy.clock.jump(seconds)
        time.sleep(0.1)

    return set_clock


FAULTS: tuple[Fault, ...] = (
    # First: a new controller knows the observers it finds, so nothing may have ended one before.
    Fault(
        "controller-killed", "controller killed", _signal("controller", signal.SIGKILL), nothing, kills=True
    ),
    Fault("shadow-stopped", "shadow stopped", _engine(signal.SIGSTOP), _engine(signal.SIGCONT)),
    Fault(
        "shadow-refusing",
        "shadow refusing",
        lambda proxy: proxy.stage.stop(ENGINE),
        lambda proxy: proxy.stage.engine(ENGINE),
    ),
    Fault("shadow-slow", "shadow 10 x slower", _mood("slow"), _mood("well")),
    Fault("shadow-oversized", "shadow answers oversized", _mood("oversized"), _mood("well")),
    Fault("shadow-resetting", "shadow resets streams", _mood("resetting"), _mood("well")),
    Fault("shadow-garbage", "shadow sends garbage", _mood("garbage"), _mood("well")),
    Fault("analyzers-killed", "analyzers killed", _signal("analyzers", signal.SIGKILL), nothing, kills=True),
    Fault("disk-full", "disk full", Proxy.fill_disk, Proxy.free_disk),
    Fault(
        "observer-stopped",
        "observer stopped",
        _signal("observer", signal.SIGSTOP),
        _signal("observer", signal.SIGCONT),
    ),
    Fault("observer-killed", "observer killed", _signal("observer", signal.SIGKILL), nothing, kills=True),
    Fault("clock-jump", "clock an hour ahead and back", _jump(JUMP_S), _jump(0), clock=True),
)
