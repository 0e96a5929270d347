"""From the pieces of a streamed reply to its text."""

from dataclasses import dataclass

from understudy.codec import Chunk, Manner, Reply
from understudy.pair import Finish

REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()
SURE = 3
"""Strict growths after which pieces are cumulative beyond doubt: deltas would each have to repeat all
before."""


STAMP_BYTES = 40
"""What a message costs beside its text: when it came is kept."""


@dataclass(slots=True)
class Habit:
    """What long replies of one model taught about its short, ambiguous ones ('1', '10')."""

    manner: Manner = Manner.AUTO


class TextReader:
    """Joins pieces as bytes, so that a character split across deltas survives; decodes once, at the end.

    Pieces are cumulative when each begins with the one before (a trailing U+FFFD, a character still
    incomplete, aside) and they grow; else deltas. A reply too short to tell follows the model's habit, and
    without one counts as cumulative if it grew at all. A fixed `manner` decides beforehand.
    """

    def __init__(self, habit: Habit, manner: Manner = Manner.AUTO, echo: str = "") -> None:
        self._habit = habit
        self._manner = manner
        self._echo = echo
        self._before = bytearray()
        """The pieces before the latest, joined; none once they are cumulative."""
        self._latest = b""
        self._grown = 0
        self._fed = 0
        self._error = ""
        self._finish = Finish.UNKNOWN
        self._chunks: list[int] = []

    @property
    def size(self) -> int:
        """Bytes held: of text, and for each message."""
        return len(self._before) + len(self._latest) + self._fed * STAMP_BYTES

    @property
    def text_bytes(self) -> int:
        """Bytes of text held."""
        return len(self._before) + len(self._latest)

    @property
    def error(self) -> str:
        """The first in-band error, or ''."""
        return self._error

    def feed(self, chunk: Chunk, ns: int) -> None:
        """Take one message, `ns` nanoseconds after the request was sent."""
        self._fed += 1
        self._error = self._error or chunk.error
        if chunk.finish is not Finish.UNKNOWN:
            self._finish = chunk.finish
        if chunk.text is not None or chunk.error:
            self._chunks.append(ns)
        if chunk.text:
            self._piece(chunk.text)

    def _piece(self, piece: bytes) -> None:
        before = self._latest
        if self._manner is Manner.AUTO and before:
            if not piece.startswith(before) and not piece.startswith(before.removesuffix(REPLACEMENT)):
                self._manner = self._habit.manner = Manner.DELTA
            elif len(piece) > len(before):
                self._grown += 1
                if self._grown == SURE:
                    self._manner = self._habit.manner = Manner.CUMULATIVE
        if self._manner is Manner.CUMULATIVE:
            self._before.clear()  # only the latest matters: memory stays linear
        else:
            self._before += before
        self._latest = piece

    def _joined(self) -> bytes:
        manner = self._manner
        if manner is Manner.AUTO and self._before:
            manner = self._habit.manner
            if manner is Manner.AUTO:
                manner = Manner.CUMULATIVE if self._grown else Manner.DELTA
        return self._latest if manner is Manner.CUMULATIVE else b"".join((self._before, self._latest))

    def finished(self) -> Reply:
        """The reply so far, whole; the echoed prompt is taken off."""
        data = self._joined()
        try:
            text, valid = data.decode(), True
        except UnicodeDecodeError:
            text, valid = data.decode(errors="replace"), False
        if self._echo and text.startswith(self._echo):
            text = text[len(self._echo) :]
        return Reply(text, valid, self._finish, self._error, tuple(self._chunks))
