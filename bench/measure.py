"""What is measured on a row, once: each function gives the figures of one round, or None with the reason."""

import math
import resource
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
SAMPLES = 20_000
"""Of a latency that is to be known."""
MOST_STREAMS = 12_000
SPARE_FILES = 1_000
"""Descriptors that a process needs beside those of streams."""
MOST_RATE = 200_000
LATE_S = 10.0
"""How late pairs may come where neither their rate nor their number is the question."""
UNPACED = 16
SCARCE_RATE = 2_000
"""Calls a second to the engine of finite capacity: four fifths of it."""
PROBE_S = 0.002
"""How often the relay's probe looks at its loop while 64 streams run."""
VARIED = ("varied",)
LATEST_S = 30.0
"""The same where far more comes than the observer can follow."""
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
    """Rounds of what is started afresh each time, and of measures that no target needs an interval of."""
    looks: int
    """Rounds of measures that only fill a column."""
    latency_s: float
    most_s: float
    cost_s: float
    probe_s: float
    scarce_s: float
    unpaced_s: float
    """Short: the observer needs several times as long to be done with what came."""
    halvings: int
    """How often a limit, once bracketed by a factor of `step`, is narrowed."""
    step: float = STEP
    rate: int = 1000
    """Calls a second at which CPU is measured."""


FULL = Plan(
    10, 10, 6, 4, latency_s=7.0, most_s=2.0, cost_s=3.0, probe_s=2.0, scarce_s=10.5, unpaced_s=0.5, halvings=3
)
"""64 streams at 20 ms for 7 s give 21,000 samples a round, the first 0.3 s left out."""
QUICK = Plan(
    1,
    1,
    1,
    1,
    latency_s=1.0,
    most_s=0.5,
    cost_s=1.0,
    probe_s=0.5,
    scarce_s=1.0,
    unpaced_s=0.2,
    halvings=1,
    step=3.0,
)


def latency(field: Field, row: Row, plan: Plan) -> Figures:
    """64 streams at 20 ms: from the engine's stamp in each message to its arrival, microseconds."""
    before = field.account(row)
    field.probe(row, PROBE_S)
    told = field.load(row, "streams", plan.latency_s, CONNECTIONS, STREAMS, INTERVAL_US, urgent=True)
    seen = field.probe(row, 0)
    _whole(told)
    if row.count and not field.settled(row, before, told["sent"], LATE_S):
        raise Unusable("not every stream was observed and paired")
    figures = _times(told) | {name: float(told[name]) for name in ("p999_us", "max_us")}
    if seen is not None and seen["ticks"]:
        figures |= {"lag_ms": seen["lag_max_s"] * 1e3, "own_ms": seen["own_max_s"] * 1e3}
    return figures


def hung(field: Field, row: Row, plan: Plan) -> Figures:
    """The same while the shadow engine is stopped; it goes on afterwards, and what waited is waited for."""
    with field.frozen("shadow") if row.pairs else nullcontext():
        told = field.load(row, "streams", plan.latency_s, CONNECTIONS, STREAMS, INTERVAL_US, urgent=True)
    field.rest(row)
    _whole(told)
    return _times(told)


def scarce(field: Field, row: Row, plan: Plan) -> Figures:
    """Unary calls at four fifths of what an engine of finite capacity can serve: how long they take."""
    before = field.account(row)
    told = field.load(row, "open", plan.scarce_s, CONNECTIONS, SCARCE_RATE, urgent=True)
    _whole(told)
    if row.count and not field.settled(row, before, told["sent"], LATE_S):
        raise Unusable("not every call was paired")
    if not row.count:
        return _times(told)
    controls = field.account(row).controls - before.controls
    return _times(told) | {"controls": controls / told["sent"]}


