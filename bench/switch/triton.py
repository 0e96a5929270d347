"""Callers by tritonclient, blocking, a thread each: `python -m bench.switch.triton PART`."""

import queue
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import IO, Any

import grpc
import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException
from understudy.codec.kserve import unpack

from bench.switch.part import HELD, LIMIT_S, MODEL, PAUSE_S, UNARY, Part, messages
from bench.switch.records import OK, Call, Ending, line

CODES = {str(code): code.value[0] for code in grpc.StatusCode}
UNKNOWN = 2
AGAIN_S = 0.05

Answer = tuple[int, Any, Any]
"""When it came, a result, an error."""


class Callers:
    """Everybody in this process."""

    def __init__(self, part: Part, note: Callable[[Any], None]) -> None:
        self.part = part
        self.over = threading.Event()
        self._note = note
        self._noting = threading.Lock()
        self._ids = count()

    def run(self) -> None:
        """Call until it is over, and finish what is under way."""
        threads = [
            threading.Thread(target=work, args=(f"{self.part.client}-{number}",))
            for work, many in ((self._unary, self.part.unary), (self._held, self.part.held))
            for number in range(many * self.part.channels)
        ]
        for thread in threads:
            thread.start()
        self.over.wait()
        for thread in threads:
            thread.join()

    def note(self, what: Any) -> None:
        """Write it down."""
        with self._noting:
            self._note(what)

    def id(self) -> str:
        """A new request's."""
        return f"{self.part.ids}-{next(self._ids)}"

    def _client(self) -> Any:
        return triton.InferenceServerClient(
            self.part.address,
            ssl=bool(self.part.ca),
            root_certificates=self.part.ca or None,
            channel_args=[("grpc.use_local_subchannel_pool", 1)],
        )

    def _unary(self, caller: str) -> None:
        dice = random.Random(caller)
        with self._client() as client:
            while not self.over.wait(dice.uniform(*PAUSE_S)):
                id, began = self.id(), time.time_ns()
                code, error, last = OK, "", 0
                names: tuple[str, ...] = ()
                try:
                    result = client.infer(MODEL, inputs(UNARY), request_id=id, client_timeout=LIMIT_S)
                    last, names = time.time_ns(), (name(result),)
                except InferenceServerException as failure:
                    code, error = status(failure)
                ended, got = time.time_ns(), len(names)
                self.note(
                    Call(
                        self.part.client, "unary", caller, id, began, last, ended, names, got, 1, code, error
                    )
                )

    def _held(self, caller: str) -> None:
        with self._client() as client:
            holder = _Holder(self, caller, client)
            while not self.over.is_set():
                holder.hold()


class _Holder:
    """Holds one stream after the other, each by `start_stream`."""

    def __init__(self, home: Callers, caller: str, client: Any) -> None:
        self._home, self._caller, self._client = home, caller, client
        self._dice = random.Random(caller)
        self._turn = count()

    def hold(self) -> None:
        """One stream, until it is ended by either side."""
        answers: queue.Queue[Answer] = queue.Queue()
        self._client.start_stream(lambda result, error: answers.put((time.time_ns(), result, error)))
        at, code, error, names = 0, OK, "", dict[str, None]()
        pending, got = "", 0
        while code == OK and not self._home.over.is_set():
            asked = self._ask(answers, names)
            if isinstance(asked, Call):
                self._home.note(asked)
                at, code, error = asked.ended, asked.code, asked.error
                if code != OK:
                    pending, got = asked.id, asked.got
                    break
            try:
                at, _, failure = answers.get(timeout=self._dice.uniform(*PAUSE_S))
                code, error = status(failure)
            except queue.Empty:
                pass
        self._client.stop_stream()
        ended = at if code != OK else time.time_ns()
        self._home.note(
            Ending(self._home.part.client, self._caller, ended, code, error, tuple(names), pending, got)
        )
        if code != OK:
            time.sleep(AGAIN_S)

    def _ask(self, answers: "queue.Queue[Answer]", seen: dict[str, None]) -> Call | None:
        """One request and its answer; None when the stream was over before it could be sent."""
        prompt = HELD[next(self._turn) % len(HELD)]
        id, asked, got, last, names = self._home.id(), messages(prompt), 0, 0, dict[str, None]()
        code, error, began = OK, "", time.time_ns()
        ended = began
        try:
            self._client.async_stream_infer(
                MODEL, inputs(prompt, True), request_id=id, enable_empty_final_response=True
            )
        except InferenceServerException:  # why stands in the queue
            return None
        while got < asked:
            ended, result, failure = answers.get()
            if failure is not None:
                code, error = status(failure)
                break
            got, last = got + 1, ended
            names[name(result)] = None
        seen |= names
        return Call(
            self._home.part.client,
            "held",
            self._caller,
            id,
            began,
            last,
            ended,
            tuple(names),
            got,
            asked,
            code,
            error,
        )


def inputs(prompt: str, stream: bool = False) -> list[Any]:
    """The tensors of a request."""
    text = triton.InferInput("text_input", [1, 1], "BYTES")
    text.set_data_from_numpy(np.array([[prompt.encode()]], dtype=np.object_))
    flag = triton.InferInput("stream", [1, 1], "BOOL")
    flag.set_data_from_numpy(np.array([[stream]], dtype=np.bool_))
    return [text, flag]


def name(result: Any) -> str:
    """The engine that a message names."""
    return unpack(result.get_response().raw_output_contents[0])[0].decode().split()[0]


def status(failure: Any) -> tuple[int, str]:
    """Its status and its text, as gRPC has them."""
    return CODES.get(failure.status() or "", UNKNOWN), failure.message() or ""


def _write(file: IO[str], what: Any) -> None:
    file.write(line(what))


def main(path: Path) -> None:
    """Call until SIGTERM."""
    part = Part.read(path)
    with Path(part.file).open("w") as file:
        callers = Callers(part, lambda what: _write(file, what))
        signal.signal(signal.SIGTERM, lambda *_: callers.over.set())
        with suppress(KeyboardInterrupt):
            callers.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
