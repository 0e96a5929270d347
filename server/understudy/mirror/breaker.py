"""A leg whose address refuses connections costs little while it does."""

from dataclasses import dataclass

from understudy.mirror.settings import Settings


@dataclass(slots=True)
class Breaker:
    """Closed, open until a time, then half-open: one call goes through and decides.

    It limits the cost of a dead engine only: each call it stops is still recorded as that leg's failure.
    """

    settings: Settings
    refusals: int = 0
    """Connections refused in a row."""
    open_until_ns: int = 0
    probing: bool = False

    @property
    def open(self) -> bool:
        """True when the leg is thought dead."""
        return self.refusals >= self.settings.breaker_failures

    def allows(self, now_ns: int) -> bool:
        """Whether to call; while open, one probe per pause."""
        if not self.open:
            return True
        if self.probing or now_ns < self.open_until_ns:
            return False
        self.probing = True
        return True

    def answered(self) -> None:
        """The engine said something, be it an error."""
        self.refusals, self.probing = 0, False

    def refused(self, now_ns: int) -> None:
        """The address refused the connection."""
        if self.open and not self.probing:
            return  # on its way when the breaker opened: the same news, many times over
        self.refusals += 1
        self.probing = False
        if self.open:
            doublings = min(self.refusals - self.settings.breaker_failures, 20)
            pause_s = min(self.settings.breaker_longest_s, self.settings.breaker_first_s * 2.0**doublings)
            self.open_until_ns = now_ns + int(pause_s * 1e9)

    def abandoned(self) -> None:
        """A call ended without saying whether the engine lives (cancelled): probe again."""
        self.probing = False
