"""One round of one fault: the same load with the mirror off, and with it on and the fault begun; then the mending."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.stage import Load, Stage
from chaos.faults import Fault
from chaos.proxy import NAME, Counts, Proxy, bounds

CONNECTIONS = 8
"""Of each of the two loads; a probe opens half as many."""
STREAMS = 64
INTERVAL_US = 20_000
PROBE_S, PROBE_RATE = 0.4, 100
PROBE_WAIT_S = 4.0
"""How long the pairs of a probe may be on their way on a busy machine; a shadow deadline is shorter."""
SETTLE_S = 30.0
"""How long the accounting may take until nothing is in flight; the longest shadow deadline is below it."""
GIVE_UP_S = 20.0
"""How long pairs may take to flow again before the round is given up."""
STEADY_S = 31.0
"""The supervisor forgives a crash after 30 s."""

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Plan:
    """How often and how long."""

    rounds: int
    seconds: float
    """Of load, with the fault and without."""
    rate: int = 100
    """Unary calls a second beside the streams."""
    fresh: bool = True
    """A deployment for each fault; otherwise one for all that can share it."""
    client: str = ""
    """mirror.client; empty is the default."""


FULL = Plan(10, 7.0)
"""64 streams at 20 ms for 7 s give 21,000 samples a half."""
QUICK = Plan(1, 1.2, fresh=False)


class Stuck(Exception):
    """The deployment did not come to rest: it has to be started anew."""


@dataclass(slots=True)
class Round:
    """What a round has found, by kind."""

    off: Figures = field(default_factory=dict)
    on: Figures = field(default_factory=dict)
    recovery: Figures = field(default_factory=dict)
    account: Figures = field(default_factory=dict)
    memory: Figures = field(default_factory=dict)
    sent: int = 0
    """Calls and streams of the load, probes included."""
    errors: int = 0
    """Those of them that failed, while the mirror was off too."""

    def add(self, said: dict[str, Any]) -> None:
        """Count what one load generator sent: all that did not end well and unchanged is an error."""
        self.sent += said["sent"]
        self.errors += said["errors"] + said["mismatched"] + said["unsent"] + said["sent"] - said["done"]


def measure(proxy: Proxy, fault: Fault, plan: Plan, number: int) -> Round:
    """Both halves, the first of them in turn; recovery, memory and accounts.

    Raises:
        Stuck: its accounts did not come to rest.
    """
    found, before = Round(), _settled(proxy)
    with proxy.watched() as peaks:
        for faulty in (bool(number % 2), not number % 2):
            proxy.mirror(faulty)
            if not faulty:
                found.off = _half(proxy.stage, plan, found)
                continue
            try:
                found.on = _half(proxy.stage, plan, found, lambda: _begin(proxy, fault))
            finally:
                lifted = time.monotonic()
                fault.lift(proxy)
            found.recovery = _recovery(proxy, found, lifted)
        proxy.mirror(True)
        after = _settled(proxy, before.requests + before.unobserved + found.sent)
    found.account = account(after.since(before), found.sent)
    allowed = bounds(2 * CONNECTIONS + CONNECTIONS // 2)
    for role, peak in peaks.items():
        found.memory[f"{role}_bytes"] = peak
        found.memory[f"{role}_share"] = (peak - proxy.rest[role]) / allowed[role]
    return found


def _begin(proxy: Proxy, fault: Fault) -> None:
    proxy.broken = time.monotonic()
    fault.begin(proxy)


def warm(proxy: Proxy, seconds: float) -> None:
    """Load it with the mirror on and no fault, and note what memory each process takes then.

    Raises:
        Stuck: its accounts did not come to rest.
    """
    with proxy.watched() as peaks:
        found = Round()
        _half(proxy.stage, Plan(1, seconds), found)
        _settled(proxy, found.sent)
        proxy.until(lambda told: bool(told["scored"] >= told["counts"]["paired"]), SETTLE_S)
        time.sleep(1.5)  # a part of the capture is sealed
    proxy.rest = dict(peaks)


def account(added: Counts, sent: int) -> Figures:
    """What became of every call.

    `unseen` were seen by no observer that lived to tell: that must not be, but on connections counted as blind.
    """
    # A request that was taken on and then could not be followed counts as both.
    unseen = max(0, sent - added.requests - added.unobserved)
    fine = (
        added.balanced and not added.in_flight and added.requests <= sent and (not unseen or added.blind > 0)
    )
    names = ("requests", "eligible", "paired", "shed", "failed", "lost", "unobserved", "blind")
    return {
        "sent": sent,
        **{name: float(getattr(added, name)) for name in names},
        "unseen": unseen,
        "fine": float(fine),
    }


def _half(stage: Stage, plan: Plan, found: Round, fault: Callable[[], None] | None = None) -> Figures:
    """Short calls and paced streams together; a fault begins when a fifth of the time has passed."""
    loads: dict[str, Load] = {}
    figures: Figures = {}
    try:
        with stage.hurried():
            loads["message"] = stage.begin(
                NAME, "streams", plan.seconds, CONNECTIONS, STREAMS, INTERVAL_US, urgent=True
            )
            loads["call"] = stage.begin(NAME, "open", plan.seconds, CONNECTIONS, plan.rate, urgent=True)
            if fault is not None:
                time.sleep(plan.seconds / 5)
                fault()
            for kind, load in loads.items():
                said = stage.finish(load)
                found.add(said)
                figures |= {f"{kind}_{name}": float(said[name]) for name in ("p50_us", "p99_us", "samples")}
    finally:
        for load in loads.values():
            load.process.kill()
            load.process.wait()
    return figures


def _recovery(proxy: Proxy, found: Round, lifted: float) -> Figures:
    """Seconds until the first of a row of probes begins whose calls are all paired."""
    while (began := time.monotonic()) < lifted + GIVE_UP_S:
        before = proxy.counts()
        probe = proxy.stage.begin(NAME, "open", PROBE_S, CONNECTIONS // 2, PROBE_RATE)
        said = proxy.stage.finish(probe)
        found.add(said)
        if before is not None and _all_paired(proxy, before, int(said["sent"])):
            return {"seconds": began - lifted, "recovered": 1.0}
    return {"seconds": GIVE_UP_S, "recovered": 0.0}


def _all_paired(proxy: Proxy, before: Counts, sent: int) -> bool:
    deadline = time.monotonic() + PROBE_WAIT_S
    while time.monotonic() < deadline:
        time.sleep(0.1)
        now = proxy.counts()
        if now is None:
            return False
        added = now.since(before)
        if added.shed or added.failed or added.lost or added.unobserved:
            return False
        if added.requests == added.eligible == sent and added.paired >= sent and not now.in_flight:
            return True
    return False


def _settled(proxy: Proxy, calls: int = 0) -> Counts:
    counts = proxy.settled(SETTLE_S, calls)
    if counts is None:
        raise Stuck(f"its accounts did not come to rest within {SETTLE_S:g} s: {proxy.counts()}")
    return counts
