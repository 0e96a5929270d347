"""What callers write down, a JSON line each, and what was ordered meanwhile. All times are the wall clock's, in ns."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

OK = 0
UNAVAILABLE = 14


@dataclass(frozen=True, slots=True)
class Call:
    """One request: an RPC of its own, or one of those on a held stream."""

    client: str
    kind: str
    """unary; brief, a streaming RPC with one request; held, a request on a held stream."""
    caller: str
    id: str
    began: int
    last: int
    """When its latest message came; 0: none did."""
    ended: int
    names: tuple[str, ...]
    """Engines that its messages name, each once, in their order."""
    got: int
    asked: int
    """Messages that came, and that a whole answer has."""
    code: int
    """gRPC's status; that of the stream when a held one ended before the request was answered."""
    error: str = ""

    @property
    def short(self) -> bool:
        """Whether it is an RPC of its own."""
        return self.kind != "held"


@dataclass(frozen=True, slots=True)
class Ending:
    """A held stream that is over."""

    client: str
    caller: str
    """Who held it, and opens the next one."""
    at: int
    code: int
    error: str
    names: tuple[str, ...]
    """Engines that answered on it."""
    pending: str = ""
    """Id of the request that was not answered whole; empty: none was in flight."""
    got: int = 0
    """Messages that had come of that request."""


@dataclass(frozen=True, slots=True)
class Knock:
    """A connect that was not taken, or not answered; or, without a reason, how many were tried in all."""

    at: int
    why: str = ""
    tried: int = 0


@dataclass(frozen=True, slots=True)
class Switch:
    """An order to switch, and what `status` said of it in the end."""

    to: str
    ordered: int
    """When the operator said it; the engine is asked a question first."""
    told: int
    """When the first worker had it."""
    answered: int
    """When the operator had the answer."""
    switched: int
    """When the last caller's connection acknowledged that it is sent away: `switched_ns`."""
    connections: int
    acknowledged: int
    ended_idle: int
    truncated: int

    @property
    def old(self) -> str:
        """The engine that served before."""
        return "candidate" if self.to == "baseline" else "baseline"

    @property
    def complete(self) -> int:
        """From here on nothing may begin on the old engine; without any connection, when it was answered."""
        return self.switched or self.answered


@dataclass(frozen=True, slots=True)
class Records:
    """All of a phase, in the order of their times."""

    calls: tuple[Call, ...] = ()
    endings: tuple[Ending, ...] = ()
    knocks: tuple[Knock, ...] = ()

    def of(self, client: str) -> "Records":
        """One client's."""
        return Records(
            tuple(each for each in self.calls if each.client == client),
            tuple(each for each in self.endings if each.client == client),
        )


def line(what: Call | Ending | Knock) -> str:
    """It as a line of a file."""
    return json.dumps({"what": type(what).__name__.lower(), **asdict(what)}) + "\n"


def read(lines: Iterable[str]) -> Records:
    """What the lines of all callers say."""
    calls: list[Call] = []
    endings: list[Ending] = []
    knocks: list[Knock] = []
    for each in lines:
        said: dict[str, Any] = json.loads(each)
        match said.pop("what"):
            case "call":
                calls.append(Call(**said | {"names": tuple(said["names"])}))
            case "ending":
                endings.append(Ending(**said | {"names": tuple(said["names"])}))
            case _:
                knocks.append(Knock(**said))
    return Records(
        tuple(sorted(calls, key=lambda one: one.began)),
        tuple(sorted(endings, key=lambda one: one.at)),
        tuple(sorted(knocks, key=lambda one: one.at)),
    )
