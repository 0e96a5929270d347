"""Continuous batching: one worker thread that admits prompts between steps and advances every row together.

Rows live in two pools by length, so that short replies do not pay for the attention of long ones; a row moves
to the long pool when it outgrows the short one. A row alone always takes the same path, so a greedy reply at
concurrency 1 is the same bytes every time; in company, sums are taken in another order and a near tie may fall
the other way, as in any real engine.
"""

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from understudy.engine.model import Decoder, Part, Pool
from understudy.engine.tokenizer import BEGIN, END, PAD, Tokenizer
from understudy.errors import EngineError
from understudy.pair import Finish

log = logging.getLogger(__name__)

SHORT = 192
"""Positions of a row in the short pool."""
PREFILL = 8
"""Most prompts taken in between two steps."""
STRIDE = 32
"""Attention lengths are rounded up to a multiple of this, so that they change rarely."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What to generate."""

    prompt: str
    max_tokens: int
    temperature: float = 1.0
    """0 is greedy."""
    top_k: int = 0
    """0 is no limit; 1 is greedy."""
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[bytes, ...] = ()
    """The reply ends before the first of these."""
    bad: tuple[str, ...] = ()
    """Words that never come out."""

    @property
    def greedy(self) -> bool:
        """True when no chance is involved."""
        return self.temperature <= 0 or self.top_k == 1


@dataclass(frozen=True, slots=True)
class Piece:
    """What one step brought for one ticket: new bytes, and at the end why it ended."""

    data: bytes
    finish: Finish | None = None
    error: str = ""


@dataclass(eq=False, slots=True)
class Ticket:
    """A running request; `cancel` may be called from any thread."""

    ask: Ask
    emit: Callable[[Piece], None]
    """Called by whoever receives the batcher's deliveries."""
    cancelled: bool = False

    def cancel(self) -> None:
        """Stop generating at the next step; nothing is emitted any more."""
        self.cancelled = True


Deliver = Callable[[Sequence[tuple[Ticket, Piece]]], None]


@dataclass(eq=False, slots=True)
class _Row:
    ticket: Ticket
    prompt: list[int]
    banned: tuple[tuple[int, ...], ...]
    chance: random.Random
    position: int = 0
    """Of the token about to be fed."""
    token: int = PAD
    tokens: list[int] = field(default_factory=list)
    held: bytearray = field(default_factory=bytearray)
    """Bytes not yet emitted, because a stop word may have begun in them."""


