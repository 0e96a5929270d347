"""The observers' accounting, summed over their boots: every eligible request has an outcome."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from understudy.v1 import pairs_pb2 as pb

COUNTS = "counts"
MAPS = ("shed", "failed", "lost", "skipped", "unobserved", "leg_errors")

KEPT = 32
"""Ended boots remembered one by one, in case one of them was only cut off and comes back."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts since the controller's state began: eligible = paired + shed + failed + lost + in_flight."""

    requests: int = 0
    eligible: int = 0
    paired: int = 0
    shed: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)
    in_flight: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    unobserved: Mapping[str, int] = field(default_factory=dict)
    leg_errors: Mapping[str, int] = field(default_factory=dict)

    @property
    def accounted(self) -> bool:
        """The invariant."""
        told = (self.shed, self.failed, self.lost)
        return self.eligible == self.paired + self.in_flight + sum(sum(m.values()) for m in told)


class Books:
    """One ledger per observer boot; a boot that ended takes its requests in flight to lost{crashed}."""

    def __init__(self) -> None:
        self._latest: dict[str, pb.Ledger] = {}
        self._heard: dict[str, int] = {}
        self._ended: set[str] = set()
        self._folded: dict[str, Counter[str]] = {}
        """Sums of boots that ended long ago: an observer that dies for ever must not fill the memory."""

    def take(self, ledger: pb.Ledger, now_ns: int) -> bool:
        """Take an observer's newest cumulative counts; True when it was not heard of before."""
        new = ledger.boot not in self._latest
        self._latest[ledger.boot] = ledger
        self._heard[ledger.boot] = now_ns
        self._ended.discard(ledger.boot)
        return new

    def silent(self, now_ns: int, quiet_ns: int) -> tuple[str, ...]:
        """Boots not ended of which nothing was heard for so long (a clock that went back counts as no time)."""
        return tuple(one.boot for one in self.live if now_ns - self._heard[one.boot] > quiet_ns)

    def end(self, boot: str) -> None:
        """An observer is gone: what it held is lost."""
        if boot in self._latest:
            self._ended.add(boot)
        while len(self._ended) > KEPT:
            oldest = next(one for one in self._latest if one in self._ended)
            for name, counter in self._sums(self._latest.pop(oldest), ended=True).items():
                self._folded.setdefault(name, Counter()).update(counter)
            self._ended.discard(oldest)
            del self._heard[oldest]

    @property
    def live(self) -> tuple[pb.Ledger, ...]:
        """The newest ledger of every observer still there."""
        return tuple(ledger for boot, ledger in self._latest.items() if boot not in self._ended)

    def watermark_ns(self) -> int | None:
        """All requests admitted before this are resolved and published; None with no observer."""
        return min((ledger.watermark_ns for ledger in self.live), default=None)

    def totals(self) -> Totals:
        """Everything, summed."""
        sums: dict[str, Counter[str]] = {name: Counter(self._folded.get(name)) for name in (COUNTS, *MAPS)}
        for boot, ledger in self._latest.items():
            for name, counter in self._sums(ledger, ended=boot in self._ended).items():
                sums[name].update(counter)
        counts = sums.pop(COUNTS)
        return Totals(
            requests=counts["requests"],
            eligible=counts["eligible"],
            paired=counts["paired"],
            in_flight=counts["in_flight"],
            **{name: {k: v for k, v in counter.items() if v} for name, counter in sums.items()},
        )

    @staticmethod
    def _sums(ledger: pb.Ledger, *, ended: bool) -> dict[str, Counter[str]]:
        """One boot's counts; what an ended one held in flight is lost."""
        sums = {name: Counter(dict(getattr(ledger, name))) for name in MAPS}
        counts = Counter(requests=ledger.requests, eligible=ledger.eligible, paired=ledger.paired)
        if ended:
            sums["lost"]["crashed"] += ledger.in_flight
        else:
            counts["in_flight"] = ledger.in_flight
        return sums | {COUNTS: counts}
