"""When control calls must leave the engine that serves the callers alone."""

from dataclasses import dataclass

from understudy.mirror.settings import Settings

FAST = 1 / 8
SLOW = 1 / 256
LEAST = 32
"""Replies before a mean is worth comparing with."""


@dataclass(slots=True)
class Strain:
    """A breaker on what the callers feel: how many of their calls are open, how long they wait for a first word.

    It compares a short moving mean of the wait with a long one, so it needs no limit in seconds, which would be
    another one for every model.
    """

    settings: Settings
    replies: int = 0
    fast_ns: float = 0.0
    slow_ns: float = 0.0
    rests_until_ns: int = 0

    def saw(self, first_ns: int, now_ns: int) -> bool:
        """A caller waited this long for the first word; True when the calls must stop now."""
        self.replies += 1
        if self.replies == 1:
            self.fast_ns = self.slow_ns = float(first_ns)
        self.fast_ns += (first_ns - self.fast_ns) * FAST
        self.slow_ns += (first_ns - self.slow_ns) * max(SLOW, 1 / self.replies)
        slow = self.replies > LEAST and self.fast_ns > self.slow_ns * self.settings.control_primary_slow
        if slow:
            self.rests_until_ns = now_ns + int(self.settings.control_primary_rest_s * 1e9)
        return slow

    def rests(self, open_calls: int, now_ns: int) -> bool:
        """Whether no control call may be made now, with this many calls of callers open."""
        return now_ns < self.rests_until_ns or open_calls >= self.settings.control_primary_busy

    def forget(self) -> None:
        """Another engine serves the callers."""
        self.replies, self.fast_ns, self.slow_ns = 0, 0.0, 0.0
