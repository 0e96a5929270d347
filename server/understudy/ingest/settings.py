"""Ingest's config section."""

from dataclasses import dataclass

from understudy.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Settings:
    """The `ingest` section; without it nothing listens for Envoy."""

    listen: str = "127.0.0.1:8005"
    """Where Envoy's ext_proc filter connects: host:port or unix:PATH. Who can connect can invent requests."""
    baseline: str = "baseline"
    """Name of the Envoy cluster that is the baseline."""
    candidate: str = "candidate"
    """Name of the Envoy cluster that is the candidate."""
    max_streams: int = 4096
    """Calls observed at once; further ones are served by Envoy, not observed, and counted."""
    max_bytes: int = 256 * 1024 * 1024
    """Most bytes of unfinished messages and metadata held for each engine."""
    max_lag_s: float = 0.5
    """How far the observer may be behind, for longer than a moment, before it observes no new call, seconds."""

    def __post_init__(self) -> None:
        for name in ("max_streams", "max_bytes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"ingest.{name}: {getattr(self, name)} is below 1: give a count")
        if not self.max_lag_s > 0:
            raise ConfigError(f"ingest.max_lag_s: {self.max_lag_s} is not above 0: give seconds")
        if not self.baseline or not self.candidate or self.baseline == self.candidate:
            raise ConfigError(
                "ingest: baseline and candidate must be two cluster names: write those of envoy.yaml"
            )
