"""The targets of each fault, held against its rounds."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.stats import Estimate, Limit, estimate, met, ratios
from chaos.faults import FAULTS
from chaos.measure import Round
from chaos.proxy import ROLES

P99 = 1.1
RECOVERY_S = 10.0


RATIOS = (
    ("messages", "p99 of messages by the mirror off's", "message_p99_us"),
    ("calls", "p99 of calls by the mirror off's", "call_p99_us"),
)


def targets(rounds: Mapping[str, Sequence[Round | None]]) -> list[dict[str, Any]]:
    """Six for each fault that was tried, and the ratios over all of them together where there are several.

    `met` is True, False, or None when the rounds do not decide.
    """
    tried = [fault for fault in FAULTS if fault.name in rounds]
    made = [target for fault in tried for target in _of(fault.name, fault.title, rounds[fault.name])]
    if len(tried) > 1:
        good = [each for fault in tried for each in rounds[fault.name] if each is not None]
        made += [_ratio("all", "all faults together", *ratio, good) for ratio in RATIOS]
    return made


def _target(
    name: str, title: str, id_: str, what: str, goal: float, found: Estimate | None, verdict: bool | None
) -> dict[str, Any]:
    return {
        "id": f"{name} {id_}",
        "what": f"{title}: {what}",
        "target": goal,
        "limit": Limit.MOST.value,
        "value": None if found is None else found.value,
        "met": verdict,
        "stretch": False,
        "low": None if found is None else found.low,
        "high": None if found is None else found.high,
        "rounds": 0 if found is None else found.rounds,
    }


def _ratio(name: str, title: str, id_: str, what: str, figure: str, good: Sequence[Round]) -> dict[str, Any]:
    found = estimate(ratios([each.on[figure] for each in good], [each.off[figure] for each in good]))
    return _target(name, title, id_, what, P99, found, met(found, P99, Limit.MOST))


def _of(name: str, title: str, rounds: Sequence[Round | None]) -> list[dict[str, Any]]:
    good = [each for each in rounds if each is not None]
    stuck = len(rounds) - len(good)

    def worst(id_: str, what: str, goal: float, values: Sequence[float], also: bool = True) -> dict[str, Any]:
        """The worst of all rounds; a round from which it did not come to rest is a miss."""
        found = Estimate(max(values), None, None, len(good)) if good else None
        verdict = None if found is None else found.value <= goal and also
        return _target(name, title, id_, what, goal, found, False if stuck else verdict)

    shares = [max(each.memory[f"{role}_share"] for role in ROLES) for each in good]
    bad = sum(not each.account["fine"] for each in good)
    back = [each.recovery["seconds"] for each in good]
    recovered = all(each.recovery["recovered"] for each in good)
    return [
        worst("errors", "primary calls failed or changed", 0, [sum(each.errors for each in good)]),
        *(_ratio(name, title, *ratio, good) for ratio in RATIOS),
        worst("memory", "growth of a process by its bound", 1.0, shares),
        worst("accounts", "rounds with calls unaccounted for", 0, [bad]),
        worst("recovery", "seconds until pairs flow again", RECOVERY_S, back, recovered),
    ]
