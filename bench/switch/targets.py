"""What has to be shown, and whether it was: each target is one client's in one variant."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.switch.counts import Held, Short

NOT_RUN = "not run: needs node, and `make grpc-js`"


@dataclass(frozen=True, slots=True)
class Counted:
    """One client in one phase."""

    short: Short
    held: Held


@dataclass(frozen=True, slots=True)
class Restarts:
    """What happened to connects while workers were restarted and a successor took over."""

    orders: int
    workers: int
    """Replaced by these orders."""
    upgrades: int
    tried: int
    refused: Mapping[str, int]
    """Connects not taken or not answered, by reason."""


def switched(variant: str, client: str, found: Counted | None) -> list[dict[str, Any]]:
    """A client's targets at switches; without a client that could run, all of them open."""
    made: list[dict[str, Any]] = []

    def target(
        name: str, what: str, goal: int, value: Callable[[Counted], int], of: Callable[[Counted], int]
    ) -> None:
        made.append(
            _target(f"{variant} {client} {name}", f"{client}, {variant}: {what}", goal, found, value, of)
        )

    target("failed", "short RPCs that failed", 0, lambda f: f.short.failed, _calls)
    target("truncated", "short RPCs with messages missing", 0, lambda f: f.short.truncated, _calls)
    what = "short RPCs and streams answered by two engines"
    target("mixed", what, 0, lambda f: f.short.mixed + f.held.mixed, _calls)
    what = "short RPCs begun after a switch and answered by the old engine"
    target("late", what, 0, lambda f: f.short.late, lambda f: f.short.after)
    target("unavailable", "UNAVAILABLEs of a held stream at one switch", 1, lambda f: f.held.most, _ended)
    what = "requests on held streams not answered whole before drain_max"
    target("cut", what, 0, lambda f: f.held.truncated, _ended)
    target("broken", "held streams that ended in another way", 0, lambda f: f.held.broken, _ended)
    return made


def restarted(client: str, found: Counted | None) -> list[dict[str, Any]]:
    """A client's targets at restarts and upgrade."""
    failed = f"{client}: short RPCs that failed at restarts and upgrade"
    cut = f"{client}: short RPCs with messages missing at restarts and upgrade"
    return [
        _target(f"restarts {client} failed", failed, 0, found, lambda f: f.short.failed, _calls),
        _target(f"restarts {client} truncated", cut, 0, found, lambda f: f.short.truncated, _calls),
    ]


def connects(restarts: Restarts) -> dict[str, Any]:
    """The connector's target."""
    what = "connects refused or left without an answer at restarts and upgrade"
    whole = restarts.tried and restarts.workers and restarts.upgrades
    value = sum(restarts.refused.values())
    return {"id": "restarts refused", "what": what, "target": 0, "value": value, "met": _met(0, value, whole)}


def targets(
    variants: Mapping[str, Mapping[str, Counted | None]],
    restarting: Mapping[str, Counted | None],
    restarts: Restarts,
) -> list[dict[str, Any]]:
    """All of them; variant -> client -> what was counted, None for a client that could not run."""
    made = [
        each
        for variant, clients in variants.items()
        for client, found in clients.items()
        for each in switched(variant, client, found)
    ]
    made.append(connects(restarts))
    for client, found in restarting.items():
        made += restarted(client, found)
    return made


def missed(told: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that are not met."""
    return [each for each in told if each["met"] is False]


def _target(
    id: str,
    what: str,
    goal: int,
    found: Counted | None,
    value: Callable[[Counted], int],
    of: Callable[[Counted], int],
) -> dict[str, Any]:
    told: dict[str, Any] = {"id": id, "what": what, "target": goal}
    if found is None:
        return {**told, "value": None, "met": None, "note": NOT_RUN}
    return {**told, "value": value(found), "met": _met(goal, value(found), of(found)), "of": of(found)}


def _met(goal: int, value: int, of: int) -> bool | None:
    """Met when at most `goal`; open when there was nothing to be counted, unless something was wrong all the same."""
    return False if value > goal else True if of else None


def _calls(found: Counted) -> int:
    return found.short.calls


def _ended(found: Counted) -> int:
    return found.held.unavailable
