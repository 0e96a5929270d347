"""Reads captures back: files, directories and globs, parts and open journals, oldest first."""

import glob
import heapq
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from understudy.capture.parquet import journal_rows
from understudy.capture.row import VERSION, Row, from_row, schema
from understudy.errors import DataError
from understudy.pair import Pair
from understudy.score import Score

CHUNK = 1_000
"""Rows held in memory at a time."""
WINDOW = 2_000
"""Pairs are put into order of admission within so many: they were written in order of completion."""


class Captured(NamedTuple):
    """One captured pair."""

    pair: Pair
    scores: tuple[Score, ...]
    content: bool
    """False: the texts were withheld, and only the scores tell what they were like."""


def read(*paths: str | Path) -> Iterator[tuple[Pair, tuple[Score, ...]]]:
    """The pairs and scores of captures: each path a file, a directory or a glob.

    Raises:
        DataError: a file is missing, empty, half-written or foreign; the text names it and the mend.
    """
    for item in captured(*paths):
        yield item.pair, item.scores


def captured(*paths: str | Path) -> Iterator[Captured]:
    """`read`, with whether the texts were kept."""
    for path in files(paths):
        rows = _journal(path) if path.suffix == ".jsonl" else _part(path)
        for row in rows:
            try:
                pair, scores = from_row(row)
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(f"{path}: a row cannot be read ({error}); delete the file") from None
            yield Captured(pair, scores, row["content"])


def admitted(*paths: str | Path) -> Iterator[Captured]:
    """`captured` in order of admission, with bounded memory; ties and timeless pairs keep their order."""
    waiting: list[tuple[int, int, Captured]] = []
    for index, item in enumerate(captured(*paths)):
        heapq.heappush(waiting, (item.pair.admitted_ns, index, item))
        if len(waiting) > WINDOW:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def ids(path: str | Path) -> Iterator[str]:
    """The pair ids of a capture, without reading the rest: cheap, for resuming."""
    import polars as pl

    for file in files([path]):
        if file.suffix == ".jsonl":
            yield from (row["id"] for row in _journal(file))
        else:
            _check(file)
            yield from pl.read_parquet(file, columns=["id"])["id"].to_list()


def files(paths: Iterable[str | Path]) -> tuple[Path, ...]:
    """The files to read, in order of the arguments and of time within each.

    Raises:
        DataError: a path does not exist or holds no capture.
    """
    found: list[Path] = []
    for given in paths:
        path = Path(given)
        if path.is_dir():
            inside = _inside(path)
        elif path.exists():
            inside = [path]
        else:
            inside = [Path(match) for match in sorted(glob.glob(str(given), recursive=True))]
            if not inside:
                raise DataError(
                    f"{given}: no such file or directory; give a captured file, directory or glob"
                )
        if not inside:
            raise DataError(f"{path}: holds no pairs-*.parquet; give the directory a capture was written to")
        found += inside
    return tuple(found)


def _inside(directory: Path) -> list[Path]:
    sealed = {
        part.name.removeprefix("pairs-").removesuffix(".parquet"): part
        for part in directory.glob("*.parquet")
    }
    for journal in directory.glob("open-*.jsonl"):
        # A journal beside its part was sealed; its writer died before it could be deleted.
        sealed.setdefault(journal.stem.removeprefix("open-"), journal)
    return [sealed[name] for name in sorted(sealed)]


def _journal(path: Path) -> Iterator[Row]:
    number = 0
    try:
        for row in journal_rows(path):
            number += 1
            yield row
    except FileNotFoundError:  # sealed since the directory was listed
        part = path.with_name(path.name.replace("open-", "pairs-", 1)).with_suffix(".parquet")
        yield from _part(part)
    except (ValueError, KeyError, TypeError) as error:
        said = f"no field {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(
            f"{path}:{number + 1}: not a row of a capture journal ({said}); remove the line, or the file"
        ) from None


def _part(path: Path) -> Iterator[Row]:
    import polars as pl

    _check(path)
    frame = pl.scan_parquet(path)
    offset = 0
    while True:
        rows = frame.slice(offset, CHUNK).collect()
        yield from rows.iter_rows(named=True)
        if rows.height < CHUNK:
            return
        offset += CHUNK


def _check(path: Path) -> None:
    import polars as pl

    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path}: is empty; delete it, its writer kept nothing in it")
        columns = pl.read_parquet_schema(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; give a file that can be read") from None
    except pl.exceptions.PolarsError:
        raise DataError(
            f"{path}: not a whole Parquet file (half-written or foreign); delete it or copy it again"
        ) from None
    missing = [name for name in schema() if name not in columns]
    if missing:
        raise DataError(
            f"{path}: not an Understudy capture: no column {missing[0]!r}; give a file written by a capture"
        )
    versions = pl.read_parquet(path, columns=["version"])["version"].unique().to_list()
    if any(version != VERSION for version in versions):
        raise DataError(
            f"{path}: capture schema {versions}, this release reads {VERSION}; use the release that wrote it"
        )
