"""Requests as Envoy's external-processing filter copies them: for fleets that run Envoy and need no relay."""

from understudy.ingest.settings import Settings

__all__ = ["Settings"]
