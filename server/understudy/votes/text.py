"""CSV and JSON Lines of votes, block by block: parsed by polars, and line by line where it stumbles.

The second way is slower and knows which line it is; it also reads what is no JSON by the book (NaN).
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from understudy.errors import DataError
from understudy.given import parsed
from understudy.votes.form import COLUMNS, NUMBERS, schema

if TYPE_CHECKING:
    import polars as pl

BLOCK = 8 << 20
"""Bytes read at one time."""
LONGEST = 64 << 20
"""No row is longer; more without a row's end means a quote that is never closed, or no text file at all."""

Told = Callable[[int], None]
"""Takes the bytes of the file, as it lies on the disk, that were read so far."""


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """The content, unpacked, and the file on the disk.

    Raises:
        DataError: it cannot be read or unpacked.
    """
    try:
        with path.open("rb") as raw:
            if path.suffix == ".gz":
                with gzip.GzipFile(fileobj=raw) as content:
                    yield content, raw  # type: ignore[misc]  # it reads like one
            else:
                yield raw, raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: cannot be unpacked ({error}); copy the file again") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; give a file that can be read") from None


def _blocks(path: Path, told: Told, *, quoted: bool) -> Iterator[bytes]:
    """Whole rows, about BLOCK bytes at a time; with `quoted`, a line's end in quotes ends no row."""
    rest = b""
    with _opened(path) as (content, raw):
        while data := content.read(BLOCK):
            data = rest + data
            end = _end(data, quoted=quoted)
            if end == 0 and len(data) > LONGEST:
                raise DataError(
                    f"{path}: no row ends within {LONGEST >> 20} MiB; close the quotes, or give a file of votes"
                )
            rest = data[end:]
            if end:
                told(raw.tell())
                yield data[:end]
        told(raw.tell())
    if rest:
        yield rest


def _end(data: bytes, *, quoted: bool) -> int:
    """Where the last whole row ends; 0 = none does. Within quotes there is an odd number of them before."""
    end = data.rfind(b"\n") + 1
    quotes = data.count(b'"', 0, end) if quoted else 0
    while quotes % 2:  # each byte is looked at once more on the way back, however many lines that takes
        last = data.rfind(b'"', 0, end)
        end = data.rfind(b"\n", 0, last) + 1
        quotes -= 1 + data.count(b'"', end, last)
    return end


# -- CSV ----------------------------------------------------------------------------------------------------


def header(path: Path) -> list[str]:
    """The names in a CSV file's first line.

    Raises:
        DataError: it is empty, not UTF-8, or names a column twice.
    """
    with _opened(path) as (content, _):
        line = content.readline(1 << 20)
    if not line.strip():
        raise DataError(f"{path}: is empty; give a file of votes, or leave it out")
    try:
        cells = next(csv.reader([_decoded(path, 1, line, 0)], delimiter=_comma(path)))
    except csv.Error as error:
        raise DataError(f"{path}: row 0, the header: {error}; give a file of votes") from None
    names = [name.strip() for name in cells]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path}: the header names column {twice!r} twice; give every column one name")
    return names


def csv_frames(path: Path, names: list[str], told: Told) -> "Iterator[pl.DataFrame]":
    """The rows below the header, every column as text."""
    import polars as pl

    wanted = [name for name in names if name in COLUMNS]
    row = 0
    head = True
    for block in _blocks(path, told, quoted=True):
        if head:
            block, head = block[block.find(b"\n") + 1 or len(block) :], False
        if not block.strip():
            continue
        try:
            frame = pl.read_csv(
                io.BytesIO(block),
                has_header=False,
                schema={name: pl.String for name in names},
                separator=_comma(path),
                truncate_ragged_lines=False,
            )
        except pl.exceptions.PolarsError:
            frame = _csv_slowly(path, block, names, row)
        else:
            if _some_short(block, frame, names, _comma(path)):
                frame = _csv_slowly(path, block, names, row)
        row += frame.height
        yield frame.select(wanted)


def _some_short(block: bytes, frame: "pl.DataFrame", names: list[str], comma: str) -> bool:
    """Whether a row may have too few fields, whose last one polars leaves empty; none has too many."""
    if not frame[names[-1]].null_count():
        return False
    return b'"' in block or block.count(comma.encode()) != frame.height * (len(names) - 1)


