"""The drift engine with everything that brings it back: the journal of what it was given, the record of its votes.

What it is given, it is given by one function, live and when the journal is read again, so it comes out the same. A
change of tolerances or analyzers is an entry too: what was closed before it stays judged as it was.
"""

import json
import logging
import struct
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from understudy.drift.engine import Drift
from understudy.drift.snapshot import unpack
from understudy.drift.tolerance import Tolerances
from understudy.drift.verdict import Change
from understudy.drift.vote import Resolution, ballot
from understudy.errors import traced
from understudy.pair import Pair
from understudy.pipeline.journal import Entry, Journal, Kind
from understudy.score import Score
from understudy.service.convert import pair_from_proto, pair_to_proto, score_from_proto, score_to_proto
from understudy.v1 import analysis_pb2, values_pb2
from understudy.votes.form import tolerances_of
from understudy.votes.record import Record

log = logging.getLogger(__name__)

REMEMBERED = 65_536
"""Pair ids kept to recognise one that is published again."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What evidence is measured by: a change of tolerances or analyzers closes every lane."""

    tolerances: Tolerances
    analyzers: str
    prefix_safe: frozenset[str]
    """Metrics that may be scored on replies the client cut short."""
    era: int = 0
    """Counts the changes."""
    new: bool = True
    """The era began from nothing, not with the calendar of the one before."""

    def same(self, other: "Rules") -> bool:
        """Whether evidence may go on under the other."""
        mine, theirs = (self.analyzers, self.prefix_safe), (other.analyzers, other.prefix_safe)
        return mine == theirs and self.tolerances.hash() == other.tolerances.hash()

    def packed(self) -> bytes:
        """For the journal."""
        told = {
            "era": self.era,
            "new": self.new,
            "tolerances": self.tolerances.to_dict(),
            "tolerances_sha256": self.tolerances.hash(),
            "analyzers": self.analyzers,
            "prefix_safe": sorted(self.prefix_safe),
        }
        return json.dumps(told).encode()

    @classmethod
    def read(cls, packed: bytes) -> "Rules":
        """From the journal.

        Raises:
            UnderstudyError: the tolerances are none, or not those that it was made with.
        """
        told = json.loads(packed)
        return cls(
            tolerances=tolerances_of(told, "the journal's rules"),
            analyzers=str(told["analyzers"]),
            prefix_safe=frozenset(map(str, told["prefix_safe"])),
            era=int(told["era"]),
            new=bool(told["new"]),
        )


@dataclass(frozen=True, slots=True)
class Switch:
    """Tolerances or analyzers are others than before the start: every lane began anew."""

    tolerances: tuple[str, str]
    """Hash before and now."""
    analyzers: tuple[str, str]
    lanes: int
    """Lanes that were closed."""


