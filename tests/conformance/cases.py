"""The table: what is called and what must come back, whoever calls and whatever stands between.

Names are those of gRPC's published interop test descriptions where there is one for the case; the others are ours.
Left out of gRPC's list: what is about credentials or load reports (orca), cacheable_unary, which no gRPC library has
any more, and soak and long-lived channels, for which there is `make soak`.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.upstream import SERVICE, digest, payload

Metadata = tuple[tuple[str, str | bytes], ...]
Message = int | bytes
"""Its length, or itself."""

MIB = 1024 * 1024


@dataclass(frozen=True)
class Call:
    """One RPC."""

    method: str
    arity: str
    """unary, output (server streams), input (client streams) or both."""
    asks: tuple[Message, ...] = (b"",)
    do: dict[str, Any] = field(default_factory=dict)
    """What the server is told: see `upstream`."""
    metadata: Metadata = ()
    timeout_s: float | None = None
    compression: str = ""
    lockstep: bool = False
    """The next request is sent when the last one's reply is here."""
    first: bool = False
    """Initial metadata is waited for before the first request is sent."""
    holds: bool = False
    """The client never ends its side."""
    cancel_after: int | None = None
    """Cancelled by the client after so many replies; 0: once the server has it."""
    code: int = 0
    details: str | None = ""
    """None: the client library's own words."""
    replies: tuple[Message, ...] | None = None
    """None: each request comes back."""
    ended: str = "done"
    """As the server saw it; empty: it never did."""

    @property
    def path(self) -> str:
        """As in :path."""
        return self.method if self.method.startswith("/") else f"/{SERVICE}/{self.method}"

    @property
    def sent(self) -> Metadata:
        """The custom metadata, what the server is told included."""
        return (*self.metadata, ("x-do", json.dumps(self.do))) if self.do else self.metadata

    @property
    def messages(self) -> list[bytes]:
        """What is sent."""
        return [whole(ask) for ask in self.asks]

    @property
    def expected(self) -> list[str]:
        """Digests of the replies."""
        return [digest(whole(reply)) for reply in (self.asks if self.replies is None else self.replies)]


def whole(message: Message) -> bytes:
    """A message given by its length."""
    return payload(message) if isinstance(message, int) else message


def unary(ask: Message = b"", method: str = "UnaryCall", **more: Any) -> Call:
    """A unary call that its server answers with what it was asked, if not told otherwise."""
    return Call(method, "unary", (ask,), **more)


def output(sizes: Sequence[int], **more: Any) -> Call:
    """A call with streamed replies of these lengths."""
    given = {"do": {"sizes": list(sizes), **more.pop("do", {})}, "replies": tuple(sizes)}
    return Call("StreamingOutputCall", "output", **(given | more))


def both(asks: Sequence[Message], method: str = "FullDuplexCall", **more: Any) -> Call:
    """A bidirectional call."""
    return Call(method, "both", tuple(asks), **more)


def b64(data: bytes) -> str:
    """As JSON carries binary metadata."""
    return base64.b64encode(data).decode()


INITIAL = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
TRAILING = ("x-grpc-test-echo-trailing-bin", bytes.fromhex("ababab"))
ECHO = {"initial": [INITIAL], "trailing": [(TRAILING[0], b64(TRAILING[1]))]}
REPEATED: Metadata = (
    ("x-many", "one"),
    ("x-many", "two"),
    ("x-many", "two, three"),
    ("x-many-bin", bytes(range(256))),
    ("x-many-bin", b""),
    ("x-many-bin", b"\0"),
    ("x-empty", ""),
)
TWICE = [
    ("t-many", "b"),
    ("t-many", "a"),
    ("t-many-bin", b64(bytes(range(256)))),
    ("t-many-bin", b64(b"\xff")),
]
UNICODE = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
STATUS = b"\x08\x09\x12\x0cno such leg\x00\x1a\x22\x0a\x1ftype.googleapis.com/understudy.X\x12\xff\xfe"
"""Stands for a google.rpc.Status: only its bytes matter here."""
LARGE = 271828, 314159

