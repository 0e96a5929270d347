"""How a command ends: an exit code, and on an error one line."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from traceback import print_exception

from understudy.errors import LINE, UnderstudyError, shown, traced

USAGE = 2
"""What the parser of the command line says."""
WRONG = 3
PIPE = 141
"""What a shell says of a command whose reader left."""
DEBUG = "UNDERSTUDY_DEBUG"
"""Set in the environment: errors that nobody foresaw come with their traceback."""


def leave(number: int, frame: object) -> None:
    """End by a signal: handlers of exceptions run."""
    raise SystemExit(128 + number)  # and files half-written go


def guarded(command: Callable[[], object], *, trace: bool = False) -> int:
    """Run a command; return its exit code.

    What nobody foresaw is one line too; `trace`, or UNDERSTUDY_DEBUG in the environment, adds the traceback.
    """
    screen, place = sys.stdout, _place()
    try:
        code = _ended(command, trace=trace or bool(os.environ.get(DEBUG)))
        # The libraries' ways to take a broken pipe, with 1: a screen of their own, or nowhere in its place.
        if code and (sys.stdout is not screen or _place() != place):
            return PIPE
        sys.stdout.flush()
    except BrokenPipeError:  # its reader has what it wanted: `| head`
        _silent()
        return PIPE
    except OSError as error:
        _silent()
        return _told(f"standard output: {error.strerror or error}; give a place that can be written")
    return code


def _ended(command: Callable[[], object], *, trace: bool) -> int:
    try:
        command()
    except UnderstudyError as error:
        return _told(str(error))
    except KeyboardInterrupt:
        return 130
    except SystemExit as gone:
        return gone.code if isinstance(gone.code, int) else 0 if gone.code is None else 1
    except BrokenPipeError:
        raise
    except Exception as error:
        if _interrupted(error):
            return 130
        if trace:
            print_exception(error)
        if isinstance(error, MemoryError):
            return _told("out of memory; give smaller files, or more memory")
        if isinstance(error, OSError):
            where = error.filename or "a file, a socket or standard output"
            return _told(f"{where}: {error.strerror or error}; see that it is there and has room")
        return _told(f"{traced(error)}: this is a defect, please report it ({DEBUG}=1 shows the traceback)")
    return 0


def _told(text: str) -> int:
    print(f"understudy: {shown(text, LINE)}", file=sys.stderr)
    return WRONG


def _interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind it: an import that it ends fails with an error of its own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _place() -> tuple[int, int] | None:
    """Where standard output goes: the table of a reader that has left is sent nowhere by who prints it."""
    try:
        found = os.fstat(sys.stdout.fileno())
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _silent() -> None:
    """Nothing more can be written, at the interpreter's end neither."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
