"""Which times of a file are believed, so that one wrong row closes no ticks that the others still vote in.

A file's clock is the latest time that two pairs agree on within the slack. A row far ahead of it is held until another
pair comes as far, which is a gap in the traffic; one that stays alone has no usable time.
"""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from understudy.votes.form import CODES, NAMES

if TYPE_CHECKING:
    import polars as pl

MILLISECONDS = 1e11
"""A `ts` beyond it would be in the year 5138: it is counted in something smaller than seconds."""
AHEAD_S = 86_400.0
"""A row further ahead of its file's clock, seconds, is held until another pair comes as far."""
HELD = 100_000
"""Rows that may be held; of more it is believed that they are right."""
REFUSED = "refused"
"""The column that holds a time that is not believed; its `ts` is null."""

_DECLARES = tuple(outcome for outcome, code in CODES.items() if code == NAMES)


@dataclass(slots=True)
class Clock:
    """The clock of one file. Give it every frame in order, then ask for the `rest`."""

    slack_s: float
    """How much later than its place in the file a row may be, seconds."""
    _first: tuple[float, str] | None = None
    """The latest time and the pair that has it."""
    _second: float = -math.inf
    """The latest time of any other pair."""
    _held: "pl.DataFrame | None" = field(default=None, repr=False)

    @property
    def now(self) -> float:
        """The latest time that is believed; -inf while one pair alone was seen."""
        return min(self._first[0], self._second + self.slack_s) if self._first is not None else -math.inf

    def take(self, frame: "pl.DataFrame") -> "pl.DataFrame":
        """The rows that can be judged by now, those held before them first; adds the column REFUSED."""
        import polars as pl

        self._look(frame)
        if self._held is not None:
            frame, self._held = pl.concat([self._held, frame]), None
        ahead = pl.lit(value=True)  # until two pairs agree, nothing is known of the time
        if self.now > -math.inf:
            ahead = (
                pl.col("ts")
                .is_between(self.now + AHEAD_S, MILLISECONDS, closed="right")
                .fill_null(value=False)
            )
        held = frame.filter(ahead)
        if 0 < held.height <= HELD:
            frame, self._held = frame.filter(~ahead), held
        return _refusing(frame, math.inf)

    def rest(self) -> "pl.DataFrame | None":
        """What was held to the end and never confirmed: its times are refused, unless there are no others."""
        held, self._held = self._held, None
        if held is None:
            return None
        return _refusing(held, self.now + AHEAD_S if self.now > -math.inf else math.inf)

    def _look(self, frame: "pl.DataFrame") -> None:
        """Keep the latest time, and the latest one of another pair: a pair has a row for each of its cells."""
        import polars as pl

        votes = frame.filter(
            pl.col("ts").is_finite(),
            pl.col("ts") <= MILLISECONDS,
            ~pl.col("outcome").fill_null("").str.strip_chars().is_in(_DECLARES),
        ).select("ts", pl.coalesce("pair_id", "cluster", pl.lit("")).alias("pair"))
        if not votes.height:
            return
        # Pairs without a name, or all of one conversation, are told apart by their times.
        latest = votes.filter(pl.col("ts") == pl.col("ts").max())
        before = votes.filter(pl.col("ts") < pl.col("ts").max())["ts"].max()
        found = [(float(ts), pair) for ts, pair in latest.unique(maintain_order=True).head(2).iter_rows()]
        if isinstance(before, float):
            found.append((before, ""))
        for one in found:
            if self._first is None:
                self._first = one
            elif one[0] > self._first[0]:
                self._second, self._first = max(self._second, self._first[0]), one
            elif one != self._first:
                self._second = max(self._second, one[0])


def _refusing(frame: "pl.DataFrame", limit: float) -> "pl.DataFrame":
    """Times beyond the limit, or in no seconds, are none."""
    import polars as pl

    wrong = pl.col("ts").is_finite() & ((pl.col("ts") > MILLISECONDS) | (pl.col("ts") > limit))
    return frame.with_columns(
        pl.when(wrong).then(pl.col("ts")).alias(REFUSED), pl.when(~wrong).then(pl.col("ts")).alias("ts")
    )
