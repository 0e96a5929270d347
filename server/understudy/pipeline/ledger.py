"""The observers' accounting, summed over their boots: every eligible request has an outcome."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from understudy.v1 import pairs_pb2 as pb


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
        self._ended: set[str] = set()
        self.heard_ns = 0
        """Wall clock of the newest ledger."""

    def take(self, ledger: pb.Ledger, now_ns: int) -> bool:
        """Take an observer's newest cumulative counts; True when it was not heard of before."""
        new = ledger.boot not in self._latest
        self._latest[ledger.boot] = ledger
        self.heard_ns = now_ns
        self._ended.discard(ledger.boot)
        return new

    def end(self, boot: str) -> None:
        """An observer is gone: what it held is lost."""
        if boot in self._latest:
            self._ended.add(boot)

    @property
    def all(self) -> tuple[pb.Ledger, ...]:
        """The newest ledger of every observer there was."""
        return tuple(self._latest.values())

    @property
    def live(self) -> tuple[pb.Ledger, ...]:
        """The newest ledger of every observer still there."""
        return tuple(ledger for boot, ledger in self._latest.items() if boot not in self._ended)

    def watermark_ns(self) -> int | None:
        """All requests admitted before this are resolved and published; None with no observer."""
        return min((ledger.watermark_ns for ledger in self.live), default=None)

    def totals(self) -> Totals:
        """Everything, summed."""
        maps: dict[str, Counter[str]] = {
            name: Counter() for name in ("shed", "failed", "lost", "skipped", "unobserved", "leg_errors")
        }
        requests = eligible = paired = in_flight = 0
        for boot, ledger in self._latest.items():
            requests += ledger.requests
            eligible += ledger.eligible
            paired += ledger.paired
            if boot in self._ended:
                maps["lost"]["crashed"] += ledger.in_flight
            else:
                in_flight += ledger.in_flight
            for name, counter in maps.items():
                counter.update(getattr(ledger, name))
        return Totals(
            requests=requests,
            eligible=eligible,
            paired=paired,
            in_flight=in_flight,
            **{name: {k: v for k, v in counter.items() if v} for name, counter in maps.items()},
        )
