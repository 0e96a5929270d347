"""Parquet files of votes: what one says of itself, and its rows in slices."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.errors import DataError
from understudy.votes.form import COLUMNS, HEAD, Head

if TYPE_CHECKING:
    import polars as pl

SLICE = 262_144
"""Rows read at one time; polars writes row groups of as many."""

MAGIC = b"PAR1"


def head_of(path: Path) -> Head | None:
    """The head of a part that a live run kept; None when another program wrote the file.

    Raises:
        DataError: it is no whole Parquet file, or another release wrote it.
    """
    import polars as pl

    checked(path)
    try:
        packed = pl.read_parquet_metadata(path).get(HEAD)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _broken(path, error) from None
    return None if packed is None else Head.read(packed, str(path))


def checked(path: Path) -> None:
    """See that the file is a whole one.

    Raises:
        DataError: it is empty, cut short or not Parquet.
    """
    try:
        with path.open("rb") as file:
            first = file.read(4)
            size = path.stat().st_size
            file.seek(max(0, size - 4))
            last = file.read(4)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; give a file that can be read") from None
    if not size:
        raise DataError(f"{path}: is empty; give a file of votes, or leave it out")
    if first != MAGIC:
        raise DataError(f"{path}: is no Parquet file; give one, or name it .csv or .jsonl if it is that")
    if last != MAGIC or size < 12:
        raise DataError(f"{path}: half a Parquet file: its end is missing; copy it again or leave it out")


def columns_of(path: Path) -> "dict[str, pl.DataType]":
    """Column -> type.

    Raises:
        DataError: as `checked`.
    """
    import polars as pl

    checked(path)
    try:
        return dict(pl.read_parquet_schema(path))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _broken(path, error) from None


def frames(path: Path, columns: "dict[str, pl.DataType]") -> "Iterator[pl.DataFrame]":
    """The columns that votes have, a slice of rows at a time.

    Raises:
        DataError: the file is damaged.
    """
    import polars as pl

    lazy = pl.scan_parquet(path).select([name for name in COLUMNS if name in columns])
    offset = 0
    while True:
        try:
            frame = lazy.slice(offset, SLICE).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _broken(path, error) from None
        if frame.height:
            yield frame
        if frame.height < SLICE:
            return
        offset += SLICE


def count(path: Path) -> int:
    """Rows, from the file's own account."""
    import polars as pl

    try:
        return int(pl.scan_parquet(path).select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _broken(path, error) from None


def _broken(path: Path, error: Exception) -> DataError:
    why = str(error).partition("\n")[0]
    return DataError(f"{path}: a damaged Parquet file ({why}); copy it again or leave it out")
