"""The files given to `understudy drift`: found, told apart, and read as frames of one shape."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.errors import DataError
from understudy.given import expanded, regular
from understudy.votes import part, text
from understudy.votes.form import COLUMNS, KNOWN, NUMBERS, REQUIRED, TEXTS, Head

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = (".parquet", ".csv", ".tsv", ".jsonl", ".ndjson", ".csv.gz", ".tsv.gz", ".jsonl.gz", ".ndjson.gz")
"""Of files taken from a directory; a file that is named is told by its content where its suffix says nothing."""


@dataclass(slots=True)
class Source:
    """One file."""

    path: Path
    kind: str
    """parquet, csv or jsonl."""
    columns: tuple[str, ...]
    """Those that it has, of votes and others."""
    head: Head | None
    """What a part of a live run says of itself."""
    bytes: int
    read: int = 0
    """Bytes read so far."""
    _names: list[str] = field(default_factory=list)

    @property
    def timed(self) -> bool:
        """Whether rows carry a time."""
        return "ts" in self.columns

    @property
    def ignored(self) -> tuple[str, ...]:
        """Columns that nothing is known of."""
        return tuple(name for name in self.columns if name not in KNOWN)

    def begin(self) -> float:
        """The earliest time among the first rows; 0 when none of them has one."""
        first = next(self.frames())["ts"]
        self.read = 0
        earliest = first.filter(first.is_finite()).min()
        return earliest if isinstance(earliest, float) else 0.0

    def frames(self) -> "Iterator[pl.DataFrame]":
        """Rows in order, all columns of votes and `row`, their number from 1.

        Raises:
            DataError: the file is broken; the text names the place and the mend.
        """
        row = 1
        for frame in self._raw():
            yield _shaped(frame, self.path, row, loose=self.kind != "parquet").with_row_index(
                "row", offset=row
            )
            row += frame.height
        if row == 1 and self.head is None:
            raise DataError(f"{self.path}: holds no votes; give a file with rows, or leave it out")

    def _raw(self) -> "Iterator[pl.DataFrame]":
        if self.kind == "csv":
            yield from text.csv_frames(self.path, self._names, self._told)
        elif self.kind == "jsonl":
            yield from text.json_frames(self.path, self._told)
        else:
            total, done = max(1, part.count(self.path)), 0
            for frame in part.frames(self.path, part.columns_of(self.path)):
                done += frame.height
                self._told(self.bytes * done // total)
                yield frame

    def _told(self, read: int) -> None:
        self.read = read


def sources(paths: Sequence[str | Path]) -> list[Source]:
    """The files, each looked into: parts of a live run in order of their number, others as given.

    Raises:
        DataError: one is missing, empty, cut short or no file of votes, or they do not go together.
    """
    found = [_source(path) for path in files(paths)]
    heads = [source for source in found if source.head is not None]
    if heads and len(heads) < len(found):
        other = next(source for source in found if source.head is None)
        raise DataError(
            f"{other.path}: stands beside parts that a live run kept; judge it in a run of its own"
        )
    if heads:
        found.sort(key=lambda source: source.head.number if source.head is not None else 0)
    elif len({source.timed for source in found}) > 1:
        timed = next(source for source in found if source.timed)
        other = next(source for source in found if not source.timed)
        raise DataError(
            f"{other.path}: has no column 'ts' while {timed.path.name} has one; add it, or judge them apart"
        )
    return found


def files(paths: Sequence[str | Path]) -> list[Path]:
    """The inputs: directories and globs become their files, in order of name.

    Raises:
        DataError: nothing is there.
    """
    found = expanded(
        paths,
        _inside,
        missing="give votes as Parquet, CSV or JSON Lines",
        nothing="no votes were named; give files or directories of them",
    )
    return list(dict.fromkeys(found))


def _inside(path: Path) -> list[Path]:
    inside = sorted(p for p in path.iterdir() if p.name.endswith(SUFFIXES) and not p.name.startswith("."))
    if not inside:
        raise DataError(f"{path}: holds neither *.parquet nor *.csv nor *.jsonl; give a file of votes")
    return inside


def _source(path: Path) -> Source:
    kind = _kind(path)
    names: list[str] = []
    head = None
    if kind == "parquet":
        head, columns = part.head_of(path), tuple(part.columns_of(path))
    elif kind == "csv":
        names = text.header(path)
        columns = tuple(names)
    else:
        columns = text.fields(path)
    _complete(path, columns)
    return Source(path, kind, columns, head, path.stat().st_size, _names=names)


def _kind(path: Path) -> str:
    """By suffix, else by the first bytes.

    Raises:
        DataError: it cannot be read, or is empty.
    """
    name = path.name.removesuffix(".gz")
    regular(path)
    try:
        with path.open("rb") as file:
            first = file.read(512)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; give a file that can be read") from None
    if not first:
        raise DataError(f"{path}: is empty; give a file of votes, or leave it out")
    if name.endswith(".parquet") or first.startswith(part.MAGIC):
        return "parquet"
    if name.endswith((".jsonl", ".ndjson")) or first.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
        return "jsonl"
    if name.endswith((".csv", ".tsv")) or (b"\0" not in first and b"," in first):
        return "csv"
    raise DataError(f"{path}: is neither Parquet nor CSV nor JSON Lines; give a file of votes")


def _complete(path: Path, columns: Sequence[str]) -> None:
    missing = [name for name in REQUIRED if name not in columns]
    if "cluster" not in columns and "pair_id" not in columns:
        missing.insert(2 if len(missing) > 2 else len(missing), "cluster")
    if not missing:
        return
    if {"baseline", "candidate"} <= set(columns) or "legs" in columns:
        raise DataError(f"{path}: holds pairs and no votes; judge pairs by `understudy analyze`")
    name = missing[0]
    near = get_close_matches(name, columns, n=1, cutoff=0.6)
    mend = f"rename {near[0]!r} to {name!r}" if near else "votes have slice, metric, cluster and d"
    has = ", ".join(columns[:8]) + (", ..." if len(columns) > 8 else "")
    raise DataError(f"{path}: no column {name!r} (it has {has}); {mend}")


def _shaped(frame: "pl.DataFrame", path: Path, row: int, *, loose: bool) -> "pl.DataFrame":
    """All columns of votes with their types; what a column lacks is null, and so is an empty text."""
    import polars as pl

    made = []
    for name in COLUMNS:
        if name not in frame.columns:
            made.append(pl.lit(None, pl.Float64 if name in NUMBERS else pl.String).alias(name))
            continue
        kind, column = frame.schema[name], pl.col(name)
        if name in TEXTS:
            if kind.is_nested() or kind == pl.Binary:
                raise DataError(f"{path}: column {name!r} is {kind}; write texts")
            texts = column.cast(pl.String)
            made.append(pl.when(texts != "").then(texts).alias(name))
        elif kind.is_numeric() or kind == pl.Null:
            made.append(column.cast(pl.Float64))
        elif name == "ts" and kind == pl.Datetime:
            made.append((column.dt.timestamp("us").cast(pl.Float64) / 1e6).alias(name))
        elif loose and kind == pl.String:
            _some_number(frame, name, path, row)
            made.append(column.str.strip_chars().cast(pl.Float64, strict=False))
        else:
            unit = "seconds since the epoch" if name == "ts" else "numbers from -1 to 1"
            raise DataError(f"{path}: column {name!r} is {kind}; write {unit}")
    return frame.select(made)


def _some_number(frame: "pl.DataFrame", name: str, path: Path, row: int) -> None:
    """A single bad row is rejected by itself; a column without any number is a mistake of the whole file."""
    import polars as pl

    given = frame.select(pl.col(name).str.strip_chars()).with_row_index("row", offset=row)
    given = given.filter(pl.col(name).is_not_null() & (pl.col(name) != ""))
    if given.height and given[name].cast(pl.Float64, strict=False).is_null().all():
        first = given.row(0)
        unit = "seconds since the epoch" if name == "ts" else "a number from -1 to 1"
        raise DataError(f"{path}: row {first[0]}: column {name!r} is {str(first[1])[:40]!r}; write {unit}")
