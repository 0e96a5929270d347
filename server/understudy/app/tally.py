"""Counts of processes that come and go, as totals that only grow."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

EVENTS = {
    "relay": (
        "accepted",
        "refused",
        "silent",
        "idle",
        "aged",
        "elided_streams",
        "blind",
        "renewed",
        "opaque",
        "resets",
        "cut",
        "ended_idle",
        "truncated",
    ),
    "compat": ("calls", "refused", "elided", "blind"),
}
"""What the processes in callers' way count, by kind of process."""

Key = tuple[str, ...]


class Tally:
    """What such processes said of themselves, added up.

    One that was replaced has said its last number, and its successor begins at 0: neither may make a total fall,
    nor count twice.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], dict[Key, int]] = {}
        self.events: Counter[tuple[str, str]] = Counter()
        """(relay | compat, event) -> count."""
        self.upstream_failures: Counter[str] = Counter()
        """Attempts to reach an engine for a caller that failed, by leg."""
        self.unreached: Counter[str] = Counter()
        """Callers who got an error because no replica could be reached, by leg."""

    def take(self, path: str, told: Mapping[int, Mapping[str, Any]]) -> None:
        """The cumulative counts of every process of this kind that there is, by its pid."""
        for pid, counts in told.items():
            last = self._last.setdefault((path, pid), {})
            for key, value in _flat(path, counts):
                before, last[key] = last.get(key, 0), value
                self._grow(path, key, value - before if value >= before else value)
        # A pid may come again, and is another process then.
        self._last = {one: last for one, last in self._last.items() if one[0] != path or one[1] in told}

    def _grow(self, path: str, key: Key, by: int) -> None:
        match key:
            case ("upstream_failures", leg):
                self.upstream_failures[leg] += by
            case ("unreached", leg):
                self.unreached[leg] += by
            case _:
                self.events[path, "_".join(key)] += by


def _flat(path: str, counts: Mapping[str, Any]) -> Iterator[tuple[Key, int]]:
    for name in EVENTS[path]:
        yield (name,), int(counts.get(name, 0))
    for reason, value in counts.get("handshake_failures", {}).items():
        yield ("handshake", reason), int(value)
    for name in ("upstream_failures", "unreached"):
        for leg, value in counts.get(name, {}).items():
            yield (name, leg), int(value)
