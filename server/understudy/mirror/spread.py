"""One leg over the replicas of its engine: each call goes to the one with the fewest in flight that answers."""

import time

from understudy.mirror.leg import Shadow
from understudy.mirror.settings import Settings
from understudy.pair import Leg
from understudy.tls import Upstream


class Spread:
    """The replicas of one leg, each with a client and a breaker of its own."""

    def __init__(
        self, leg: Leg, addresses: tuple[str, ...], fingerprint: str, settings: Settings, tls: Upstream | None
    ) -> None:
        self.leg = leg
        self.replicas = tuple(Shadow(leg, address, fingerprint, settings, tls) for address in addresses)
        self.address = ", ".join(addresses)
        """All of them, to be read."""
        self.fault = ""
        """Why its replies cannot be compared; '' when they can, or nobody knows."""
        self._turn = 0

    def __repr__(self) -> str:
        return f"<Spread {self.leg} {self.replicas}>"

    @property
    def in_flight(self) -> int:
        """Calls of the whole leg."""
        return sum(shadow.in_flight for shadow in self.replicas)

    @property
    def fingerprint(self) -> str:
        """Of the engine: its replicas are the same one, or the start is refused."""
        return self.replicas[0].fingerprint

    @fingerprint.setter
    def fingerprint(self, fingerprint: str) -> None:
        for shadow in self.replicas:
            shadow.fingerprint = fingerprint

    def next(self) -> Shadow:
        """Whom to call now: of those that may be called, the one with the fewest calls, in turn."""
        replicas = self.replicas
        if len(replicas) == 1:
            return replicas[0]
        now_ns, self._turn = time.monotonic_ns(), (self._turn + 1) % len(replicas)
        in_turn = replicas[self._turn :] + replicas[: self._turn]

        def key(shadow: Shadow) -> tuple[bool, int]:
            breaker = shadow.breaker
            # One whose pause is over is tried again as any other: a call tells whether it is back.
            return breaker.open and (breaker.probing or now_ns < breaker.open_until_ns), shadow.in_flight

        return min(in_turn, key=key)

    async def close(self) -> None:
        """Close the connections; calls still open are cancelled."""
        for shadow in self.replicas:
            await shadow.close()
