"""The targets of the data path, held against the rounds of one run."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.measure import Figures
from bench.stats import Bound, Estimate, Limit, bounded, estimate, met, ratios

FLOOR_US = 1.0
"""An added latency below what the clock tells apart counts as this much."""
PAUSE_MS = 5.0
NEAR = 0.9
"""A row that carries this share of what goes without any proxy is limited by the load and the engines."""
RELAYS = ("relay", "observed", "paired", "paired-tls")

Rounds = Mapping[str, Mapping[str, Sequence[Figures | None]]]
"""Measure -> row -> one round's figures each, None where the round was unusable."""


def series(rounds: Rounds, measure: str, row: str, figure: str) -> list[float | None]:
    """One figure, round by round; None where it was not taken."""
    return [None if told is None else told.get(figure) for told in rounds.get(measure, {}).get(row, [])]


def added(rounds: Rounds, row: str, figure: str) -> list[float | None]:
    """What the row adds to the direct path in the same round, microseconds."""
    return [
        None if value is None else max(FLOOR_US, value)
        for value in beyond(rounds, "latency", row, "direct", figure)
    ]


def beyond(rounds: Rounds, measure: str, row: str, base: str, figure: str) -> list[float | None]:
    """By how much the row exceeds another in the same round."""
    pairs = zip(series(rounds, measure, row, figure), series(rounds, measure, base, figure), strict=False)
    return [None if a is None or b is None else a - b for a, b in pairs]


def capped(rounds: Rounds, measure: str, row: str, figure: str) -> list[bool]:
    """In which rounds a search found no limit of the row: it went as far as was looked, or as the load itself goes."""
    found = series(rounds, measure, row, figure)
    bare = series(rounds, measure, "direct", figure) or [None] * len(found)
    told = [bool(flag) for flag in series(rounds, measure, row, "capped")]
    near = [a is not None and b is not None and a >= NEAR * b for a, b in zip(found, bare, strict=False)]
    return [a or b for a, b in zip(told, near, strict=False)]


def targets(rounds: Rounds, checked: Mapping[str, Sequence[int]]) -> list[dict[str, Any]]:
    """Every target with what was found: met is True, False, or None when the interval does not decide."""
    made: list[dict[str, Any]] = []

    def target(
        id_: str,
        what: str,
        limit: Limit,
        goal: float,
        found: Estimate | None,
        verdict: bool | None = None,
        bound: Bound | None = None,
    ) -> None:
        said = {
            "id": id_,
            "what": what,
            "target": goal,
            "limit": limit.value,
            "value": None if found is None else found.value,
            "met": met(found, goal, limit) if verdict is None else verdict,
            "bound": bound,
            "stretch": id_.endswith("+"),
            "low": None if found is None else found.low,
            "high": None if found is None else found.high,
            "rounds": 0 if found is None else found.rounds,
        }
        made.append(said)

    def ratio(
        id_: str,
        what: str,
        limit: Limit,
        goal: float,
        ours: Sequence[float | None],
        theirs: Sequence[float | None],
    ) -> None:
        target(id_, what, limit, goal, estimate(ratios(ours, theirs)))

    def limits(id_: str, what: str, goal: float, measure: str, theirs: str, figure: str) -> None:
        """Of two limits that were looked for: where one was not found, their ratio is a bound alone."""
        ours, others = (of(measure, row, figure) for row in ("paired", theirs))
        caps = (capped(rounds, measure, row, figure) for row in ("paired", theirs))
        found, bound = bounded(ours, others, *caps)
        # Only the interval of what is certain decides; an end that no round knows is open.
        verdict = met(found, goal, least)
        target(id_, what, least, goal, found, verdict, bound)

    def of(measure: str, row: str, figure: str) -> list[float | None]:
        return series(rounds, measure, row, figure)

    most, least = Limit.MOST, Limit.LEAST
    p50, p99 = added(rounds, "paired", "p50_us"), added(rounds, "paired", "p99_us")
    ratio("p50", "64 streams: added p50 by nginx's", most, 1.0, p50, added(rounds, "nginx", "p50_us"))
    ratio("p99", "64 streams: added p99 by nginx's", most, 2.0, p99, added(rounds, "nginx", "p99_us"))
    ratio("p99 tee", "64 streams: added p99 by the tee's", most, 0.125, p99, added(rounds, "tee", "p99_us"))
    tls50, tls99 = (added(rounds, "paired-tls", figure) for figure in ("p50_us", "p99_us"))
    ratio(
        "tls p50",
        "TLS, added p50 by nginx's with TLS",
        most,
        1.0,
        tls50,
        added(rounds, "nginx-tls", "p50_us"),
    )
    ratio(
        "tls p99",
        "TLS, added p99 by nginx's with TLS",
        most,
        2.0,
        tls99,
        added(rounds, "nginx-tls", "p99_us"),
    )
    limits("streams tee", "streams held at p99 10 ms by the tee's", 8, "held", "tee", "streams")
    limits("streams", "streams held at p99 10 ms by nginx's", 2, "held", "nginx", "streams")
    nginx, paired = of("rate", "nginx", "rps"), of("rate", "paired", "rps")
    ratio(
        "observed", "rate with all observed by nginx's most", least, 1, of("rate", "observed", "rps"), nginx
    )
    ratio("paired", "rate with all paired by nginx's most", least, 0.4, paired, nginx)
    ratio("paired+", "the same, stretched", least, 0.8, paired, nginx)
    ratio("paired tee", "rate with all paired by the tee's", least, 8, paired, of("rate", "tee", "rps"))
    cpu = of("cost", "paired", "cpu_us")
    ratio("cpu", "CPU per call by nginx's", most, 2.0, cpu, of("cost", "nginx", "cpu_us"))
    ratio("cpu+", "the same, stretched", most, 1.6, cpu, of("cost", "nginx", "cpu_us"))
    ratio(
        "cpu envoy",
        "CPU per call by mirroring Envoy's",
        most,
        0.75,
        cpu,
        of("cost", "envoy-mirror", "cpu_us"),
    )
    ratio(
        "tls cpu",
        "TLS, CPU per call by nginx's with TLS",
        most,
        2.0,
        of("cost", "paired-tls", "cpu_us"),
        of("cost", "nginx-tls", "cpu_us"),
    )
    ratio(
        "hung",
        "64 streams: p99 with the shadow hung by p99 with the mirror off",
        most,
        1.1,
        of("hung", "paired", "p99_us"),
        of("hung", "observed", "p99_us"),
    )
    kept = [value / 1024 for value in of("memory", "paired", "bytes") if value is not None]
    target("memory", "KiB resident per idle stream", most, 4.0, estimate(kept))
    own, raw = (
        [value for row in RELAYS for value in of("latency", row, figure) if value is not None]
        for figure in ("own_ms", "lag_ms")
    )
    worst = Estimate(max(own), None, None, len(own)) if own else None
    verdict = None if worst is None else worst.value <= PAUSE_MS
    late = f"; whoever's, {max(raw):.3g}" if raw else ""
    what = f"longest pause of a relay's loop, ms, in which it ran itself{late}"
    target("pause", what, most, PAUSE_MS, worst, verdict)
    tallies = [checked.get(row, (0, 0)) for row in (*RELAYS, "paired-finite", "paired-control")]
    wrong, count = sum(tally[1] for tally in tallies), sum(tally[0] for tally in tallies)
    what = f"of {count:,} calls and streams, those whose bytes differed"
    target("bytes", what, most, 0, Estimate(wrong, None, None, 1), wrong == 0 and count > 0)
    return made
