"""Bytes that the calls in flight hold together: one caller's large messages must not end everybody's calls."""


class Full(Exception):
    """A message does not fit beside what the calls in flight hold: its call ends, with this text."""

    def __init__(self, size: int, used: int, limit: int) -> None:
        super().__init__(
            f"the proxy has no room for {size} bytes more: calls in flight hold {used} of "
            f"compat.total_bytes = {limit}: try again later"
        )


class Budget:
    """What is held of all calls."""

    __slots__ = ("limit", "refused", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.refused = 0
        """How often something did not fit; each time a call ended for it."""

    def take(self, size: int) -> None:
        """Count `size` bytes more.

        Raises:
            Full: there is no room for them, and they are not counted.
        """
        if self.used + size > self.limit:
            self.refused += 1
            raise Full(size, self.used, self.limit)
        self.used += size

    def give(self, size: int) -> None:
        """They are held no more."""
        self.used -= size
