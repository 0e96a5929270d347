"""What is measured on which rows, how often, and about how long that takes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench import measure
from bench.field import Field
from bench.measure import Figures, Limits, Plan

PEERS = ("nginx", "haproxy", "nghttpx", "envoy", "envoy-mirror", "tee")
OURS = ("relay", "observed", "paired")
TLS = ("nginx-tls", "paired-tls")
ENDED = 0.5
"""Seconds of start and end of the load generator, for the estimate of time alone."""
PROBES = 5
"""Of a search that begins where the last one ended."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One column's measurement."""

    name: str
    title: str
    rows: tuple[str, ...]
    rounds: int
    seconds: float
    """About how long one takes."""
    take: Callable[[Field, Any, Plan], Figures]
    fresh: bool = False
    """Starts and ends the row itself."""


def measures(plan: Plan, quick: bool) -> list[Measure]:
    """In order: memory first, while nothing has been allocated."""
    limits = Limits()
    probes = PROBES * (plan.probe_s + 1.2)
    streams = ("direct", *PEERS, *OURS)
    return [
        Measure(
            "memory",
            "memory per idle stream",
            ("nginx", "paired") if quick else ("nginx", "envoy", "tee", "paired"),
            plan.restarts,
            5,
            measure.memory,
            fresh=True,
        ),
        Measure(
            "latency",
            "64 streams at 20 ms",
            (*streams, *TLS),
            plan.rounds,
            plan.latency_s + ENDED,
            measure.latency,
        ),
        Measure(
            "hung",
            "64 streams, the shadow hung",
            ("observed", "paired"),
            plan.searches,
            plan.latency_s + 2,
            measure.hung,
        ),
        Measure(
            "most",
            "most unary calls",
            ("direct", *PEERS, "relay"),
            plan.looks,
            plan.most_s + ENDED,
            measure.most,
        ),
        Measure(
            "cost",
            "CPU at 1,000 calls a second",
            (*(() if quick else ("envoy",)), "nginx", "envoy-mirror", "tee", "observed", "paired", *TLS),
            plan.rounds,
            plan.cost_s + ENDED,
            measure.cost,
        ),
        Measure(
            "rate",
            "highest rate with nothing shed, beside nginx's most",
            ("nginx", "tee", "observed", "paired"),
            plan.searches,
            probes * 3 / 4 + plan.most_s / 4,
            limits.rate,
        ),
        Measure(
            "held",
            "streams held at p99 10 ms",
            (*(() if quick else ("direct",)), "nginx", "tee", "paired"),
            plan.searches,
            probes * 3 / 4,
            limits.held,
        ),
        Measure(
            "unpaced",
            "streams without a pace",
            tuple(name for name in streams if name != "envoy-mirror"),
            plan.looks,
            plan.unpaced_s * 4 + 2 * ENDED,
            measure.unpaced,
        ),
        Measure(
            "varied",
            "unary calls with varying headers",
            ("nginx", "relay", "observed", *(() if quick else ("paired",))),
            plan.looks,
            probes / 2 + plan.most_s / 2,
            limits.varied,
        ),
        Measure(
            "scarce",
            "an engine of finite capacity, control replies off and on",
            ("direct-finite", "paired-finite", "paired-control"),
            plan.restarts,
            plan.scarce_s + ENDED,
            measure.scarce,
        ),
    ]
