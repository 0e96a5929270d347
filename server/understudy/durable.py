"""A file replaced whole and lastingly: what a power cut leaves is the old one or the new one, never a part.

Write to a scratch file (mode 0600), fsync it, rename it over the old one, fsync the directory: a rename is only
durable once its directory is (Pillai et al., OSDI 2014, "All File Systems Are Not Created Equal").
"""

import os
from contextlib import suppress
from pathlib import Path


def write(path: str | os.PathLike[str], data: bytes) -> None:
    """Put `data` in the place of what the file held, readable by us alone; on return it is on the disk.

    For one writer at a time: the scratch file has a fixed name, so that a killed writer leaves at most one.

    Raises:
        OSError: it could not be made durable; the file holds what it held, or all of `data`.
    """
    path = Path(path)
    scratch = path.with_name(f".{path.name}.new")
    scratch.unlink(missing_ok=True)  # and O_EXCL: a link that was put there is not followed
    try:
        with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.rename(path)
    except OSError:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise
    sync(path.parent)


def remove(path: str | os.PathLike[str]) -> None:
    """Take the file away, lastingly; nothing happens when there is none.

    Raises:
        OSError: it could not be taken away durably.
    """
    path = Path(path)
    path.unlink(missing_ok=True)
    sync(path.parent)


def sync(directory: str | os.PathLike[str]) -> None:
    """Make the names within a directory durable: what was created, renamed or removed there.

    Raises:
        OSError: the directory cannot be opened or synced.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
