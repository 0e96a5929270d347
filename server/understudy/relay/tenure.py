"""How long connections may stay: until they have said who they are, while they are used, and at the longest.

Who has served its time is told to go by GOAWAY, as at a switch; the streams it has open are finished first.
"""

import random
import time
from collections import deque
from collections.abc import Mapping

from understudy.relay.connection import Connection
from understudy.relay.counts import Counts, Departure
from understudy.relay.settings import Settings

_TURN = 512
"""Connections looked at in one turn: a round over more of them takes several, so that none holds up the bytes."""
_RENEW_S = 1.0
"""About how often blind connections are looked for."""
_JITTER = 0.1
"""Ages differ by this share, so that callers who came together do not all come back together."""

AGED = "understudy: this connection has served its time, try again"
"""What callers of a stream hear that outlasts the grace."""


class Tenure:
    """Looks at every connection, a few at a time."""

    def __init__(self, settings: Settings, counts: Counts, connections: Mapping[int, Connection]) -> None:
        self._settings = settings
        self._counts = counts
        self._connections = connections
        self._silent: deque[tuple[float, int]] = deque()
        """Connections of which no preface was seen yet, and when that has to be."""
        self._round: list[int] = []
        self._renewed, self._renew_at = 0.0, 0.0
        """When blind connections were last looked for, and when that is due again."""
        self._credit = 0.0
        """How many may go that did not."""
        self._used: dict[int, tuple[int, float]] = {}
        """Highest stream and the time from which on no stream was open, of connections without one."""

    def arrived(self, number: int, now: float) -> None:
        """A client has connected."""
        if self._settings.preface_s:
            self._silent.append((now + self._settings.preface_s, number))

    def age(self, now: float) -> float:
        """The loop time at which a connection made now has served its time."""
        limit = self._settings.max_age_s
        return now + limit * random.uniform(1 - _JITTER, 1 + _JITTER) if limit else float("inf")

    def forget(self, number: int) -> None:
        """It is gone."""
        self._used.pop(number, None)

    def turn(self, now: float) -> None:
        """Look at some; called a few times a second."""
        silent = self._silent
        while silent and silent[0][0] <= now:
            self._preface(silent.popleft()[1])
        if not (self._settings.idle_s or self._settings.max_age_s):
            return
        if not self._round:
            self._round = list(self._connections)
        for number in self._round[-_TURN:]:
            connection = self._connections.get(number)
            if connection is not None and connection.leg and connection.leaving is None:
                self._look(connection, now)
        del self._round[-_TURN:]

    def renew(self, now: float) -> None:
        """Tell some blind connections to go; called a few times a second while there is an observer.

        Which ones is left to chance, and so is the pause, so that their callers do not come back together.
        """
        share = self._settings.renew_blind_share
        if not share or now < self._renew_at:
            return
        rate = share * len(self._connections)
        self._credit = min(self._credit + rate * (now - self._renewed), max(1.0, rate))
        self._renewed, self._renew_at = now, now + random.uniform(0.5, 1.5) * _RENEW_S
        if self._credit < 1.0:
            return
        blind = [c for c in self._connections.values() if c.blind and c.leaving is None]
        for connection in random.sample(blind, min(len(blind), int(self._credit))):
            self._credit -= 1.0
            self._counts.renewed += 1
            self._go(connection, AGED, float("inf"), now)

    def _preface(self, number: int) -> None:
        connection = self._connections.get(number)
        if connection is None or connection.client.tracker.ready or connection.opaque:
            return
        if connection.client.early:
            return  # it has spoken, and waits for its engine
        self._counts.silent += 1
        connection.abort()

    def _look(self, connection: Connection, now: float) -> None:
        settings = self._settings
        if now >= connection.ends_at:
            self._counts.aged += 1
            grace = settings.max_age_grace_s
            self._go(connection, AGED, now + grace if grace else float("inf"), now)
            return
        if not settings.idle_s or connection.opaque:
            return
        streams, number = connection.streams, connection.number
        if streams.open:
            self._used.pop(number, None)
            return
        highest, since = self._used.get(number, (-1, now))
        if highest != streams.highest:
            self._used[number] = (streams.highest, now)
        elif now - since >= settings.idle_s:
            self._counts.idle += 1
            self._go(connection, AGED, now + settings.drain_max_s, now)

    def _go(self, connection: Connection, message: str, deadline: float, now: float) -> None:
        connection.depart(
            Departure(
                to="",
                ns=time.time_ns(),
                deadline=deadline,
                message=message,
                answer_by=now + self._settings.drain_max_s,
                spares=True,
            )
        )
