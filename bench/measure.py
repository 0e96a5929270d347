"""What is measured on a row, once: each function gives the figures of one round, or None with the reason."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from bench.field import Account, Field
from bench.rows import Row
from bench.stats import slope

CONNECTIONS = 8
STREAMS = 64
INTERVAL_US = 20_000
CLOSED = 64
HELD_P99_US = 10_000
OPEN_P99_US = 100_000
MOST_STREAMS = 4000
MOST_RATE = 200_000
LATE_S = 10.0
"""How late pairs may come where neither their rate nor their number is the question."""
IDLE = (0, 256, 512, 1024)
STEP = 1.5

Figures = dict[str, float]


class Unusable(Exception):
    """A round that says nothing: calls failed, or not everything was paired."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How often and how long."""

    rounds: int
    searches: int
    """Rounds of the measures that look for a limit."""
    restarts: int
    """Fresh starts for the measure of memory."""
    latency_s: float
    most_s: float
    cost_s: float
    probe_s: float
    halvings: int
    """How often a limit, once bracketed by a factor of 1.5, is narrowed."""
    rate: int = 1000
    """Calls a second at which CPU is measured."""


FULL = Plan(10, 10, 6, latency_s=8.0, most_s=2.0, cost_s=3.0, probe_s=2.0, halvings=3)
"""64 streams at 20 ms for 8 s give 24,000 samples a round."""
QUICK = Plan(2, 1, 1, latency_s=1.0, most_s=0.5, cost_s=1.0, probe_s=0.5, halvings=1)


def latency(field: Field, row: Row, plan: Plan) -> Figures:
    """64 streams at 20 ms: from the engine's stamp in each message to its arrival, microseconds."""
    before = field.account(row)
    told = field.load(row, "streams", plan.latency_s, CONNECTIONS, STREAMS, INTERVAL_US, urgent=True)
    _whole(told)
    if row.count and not field.settled(row, before, told["sent"], LATE_S):
        raise Unusable("not every stream was observed and paired")
    figures = {name: float(told[name]) for name in ("p50_us", "p99_us", "p999_us", "max_us", "samples")}
    lag_s = field.lag_s(row.name) if row.name in ("relay", "observed", "paired") else None
    return figures if lag_s is None else figures | {"lag_ms": lag_s * 1e3}


def hung(field: Field, row: Row, plan: Plan) -> Figures:
    """The same while the shadow engine is stopped; it goes on afterwards, and what waited is waited for."""
    with field.frozen("shadow") if row.pairs else nullcontext():
        told = field.load(row, "streams", plan.latency_s, CONNECTIONS, STREAMS, INTERVAL_US, urgent=True)
    field.rest(row)
    _whole(told)
    return {name: float(told[name]) for name in ("p50_us", "p99_us", "samples")}


def most(field: Field, row: Row, plan: Plan) -> Figures:
    """Unary calls a second, 64 open at all times."""
    told = field.load(row, "closed", plan.most_s, CONNECTIONS, CLOSED)
    _whole(told)
    return {"rps": told["done"] / told["seconds"], "p99_us": told["p99_us"]}


def cost(field: Field, row: Row, plan: Plan) -> Figures:
    """CPU microseconds of the whole process tree per call, at 1,000 a second."""
    before, spent = field.account(row), field.cpu_s(row.name)
    told = field.load(row, "open", plan.cost_s, CONNECTIONS, plan.rate)
    if told["errors"] or told["mismatched"] or not told["done"]:
        raise Unusable(f"{told['errors']} calls failed, {told['mismatched']} differed")
    if row.count and not field.settled(row, before, told["sent"], LATE_S):
        raise Unusable("not every call was observed and paired")
    parts = {name: 1e6 * (now - spent[name]) / told["done"] for name, now in field.cpu_s(row.name).items()}
    return {"cpu_us": sum(parts.values())} | {f"cpu_us {name}": value for name, value in parts.items()}


