"""Counting: pure functions from records to numbers. docs/switch.md has the definitions."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from statistics import median

from bench.switch.records import OK, UNAVAILABLE, Call, Records, Switch


@dataclass(frozen=True, slots=True)
class Short:
    """RPCs that are one request."""

    calls: int
    failed: int
    truncated: int
    mixed: int
    late: int
    after: int
    """Those begun after a switch was complete and before the next: any of them might have been late."""
    under_way: int
    """Begun before the order and answered after it."""
    errors: dict[str, int]


@dataclass(frozen=True, slots=True)
class Held:
    """Streams whose every message is a request."""

    callers: int
    requests: int
    unavailable: int
    most: int
    """UNAVAILABLEs that one caller got of one order."""
    truncated: int
    """A request that an engine had was not answered whole, and the drain limit was not over."""
    at_limit: int
    """The same after the limit."""
    crossed: int
    """A request was on its way, and no engine ever had it: the end and the request met."""
    broken: int
    """Streams that ended otherwise, or before anything was ordered."""
    mixed: int
    errors: dict[str, int]


@dataclass(frozen=True, slots=True)
class Tail:
    """Seconds from an order to the last byte of the old engine that a caller got; None: it got none."""

    short: float | None
    held: float | None
    longest: float
    """How long the longest request of those took, from its beginning."""


def short(records: Records, switches: Sequence[Switch] = ()) -> Short:
    """Count the RPCs that are one request."""
    calls = [each for each in records.calls if each.short]
    bad = [each for each in calls if each.code != OK]
    late = after = under_way = 0
    for call in calls:
        switch = _before(call.began, switches)
        if switch is not None and call.began > switch.complete:
            after += 1
            late += switch.old in call.names
        under_way += any(call.began < each.ordered < call.ended for each in switches)
    return Short(
        calls=len(calls),
        failed=len(bad),
        truncated=sum(_cut(each) for each in calls),
        mixed=sum(len(each.names) > 1 for each in calls),
        late=late,
        after=after,
        under_way=under_way,
        errors=dict(Counter(f"{each.code} {each.error}" for each in bad)),
    )


def held(records: Records, orders: Sequence[int], heard: AbstractSet[str], drain_max_s: float) -> Held:
    """Count what became of held streams; `orders` are times in order, `heard` the ids of requests engines had."""
    per: Counter[tuple[str, int]] = Counter()
    errors: Counter[str] = Counter()
    unavailable = truncated = at_limit = crossed = broken = 0
    for ending in records.endings:
        window = bisect_right(orders, ending.at) - 1
        if ending.code == UNAVAILABLE:
            unavailable += 1
            per[ending.caller, window] += 1
        if ending.code not in (OK, UNAVAILABLE) or (ending.code != OK and window < 0):
            broken += 1
        if ending.code != OK:
            errors[f"{ending.code} {ending.error}"] += 1
        if not ending.pending:
            continue
        if not ending.got and ending.pending not in heard:
            crossed += 1
        elif window >= 0 and ending.at - orders[window] >= drain_max_s * 1e9:
            at_limit += 1
        else:
            truncated += 1
    requests = [each for each in records.calls if not each.short]
    return Held(
        callers=len({each.caller for each in requests} | {each.caller for each in records.endings}),
        requests=len(requests),
        unavailable=unavailable,
        most=max(per.values(), default=0),
        truncated=truncated,
        at_limit=at_limit,
        crossed=crossed,
        broken=broken,
        mixed=sum(len(each.names) > 1 for each in records.endings),
        errors=dict(errors),
    )


def tails(records: Records, switches: Sequence[Switch]) -> list[Tail]:
    """For each switch, how long the old engine was still heard."""
    found = []
    for number, switch in enumerate(switches):
        until = switches[number + 1].ordered if number + 1 < len(switches) else 1 << 63
        old = [
            each
            for each in records.calls
            if switch.ordered < each.last < until and switch.old in each.names and each.began < until
        ]
        found.append(
            Tail(
                _last([each for each in old if each.short], switch.ordered),
                _last([each for each in old if not each.short], switch.ordered),
                max(((each.last - each.began) / 1e9 for each in old), default=0.0),
            )
        )
    return found


def refused(records: Records) -> tuple[int, dict[str, int]]:
    """Connects tried in all, and those not taken or not answered, by reason."""
    reasons = Counter(each.why for each in records.knocks if each.why)
    return sum(each.tried for each in records.knocks), dict(reasons)


def middle(values: Sequence[float | None]) -> dict[str, float | None]:
    """Median and most of those there are."""
    known = [each for each in values if each is not None]
    if not known:
        return {"median": None, "most": None}
    return {"median": round(median(known), 4), "most": round(max(known), 4)}


def _cut(call: Call) -> bool:
    """Fewer messages than asked for, though it began to be answered or ended well; else it failed, which counts."""
    return call.got < call.asked and (call.got > 0 or call.code == OK)


def _before(at: int, switches: Sequence[Switch]) -> Switch | None:
    """The latest switch ordered by then."""
    number = bisect_right(switches, at, key=lambda one: one.ordered) - 1
    return switches[number] if number >= 0 else None


def _last(calls: Sequence[Call], since: int) -> float | None:
    return max(((each.last - since) / 1e9 for each in calls), default=None)