def _csv_slowly(path: Path, block: bytes, names: list[str], row: int) -> "pl.DataFrame":
    import polars as pl

    text = _decoded(path, row + 1, block, row)
    made: list[list[str | None]] = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=_comma(path), strict=True):
            if not cells:
                continue
            if len(cells) != len(names):
                raise DataError(
                    f"{path}: row {row + len(made) + 1} has {len(cells)} fields and the header {len(names)}; mend "
                    "or remove the row (texts with a comma belong in quotes)"
                )
            made.append([cell or None for cell in cells])
    except csv.Error as error:
        raise DataError(f"{path}: row {row + len(made) + 1}: {error}; mend or remove the row") from None
    return pl.DataFrame(made, schema={name: pl.String for name in names}, orient="row")


def _comma(path: Path) -> str:
    return "\t" if ".tsv" in path.suffixes else ","


# -- JSON Lines ---------------------------------------------------------------------------------------------


def json_frames(path: Path, told: Told) -> "Iterator[pl.DataFrame]":
    """The fields that votes have; one that is not there is null."""
    import polars as pl

    line = 0
    for block in _blocks(path, told, quoted=False):
        if not block.strip():
            line += block.count(b"\n")
            continue
        if line == 0:
            block = block.removeprefix(b"\xef\xbb\xbf")
        try:
            # Types are said, not guessed from the first lines: what is of another one stumbles here.
            frame = pl.read_ndjson(io.BytesIO(block), schema=schema())
        except pl.exceptions.PolarsError:
            frame = _json_slowly(path, block, line)
        line += block.count(b"\n")
        yield frame


def _json_slowly(path: Path, block: bytes, line: int) -> "pl.DataFrame":
    import polars as pl

    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    rows = 0
    parts = block.split(b"\n")
    for number, part in enumerate(parts, line + 1):
        if not part.strip():
            continue
        cut = number == line + len(parts)
        value = parsed(path, number, _decoded(path, number, part, None), cut=cut, what="vote")
        for name, column in columns.items():
            column.append(_plain(path, number, name, value.get(name)))
        rows += 1
    return pl.DataFrame(columns, schema=schema())


def _plain(path: Path, line: int, name: str, value: object) -> float | str | None:
    """A field as the column's type; a number that is none becomes NaN, which is rejected where it is counted."""
    if isinstance(value, dict | list):
        raise DataError(f"{path}:{line}: {name!r} is a list or an object; write a number or a text")
    if value is None:
        return None
    if name not in NUMBERS:  # as polars spells it: 1.0 and 1 are one cluster
        if isinstance(value, bool):
            return json.dumps(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return str(value).encode("utf-8", "replace").decode()
    if isinstance(value, bool):
        raise DataError(f"{path}:{line}: {name!r} is {str(value).lower()}; write a number")
    try:
        return float(value)  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return float("nan")


def _decoded(path: Path, number: int, data: bytes, row: int | None) -> str:
    """Text.

    Raises:
        DataError: it is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        if row is None:
            where = f"{path}:{number}"
        else:
            where = f"{path}: row {row + data.count(bytes([10]), 0, error.start) + 1}"
        raise DataError(f"{where}: not UTF-8; save the file as UTF-8, or give a file of votes") from None


def fields(path: Path) -> tuple[str, ...]:
    """The fields that the first lines of a JSON Lines file have, in order.

    Raises:
        DataError: its first line is no JSON object, or there is none.
    """
    found: dict[str, None] = {}
    with _opened(path) as (content, _):
        number = 0
        while number < 200 and (line := content.readline(LONGEST)):
            number += 1
            if not line.strip():
                continue
            try:
                value = json.loads(_decoded(path, number, line, None))
            except (ValueError, RecursionError):
                break  # told with its line where rows are read
            if not isinstance(value, dict):
                break
            found |= dict.fromkeys(map(str, value))
    if not found:
        for _ in json_frames(path, lambda read: None):
            break
        raise DataError(f"{path}: holds no votes; give one JSON object a line")
    return tuple(found)
