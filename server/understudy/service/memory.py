"""A bound on the memory that a process may take: what asks for more gets a MemoryError, before the host suffers."""

import resource
from contextlib import suppress
from pathlib import Path

STATUS = Path("/proc/self/status")


def bound(extra: int) -> None:
    """Let this process have `extra` bytes beyond what it has now; 0 = as much as it likes.

    Counted are private writable pages (RLIMIT_DATA), touched or not: a read-only file that is mapped costs nothing. The
    kernel holds it, so it also stops code that never lets go of the interpreter. Without Linux there is no bound.
    """
    if not extra:
        return
    with suppress(OSError, ValueError, IndexError):
        (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmData"))
        most = (int(line.split()[1]) << 10) + extra
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if hard == resource.RLIM_INFINITY or most < hard:
            resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
