"""Who has voted: a cluster votes once per cell and 24 h."""

import numpy as np
import numpy.typing as npt

from understudy.drift.digest import Hashes


class Seen:
    """Which (cell, cluster) keys voted, per 24-h number: sorted arrays of doubling size, 8 bytes a key."""

    def __init__(self) -> None:
        self._days: dict[int, list[Hashes]] = {}

    def known(self, day: int, keys: Hashes) -> npt.NDArray[np.bool_]:
        """Which keys voted in this 24-h number or the one before, so that two votes are over 24 h apart."""
        found = np.zeros(len(keys), dtype=bool)
        for number in (day, day - 1):
            for level in self._days.get(number, ()):
                at = np.minimum(np.searchsorted(level, keys), len(level) - 1)
                found |= level[at] == keys
        return found

    def add(self, day: int, keys: Hashes) -> None:
        """Remember keys and forget those nobody can ask for any more."""
        if not len(keys):
            return
        for old in [number for number in self._days if number < day - 1]:
            del self._days[old]
        levels = self._days.setdefault(day, [])
        levels.append(np.sort(keys))
        while len(levels) > 1 and len(levels[-1]) * 2 > len(levels[-2]):
            tail = levels.pop()
            levels[-1] = np.sort(np.concatenate([levels[-1], tail]), kind="stable")

    def dump(self) -> dict[int, Hashes]:
        """Everything, one sorted array per 24-h number."""
        return {day: np.sort(np.concatenate(levels)) for day, levels in sorted(self._days.items())}

    def load(self, days: dict[int, Hashes]) -> None:
        """Replace everything."""
        self._days = {day: [keys] for day, keys in days.items() if len(keys)}