def memory(field: Field, row: Row, plan: Plan) -> Figures:
    """Resident bytes per idle stream: the slope from none to 1,024 on a path just started."""
    field.start(row)
    try:
        points = list(_growth(field, row))
    finally:
        field.stop(row.name)
    return {"bytes": slope(points)}


def _growth(field: Field, row: Row) -> Iterator[tuple[int, int]]:
    def hold(levels: Sequence[int], now: int) -> Iterator[tuple[int, int]]:
        time.sleep(0.3)
        yield now, field.resident(row.name)
        if not levels:
            return
        with field.held(row, levels[0] - now, max(1, (levels[0] - now) // 64)) as answered:
            if answered != levels[0] - now:
                raise Unusable(f"{answered} of {levels[0] - now} idle streams were answered")
            yield from hold(levels[1:], levels[0])

    return hold(IDLE[1:], IDLE[0])


class Limits:
    """Looks for the most that a row carries; each search begins where the row's last one ended."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], float] = {}

    def rate(self, field: Field, row: Row, plan: Plan) -> Figures:
        """The highest open-loop rate of unary calls with p99 within 100 ms, all observed or paired, none shed."""

        def carries(rate: float) -> bool:
            before = field.account(row)
            told = field.load(row, "open", plan.probe_s, CONNECTIONS, rate, urgent=True)
            return _carried(field, row, before, told, OPEN_P99_US)

        return self._most("rps", row, plan, 1000, MOST_RATE, carries)

    def held(self, field: Field, row: Row, plan: Plan) -> Figures:
        """The most streams at 20 ms with p99 within 10 ms, all paired if the row pairs, none shed."""

        def carries(streams: float) -> bool:
            count, before = int(streams), field.account(row)
            connections = max(CONNECTIONS, count // 64)
            seconds = max(1.0, plan.probe_s)
            told = field.load(row, "streams", seconds, connections, count, INTERVAL_US, urgent=True)
            return _carried(field, row, before, told, HELD_P99_US)

        return self._most("streams", row, plan, 64, MOST_STREAMS, carries)

    def _most(
        self, name: str, row: Row, plan: Plan, first: float, cap: float, carries: Callable[[float], bool]
    ) -> Figures:
        start = self._known.get((name, row.name), first)
        # Where the last round ended one bad moment is no limit; elsewhere a retry costs more than it tells.
        found = search(start, cap, plan.halvings, lambda at: carries(at) or (at == start and carries(at)))
        if found:
            self._known[name, row.name] = found
        return {name: float(int(found)), "capped": float(found >= cap)}


def search(start: float, cap: float, halvings: int, carries: Callable[[float], bool]) -> float:
    """The largest amount up to `cap` that is carried, to a factor of 1.5 ** (1 / 2 ** halvings); 0: not even 1."""
    good, bad, at = 0.0, math.inf, min(start, cap)
    while bad == math.inf or (not good and bad > 1):
        if carries(at):
            good = at
            if at >= cap:
                return cap
            if bad < math.inf:
                break
            at = min(cap, at * STEP)
        else:
            bad = at
            if good:
                break
            at /= STEP
    if not good:
        return 0.0
    for _ in range(halvings):
        middle = math.sqrt(good * bad)
        good, bad = (middle, bad) if carries(middle) else (good, middle)
    return good


def _carried(field: Field, row: Row, before: Account, told: dict[str, float], p99_us: float) -> bool:
    whole = not (told["errors"] or told["mismatched"] or told["unsent"]) and told["done"] == told["sent"]
    good = whole and told["p99_us"] <= p99_us
    if row.count and not (good and field.settled(row, before, int(told["sent"]))):
        field.rest(row)
        return False
    return good


def _whole(told: dict[str, float]) -> None:
    if told["errors"] or told["mismatched"] or told["done"] != told["sent"]:
        raise Unusable(
            f"of {told['sent']} calls {told['sent'] - told['done']} did not end, {told['errors']} failed, "
            f"{told['mismatched']} differed"
        )
