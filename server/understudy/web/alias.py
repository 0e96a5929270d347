"""Slices that hold the same pairs are shown once: `category=code` beside `task=code` is one finding, not two."""

from collections.abc import Sequence
from hashlib import blake2b

from understudy.drift.verdict import Verdict
from understudy.drift.vote import ALL
from understudy.pair import Pair

SLICES = 10_000
"""Slices followed; further ones are never folded."""


class Aliases:
    """Follows which pairs each slice holds, as one number per slice.

    It knows the pairs since the controller's start alone; what the slices held before shows in their figures,
    which must be the same too.
    """

    def __init__(self) -> None:
        self._held: dict[str, int] = {}

    def see(self, pair: Pair) -> None:
        """Take in a pair that was scored."""
        mark = int.from_bytes(blake2b(pair.id.encode(), digest_size=8).digest(), "big")
        for name in (ALL, *(f"{name}={found.value}" for name, found in pair.request.categories.items())):
            if name in self._held or len(self._held) < SLICES:
                # A sum, because it does not depend on the order, nor loses a pair that comes twice.
                self._held[name] = (self._held.get(name, 0) + mark) & 0xFFFF_FFFF_FFFF_FFFF

    def leaders(self, verdicts: Sequence[Verdict]) -> dict[tuple[str, str], str]:
        """Return (lane, slice) -> the slice to show in its place, for every slice that is shown by another.

        Two slices of a lane are the same when they held the same pairs and all their verdicts are the same.
        """
        cells: dict[tuple[str, str], list[str]] = {}
        for verdict in verdicts:
            cells.setdefault((str(verdict.lane), verdict.slice), []).append(_told(verdict))
        first: dict[tuple[str, int, tuple[str, ...]], str] = {}
        same: dict[tuple[str, str], str] = {}
        for lane, name in sorted(cells, key=lambda cell: (cell[0], cell[1] != ALL, cell[1])):
            if name in self._held:
                told = tuple(sorted(cells[lane, name]))
                leader = first.setdefault((lane, self._held[name], told), name)
                if leader != name:
                    same[lane, name] = leader
        return same


def _told(one: Verdict) -> str:
    """What a reader is told of a cell, but for its slice; as text, in which one NaN equals another."""
    return repr(
        (one.metric, one.state, one.reason, one.tier, one.votes, one.effect, one.low, one.high, one.tau)
    )