class Evidence:
    """One engine pair's evidence."""

    def __init__(
        self,
        drift: Drift,
        journal: Journal,
        *,
        prefix_safe: frozenset[str] = frozenset(),
        record: Record | None = None,
    ) -> None:
        """Restore from the journal.

        Args:
            drift: a fresh engine under the rules that hold from now on.
            journal: where the evidence is kept.
            prefix_safe: metrics that may be scored on replies the client cut short.
            record: where votes are kept; None = nowhere.

        Raises:
            DataError: the journal cannot be read, or was made with another tick length.
        """
        self.drift, self.journal, self.record = drift, journal, record
        self.closed = -1
        self.known: OrderedDict[str, None] = OrderedDict()
        """Ids of pairs that were counted."""
        self.left_out: Counter[str] = Counter()
        """Entries of the journal that could not be given again, by reason."""
        self.switched: Switch | None = None
        self.restored: list[Change] = []
        self._fresh: Drift | None = drift
        self._open: list[tuple[int, Entry]] = []
        self._gap: list[Entry] = []
        self.rules = Rules(
            drift.tolerances, drift.analyzers, prefix_safe, era=0 if record is None else record.next_era
        )
        self._restore(self.rules)

    # -- from the journal ----------------------------------------------------------------------------------

    def _restore(self, wanted: Rules) -> None:
        snapshot, entries = self.journal.start()
        first = next(entries, None)
        if first is None and snapshot is None:
            self.journal.append(Entry(Kind.RULES, wanted.packed()))
            self._begin()
            return
        told = first is not None and first.kind is Kind.RULES
        rest: Iterator[Entry] = entries if first is None or told else chain((first,), entries)
        # An older release wrote no rules: its entries are given under those that hold now, as it would have done.
        era = 0 if self.record is None else max(0, self.record.next_era - 1)
        self.rules = (self._understood(first) if first is not None and told else None) or replace(
            wanted, era=era, new=False
        )
        self.drift = self._engine(self.rules)
        if snapshot is not None:
            self._recall(snapshot)
        self._begin()
        for entry in rest:
            self.restored += self._reread(entry)
        # Votes of a later era, and the journal knows of none: what the disk did not keep is a gap.
        behind = self.record is not None and self.rules.era + 1 < self.record.next_era
        if behind or not self.rules.same(wanted):
            before, lanes = self.rules, len(self.drift.lanes)
            era = before.era + 1 if self.record is None else max(before.era + 1, self.record.next_era)
            after = replace(wanted, era=era, new=False)
            self.restored += self._switch(after)
            self._tell(before.tolerances.hash(), before.analyzers, lanes)
            self.journal.append(Entry(Kind.RULES, after.packed()))
        elif not told:
            self.journal.append(Entry(Kind.RULES, self.rules.packed()))

    def _recall(self, snapshot: bytes) -> None:
        head, _ = unpack(snapshot)
        self.restored += self.drift.restore(snapshot)
        self.closed = -1 if head["closed"] is None else int(head["closed"])
        self._tell(str(head["tolerances"]), str(head["analyzers"]), len(head["lanes"]))

    def _tell(self, hashed: str, analyzers: str, lanes: int) -> None:
        """Keep what the rules were, if evidence under them could not go on."""
        now = self.rules.tolerances.hash(), self.rules.analyzers
        if (hashed, analyzers) != now:
            self.switched = Switch((hashed, now[0]), (analyzers, now[1]), lanes)

    def _understood(self, entry: Entry) -> Rules | None:
        try:
            return Rules.read(entry.payload)
        except Exception as error:
            self._leave_out(entry, error)
            return None

    def _engine(self, rules: Rules) -> Drift:
        """The engine we were given, once, where its rules are meant."""
        given = self._fresh
        if given is not None and _measures(given, rules):
            self._fresh = None
            return given
        return Drift(rules.tolerances, analyzers=rules.analyzers)

    def _begin(self) -> None:
        if self.record is not None:
            rules = self.rules
            self.record.begin(rules.era, rules.tolerances, rules.analyzers, self.closed, new=rules.new)

    def _switch(self, rules: Rules) -> list[Change]:
        """Go on under other rules: lanes are closed, votes of open ticks are cast anew.

        Raises:
            DataError: the ticks have another length.
        """
        following = self._engine(rules)
        changes = following.restore(self.drift.snapshot())
        self.drift, self.rules = following, rules
        self._begin()
        self._gap = []
        for _, entry in self._open:
            if entry.kind is Kind.SCORED:
                self._cast(*_unpack(entry.payload))
            else:
                self._miss(entry)
        return changes

    def _reread(self, entry: Entry) -> list[Change]:
        """Give an entry of the journal again; one that cannot be taken is counted, or no start would succeed."""
        try:
            return self._give(entry)
        except Exception as error:
            self._leave_out(entry, error)
            return []

    def _leave_out(self, entry: Entry, error: Exception) -> None:
        reason = f"journal: {type(error).__name__}"
        if reason not in self.left_out:
            log.error("an entry (%s) of the evidence is left out: %s", entry.kind.name, traced(error))
        self.left_out[reason] += 1

    # -- what the engine is given --------------------------------------------------------------------------

    def append(self, entry: Entry) -> list[Change]:
        """Journal an entry and give it to the engine.

        Raises:
            OSError: the disk refuses; nothing was given.
        """
        self.journal.append(entry)
        return self._give(entry)

    def vote(self, pair: Pair, scores: Sequence[Score], entry: Entry) -> None:
        """Give a pair whose entry is in the journal already."""
        self._cast(pair, scores)
        self.remember(pair.id)
        self._open.append((self.drift.tick_of(pair.admitted_ns / 1e9), entry))

    def _give(self, entry: Entry) -> list[Change]:
        """The same call live and when the journal is read again."""
        match entry.kind:
            case Kind.SCORED:
                self.vote(*_unpack(entry.payload), entry)
            case Kind.ANNOUNCED:
                marker = entry.payload.decode()
                self.drift.announce(marker)
                self._gap.append(entry)
                if self.record is not None:
                    self.record.announced(marker)
            case Kind.DECLARED:
                lane, slices, metrics = json.loads(entry.payload)
                self.drift.declare(lane, slices, metrics)
                self._gap.append(entry)
                if self.record is not None:
                    self.record.declared(lane, slices, metrics)
            case Kind.MISSING:
                self._open.append((self._miss(entry), entry))
            case Kind.RULES:
                rules = Rules.read(entry.payload)
                return [] if rules.era == self.rules.era else self._switch(rules)
            case Kind.CLOSED:
                return self._close(int(entry.payload))
        return []

    def _close(self, tick: int) -> list[Change]:
        self.closed = tick
        self._open = [(at, kept) for at, kept in self._open if at > tick]
        self._gap = []
        if self.record is not None:
            self.record.closed(tick)
        return self.drift.close(tick)

    def _cast(self, pair: Pair, scores: Sequence[Score]) -> None:
        votes = ballot(pair, scores, self.drift.tolerances, prefix_safe=self.rules.prefix_safe)
        self.drift.add(votes)
        if self.record is not None:
            self.record.votes(votes)

    def _miss(self, entry: Entry) -> int:
        """Rows for missing pairs of which nothing but their number is known: they count in slice `all`."""
        tick, outcome, count = entry.payload.decode().split()
        for lane in self.drift.current:
            self.drift.miss(lane, int(tick), Resolution(outcome), int(count))
            if self.record is not None:
                self.record.missing(lane, int(tick), outcome, int(count))
        return int(tick)

    def remember(self, id_: str) -> None:
        """Know a pair that is published again."""
        self.known[id_] = None
        if len(self.known) > REMEMBERED:
            self.known.popitem(last=False)

    # -- to the disk ---------------------------------------------------------------------------------------

    def compact(self) -> None:
        """Begin a generation of the journal.

        A snapshot knows closed ticks only, so the open ones' entries go along; so does what was named since, for
        the record.

        Raises:
            OSError: the disk refuses; the generation before goes on.
        """
        kept = [Entry(Kind.RULES, self.rules.packed())]
        if self.closed >= 0:
            kept.append(Entry(Kind.CLOSED, b"%d" % self.closed))
        if self.record is not None:
            kept += self._gap
        self.journal.compact(self.drift.snapshot(), [*kept, *(entry for _, entry in self._open)])


