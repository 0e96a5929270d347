"""Which engine serves a request, and what its metadata becomes: pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from understudy.compat.settings import Action, Edit, Rule, Settings
from understudy.pair import Leg

Metadata = tuple[tuple[str, str | bytes], ...]
"""Lower-case keys, in order; values of -bin keys are bytes."""


@dataclass(frozen=True, slots=True)
class Route:
    """What decides, as it stands now: replaced whole at a switch."""

    settings: Settings
    primary: Leg
    latched: bool = False

    @property
    def mandated(self) -> Leg | None:
        """The engine of every request, whatever the shares; None while they count."""
        return self.primary if self.latched or self.primary is Leg.CANDIDATE else None

    @property
    def reads_models(self) -> bool:
        """Whether a request's model may decide."""
        return self.mandated is None and any(rule.model for rule in self.settings.rules)

    def choose(self, method: str, model: str, metadata: Metadata, drawn: float) -> Leg:
        """The engine of one request; `drawn` in [0, 1) decides where no metadata key does."""
        if self.mandated is not None:
            return self.mandated
        share = self.settings.candidate_share
        for rule in self.settings.rules:
            if _fits(rule, method, model):
                share = rule.candidate_share
                break
        if 0 < share < 1:
            by = self.settings.share_by
            value = next((value for name, value in metadata if name == by), None) if by else None
            if value is not None:
                drawn = fraction(value)
        return Leg.CANDIDATE if drawn < share else Leg.BASELINE


def _fits(rule: Rule, method: str, model: str) -> bool:
    if rule.model and rule.model != model:
        return False
    if rule.method.endswith("*"):
        return method.startswith(rule.method[:-1])
    return not rule.method or rule.method == method


def fraction(value: str | bytes) -> float:
    """A number in [0, 1) that depends on the value alone: a share that grows keeps whom it had."""
    raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(raw, digest_size=8, person=b"canary").digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def edited(metadata: Metadata, edits: Sequence[Edit]) -> Metadata:
    """The metadata after these edits, in their order; what is added comes last."""
    for edit in edits:
        if edit.action is not Action.ADD:
            metadata = tuple(field for field in metadata if field[0] != edit.name)
        if edit.action is not Action.REMOVE:
            metadata = (*metadata, (edit.name, edit.sent))
    return metadata


def thinned(metadata: Metadata, edits: Sequence[Edit]) -> Metadata:
    """The same for a second block of one reply: nothing is added to it."""
    gone = {edit.name for edit in edits if edit.action is not Action.ADD}
    return tuple(field for field in metadata if field[0] not in gone) if gone else metadata
