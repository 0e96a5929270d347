"""Discovery: intersections of slices that nobody named, searched without buying false alarms.

A harm to German mathematics alone is thin in `language=de` and thin in `task=math`. There are too many intersections to
watch them all with a budget each, and to look at all and report the worst would be a false alarm soon. So the search
and the judgement have different votes:

    scout     counts every intersection, and proposes those that show more than their slices explain (`scout.py`);
              it gives no verdict, so it may look as often and at as much as it likes
    place     a proposed intersection becomes a cell like any other and stands on one of a few places; it counts
              votes of ticks after its proposal only, from clusters that the scout has not heard for a day

Which intersection stands where is decided by closed ticks, before the votes that judge it. To the detector it is then a
cell whose weight was fixed beforehand, E[M(T)] <= the start weights spent so far, and nothing has to be corrected
for the number of intersections that were searched. Places carry the budget (see `family.py`): K of them share r of it,
so discovered cells alarm at most r x times a month in expectation, named cells (1 - r) x, and together x.

A place is given up when new votes do not bear the proposal out (MINIMUM of them, and their mean within the tolerance,
long before that could be certified), when no vote comes for a certificate's time to live, or for a proposal that
shows BETTER nats more than the weakest that stands there does. A cell that anybody was told of (a tier, a breach, an
instrument fault) gives its place up only once it has been certified for that time: an alert must end by proof. Where
none can come because its lane has been silent for that time, it gives the place up and stays what it is.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy.drift.bet import BINS, STEPS, VALUES, Ints, kl_inf, shares
from understudy.drift.cross import joined
from understudy.drift.family import NOWHERE, Bools, Family
from understudy.drift.judge import STATES
from understudy.drift.scout import Scout
from understudy.drift.tally import Name, Tally
from understudy.drift.tolerance import Discovery
from understudy.drift.verdict import State

BETTER = 2.0
"""Nats that a proposal must show more than what it is to take the place of."""
_TOLD = (STATES.index(State.BREACH), STATES.index(State.INSTRUMENT_FAULT))
_WITHIN = STATES.index(State.WITHIN)


@dataclass(frozen=True, slots=True)
class Stand:
    """What stands on a place, or stood there until its lane fell silent."""

    place: int
    """NOWHERE: on none any more."""
    since: int
    """Tick of its proposal."""
    score: float
    """Nats that spoke for it then."""
    told: int | None = None
    """Last tick at which somebody had reason to be told of it; None: never yet."""


class Search:
    """The scout, and who stands on which place."""

    def __init__(self, settings: Discovery) -> None:
        self._settings = settings
        self._scout = Scout(settings.minimum)
        self.stands: dict[Name, Stand] = {}
        self.refused = 0
        """Proposals that the last tick had a place for and no room for a cell, those of the tick before left out."""
        self._waiting: set[Name] = set()

    @property
    def on(self) -> bool:
        """Whether anything is looked for."""
        return self._settings.on

    @property
    def suspected(self) -> set[Name]:
        """Cells that nobody has had reason to be told of."""
        return {name for name, stand in self.stands.items() if stand.told is None}

    def take(self, family: Family, tally: Tally, where: Ints, total: tuple[Ints, Ints, Ints]) -> None:
        """Count a tick; `where` is the cell of each of the tally's names (-1: none), `total` its `total()`."""
        index, channel, number = total
        told = channel < BINS
        cell, bins, number = where[index[told]], channel[told], number[told]
        mine = cell >= 0
        cell, bins, number = cell[mine], bins[mine], number[mine]
        votes: Ints = np.bincount(cell, number, len(family)).astype(np.int64)
        sums: Ints = np.bincount(cell, number * (bins - STEPS), len(family)).astype(np.int64)
        low, high, bins, number = tally.crossed()
        low, high = where[low], where[high]
        mine = (low >= 0) & (high >= 0)
        self._scout.take(family, (low[mine], high[mine], bins[mine], number[mine]), (votes, sums))

    def moves(
        self, family: Family, lanes: Mapping[str, int], tick: int, ttl: int, room: int
    ) -> tuple[list[Name], dict[Name, int]]:
        """Who leaves their place after a tick, and who comes to which.

        `lanes`: the last tick of each; `room`: cells that may still be added.
        """
        left = [name for name in self.stands if self._leaves(family, name, tick, ttl)]
        self._unseat(family, lanes, tick, ttl, set(left))
        room += len(left)
        standing = {name: stand for name, stand in self.stands.items() if name not in left}
        free = sorted(set(range(self._settings.places)) - {stand.place for stand in standing.values()})
        weak = sorted(
            (stand.score + self._borne(family, name), stand.place, name)
            for name, stand in standing.items()
            if stand.told is None
        )
        come: dict[Name, int] = {}
        waiting: set[Name] = set()
        for proposal in self._scout.proposals(family):
            lane, one, metric = family.names[proposal.low]
            name = (lane, joined(one, family.names[proposal.high][1]), metric)
            if name in family.index:
                continue
            if free and room <= 0:
                waiting.add(name)
                continue
            if free:
                place = free.pop(0)
                room -= 1
            elif weak and proposal.score >= weak[0][0] + BETTER:
                _, place, loser = weak.pop(0)
                left.append(loser)
            else:
                break
            come[name] = place
            self.stands[name] = Stand(place, tick, proposal.score)
            self._scout.drop(proposal.low, proposal.high)
        for name in left:
            del self.stands[name]
        self.refused, self._waiting = len(waiting - self._waiting), waiting
        return left, come

    def _leaves(self, family: Family, name: Name, tick: int, ttl: int) -> bool:
        """Whether a cell gives its place up by itself."""
        c, i, stand = family.cells, family.index[name], self.stands[name]
        if c["tier"][i] or c["shown_tier"][i] or c["state"][i] in _TOLD:
            stand = self.stands[name] = replace(stand, told=tick)
        if stand.told is not None:
            return bool(c["state"][i] == _WITHIN) and tick - stand.told > ttl
        counts = family.histogram[i]
        votes = int(counts.sum())
        refuted = votes >= self._settings.minimum and float(counts @ VALUES) <= family.tau[i] * votes
        return refuted or tick - max(int(c["last"][i]), stand.since) > ttl

    def _unseat(
        self, family: Family, lanes: Mapping[str, int], tick: int, ttl: int, left: Collection[Name]
    ) -> None:
        """Cells that somebody was told of and whose lane fell silent keep what they latched, and no place."""
        silent = [
            name
            for name, stand in self.stands.items()
            if name not in left and stand.place != NOWHERE and tick - lanes.get(name[0], tick) > ttl
        ]
        if silent:
            self.stands |= {name: replace(self.stands[name], place=NOWHERE) for name in silent}
            family.unseat(silent)

    def _borne(self, family: Family, name: Name) -> float:
        """Nats that its votes since the proposal speak for it."""
        i = family.index[name]
        counts = family.histogram[i : i + 1]
        return int(counts.sum()) * float(kl_inf(shares(counts), family.tau[i : i + 1])[0])

    def adopted(self, names: Iterable[Name]) -> list[Name]:
        """Those of the names that were discovered; somebody named them now, so they stand on no place."""
        return [name for name in names if self.stands.pop(name, None)]

    # -- state ---------------------------------------------------------------------------------------------

    def retain(self, family: Family, chosen: Bools) -> None:
        """The family kept these of its cells."""
        self._scout.retain(chosen)
        self.stands = {name: stand for name, stand in self.stands.items() if name in family.index}

    def head(self) -> list[list[object]]:
        """Who stands where, for the snapshot."""
        return [[*name, s.place, s.since, s.score, s.told] for name, s in sorted(self.stands.items())]

    def dump(self) -> dict[str, npt.NDArray[np.generic]]:
        """The scout's arrays."""
        return self._scout.dump()

    def load(self, head: Sequence[Sequence[Any]], arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Replace the state by what `head` and `dump` gave."""
        self.stands = {
            (lane, slice_, metric): Stand(place, since, score, told)
            for lane, slice_, metric, place, since, score, told in head
        }
        self._scout.load({name: array for name, array in arrays.items() if name.startswith("scout.")})
