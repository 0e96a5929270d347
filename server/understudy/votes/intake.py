"""From a frame of rows to what the engine takes: arrays of votes, cells named beforehand, announced changes.

A row that cannot be a vote is never dropped: it counts as a missing pair of the cell it names (of every cell of its
slice, where it names none), at the time of the row before it when it has none itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.drift.bet import Floats, Ints
from understudy.drift.digest import Hashes, digest, mix
from understudy.drift.tally import Name
from understudy.drift.vote import ALL, EVERY
from understudy.votes.clock import REFUSED
from understudy.votes.form import CARRIES, CODES, NAMES, UNKNOWN

if TYPE_CHECKING:
    import polars as pl

SHOWN = 3
"""Rejected rows that are told by their number."""
LONGEST = 1e15
"""A time beyond it, seconds, is none (as for the engine)."""


@dataclass(frozen=True, slots=True)
class Announced:
    """A change announced by a row without a cell."""

    ts: float
    lane: str
    marker: str


@dataclass(frozen=True, slots=True)
class Declared:
    """Cells of a lane named at one time: they share what announced changes keep for new cells."""

    ts: float
    lane: str
    cells: tuple[tuple[str, str], ...]
    """(slice, metric), in the rows' order."""


Saying = Announced | Declared


@dataclass(frozen=True, slots=True)
class Taken:
    """What some rows came to."""

    ts: Floats
    ids: Ints
    """Index into `names` per row."""
    names: list[Name]
    clusters: Hashes
    pairs: Hashes
    d: Floats
    codes: Ints
    sayings: tuple[Saying, ...]
    """In the rows' order."""
    markers: tuple[tuple[float, str, str], ...]
    """(first time, lane, name) of announced changes that votes carry."""


@dataclass(slots=True)
class Intake:
    """One stream of rows; remembers what a row owes to those before it."""

    by_order: bool
    """Rows have no time: theirs is the number of pairs before them."""
    rejected: list[str] = field(default_factory=list)
    """Where the first rejected rows are told; streams may share it."""
    pairs: int = 0
    """Pairs begun, when there is no time."""
    _ts: float | None = None
    _key: str | None = None

    def take(self, frame: "pl.DataFrame", where: str = "") -> Taken:
        """Rows as `Source.frames` gives them."""
        import polars as pl

        outcome = pl.col("outcome").fill_null("scored").str.strip_chars()
        code = outcome.replace_strict(CODES, default=UNKNOWN, return_dtype=pl.Int64)
        frame = frame.with_columns(code.alias("code"))
        frame = self._numbered(frame) if self.by_order else self._timed(frame)
        named = frame.filter(pl.col("code") == NAMES)
        votes = frame.filter(pl.col("code") != NAMES)
        votes = votes.with_columns(
            pl.when(_whole()).then(pl.col("code")).otherwise(UNKNOWN).alias("code"),
            pl.col("d").fill_null(float("nan")),
        )
        self._tell(votes, where)
        votes = votes.with_columns(
            pl.col("slice").fill_null(ALL), pl.col("metric").fill_null(EVERY), pl.col("lane").fill_null("")
        )
        ids, names = _named(votes)
        clusters = _hashed(votes.select(pl.coalesce("cluster", "pair_id", pl.lit(""))).to_series())
        codes = votes["code"].to_numpy().astype(np.int64)
        ts = votes["ts"].to_numpy().astype(np.float64)
        return Taken(
            ts=ts,
            ids=ids,
            names=names,
            clusters=clusters,
            pairs=_pairs(votes, clusters, ts),
            d=np.where(codes == CARRIES, votes["d"].to_numpy().astype(np.float64), 0.0),
            codes=codes,
            sayings=tuple(_sayings(named)),
            markers=_markers(votes),
        )

    def _timed(self, frame: "pl.DataFrame") -> "pl.DataFrame":
        """A row without a usable time is not a vote; it is missing at the time of the row before."""
        import polars as pl

        usable = pl.col("ts").is_not_null() & pl.col("ts").is_finite() & (pl.col("ts").abs() < LONGEST)
        frame = frame.with_columns(
            pl.when(usable | (pl.col("code") == NAMES)).then(pl.col("code")).otherwise(UNKNOWN).alias("code"),
            pl.when(usable).then(pl.col("ts")).alias("ts"),
            usable.fill_null(value=False).alias("timed"),
        )
        filled = frame["ts"].fill_null(strategy="forward")
        if self._ts is not None:
            filled = filled.fill_null(self._ts)
        filled = filled.fill_null(strategy="backward").fill_null(0.0)
        if frame.height:
            self._ts = float(filled[-1])
        return frame.with_columns(filled.alias("ts"))

    def _numbered(self, frame: "pl.DataFrame") -> "pl.DataFrame":
        """Rows one after another with the same pair id (without one: cluster) are one pair; it counts the time."""
        import polars as pl

        key = pl.coalesce("pair_id", "cluster")
        frame = frame.with_columns(
            pl.when(pl.col("code") != NAMES).then(key).alias("key"), (pl.col("code") != NAMES).alias("vote")
        )
        before = frame["key"].fill_null(strategy="forward").shift(1)
        if self._key is not None:
            before = before.fill_null(self._key)
        frame = frame.with_columns(before.alias("before"), pl.lit(value=True).alias("timed"))
        starts = frame.select(
            pl.col("vote") & (pl.col("key") != pl.col("before")).fill_null(value=True)
        ).to_series()
        begun = self.pairs + starts.cast(pl.Int64).cum_sum()
        if frame.height:
            self.pairs = int(begun[-1])
            last = frame["key"].drop_nulls()
            self._key = str(last[-1]) if len(last) else self._key
        ts = pl.when(pl.col("vote")).then(pl.col("begun") - 1).otherwise(pl.col("begun"))
        return frame.with_columns(begun.alias("begun")).with_columns(ts.cast(pl.Float64).alias("ts"))

    def _tell(self, votes: "pl.DataFrame", where: str) -> None:
        """Name the first rejected rows."""
        import polars as pl

        if len(self.rejected) >= SHOWN:
            return
        wrong = (pl.col("code") == UNKNOWN) | ((pl.col("code") == CARRIES) & ~(pl.col("d").abs() <= 1.0))
        for row in votes.filter(wrong).head(SHOWN - len(self.rejected)).iter_rows(named=True):
            self.rejected.append(f"{where} row {row['row']}: {_reason(row)}")


