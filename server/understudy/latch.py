"""The switch latch: which engine must serve, on disk, so that no restart brings a bad engine back.

A relay reads it at its start and before each switch, and it wins over the config until `understudy rearm`
clears it. A file that cannot be understood latches to the baseline: damage never brings the candidate back.
"""

import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from understudy import durable
from understudy.errors import UnderstudyError

logger = logging.getLogger(__name__)

ENGINES = ("baseline", "candidate")
"""What may be primary."""

DAMAGED = "latch file damaged"
"""The reason of a latch whose file could not be understood."""


@dataclass(frozen=True, slots=True)
class Latch:
    """A decision about the primary that outlives every process."""

    primary: str
    """'baseline' or 'candidate'."""
    reason: str
    """Why, for the operator."""
    alerts: tuple[str, ...]
    """Fingerprints of the alerts behind it; empty when an operator switched."""
    issued_ns: int
    """Wall clock, UTC epoch nanoseconds."""


def read(path: str | os.PathLike[str]) -> Latch | None:
    """The latch in force, or None when there is none; never raises for what the file holds."""
    try:
        return _says(path)
    except ValueError:
        logger.error("%s: %s: the baseline serves until `understudy rearm`", DAMAGED, path)
        return Latch("baseline", DAMAGED, (), 0)


def _says(path: str | os.PathLike[str]) -> Latch | None:
    """What the file holds; None without one.

    Raises:
        ValueError: it cannot be read, or holds no latch.
    """
    try:
        found = json.loads(Path(path).read_bytes())
        alerts = found["alerts"]
        latch = Latch(found["primary"], found["reason"], tuple(alerts), found["issued_ns"])
        if (
            set(found) == {"primary", "reason", "alerts", "issued_ns"}
            and latch.primary in ENGINES
            and isinstance(latch.reason, str)
            and isinstance(alerts, list)
            and all(isinstance(alert, str) for alert in alerts)
            and type(latch.issued_ns) is int
        ):
            return latch
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(str(error)) from error
    raise ValueError("it parses, but makes no sense")


def write(path: str | os.PathLike[str], latch: Latch) -> str:
    """Put the latch in force.

    Returns:
        "" when it is on the disk, whole; else why a power cut may still undo it. In force it is in either case:
        whoever reads it obeys, so that whoever wrote it has to go on.

    Raises:
        UnderstudyError: it is not in force; an older latch, if any, still is.
    """
    if latch.primary not in ENGINES:
        raise UnderstudyError(f"latch: primary must be baseline or candidate, not {latch.primary!r}")
    try:
        durable.write(path, json.dumps(asdict(latch)).encode() + b"\n")
    except OSError as error:
        if not _holds(path, latch):
            raise UnderstudyError(
                f"latch {path}: cannot be written: {error}: mend the state directory"
            ) from error
        return _undurable(path, "in force", error)
    return ""


def clear(path: str | os.PathLike[str]) -> str:
    """Take the latch away; the config decides again. Nothing happens when there is none.

    Returns:
        "" when it is gone for good; else why a power cut may still bring it back.

    Raises:
        UnderstudyError: it is still in force.
    """
    try:
        durable.remove(path)
    except OSError as error:
        if os.path.lexists(path):
            raise UnderstudyError(
                f"latch {path}: cannot be cleared: {error}: mend the state directory"
            ) from error
        return _undurable(path, "cleared", error)
    return ""


def _holds(path: str | os.PathLike[str], latch: Latch) -> bool:
    try:
        return _says(path) == latch
    except ValueError:
        return False


def _undurable(path: str | os.PathLike[str], done: str, error: OSError) -> str:
    said = f"latch {path}: {done}, but a power cut may undo it: {error}: mend the state directory"
    logger.error("%s", said)
    return said