class Batcher:
    """Owns the model and its thread.

    Args:
        model: In float32 on the CPU.
        tokenizer: Its tokenizer.
        deliver: Called in the worker thread once a step with all that it brought.
        max_batch: Most rows generated at one time; others wait in order.
        threads: CPU threads of torch's operations.
    """

    def __init__(
        self, model: Decoder, tokenizer: Tokenizer, deliver: Deliver, *, max_batch: int = 32, threads: int = 1
    ) -> None:
        self._model, self._tokenizer, self._deliver = model, tokenizer, deliver
        self._max_batch, self._threads = max_batch, threads
        context = model.shape.context
        self._pools = (Pool(model.shape, max_batch, SHORT), Pool(model.shape, max_batch, context))
        self._entry = Pool(model.shape, PREFILL, context)
        self._rows: tuple[list[_Row], list[_Row]] = ([], [])
        self._waiting: deque[Ticket] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._out: list[tuple[Ticket, Piece]] = []
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)

    def start(self) -> None:
        """Start the worker."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the step under way; what is unfinished is not emitted."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    def submit(self, ask: Ask, emit: Callable[[Piece], None]) -> Ticket:
        """Queue a request; its pieces come through `deliver` as (ticket, piece)."""
        ticket = Ticket(ask, emit)
        with self._wake:
            if self._closing:
                raise EngineError("the engine is shutting down")
            self._waiting.append(ticket)
            self._wake.notify()
        return ticket

    def _work(self) -> None:
        torch.set_num_threads(self._threads)
        with torch.inference_mode():
            while True:
                with self._wake:
                    while not (self._waiting or self._rows[0] or self._rows[1] or self._closing):
                        self._wake.wait()
                    if self._closing:
                        return
                    entering = self._next()
                try:
                    self._admit(entering)
                    self._sweep()
                    self._step()
                except Exception as error:  # a defect must not leave callers waiting for ever
                    log.exception("the engine failed: all running requests end with an error")
                    affected = {r.ticket for rows in self._rows for r in rows} | set(entering)
                    self._out += [(t, Piece(b"", Finish.ERROR, f"internal: {error}")) for t in affected]
                    for rows in self._rows:
                        rows.clear()
                if self._out:
                    self._deliver(self._out)
                    self._out = []

    def _next(self) -> list[Ticket]:
        """Take from the queue what fits, cancelled ones aside."""
        room = min(PREFILL, self._max_batch - len(self._rows[0]) - len(self._rows[1]))
        entering: list[Ticket] = []
        while self._waiting and len(entering) < room:
            ticket = self._waiting.popleft()
            if not ticket.cancelled:
                entering.append(ticket)
        return entering

    def _admit(self, tickets: Sequence[Ticket]) -> None:
        """Prefill prompts in one padded batch, place their rows, and draw each first token."""
        rows = []
        for ticket in tickets:
            ids = self._tokenizer.encode(ticket.ask.prompt)
            if len(ids) >= self._model.shape.context:
                text = f"prompt has {len(ids)} tokens, the model takes {self._model.shape.context - 1}"
                self._out.append((ticket, Piece(b"", Finish.ERROR, text)))
            else:
                rows.append(_Row(ticket, ids, self._bans(ticket.ask.bad), random.Random(ticket.ask.seed)))
        if not rows:
            return
        lengths = torch.tensor([len(row.prompt) for row in rows])
        tokens = torch.full((len(rows), int(lengths.max())), PAD)
        for i, row in enumerate(rows):
            tokens[i, : len(row.prompt)] = torch.tensor(row.prompt)
        logits = self._model.prefill(tokens, lengths, self._entry)
        for i, (row, token) in enumerate(zip(rows, self._draw(rows, logits), strict=True)):
            row.position = len(row.prompt)
            if not self._take(row, token):
                self._place(row, self._entry, i)

    def _place(self, row: _Row, source: Pool, source_row: int) -> None:
        """Put a row into the shortest pool that has room for its next token."""
        to = 0 if row.position < SHORT else 1
        self._pools[to].copy(len(self._rows[to]), source, source_row, row.position)
        self._rows[to].append(row)

    def _remove(self, at: int, i: int) -> None:
        """Take row i out of a pool; the last row fills its place."""
        rows, pool = self._rows[at], self._pools[at]
        last = rows.pop()
        if i < len(rows):
            pool.copy(i, pool, len(rows), last.position)
            rows[i] = last

    def _sweep(self) -> None:
        """Drop cancelled rows and move those that outgrew the short pool."""
        for at in (0, 1):
            for i in reversed(range(len(self._rows[at]))):
                row = self._rows[at][i]
                if row.ticket.cancelled:
                    self._remove(at, i)
                elif at == 0 and row.position >= SHORT:
                    self._place(row, self._pools[0], i)
                    self._remove(0, i)

    def _step(self) -> None:
        """Advance every row by one token."""
        rows = [*self._rows[0], *self._rows[1]]
        if not rows:
            return
        parts = [
            Part(
                pool, len(held), min(pool.context, -(-(max(r.position for r in held) + 1) // STRIDE) * STRIDE)
            )
            for pool, held in zip(self._pools, self._rows, strict=True)
            if held
        ]
        logits = self._model.step(
            torch.tensor([row.token for row in rows]), torch.tensor([row.position for row in rows]), parts
        )
        ended = []
        for row, token in zip(rows, self._draw(rows, logits), strict=True):
            row.position += 1
            if self._take(row, token):
                ended.append(row)
        for at in (0, 1):
            for i in reversed(range(len(self._rows[at]))):
                if self._rows[at][i] in ended:
                    self._remove(at, i)

    def _draw(self, rows: Sequence[_Row], logits: Tensor) -> list[int]:
        """The next token of each row, each by its own sampling and its own generator."""
        # The specials but END are never an answer.
        logits[:, :END] = -torch.inf
        for i, row in enumerate(rows):
            for ban in row.banned:
                if len(ban) == 1 or tuple(row.tokens[1 - len(ban) :]) == ban[:-1]:
                    logits[i, ban[-1]] = -torch.inf
        tokens: list[int] = logits.argmax(-1).tolist()
        for i, row in enumerate(rows):
            if not row.ticket.ask.greedy:
                tokens[i] = _sampled(logits[i], row.ticket.ask, row.chance.random())
        return tokens

    def _take(self, row: _Row, token: int) -> bool:
        """Add a token to a row's reply; True when the reply is over."""
        ask = row.ticket.ask
        if token == END:
            return self._end(row, Finish.STOP)
        row.token = token
        row.tokens.append(token)
        row.held += self._tokenizer.pieces[token]
        found = min((at for at in (row.held.find(word) for word in ask.stop) if at >= 0), default=-1)
        if found >= 0:
            del row.held[found:]
            return self._end(row, Finish.STOP)
        if len(row.tokens) >= ask.max_tokens or row.position + 1 >= self._model.shape.context:
            return self._end(row, Finish.LENGTH)
        free = len(row.held) - _overlap(row.held, ask.stop)
        if free:
            self._out.append((row.ticket, Piece(bytes(row.held[:free]))))
            del row.held[:free]
        return False

    def _end(self, row: _Row, finish: Finish) -> bool:
        self._out.append((row.ticket, Piece(bytes(row.held), finish)))
        return True

    def _bans(self, words: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        """Token sequences of the bad words, at the start of a reply and after a space."""
        spelled = {tuple(self._tokenizer.encode(form)[1:-1]) for word in words for form in (word, f" {word}")}
        return tuple(sorted(ids for ids in spelled if ids and ids[0] != BEGIN))


def _sampled(logits: Tensor, ask: Ask, chance: float) -> int:
    """One token from logits (V,): temperature, then the top_k likeliest, then the top_p mass of those."""
    ordered, ids = logits.double().sort(descending=True, stable=True)
    if ask.top_k > 0:
        ordered = ordered[: ask.top_k]
    odds = (ordered / ask.temperature).softmax(-1)
    total = odds.cumsum(-1)
    if 0 < ask.top_p < 1:
        # The smallest set that reaches top_p: those before whom less than top_p has been gathered.
        total = total[: int((total - odds < ask.top_p).sum())]
    at = int(torch.searchsorted(total, chance * float(total[-1]), right=True))
    return int(ids[min(at, len(total) - 1)])


def _overlap(held: bytearray, words: Sequence[bytes]) -> int:
    """How many bytes at the end of held may be the beginning of one of the words."""
    return max(
        (n for word in words for n in range(1, min(len(word), len(held) + 1)) if held.endswith(word[:n])),
        default=0,
    )