def _whole() -> "pl.Expr":
    """Whether a row says whose vote it is and in which cell."""
    import polars as pl

    return (
        pl.col("slice").is_not_null()
        & pl.col("metric").is_not_null()
        & (pl.col("cluster").is_not_null() | pl.col("pair_id").is_not_null() | (pl.col("code") != CARRIES))
        & ((pl.col("metric") != EVERY) | (pl.col("code") != CARRIES))
    )


def _reason(row: dict[str, Any]) -> str:
    outcome = row["outcome"]
    if outcome is not None and outcome.strip() not in CODES:
        return f"outcome is {outcome[:40]!r}; write one of {', '.join(map(str, CODES))}"
    if row.get(REFUSED) is not None:
        return f"ts is {row[REFUSED]:g}, far ahead of every other row; write seconds"
    if not row["timed"]:
        return "ts is no time; write seconds"
    for name in ("slice", "metric"):
        if row[name] is None:
            return f"{name} is missing; write one"
    if row["metric"] == EVERY:
        return f"metric {EVERY!r} is for pairs of which nothing is known; write a metric"
    if row["cluster"] is None and row["pair_id"] is None:
        return "cluster is missing; write whose vote it is"
    return f"d is {'no number' if row['d'] != row['d'] else format(row['d'], 'g')}; write one from -1 to 1"


def _named(votes: "pl.DataFrame") -> tuple[Ints, list[Name]]:
    import polars as pl

    on = ["lane", "slice", "metric"]
    unique = votes.select(on).unique(maintain_order=True).with_row_index("id")
    ids = votes.select(on).join(unique, on=on, how="left", maintain_order="left")["id"]
    return ids.cast(pl.Int64).to_numpy(), list(unique.select(on).iter_rows())


def _hashed(texts: "pl.Series") -> Hashes:
    """The engine's hash of every text; each distinct one is hashed once."""
    import polars as pl

    column = texts.alias("text").to_frame()
    unique = column.unique(maintain_order=True)
    hashes = pl.Series("hash", [digest(text) for text in unique["text"].to_list()], dtype=pl.UInt64)
    joined = column.join(unique.with_columns(hashes), on="text", how="left", maintain_order="left")
    made: Hashes = joined["hash"].to_numpy().astype(np.uint64)
    return made


def _pairs(votes: "pl.DataFrame", clusters: Hashes, ts: Floats) -> Hashes:
    """Which rows are one pair: by their id, else by cluster and time; what has neither is a pair of its own."""
    made: Hashes = mix(clusters, ts.view(np.uint64))
    ids = votes["pair_id"]
    given = ids.is_not_null().to_numpy()
    if given.any():
        made = np.where(given, _hashed(ids.fill_null("")), made)
    nameless = (ids.is_null() & votes["cluster"].is_null()).to_numpy()
    rows = votes["row"].to_numpy().astype(np.uint64)
    return np.where(nameless, mix(rows, made), made)


def _sayings(named: "pl.DataFrame") -> Iterator[Saying]:
    rows = named.select("ts", "lane", "pair_id", "marker", "slice", "metric").iter_rows()
    for (ts, lane, _), group in groupby(rows, key=lambda row: row[:3]):
        cells: dict[tuple[str, str], None] = {}
        for _, _, _, marker, slice_, metric in group:
            if marker is not None:
                yield Announced(ts, lane or "", marker)
            if slice_ is not None and metric is not None and metric != EVERY:
                cells[slice_, metric] = None
        if cells:
            yield Declared(ts, lane or "", tuple(cells))


def _markers(votes: "pl.DataFrame") -> tuple[tuple[float, str, str], ...]:
    import polars as pl

    marked = votes.filter(pl.col("marker").is_not_null())
    if not marked.height:
        return ()
    first = marked.group_by("lane", "marker", maintain_order=True).agg(pl.col("ts").min())
    return tuple(sorted((ts, lane, marker) for lane, marker, ts in first.iter_rows()))


def grid(cells: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]] | None:
    """Slices and metrics whose every combination, slice by slice, these cells are; None when they are not."""
    slices = list(dict.fromkeys(slice_ for slice_, _ in cells))
    metrics = list(dict.fromkeys(metric for _, metric in cells))
    whole = [(slice_, metric) for slice_ in slices for metric in metrics]
    return (slices, metrics) if whole == list(cells) else None
