"""Logging, set up once per process: one JSON line per event on standard error."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog


def _plain(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Without uvicorn's second copy of its message, for terminals."""
    event.pop("color_message", None)
    return event


def configure(process: str, level: int = logging.INFO) -> None:
    """Send every logger's records to standard error as JSON: ts, level, msg, process, and what extra says."""
    structlog.configure(logger_factory=structlog.stdlib.LoggerFactory())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", key="ts"),
                structlog.processors.format_exc_info,
                lambda _logger, _name, event: {**event, "process": process},
                _plain,
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.EventRenamer("msg"),
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "hpack", "grpc", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
