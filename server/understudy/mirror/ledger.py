"""What became of every request: the accounting that must always balance."""

from collections import Counter
from dataclasses import dataclass, field

from understudy.pair import Outcome, Reason


@dataclass(slots=True)
class Ledger:
    """Cumulative counts since this observer's boot.

    eligible = paired + shed + failed + lost + in_flight, and requests = eligible + skipped, after every call.
    """

    requests: int = 0
    eligible: int = 0
    paired: int = 0
    in_flight: int = 0
    shed: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    unobserved: Counter[str] = field(default_factory=Counter)
    leg_errors: Counter[str] = field(default_factory=Counter)
    """Leg -> replies that failed."""
    admitted: Counter[int] = field(default_factory=Counter)
    """Tick -> requests admitted in it."""

    @property
    def balanced(self) -> bool:
        """Whether the two sums hold."""
        resolved = self.paired + self.shed.total() + self.failed.total() + self.lost.total()
        return (
            self.eligible == resolved + self.in_flight
            and self.requests == self.eligible + self.skipped.total()
            and self.in_flight >= 0
        )

    def skip(self, reason: str) -> None:
        """A request that is not eligible."""
        self.requests += 1
        self.skipped[reason] += 1

    def admit(self, tick: int) -> None:
        """An eligible request that the mirror took on."""
        self.requests += 1
        self.eligible += 1
        self.in_flight += 1
        self.admitted[tick] += 1

    def refuse(self, outcome: Outcome, reason: Reason) -> None:
        """An eligible request that the mirror did not take on."""
        self.requests += 1
        self.eligible += 1
        self._count(outcome, reason)

    def resolve(self, outcome: Outcome, reason: Reason | None = None) -> None:
        """An admitted request's end."""
        self.in_flight -= 1
        self._count(outcome, reason)

    def _count(self, outcome: Outcome, reason: Reason | None) -> None:
        if outcome is Outcome.PAIRED:
            self.paired += 1
            return
        if reason is None:
            raise ValueError(f"{outcome} needs a reason")
        {Outcome.SHED: self.shed, Outcome.FAILED: self.failed, Outcome.LOST: self.lost}[outcome][
            reason.value
        ] += 1

    def forget(self, tick: int) -> None:
        """Drop the admission counts of ticks before this one."""
        for old in [known for known in self.admitted if known < tick]:
            del self.admitted[old]
