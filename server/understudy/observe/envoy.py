"""What Envoys copy, as one more channel of the observer."""

from collections.abc import Sequence
from typing import Final

from understudy.ingest import Settings
from understudy.observe.observer import Observer
from understudy.pair import Leg
from understudy.wire.events import Event

_CONNECTION: Final = {Leg.BASELINE: 1, Leg.CANDIDATE: 2}
"""All streams of an engine are told as those of one connection that never ends."""


class Copies:
    """Takes ingest's events (`ingest.server.Sink`). What was copied goes the way of what a relay copied."""

    def __init__(self, observer: Observer, settings: Settings) -> None:
        self._observer = observer
        observer.rehearse()  # a relay holds its copies while we load something; Envoy lets go of them
        self._channel = observer.channel(lambda mark: None)  # nobody holds streams for us
        for leg, number in _CONNECTION.items():
            self._channel.open(number, observer.mirror.shadows[leg].address, leg, settings.max_bytes)

    def take(self, leg: Leg, events: Sequence[Event]) -> None:
        """Events of one stream, served by `leg`."""
        with self._observer.guarded("observing a call through Envoy"):
            self._channel.take(_CONNECTION[leg], events)

    def follows(self, leg: Leg, stream: int) -> bool:
        """Whether more about this stream is of use: it is an inference call and can be read."""
        return self._channel.follows(_CONNECTION[leg], stream)

    def unobserved(self, reason: str) -> None:
        """Count a call of which nothing was taken."""
        self._observer.ledger.unobserved[reason] += 1

    def behind(self, lag_ns: int) -> None:
        """Without a relay, whose records have times, this lag is the observer's."""
        if self._observer.channels == {self._channel}:
            self._observer.lag_ns = lag_ns

    def closed(self) -> None:
        """Ingest has stopped: what was in flight through it is lost."""
        self._channel.closed()
