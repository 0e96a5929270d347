"""Instruments on a meter, and the Prometheus exporter behind them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from understudy.telemetry.catalogue import LATENCY, READ, Kind, Point
from understudy.telemetry.reading import Reading

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import MeterProvider
    from prometheus_client import CollectorRegistry

LATENCY_BUCKETS = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
)
"""Seconds. OpenTelemetry's default stops at 10 s; a long generation takes minutes."""


class Telemetry:
    """The instruments on one meter. Replace `reading` whole; call `observe_leg` once per reply."""

    def __init__(self, meter: Meter) -> None:
        self.reading = Reading()
        for item in READ:
            assert item.read is not None
            callback = self._callback(item.read)
            if item.kind is Kind.COUNTER:
                meter.create_observable_counter(item.base, [callback], description=item.doc)
            else:
                meter.create_observable_gauge(item.base, [callback], description=item.doc)
        self._latency = meter.create_histogram(
            LATENCY.base, description=LATENCY.doc, explicit_bucket_boundaries_advisory=LATENCY_BUCKETS
        )

    def observe_leg(self, leg: str, seconds: float) -> None:
        """Count one reply's duration."""
        self._latency.record(seconds, {"leg": leg})

    def _callback(
        self, read: Callable[[Reading], Iterable[Point]]
    ) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            return [Observation(value, labels) for value, labels in read(self.reading)]

        return observe


class Exporter(Protocol):
    """What serves `/metrics`."""

    def __call__(self) -> tuple[bytes, str]:
        """Return the exposition and its content type."""
        ...


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A set-up exporter: call it to render, `shutdown` it at the end."""

    telemetry: Telemetry
    registry: "CollectorRegistry"
    provider: "MeterProvider"

    def __call__(self) -> tuple[bytes, str]:
        """Render the classic text format."""
        from prometheus_client import generate_latest
        from prometheus_client.exposition import CONTENT_TYPE_LATEST

        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def shutdown(self) -> None:
        """Give the provider back."""
        self.provider.shutdown()


def set_up() -> Prometheus:
    """Build meter provider, Prometheus exporter and instruments; for the composition root only."""
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.sdk.metrics import MeterProvider, ObservableGauge
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry(auto_describe=False)
    reader = PrometheusMetricReader(
        disable_target_info=True,
        scope_info_enabled=False,
        registry=registry,
        # The SDK counts every label set there ever was and folds those beyond 2,000 into one; ours are bounded
        # at each reading, but lanes come and go.
        cardinality_limits={ObservableGauge: 1_000_000},
    )
    provider = MeterProvider([reader], shutdown_on_exit=False)
    return Prometheus(Telemetry(provider.get_meter("understudy")), registry, provider)
