"""Which reply of a multiplexed stream belongs to which request."""

from typing import Final

from understudy.codec import Chunk

CALL_BYTES: Final = 320
"""What one request in flight costs whoever follows it (measured: 260), with its entries here: it may be five bytes
on the wire."""


class Calls:
    """The requests in flight on one RPC, matched to replies by wire id.

    Ids may be empty or reused while in flight. The rule: a reply goes to the oldest open call of its id; a
    reply whose id is open nowhere goes to the oldest open call without an id, or else to the only open call
    (engines that do not echo ids); otherwise it is a stray. A call ends with the final flag or an in-band
    error; when the engine never sets the flag, with the stream's end or when its owner finds it quiet for
    too long (`end`).

    The oldest call is right for engines that answer in order. Streamed pieces of several calls with one id
    cannot be told apart by anybody: `rivals` says so, and their owner must not trust them.

    No step takes longer for the calls there are: a caller may open thousands and have each piece of a reply looked
    up among them.
    """

    def __init__(self) -> None:
        self._open: dict[int, str] = {}
        self._by_id: dict[str, dict[int, None]] = {}
        """Keys of each id, oldest first."""
        self._mixed: dict[str, int] = {}
        """The newest call of an id that `rivals` has named."""
        self._next = 0

    def __len__(self) -> int:
        return len(self._open)

    @property
    def open(self) -> tuple[int, ...]:
        """Keys of the calls in flight, oldest first."""
        return tuple(self._open)

    def ask(self, wire_id: str) -> int:
        """Open a call and return its key."""
        key, self._next = self._next, self._next + 1
        self._open[key] = wire_id
        self._by_id.setdefault(wire_id, {})[key] = None
        return key

    def find(self, wire_id: str) -> int | None:
        """The call a message with this id belongs to; None for a stray."""
        queue = self._by_id.get(wire_id) or self._by_id.get("")
        if queue:
            return next(iter(queue))
        return next(iter(self._open)) if len(self._open) == 1 else None

    def rivals(self, chunk: Chunk) -> tuple[int, ...]:
        """The calls this piece of a streamed reply could belong to, when they are several; each is named once."""
        if chunk.final or chunk.error:
            return ()
        wire_id = chunk.id if chunk.id in self._by_id else ""
        queue = self._by_id.get(wire_id, {})
        if len(queue) < 2:
            return ()
        before, fresh = self._mixed.get(wire_id, -1), []
        for key in reversed(queue):
            if key <= before:
                break
            fresh.append(key)
        if fresh:
            self._mixed[wire_id] = fresh[0]
        return tuple(reversed(fresh))

    def answer(self, chunk: Chunk) -> int | None:
        """The call that this reply belongs to, ended when the reply says so."""
        key = self.find(chunk.id)
        if key is None and chunk.error and not chunk.id and self._open:
            key = next(iter(self._open))  # an error without an id: Triton answers in order
        if key is not None and (chunk.final or chunk.error):
            self.end(key)
        return key

    def end(self, key: int) -> None:
        """Close a call."""
        wire_id = self._open.pop(key)
        queue = self._by_id[wire_id]
        del queue[key]
        if not queue:
            del self._by_id[wire_id]
            self._mixed.pop(wire_id, None)