def unpaced(field: Field, row: Row, plan: Plan) -> Figures:
    """Messages a second of streams that have no pace; `kept` is the share of streams observed, or paired."""
    before = field.account(row)
    told = field.load(row, "unpaced", plan.unpaced_s, CONNECTIONS, UNPACED)
    _whole(told)
    figures = {"messages_s": told["messages"] / told["seconds"]}
    if not row.count:
        return figures
    now = field.accounted(row, before, told["sent"], LATEST_S)
    if now is None:
        raise Unusable("not every stream was accounted for")
    # What was given up stands there whether it was a request by then or not.
    kept = now.paired - before.paired if row.pairs else told["sent"] - (now.dropped - before.dropped)
    return figures | {"kept": kept / told["sent"]}


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
        """The highest open-loop rate of unary calls with p99 within 100 ms, all observed or paired, none shed.

        Of a row that observes nothing it is the plain maximum, 64 calls open at all times: what the other rows of
        this round are held against.
        """
        return self._rate("rate", field, row, plan, ())

    def varied(self, field: Field, row: Row, plan: Plan) -> Figures:
        """The same where each request has a header with a value of its own."""
        return self._rate("varied", field, row, plan, VARIED)

    def _rate(self, kind: str, field: Field, row: Row, plan: Plan, words: Sequence[str]) -> Figures:
        def carries(rate: float) -> bool:
            before = field.account(row)
            told = field.load(row, "open", plan.probe_s, CONNECTIONS, rate, urgent=True, words=words)
            return _carried(field, row, before, told, OPEN_P99_US)

        if row.count:
            return self._most(kind, "rps", row, plan, 1000, MOST_RATE, carries)
        told = field.load(row, "closed", plan.most_s, CONNECTIONS, CLOSED, urgent=True, words=words)
        _whole(told)
        return {"rps": told["done"] / told["seconds"], "capped": 0.0}

    def held(self, field: Field, row: Row, plan: Plan) -> Figures:
        """The most streams at 20 ms with p99 within 10 ms, all paired if the row pairs, none shed."""

        def carries(streams: float) -> bool:
            count, before = int(streams), field.account(row)
            connections = max(CONNECTIONS, count // 64)
            # As many samples as are needed; what has to be paired as well has to keep that up for longer.
            enough = 0.3 + SAMPLES * INTERVAL_US / 1e6 / count
            seconds = max(1.0, plan.probe_s if row.count else min(plan.probe_s, enough))
            told = field.load(row, "streams", seconds, connections, count, INTERVAL_US, urgent=True)
            return _carried(field, row, before, told, HELD_P99_US)

        # nginx needs a descriptor for each stream, and so does the engine behind it.
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return self._most("held", "streams", row, plan, 64, min(MOST_STREAMS, files - SPARE_FILES), carries)

    def _most(
        self,
        kind: str,
        name: str,
        row: Row,
        plan: Plan,
        first: float,
        cap: float,
        carries: Callable[[float], bool],
    ) -> Figures:
        start = self._known.get((kind, row.name), first)
        # Where the last round ended one bad moment is no limit; elsewhere a retry costs more than it tells.
        # What is about known is looked for in smaller steps, to the same factor.
        known = (kind, row.name) in self._known
        step, halvings = (math.sqrt(plan.step), plan.halvings - 1) if known else (plan.step, plan.halvings)
        found = search(start, cap, halvings, lambda at: carries(at) or (at == start and carries(at)), step)
        if found:
            self._known[kind, row.name] = found
        return {name: float(int(found)), "capped": float(found >= cap)}


def search(
    start: float, cap: float, halvings: int, carries: Callable[[float], bool], step: float = STEP
) -> float:
    """The largest amount up to `cap` that is carried, to a factor of step ** (1 / 2 ** halvings); 0: not even 1."""
    good, bad, at = 0.0, math.inf, min(start, cap)
    while bad == math.inf or (not good and bad > 1):
        if carries(at):
            good = at
            if at >= cap:
                return cap
            if bad < math.inf:
                break
            at = min(cap, at * step)
        else:
            bad = at
            if good:
                break
            at /= step
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


def _times(told: dict[str, float]) -> Figures:
    return {name: float(told[name]) for name in ("p50_us", "p99_us", "samples")}


def _whole(told: dict[str, float]) -> None:
    if told["errors"] or told["mismatched"] or told["done"] != told["sent"]:
        raise Unusable(
            f"of {told['sent']} calls {told['sent'] - told['done']} did not end, {told['errors']} failed, "
            f"{told['mismatched']} differed"
        )
