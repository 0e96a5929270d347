"""A scoring process of a command: batches come on a pipe, scores go back on it, until the pipe is closed.

`python -m understudy.service.inlet FD LIMIT_S MEMORY_BYTES PARAMETERS NAME...`
"""

import json
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection

from understudy.service import memory
from understudy.service.analysis import answer
from understudy.service.build import build
from understudy.service.deadline import Deadline
from understudy.v1 import pairs_pb2


def main() -> None:
    """Score until nobody asks any more."""
    fd, limit_s, memory_bytes, parameters, *names = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the command's: it closes the pipe
    pipe = Connection(int(fd))
    analyzers = build(names, json.loads(parameters))
    memory.bound(int(memory_bytes))
    pipe.send_bytes(b"ready")
    # The command ends a process that takes too long; this is for one whose command is gone.
    deadline = Deadline(2 * float(limit_s))
    with suppress(EOFError, OSError):
        while True:
            batch = pairs_pb2.PairBatch.FromString(pipe.recv_bytes())
            with deadline.held():
                said = answer(analyzers, batch)
            pipe.send_bytes(said.SerializeToString())


if __name__ == "__main__":
    main()
