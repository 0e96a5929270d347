"""Which requests are mirrored: a pure decision with a named reason."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import NamedTuple

from understudy.mirror.settings import WINDOW_EVERY_S, SampleBy, Settings
from understudy.pair import EMPTY, Category, Reason


class Facts(NamedTuple):
    """What is known of a request when it is admitted. A named tuple for the reason that `wire.events` gives."""

    id: str
    method: str
    cluster: str = ""
    size: int = 0
    """Bytes of its message."""
    headers: Mapping[str, str] = EMPTY
    model: str = ""
    parameters: Mapping[str, str] = EMPTY
    """Of the request message, lower-case names."""
    marks: frozenset[str] = frozenset()
    """Names of the parameters and tensors it sets, lower case."""
    categories: Mapping[str, Category] = MappingProxyType({})
    """Needed where `shares` are set."""
    held: int = 0
    """Requests in flight that came by the same connection."""


class State(NamedTuple):
    """The mirror at that moment."""

    on: bool
    """The kill switch; off until the controller has spoken."""
    now_ns: int
    settle_until_ns: int = 0
    in_flight: int = 0
    bytes: int = 0
    requests: float = 1.0
    """What is left of the requests/s budget; 1 or more lets one pass."""
    tokens: float = 1.0
    """What is left of the tokens/s budget; more than 0 lets one pass, however many it asks for."""
    tested: bool = True
    """Whether the shadow engine's replies can be compared at all (`trial`)."""
    control_shared: bool = False
    """The control's address is the one that serves the callers."""
    control_rests: bool = False
    """It has enough to do without control calls."""


class Skip(StrEnum):
    """Why a request is not eligible."""

    OFF = "mirror_off"
    METHOD = "method"
    """Its method is not opted in."""
    OPT_OUT = "opt_out"
    """The caller's header said `off`."""
    SAMPLE = "sample"
    """Not drawn."""
    EFFECTS = "effects"
    """Answering it has effects, so it is not asked a second time."""


class Admitted(NamedTuple):
    """Mirror it."""

    probability: float
    sampled_by: str
    """'rate', 'window' or 'category'."""
    control: bool
    """Ask the baseline a second time as well."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Not eligible."""

    reason: Skip


@dataclass(frozen=True, slots=True)
class Shed:
    """Eligible, but a limit stands in the way."""

    reason: Reason


def fraction(key: str, salt: str) -> float:
    """A number in [0, 1) that depends on nothing but key and salt."""
    digest = hashlib.blake2b(
        key.encode("utf-8", "surrogatepass"), digest_size=8, person=salt.encode()
    ).digest()
    return int.from_bytes(digest, "big") / 2**64


def refill(left: float, elapsed_s: float, rate: float) -> float:
    """A budget after some time: a bucket of one second's worth, at least one; without a rate there is always one."""
    return min(max(rate, 1.0), left + elapsed_s * rate) if rate else 1.0


def screen(on: bool, method: str, headers: Mapping[str, str], settings: Settings) -> Skipped | None:
    """The part of the decision that needs no decoded request."""
    if not on:
        return Skipped(Skip.OFF)
    if method not in settings.methods:
        return Skipped(Skip.METHOD)
    if headers.get(settings.opt_out, "").strip().lower() == "off":
        return Skipped(Skip.OPT_OUT)
    return None


def admit(facts: Facts, state: State, settings: Settings) -> Admitted | Skipped | Shed:
    """Decide one request. Same arguments, same answer."""
    skipped = screen(state.on, facts.method, facts.headers, settings)
    if skipped:
        return skipped
    if not facts.marks.isdisjoint(settings.effects):
        return Skipped(Skip.EFFECTS)
    if any(fnmatchcase(facts.model, pattern) for pattern in settings.effects_models):
        return Skipped(Skip.EFFECTS)
    share, sampled_by = _share(facts, settings)
    if not _drawn(facts, state, settings, share, sampled_by):
        return Skipped(Skip.SAMPLE)
    reason = _limit(facts, state, settings)
    if reason is not None:
        return Shed(reason)
    control = settings.control_share
    if state.control_shared:
        control = 0.0 if state.control_rests else min(control, settings.control_primary_share)
    return Admitted(share, sampled_by, control=_below(facts.id, "control", control))


def _share(facts: Facts, settings: Settings) -> tuple[float, str]:
    """With which probability a request is taken, and by which rule."""
    if settings.shares:
        slices = (f"{name}={category.value}" for name, category in facts.categories.items())
        shares = [settings.shares[slice_] for slice_ in slices if slice_ in settings.shares]
        if shares:
            return max(shares), "category"
    return settings.share, "window" if settings.windowed(settings.share) else "rate"


def _drawn(facts: Facts, state: State, settings: Settings, share: float, sampled_by: str) -> bool:
    if sampled_by == "window":
        period_s = min(settings.window_s / share, WINDOW_EVERY_S) if share else WINDOW_EVERY_S
        return state.now_ns % int(period_s * 1e9) < share * period_s * 1e9
    match settings.sample_by:
        case SampleBy.CLUSTER:
            key = facts.cluster
        case SampleBy.KEY:
            name = settings.sample_key
            key = facts.headers.get(name) or facts.parameters.get(name) or facts.id
        case _:
            key = facts.id
    return _below(key, "sample", share)


def _below(key: str, salt: str, share: float) -> bool:
    """Whether the key's fraction is below the share; all and none need no hash."""
    return share >= 1 or (share > 0 and fraction(key, salt) < share)


def _limit(facts: Facts, state: State, settings: Settings) -> Reason | None:
    """What of our making stands in the way."""
    if not state.tested:
        return Reason.SELF_TEST
    if state.now_ns < state.settle_until_ns:
        return Reason.SETTLING
    if facts.held >= settings.in_flight - state.in_flight:  # some are always left to others
        return Reason.INFLIGHT
    if state.bytes + facts.size > settings.in_flight_bytes:
        return Reason.BYTES
    if state.requests < 1:
        return Reason.RATE
    if settings.tokens_per_s and state.tokens <= 0:
        return Reason.TOKENS
    return None


__all__ = ["Admitted", "Facts", "SampleBy", "Settings", "Shed", "Skip", "Skipped", "State", "admit", "screen"]
