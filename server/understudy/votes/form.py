"""The form of a votes file: its columns, what a row may say, and what a part kept by a live run says of itself."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from understudy.drift.tolerance import Tolerances
from understudy.drift.vote import Resolution
from understudy.errors import DataError, UnderstudyError

if TYPE_CHECKING:
    import polars as pl

TEXTS = ("slice", "metric", "cluster", "lane", "marker", "outcome", "pair_id")
NUMBERS = ("ts", "d")
COLUMNS = ("ts", "slice", "metric", "cluster", "d", "lane", "marker", "outcome", "pair_id")
REQUIRED = ("slice", "metric", "d")
"""And `cluster`, or a `pair_id` to stand in for it."""
KNOWN = frozenset({*COLUMNS, "partition"})
"""`partition` is for whoever split the file: the engine takes it from the cluster."""

DECLARED = "declared"
"""The outcome of a row that carries no vote: it names a cell before its first vote, or announces a change."""

CARRIES, MISSING, SHED, UNKNOWN, NAMES = range(5)
CODES: Mapping[str, int] = {
    Resolution.SCORED.value: CARRIES,
    Resolution.FAILED.value: CARRIES,
    Resolution.TIMED_OUT.value: CARRIES,
    Resolution.UNSCORED.value: MISSING,
    Resolution.LOST.value: MISSING,
    Resolution.SHED.value: SHED,
    DECLARED: NAMES,
}
"""Outcome -> what its row does; the first three are the codes of `Booth.columns`, UNKNOWN is any other."""

HEAD = "understudy.votes"
"""Key of a part's own words in the Parquet file's metadata."""
VERSION = 1


@dataclass(frozen=True, slots=True)
class Head:
    """What a part kept by a live run says of itself: with it, a directory needs no options."""

    number: int
    """Parts are read in this order."""
    era: int
    """Counts the changes of tolerances or analyzers, each of which closes all lanes."""
    new: bool
    """The engine began this era from nothing; otherwise it went on with the calendar of the one before."""
    after: int
    """The part begins when this tick was closed; -1 = no tick was."""
    closed: int
    """Every tick up to this one was closed when the part was written; -1 = none."""
    tolerances: Tolerances
    analyzers: str

    def packed(self) -> str:
        """As the metadata holds it."""
        told: dict[str, Any] = {
            "version": VERSION,
            "number": self.number,
            "era": self.era,
            "new": self.new,
            "after": self.after,
            "closed": self.closed,
            "tick_s": self.tolerances.tick_s,
            "tolerances": self.tolerances.to_dict(),
            "tolerances_sha256": self.tolerances.hash(),
            "analyzers": self.analyzers,
        }
        return json.dumps(told, ensure_ascii=False)

    @classmethod
    def read(cls, packed: str, where: str) -> "Head":
        """The reverse.

        Raises:
            DataError: another release wrote it, or it is damaged.
        """
        try:
            told = json.loads(packed)
            if told["version"] != VERSION:
                raise DataError(
                    f"{where}: votes of form {told['version']}, this release reads {VERSION}; use the one that "
                    "wrote them"
                )
            return cls(
                number=int(told["number"]),
                era=int(told["era"]),
                new=bool(told["new"]),
                after=int(told["after"]),
                closed=int(told["closed"]),
                tolerances=tolerances_of(told, where),
                analyzers=str(told["analyzers"]),
            )
        except DataError:
            raise
        except (UnderstudyError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{where}: what the part says of itself cannot be read ({error}); use the release that wrote it, "
                "or copy the file again"
            ) from None


def tolerances_of(told: Mapping[str, Any], where: str) -> Tolerances:
    """The `tolerances` that something kept says, as they held when it was written.

    What is older than discovery says nothing of it, and was judged without it.

    Raises:
        ConfigError: a number is none.
        DataError: they are not those of `tolerances_sha256`, where that is said.
    """
    made = Tolerances.from_dict({"discovery": {"on": False}, **told["tolerances"]})
    said = told.get("tolerances_sha256")
    if said is not None and said != made.hash():
        raise DataError(
            f"{where}: its tolerances come to hash {made.hash()[:12]} and it was judged by {str(said)[:12]}; use the "
            "release that wrote it, or copy the file again"
        )
    return made


def schema() -> "dict[str, type[pl.DataType]]":
    """Column -> polars type, in order."""
    import polars as pl

    return {name: pl.Float64 if name in NUMBERS else pl.String for name in COLUMNS}
