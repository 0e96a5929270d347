"""The operator's desk: orders from the control socket, obeyed and put into the audit record."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from understudy.app.chronicle import Chronicle
from understudy.app.pilot import Pilot
from understudy.errors import UnderstudyError

MIRROR_OFF = "mirror.off"
"""This file in the state directory keeps mirroring off."""


class Desk:
    """What the operator may ask for."""

    def __init__(
        self,
        state_dir: Path,
        pilot: Pilot,
        chronicle: Chronicle,
        *,
        changed: Callable[[], None],
        announce: Callable[[str], None],
        status: Callable[[], dict[str, Any]],
        leaving: Callable[[], None] = lambda: None,
    ) -> None:
        """`leaving` is called when we are told to stop, `changed` when observers must hear of a new state."""
        self._flag = state_dir / MIRROR_OFF
        self._off = False
        """Switched off, though the disk did not take it."""
        self._pilot = pilot
        self._chronicle = chronicle
        self._changed = changed
        self._announce = announce
        self._status = status
        self._leaving = leaving

    @property
    def mirror_on(self) -> bool:
        """False once the operator switched mirroring off, over restarts too: a kill switch stays thrown."""
        return not self._off and not self._flag.exists()

    async def obey(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a request of the control socket.

        Raises:
            UnderstudyError: it is no order, or cannot be obeyed; what it did all the same is in the text.
        """
        match request:
            case {"op": "status"}:
                return self._status()
            case {"op": "leaving"}:
                self._leaving()
                return {"ready": False}
            case {"op": "switch", "to": str(to)}:
                doing = self._pilot.switch(to, force=request.get("force") is True)
            case {"op": "rearm"}:
                doing = self._pilot.rearm(force=request.get("force") is True)
            case {"op": "mirror", "on": bool(on)}:
                doing = self._mirror(on)
            case {"op": "announce", "name": str(name)}:
                doing = self._announced(name)
            case _:
                raise UnderstudyError(
                    f"control: {request.get('op')!r} is no order: use status, switch, mirror, rearm or announce"
                )
        try:
            told = await doing
        except UnderstudyError as error:  # a switch whose relay does not answer is latched all the same
            await self._chronicle.audit("operator", request | {"error": str(error)})
            raise
        await self._chronicle.audit("operator", request)
        return told

    async def _mirror(self, on: bool) -> dict[str, Any]:
        try:
            self._flag.unlink(missing_ok=True) if on else self._flag.touch(mode=0o600)
        except OSError as error:  # a full disk must not keep an operator from stopping the mirror
            self._off = self._off or not on
            self._changed()
            told = "still off" if on else "off, but a restart would switch it on"
            raise UnderstudyError(
                f"mirror: {told}: {self._flag} cannot be changed ({error.strerror}): mend that"
            ) from error
        self._off = False
        self._changed()
        return {"mirror": "on" if on else "off"}

    async def _announced(self, name: str) -> dict[str, Any]:
        self._announce(name)
        return {"announced": name}
