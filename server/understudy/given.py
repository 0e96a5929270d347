"""Files that a command is given: found by their names, and objects on the lines of those that hold JSON."""

import glob
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from understudy.errors import DataError


def expanded(
    paths: Iterable[str | Path], inside: Callable[[Path], list[Path]], *, missing: str, nothing: str
) -> list[Path]:
    """The inputs: directories and globs become their files, in order of name.

    Args:
        paths: files, directories and globs.
        inside: what a directory stands for.
        missing: the mend where a name stands for no file.
        nothing: what is said of no names at all.

    Raises:
        DataError: nothing is there.
    """
    found: list[Path] = []
    for given in paths:
        path = Path(given)
        if path.is_dir():
            found += inside(path)
        elif path.exists():
            found.append(path)
        else:
            matches = sorted(glob.glob(str(given), recursive=True))
            if not matches:
                raise DataError(f"{given}: no such file; {missing}")
            found += map(Path, matches)
    if not found:
        raise DataError(nothing)
    return found


def regular(path: Path) -> None:
    """See that it is a file: a pipe would be waited for, and could be read once alone.

    Raises:
        DataError: it is none.
    """
    if not path.is_file():
        raise DataError(f"{path}: is {'a pipe' if path.is_fifo() else 'no file'}; give a regular file")


def parsed(path: Path, number: int, text: str, *, cut: bool, what: str) -> dict[str, Any]:
    """The object on a line of JSON Lines.

    Args:
        path: the file.
        number: the line's, from 1.
        text: the line.
        cut: whether it may end where its writer was interrupted.
        what: what every line holds: "pair".

    Raises:
        DataError: with file, line and mend.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        half = cut and text.lstrip().startswith("{")
        wrong = "a half-written line" if half else f"not JSON ({error.msg}, column {error.colno})"
        raise DataError(f"{path}:{number}: {wrong}; mend or remove the line") from None
    except RecursionError:
        raise DataError(f"{path}:{number}: nested too deeply; mend or remove the line") from None
    except ValueError:
        raise DataError(
            f"{path}:{number}: a number of thousands of digits; mend or remove the line"
        ) from None
    if not isinstance(value, dict):
        raise DataError(f"{path}:{number}: not a JSON object; give one {what} a line")
    return value
