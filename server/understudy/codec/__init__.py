"""How the messages of an exchange become Requests and Outputs: one codec per engine protocol.

A codec is sans-io. It reads each message once (`ask` for the client's, `chunk` for the server's), says which
belong together through their wire ids (`Calls`), and collects a reply through a `Reader`. The same calls
serve the live leg, seen by the observer, and the shadow legs, called by the mirror.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from understudy.pair import EMPTY, Finish, Reason, Request, Sampling


class Undecodable(Exception):
    """A message that breaks its protocol, or cannot be mirrored; carries the reason to count."""

    def __init__(self, text: str, reason: Reason = Reason.UNDECODABLE) -> None:
        super().__init__(text)
        self.reason = reason


class Arity(StrEnum):
    """How many requests and replies one RPC of a method holds."""

    UNARY = "unary"
    """One request, one message in reply."""
    MULTIPLEXED = "multiplexed"
    """A bidirectional stream: each client message is a request, replies are matched by id."""


class Manner(StrEnum):
    """What the text of one message of a streamed reply is."""

    AUTO = "auto"
    """Decided over each reply: pieces that each begin with the one before and grow are cumulative."""
    DELTA = "delta"
    CUMULATIVE = "cumulative"


@dataclass(frozen=True, slots=True)
class Settings:
    """The `codec` section."""

    cluster: tuple[str, ...] = ("x-understudy-cluster",)
    """Headers or request parameters that name the cluster, first present wins; lower case."""
    metadata: tuple[str, ...] = (
        "category",
        "x-understudy-category",
        "x-understudy-contract",
        "response_format",
    )
    """Headers and request parameters kept in `Request.metadata`; lower case, nothing else is kept."""
    conversation: str = "x-understudy-conversation"
    """Header or parameter that names the conversation; `sequence_id` is used without it."""
    turn: str = "x-understudy-turn"
    """Header or parameter with the turn's number."""
    manner: Manner = Manner.AUTO
    """Whether streamed text is cumulative or deltas; `auto` decides over each reply."""
    keep_raw: bool = True
    """Keep the request's bytes in `Request.raw`, for replay."""


# Named tuples, not dataclasses: those below are made for every call of all traffic (see `wire.events`).


class Seen(NamedTuple):
    """What is known of a request beside its message."""

    id: str
    method: str
    """The gRPC path, `/package.Service/Method`."""
    received_ns: int
    route: str = ""
    """The caller's :authority."""
    headers: Mapping[str, str] = EMPTY
    """Lower-case request headers, all of them: the codec keeps what its settings allow."""


class Ask(NamedTuple):
    """One client message, parsed once."""

    id: str
    """The wire id: may be empty, may be reused."""
    stop: bool
    """Not a request: it cancels the one with the same id."""
    body: Any
    """The parsed message, the codec's own business."""
    raw: bytes
    parameters: Mapping[str, str] = EMPTY
    """Request parameters with text or numbers, and the flags that are true; lower-case names."""
    marks: frozenset[str] = frozenset()
    """Names of the parameters and tensors it sets, lower case: what may say that answering has effects."""


class Chunk(NamedTuple):
    """One server message, parsed once."""

    id: str
    text: bytes | None
    """A delta or all text so far, as the engine's manner is; None when the message holds no text."""
    final: bool = False
    """The engine says that this request's reply is complete."""
    error: str = ""
    """In-band error; empty when none."""
    finish: Finish = Finish.UNKNOWN


class Reader(Protocol):
    """Collects one leg's reply to one request."""

    @property
    def size(self) -> int:
        """Bytes held, with what each message costs beside its text."""
        ...

    @property
    def text_bytes(self) -> int:
        """Bytes of text held."""
        ...

    @property
    def error(self) -> str:
        """The first in-band error, or ''."""
        ...

    def feed(self, chunk: Chunk, ns: int) -> None:
        """Take one message, `ns` nanoseconds after the request was sent."""
        ...

    def finished(self) -> "Reply":
        """The reply so far, whole."""
        ...


class Reply(NamedTuple):
    """What a reader collected; a leg makes its Output of it."""

    text: str
    valid_utf8: bool
    finish: Finish
    error: str
    chunks_ns: tuple[int, ...]


class Codec(Protocol):
    """One engine protocol."""

    name: str

    def arity(self, method: str) -> Arity | None:
        """How to follow an RPC of this method; None when the codec does not know the method."""
        ...

    def ask(self, raw: bytes) -> Ask:
        """Parse a client message; raises Undecodable."""
        ...

    def request(self, ask: Ask, seen: Seen) -> Request:
        """Decode a parsed client message; raises Undecodable."""
        ...

    def chunk(self, method: str, raw: bytes) -> Chunk:
        """Parse a server message; raises Undecodable."""
        ...

    def reader(self, request: Request, ask: Ask | None = None) -> Reader:
        """Return a new, empty reader for a reply to this request; with its `ask` nothing is parsed again."""
        ...

    def shadowed(self, raw: bytes) -> bytes:
        """The request as a shadow leg gets it: without what the caller said of its own waiting and rank."""
        ...

    def reseed(self, raw: bytes, seed: int) -> bytes:
        """The same request with another seed; unchanged bytes when it sets none."""
        ...

    def encode(
        self, *, model: str, id: str, prompt: str, sampling: Sampling, stream: bool, dialect: str = "ensemble"
    ) -> bytes:
        """Return a request message of our own, for probes and tests."""
        ...

    def rebuild(self, raw: bytes, seen: Seen) -> Request:
        """Decode a captured request message for replay; raises Undecodable."""
        ...
