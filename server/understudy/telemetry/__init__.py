"""Names of every metric there is, and their way from one frozen `Reading` to Prometheus.

Counts are kept by other processes and arrive as cumulative ledgers, so instruments are observable: at each
scrape they read the latest `Reading`, which the controller replaces whole once a second. Only leg latency, a
histogram, is recorded pair by pair. The OpenTelemetry API is all this needs; `set_up` alone, which the
composition root calls, loads the SDK. `docs/metrics.md` is `table()` and a test holds it to that.
"""

from understudy.telemetry.catalogue import MAX_CELLS, MAX_VALUES, OTHER, Instrument, Kind, catalogue, table
from understudy.telemetry.export import LATENCY_BUCKETS, Exporter, Prometheus, Telemetry, set_up
from understudy.telemetry.reading import VERDICTS, CellReading, EngineReading, Reading

__all__ = [
    "LATENCY_BUCKETS",
    "MAX_CELLS",
    "MAX_VALUES",
    "OTHER",
    "VERDICTS",
    "CellReading",
    "EngineReading",
    "Exporter",
    "Instrument",
    "Kind",
    "Prometheus",
    "Reading",
    "Telemetry",
    "catalogue",
    "set_up",
    "table",
]
