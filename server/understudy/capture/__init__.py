"""Durable pairs: Parquet through polars, redacted before anything reaches disk, kept by age and size."""

from understudy.capture.parquet import ParquetCapture, Settings, State, Status
from understudy.capture.reader import captured, read
from understudy.capture.redact import Kind, Redaction
from understudy.capture.retention import Part, expired
from understudy.capture.row import WITHHELD

__all__ = [
    "WITHHELD",
    "Kind",
    "ParquetCapture",
    "Part",
    "Redaction",
    "Settings",
    "State",
    "Status",
    "captured",
    "expired",
    "read",
]
