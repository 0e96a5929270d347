"""One call of the raw shadow client."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from understudy.mirror.client import Status
from understudy.wire.grpc import MessageSplitter

if TYPE_CHECKING:
    from understudy.mirror.session import Session

MESSAGE_BYTES: Final = 64
"""What a message that waits costs beside its bytes: an empty one is five on the wire."""


class Stream:
    """One call: its request until it is written, its reply until it is read."""

    __slots__ = (
        "block",
        "body",
        "id",
        "messages",
        "news",
        "queued",
        "responded",
        "session",
        "splitter",
        "status",
        "taken",
        "window",
    )

    def __init__(self, block: bytes, body: bytes, max_message_bytes: int) -> None:
        """`block` is the request's header block, `body` its framed message."""
        self.block = block
        self.body: memoryview | None = memoryview(body)
        """What is still to be written; None once all is."""
        self.id = 0
        self.session: Session | None = None
        """None before it is written and once it is over."""
        self.messages: deque[bytes] = deque()
        """Whole messages nobody has read yet."""
        self.queued = 0
        """Bytes of these, with MESSAGE_BYTES for each."""
        self.splitter = MessageSplitter(max_message_bytes)
        self.status: Status | None = None
        self.responded = False
        self.window = 0
        self.taken = 0
        """Bytes of DATA that no WINDOW_UPDATE has given back."""
        self.news: Callable[[], None] | None = None
        """Called when there is something to read or the call is over."""

    def over(self, status: Status) -> None:
        """Nothing more will come; what came can still be read."""
        if self.status is None:
            self.status = status
            self.body = None
            news, self.news = self.news, None  # it may refer to this call: nobody's garbage to collect
            if news is not None:
                news()

    def take(self) -> bytes | None:
        """The next message, if there is one."""
        if not self.messages:
            return None
        message = self.messages.popleft()
        size = len(message) + MESSAGE_BYTES
        self.queued -= size
        if self.session is not None:
            self.session.held -= size
            self.session.grant(self)
        return message