def _measures(drift: Drift, rules: Rules) -> bool:
    return (drift.tolerances.hash(), drift.analyzers) == (rules.tolerances.hash(), rules.analyzers)


_SIZE = struct.Struct("!I")


def pack(pair: Pair, scores: Sequence[Score]) -> bytes:
    """A pair and its scores as votes need them: no text leaves the capture's rules by this door."""
    message = pair_to_proto(pair)
    message.request.text = ""
    message.request.raw = b""
    message.request.ClearField("conversation")  # votes go by the cluster, which is a hash
    message.request.metadata.clear()
    del message.request.token_ids[:], message.request.sampling.stop[:]
    for output in (message.baseline, message.candidate, message.control):
        output.text = "." if output.text else ""
        output.error = "." if output.error else ""
        del output.token_ids[:], output.logprobs[:], output.chunks_ns[:]
    if pair.control is None:
        message.ClearField("control")
    told = analysis_pb2.PairScores(pair_id=pair.id, scores=map(score_to_proto, scores))
    for score in told.scores:
        score.explanation = ""
        del score.spans[:]
    head = message.SerializeToString()
    return _SIZE.pack(len(head)) + head + told.SerializeToString()


def _unpack(payload: bytes) -> tuple[Pair, list[Score]]:
    (size,) = _SIZE.unpack_from(payload)
    pair = pair_from_proto(values_pb2.Pair.FromString(payload[_SIZE.size : _SIZE.size + size]))
    told = analysis_pb2.PairScores.FromString(payload[_SIZE.size + size :])
    return pair, [score_from_proto(score) for score in told.scores]
