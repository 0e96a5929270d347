"""Every metric: its name, its labels, and how it is read from a `Reading`."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from understudy.telemetry.reading import VERDICTS, CellReading, Counts, Reading

PREFIX = "understudy_"
MAX_CELLS = 2000
"""Cells exported; those in breach come first, and what is left out is counted in `understudy_cells_hidden`."""
MAX_VALUES = 200
"""Distinct values of any other label; the rest is summed under `_OTHER` (counters) or left out (gauges)."""
OTHER = "_OTHER"


class Kind(StrEnum):
    """Prometheus type."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


Point = tuple[float, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Instrument:
    """One metric of the catalogue."""

    name: str
    """As exported, prefix and suffix included."""
    kind: Kind
    labels: tuple[str, ...]
    doc: str
    read: Callable[[Reading], Iterable[Point]] | None = None
    """None: recorded directly (leg latency)."""

    @property
    def base(self) -> str:
        """The name to create the instrument with: Prometheus adds `_total` to counters."""
        return self.name.removesuffix("_total") if self.kind is Kind.COUNTER else self.name


def _one(get: Callable[[Reading], float | None]) -> Callable[[Reading], Iterable[Point]]:
    def read(reading: Reading) -> Iterator[Point]:
        value = get(reading)
        if value is not None:
            yield float(value), {}

    return read


def _by(
    label: str, get: Callable[[Reading], Counts], *, summed: bool = True
) -> Callable[[Reading], Iterable[Point]]:
    def read(reading: Reading) -> Iterator[Point]:
        values = sorted(get(reading).items(), key=lambda item: -item[1])
        for key, value in values[:MAX_VALUES]:
            yield value, {label: key}
        if summed and len(values) > MAX_VALUES:
            yield sum(value for _, value in values[MAX_VALUES:]), {label: OTHER}

    return read


def _shed(reading: Reading) -> Iterator[Point]:
    for (stage, reason), value in sorted(reading.shed.items())[:MAX_VALUES]:
        yield value, {"stage": stage, "reason": reason}


def _scores(reading: Reading) -> Iterator[Point]:
    for (analyzer, metric, result), value in sorted(reading.scores.items())[:MAX_VALUES]:
        yield value, {"analyzer": analyzer, "metric": metric, "result": result}


def _events(reading: Reading) -> Iterator[Point]:
    for (path, event), value in sorted(reading.path_events.items())[:MAX_VALUES]:
        yield value, {"path": path, "event": event}


def _shown(reading: Reading) -> list[CellReading]:
    # The cells an alert may be about must not fall to the limit.
    order = {name: place for place, name in enumerate(("BREACH", "INSTRUMENT_FAULT"))}
    ranked = sorted(
        reading.cells, key=lambda c: (order.get(c.verdict, 2), -c.evidence_ratio, c.slice, c.metric, c.lane)
    )
    return ranked[:MAX_CELLS]


def _cell(get: Callable[[CellReading], float]) -> Callable[[Reading], Iterable[Point]]:
    def read(reading: Reading) -> Iterator[Point]:
        for cell in _shown(reading):
            yield get(cell), {"slice": cell.slice, "metric": cell.metric, "lane": cell.lane}

    return read


def _verdicts(reading: Reading) -> Iterator[Point]:
    for cell in _shown(reading):
        for state in VERDICTS:
            yield (
                float(cell.verdict == state),
                {"slice": cell.slice, "metric": cell.metric, "lane": cell.lane, "state": state},
            )


def _primary(reading: Reading) -> Iterator[Point]:
    if reading.primary:
        for leg in ("baseline", "candidate"):
            yield float(reading.primary == leg), {"leg": leg}


def _build(reading: Reading) -> Iterator[Point]:
    if reading.version:
        yield 1.0, {"version": reading.version}


def _engines(reading: Reading) -> Iterator[Point]:
    for leg, engine in sorted(reading.engines.items()):
        yield (
            1.0,
            {
                "leg": leg,
                "fingerprint": engine.fingerprint,
                "model": engine.model,
                "quantization": engine.quantization,
                "runtime": engine.runtime,
            },
        )


_CELL = ("slice", "metric", "lane")
_C, _G = Kind.COUNTER, Kind.GAUGE
LATENCY = Instrument(
    PREFIX + "leg_latency_seconds",
    Kind.HISTOGRAM,
    ("leg",),
    "Time from sending a request on a leg to the end of its reply.",
)

READ: tuple[Instrument, ...] = tuple(
    Instrument(PREFIX + name, kind, labels, doc, read)
    for name, kind, labels, doc, read in (
        ("requests_total", _C, (), "Requests seen by the observers.", _one(lambda r: r.requests)),
        (
            "eligible_total",
            _C,
            (),
            "Requests due for mirroring: paired + shed + failed + lost + in flight, exactly.",
            _one(lambda r: r.eligible),
        ),
        ("pairs_total", _C, (), "Requests that became a pair.", _one(lambda r: r.paired)),
        ("in_flight", _G, (), "Eligible requests not resolved yet.", _one(lambda r: r.in_flight)),
        (
            "shed_total",
            _C,
            ("stage", "reason"),
            "Eligible requests or pairs given up on purpose to stay within a bound.",
            _shed,
        ),
        ("failed_total", _C, ("reason",), "No pair could be formed.", _by("reason", lambda r: r.failed)),
        ("lost_total", _C, ("reason",), "Nobody knows what became of it.", _by("reason", lambda r: r.lost)),
        (
            "skipped_total",
            _C,
            ("reason",),
            "Requests not eligible: method not opted in, not sampled, opted out, with effects, mirror off.",
            _by("reason", lambda r: r.skipped),
        ),
        (
            "unobserved_total",
            _C,
            ("reason",),
            "Streams or connections that could not be followed; [wire.md](wire.md) lists the reasons, and Envoy adds "
            "`unrouted` (a cluster that is neither engine's) and `shadow` (a call that says it is ours).",
            _by("reason", lambda r: r.unobserved),
        ),
        (
            "unscored_total",
            _C,
            ("reason",),
            "Leg values an analyzer could not give.",
            _by("reason", lambda r: r.unscored),
        ),
        ("late_total", _C, (), "Results that came after their tick was closed.", _one(lambda r: r.late)),
        (
            "leg_errors_total",
            _C,
            ("leg",),
            "Replies of an engine that were errors.",
            _by("leg", lambda r: r.leg_errors),
        ),
        (
            "observer_lag_seconds",
            _G,
            (),
            "Between a byte passing the relay and its parsing.",
            _one(lambda r: r.observer_lag_s),
        ),
        (
            "relay_loop_lag_seconds",
            _G,
            (),
            "How late the relay's event loop ran a timer.",
            _one(lambda r: r.relay_loop_lag_s),
        ),
        ("connections", _G, (), "Open connections of callers.", _one(lambda r: r.connections)),
        (
            "blind_connections",
            _G,
            (),
            "Of these, those that are served and that the observer cannot follow any more.",
            _one(lambda r: r.blind_connections),
        ),
        (
            "path_events_total",
            _C,
            ("path", "event"),
            "What happened to callers' connections and calls in the `relay` or in `compat` mode: `accepted`, `refused` "
            "(too many, or too much held), `handshake_*` (by reason; `tls`: TLS to a plain port), `silent` (did not "
            "say what it speaks), `opaque` (no HTTP/2, passed on), `idle`, `aged`, `renewed` (told to go), `resets`, "
            "`cut` (ended by us before the caller had read everything), `elided_streams`, "
            "`elided` (payloads left out of the copy), `blind` (not copied to their end), `ended_idle` and `truncated` "
            "(streams ended by a switch), `calls`.",
            _events,
        ),
        (
            "upstream_failures_total",
            _C,
            ("leg",),
            "Attempts to reach an engine for a caller that failed; another replica may have served that caller.",
            _by("leg", lambda r: r.upstream_failures),
        ),
        (
            "callers_unreached_total",
            _C,
            ("leg",),
            "Callers who got an error because no replica of the engine could be reached.",
            _by("leg", lambda r: r.callers_unreached),
        ),
        (
            "watermark_age_seconds",
            _G,
            (),
            "Age of the oldest request that is not resolved.",
            _one(lambda r: r.watermark_age_s),
        ),
        (
            "queue_items",
            _G,
            ("queue",),
            "Items waiting.",
            _by("queue", lambda r: r.queue_items, summed=False),
        ),
        (
            "queue_bytes",
            _G,
            ("queue",),
            "Bytes waiting.",
            _by("queue", lambda r: r.queue_bytes, summed=False),
        ),
        ("verdict", _G, (*_CELL, "state"), "1 for the state a cell is in, else 0.", _verdicts),
        (
            "effect",
            _G,
            _CELL,
            "Mean paired difference since the lane's start; positive = the candidate is worse.",
            _cell(lambda c: c.effect),
        ),
        (
            "evidence_ratio",
            _G,
            _CELL,
            "Evidence of a breach over its threshold: 1 = breach.",
            _cell(lambda c: c.evidence_ratio),
        ),
        (
            "coverage_ratio",
            _G,
            _CELL,
            "Share of a cell's pairs that were scored.",
            _cell(lambda c: c.coverage),
        ),
        ("votes", _G, _CELL, "Votes counted since the lane's start.", _cell(lambda c: c.votes)),
        (
            "cells_hidden",
            _G,
            (),
            "Cells left out of this export by its limit.",
            _one(lambda r: max(0, len(r.cells) - MAX_CELLS)),
        ),
        (
            "alerts_firing",
            _G,
            ("alertname",),
            "Alerts firing now.",
            _by("alertname", lambda r: r.alerts_firing, summed=False),
        ),
        ("primary", _G, ("leg",), "1 for the engine that serves the callers, else 0.", _primary),
        ("latch", _G, (), "1 after a rollback, until `understudy rearm`.", _one(lambda r: r.latched)),
        ("mirror_on", _G, (), "0 when the kill switch is thrown.", _one(lambda r: r.mirror_on)),
        ("build_info", _G, ("version",), "1.", _build),
        (
            "engine_info",
            _G,
            ("leg", "fingerprint", "model", "quantization", "runtime"),
            "1; who answers on each leg.",
            _engines,
        ),
        (
            "analyzer_seconds_total",
            _C,
            ("analyzer",),
            "Time analyzers spent scoring.",
            _by("analyzer", lambda r: r.analyzer_seconds),
        ),
        (
            "scores_total",
            _C,
            ("analyzer", "metric", "result"),
            "Scores by analyzers, one per pair and metric that applies: `scored`, or `unscored` on some leg.",
            _scores,
        ),
        (
            "notify_failures_total",
            _C,
            ("notifier",),
            "Messages given up after all attempts.",
            _by("notifier", lambda r: r.notify_failures),
        ),
        (
            "notify_dropped_total",
            _C,
            ("notifier",),
            "Alerts and signals pushed out of a full queue.",
            _by("notifier", lambda r: r.notify_dropped),
        ),
        ("capture_bytes", _G, (), "Bytes captured on disk now.", _one(lambda r: r.capture_bytes)),
        ("capture_pairs_total", _C, (), "Pairs captured.", _one(lambda r: r.capture_pairs)),
        (
            "capture_dropped_total",
            _C,
            ("reason",),
            "Pairs that were to be captured and were not: `queue_full`, `disk`, or `defect` (see the log).",
            _by("reason", lambda r: r.capture_dropped),
        ),
    )
)


def catalogue() -> tuple[Instrument, ...]:
    """Every metric that `/metrics` may export."""
    return (*READ, LATENCY)


def table() -> str:
    """Return the catalogue as a Markdown table: the body of `docs/metrics.md`."""
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for item in sorted(catalogue(), key=lambda i: i.name):
        labels = ", ".join(f"`{label}`" for label in item.labels) or "-"
        rows.append(f"| `{item.name}` | {item.kind} | {labels} | {item.doc} |")
    return "\n".join(rows) + "\n"