TABLE: dict[str, tuple[Call, ...]] = {
    # ---- gRPC's interop cases
    "empty_unary": (unary(method="EmptyCall"),),
    "large_unary": (unary(LARGE[0], do={"size": LARGE[1]}, replies=(LARGE[1],)),),
    "client_compressed_unary": tuple(
        unary(LARGE[0], compression=name, do={"size": LARGE[1]}, replies=(LARGE[1],))
        for name in ("gzip", "deflate", "")
    ),
    "server_compressed_unary": tuple(
        unary(LARGE[0], do={"size": LARGE[1], **how}, replies=(LARGE[1],))
        for how in ({"compress": "gzip"}, {"compress": "deflate"}, {"compress": "gzip", "plain": [0]})
    ),
    "client_streaming": (
        Call("StreamingInputCall", "input", (27182, 8, 1828, 45904), replies=(b"74922 bytes",)),
    ),
    "client_compressed_streaming": (
        Call("StreamingInputCall", "input", (27182, 45904), compression="gzip", replies=(b"73086 bytes",)),
    ),
    "server_streaming": (output((31415, 9, 2653, 58979)),),
    "server_compressed_streaming": (output((31415, 92653), do={"compress": "gzip", "plain": [1]}),),
    "ping_pong": (
        both(
            (27182, 8, 1828, 45904),
            lockstep=True,
            do={"sizes": [31415, 9, 2653, 58979]},
            replies=(31415, 9, 2653, 58979),
        ),
    ),
    "empty_stream": (both(()),),
    "custom_metadata": (
        unary(LARGE[0], do={"size": LARGE[1], **ECHO}, metadata=(INITIAL, TRAILING), replies=(LARGE[1],)),
        both((1, 2), do=ECHO, metadata=(INITIAL, TRAILING)),
    ),
    "status_code_and_message": (
        unary(
            do={"status": 2, "message": "test status message"},
            code=2,
            details="test status message",
            replies=(),
        ),
        both(
            (b"x",),
            do={"status": 2, "message": "test status message"},
            code=2,
            details="test status message",
        ),
    ),
    "special_status_message": (
        unary(do={"status": 2, "message": UNICODE}, code=2, details=UNICODE, replies=()),
    ),
    "unimplemented_method": (
        unary(method="UnimplementedCall", code=12, details="Method not found!", replies=(), ended=""),
        both((b"x",), method="UnimplementedCall", code=12, details="Method not found!", replies=(), ended=""),
    ),
    "unimplemented_service": (
        unary(
            method="/grpc.testing.UnimplementedService/UnimplementedCall",
            code=12,
            details="Method not found!",
            replies=(),
            ended="",
        ),
    ),
    "cancel_after_begin": (
        Call(
            "StreamingInputCall",
            "input",
            (),
            do={"hold": True},
            cancel_after=0,
            code=1,
            details=None,
            replies=(),
            ended="cancelled",
        ),
    ),
    "cancel_after_first_response": (
        both(
            (27182, 8),
            lockstep=True,
            do={"hold": True},
            cancel_after=1,
            code=1,
            details=None,
            replies=(27182,),
            ended="cancelled",
        ),
    ),
    "timeout_on_sleeping_server": (
        both(
            (27182,),
            do={"sleep_s": 30, "hold": True},
            timeout_s=0.15,
            code=4,
            details=None,
            replies=(),
            ended="cancelled",
        ),
    ),
    "half_duplex": (both((500, 0, 70_000), method="HalfDuplexCall"),),
    # ---- ours
    "empty_messages": (
        unary(b""),
        output((0, 0, 0)),
        Call("StreamingInputCall", "input", (0, 0), replies=(b"0 bytes",)),
        both((0, 1, 0)),
    ),
    "64_mib_messages": (unary(64 * MIB),),
    "repeated_and_binary_metadata": (
        unary(b"x", metadata=REPEATED, do={"initial": TWICE, "trailing": TWICE}),
    ),
    "initial_metadata_before_message": (
        both((b"now I may ask",), first=True, do={"initial": [INITIAL]}),
        output((), do={"initial": [INITIAL], "sleep_s": 0.05}),
    ),
    "every_status_code": tuple(
        unary(
            b"x",
            do={"status": code, "message": f"status {code}"},
            code=code,
            details=f"status {code}",
            replies=(),
        )
        for code in range(1, 17)
    ),
    "status_after_replies": (
        output(
            (5, 70_000),
            do={"status": 13, "message": "and then it broke", **ECHO},
            code=13,
            details="and then it broke",
        ),
    ),
    "rich_error_details": (
        unary(
            b"x",
            do={
                "status": 9,
                "message": "100 % wrong: é",
                "trailing": [("grpc-status-details-bin", b64(STATUS)), ("t-more-bin", b64(b"\0\xff"))],
            },
            code=9,
            details="100 % wrong: é",
            replies=(),
        ),
    ),
    "deadline_seen_by_the_server": (unary(b"x", timeout_s=25),),
    "deadline_after_replies": (
        both((9,), holds=True, do={"hold": True}, timeout_s=1.0, code=4, details=None, ended="cancelled"),
    ),
    "cancelled_by_the_server": (
        unary(b"x", do={"status": 1, "message": "not today"}, code=1, details="not today", replies=()),
    ),
    "cancel_before_any_answer": (
        unary(b"x", do={"hold": True}, cancel_after=0, code=1, details=None, replies=(), ended="cancelled"),
    ),
    "many_messages": (both(tuple(range(300))), output(tuple(range(1000)))),
}
"""Case -> its calls, in order, on one channel."""
